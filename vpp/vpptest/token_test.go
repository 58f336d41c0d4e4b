package vpptest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

func bearer(token string) http.Header { return http.Header{"Authorization": {token}} }

func TestTokenFile(t *testing.T) {
	srv := vpptest.NewServer(nil)
	defer srv.Close()
	expires := time.Date(2027, 3, 4, 9, 10, 11, 0, time.UTC)
	loc := srv.AddLocation(vpptest.LocationOptions{OrgName: "Example School District", Token: vpptest.TokenOptions{
		Secret: "QUJDREVGZ2hpams=", Expires: expires,
	}})
	compact, err := base64.StdEncoding.DecodeString(string(loc.Token()))
	if want := `{"expDate":"2027-03-04T09:10:11+0000","token":"QUJDREVGZ2hpams=","orgName":"Example School District"}`; err != nil || string(compact) != want {
		t.Errorf("%v: %s", err, compact)
	}
	pretty := loc.IssueToken(vpptest.TokenOptions{Pretty: true, Newline: true})
	if pretty[len(pretty)-1] != '\n' || string(pretty) != string(loc.Token()) {
		t.Errorf("pretty token %q", pretty)
	}
	inner, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(pretty)))
	var fields map[string]string
	if err != nil || json.Unmarshal(inner, &fields) != nil || len(fields) != 3 || !strings.HasPrefix(string(inner), "{\n  \"") {
		t.Errorf("%v: %s", err, inner)
	}
}

func TestAuthorization(t *testing.T) {
	c := start(t, nil)
	token := string(c.loc.Token())
	inner, _ := base64.StdEncoding.DecodeString(token)
	secret := strings.Split(string(inner), `"`)[7]
	again := base64.StdEncoding.EncodeToString(append([]byte(" "), inner...))
	for _, tt := range []struct {
		name   string
		header []string
		number int
		note   string
	}{
		{"none", nil, 9601, ""},
		{"basic", []string{"Basic abc"}, 9722, ""},
		{"empty", []string{"Bearer "}, 9722, ""},
		{"small letters", []string{"bearer " + token}, 9722, ""},
		{"unknown", []string{"Bearer abc"}, 9601, ""},
		{"two headers", []string{"Bearer " + token, "Bearer " + token}, 9722, "2 Authorization headers"},
		{"encoded anew", []string{"Bearer " + again}, 9601, "encoded anew"},
		{"two blanks", []string{"Bearer  " + token}, 9601, "white space"},
		{"inner token", []string{"Bearer " + secret}, 9601, "without its envelope"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			a := c.send("GET", "/mdm/v2/client/config", "", http.Header{"Authorization": tt.header})
			if got := decode[failed](t, a); a.status != 401 || got.Number != tt.number || got.Message == "" || strings.Contains(a.body, token) {
				t.Errorf("%v", a)
			}
			if tt.note != "" {
				c.wantViolation(tt.note)
			}
			c.wantNoViolations()
		})
	}
}

func TestTokenStates(t *testing.T) {
	c := start(t, nil)
	first := c.loc.Token()
	second := c.loc.IssueToken(vpptest.TokenOptions{})
	get := func(token []byte, status, number int) {
		t.Helper()
		a := c.send("GET", "/mdm/v2/client/config", "", bearer("Bearer "+string(token)))
		if a.status != status || status != 200 && decode[failed](t, a).Number != number {
			t.Errorf("%v, want %d %d", a, status, number)
		}
	}
	get(first, 200, 0)
	get(second, 200, 0)
	if !c.loc.RevokeToken(first) || c.loc.RevokeToken([]byte("other")) {
		t.Error("RevokeToken")
	}
	get(first, 401, 9625)
	get(second, 200, 0)
	c.loc.ExpireTokens()
	get(second, 401, 9621)
	c.loc.RevokeTokens()
	get(second, 401, 9625)
	get(c.loc.IssueToken(vpptest.TokenOptions{UserBased: true}), 403, 9647)

	readOnly := "Bearer " + string(c.loc.IssueToken(vpptest.TokenOptions{ReadOnly: true}))
	c.header = bearer(readOnly)
	c.want("/assets", "", 200, "")
	c.wantError("/users/create", `{"users":[{"clientUserId":"u"}]}`, 403, 9637)
	c.wantNoViolations()
}

func TestTokenExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := vpptest.NewServer(nil)
		defer srv.Close()
		c := clientOf(t, srv, srv.AddLocation(vpptest.LocationOptions{Token: vpptest.TokenOptions{
			Expires: time.Date(2000, 1, 31, 0, 0, 0, 0, time.UTC),
		}}))
		tells := func() bool {
			return strings.Contains(c.want("/client/config", "", 200, "").body, `"tokenExpirationDate":"2000-01-31T00:00:00+0000"`)
		}
		if tells() {
			t.Error("the expiry is told 30 days before")
		}
		time.Sleep(15 * 24 * time.Hour)
		if !tells() {
			t.Error("the expiry is not told 15 days before")
		}
		time.Sleep(15*24*time.Hour - time.Nanosecond)
		tells()
		time.Sleep(time.Nanosecond)
		c.wantError("/client/config", "", 401, 9621)
		c.wantNoViolations()
	})
}

func TestAlwaysTellExpiry(t *testing.T) {
	c := start(t, &vpptest.Options{AlwaysTellExpiry: true, NullMdmInfo: true})
	if a := c.get("/users"); !strings.Contains(a.body, `"tokenExpirationDate":`) || !strings.Contains(a.body, `"mdmInfo":null`) {
		t.Error(a)
	}
}

func TestLocations(t *testing.T) {
	c := start(t, nil)
	other := c.srv.AddLocation(vpptest.LocationOptions{UID: "77", Name: "Zweigstelle", Country: "DE", Platform: "volumestore"})
	if other.UID() != "77" || len(c.srv.Locations()) != 2 || c.srv.Locations()[1] != other {
		t.Errorf("locations %v", c.srv.Locations())
	}
	version := c.version("/users")
	id := c.event("/users/create", `{"users":[{"clientUserId":"u"}]}`)
	c.want("/client/config", "", 200, `{"countryISO2ACode":"US","defaultPlatform":"enterprisestore","locationName":"Location 1",`+
		`"uId":"2049000000000001","websiteURL":"https://business.apple.com"}`)
	d := clientOf(t, c.srv, other)
	d.want("/client/config", "", 200, `{"countryISO2ACode":"DE","defaultPlatform":"volumestore","locationName":"Zweigstelle",`+
		`"uId":"77","websiteURL":"https://school.apple.com"}`)
	d.wantError("/status?eventId="+id, "", 400, 9708)
	d.wantError("/users?sinceVersionId="+version, "", 400, 9721)
	d.want("/users", "", 200, `{"currentPageIndex":0,"size":0,"totalPages":0,"uId":"77","users":[],"versionId":"`+d.version("/users")+`"}`)
	c.wantNoViolations()
}
