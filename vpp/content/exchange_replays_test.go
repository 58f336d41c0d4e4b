package content_test

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
)

type adamIDs = []vpp.AdamID

func ownedApps(ids adamIDs, q content.Query) func(context.Context, *wire) (any, error) {
	return func(ctx context.Context, w *wire) (any, error) {
		return exchange.Value(w.client.OwnedApps(ctx, ids, q))
	}
}

func publicApps(ids adamIDs, q content.Query) func(context.Context, *wire) (any, error) {
	return func(ctx context.Context, w *wire) (any, error) {
		return exchange.Value(w.client.Apps(ctx, ids, q))
	}
}

func oneApp(ctx context.Context, w *wire) (any, error) {
	return exchange.Value(w.client.App(ctx, "1000000001", content.Query{}))
}

type (
	foundApps  = content.Found[content.App, vpp.AdamID]
	foundBooks = content.Found[content.Book, vpp.AdamID]
	foundItems = content.Found[content.LookupItem, vpp.AdamID]
)

func appReplays() []replay {
	mac := content.Query{Platform: content.PlatformMac}
	return []replay{
		{exchange: "apps/owned", call: ownedApps(adamIDs{"1000000001", "1000000009"}, content.Query{}), want: foundApps{
			Missing: adamIDs{"1000000009"},
			Items: []content.App{{
				ID: "1000000001", Type: content.TypeApps, Href: "/v1/catalog/us/apps/1000000001", Storefront: "us", Unknown: raw("meta", `{"a":1}`),
				Attributes: content.AppAttributes{
					Name: "Field Notes", ArtistName: "Example Ltd", URL: "https://apps.example.test/id1000000001", GenreDisplayName: "Productivity",
					DeviceFamilies: []content.DeviceFamily{content.FamilyIPhone, content.FamilyIPad, content.FamilyMac},
					IsB2BCustomApp: true, IsFirstPartyHideable: true, IsIOSAppOnMac: true, IsDeviceAssignable: true,
					HasEULA: true, SupportsDeviceSharing: true, UsesClassKit: true, TaxRate: 0.19,
					ContentRatings: map[string]content.ContentRating{"appsApple": {Name: "4+", Value: 100, Rank: 1, Advisories: []string{"Mild"}}},
					UserRating:     content.UserRating{Value: 4.5, RatingCount: 1200},
					PlatformAttributes: map[content.PlatformKey]content.AppAttributes{
						content.KeyIOS: {
							BundleID: "com.example.field", ExternalVersionID: 87654321, MinimumOSVersion: "16.0", IsVisionOSCompatible: true,
							MinimumVisionOSVersion: "1.0", RequiredCapabilities: "arm64 ", RequiredCapabilitiesForRealityDevice: "x",
							Seller: "Example Ltd.", Subtitle: "For the field",
							Artwork: content.Artwork{Width: 1024, Height: 1024, TemplateURL: "https://img.example/a/{w}x{h}bb.{f}", BgColor: "ffffff",
								TextColor1: "000001", TextColor2: "000002", TextColor3: "000003", TextColor4: "000004", HasP3: true,
								SupportsLayeredImage: true, Unknown: raw("gradient", `{"color":"aabbcc","y1":0.1,"y2":0.9}`)},
						},
						content.KeyMacOS: {MinimumMacOSVersion: "13.0", MacRequiredCapabilities: "arm64"},
					},
					Offers: []content.Offer{{Type: content.OfferGet, PriceFormatted: "$0.00", CurrencyCode: "USD",
						BuyParams: "pricingParameters=STDQ&appExtVrsId=87654321", Assets: []content.OfferAsset{{Flavor: "iosSoftware", Size: 123456}},
						OfferSummary: "free", ExpectedReleaseDate: "2027-01-01", RecurringSubscriptionPeriod: "P1Y", Unknown: raw("quantity", "3")}},
					Unknown: raw("editorialVideo", `{"x":1}`),
				},
				Relationships: content.AppRelationships{Genres: content.Relationship[content.Genre]{
					Href: "/v1/catalog/us/apps/1000000001/genres", Data: []content.Genre{{ID: "6007", Type: content.TypeGenres,
						Href: "/v1/catalog/us/genres/6007", Attributes: content.GenreAttributes{Name: "Productivity", URL: "https://g.example/6007"}}},
				}},
			}},
		}},
		{exchange: "apps/everything is asked for", call: publicApps(adamIDs{"7"}, content.Query{
			Storefront: "gb", Platform: content.PlatformIPhone, AdditionalPlatforms: []content.Platform{content.PlatformMac}, Language: "en-GB",
			Extend: []content.Extension{content.ExtendDescription, content.ExtendFileSizeByDevice, content.ExtendLanguageList,
				content.ExtendLatestVersionInfo, content.ExtendPrivacyPolicyURL, content.ExtendRequirementsByDeviceFamily,
				content.ExtendScreenshotsByType, content.ExtendSupportURLForLanguage, content.ExtendVersionHistory, content.ExtendWebsiteURL},
			Include: []string{"genres"}, Relate: []string{"genres"},
		}), want: foundApps{Items: []content.App{{ID: "7", Type: content.TypeApps, Storefront: "gb", Attributes: content.AppAttributes{
			BundleID: "com.example.flat", WatchBundleID: "com.example.watch", ExternalVersionID: 5, Subtitle: "flat",
			Description:      content.Description{Standard: "About it", Short: "It"},
			FileSizeByDevice: map[string]int64{"universal": 1000, "iPhone18,1": 900}, LanguageList: []string{"English", "German"},
			LatestVersionInfo: content.VersionInfo{VersionDisplay: "3.1", ReleaseDate: "2026-01-02", ReleaseTimestamp: "2026-01-02T03:04:05Z",
				ReleaseNotes: "Better.", ExternalVersionID: 5},
			PrivacyPolicyURL:           "https://p.example.test",
			RequirementsByDeviceFamily: map[string]jsontext.Value{"iphone": jsontext.Value(`{"requirementString":"iOS 16"}`)},
			ScreenshotsByType:          map[string][]content.Artwork{"iphone": {{TemplateURL: "https://img.example/s/{w}x{h}{c}.{f}", Width: 1170, Height: 2532}}},
			SupportURL:                 "https://s.example.test", VersionHistory: []content.VersionInfo{{VersionDisplay: "3.1"}, {VersionDisplay: "3.0"}},
			WebsiteURL: "https://w.example.test",
		}}}}},
		{exchange: "apps/one", call: oneApp, want: content.App{ID: "1000000001", Type: content.TypeApps, Storefront: "us"}},
		{exchange: "apps/one that is unknown", call: oneApp, refusal: &wireError{
			status: 404, is: content.ErrNotFound, requestID: "5b3c0001",
			reasons: []content.Reason{{ID: "ABC", Title: "Resource Not Found", Detail: "No such resource", Status: "404", Code: "40400"}},
			text:    `read an app: status 404 code "40400": not found in this storefront: "No such resource"`,
		}},
		{exchange: "apps/one with an answer of none", call: oneApp, refusal: &wireError{status: 200, is: content.ErrNotFound}},
		{exchange: "apps/none of several", call: publicApps(adamIDs{"1", "2", "1"}, mac), want: foundApps{Missing: adamIDs{"1", "2"}}},
		{exchange: "apps/odd members", call: ownedApps(adamIDs{"1", "2"}, content.Query{Platform: content.PlatformIPhone}), want: foundApps{Items: []content.App{
			{ID: "1", Storefront: "us", Attributes: content.AppAttributes{Name: "One"}},
			{ID: "2", Storefront: "us", Attributes: content.AppAttributes{
				ArtistName: "kept", Offers: []content.Offer{{Type: content.OfferBuy, Unknown: raw("price", `"free"`)}},
				PlatformAttributes: map[content.PlatformKey]content.AppAttributes{
					content.KeyIOS: {BundleID: "com.example.b", Artwork: content.Artwork{TemplateURL: "u", Unknown: raw("width", `"wide"`)},
						Unknown: raw("externalVersionId", `"9"`)},
					content.KeyMacOS: {Seller: "S", Unknown: raw("subtitle", `{"a":1}`)},
				},
				Unknown: vpp.Unknown{"name": jsontext.Value(`["x"]`), "hasEula": jsontext.Value(`"yes"`)},
			}, Relationships: content.AppRelationships{Genres: content.Relationship[content.Genre]{Data: []content.Genre{
				{ID: "6007", Attributes: content.GenreAttributes{ParentID: "36", Unknown: raw("name", "7")}},
			}}}},
		}}},
		{exchange: "apps/answer without data", call: publicApps(adamIDs{"1"}, mac), refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer,
			text: "read apps: status 200: the answer is not what was asked for: it has no data"}},
		{exchange: "apps/answer that is no JSON", call: publicApps(adamIDs{"1"}, mac), refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer}},
	}
}

