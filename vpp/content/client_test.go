package content_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
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
				if s.signed != 1 || s.reads != 3 { // once for each client
					t.Errorf("%d developer tokens, %d content tokens", s.signed, s.reads)
				}
			})
		})
	}
}
