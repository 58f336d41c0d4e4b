package deptest_test

import (
	"crypto/hmac"
	"crypto/sha1"
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

	"github.com/applemdm/applemdm/dep/deptest"
)

// client is a client of the service made of nothing but net/http: what it sends is visible here.
type client struct {
	t       testing.TB
	srv     *deptest.Server
	http    *http.Client
	token   deptest.Token
	base    string
	header  http.Header // for every request; a nil value takes a header away
	session string
}

var nonces atomic.Int64

func newClient(t testing.TB, opts *deptest.Options) *client {
	t.Helper()
	srv := deptest.NewServer(opts)
	t.Cleanup(srv.Close)
	return clientOf(t, srv)
}

func clientOf(t testing.TB, srv *deptest.Server) *client {
	return &client{
		t: t, srv: srv, http: srv.Client(), token: srv.Token(), base: srv.URL,
		header: http.Header{
			"User-Agent":                {"deptest-test/1.0"},
			"X-Server-Protocol-Version": {"10"},
			"Content-Type":              {"application/json;charset=UTF8"},
		},
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return strconv.Itoa(a.status) + " " + a.body }

// send sends one request as it is.
func (c *client) send(method, path, body string, header http.Header) answer {
	c.t.Helper()
	r, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range []http.Header{c.header, header} {
		for name, values := range h {
			r.Header[name] = values
		}
	}
	resp, err := c.http.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, string(got)}
}

// oauth is the parameters of a session request, to be spoilt by tests.
type oauth struct {
	order  []string
	params map[string]string
}

func (c *client) oauth() oauth {
	return oauth{
		order: []string{"realm", "oauth_consumer_key", "oauth_token", "oauth_signature_method", "oauth_timestamp", "oauth_nonce", "oauth_version"},
		params: map[string]string{
			"realm":                  "ADM",
			"oauth_consumer_key":     c.token.ConsumerKey,
			"oauth_token":            c.token.AccessToken,
			"oauth_signature_method": "HMAC-SHA1",
			"oauth_timestamp":        strconv.FormatInt(time.Now().Unix(), 10),
			"oauth_nonce":            fmt.Sprintf("nonce%d", nonces.Add(1)),
			"oauth_version":          "1.0",
		},
	}
}

// signature writes the base string out in full, for exactly the parameters of Apple's sample.
func signature(target string, p map[string]string, consumerSecret, accessSecret string) string {
	base := "GET&" + url.QueryEscape(target) + "&" + url.QueryEscape(
		"oauth_consumer_key="+p["oauth_consumer_key"]+
			"&oauth_nonce="+p["oauth_nonce"]+
			"&oauth_signature_method="+p["oauth_signature_method"]+
			"&oauth_timestamp="+p["oauth_timestamp"]+
			"&oauth_token="+p["oauth_token"]+
			"&oauth_version="+p["oauth_version"])
	mac := hmac.New(sha1.New, []byte(consumerSecret+"&"+accessSecret))
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (o oauth) header(signature string) http.Header {
	fields := make([]string, 0, 8)
	for _, name := range o.order {
		fields = append(fields, name+`="`+url.QueryEscape(o.params[name])+`"`)
	}
	if signature != "" {
		fields = append(fields, `oauth_signature="`+url.QueryEscape(signature)+`"`)
	}
	return http.Header{"Authorization": {"OAuth " + strings.Join(fields, ", ")}}
}

// login asks for a session and returns the answer.
func (c *client) login() answer {
	c.t.Helper()
	o := c.oauth()
	a := c.send("GET", "/session", "", o.header(signature(c.base+"/session", o.params, c.token.ConsumerSecret, c.token.AccessSecret)))
	if a.status == 200 {
		c.session = decode[struct {
			Token string `json:"auth_session_token"`
		}](c.t, a).Token
	}
	return a
}

// call sends a request with a session; it logs in once when there is none or it has ended.
func (c *client) call(method, path, body string) answer {
	c.t.Helper()
	for try := 0; ; try++ {
		a := c.send(method, path, body, http.Header{"X-Adm-Auth-Session": {c.session}})
		if s := a.header.Get("X-ADM-Auth-Session"); s != "" {
			c.session = s
		}
		ended := a.status == 401 || a.status == 403 && strings.Contains(a.body, "FORBIDDEN")
		if !ended || try > 0 {
			return a
		}
		if l := c.login(); l.status != 200 {
			return l
		}
	}
}

// want calls and compares the status and, unless it is "", the whole body.
func (c *client) want(method, path, body string, status int, wantBody string) answer {
	c.t.Helper()
	a := c.call(method, path, body)
	if a.status != status || wantBody != "" && a.body != wantBody {
		c.t.Errorf("%s %s %s:\n got %v\nwant %d %s", method, path, body, a, status, wantBody)
	}
	return a
}

func (c *client) wantNoViolations() {
	c.t.Helper()
	if v := c.srv.Violations(); len(v) > 0 {
		c.t.Errorf("violations: %q", v)
	}
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

// page is what the tests look at in an answer of fetch and sync.
type page struct {
	Cursor       string           `json:"cursor"`
	More         bool             `json:"more_to_follow"`
	FetchedUntil string           `json:"fetched_until"`
	Devices      []map[string]any `json:"devices"`
}

func (p page) serials() []string {
	var out []string
	for _, d := range p.Devices {
		s, _ := d["serial_number"].(string)
		if op, ok := d["op_type"].(string); ok {
			s += ":" + op
		}
		out = append(out, s)
	}
	return out
}

func (c *client) page(path, body string) page {
	c.t.Helper()
	a := c.want("POST", path, body, 200, "")
	if a.status != 200 {
		c.t.FailNow()
	}
	return decode[page](c.t, a)
}

// fetch reads all pages of a fetch.
func (c *client) fetch(limit int) (serials []string, cursor string) {
	c.t.Helper()
	body := fmt.Sprintf(`{"limit":%d}`, limit)
	for {
		p := c.page("/server/devices", body)
		serials = append(serials, p.serials()...)
		if !p.More {
			return serials, p.Cursor
		}
		body = fmt.Sprintf(`{"limit":%d,"cursor":%q}`, limit, p.Cursor)
	}
}

// sync reads all pages of a sync.
func (c *client) sync(cursor string) (records []string, next string) {
	c.t.Helper()
	for {
		p := c.page("/devices/sync", fmt.Sprintf(`{"cursor":%q}`, cursor))
		records = append(records, p.serials()...)
		if !p.More {
			return records, p.Cursor
		}
		cursor = p.Cursor
	}
}
