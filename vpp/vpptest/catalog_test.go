package vpptest_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

const lookupQuery = "/WebObjects/MZStorePlatform.woa/wa/lookup?version=2&p=mdm-lockup&caller=MDM&platform=enterprisestore&cc=us&l=en&id="

func TestLookup(t *testing.T) {
	c := start(t, nil)
	c.srv.AddContent(
		vpptest.Content{ID: "1000000001", Name: "Field Notes", BundleID: "com.example.field", Version: "3.1"},
		vpptest.Content{ID: "2", Custom: true}, vpptest.Content{ID: "3", Type: vpptest.Books, Storefronts: []string{"de"}, Price: 4.99},
		vpptest.Content{ID: "4", Type: vpptest.InApps},
	)
	c.loc.Buy(vpptest.Asset{AdamID: "2", Total: 1})
	cookie := http.Header{"Cookie": {"a=b; itvt=" + string(c.loc.Token())}, "Authorization": nil}
	type result struct {
		Results map[string]struct {
			ID      any             `json:"id"`
			Artwork json.RawMessage `json:"artwork"`
			Offers  []struct {
				Type    string `json:"type"`
				Version struct{ Display string }
			} `json:"offers"`
			BundleID string `json:"bundleId"`
			Kind     string `json:"kind"`
		} `json:"results"`
		Version       int `json:"version"`
		Authenticated *bool
		Meta          struct {
			Storefront struct{ ID, CC string } `json:"storefront"`
		} `json:"meta"`
	}
	get := func(query string, header http.Header) result {
		t.Helper()
		a := c.send("GET", query, "", header)
		if a.status != 200 || !strings.Contains(a.body, `"isAuthenticated":false`) {
			t.Error(a)
		}
		return decode[result](t, a)
	}
	first := get(lookupQuery+"1000000001", nil)
	app := first.Results["1000000001"]
	if app.ID != "1000000001" || app.Artwork[0] != '{' || app.BundleID != "com.example.field" || app.Offers[0].Version.Display != "3.1" ||
		first.Version != 2 || first.Meta.Storefront.ID != "143441" || first.Meta.Storefront.CC != "US" {
		t.Errorf("%+v", first)
	}
	second := get(lookupQuery+"1000000001", nil)
	if app := second.Results["1000000001"]; app.ID != 1000000001.0 || app.Artwork[0] != '[' || second.Version != 1 {
		t.Errorf("%+v", second)
	}
	for _, query := range []string{lookupQuery + "2", lookupQuery + "404", lookupQuery + "3", lookupQuery + "4"} {
		if r := get(query, nil); len(r.Results) != 0 {
			t.Errorf("%s: %+v", query, r)
		}
	}
	if r := get(lookupQuery+"2", cookie); len(r.Results) != 1 {
		t.Errorf("a custom app for its owner: %+v", r)
	}
	if r := get(strings.Replace(lookupQuery, "cc=us", "cc=DE", 1)+"3", nil); r.Results["3"].Offers[0].Type != "buy" || r.Results["3"].Kind != "ebook" {
		t.Errorf("%+v", r)
	}
	c.wantNoViolations()
	get(lookupQuery+"1000000001,2", cookie)
	c.wantViolation("list of identifiers")
	get(strings.Replace(lookupQuery, "p=mdm-lockup", "p=lockup", 1)+"1", nil)
	c.wantViolation("mdm-lockup")
	get(strings.Replace(lookupQuery, "enterprisestore", "windows", 1)+"1", nil)
	c.wantViolation("platform is")
	if a := c.send("POST", lookupQuery+"1", "", nil); a.status != 405 {
		t.Error(a)
	}
}

// organization sends a request of the metadata service for organizations.
func (c *client) organization(path string, header http.Header) answer {
	c.t.Helper()
	all := http.Header{"Authorization": {"Bearer " + c.srv.DeveloperToken()}, "Cookie": {"itvt=" + string(c.loc.Token())}}
	for name, values := range header {
		all[name] = values
	}
	return c.send("GET", "http://api.ent.apple.com/v1"+path, "", all)
}

