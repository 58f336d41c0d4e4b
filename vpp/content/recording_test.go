package content_test

import (
	"context"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/cassette/proof"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// recordedCalls has every method of Client that makes requests, and that of Lookup.
var recordedCalls = []struct {
	name string
	call func(ctx context.Context, c *content.Client, l *content.Lookup, term string) (any, error)
}{
	{"Test", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return nil, c.Test(ctx)
	}},
	{"OwnedApps", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.OwnedApps(ctx, []vpp.AdamID{"1", "2", "7"}, content.Query{})
	}},
	{"Apps", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.Apps(ctx, []vpp.AdamID{"1", "4"}, content.Query{Include: []string{"genres"}})
	}},
	{"App", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.App(ctx, "1", content.Query{})
	}},
	{"OwnedBooks", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.OwnedBooks(ctx, []vpp.AdamID{"5"}, content.Query{})
	}},
	{"Books", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.Books(ctx, []vpp.AdamID{"5"}, content.Query{})
	}},
	{"Book", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.Book(ctx, "5", content.Query{})
	}},
	{"Genres", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.Genres(ctx, []content.ID{"6007", "9031"}, content.Query{})
	}},
	{"Genre", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.Genre(ctx, "9031", content.Query{})
	}},
	{"AppGenres", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.AppGenres(ctx, "1", content.Query{})
	}},
	{"BookGenres", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.BookGenres(ctx, "5", content.Query{})
	}},
	{"Purchases", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.Purchases(ctx, content.ProductIDs{Apps: []vpp.AdamID{"1"}, Books: []vpp.AdamID{"5"}, InApps: []vpp.AdamID{"6"}}, content.Query{})
	}},
	{"Search", func(ctx context.Context, c *content.Client, _ *content.Lookup, term string) (any, error) {
		return c.Search(ctx, content.SearchQuery{Term: term})
	}},
	{"Storefronts", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.Storefronts(ctx, content.Query{})
	}},
	{"Storefront", func(ctx context.Context, c *content.Client, _ *content.Lookup, _ string) (any, error) {
		return c.Storefront(ctx, "gb", content.Query{})
	}},
	{"Items", func(ctx context.Context, _ *content.Client, l *content.Lookup, _ string) (any, error) {
		return l.Items(ctx, []vpp.AdamID{"1", "5", "99"}, content.LookupQuery{})
	}},
}

func TestEveryCallIsRecorded(t *testing.T) {
	var every, recorded []string
	for _, call := range recordedCalls {
		recorded = append(recorded, call.name)
	}
	for _, client := range []reflect.Type{reflect.TypeFor[*content.Client](), reflect.TypeFor[*content.Lookup]()} {
		for m := range client.Methods() {
			every = append(every, m.Name)
		}
	}
	slices.Sort(recorded)
	slices.Sort(every)
	if diff := cmp.Diff(every, recorded); diff != "" {
		t.Errorf("(-every +recorded):\n%s", diff)
	}
}

// What describes apps is public; the tokens, and what somebody searches for, are not.
func TestRecordingOfEveryCall(t *testing.T) { synctest.Test(t, recordEveryCall) } // which paces itself

func recordEveryCall(t *testing.T) {
	s := newSite(t, nil, nil)
	base := s.srv.Client()
	wire := &proof.Wire{Base: base.Transport}
	base.Transport = wire
	file := filepath.Join(t.TempDir(), "content.yaml")
	recorder, err := vpptest.Record(file, base)
	if err != nil {
		t.Fatal(err)
	}
	client, lookup := s.clients(t, func(o *content.Options) { o.HTTPClient, o.Location, o.Storefront = recorder.Client(), nil, "de" })
	const term = "Notes"
	results := map[string]any{}
	for _, call := range recordedCalls {
		if results[call.name], err = call.call(t.Context(), client, lookup, term); err != nil {
			t.Fatalf("%s: %v", call.name, err)
		}
	}
	if err := recorder.Save(); err != nil {
		t.Fatal(err)
	}
	confidential := []string{term, "Notes", "Field", string(s.loc.Token())}
	for _, token := range s.signed {
		confidential = append(confidential, string(token.Reveal()))
	}
	s.shown.NoteFile(t, file)
	for _, secret := range wire.Leaks(t, file, confidential, func(string) bool { return false }) {
		if slices.Contains(confidential, secret) {
			t.Errorf("in the recording: %q", secret)
		}
	}

	replay, err := vpptest.Replay(file)
	if err != nil {
		t.Fatal(err)
	}
	client, lookup = s.clients(t, func(o *content.Options) { o.HTTPClient, o.Location, o.Storefront = replay, nil, "de" })
	requests := s.srv.Count("", "")
	for _, call := range recordedCalls {
		result, err := call.call(t.Context(), client, lookup, recorder.StandIn(term))
		if err != nil {
			t.Errorf("replay of %s: %v", call.name, err)
			continue
		}
		if diff := proof.Diff(t, results[call.name], result, recorder.StandIn); diff != "" {
			t.Errorf("replay of %s (-want +got):\n%s", call.name, diff)
		}
	}
	if n := s.srv.Count("", ""); n != requests {
		t.Errorf("the replay made %d requests", n-requests)
	}
}
