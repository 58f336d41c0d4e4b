package axmtest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The token service answers at both paths.
const (
	tokenPath   = "/auth/oauth2/token"
	tokenPathV2 = "/auth/oauth2/v2/token"
	audience    = "https://account.apple.com/auth/oauth2/v2/token"

	formType      = "application/x-www-form-urlencoded"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// Errors of the token service.
const (
	invalidRequest       = "invalid_request"
	invalidClient        = "invalid_client"
	invalidScope         = "invalid_scope"
	unsupportedGrantType = "unsupported_grant_type"
)

// access is an access token.
type access struct {
	account *Account
	expires time.Time
	ended   bool // before its time, which no client can know
}

// refuse answers with an error of OAuth 2, and tells the reason only to the test.
func (c *call) refuse(code, format string, args ...any) *reply {
	why := fmt.Sprintf(format, args...)
	c.note("%s: %s", code, why)
	o := object{{"error", code}}
	if c.s.opts.TokenErrorDescription {
		o = append(o, member{"error_description", why})
	}
	return &reply{
		status: http.StatusBadRequest, body: encode(o),
		header: map[string]string{"Cache-Control": "no-store"},
	}
}

// token answers a token request.
func (s *Server) token(c *call) *reply {
	if c.r.Method != http.MethodPost {
		c.note("method is not one of this path")
		return &reply{status: http.StatusMethodNotAllowed}
	}
	form, rep := c.form()
	if rep != nil {
		return rep
	}
	if rep := c.checkForm(form); rep != nil {
		return rep
	}
	a, rep := c.client(form)
	if rep != nil {
		return rep
	}
	if rep := c.checkScope(a, form.Get("scope")); rep != nil {
		return rep
	}
	if _, ok := a.tokens.take(s.opts.TokenQuota, c.now); !ok {
		return c.refuse(invalidRequest, "too many tokens were asked for")
	}
	rep = success(object{
		{"access_token", a.issue(c.now)}, {"token_type", "Bearer"},
		{"expires_in", int64(s.opts.TokenLife / time.Second)}, {"scope", a.org.kind.scope()},
	})
	rep.header = map[string]string{"Cache-Control": "no-store"}
	return rep
}

// form returns the parameters, which come in the body or, as in Apple's own example, in the query.
func (c *call) form() (url.Values, *reply) {
	media, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(media), formType) {
		return nil, c.refuse(invalidRequest, "Content-Type is %q, not %q", c.r.Header.Get("Content-Type"), formType)
	}
	if len(c.body) == 0 {
		return c.query, nil
	}
	form, err := url.ParseQuery(string(c.body))
	switch {
	case err != nil:
		return nil, c.refuse(invalidRequest, "the body is not a form")
	case len(c.query) > 0:
		return nil, c.refuse(invalidRequest, "parameters in the body and in the query")
	}
	return form, nil
}

// checkForm checks what is not a matter of the client.
func (c *call) checkForm(form url.Values) *reply {
	known := []string{"grant_type", "client_id", "client_assertion_type", "client_assertion", "scope"}
	for _, name := range known {
		switch values := form[name]; {
		case len(values) > 1:
			return c.refuse(invalidRequest, "%d values of %s", len(values), name)
		case form.Get(name) == "" && name == "scope":
			return c.refuse(invalidScope, "scope is missing")
		case form.Get(name) == "":
			return c.refuse(invalidRequest, "%s is missing", name)
		}
	}
	if got := form.Get("grant_type"); got != "client_credentials" {
		return c.refuse(unsupportedGrantType, "grant_type is %q", got)
	}
	if got := form.Get("client_assertion_type"); got != assertionType {
		return c.refuse(invalidRequest, "client_assertion_type is %q", got)
	}
	return nil
}

// client finds the account and verifies that the assertion is its own.
func (c *call) client(form url.Values) (*Account, *reply) {
	id := form.Get("client_id")
	a := c.s.accounts[id]
	switch {
	case c.host() == oldHost:
		return nil, c.refuse(invalidClient, "the token service is at %s", accountHost)
	case a == nil && c.s.accounts[strings.TrimSpace(id)] != nil:
		return nil, c.refuse(invalidClient, "client_id %q has white space around it", id)
	case a == nil:
		return nil, c.refuse(invalidClient, "client_id %q is unknown", id)
	case a.deleted:
		return nil, c.refuse(invalidClient, "the account was deleted")
	}
	if why := c.checkAssertion(a, form.Get("client_assertion")); why != "" {
		return nil, c.refuse(invalidClient, "assertion: %s", why)
	}
	return a, nil
}

func (c *call) checkScope(a *Account, scope string) *reply {
	switch scope {
	case a.org.kind.scope():
		return nil
	case Business.scope(), School.scope():
		return c.refuse(invalidClient, "scope is %q, but the account is one for %q", scope, a.org.kind.scope())
	}
	return c.refuse(invalidScope, "scope is %q", scope)
}

// issue makes an access token. It looks like Apple's, which are encrypted JWTs, but holds nothing.
func (a *Account) issue(now time.Time) string {
	s := a.org.s
	for text, t := range s.access {
		if now.Sub(t.expires) > time.Hour { // long enough to say that it has expired
			delete(s.access, text)
		}
	}
	part := func(n int) string { return base64.RawURLEncoding.EncodeToString(randomBytes(n)) }
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"dir","enc":"A256GCM"}`))
	text := strings.Join([]string{header, "", part(12), part(96), part(16)}, ".")
	s.access[text] = &access{account: a, expires: now.Add(s.opts.TokenLife)}
	return text
}

// AccessToken returns a new access token for the account, without the token service.
func (a *Account) AccessToken() string {
	a.org.s.mu.Lock()
	defer a.org.s.mu.Unlock()
	return a.issue(time.Now())
}

// ExpireTokens ends all access tokens of the account before their time. Clients get 401, which is not
// noted against them, and can get new ones.
func (a *Account) ExpireTokens() {
	a.org.s.mu.Lock()
	defer a.org.s.mu.Unlock()
	now := time.Now()
	for _, t := range a.org.s.access {
		if t.account == a && t.expires.After(now) {
			t.expires, t.ended = now, true
		}
	}
}

// Tokens returns how many access tokens of the account are valid now: the measure of whether
// clients share them.
func (a *Account) Tokens() int {
	a.org.s.mu.Lock()
	defer a.org.s.mu.Unlock()
	n, now := 0, time.Now()
	for _, t := range a.org.s.access {
		if t.account == a && t.expires.After(now) {
			n++
		}
	}
	return n
}
