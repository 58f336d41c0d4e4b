package dep_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
	"github.com/applemdm/applemdm/internal/cassette/proof"
	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/internal/faultmatrix"
)

// recordWorld is what the recorded calls are about: first what is true, then what the recording says.
type recordWorld struct {
	Serials                                 []string
	Replacement, Stranger, Profile, Message string
	URL                                     string
	Definition                              *dep.Profile
}

// shown is w as the recording tells it.
func (w recordWorld) shown(t *testing.T, standIn func(string) string) recordWorld {
	t.Helper()
	var out recordWorld
	for _, serial := range w.Serials {
		out.Serials = append(out.Serials, standIn(serial))
	}
	out.Replacement, out.Stranger, out.Profile = standIn(w.Replacement), standIn(w.Stranger), standIn(w.Profile)
	out.Message, out.URL = standIn(w.Message), standIn(w.URL)
	d := *w.Definition
	d.ProfileName, d.URL, d.Devices = standIn(d.ProfileName), standIn(d.URL), out.Serials
	d.SupportPhoneNumber, d.SupportEmailAddress = standIn(d.SupportPhoneNumber), standIn(d.SupportEmailAddress)
	d.Department = standIn(d.Department)
	out.Definition = &d
	return out
}

// recordedCalls has every method of Client that makes requests; the names are those of everyCall.
var recordedCalls = []struct {
	name string
	call func(ctx context.Context, c *dep.Client, w recordWorld) (any, error)
}{
	{"Account", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) { return c.Account(ctx) }},
	{"Devices", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) {
		return exchange.Collect(c.Devices(ctx))
	}},
	{"Changes", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) {
		return exchange.Values(c.Changes(ctx, dep.Cursor{}))
	}},
	{"DeviceDetails", func(ctx context.Context, c *dep.Client, w recordWorld) (any, error) {
		return c.DeviceDetails(ctx, append(w.Serials, w.Stranger))
	}},
	{"ReplacementDetails", func(ctx context.Context, c *dep.Client, w recordWorld) (any, error) {
		return c.ReplacementDetails(ctx, w.Replacement)
	}},
	{"BetaTokens", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) { return c.BetaTokens(ctx) }},
	{"DefineProfile", func(ctx context.Context, c *dep.Client, w recordWorld) (any, error) {
		return c.DefineProfile(ctx, w.Definition)
	}},
	{"Profile", func(ctx context.Context, c *dep.Client, w recordWorld) (any, error) { return c.Profile(ctx, w.Profile) }},
	{"AssignProfile", func(ctx context.Context, c *dep.Client, w recordWorld) (any, error) {
		return c.AssignProfile(ctx, w.Profile, append(w.Serials, w.Stranger))
	}},
	{"RemoveProfile", func(ctx context.Context, c *dep.Client, w recordWorld) (any, error) {
		return c.RemoveProfile(ctx, w.Serials)
	}},
	{"SetDiscoveryURL", func(ctx context.Context, c *dep.Client, w recordWorld) (any, error) {
		return nil, c.SetDiscoveryURL(ctx, w.URL)
	}},
	{"DiscoveryURL", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) { return c.DiscoveryURL(ctx) }},
	{"RemoveDiscoveryURL", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) {
		return nil, c.RemoveDiscoveryURL(ctx)
	}},
	{"Classes", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) {
		return exchange.Collect(c.Classes(ctx))
	}},
	{"ClassChanges", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) {
		return exchange.Values(c.ClassChanges(ctx, dep.Cursor{}))
	}},
	{"Persons", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) {
		return exchange.Collect(c.Persons(ctx))
	}},
	{"PersonChanges", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) {
		return exchange.Values(c.PersonChanges(ctx, dep.Cursor{}))
	}},
	{"Courses", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) {
		return exchange.Collect(c.Courses(ctx))
	}},
	{"CourseChanges", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) {
		return exchange.Values(c.CourseChanges(ctx, dep.Cursor{}))
	}},
	{"Locations", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) {
		return exchange.Collect(c.Locations(ctx))
	}},
	{"LocationChanges", func(ctx context.Context, c *dep.Client, _ recordWorld) (any, error) {
		return exchange.Values(c.LocationChanges(ctx, dep.Cursor{}))
	}},
	{"LockActivation", func(ctx context.Context, c *dep.Client, w recordWorld) (any, error) {
		return c.LockActivation(ctx, dep.LockRequest{SerialNumber: w.Serials[0], BypassCode: demoBypassCode(), LostMessage: w.Message})
	}},
	{"Disown", func(ctx context.Context, c *dep.Client, w recordWorld) (any, error) { return c.Disown(ctx, w.Serials) }},
}

func TestEveryCallIsRecorded(t *testing.T) {
	var every, recorded []string
	for _, call := range everyCall {
		every = append(every, call.name)
	}
	for _, call := range recordedCalls {
		recorded = append(recorded, call.name)
	}
	slices.Sort(every)
	slices.Sort(recorded)
	if diff := cmp.Diff(every, recorded); diff != "" {
		t.Errorf("(-every +recorded):\n%s", diff)
	}
}