func storefronts(q content.Query) func(context.Context, *wire) (any, error) {
	return func(ctx context.Context, w *wire) (any, error) { return w.client.Storefronts(ctx, q) }
}

func oneStorefront(id string, q content.Query) func(context.Context, *wire) (any, error) {
	return func(ctx context.Context, w *wire) (any, error) {
		return exchange.Value(w.client.Storefront(ctx, id, q))
	}
}

func search(q content.SearchQuery) func(context.Context, *wire) (any, error) {
	return func(ctx context.Context, w *wire) (any, error) { return exchange.Value(w.client.Search(ctx, q)) }
}

func purchases(ids content.ProductIDs, q content.Query) func(context.Context, *wire) (any, error) {
	return func(ctx context.Context, w *wire) (any, error) {
		return exchange.Value(w.client.Purchases(ctx, ids, q))
	}
}

func appGenres(ctx context.Context, w *wire) (any, error) {
	return w.client.AppGenres(ctx, "1000000001", content.Query{})
}

func otherReplays() []replay {
	genre := func(id content.ID) content.Genre {
		return content.Genre{ID: id, Type: content.TypeGenres, Storefront: "us"}
	}
	web := content.Query{Platform: content.PlatformWeb}
	return []replay{
		{exchange: "books/owned", call: func(ctx context.Context, w *wire) (any, error) {
			return exchange.Value(w.client.OwnedBooks(ctx, adamIDs{"1000000002"}, content.Query{}))
		}, want: foundBooks{Items: []content.Book{{
			ID: "1000000002", Type: content.TypeBooks, Href: "/v1/catalog/us/books/1000000002", Storefront: "us", Unknown: raw("views", "{}"),
			Attributes: content.BookAttributes{
				Name: "Soil", ArtistName: "A. Author", ISBN: "9780000000002", GenreNames: []string{"Science"},
				Artwork: content.Artwork{TemplateURL: "https://img.example/b/{w}x{h}bb.{f}", Width: 600, Height: 900, Unknown: raw("gradient", "{}")},
				Offers:  []content.Offer{{Type: content.OfferBuy, Price: 4.99}}, SeriesInfo: jsontext.Value(`{"seriesName":"Earth"}`),
				TaxRate: 0.07, URL: "https://books.example.test/2", UserRating: content.UserRating{Value: 4, RatingCount: 2},
				Unknown: raw("taxExclusivePrices", `[{"price":4.66}]`),
			},
			Relationships: content.BookRelationships{
				Genres: content.Relationship[content.Genre]{Data: []content.Genre{{ID: "9031"}}}, Unknown: raw("authors", `{"data":[]}`),
			},
		}}}},
		{exchange: "books/public", call: func(ctx context.Context, w *wire) (any, error) {
			return exchange.Value(w.client.Books(ctx, adamIDs{"1"}, content.Query{Platform: content.PlatformIPad,
				AdditionalPlatforms: []content.Platform{content.PlatformMac}, Include: []string{"genres"}, Relate: []string{"authors"}}))
		}, want: foundBooks{Items: []content.Book{{ID: "1", Storefront: "us"}}}},
		{exchange: "books/one", call: func(ctx context.Context, w *wire) (any, error) {
			return exchange.Value(w.client.Book(ctx, "1000000002", content.Query{}))
		}, want: content.Book{ID: "1000000002", Type: content.TypeBooks, Storefront: "us"}},

		{exchange: "purchases/of all types", call: purchases(content.ProductIDs{
			Apps: adamIDs{"1", "2", "1"}, Books: adamIDs{"3"}, InApps: adamIDs{"1000000501", "7"},
		}, content.Query{}), want: content.Purchases{
			Missing: content.ProductIDs{InApps: adamIDs{"7"}},
			Products: content.Products{
				Apps: []content.App{
					{ID: "1", Type: content.TypeApps, Storefront: "us", Attributes: content.AppAttributes{Name: "Field Notes"}},
					{ID: "2", Type: content.TypeApps, Storefront: "us", Attributes: content.AppAttributes{Name: "Two", Unknown: raw("hasEula", "7")}},
				},
				Books: []content.Book{{ID: "3", Type: content.TypeBooks, Storefront: "us", Attributes: content.BookAttributes{Name: "Soil"}}},
				InApps: []content.InApp{{
					ID: "1000000501", Type: content.TypeInApps, Href: "/v1/catalog/us/in-apps/1000000501", Storefront: "us",
					Attributes: content.InAppAttributes{
						Name: "Pro yearly", SubscriptionFamilyID: "21", SubscriptionFamilyName: "Pro", SubscriptionFamilyRank: 1,
						Artwork:          content.Artwork{TemplateURL: "https://img.example/i.{f}"},
						EditorialArtwork: map[string]content.Artwork{"banner": {TemplateURL: "https://img.example/e.{f}", Width: 4320}},
						Unknown:          raw("new", "1"),
					},
					Relationships: content.InAppRelationships{App: content.Relationship[content.App]{
						Data: []content.App{{ID: "1", Type: content.TypeApps, Attributes: content.AppAttributes{Name: "Field Notes"}}}}},
				}},
			},
		}},
		{exchange: "purchases/extended", call: purchases(content.ProductIDs{InApps: adamIDs{"5"}}, content.Query{
			Platform: content.PlatformMac, Extend: []content.Extension{content.ExtendDescription}, Include: []string{"app"}, Relate: []string{"app"},
		}), want: content.Purchases{Missing: content.ProductIDs{InApps: adamIDs{"5"}}}},

		{exchange: "genres/several", call: func(ctx context.Context, w *wire) (any, error) {
			return exchange.Value(w.client.Genres(ctx, []content.ID{"6007", "36", "9"}, content.Query{Language: "de-DE"}))
		}, want: content.Found[content.Genre, content.ID]{Missing: []content.ID{"9"}, Items: []content.Genre{
			{ID: "6007", Type: content.TypeGenres, Href: "/v1/catalog/us/genres/6007", Storefront: "us", Attributes: content.GenreAttributes{
				Name: "Productivity", URL: "https://g.example/6007", ParentID: "36", ParentName: "App Store", Unknown: raw("new", "true")}},
			{ID: "36", Type: content.TypeGenres, Storefront: "us", Attributes: content.GenreAttributes{Name: "App Store", URL: "https://g.example/36"}},
		}}},
		{exchange: "genres/one", call: oneGenre, want: genre("6007")},
		{exchange: "genres/of an app, in pages", call: appGenres, want: []content.Genre{genre("6007"), genre("6001")}},
		{exchange: "genres/of a book", call: func(ctx context.Context, w *wire) (any, error) {
			return w.client.BookGenres(ctx, "5", content.Query{Platform: content.PlatformMac, Include: []string{"x"}})
		}, want: []content.Genre{}},
		{exchange: "genres/of an app, with a next page that is none", call: appGenres, want: []content.Genre(nil),
			refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer}},

		{exchange: "search/for apps of a genre", call: search(content.SearchQuery{
			Term: "field notes", Types: []content.ResourceType{content.TypeApps}, Query: content.Query{Platform: content.PlatformIPhone},
			TargetPlatforms: []content.Platform{content.PlatformIPhone, content.PlatformMac}, Genres: []content.ID{"6007"},
		}), want: content.Products{
			Apps:   []content.App{{ID: "1000000001", Type: content.TypeApps, Storefront: "us"}},
			InApps: []content.InApp{{ID: "1000000501", Type: content.TypeInApps, Storefront: "us"}},
		}},
		{exchange: "search/for anything", call: search(content.SearchQuery{Term: "soil"}), want: content.Products{}},
		{exchange: "search/without results", call: search(content.SearchQuery{Query: web, Term: "soil", Types: []content.ResourceType{content.TypeBooks}}),
			refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer}},
		{exchange: "search/that is no JSON", call: search(content.SearchQuery{Query: web, Term: "soil", Types: []content.ResourceType{content.TypeBooks}}),
			refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer}},

		{exchange: "storefronts/all", call: storefronts(content.Query{}), want: []content.Storefront{
			{ID: "us", Type: content.TypeStorefronts, Attributes: content.StorefrontAttributes{Name: "United States", DefaultLanguageTag: "en-US",
				SupportedLanguageTags: []string{"en-US", "es-MX"}, Unknown: raw("explicitContentPolicy", `"allowed"`)}},
			{ID: "de", Type: content.TypeStorefronts},
		}},
		{exchange: "storefronts/all of a service that knows no offset", call: storefronts(content.Query{Platform: content.PlatformMac}),
			want: []content.Storefront{{ID: "us"}, {ID: "de"}}},
		{exchange: "storefronts/one", call: oneStorefront("DE", content.Query{Language: "en-GB"}), want: content.Storefront{
			ID: "de", Type: content.TypeStorefronts, Href: "/v1/storefronts/de", Attributes: content.StorefrontAttributes{
				Name: "Germany", DefaultLanguageTag: "de-DE", SupportedLanguageTags: []string{"de-DE", "en-GB"}}}},
		{exchange: "storefronts/one with an answer of none", call: oneStorefront("xx", content.Query{}),
			refusal: &wireError{status: 200, is: content.ErrNotFound}},
	}
}

