package content_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// names are what was found, and what is missing with a minus.
func names[T any](t *testing.T, found *content.Found[T, vpp.AdamID], err error, name func(T) string) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, item := range found.Items {
		all = append(all, name(item))
	}
	for _, id := range found.Missing {
		all = append(all, "-"+string(id))
	}
	return all
}

func appName(a content.App) string         { return a.Storefront + " " + a.Attributes.Name }
func bookName(b content.Book) string       { return b.Storefront + " " + b.Attributes.Name }
func itemName(i content.LookupItem) string { return i.Storefront + " " + i.Name }

func TestWhatIsFoundAndWhatIsMissing(t *testing.T) {
	all := []vpp.AdamID{"7", "1", "9", "5", "2", "3", "1", "4"}
	for name, test := range map[string]struct {
		fallbacks   []string
		query       content.Query
		owned, apps []string
		books, seen []string
	}{
		"at home": {nil, content.Query{},
			[]string{"de Field Notes", "de House Notes", "de Gone Notes", "-7", "-9", "-5", "-3"},
			[]string{"de Not ours", "de Field Notes", "-9", "-5", "-2", "-3", "-4"},
			[]string{"de Soil", "-7", "-1", "-9", "-2", "-3", "-4"},
			[]string{"de Not ours", "de Field Notes", "de Soil", "de House Notes", "de Gone Notes", "-9", "-3"}},
		"elsewhere": {nil, content.Query{Storefront: "US"},
			[]string{"us Field Notes", "us House Notes", "us Only There", "us Gone Notes", "-7", "-9", "-5"},
			[]string{"us Not ours", "us Field Notes", "us Only There", "-9", "-5", "-2", "-4"},
			[]string{"us Soil", "-7", "-1", "-9", "-2", "-3", "-4"},
			[]string{"us Not ours", "us Field Notes", "us Soil", "us House Notes", "us Only There", "us Gone Notes", "-9"}},
		"with fallbacks": {[]string{"gb", "de", "US"}, content.Query{},
			[]string{"de Field Notes", "de House Notes", "us Only There", "de Gone Notes", "-7", "-9", "-5"},
			[]string{"de Not ours", "de Field Notes", "us Only There", "-9", "-5", "-2", "-4"},
			[]string{"de Soil", "-7", "-1", "-9", "-2", "-3", "-4"},
			[]string{"de Not ours", "de Field Notes", "de Soil", "de House Notes", "us Only There", "de Gone Notes", "-9"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, func(o *content.Options) { o.Fallbacks = test.fallbacks })
				ctx := t.Context()
				owned, err := s.client.OwnedApps(ctx, all, test.query)
				if diff := cmp.Diff(test.owned, names(t, owned, err, appName)); diff != "" {
					t.Errorf("owned apps (-want +got):\n%s", diff)
				}
				apps, err := s.client.Apps(ctx, all, test.query)
				if diff := cmp.Diff(test.apps, names(t, apps, err, appName)); diff != "" {
					t.Errorf("apps (-want +got):\n%s", diff)
				}
				books, err := s.client.OwnedBooks(ctx, all, test.query)
				if diff := cmp.Diff(test.books, names(t, books, err, bookName)); diff != "" {
					t.Errorf("owned books (-want +got):\n%s", diff)
				}
				books, err = s.client.Books(ctx, all, test.query)
				if diff := cmp.Diff(test.books, names(t, books, err, bookName)); diff != "" {
					t.Errorf("books (-want +got):\n%s", diff)
				}
				seen, err := s.lookup.Items(ctx, all, content.LookupQuery{Storefront: test.query.Storefront})
				if diff := cmp.Diff(test.seen, names(t, seen, err, itemName)); diff != "" {
					t.Errorf("lookup (-want +got):\n%s", diff)
				}
				s.wantNoViolations(t)
				if len(s.signed) != 1 || s.reads != 3 { // once for each client
					t.Errorf("%d developer tokens, %d content tokens", len(s.signed), s.reads)
				}
			})
		})
	}
}

func TestNewChecksItsOptions(t *testing.T) {
	key, _ := newKey(t)
	for want, opts := range map[string]*content.Options{
		"Options.UserAgent":  {UserAgent: "line\nbreak"},
		"Options.MaxBody":    {MaxBody: -1},
		"Options.Storefront": {Storefront: "usa"},
		"Options.Fallbacks":  {Fallbacks: []string{"us", ""}},
		"BaseURL":            {BaseURL: "ftp://a.test"},
		"Retry.Tries":        {Retry: vpp.Retry{Tries: -1}},
	} {
		c, err := content.New(key, nil, opts)
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != want || c != nil {
			t.Errorf("%+v: %v", opts, err)
		}
		l, err := content.NewLookup(nil, opts)
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != want || l != nil {
			t.Errorf("lookup, %+v: %v", opts, err)
		}
	}
	if _, err := content.New(key, nil, &content.Options{Fallbacks: []string{"u1"}}); err == nil {
		t.Error("a country with a digit")
	}
	if c, err := content.New(nil, nil, nil); err == nil || c != nil {
		t.Errorf("no source: %v, %v", c, err)
	}
	fallbacks := []string{"US"}
	if _, err := content.New(key, nil, &content.Options{Fallbacks: fallbacks}); err != nil || fallbacks[0] != "US" {
		t.Errorf("%v, %q", err, fallbacks)
	}
}

