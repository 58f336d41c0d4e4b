package content_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
)

func TestAttributesOnAPlatform(t *testing.T) {
	general := content.AppAttributes{
		Name: "Field Notes", BundleID: "com.example.flat", Subtitle: "everywhere", HasEULA: true, Unknown: raw("a", "1"),
		PlatformAttributes: map[content.PlatformKey]content.AppAttributes{
			content.KeyIOS: {BundleID: "com.example.ios", Artwork: content.Artwork{TemplateURL: "u"}, Unknown: raw("b", "2")},
		},
	}
	for _, test := range []struct {
		key  content.PlatformKey
		want content.AppAttributes
		ok   bool
	}{
		{content.KeyIOS, content.AppAttributes{Name: "Field Notes", BundleID: "com.example.ios", Subtitle: "everywhere", HasEULA: true,
			Artwork: content.Artwork{TemplateURL: "u"}, Unknown: raw("b", "2")}, true},
		{content.KeyMacOS, content.AppAttributes{Name: "Field Notes", BundleID: "com.example.flat", Subtitle: "everywhere", HasEULA: true,
			Unknown: raw("a", "1")}, false},
	} {
		got, ok := general.On(test.key)
		if diff := cmp.Diff(test.want, got); diff != "" || ok != test.ok {
			t.Errorf("%s: %v (-want +got):\n%s", test.key, ok, diff)
		}
	}
	if general.PlatformAttributes == nil || general.PlatformAttributes[content.KeyIOS].Name != "" {
		t.Error("the attributes were changed")
	}
}

func TestWhoseAppIsOnTheMac(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		found, err := s.client.OwnedApps(t.Context(), []vpp.AdamID{"1", "2", "4"}, content.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []bool{true, false, false} {
			if app := found.Items[i]; app.Attributes.OnlyIOSOnMac() != want {
				t.Errorf("%s: want %v", app.Attributes.Name, want)
			}
		}
		onMac, ok := found.Items[1].Attributes.On(content.KeyMacOS)
		if !ok || onMac.MinimumMacOSVersion != "13.0" || onMac.BundleID != "com.example.house" || onMac.Name != "House Notes" {
			t.Errorf("%+v, %v", onMac, ok)
		}
		items, err := s.lookup.Items(t.Context(), []vpp.AdamID{"1", "4"}, content.LookupQuery{})
		if err != nil || len(items.Items) != 2 {
			t.Fatalf("%+v, %v", items, err)
		}
		if one, two := items.Items[0], items.Items[1]; !one.OnlyIOSOnMac() || two.OnlyIOSOnMac() || one.Version() != "3.1" {
			t.Errorf("%+v\n%+v", one, two)
		}
		if v := new(content.LookupItem).Version(); v != "" {
			t.Errorf("version %q", v)
		}
	})
}

func TestArtworkURL(t *testing.T) {
	const template = "https://img.example/{w}x{h}{c}.{f}"
	for _, test := range []struct {
		artwork       content.Artwork
		width, height int
		want          string
	}{
		{content.Artwork{TemplateURL: template, Width: 1024, Height: 1024}, 512, 512, "https://img.example/512x512bb.png"},
		{content.Artwork{TemplateURL: template, Width: 1024, Height: 1024}, 4096, 4096, "https://img.example/1024x1024bb.png"},
		{content.Artwork{TemplateURL: template, Width: 600, Height: 900}, 1200, 1800, "https://img.example/600x900bb.png"},
		{content.Artwork{TemplateURL: template, Width: 600, Height: 300}, 600, 600, "https://img.example/300x300bb.png"},
		{content.Artwork{TemplateURL: template}, 512, 256, "https://img.example/512x256bb.png"},
		{content.Artwork{TemplateURL: "https://img.example/fixed.png", Width: 60, Height: 60}, 512, 512, "https://img.example/fixed.png"},
		{content.Artwork{}, 512, 512, ""},
	} {
		if got := test.artwork.URL(test.width, test.height, "png"); got != test.want {
			t.Errorf("%+v at %dx%d: %s, want %s", test.artwork, test.width, test.height, got, test.want)
		}
	}
}

