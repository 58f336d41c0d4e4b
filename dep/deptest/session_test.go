package deptest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/dep/deptest"
)

// vectorToken is the token of the published test vector.
func vectorToken() deptest.Token {
	return deptest.Token{
		ConsumerKey: "CK_demo0001", ConsumerSecret: "CS_demo0003",
		AccessToken: "AT_demo0002", AccessSecret: "AS_demo0004",
	}
}

// The signature of this test was computed elsewhere, for the production URL.
func TestSignatureVector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(1767225600, 0)))
		srv := deptest.NewServer(&deptest.Options{Token: vectorToken(), ExternalURL: "https://mdmenrollment.apple.com/"})
		t.Cleanup(srv.Close)
		c := clientOf(t, srv)
		o := c.oauth()
		o.params["oauth_nonce"] = "a1b2c3d4e5f60718"
		a := c.send("GET", "/session", "", o.header("4T1tTjLnTC0uqZB9h4FrxUNGpiY="))
		if a.status != 200 || !regexp.MustCompile(`^{"auth_session_token":"\d+O1O[0-9A-F]{80}"}$`).MatchString(a.body) {
			t.Errorf("answer %v", a)
		}
		if got := a.header.Get("Content-Type"); got != "application/json;charset=UTF8" {
			t.Errorf("Content-Type %q", got)
		}
		time.Sleep(4 * time.Minute)
		if a := c.send("GET", "/session", "", o.header("4T1tTjLnTC0uqZB9h4FrxUNGpiY=")); a.String() != "401 oauth_problem_adviceUnauthorized" {
			t.Errorf("the nonce a second time: %v", a)
		}
		c.wantViolation("oauth_nonce was used before")
	})
}

func (c *client) wantViolation(part string) {
	c.t.Helper()
	for _, v := range c.srv.Violations() {
		if strings.Contains(v, part) {
			return
		}
	}
	c.t.Errorf("no violation says %q: %q", part, c.srv.Violations())
}

func TestOAuthRefusals(t *testing.T) {
	const bad, unauthorized = "400 oauth_problem_adviceBad Request", "401 oauth_problem_adviceUnauthorized"
	remove := func(name string) func(*oauth) {
		return func(o *oauth) {
			for i, n := range o.order {
				if n == name {
					o.order = append(o.order[:i:i], o.order[i+1:]...)
				}
			}
		}
	}
	set := func(name, value string) func(*oauth) {
		return func(o *oauth) {
			if _, ok := o.params[name]; !ok {
				o.order = append(o.order, name)
			}
			o.params[name] = value
		}
	}
	skewed := func(by time.Duration) func(*oauth) {
		return set("oauth_timestamp", strconv.FormatInt(time.Now().Add(by).Unix(), 10))
	}
	c := newClient(t, nil)
	for _, tc := range []struct {
		name  string
		spoil func(*oauth)
		want  string
	}{
		{"nothing wrong", func(*oauth) {}, "200"},
		{"without realm", remove("realm"), "200"},
		{"without consumer key", remove("oauth_consumer_key"), bad},
		{"without token", remove("oauth_token"), bad},
		{"without method", remove("oauth_signature_method"), bad},
		{"without time stamp", remove("oauth_timestamp"), bad},
		{"without nonce", remove("oauth_nonce"), bad},
		{"duplicate", func(o *oauth) { o.order = append(o.order, "oauth_nonce") }, bad},
		{"another parameter", set("oauth_callback", "oob"), bad},
		{"another method", set("oauth_signature_method", "PLAINTEXT"), bad},
		{"another version", set("oauth_version", "2.0"), bad},
		{"consumer key", set("oauth_consumer_key", "CK_other"), unauthorized},
		{"token", set("oauth_token", "AT_other"), unauthorized},
		{"time stamp in words", set("oauth_timestamp", "now"), unauthorized},
		{"early", skewed(-6 * time.Minute), unauthorized},
		{"late", skewed(6 * time.Minute), unauthorized},
		{"a little late", skewed(4 * time.Minute), "200"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := c.oauth()
			tc.spoil(&o)
			a := c.send("GET", "/session", "", o.header(signature(c.base+"/session", o.params, c.token.ConsumerSecret, c.token.AccessSecret)))
			if got := a.String(); got != tc.want && fmt.Sprint(a.status) != tc.want {
				t.Errorf("got %v, want %s", a, tc.want)
			}
		})
	}
	o := c.oauth()
	good := signature(c.base+"/session", o.params, c.token.ConsumerSecret, c.token.AccessSecret)
	for name, header := range map[string]http.Header{
		"none":          {},
		"two":           {"Authorization": {o.header(good).Get("Authorization"), o.header(good).Get("Authorization")}},
		"basic":         {"Authorization": {"Basic eDp5"}},
		"no signature":  o.header(""),
		"no quotes":     {"Authorization": {"OAuth oauth_nonce=1"}},
		"not encoded":   {"Authorization": {`OAuth oauth_nonce="%zz"`}},
		"empty":         {"Authorization": {"OAuth "}},
		"without value": {"Authorization": {"OAuth oauth_nonce"}},
	} {
		if a := c.send("GET", "/session", "", header); a.String() != bad {
			t.Errorf("authorization %s: %v", name, a)
		}
	}
	for name, sig := range map[string]string{
		"another secret": signature(c.base+"/session", o.params, "CS_other", c.token.AccessSecret),
		"another URL":    signature("https://mdmenrollment.apple.com/session", o.params, c.token.ConsumerSecret, c.token.AccessSecret),
		"not base64":     "???",
	} {
		if a := c.send("GET", "/session", "", o.header(sig)); a.String() != unauthorized {
			t.Errorf("signature with %s: %v", name, a)
		}
	}
	if a := c.send("GET", "/session?x=1", "", o.header(good)); a.String() != bad {
		t.Errorf("with a query: %v", a)
	}
	if a := c.send("POST", "/session", "", o.header(good)); a.String() != "405 " || a.header.Get("Content-Type") != "" {
		t.Errorf("POST: %v", a)
	}
}

func TestTokenLifeCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, nil)
		if want := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC); !c.token.Expiry.Equal(want) {
			t.Errorf("expiry %v", c.token.Expiry)
		}
		c.want("GET", "/account", "", 200, "")
		old := c.token
		renewed := c.srv.RenewToken()
		if renewed.ConsumerKey != old.ConsumerKey || renewed.AccessToken == old.AccessToken || renewed.AccessSecret == old.AccessSecret {
			t.Errorf("renewed token %+v", renewed)
		}
		c.want("GET", "/account", "", 403, "token_rejectedForbidden")
		c.token = c.srv.Token()
		diff(t, "the token in force", c.token, renewed)
		c.want("GET", "/account", "", 200, "")

		c.srv.RevokeToken()
		c.want("GET", "/account", "", 403, "token_rejectedForbidden")
		c.token = c.srv.RenewToken()
		c.want("GET", "/account", "", 200, "")
		time.Sleep(366 * 24 * time.Hour)
		c.want("GET", "/account", "", 403, "token_expiredForbidden")
		c.srv.SetTokenExpiry(time.Now().Add(time.Hour))
		c.want("GET", "/account", "", 200, "")
		c.wantNoViolations()
	})
}

func TestTokenLifeOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, &deptest.Options{TokenLife: time.Minute})
		c.want("GET", "/account", "", 200, "")
		time.Sleep(time.Minute)
		c.want("GET", "/account", "", 403, "token_expiredForbidden")
	})
}

func TestStates(t *testing.T) {
	for _, tc := range []struct {
		word string
		set  func(*deptest.Server, bool)
	}{
		{"T_C_NOT_SIGNED", func(s *deptest.Server, on bool) { s.SetTermsSigned(!on) }},
		{"ACCESS_DENIED", (*deptest.Server).SetAccessDenied},
		{"SERVER_INACTIVE", (*deptest.Server).SetServerInactive},
		{"FORBIDDEN", (*deptest.Server).SetForbidden},
	} {
		t.Run(tc.word, func(t *testing.T) {
			c := newClient(t, nil)
			c.want("GET", "/account", "", 200, "")
			tc.set(c.srv, true)
			a := c.want("GET", "/account", "", 403, tc.word)
			if a.header.Get("Content-Type") != "text/plain;charset=UTF8" || len(a.header.Get("X-Apple-Request-UUID")) != 36 {
				t.Errorf("header %v", a.header)
			}
			if a := c.login(); a.String() != "403 "+tc.word {
				t.Errorf("/session: %v", a)
			}
			tc.set(c.srv, false)
			c.want("GET", "/account", "", 200, "")
		})
	}
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, &deptest.Options{SessionLife: 3 * time.Minute, SessionCalls: 4})
		if a := c.send("GET", "/account", "", nil); a.String() != "401 UNAUTHORIZED" {
			t.Errorf("without a session: %v", a)
		}
		if a := c.send("GET", "/account", "", http.Header{"X-Adm-Auth-Session": {"made up"}}); a.String() != "401 UNAUTHORIZED" {
			t.Errorf("with a session made up: %v", a)
		}
		logins := func(want int) {
			t.Helper()
			c.want("GET", "/account", "", 200, "")
			if got := c.srv.Logins(); got != want {
				t.Errorf("%d logins, want %d", got, want)
			}
		}
		logins(1)
		time.Sleep(3*time.Minute - 1)
		logins(1)
		time.Sleep(time.Nanosecond)
		logins(2)
		for range 3 {
			logins(2)
		}
		logins(3) // the fifth call
		c.srv.ExpireSessions()
		logins(4)
	})
}