func oneGenre(ctx context.Context, w *wire) (any, error) {
	return exchange.Value(w.client.Genre(ctx, "6007", content.Query{}))
}

func lookUp(id vpp.AdamID, q content.LookupQuery) func(context.Context, *wire) (any, error) {
	return func(ctx context.Context, w *wire) (any, error) {
		return exchange.Value(w.lookup.Items(ctx, adamIDs{id}, q))
	}
}

func lookupReplays() []replay {
	return []replay{
		{exchange: "lookup/every member, with texts", call: lookUp("1000000001", content.LookupQuery{}), want: foundItems{Items: []content.LookupItem{{
			ID: "1000000001", Kind: "iosSoftware", Name: "Field Notes", NameRaw: "Field Notes!", NameSortValue: "field", Subtitle: "For the field",
			BundleID: "com.example.field", WatchBundleID: "com.example.watch", ArtistName: "Example Ltd", ArtistID: "500000001",
			ArtistURL: "https://a.example.test", URL: "https://u.example.test", ShortURL: "https://s.example.test", Copyright: "(c) Example",
			Artwork: content.Artworks{{Width: 1024, Height: 1024, TemplateURL: "https://img.example/{w}x{h}bb.{f}", HasAlpha: true, BgColor: "ffffff"}},
			DeviceFamilies: []content.DeviceFamily{content.FamilyIPhone, content.FamilyIPad, content.FamilyIPod, content.FamilyMac,
				content.FamilyTVOS},
			MinimumOSVersion: "16.0", RequiredCapabilities: "arm64 ", ReleaseDate: "2024-05-06", LatestVersionReleaseDate: "Dec 19, 2025",
			WhatsNew: "More.", Description: content.Description{Standard: "About it"},
			Offers: []content.Offer{{Type: content.OfferGet, PriceFormatted: "$0.00", BuyParams: "x", Version: content.OfferVersion{Display: "3.1", ExternalID: 87654321},
				Assets: []content.OfferAsset{{Flavor: "iosSoftware", Size: 123456}}, Unknown: raw("actionText", `{"short":"GET"}`)}},
			IsB2BCustomApp: true, IsDeviceAssignable: true, IsFirstParty: true, IsFirstPartyHideable: true, HasInAppPurchases: true,
			HasMessagesExtension: true, Is32bitOnly: true, IsPreorder: true, IsAppleWatchSupported: true, IsSiriSupported: true,
			Genres:         []content.LookupGenre{{GenreID: "6007", Name: "Productivity", URL: "https://g.example.test", MediaType: "8"}},
			GenreNames:     []string{"Productivity"},
			ContentRatings: map[string]content.ContentRating{"appsApple": {Name: "4+", Value: 100, Rank: 1}},
			UserRating:     content.LookupRating{Value: 4.5, RatingCount: 1200, ValueCurrentVersion: 5, RatingCountCurrentVersion: 2},
			SoftwareInfo: content.SoftwareInfo{Seller: "Example Ltd.", LanguagesDisplayString: "English", RequirementsString: "iOS 16",
				EULAURL: "https://e.example.test", SupportURL: "https://h.example.test", WebsiteURL: "https://w.example.test"},
			Storefront: "us", Unknown: raw("contentRating", `{"system":"appsApple"}`),
		}}}},
		{exchange: "lookup/with numbers", call: lookUp("1000000001", content.LookupQuery{
			Storefront: "DE", Platform: content.PlatformMacAppStore, Language: "de",
		}), want: foundItems{Items: []content.LookupItem{{
			ID: "1000000001", ArtistID: "500000001", Genres: []content.LookupGenre{{GenreID: "6007"}},
			Artwork: content.Artworks{{Width: 60, Height: 60, TemplateURL: "https://img.example/60.png"},
				{Width: 512, Height: 512, TemplateURL: "https://img.example/512.png"}},
			Offers:     []content.Offer{{Version: content.OfferVersion{Display: "1.0"}}},
			Storefront: "de", Unknown: raw("isPreorder", `"no"`),
		}}}},
		{exchange: "lookup/missing", call: lookUp("9", content.LookupQuery{}), want: foundItems{Missing: adamIDs{"9"}}},
		{exchange: "lookup/without results", call: lookUp("9", content.LookupQuery{}), refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer}},
		{exchange: "lookup/no JSON", call: lookUp("9", content.LookupQuery{}), refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer}},
		{exchange: "lookup/failure", call: lookUp("9", content.LookupQuery{}), refusal: &wireError{status: 500, is: vpp.ErrServer,
			text: "look up apps and books: status 500: the service failed"}},

		{exchange: "home/a school in Austria", call: lookUp("9", content.LookupQuery{}),
			want: foundItems{Items: []content.LookupItem{{ID: "9", Storefront: "at"}}}},
		{exchange: "home/a lookup at a stranger's", call: lookUp("9", content.LookupQuery{}),
			want: foundItems{Items: []content.LookupItem{{ID: "9", Storefront: "us"}}}},
		{exchange: "home/no country", call: publicApps(adamIDs{"1"}, content.Query{}), refusal: &wireError{
			text: "read apps: Options.Storefront: must be set, for no client configuration names the country"}},
		{exchange: "home/revoked", call: lookUp("9", content.LookupQuery{}), refusal: &wireError{is: vpp.ErrTokenRevoked,
			text: "look up apps and books: read the client configuration: status 401 error 9625: the content token was revoked"}},
	}
}

