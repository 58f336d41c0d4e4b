package axmtest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/applemdm/applemdm/axm/axmtest"
)

// FuzzAPI sends anything to the APIs: whatever comes is answered, with JSON or with nothing.
func FuzzAPI(f *testing.F) {
	srv := axmtest.NewServer(nil)
	f.Cleanup(srv.Close)
	org := srv.AddOrg(axmtest.OrgOptions{})
	org.AddSerials("A", "B")
	server := org.AddServer(axmtest.MDMServer{ID: "S"})
	org.Apps.Add(axmtest.App{ID: "1"})
	org.Blueprints.Add(axmtest.Blueprint{ID: "b", Apps: []string{"1"}, Devices: []string{"A"}})
	bearer := "Bearer " + org.Account().AccessToken()
	for _, seed := range []struct{ method, path, body string }{
		{"GET", "orgDevices?limit=1&fields[orgDevices]=status", ""},
		{"GET", "orgDevices?cursor=MC4xLjAuYWI", ""},
		{"GET", "auditEvents?filter[startTimestamp]=2026-01-01T00:00:00Z&filter[endTimestamp]=2027-01-01T00:00:00Z", ""},
		{"GET", "blueprints/b?include=apps,orgDevices&limit[apps]=1", ""},
		{"POST", "orgDeviceActivities", activityText("ASSIGN_DEVICES", server, "2026-01-01T00:00:00Z", "A")},
		{"POST", "mdmServers", serverText("", `"serverName":"A",`+certText("MIIC"))},
		{"PATCH", "mdmServers/S", serverText("S", `"defaultProductFamilies":["IPAD"]`)},
		{"POST", "configurations", configText("", `"type":"CUSTOM_SETTING","name":"A","customSettingsValues":{"configurationProfile":"<plist><dict/></plist>"}`)},
		{"POST", "blueprints", blueprintText("", `"name":"a"`, relation("apps", "1")+","+relation("users", "u"))},
		{"DELETE", "blueprints/b/relationships/apps", linksText("apps", "1")},
	} {
		f.Add(seed.method, seed.path, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequest(method, "http://api-business.apple.com/v1/"+path, strings.NewReader(body))
		if err != nil {
			return // not a request
		}
		r.RequestURI = r.URL.RequestURI()
		r.Header.Set("Authorization", bearer)
		r.Header.Set("Accept", "application/json")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r)
		if w.Code < 200 || w.Code >= 500 {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		if text := w.Body.String(); text != "" && (!strings.HasPrefix(text, "{") || w.Header().Get("Content-Type") != "application/json") {
			t.Errorf("%s %s: %s %s", method, path, w.Header(), text)
		}
	})
}

// FuzzAssertion sends anything as an assertion: it is refused, and the reason is told to the test.
func FuzzAssertion(f *testing.F) {
	srv := axmtest.NewServer(nil)
	f.Cleanup(srv.Close)
	account := srv.AddOrg(axmtest.OrgOptions{}).Account()
	good := assertionOf(account, time.Now()).sign(f)
	f.Add(good[:len(good)-1])
	f.Add(strings.ToUpper(good))
	f.Add("e30.e30.e30")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		srv.ResetReceived()
		r := httptest.NewRequest("POST", "http://account.apple.com/auth/oauth2/token", strings.NewReader(form(account, text).Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r)
		if text != good && w.Code != 400 {
			t.Errorf("%q: %d %s", text, w.Code, w.Body)
		}
		if w.Code == 400 && len(srv.Violations()) == 0 {
			t.Errorf("%q: no reason", text)
		}
	})
}
