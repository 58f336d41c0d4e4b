package axmtest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/axm/axmtest"
)

type tokenAnswer struct {
	Token   string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
}

// Both paths, both places of the parameters, both kinds of organisations, Apple's host and ours.
func TestToken(t *testing.T) {
	c := start(t, &axmtest.Options{TLS: true})
	school := c.srv.AddOrg(axmtest.OrgOptions{Kind: axmtest.School, Name: "Elementary"})
	if school.Name() != "Elementary" || c.org.Name() != "Organization 1" || len(c.srv.Orgs()) != 2 {
		t.Errorf("organisations %v", c.srv.Orgs())
	}
	for _, org := range c.srv.Orgs() {
		account := org.Account()
		for _, host := range []string{c.srv.URL, "https://account.apple.com"} {
			for _, path := range []string{"/auth/oauth2/token", "/auth/oauth2/v2/token"} {
				for _, inQuery := range []bool{false, true} {
					text := form(account, assertionOf(account, time.Now()).sign(t)).Encode()
					url, body := host+path, text
					if inQuery {
						url, body = url+"?"+text, ""
					}
					a := c.send("POST", url, body, formHeader())
					got := decode[tokenAnswer](t, a)
					if a.status != 200 || got.Type != "Bearer" || got.Expires != 3600 || strings.Count(got.Token, ".") != 4 {
						t.Fatalf("%s: %v", url, a)
					}
					if want := map[bool]string{true: "school.api", false: "business.api"}[org == school]; got.Scope != want {
						t.Errorf("scope %q, want %q", got.Scope, want)
					}
					if a := c.send("GET", "/v1/orgDevices", "", http.Header{"Authorization": {"Bearer " + got.Token}}); a.status != 200 {
						t.Errorf("the token is not good: %v", a)
					}
				}
			}
		}
		if n := account.Tokens(); n < 8 {
			t.Errorf("%d tokens", n)
		}
	}
	if org := school.Account().Org(); org != school || !strings.HasPrefix(school.Account().ClientID(), "SCHOOLAPI.") {
		t.Errorf("client id %s", school.Account().ClientID())
	}
	c.wantNoViolations()
}