// newRecordOrg is a school with something of everything that must not show.
func newRecordOrg(t *testing.T) (*org, recordWorld) {
	t.Helper()
	o := newOrg(t, &deptest.Options{Account: deptest.Account{
		ServerName: "Springfield MDM", AdminID: "principal@springfield.example.edu", OrgType: "edu", OrgName: "Springfield High",
		OrgEmail: "office@springfield.example.edu", OrgPhone: "+1 555 0142", OrgAddress: "1 Evergreen Way, Springfield", OrgID: "47110815",
	}}, nil)
	serials := o.AddRandomDevices(12)
	o.AddSerials("C02OLD7ZQ1XX")
	o.ReplaceDevice("C02OLD7ZQ1XX", "C02NEW8ZQ2YY")
	ref := deptest.RosterRef{Name: "Biology Basics", UniqueIdentifier: "course-77123"}
	o.AddCourses(deptest.Course{UniqueIdentifier: "course-77123", Name: "Biology Basics", CourseNumber: "BIO-4711", SourceSystemIdentifier: "sis-course-1"})
	o.AddLocations(deptest.Location{UniqueIdentifier: "location-88123", Name: "North Building", SourceSystemIdentifier: "sis-location-1"})
	o.AddPersons(deptest.Person{
		UniqueIdentifier: "person-99123", Name: "Ada B. Springer", FirstName: "Adaline", MiddleName: "Byrony", LastName: "Springer",
		ManagedAppleID: "ada@appleid.springfield.example.edu", EmailAddress: "ada@springfield.example.edu", SISUsername: "springera",
		PersonID: "0815-4711", Grade: "seventh", PasscodeType: "four", Source: "SIS", SourceSystemIdentifier: "sis-person-1",
	})
	o.AddClasses(deptest.Class{
		UniqueIdentifier: "class-66123", Name: "Biology 4B", DisplayName: "Bio Bees", Room: "Room 12 West", Course: ref,
		StudentUniqueIdentifiers: []string{"person-99123"}, Source: "SIS", SourceSystemIdentifier: "sis-class-1",
	})
	return o, recordWorld{
		Serials: serials, Replacement: "C02NEW8ZQ2YY", Stranger: "C02STRANGER1",
		Profile: o.AddProfile("Springfield default", "https://mdm.springfield.example.edu/enroll?key=s3cr3tkey"),
		Message: "Please return to Springfield High", URL: "https://mdm.springfield.example.edu/discovery",
		Definition: &dep.Profile{
			ProfileName: "Springfield iPads", URL: "https://mdm.springfield.example.edu/enroll?key=s3cr3tkey", Devices: serials,
			SupportPhoneNumber: "+1 555 0177", SupportEmailAddress: "help@springfield.example.edu", Department: "Room 7, IT",
			SkipSetupItems: []dep.SkipKey{dep.SkipSiri}, Language: "en", Region: "US",
		},
	}
}

// confidential returns what the simulator knows that must not be in a recording.
func (o *org) confidential(w recordWorld) []string {
	list := append(o.secrets(), o.Token().ConsumerKey, "s3cr3tkey", w.Profile, "springfield", "Springfield", "evergreen", "Evergreen")
	raw := demoBypassCode().RevealBytes()
	list = append(list, demoBypassCode().RevealHuman(), hex.EncodeToString(raw[:]))
	for _, d := range o.Devices() {
		list = append(list, d.SerialNumber, d.EID, d.WiFiMACAddress, d.BluetoothMACAddress, d.EthernetMACAddress, d.DeviceAssignedBy, d.ProfileUUID)
		list = append(list, d.IMEI...)
		list = append(list, d.MEID...)
	}
	return append(list, w.Serials...)
}

// memberName is the form of the names of members, which are shown.
var memberName = regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)

// mayShow reports whether a value tells of nobody. It is written anew here, so that a rule that
// keeps too much is noticed.
func mayShow(value string) bool {
	for _, layout := range []string{time.RFC3339, time.DateOnly, http.TimeFormat} {
		if _, err := time.Parse(layout, value); err == nil {
			return true
		}
	}
	path := strings.HasPrefix(value, "/") && !strings.ContainsAny(value, "0123456789")
	return path || memberName.MatchString(value) || slices.Contains(harmless, value)
}

// harmless has the words of the service that may be in a recording.
var harmless = strings.Split(`APPLE TV 4K WI-FI 64GB|Active|Apple TV 4K|AppleTV|BLACK|DELETE|IPAD (A16) WI-FI 128GB|IPHONE 17 256GB|`+
	`MBA 13.6 16GB 256GB|MacBook Air (M4)|NOT_ACCESSIBLE|SILVER|SPACE GRAY|SUCCESS|WHITE|[redacted]|account|`+
	`account-driven-enrollment|activationlock|added|application/json;charset=UTF8|applemdm/0.1 (device assignment client)|`+
	`assigned|betaEnrollmentTokens|class|color|course|courses|classes|cursor|default|department|description|device|devices|disown|`+
	`empty|grade|iOS 27 AppleSeed Beta|iPad|iPad (A16)|iPadOS|iPhone|iPhone 17|language|limit|location|locations|`+
	`macOS 27 AppleSeed Beta|maximum|model|os-beta-enrollment|person|persons|profile|region|replacementDetails|roster|server|`+
	`session|source|status|title|token|tokens`, "|")