func TestRotation(t *testing.T) {
	for _, drop := range []bool{false, true} {
		c := newClient(t, &deptest.Options{DropRotated: drop})
		c.srv.RotateSessions(2)
		c.want("GET", "/account", "", 200, "")
		old := c.session
		c.want("GET", "/account", "", 200, "")
		if c.session == old {
			t.Fatal("the second call did not hand out another session")
		}
		c.want("GET", "/account", "", 200, "")
		a := c.send("GET", "/account", "", http.Header{"X-Adm-Auth-Session": {old}})
		if (a.status == 401) != drop {
			t.Errorf("drop %v: the old session gets %v", drop, a)
		}
		if c.srv.Logins() != 1 {
			t.Errorf("%d logins", c.srv.Logins())
		}
	}
}

func TestSingleSession(t *testing.T) {
	c := newClient(t, &deptest.Options{SingleSession: true})
	c.login()
	first := c.session
	c.login()
	if a := c.send("GET", "/account", "", http.Header{"X-Adm-Auth-Session": {first}}); a.status != 401 {
		t.Errorf("the first session gets %v", a)
	}
}

func TestUserAgent(t *testing.T) {
	c := newClient(t, nil)
	for ua, want := range map[string]string{
		"":                   "400 USER_AGENT_MISSING",
		"nanodep-godep/0":    "400 USER_AGENT_INVALID",
		"Acme GoDEP":         "400 USER_AGENT_INVALID",
		"nanodep-g-o-dep/0":  "401 UNAUTHORIZED",
		"micromdm/1.0 (dep)": "401 UNAUTHORIZED",
	} {
		c.header["User-Agent"] = []string{ua}
		if a := c.send("GET", "/account", "", nil); a.String() != want {
			t.Errorf("User-Agent %q: %v", ua, a)
		}
		if ua != "" && strings.HasPrefix(want, "400") {
			if a := c.login(); a.String() != want {
				t.Errorf("/session, User-Agent %q: %v", ua, a)
			}
		}
	}
	own := newClient(t, &deptest.Options{RefuseUserAgent: func(ua string) bool { return ua == "x" }})
	own.header["User-Agent"] = []string{"godep"}
	own.want("GET", "/account", "", 200, "")
}

func TestDepsimManner(t *testing.T) {
	c := newClient(t, &deptest.Options{Manner: deptest.Depsim})
	c.header["Content-Type"] = []string{"application/json; charset=utf-8"}
	if a := c.login(); a.String() != "400 " {
		t.Errorf("session with another Content-Type: %v", a)
	}
	c.header["Content-Type"] = []string{"application/json;charset=UTF8"}
	if a := c.login(); !regexp.MustCompile(`^{"auth_session_token":"[0-9a-f]{128}"}$`).MatchString(a.body) {
		t.Errorf("session %v", a)
	}
	if a := c.send("GET", "/account", "", nil); a.String() != `401 "UNAUTHORIZED"` {
		t.Errorf("without a session: %v", a)
	}
	c.srv.ExpireSessions()
	if a := c.send("GET", "/account", "", http.Header{"X-Adm-Auth-Session": {c.session}}); a.String() != `403 "FORBIDDEN"` {
		t.Errorf("with an old session: %v", a)
	}
	a := c.want("POST", "/profile", `{"profile_name":"p","url":"https://a.example/"}`, 200, "")
	if id := a.header.Get("X-Apple-Request-UUID"); id != "" {
		t.Errorf("request identifier %q", id)
	}
	uuid := decode[struct{ Profile_uuid string }](t, a).Profile_uuid
	if len(uuid) != 16 {
		t.Errorf("profile %q", uuid)
	}
	c.srv.AddSerials("A")
	c.want("POST", "/profile/devices", `{"profile_uuid":"`+uuid+`","devices":["A"]}`, 405, "")
	c.want("PUT", "/profile/devices", `{"profile_uuid":"`+uuid+`","devices":["A"]}`, 200, `{"profile_uuid":"`+uuid+`","devices":{"A":"SUCCESS"}}`)
	c.want("PUT", "/profile/devices", `{"profile_uuid":"X","devices":["A"]}`, 400, `"PROFILE_NOT_FOUND"`)
	c.want("GET", "/profile?profile_uuid=X", "", 400, `"PROFILE_NOT_FOUND"`)

	a = c.send("GET", "/token", "", http.Header{"User-Agent": {""}})
	diff(t, "token", a.body, string(c.srv.Token().JSON()))
	if apple := newClient(t, nil); apple.send("GET", "/token", "", nil).status != 404 {
		t.Error("Apple's manner has /token")
	}
}