// Every reason to refuse a token request.
func TestTokenRefusals(t *testing.T) {
	srv := axmtest.NewServer(nil)
	defer srv.Close()
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	day := 24 * time.Hour
	for name, tt := range map[string]struct {
		claims    func(map[string]any)
		header    func(map[string]any)
		key       *ecdsa.PrivateKey
		assertion func(string) string
		form      func(url.Values)
		code      string
		why       string
	}{
		"audience of the other path": {claims: set("aud", "https://account.apple.com/auth/oauth2/token"), why: "aud is"},
		"audience of Apple ID":       {claims: set("aud", "https://appleid.apple.com/auth/oauth2/v2/token"), why: "aud is"},
		"audience in a list":         {claims: set("aud", []string{"https://account.apple.com/auth/oauth2/v2/token"}), why: "aud is"},
		"no audience":                {claims: set("aud", nil), why: "aud is"},
		"issuer is the team":         {claims: set("iss", "TEAM123456"), why: "iss is"},
		"other subject":              {claims: set("sub", "BUSINESSAPI.x"), why: "sub is"},
		"no iat":                     {claims: set("iat", nil), why: "iat or exp is missing"},
		"no exp":                     {claims: set("exp", nil), why: "iat or exp is missing"},
		"too long":                   {claims: set("exp", time.Now().Add(180*day+time.Minute).Unix()), why: "more than 180 days"},
		"in the future":              {claims: set("iat", time.Now().Add(5*time.Minute).Unix()), why: "in the future"},
		"expired":                    {claims: both(set("iat", time.Now().Add(-time.Hour).Unix()), set("exp", time.Now().Add(-2*time.Minute).Unix())), why: "has expired"},
		"backwards":                  {claims: set("exp", time.Now().Add(-time.Hour).Unix()), why: "not after iat"},
		"RS256":                      {header: set("alg", "RS256"), why: "alg is"},
		"none":                       {header: set("alg", "none"), why: "alg is"},
		"typ":                        {header: set("typ", "JWE"), why: "typ is"},
		"unknown key id":             {header: set("kid", "x"), why: `kid "x" is not a key`},
		"other key":                  {key: other, why: "not one of the key"},
		"DER":                        {assertion: der(t), why: "DER instead of"},
		"short signature":            {assertion: func(s string) string { return s[:len(s)-10] }, why: "bytes instead of 64"},
		"not base64":                 {assertion: func(s string) string { return s + "=" }, why: "not base64url"},
		"two parts":                  {assertion: func(s string) string { return s[:strings.LastIndex(s, ".")] }, why: "2 parts instead of 3"},
		"no header":                  {assertion: func(s string) string { return "!" + s }, why: "header cannot be read"},
		"no claims":                  {assertion: func(s string) string { return strings.Replace(s, ".", ".e30x", 1) }, why: "claims cannot be read"},
		"unknown client":             {form: to("client_id", "BUSINESSAPI.x"), why: "is unknown"},
		"white space":                {form: func(f url.Values) { f.Set("client_id", f.Get("client_id")+"\n") }, why: "white space"},
		"scope of the other API":     {form: to("scope", "school.api"), why: "the account is one for"},
		"unknown scope":              {form: to("scope", "edu.users.read"), code: "invalid_scope", why: "scope is"},
		"no scope":                   {form: to("scope", ""), code: "invalid_scope", why: "scope is missing"},
		"grant type":                 {form: to("grant_type", "password"), code: "unsupported_grant_type", why: "grant_type is"},
		"no grant type":              {form: to("grant_type", ""), code: "invalid_request", why: "grant_type is missing"},
		"no client":                  {form: to("client_id", ""), code: "invalid_request", why: "client_id is missing"},
		"no assertion":               {form: to("client_assertion", ""), code: "invalid_request", why: "client_assertion is missing"},
		"assertion type":             {form: to("client_assertion_type", "jwt"), code: "invalid_request", why: "client_assertion_type is"},
		"twice":                      {form: func(f url.Values) { f.Add("scope", "business.api") }, code: "invalid_request", why: "2 values of scope"},
	} {
		t.Run(name, func(t *testing.T) {
			c := clientOf(t, srv, srv.AddOrg(axmtest.OrgOptions{}))
			account := c.org.Account()
			j := assertionOf(account, time.Now())
			if tt.claims != nil {
				tt.claims(j.claims)
			}
			if tt.header != nil {
				tt.header(j.header)
			}
			if tt.key != nil {
				j.key = tt.key
			}
			text := j.sign(t)
			if tt.assertion != nil {
				text = tt.assertion(text)
			}
			f := form(account, text)
			if tt.form != nil {
				tt.form(f)
			}
			code := tt.code
			if code == "" {
				code = "invalid_client"
			}
			a := c.token(f)
			if a.status != 400 || a.body != fmt.Sprintf(`{"error":%q}`, code) {
				t.Errorf("%v, want %s", a, code)
			}
			if v := strings.Join(srv.Violations(), "\n"); strings.Contains(v, text) {
				t.Errorf("the violation shows the assertion: %s", v)
			}
			c.wantViolation(tt.why)
		})
	}
}

func set(name string, value any) func(map[string]any) {
	return func(m map[string]any) {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
}

func both(a, b func(map[string]any)) func(map[string]any) {
	return func(m map[string]any) { a(m); b(m) }
}

func to(name, value string) func(url.Values) { return func(f url.Values) { f.Set(name, value) } }

// der replaces the signature by one in DER, as openssl makes it.
func der(t *testing.T) func(string) string {
	return func(s string) string {
		signed := s[:strings.LastIndex(s, ".")]
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256([]byte(signed))
		sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
}

// What the token service tolerates is noted, and what is not a token request at all is refused.
func TestTokenManners(t *testing.T) {
	c := start(t, nil)
	account := c.org.Account()
	fresh := func(edit func(map[string]any)) url.Values {
		j := assertionOf(account, time.Now())
		edit(j.claims)
		return form(account, j.sign(t))
	}
	if a := c.token(fresh(set("iss", nil))); a.status != 200 {
		t.Error(a)
	}
	c.wantViolation("without iss")
	if a := c.token(fresh(set("jti", nil))); a.status != 200 {
		t.Error(a)
	}
	c.wantViolation("without jti")
	good := fresh(func(map[string]any) {})
	for range 2 { // an assertion may be used again
		if a := c.token(good); a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
			t.Error(a)
		}
	}
	c.token(fresh(set("jti", "same")))
	if a := c.token(fresh(both(set("jti", "same"), set("iat", time.Now().Add(-time.Minute).Unix())))); a.body != `{"error":"invalid_client"}` {
		t.Error(a)
	}
	c.wantViolation("that of another assertion")
	c.srv.UpdateOptions(func(o *axmtest.Options) { o.RefuseReplay = true })
	if a := c.token(good); a.body != `{"error":"invalid_client"}` {
		t.Error(a)
	}
	c.wantViolation("used before")
	c.srv.UpdateOptions(func(o *axmtest.Options) { o.TokenErrorDescription = true })
	if a := c.token(good); a.body != `{"error":"invalid_client","error_description":"assertion: it was used before"}` {
		t.Error(a)
	}
	c.srv.ResetReceived()

	text := fresh(func(map[string]any) {}).Encode()
	for name, tt := range map[string]struct {
		method, url, body, kind string
		status                  int
		why                     string
	}{
		"GET":           {"GET", "/auth/oauth2/token?" + text, "", "", 405, "method"},
		"JSON":          {"POST", "/auth/oauth2/token", "{}", "application/json", 400, "Content-Type is"},
		"no form":       {"POST", "/auth/oauth2/token", "%zz", "application/x-www-form-urlencoded", 400, "not a form"},
		"both places":   {"POST", "/auth/oauth2/token?scope=business.api", text, "application/x-www-form-urlencoded", 400, "in the body and in the query"},
		"Apple ID":      {"POST", "http://appleid.apple.com/auth/oauth2/token", text, "application/x-www-form-urlencoded", 400, "account.apple.com"},
		"wrong host":    {"POST", "http://api-business.apple.com/auth/oauth2/token", text, "application/x-www-form-urlencoded", 404, "not a path of host"},
		"unknown path":  {"POST", "/auth/oauth2/v3/token", text, "application/x-www-form-urlencoded", 404, "unknown path"},
		"unknown path2": {"GET", "/", "", "", 404, "unknown path"},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.send(tt.method, tt.url, tt.body, http.Header{"Authorization": nil, "Content-Type": {tt.kind}})
			if a.status != tt.status {
				t.Errorf("%v, want %d", a, tt.status)
			}
			c.wantViolation(tt.why)
		})
	}
}

func TestTokenQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &axmtest.Options{TokenQuota: axmtest.Quota{Calls: 2, Per: time.Hour}})
		ask := func() answer {
			return c.token(form(c.org.Account(), assertionOf(c.org.Account(), time.Now()).sign(t)))
		}
		ask()
		time.Sleep(30 * time.Minute)
		ask()
		if a := ask(); a.status != 400 || a.body != `{"error":"invalid_request"}` {
			t.Error(a)
		}
		c.wantViolation("too many tokens")
		time.Sleep(30 * time.Minute)
		if a := ask(); a.status != 200 {
			t.Error(a)
		}
		c.srv.Close()
	})
}

// Access tokens end by themselves and by order; what comes with the 401 differs.
func TestAccessTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &axmtest.Options{TokenLife: 10 * time.Minute})
		a := c.token(form(c.org.Account(), assertionOf(c.org.Account(), time.Now()).sign(t)))
		if !strings.Contains(a.body, `"expires_in":600`) {
			t.Error(a)
		}
		time.Sleep(10*time.Minute - time.Second)
		c.want("GET", "orgDevices", "", 200, "")
		c.wantNoViolations()
		time.Sleep(time.Second)
		c.want("GET", "orgDevices", "", 401, "")
		c.wantViolation("has expired")
		time.Sleep(2 * time.Hour) // it is forgotten when others are issued
		c.header.Set("Authorization", "Bearer "+c.org.Account().AccessToken())
		c.want("GET", "orgDevices", "", 200, "")
		if n := c.org.Account().Tokens(); n != 1 {
			t.Errorf("%d tokens", n)
		}
		c.org.Account().ExpireTokens()
		c.srv.UpdateOptions(func(o *axmtest.Options) { o.Unauthorized = axmtest.UnauthorizedHTML })
		if a := c.get("orgDevices"); a.status != 401 || a.header.Get("Content-Type") != "text/html" || !strings.HasPrefix(a.body, "<html>") {
			t.Error(a, a.header)
		}
		c.srv.UpdateOptions(func(o *axmtest.Options) { o.Unauthorized = axmtest.UnauthorizedJSON })
		c.wantError("GET", "orgDevices", "", "401 NOT_AUTHORIZED")
		c.srv.UpdateOptions(func(o *axmtest.Options) { o.Unauthorized = axmtest.UnauthorizedEmpty })
		if a := c.get("orgDevices"); a.status != 401 || a.body != "" || a.header.Get("Content-Type") != "" {
			t.Error(a, a.header)
		}
		c.wantNoViolations() // nobody could know
		c.header.Set("Authorization", "Bearer x")
		c.want("GET", "orgDevices", "", 401, "")
		c.wantViolation("unknown access token")
		c.header.Set("Authorization", "Basic x")
		c.want("GET", "orgDevices", "", 401, "")
		c.wantViolation("no access token")
		c.srv.Close()
	})
}