func TestInputIsCheckedBeforeAnyRequest(t *testing.T) {
	s := newSite(t, nil, nil)
	ctx, c, one := t.Context(), s.client, []vpp.AdamID{"1"}
	location, err := vpp.New(s, &vpp.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/mdm/v2"})
	if err != nil {
		t.Fatal(err)
	}
	open, err := content.New(s, nil, &content.Options{HTTPClient: s.srv.Client(), Location: location})
	if err != nil {
		t.Fatal(err)
	}
	lost, err := content.New(s, s, &content.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/v1"})
	if err != nil {
		t.Fatal(err)
	}
	type query = content.Query
	extend := query{Extend: []content.Extension{content.ExtendDescription}}
	for _, test := range []struct {
		field string
		call  func() (any, error)
	}{
		{"ids", func() (any, error) { return c.OwnedApps(ctx, nil, query{}) }},
		{"ids[1]", func() (any, error) { return c.Apps(ctx, []vpp.AdamID{"1", "x"}, query{}) }},
		{"ids[0]", func() (any, error) { return c.Books(ctx, []vpp.AdamID{"-1"}, query{}) }},
		{"ids", func() (any, error) { return c.OwnedBooks(ctx, []vpp.AdamID{}, query{}) }},
		{"ids", func() (any, error) { return c.Genres(ctx, nil, query{}) }},
		{"ids", func() (any, error) { return s.lookup.Items(ctx, nil, content.LookupQuery{}) }},
		{"LookupQuery.Storefront", func() (any, error) { return s.lookup.Items(ctx, one, content.LookupQuery{Storefront: "Germany"}) }},
		{"ids", func() (any, error) { return c.Purchases(ctx, content.ProductIDs{}, query{}) }},
		{"ids.Books[0]", func() (any, error) {
			return c.Purchases(ctx, content.ProductIDs{Apps: one, Books: []vpp.AdamID{"b"}}, query{})
		}},
		{"id[0]", func() (any, error) { return c.App(ctx, "../7", query{}) }},
		{"id[0]", func() (any, error) { return c.Book(ctx, "", query{}) }},
		{"id[0]", func() (any, error) { return c.Genre(ctx, "a", query{}) }},
		{"id[0]", func() (any, error) { return c.AppGenres(ctx, "a", query{}) }},
		{"id[0]", func() (any, error) { return c.BookGenres(ctx, "a", query{}) }},
		{"id", func() (any, error) { return c.Storefront(ctx, "", query{}) }},
		{"id", func() (any, error) { return c.Storefront(ctx, "Germany", query{}) }},
		{"Query.Storefront", func() (any, error) { return c.Storefronts(ctx, query{Storefront: "us"}) }},
		{"Query.Storefront", func() (any, error) { return c.Storefront(ctx, "us", query{Storefront: "us"}) }},
		{"Query.Storefront", func() (any, error) { return c.Apps(ctx, one, query{Storefront: "../"}) }},
		{"Query.AdditionalPlatforms", func() (any, error) {
			return c.Apps(ctx, one, query{AdditionalPlatforms: []content.Platform{content.PlatformMac}})
		}},
		{"Query.AdditionalPlatforms", func() (any, error) {
			return c.Purchases(ctx, content.ProductIDs{Apps: one}, query{Platform: "a", AdditionalPlatforms: []content.Platform{"b"}})
		}},
		{"Query.Platform", func() (any, error) { return c.Apps(ctx, one, query{Platform: "iphone,mac"}) }},
		{"Query.Platform", func() (any, error) { return c.Genre(ctx, "1", query{Platform: "mac"}) }},
		{"Query.Platform", func() (any, error) { return c.Genres(ctx, []content.ID{"1"}, query{Platform: "mac"}) }},
		{"Query.Extend", func() (any, error) { return c.OwnedBooks(ctx, one, extend) }},
		{"Query.Extend", func() (any, error) { return c.Books(ctx, one, extend) }},
		{"Query.Extend", func() (any, error) { return c.Book(ctx, "1", extend) }},
		{"Query.Extend", func() (any, error) { return c.BookGenres(ctx, "1", extend) }},
		{"Query.Extend", func() (any, error) { return c.Apps(ctx, one, query{Extend: []content.Extension{"a", ""}}) }},
		{"Query.Include", func() (any, error) { return c.OwnedApps(ctx, one, query{Include: []string{"genres"}}) }},
		{"Query.Relate", func() (any, error) {
			return c.Search(ctx, content.SearchQuery{Query: query{Relate: []string{"genres"}}})
		}},
		{"Query.Language", func() (any, error) { return c.App(ctx, "1", query{Language: "de DE"}) }},
		{"Query.Language", func() (any, error) { return c.AppGenres(ctx, "1", query{Language: "de,en"}) }},
		{"SearchQuery.Term", func() (any, error) { return c.Search(ctx, content.SearchQuery{Term: " "}) }},
		{"SearchQuery.Genres", func() (any, error) {
			return c.Search(ctx, content.SearchQuery{Term: "a", Genres: []content.ID{"1,2"}})
		}},
		{"tokens", func() (any, error) { return open.OwnedApps(ctx, one, query{}) }},
		{"Options.Storefront", func() (any, error) { return lost.Apps(ctx, one, query{}) }},
		{"Options.Storefront", func() (any, error) { return lost.App(ctx, "1", query{}) }},
		{"Options.Storefront", func() (any, error) { return lost.Search(ctx, content.SearchQuery{Term: "a"}) }},
	} {
		got, err := test.call()
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != test.field {
			t.Errorf("%v, %v, want an InputError about %s", got, err, test.field)
		}
		if got != nil && !reflect.ValueOf(got).IsNil() {
			t.Errorf("%v comes with %v", got, err)
		}
	}
	if all := s.srv.Received(); len(all) > 0 {
		t.Errorf("%d requests, the first of %s", len(all), all[0].Path)
	}
}

func TestManyIdentifiers(t *testing.T) {
	for name, test := range map[string]struct {
		path string
		most int
		read func(context.Context, *site, []vpp.AdamID) (any, error)
	}{
		"apps": {"/apps", 100, func(ctx context.Context, s *site, ids []vpp.AdamID) (any, error) {
			return s.client.Apps(ctx, ids, content.Query{})
		}},
		"owned apps": {"/stoken-authenticated-apps", 100, func(ctx context.Context, s *site, ids []vpp.AdamID) (any, error) {
			return s.client.OwnedApps(ctx, ids, content.Query{})
		}},
		"books": {"/books", 150, func(ctx context.Context, s *site, ids []vpp.AdamID) (any, error) {
			return s.client.Books(ctx, ids, content.Query{})
		}},
		"purchases": {"/stoken-authenticated-purchases", 100, func(ctx context.Context, s *site, ids []vpp.AdamID) (any, error) {
			return s.client.Purchases(ctx, content.ProductIDs{Apps: ids[:250], Books: ids[250:]}, content.Query{})
		}},
		"lookup": {"/lookup", 1, func(ctx context.Context, s *site, ids []vpp.AdamID) (any, error) {
			return s.lookup.Items(ctx, ids, content.LookupQuery{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &vpptest.Options{Latency: time.Second}, nil)
				var ids, wantMissing []vpp.AdamID
				for n := 450; n > 0; n-- {
					id := vpp.AdamID(strconv.Itoa(2000 + n))
					ids = append(ids, id)
					if n%10 == 0 {
						wantMissing = append(wantMissing, id)
						continue
					}
					kind := vpptest.Apps
					if name == "books" || name == "purchases" && len(ids) > 250 {
						kind = vpptest.Books
					}
					s.srv.AddContent(vpptest.Content{ID: string(id), Type: kind})
					s.loc.Buy(vpptest.Asset{AdamID: string(id), Total: 1})
				}
				before := time.Now()
				result, err := test.read(t.Context(), s, ids)
				if err != nil {
					t.Fatal(err)
				}
				got, missing := foundIDs(result)
				want := slices.DeleteFunc(slices.Clone(ids), func(id vpp.AdamID) bool { return slices.Contains(wantMissing, id) })
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("found (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(wantMissing, missing); diff != "" {
					t.Errorf("missing (-want +got):\n%s", diff)
				}
				requests := (len(ids) + test.most - 1) / test.most
				if n := len(s.received(test.path)); n != requests {
					t.Errorf("%d requests, want %d", n, requests)
				}
				// The configurations take a second each; after the first request there are four at once, and a
				// little apart.
				least := time.Duration(2+1+(requests-1+3)/4) * time.Second
				if took := time.Since(before); took > least+least/8+time.Second || took < least-time.Second {
					t.Errorf("took %v, want %v", took, least)
				}
				s.wantNoViolations(t)
			})
		})
	}
}

// foundIDs returns what was found and what is missing, in order.
func foundIDs(result any) (got, missing []vpp.AdamID) {
	switch r := result.(type) {
	case *foundApps:
		for _, a := range r.Items {
			got = append(got, a.ID)
		}
		return got, r.Missing
	case *foundBooks:
		for _, b := range r.Items {
			got = append(got, b.ID)
		}
		return got, r.Missing
	case *foundItems:
		for _, i := range r.Items {
			got = append(got, i.ID)
		}
		return got, r.Missing
	case *content.Purchases:
		for _, a := range r.Apps {
			got = append(got, a.ID)
		}
		for _, b := range r.Books {
			got = append(got, b.ID)
		}
		return got, slices.Concat(r.Missing.Apps, r.Missing.Books)
	}
	return nil, nil
}