// isRequestID reports whether Apple numbered an answer so.
func (o *org) isRequestID(value string) bool {
	return slices.ContainsFunc(o.traces, func(a dep.Attempt) bool { return a.RequestID == value })
}

// standIns is recorder's, also for a cursor, whose text has Apple's value behind phase and time.
func standIns(recorder *deptest.Recorder) func(string) string {
	return func(value string) string {
		phase, rest, _ := strings.Cut(value, ";")
		if started, cursor, ok := strings.Cut(rest, ";"); ok {
			return phase + ";" + started + ";" + recorder.StandIn(cursor)
		}
		return recorder.StandIn(value)
	}
}

func TestRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, world := newRecordOrg(t)
		confidential := o.confidential(world)
		wire := &proof.Wire{Base: o.Client().Transport}
		base := o.Client()
		base.Transport = wire
		file := filepath.Join(t.TempDir(), "dep.yaml")
		recorder, err := deptest.Record(file, base)
		if err != nil {
			t.Fatal(err)
		}
		recorded := o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.HTTPClient, opts.PageSize = recorder.Client(), 5 })
		results := map[string]any{}
		for _, call := range recordedCalls {
			result, err := call.call(t.Context(), recorded, world)
			if err != nil {
				t.Fatalf("%s: %v", call.name, err)
			}
			results[call.name] = result
		}
		if err := recorder.Save(); err != nil {
			t.Fatal(err)
		}
		confidential = append(confidential, o.confidential(world)...)
		o.shown.NoteFile(t, file)
		if leaks := wire.Leaks(t, file, confidential, func(v string) bool { return mayShow(v) || o.isRequestID(v) }); len(leaks) > 0 {
			t.Errorf("in the recording: %q", leaks)
		}

		requests := o.Count("", "")
		client, err := deptest.Replay(file)
		if err != nil {
			t.Fatal(err)
		}
		other := &dep.Token{ConsumerKey: "CK", ConsumerSecret: dep.NewSecret("CS"), AccessToken: dep.NewSecret("AT"), AccessSecret: dep.NewSecret("AS")}
		replayed := o.newClient(t, other, func(opts *dep.Options) { opts.HTTPClient, opts.PageSize = client, 5 })
		shown := world.shown(t, recorder.StandIn)
		for _, call := range recordedCalls {
			result, err := call.call(t.Context(), replayed, shown)
			if err != nil {
				t.Errorf("replay of %s: %v", call.name, err)
				continue
			}
			if diff := proof.Diff(t, results[call.name], result, standIns(recorder)); diff != "" {
				t.Errorf("replay of %s (-want +got):\n%s", call.name, diff)
			}
		}
		if n := o.Count("", ""); n != requests {
			t.Errorf("the replay made %d requests", n-requests)
		}
		if _, err := replayed.Account(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer left to GET /account") {
			t.Errorf("one call too many: %v", err)
		}
	})
}

// Whatever goes wrong goes wrong again in the replay.
func TestRecordingOfFaults(t *testing.T) {
	for _, row := range faultRows() {
		t.Run(row.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, _ := newRecordOrg(t)
				file := filepath.Join(t.TempDir(), "dep.yaml")
				base := o.Client()
				base.Timeout = faultmatrix.Timeout
				recorder, err := deptest.Record(file, base)
				if err != nil {
					t.Fatal(err)
				}
				o.client = o.newClient(t, depToken(t, o.Token()), recordOnce(recorder.Client()))
				fault := row.Fault
				fault.Count, fault.RetryAfter = -1, row.RetryAfter
				o.Fail(fault)
				_, recorded := o.client.Account(t.Context())
				if err := recorder.Save(); err != nil {
					t.Fatal(err)
				}

				client, err := deptest.Replay(file)
				if err != nil {
					t.Fatal(err)
				}
				o.client = o.newClient(t, depToken(t, o.Token()), recordOnce(client))
				start := time.Now()
				_, replayed := o.client.Account(t.Context())
				if time.Since(start) > 0 {
					t.Errorf("the replay took %v", time.Since(start))
				}
				login := faultCalls[0]
				if end := login.outcome(row, true); ending(recorded) != end || ending(replayed) != end {
					t.Fatalf("want %s\nrecorded %v\nreplayed %v", end, recorded, replayed)
				}
				want, _ := errors.AsType[*dep.Error](recorded)
				if got, ok := errors.AsType[*dep.Error](replayed); ok &&
					(got.StatusCode != want.StatusCode || got.Code != want.Code || got.RetryAfter > want.RetryAfter) {
					t.Errorf("recorded %+v\nreplayed %+v", want, got)
				}
			})
		})
	}
}

// recordOnce is a client that tries everything once.
func recordOnce(client *http.Client) func(*dep.Options) {
	return func(opts *dep.Options) {
		opts.HTTPClient, opts.MaxBody, opts.Retry.Tries = client, faultmatrix.MaxBody, 1
	}
}
