package content_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/applemdm/applemdm/internal/sent"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
)

// queries are one for each field of Query.
func queries() map[string]content.Query {
	return map[string]content.Query{
		"Storefront":          {Storefront: "gb"},
		"Platform":            {Platform: content.PlatformIPad},
		"AdditionalPlatforms": {Platform: content.PlatformIPad, AdditionalPlatforms: []content.Platform{content.PlatformMac}},
		"Extend":              {Extend: []content.Extension{content.ExtendDescription}},
		"Include":             {Include: []string{"genres"}},
		"Relate":              {Relate: []string{"genres"}},
		"Language":            {Language: "en-GB"},
	}
}

// ask makes every call that takes a Query.
func ask(ctx context.Context, c *content.Client, q content.Query) map[string]error {
	apps, books, genres := []vpp.AdamID{"1"}, []vpp.AdamID{"5"}, []content.ID{"9031"}
	return map[string]error{
		"OwnedApps":   second(c.OwnedApps(ctx, apps, q)),
		"Apps":        second(c.Apps(ctx, apps, q)),
		"App":         second(c.App(ctx, "1", q)),
		"OwnedBooks":  second(c.OwnedBooks(ctx, books, q)),
		"Books":       second(c.Books(ctx, books, q)),
		"Book":        second(c.Book(ctx, "5", q)),
		"Genres":      second(c.Genres(ctx, genres, q)),
		"Genre":       second(c.Genre(ctx, "9031", q)),
		"AppGenres":   second(c.AppGenres(ctx, "1", q)),
		"BookGenres":  second(c.BookGenres(ctx, "5", q)),
		"Purchases":   second(c.Purchases(ctx, content.ProductIDs{Apps: apps}, q)),
		"Search":      second(c.Search(ctx, content.SearchQuery{Query: q, Term: "Notes"})),
		"Storefronts": second(c.Storefronts(ctx, q)),
		"Storefront":  second(c.Storefront(ctx, "gb", q)),
	}
}

func second[T any](_ T, err error) error { return err }

// What every call sends is in the README's table, and nothing is there that is never sent.
func TestWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which paces itself
		s := newSite(t, nil, nil)
		base := s.srv.Client()
		wire := &sent.Wire{Base: base.Transport}
		base.Transport = wire
		client, lookup := s.clients(t, func(o *content.Options) { o.HTTPClient, o.Location, o.Storefront = base, nil, "de" })
		for _, call := range recordedCalls {
			if _, err := call.call(t.Context(), client, lookup, "Notes"); err != nil {
				t.Fatalf("%s: %v", call.name, err)
			}
		}
		all := queries()
		for _, field := range sent.Empty(content.Query{}) {
			query, there := all[field]
			if !there {
				t.Errorf("Query.%s is not tried", field)
			}
			for call, err := range ask(t.Context(), client, query) {
				if _, not := errors.AsType[*vpp.InputError](err); err != nil && !not { // for not all calls know all fields
					t.Errorf("%s with %s: %v", call, field, err)
				}
			}
		}
		search := content.SearchQuery{Query: all["Storefront"], Term: "Notes", Types: []content.ResourceType{content.TypeApps},
			TargetPlatforms: []content.Platform{content.PlatformIPad}, Genres: []content.ID{"6007"}}
		if _, err := client.Search(t.Context(), search); err != nil {
			t.Error(err)
		}
		look := content.LookupQuery{Storefront: "gb", Platform: content.PlatformVolumeStore, Language: "en-GB"}
		if empty := sent.Empty(look); empty != nil {
			t.Errorf("the lookup has no %q", empty)
		}
		if _, err := lookup.Items(t.Context(), []vpp.AdamID{"1"}, look); err != nil {
			t.Error(err)
		}
		for _, wrong := range sent.Check("../../README.md", "vpp/content", wire.Messages()) {
			t.Error(wrong)
		}
	})
}