func TestOrganizationCatalog(t *testing.T) {
	c := start(t, nil)
	c.srv.AddContent(
		vpptest.Content{ID: "1", Name: "Field Notes", BundleID: "com.example.field", DeviceFamilies: []string{"iphone", "ipad", "mac"}},
		vpptest.Content{ID: "2", Name: "Soil", Type: vpptest.Books, ISBN: "9780000000002", GenreIDs: []string{"9031"}},
		vpptest.Content{ID: "3", Name: "House Notes", Custom: true, MacApp: true, DeviceFamilies: []string{"mac", "tvos"}, Storefronts: []string{"us"}},
		vpptest.Content{ID: "5", Name: "Pro yearly", Type: vpptest.InApps, ParentID: "1"},
	)
	c.srv.AddGenres(vpptest.Genre{ID: "6001", Name: "Weather"})
	c.srv.AddStorefronts(vpptest.Storefront{ID: "fr", Name: "France", Language: "fr-FR"})
	for _, id := range []string{"1", "2", "3"} {
		c.loc.Buy(vpptest.Asset{AdamID: id, Total: 1})
	}
	c.post("/subscriptions/enable", "")
	_ = c.loc.BuySubscription(vpptest.Subscription{AdamID: 5, Renewing: 1})
	for _, tt := range []struct {
		path   string
		status int
		parts  []string
		absent string
	}{
		{"/test", 200, nil, ""},
		{"/catalog/us/stoken-authenticated-apps?platform=iphone&additionalPlatforms=mac&extend%5Bapps%5D=latestVersionInfo&ids=1,3,9", 200, []string{
			`{"data":[{"attributes":{"artistName":"Example Ltd","deviceFamilies":["iphone","ipad","mac"]`, `"isIOSBinaryMacOSCompatible":true`,
			`"platformAttributes":{"ios":{"artwork":{`, `"bundleId":"com.example.field"`, `"latestVersionInfo":{"releaseDate":"2025-12-19","versionDisplay":"1.0"}`,
			`"href":"/v1/catalog/us/apps/1","id":"1"`, `"isB2BCustomApp":true`, `{"osx":{"bundleId":""`, `"relationships":{"genres":{"data":[{"attributes":{"name":"Productivity"`}, `"id":"9"`},
		{"/catalog/de/stoken-authenticated-apps?platform=iphone&extend=description&ids=1,3", 200, []string{`"description":{"standard":"About Field Notes"}`, `"currencyCode":"EUR"`}, `"id":"3"`},
		{"/catalog/us/stoken-authenticated-apps?platform=appletv&ids=3", 200, []string{`"appletvos":`}, "userRating"},
		{"/catalog/us/stoken-authenticated-books?platform=iphone&ids=2", 200, []string{`"isbn":"9780000000002"`, `"genreNames":["Science"]`}, "platformAttributes"},
		{"/catalog/us/stoken-authenticated-purchases?platform=web&ids[apps]=3&ids[in-apps]=5", 200, []string{
			`"subscriptionFamilyName":"Pro yearly"`, `"relationships":{"app":{"data":[{`, `"osx":{`}, ""},
		{"/catalog/us/stoken-authenticated-apps?platform=iphone", 403, []string{`"code":"40300","detail":"Invalid Stoken or Empty/Null ids Request Parameter"`}, "data"},
		{"/catalog/us/apps/1?platform=iphone", 200, []string{`"id":"1"`}, ""},
		{"/catalog/us/apps/3?platform=iphone", 404, []string{`"status":"404"`}, "data"},
		{"/catalog/us/apps/1/genres?platform=iphone", 200, []string{`"data":[{"attributes":{"name":"Productivity"`}, ""},
		{"/catalog/us/apps/1/friends?platform=iphone", 404, nil, ""},
		{"/catalog/us/apps?platform=iphone&ids=1,3,9", 200, []string{`"id":"1"`}, `"id":"3"`},
		{"/catalog/us/apps?platform=iphone&ids=9", 200, []string{`{"data":[]}`}, ""},
		{"/catalog/us/apps?platform=iphone", 400, nil, ""},
		{"/catalog/us/apps?platform=iphone&ids=" + strings.Repeat("1,", 100) + "1", 400, []string{"1 to 100"}, ""},
		{"/catalog/us/books?platform=iphone&ids=" + strings.Repeat("2,", 149) + "2", 200, nil, ""},
		{"/catalog/us/books/2?platform=iphone", 200, []string{`"type":"books"`}, ""},
		{"/catalog/us/apps?ids=1", 400, []string{"No platform"}, ""},
		{"/catalog/us/apps?ids=1&platform=xbox", 400, nil, ""},
		{"/catalog/us/search?platform=iphone&types=apps&term=notes&filter[genre]=6007", 200, []string{`{"results":{"contents":[{`, `"id":"1"`}, `"id":"3"`},
		{"/catalog/us/search?platform=iphone&types=apps&term=notes&filter[genre]=1", 200, []string{`{"results":{"contents":[]}}`}, ""},
		{"/catalog/us/search?platform=iphone&types=apps", 400, nil, ""},
		{"/catalog/us/genres/6007", 200, []string{`"parentId":"36","parentName":"App Store"`}, ""},
		{"/catalog/us/genres?ids=6001,6007", 200, []string{"Weather", "Productivity"}, ""},
		{"/catalog/us/genres/1", 404, nil, ""},
		{"/catalog/xx/genres/6007", 404, nil, ""},
		{"/storefronts?platform=web", 200, []string{`"name":"France"`, `"id":"gb"`}, ""},
		{"/storefronts?platform=web&limit=1&offset=1", 200, []string{`{"data":[{"attributes":{"defaultLanguageTag":"de-DE","name":"Germany","supportedLanguageTags":["de-DE","en-GB"]},` +
			`"href":"/v1/storefronts/de","id":"de","type":"storefronts"}]}`}, ""},
		{"/storefronts?limit=x", 400, nil, ""},
		{"/storefronts/de?platform=web", 200, []string{`"id":"de"`}, `"id":"us"`},
		{"/storefronts/xx?platform=web", 404, nil, ""},
	} {
		a := c.organization(tt.path, nil)
		if a.status != tt.status || tt.absent != "" && strings.Contains(a.body, tt.absent) {
			t.Errorf("%s: %v, want %d without %s", tt.path, a, tt.status, tt.absent)
		}
		for _, part := range tt.parts {
			if !strings.Contains(a.body, part) {
				t.Errorf("%s: %v lacks %s", tt.path, a, part)
			}
		}
	}
	c.wantNoViolations()
	for _, path := range []string{"/catalog/us", "/catalog/us/songs?platform=web", "/nothing"} {
		if a := c.organization(path, nil); a.status != 404 {
			t.Errorf("%s: %v", path, a)
		}
		c.wantViolation("unknown path")
	}
	owned := "/catalog/us/stoken-authenticated-apps?platform=iphone&ids=1"
	if a := c.organization(owned, http.Header{"Cookie": {"itvt=abc"}}); a.status != 403 {
		t.Error(a)
	}
	inner, _ := base64.StdEncoding.DecodeString(string(c.loc.Token()))
	if a := c.organization(owned, http.Header{"Cookie": {"itvt=" + base64.StdEncoding.EncodeToString(append(inner, ' '))}}); a.status != 403 {
		t.Error(a)
	}
	c.wantViolation("encoded anew")
	c.loc.RevokeTokens()
	if a := c.organization(owned, nil); a.status != 403 {
		t.Error(a)
	}
	c.srv.Fail(vpptest.CatalogFault(429))
	if a := c.organization(owned, nil); a.status != 429 || !strings.Contains(a.body, `"code":"42900"`) {
		t.Error(a)
	}
	c.srv.SetUnavailable(true)
	if a := c.organization(owned, nil); a.status != 503 {
		t.Error(a)
	}
}

