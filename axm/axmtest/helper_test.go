package axmtest_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/applemdm/applemdm/axm/axmtest"
)

// client is a client of the services made of nothing but net/http: what it sends is visible here.
type client struct {
	t      testing.TB
	srv    *axmtest.Server
	org    *axmtest.Org
	http   *http.Client
	header http.Header // for every request
}

// start makes a server with one Business organisation.
func start(t testing.TB, opts *axmtest.Options) *client {
	t.Helper()
	srv := axmtest.NewServer(opts)
	t.Cleanup(srv.Close)
	return clientOf(t, srv, srv.AddOrg(axmtest.OrgOptions{}))
}

func clientOf(t testing.TB, srv *axmtest.Server, org *axmtest.Org) *client {
	return &client{t: t, srv: srv, org: org, http: srv.Client(), header: http.Header{
		"Authorization": {"Bearer " + org.Account().AccessToken()},
		"Accept":        {"application/json"},
	}}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return strconv.Itoa(a.status) + " " + a.body }

// send sends one request as it is. Header entries replace those of the client; nil takes one away.
func (c *client) send(method, url, body string, header http.Header) answer {
	c.t.Helper()
	a, err := c.try(method, url, body, header)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, url, err)
	}
	return a
}

func (c *client) try(method, url, body string, header http.Header) (answer, error) {
	if strings.HasPrefix(url, "/") {
		url = c.srv.URL + url
	}
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range []http.Header{c.header, header} {
		for name, values := range h {
			if name == "Host" {
				r.Host = values[0]
			}
			r.Header[name] = values
		}
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(got)}, err
}

func (c *client) get(path string) answer {
	c.t.Helper()
	return c.send("GET", "/v1/"+path, "", nil)
}

// want sends a request below /v1/ and compares the status and, unless it is "", the whole body.
func (c *client) want(method, path, body string, status int, wantBody string) answer {
	c.t.Helper()
	got := c.send(method, "/v1/"+path, body, nil)
	if got.status != status || wantBody != "" && got.body != wantBody {
		c.t.Errorf("%s %s %s:\n got %v\nwant %d %s", method, path, body, got, status, wantBody)
	}
	return got
}

// wantError sends a request and expects an error document with one error, as "status code place".
func (c *client) wantError(method, path, body, want string) answer {
	c.t.Helper()
	a := c.send(method, "/v1/"+path, body, nil)
	if got := problemOf(c.t, a); got != want {
		c.t.Errorf("%s %s %.300s: error %q, want %q\n%v", method, path, body, got, want, a)
	}
	return a
}

// problemOf is the error of an answer in brief.
func problemOf(t testing.TB, a answer) string {
	t.Helper()
	doc := decode[struct {
		Errors []struct {
			ID, Status, Code, Title, Detail string
			Source                          struct{ Pointer, Parameter string }
		}
	}](t, a)
	if len(doc.Errors) != 1 {
		t.Fatalf("%d errors: %v", len(doc.Errors), a)
	}
	e := doc.Errors[0]
	if e.ID == "" || e.Title == "" || e.Detail == "" || e.Status != strconv.Itoa(a.status) {
		t.Errorf("incomplete error: %v", a)
	}
	return strings.TrimSpace(e.Status + " " + e.Code + " " + e.Source.Pointer + e.Source.Parameter)
}

func (c *client) wantNoViolations() {
	c.t.Helper()
	if v := c.srv.Violations(); len(v) > 0 {
		c.t.Errorf("violations: %q", v)
	}
}

// wantViolation expects exactly one violation, with a text in it, and forgets it.
func (c *client) wantViolation(text string) {
	c.t.Helper()
	v := c.srv.Violations()
	if len(v) != 1 || !strings.Contains(v[0], text) {
		c.t.Errorf("violations %q, want one with %q", v, text)
	}
	c.srv.ResetReceived()
}

// decode reads a JSON answer.
func decode[T any](t testing.TB, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v: %v", a, err)
	}
	return v
}

// item is a resource or a linkage.
type item struct {
	Type, ID      string
	Attributes    map[string]any
	Relationships map[string]any
	Links         map[string]string
}

// one reads a resource.
func (c *client) one(path string) item {
	c.t.Helper()
	return decode[struct{ Data item }](c.t, c.want("GET", path, "", 200, "")).Data
}

// attributes returns some attributes of a resource, as JSON.
func (i item) attributes(names ...string) string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		v, there := i.Attributes[name]
		text := "absent"
		if there {
			b, _ := json.Marshal(v)
			text = string(b)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

// list is a page.
type list struct {
	Data     []item
	Included []item
	Links    struct{ Self, First, Next string }
	Meta     struct {
		Paging struct {
			Total, Limit int
			NextCursor   string
		}
	}
}

func (c *client) list(path string) list {
	c.t.Helper()
	return decode[list](c.t, c.want("GET", path, "", 200, ""))
}

func (l list) ids() string { return idsOf(l.Data) }

func idsOf(items []item) string {
	var out []string
	for _, d := range items {
		out = append(out, d.ID)
	}
	return strings.Join(out, " ")
}

// jwt is an assertion to be spoilt by tests.
type jwt struct {
	header, claims map[string]any
	key            *ecdsa.PrivateKey
}

var jtis atomic.Int64

func assertionOf(a *axmtest.Account, now time.Time) *jwt {
	return &jwt{
		header: map[string]any{"alg": "ES256", "kid": a.Key().ID, "typ": "JWT"},
		claims: map[string]any{
			"sub": a.ClientID(), "iss": a.ClientID(), "aud": "https://account.apple.com/auth/oauth2/v2/token",
			"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": fmt.Sprint("id-", jtis.Add(1)),
		},
		key: a.Key().Private(),
	}
}

// sign writes the assertion out.
func (j *jwt) sign(t testing.TB) string {
	t.Helper()
	signed := part(t, j.header) + "." + part(t, j.claims)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, j.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(raw)
}

func part(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// form is a token request to be spoilt by tests.
func form(a *axmtest.Account, assertion string) url.Values {
	scope := "business.api"
	if strings.HasPrefix(a.ClientID(), "SCHOOLAPI.") {
		scope = "school.api"
	}
	return url.Values{
		"grant_type":            {"client_credentials"},
		"client_id":             {a.ClientID()},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
		"scope":                 {scope},
	}
}

// token asks for a token with a form in the body.
func (c *client) token(f url.Values) answer {
	c.t.Helper()
	return c.send("POST", "/auth/oauth2/token", f.Encode(), formHeader())
}

func formHeader() http.Header {
	return http.Header{"Authorization": nil, "Content-Type": {"application/x-www-form-urlencoded"}}
}