func TestHeaderViolations(t *testing.T) {
	c := newClient(t, nil)
	c.want("GET", "/account", "", 200, "")
	for _, tc := range []struct {
		method, path, body string
		header             http.Header
		want               string
	}{
		{"GET", "/account", "", http.Header{"X-Server-Protocol-Version": nil}, "GET /account: X-Server-Protocol-Version is missing"},
		{"GET", "/account", "", http.Header{"X-Server-Protocol-Version": {"eleven"}}, `GET /account: X-Server-Protocol-Version is "eleven"`},
		{"GET", "/account", "", http.Header{"X-Server-Protocol-Version": {"11"}}, `GET /account: X-Server-Protocol-Version is "11"`},
		{"POST", "/devices", `{"devices":["A"]}`, http.Header{"Content-Type": {"application/json"}}, `POST /devices: Content-Type is "application/json", not "application/json;charset=UTF8"`},
		{"GET", "/session", "", nil, "GET /session: X-ADM-Auth-Session is sent to /session"},
		{"GET", "/account?x=1", "", nil, `GET /account: query parameters ["x"] on a path that has none`},
		{"GET", "/nothing", "", nil, "GET /nothing: unknown path"},
		{"GET", "/devices", "", nil, "GET /devices: method is not one of this path"},
		{"POST", "/devices", `{"devices":["A "]}`, nil, `POST /devices: serial number "A "`},
	} {
		c.srv.ResetReceived()
		h := http.Header{"X-Adm-Auth-Session": {c.session}}
		for name, values := range tc.header {
			h[name] = values
		}
		c.send(tc.method, tc.path, tc.body, h)
		c.wantViolation(tc.want)
	}
	c.srv.ResetReceived()
	r, _ := http.NewRequest("GET", c.base+"/account", strings.NewReader("{}"))
	r.Header = c.header.Clone()
	if resp, err := c.http.Do(r); err != nil {
		t.Error(err)
	} else {
		resp.Body.Close()
	}
	c.wantViolation("GET with a body")
}

// The server is a handler for any listener, and its signatures follow the host it is reached by.
func TestMountedElsewhere(t *testing.T) {
	srv := deptest.NewServer(nil)
	defer srv.Close()
	ts := httptest.NewServer(srv)
	defer ts.Close()
	c := clientOf(t, srv)
	c.http, c.base = ts.Client(), ts.URL
	c.want("GET", "/account", "", 200, "")
	c.wantNoViolations()

	tls := httptest.NewTLSServer(srv)
	defer tls.Close()
	c.http, c.base = tls.Client(), tls.URL
	if a := c.login(); a.status != 200 {
		t.Errorf("over TLS: %v", a)
	}
}

// Over TLS a client can keep Apple's host name.
func TestTLSOption(t *testing.T) {
	c := newClient(t, &deptest.Options{TLS: true})
	if c.base != "https://memhttp.test" {
		t.Errorf("URL %q", c.base)
	}
	c.base = "https://mdmenrollment.apple.com"
	c.want("GET", "/account", "", 200, "")
	c.wantNoViolations()
	if c.srv.Dials() != 1 {
		t.Errorf("%d connections", c.srv.Dials())
	}
}