// jws signs a token by hand.
func jws(t *testing.T, key *ecdsa.PrivateKey, header, claims string) string {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestDeveloperToken(t *testing.T) {
	c := start(t, nil)
	dk := c.srv.DeveloperKey()
	block, _ := pem.Decode(dk.P8)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil || len(dk.KeyID) != 10 || len(dk.TeamID) != 10 {
		t.Fatalf("%v: %+v", err, dk)
	}
	key := parsed.(*ecdsa.PrivateKey)
	now := time.Now().Unix()
	header := fmt.Sprintf(`{"alg":"ES256","kid":%q}`, dk.KeyID)
	claims := func(iss string, iat, exp int64, more string) string {
		return fmt.Sprintf(`{"iss":%q,"iat":%d,"exp":%d%s}`, iss, iat, exp, more)
	}
	good := claims(dk.TeamID, now, now+60, "")
	asn1 := func() string {
		text := strings.Join(strings.Split(jws(t, key, header, good), ".")[:2], ".")
		sum := sha256.Sum256([]byte(text))
		sig, _ := ecdsa.SignASN1(rand.Reader, key, sum[:])
		return text + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	for _, tt := range []struct{ name, token, origin, why string }{
		{"good", jws(t, key, header, good), "", ""},
		{"six months", jws(t, key, header, claims(dk.TeamID, now, now+15_776_000, "")), "", ""},
		{"origin", jws(t, key, header, claims(dk.TeamID, now, now+60, `,"origin":["https://a.example"]`)), "https://a.example", ""},
		{"other origin", jws(t, key, header, claims(dk.TeamID, now, now+60, `,"origin":["https://a.example"]`)), "https://b.example", "origin"},
		{"too long", jws(t, key, header, claims(dk.TeamID, now, now+15_778_000, "")), "", "15777000"},
		{"expired", jws(t, key, header, claims(dk.TeamID, now-60, now-1, "")), "", "expired"},
		{"future", jws(t, key, header, claims(dk.TeamID, now+600, now+900, "")), "", "iat"},
		{"other team", jws(t, key, header, claims("TEAM", now, now+60, "")), "", "iss"},
		{"other key", jws(t, key, `{"alg":"ES256","kid":"K"}`, good), "", "key identifier"},
		{"other algorithm", jws(t, key, `{"alg":"none","kid":"K"}`, good), "", "ES256"},
		{"ASN.1", asn1(), "", "64 bytes"},
		{"changed", jws(t, key, header, good)[:90] + "A" + jws(t, key, header, good)[91:], "", ""},
		{"nonsense", "a.b.c", "", "not a JWS"},
		{"no token", "abc", "", "no developer token"},
	} {
		h := http.Header{"Authorization": {"Bearer " + tt.token}, "Origin": {tt.origin}}
		a := c.organization("/test", h)
		switch {
		case tt.name == "changed":
			if a.status != 401 {
				t.Errorf("%s: %v", tt.name, a)
			}
			c.srv.ResetReceived()
		case tt.why == "":
			if a.status != 200 {
				t.Errorf("%s: %v", tt.name, a)
			}
			c.wantNoViolations()
		default:
			if a.status != 401 || a.body != "{}" {
				t.Errorf("%s: %v", tt.name, a)
			}
			c.wantViolation(tt.why)
		}
	}
	old := c.srv.DeveloperToken()
	c.srv.RevokeDeveloperKey()
	if a := c.organization("/test", http.Header{"Authorization": {"Bearer " + old}}); a.status != 401 {
		t.Error(a)
	}
	if c.srv.DeveloperKey().KeyID == dk.KeyID {
		t.Error("the same key again")
	}
	if _, err := url.Parse(c.srv.URL); err != nil {
		t.Error(err)
	}
}
