package dep_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/internal/memhttp"
)

// wireToken logs in to the servers of these tests.
var wireToken = &dep.Token{
	ConsumerKey: "CK_demo0001", ConsumerSecret: dep.NewSecret("CS_demo0003"),
	AccessToken: dep.NewSecret("AT_demo0002"), AccessSecret: dep.NewSecret("AS_demo0004"),
}

// wireHeader is what every request carries, the login included.
var wireHeader = http.Header{
	"Accept":                    {"application/json;charset=UTF8"},
	"Content-Type":              {"application/json;charset=UTF8"},
	"User-Agent":                {"demo-mdm/1.2.3"},
	"X-Server-Protocol-Version": {"10"},
}

const wireSessionHeader = "X-Adm-Auth-Session"

// replayServer returns a server of one exchange. Logins that are not part of it are answered on the
// side, and the session is followed through both.
func replayServer(t *testing.T, e exchange.Exchange) *exchange.Server {
	server := exchange.NewServer(t, e)
	session, logins := "", 0
	server.Headers = func(r *http.Request, got http.Header) http.Header {
		want := wireHeader.Clone()
		if r.URL.Path == "/session" {
			compareOAuth(t, got.Get("Authorization"))
			got.Del("Authorization")
		} else {
			want.Set(wireSessionHeader, session)
		}
		return want
	}
	server.Aside = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/session" || server.BeginsWith("/session") {
			return false
		}
		logins++
		session = fmt.Sprint("demo-session-", logins)
		fmt.Fprintf(w, `{"auth_session_token":%q}`, session)
		return true
	}
	server.Answered = func(pair exchange.Pair) {
		if rotated := pair.Header.Get(wireSessionHeader); rotated != "" {
			session = rotated
		}
		if pair.Target == "/session" {
			_, after, _ := strings.Cut(pair.Body, `"auth_session_token":"`)
			session, _, _ = strings.Cut(after, `"`)
		}
	}
	return server
}

// compareOAuth compares the parameters of a login whose values do not change from one to the next.
func compareOAuth(t *testing.T, header string) {
	scheme, rest, _ := strings.Cut(header, " ")
	got := map[string]string{"": scheme}
	for parameter := range strings.SplitSeq(rest, ", ") {
		name, value, _ := strings.Cut(parameter, "=")
		switch name {
		case "oauth_nonce", "oauth_signature", "oauth_timestamp":
			value = fmt.Sprint(len(value) > len(`""`))
		}
		got[name] = value
	}
	want := map[string]string{
		"": "OAuth", "realm": `"ADM"`, "oauth_consumer_key": `"CK_demo0001"`, "oauth_token": `"AT_demo0002"`,
		"oauth_signature_method": `"HMAC-SHA1"`, "oauth_version": `"1.0"`,
		"oauth_nonce": "true", "oauth_signature": "true", "oauth_timestamp": "true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Authorization (-want +got):\n%s", diff)
	}
}

// wireClient returns a client of server as these tests use it: one try for each call, and pages of
// 200, unless change says otherwise.
func wireClient(t *testing.T, server http.Handler, change func(*dep.Options)) *dep.Client {
	t.Helper()
	s := memhttp.NewServer(server)
	t.Cleanup(s.Close)
	opts := &dep.Options{
		HTTPClient: s.Client(), BaseURL: s.URL, UserAgent: "demo-mdm/1.2.3", PageSize: 200, Retry: dep.Retry{Tries: 1},
	}
	if change != nil {
		change(opts)
	}
	c, err := dep.New(wireToken, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// replay is what a test expects of one exchange.
type replay struct {
	exchange string
	options  func(*dep.Options)
	call     func(ctx context.Context, c *dep.Client) (any, error)
	want     any
	refusal  *wireError // nil if the call succeeds
}

// wireError is what a test expects of an error.
type wireError struct {
	status     int
	code       string
	is         error
	retryAfter time.Duration
	requestID  string
	op         string // checked if set
}

func (r *replay) run(t *testing.T, e exchange.Exchange) {
	synctest.Test(t, func(t *testing.T) {
		server := replayServer(t, e)
		got, err := r.call(t.Context(), wireClient(t, server, r.options))
		if diff := cmp.Diff(r.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("decoded (-want +got):\n%s", diff)
		}
		r.refusal.compare(t, err, server.Finish().Body)
	})
}

func (w *wireError) compare(t *testing.T, err error, body string) {
	t.Helper()
	if w == nil {
		if err != nil {
			t.Errorf("error %v", err)
		}
		return
	}
	e, answered := exchange.Refusal[*dep.Error](t, err, w.is, w.status)
	if !answered {
		return
	}
	got := wireError{status: e.StatusCode, code: e.Code, retryAfter: e.RetryAfter, requestID: e.RequestID}
	want := wireError{status: w.status, code: w.code, retryAfter: w.retryAfter, requestID: w.requestID}
	if got != want {
		t.Errorf("error %+v, want %+v", got, want)
	}
	if w.is == nil && e.Err != nil {
		t.Errorf("sentinel %v, want none", e.Err)
	}
	if w.status != http.StatusOK && string(e.Body) != body {
		t.Errorf("body %q, want %q", e.Body, body)
	}
	if w.op != "" && e.Op != w.op {
		t.Errorf("op %q, want %q", e.Op, w.op)
	}
}

// Every exchange is replayed by exactly one test, and every test has its exchange.
func TestExchanges(t *testing.T) {
	exchanges := exchange.Read(t, "testdata/exchange/*.txt")
	for _, r := range slices.Concat(sessionReplays(), generalReplays(), accountReplays(), deviceReplays(), profileReplays(),
		discoveryReplays(), rosterReplays()) {
		e := exchanges.Take(t, r.exchange)
		t.Run(r.exchange, func(t *testing.T) { r.run(t, e) })
	}
	for _, name := range exchanges.Left() {
		if !strings.HasPrefix(name, "unlock/") { // see TestUnlockExchanges
			t.Errorf("%q is not replayed", name)
		}
	}
}

func readAccount(ctx context.Context, c *dep.Client) (any, error) {
	return exchange.Value(c.Account(ctx))
}

// bubbleEpoch is what the clock says in all replays: that of a synctest bubble, which stands still.
var bubbleEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