func TestArtworksURL(t *testing.T) {
	small, middle, large := content.Artwork{TemplateURL: "small", Width: 60, Height: 60}, content.Artwork{TemplateURL: "middle", Width: 100, Height: 100},
		content.Artwork{TemplateURL: "large", Width: 512, Height: 512}
	template := content.Artwork{TemplateURL: "{w}.{f}", Width: 1024, Height: 1024}
	for _, test := range []struct {
		artworks content.Artworks
		size     int
		want     string
	}{
		{content.Artworks{small, middle, large}, 80, "middle"},
		{content.Artworks{large, middle, small}, 80, "middle"},
		{content.Artworks{middle, small, large}, 60, "small"},
		{content.Artworks{small, large, middle}, 1024, "large"},
		{content.Artworks{large, small}, 1024, "large"},
		{content.Artworks{large, template}, 200, "200.png"},
		{nil, 200, ""},
	} {
		if got := test.artworks.URL(test.size, test.size, "png"); got != test.want {
			t.Errorf("%+v at %d: %s, want %s", test.artworks, test.size, got, test.want)
		}
	}
}

func TestOtherThings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *content.Options) { o.Fallbacks, o.Language = []string{"us"}, "de-DE" })
		ctx, c := t.Context(), s.client
		book, err := c.Book(ctx, "5", content.Query{})
		if err != nil || book.Attributes.ISBN != "9780000000002" || book.Storefront != "de" {
			t.Errorf("%+v, %v", book, err)
		}
		app, err := c.App(ctx, "3", content.Query{})
		if err != nil || app.Storefront != "us" {
			t.Errorf("%+v, %v", app, err)
		}
		genres, err := c.AppGenres(ctx, "3", content.Query{})
		if err != nil || len(genres) != 1 || genres[0].Attributes.Name != "Productivity" || genres[0].Storefront != "us" {
			t.Errorf("%+v, %v", genres, err)
		}
		genres, err = c.BookGenres(ctx, "5", content.Query{})
		if err != nil || len(genres) != 1 || genres[0].Attributes.Name != "Science" || genres[0].Storefront != "de" {
			t.Errorf("%+v, %v", genres, err)
		}
		some, err := c.Genres(ctx, []content.ID{"9031", "1", "6007"}, content.Query{})
		if err != nil || len(some.Items) != 2 || some.Items[0].Attributes.Name != "Science" || !cmp.Equal(some.Missing, []content.ID{"1"}) {
			t.Errorf("%+v, %v", some, err)
		}
		fronts, err := c.Storefronts(ctx, content.Query{})
		if err != nil || len(fronts) != 3 {
			t.Errorf("%+v, %v", fronts, err)
		}
		hits, err := c.Search(ctx, content.SearchQuery{Term: "notes"})
		if err != nil || len(hits.Apps) != 1 || hits.Apps[0].ID != "1" || len(hits.Books) != 0 {
			t.Errorf("%+v, %v", hits, err)
		}
		bought, err := c.Purchases(ctx, content.ProductIDs{Apps: []vpp.AdamID{"7", "3"}, Books: []vpp.AdamID{"5"}, InApps: []vpp.AdamID{"6"}}, content.Query{})
		if err != nil || len(bought.Apps) != 1 || bought.Apps[0].Storefront != "us" || len(bought.Books) != 1 || len(bought.InApps) != 1 ||
			bought.InApps[0].Relationships.App.Data[0].ID != "1" || !cmp.Equal(bought.Missing, content.ProductIDs{Apps: []vpp.AdamID{"7"}}) {
			t.Errorf("%+v, %v", bought, err)
		}
		for _, r := range s.received("/v1/catalog/") {
			if isGerman := r.Query.Get("l") == "de-DE"; isGerman == (r.Path[:len("/v1/catalog/us")] == "/v1/catalog/us") {
				t.Errorf("%s?%s", r.Path, r.Query.Encode())
			}
		}
		s.wantNoViolations(t)
	})
}