func errorReplays() []replay {
	test := func(ctx context.Context, w *wire) (any, error) { return nil, w.client.Test(ctx) }
	return []replay{
		{exchange: "errors/test", call: test},
		{exchange: "errors/test, refused", call: test, refusal: &wireError{status: 401, is: content.ErrDeveloperToken}},
		{exchange: "errors/refused content token", call: ownedApps(adamIDs{"1"}, content.Query{Platform: content.PlatformIPhone}), refusal: &wireError{
			status: 403, is: vpp.ErrTokenInvalid, requestID: "5b3c0002", reasons: []content.Reason{{ID: "MRQ", Title: "Forbidden",
				Detail: "Invalid Stoken or Empty/Null ids Request Parameter", Status: "403", Code: "40300"}},
			text: `read owned apps: status 403 code "40300": the content token is not valid: "Invalid Stoken or Empty/Null ids Request Parameter"`,
		}},
		{exchange: "errors/forbidden", call: oneGenre, refusal: &wireError{status: 403, is: vpp.ErrForbidden,
			reasons: []content.Reason{{ID: "MRQ", Title: "Forbidden", Status: "403", Code: "40301"}}}},
		{exchange: "errors/bad request", call: oneGenre, refusal: &wireError{status: 400, is: vpp.ErrInvalidRequest,
			reasons: []content.Reason{{ID: "X", Title: "Bad Request", Status: "400", Code: "40005",
				Source: content.ReasonSource{Parameter: "platform", Pointer: "/a"}, Unknown: raw("new", "1")}, {ID: "Y"}},
			text: `read a genre: status 400 code "40005": the request is not valid: "Bad Request (platform)"`}},
		{exchange: "errors/too many requests", call: oneGenre, refusal: &wireError{status: 429, is: vpp.ErrTooManyRequests,
			retryAfter: 7 * time.Second, reasons: []content.Reason{{Code: "42900"}},
			text: `read a genre: status 429 code "42900": too many requests (retry after 7s)`}},
		{exchange: "errors/too many requests, bare", call: oneGenre, refusal: &wireError{status: 429, is: vpp.ErrTooManyRequests}},
		{exchange: "errors/unavailable", call: oneGenre, refusal: &wireError{status: 503, is: vpp.ErrMaintenance}},
		{exchange: "errors/failure", call: oneGenre, refusal: &wireError{status: 500, is: vpp.ErrServer,
			reasons: []content.Reason{{ID: "E", Title: "Internal", Detail: "Oops", Status: "500", Code: "50000"}}}},
		{exchange: "errors/redirect", call: oneGenre, refusal: &wireError{status: 302, is: vpp.ErrUnexpectedAnswer}},
		{exchange: "errors/no content", call: oneGenre, refusal: &wireError{status: 204, is: vpp.ErrUnexpectedAnswer}},
		{exchange: "errors/teapot", call: oneGenre, refusal: &wireError{status: 418}},
	}
}
