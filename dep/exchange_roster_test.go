package dep_test

import (
	"context"
	"encoding/base64"
	"iter"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/internal/exchange"
)

// The certificates of the exchange that defines a profile.
const (
	hostCertificate = "MIIBbTCCARKgAwIBAgIBETAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlkZW1vIGhvc3QwIBcNMjYxMTIzMDQyMjQ5WhgP" +
		"MjEyNjEwMzAwNDIyNDlaMBQxEjAQBgNVBAMMCWRlbW8gaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPz0ZOH3" +
		"wAGeTihVdMi+sC8hCSwWMfUTvn90BDsq1BM/RmY/ZKf/e4DkQy2BVrgPBb0lNywhDAWbRhzO31WPpJqjUzBRMB0GA1Ud" +
		"DgQWBBQM9LDHdvIQ/mdCIl60KGAld3EhzzAfBgNVHSMEGDAWgBQM9LDHdvIQ/mdCIl60KGAld3EhzzAPBgNVHRMBAf8E" +
		"BTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCX4KD4AyYDJi9oKrr399xyjUWfC6ezmmhZ2Xqo0QA6QwIhAMcU3rnpqH7v" +
		"H3kZGSst5ypIIvRpUvjXma7ZUGzLSyCj"
	anchorCertificate = "MIIBbzCCARagAwIBAgIBETAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtkZW1vIGFuY2hvcjAgFw0yNjExMjMwNDIyNDla" +
		"GA8yMTI2MTAzMDA0MjI0OVowFjEUMBIGA1UEAwwLZGVtbyBhbmNob3IwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATI" +
		"N3EK/WqfrGlxzQRRYOAtEZIHzWtzGraOdK6xewda53ru+gXZqb+24Ym7R5pP8fbP/nmftpLKYmI0wUKAH+BBo1MwUTAd" +
		"BgNVHQ4EFgQUkPCOMPWPRDiY38KC6bPQfaGewSYwHwYDVR0jBBgwFoAUkPCOMPWPRDiY38KC6bPQfaGewSYwDwYDVR0T" +
		"AQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBKLGnCpVML1O1CpUwCXW23U6hBebfBiZTutzHEU/kvDQIgNFhKOdoQ" +
		"0DW3xxrqMYX6IZC76JcX268r/9B4Bt6JzgE="
)

func demoCertificate(text string) []byte {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return der
}

// rosterCalls are the two calls for one kind of entry, and what they are expected to return.
type rosterCalls[T any] struct {
	file    string
	list    func(*dep.Client, context.Context) iter.Seq2[T, error]
	changes func(*dep.Client, context.Context, dep.Cursor) iter.Seq2[*dep.Page[T], error]

	entries []T    // of "every member"
	cursor  string // of "changes"
	changed T
}

// replays returns the exchanges that every kind of entry has. Pages are asked for with 1000 entries,
// or with what the account publishes.
func (r rosterCalls[T]) replays() []replay {
	thousand := func(o *dep.Options) { o.PageSize = 1000 }
	changes := func(ctx context.Context, c *dep.Client) (any, error) {
		return exchange.Values(r.changes(c, ctx, dep.Cursor{Value: "636c61737331", Phase: dep.PhaseSync}))
	}
	return []replay{
		{exchange: r.file + "/every member", options: thousand, want: r.entries,
			call: func(ctx context.Context, c *dep.Client) (any, error) { return exchange.Collect(r.list(c, ctx)) }},
		{exchange: r.file + "/changes", options: thousand, call: changes, want: []dep.Page[T]{{
			Phase: dep.PhaseSync, Cursor: dep.Cursor{Value: r.cursor, Phase: dep.PhaseSync}, Items: []T{r.changed},
		}}},
		{exchange: r.file + "/changes, expired cursor", options: thousand, call: changes, want: []dep.Page[T]{},
			refusal: &wireError{status: 403, code: "ACCESS_DENIED", is: dep.ErrAccessDenied}},
	}
}

