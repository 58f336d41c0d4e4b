package content

import (
	"bytes"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/rest"
)

// seedJSON adds texts, and each of them cut off in the middle.
func seedJSON(f *testing.F, texts ...string) {
	for _, text := range texts {
		f.Add([]byte(text))
		f.Add([]byte(text[:len(text)/2]))
	}
}

// checkDecoding decodes data into a new T. What can be decoded must encode, and decode to the same.
func checkDecoding[T any](t *testing.T, data []byte) {
	var first, second T
	if decode(data, &first) != nil {
		return
	}
	text := encoded(t, data, &first)
	if err := decode(text, &second); err != nil {
		t.Fatalf("%q became %q, which cannot be decoded: %v", data, text, err)
	}
	if again := encoded(t, data, &second); !bytes.Equal(text, again) {
		t.Fatalf("%q became %q and then %q", data, text, again)
	}
}

func encoded(t *testing.T, data []byte, v any) []byte {
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatalf("%q was decoded but cannot be encoded: %v", data, err)
	}
	value := jsontext.Value(text)
	if err := value.Canonicalize(); err != nil {
		t.Fatalf("%q became %q: %v", data, text, err)
	}
	return value
}

func FuzzAnswer(f *testing.F) {
	seedJSON(f,
		`{"id":1,"type":"apps","attributes":{"name":"a","offers":[{"price":"x","assets":[{"size":1}]}],"platformAttributes":{"ios":{"artwork":{"url":"u","width":1e9},"platformAttributes":{"a":{"name":[]}}},"osx":7}},"relationships":{"genres":{"data":[{"id":"6007","attributes":{"parentId":36}}],"next":5}}}`,
		`{"id":"2","type":"books","attributes":{"genreNames":["a"],"seriesInfo":{"x":{"y":1,"y":2}},"taxRate":0.1,"artwork":[]}}`,
		`{"id":"3","type":"in-apps","attributes":{"editorialArtwork":{"a":{"hasP3":1}},"subscriptionFamilyRank":9999999999},"relationships":{"app":{"data":[{"type":"apps","id":null}]}}}`,
		`{"id":"1000000001","artistId":500000001,"artwork":[{"url":"a"},{"width":"b"}],"offers":[{"version":{"externalId":"1"}}],"softwareInfo":{"privacyPolicyUrl":null},"isPreorder":"no","genres":[{"genreId":6007}]}`,
		`{"id":"4","artwork":{"url":"{w}x{h}"},"userRating":{"value":4.5},"contentRatingsBySystem":{"a":{"value":"x"}}}`,
		`{"id":"us","type":"storefronts","attributes":{"supportedLanguageTags":["en-US"],"name":7}}`,
		`{"type":"apps","type":"books"}`, `{"type":{"type":"apps"}}`, `{"id":true,"type":"songs"}`, `{"attributes":"\ud800"}`,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkDecoding[App](t, data)
		checkDecoding[Book](t, data)
		checkDecoding[InApp](t, data)
		checkDecoding[Genre](t, data)
		checkDecoding[Storefront](t, data)
		checkDecoding[Resource](t, data)
		checkDecoding[LookupItem](t, data)
		var p product
		if decode(data, &p) == nil {
			_, storefront := p.key()
			*storefront = "us"
			new(Products).add(p)
		}
		var app App
		if decode(data, &app) == nil {
			_, _ = app.Attributes.On(KeyIOS)
			_ = app.Attributes.OnlyIOSOnMac()
			_ = app.Attributes.Artwork.URL(512, 512, "png")
		}
		var item LookupItem
		if decode(data, &item) == nil {
			_ = item.Artwork.URL(512, 512, "png") + item.Version()
		}
	})
}

func FuzzRefusal(f *testing.F) {
	seedJSON(f,
		`{"errors":[{"id":"X","title":"Forbidden","detail":"Invalid Stoken","status":"403","code":"40300","source":{"parameter":"ids"}}]}`,
		`{"errors":[{"code":40300}]}`, `{"errors":{}}`, `{"errors":[{}]}`, `<html>`, `{}`,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, status := range []int{204, 302, 400, 401, 403, 404, 429, 500, 503} {
			e := refusal("op", &rest.Response{Status: status, Body: data}, true, true)
			text := e.Error()
			if e.StatusCode != status || e.Err == nil || len(text) > 2000 || bytes.ContainsAny([]byte(text), "\r\n") {
				t.Fatalf("%q: %q", data, text)
			}
		}
	})
}

func FuzzNextPage(f *testing.F) {
	for _, next := range []string{"/v1/catalog/us/apps/1/genres?offset=10", "?a=b&a=c&%zz", "https://evil.test/?l=de", "", "::", "?"} {
		f.Add(next)
	}
	f.Fuzz(func(t *testing.T, next string) {
		own := url.Values{"platform": {"iphone"}}
		merged, err := nextQuery(own, next)
		if (merged == nil) != (err != nil) || len(own) != 1 || err == nil && merged.Get("platform") == "" && !merged.Has("platform") {
			t.Fatalf("%q: %v, %v, %v", next, merged, err, own)
		}
	})
}

func FuzzDeveloperKey(f *testing.F) {
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEH\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := ParseDeveloperKey("TEAM123456", "KEY1234567", data)
		if err == nil {
			_, err = key.DeveloperToken(t.Context())
		}
		if (key == nil) != (err != nil) {
			t.Fatalf("%v, %v", key, err)
		}
	})
}

func TestClockOff(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for date, want := range map[string]time.Duration{
		"": 0, "soon": 0,
		now.Add(59 * time.Second).Format(http.TimeFormat):  0,
		now.Add(-59 * time.Second).Format(http.TimeFormat): 0,
		now.Add(2 * time.Minute).Format(http.TimeFormat):   -2 * time.Minute,
		now.Add(-2 * time.Hour).Format(http.TimeFormat):    2 * time.Hour,
	} {
		if got := clockOff(date, now); got != want {
			t.Errorf("%s: %v, want %v", date, got, want)
		}
	}
}