func rosterReplays() []replay {
	replays := rosterCalls[dep.RosterClass]{
		file: "roster-class", list: (*dep.Client).Classes, changes: (*dep.Client).ClassChanges,
		entries: []dep.RosterClass{{
			UniqueIdentifier: "cl-1", Name: "Biology 4B", DisplayName: "Bio", IconIdentifier: "leaf", ClassNumber: "B4", Room: "12",
			Course:                      dep.RosterRef{Name: "Biology", UniqueIdentifier: "co-1", Unknown: unknown("level", `4`)},
			Location:                    dep.RosterRef{Name: "North School", UniqueIdentifier: "lo-1"},
			InstructorUniqueIdentifiers: []string{"pe-1"}, StudentUniqueIdentifiers: []string{"pe-2", "pe-3"},
			Source: dep.SourceSIS, SourceSystemIdentifier: "sis-cl-1", Status: "Active", OpDate: "2026-02-01T08:00:00Z",
			Unknown: unknown("shift", `2`),
		}, {UniqueIdentifier: "cl-2"}},
		cursor: "636c61737332", changed: dep.RosterClass{UniqueIdentifier: "cl-1", Status: "Inactive", OpDate: "2026-02-02T08:00:00Z"},
	}.replays()
	replays = append(replays, rosterCalls[dep.RosterPerson]{
		file: "roster-person", list: (*dep.Client).Persons, changes: (*dep.Client).PersonChanges,
		entries: []dep.RosterPerson{{
			UniqueIdentifier: "pe-2", Name: "Ada B. Demo", FirstName: "Ada", MiddleName: "B.", LastName: "Demo",
			ManagedAppleID: "ada@appleid.example.org", EmailAddress: "ada@example.org", SISUsername: "adab", PersonID: "4712",
			Grade: "7", PasscodeType: "four", IsFederatedAuth: true, Source: dep.SourceCSV, SourceSystemIdentifier: "sis-pe-2",
			Status: "InActive", OpDate: "2026-02-01T08:00:00Z", Unknown: unknown("house", `"red"`),
		}, {UniqueIdentifier: "pe-1", PasscodeType: "twelve"}},
		cursor: "706572736f6f", changed: dep.RosterPerson{UniqueIdentifier: "pe-2", Status: "AtoLocked", OpDate: "2026-02-02T08:00:00Z"},
	}.replays()...)
	replays = append(replays, rosterCalls[dep.RosterLocation]{
		file: "roster-location", list: (*dep.Client).Locations, changes: (*dep.Client).LocationChanges,
		entries: []dep.RosterLocation{{
			UniqueIdentifier: "lo-1", Name: "North School", Source: dep.SourceSFTP, SourceSystemIdentifier: "sis-lo-1",
			Status: "Active", OpDate: "2026-02-01T08:00:00Z", Unknown: unknown("city", `"Cork"`),
		}},
		cursor: "6c6f64", changed: dep.RosterLocation{UniqueIdentifier: "lo-1", Status: "Inactive", OpDate: "2026-02-02T08:00:00Z"},
	}.replays()...)
	replays = append(replays, rosterCalls[dep.RosterCourse]{
		file: "roster-course", list: (*dep.Client).Courses, changes: (*dep.Client).CourseChanges,
		entries: []dep.RosterCourse{{
			UniqueIdentifier: "co-1", Name: "Biology", CourseNumber: "BIO-4", Source: dep.SourceFormulaGenerated,
			SourceSystemIdentifier: "sis-co-1", Status: "Active", OpDate: "2026-02-01T08:00:00Z", Unknown: unknown("credits", `3`),
		}, {UniqueIdentifier: "co-2"}},
		cursor: "636f76", changed: dep.RosterCourse{UniqueIdentifier: "co-1", Status: "Inactive", OpDate: "2026-02-02T08:00:00Z"},
	}.replays()...)
	at := func(value string) dep.Cursor {
		return dep.Cursor{Value: value, Phase: dep.PhaseSync, Started: bubbleEpoch}
	}
	return append(replays, replay{
		exchange: "roster-course/the path that the account publishes", options: func(o *dep.Options) { o.PageSize = 1000 },
		call: func(ctx context.Context, c *dep.Client) (any, error) {
			return exchange.Values(c.CourseChanges(ctx, dep.Cursor{}))
		},
		want: []dep.Page[dep.RosterCourse]{
			{Cursor: at("636f75"), Begins: true, Completes: true, Items: []dep.RosterCourse{{UniqueIdentifier: "co-1"}}},
			{Cursor: at("636f76"), Phase: dep.PhaseSync},
		},
	})
}
