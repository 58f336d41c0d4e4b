package dep_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/dep"
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

// replayServer answers with the pairs of one exchange, in order, and compares the requests with
// them. Logins that are not part of the exchange are answered on the side.
type replayServer struct {
	t        *testing.T
	exchange rawExchange

	mu      sync.Mutex
	next    int
	logins  int
	session string
}

func (s *replayServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("read the request: %v", err)
	}
	ownLogins := s.exchange.pairs[0].target != "/session"
	if ownLogins && r.URL.Path == "/session" {
		s.compareHeader(r)
		s.logins++
		s.session = fmt.Sprint("demo-session-", s.logins)
		fmt.Fprintf(w, `{"auth_session_token":%q}`, s.session)
		return
	}
	if s.next == len(s.exchange.pairs) {
		s.t.Errorf("one request too many: %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	pair := s.exchange.pairs[s.next]
	s.next++
	s.compareHeader(r)
	if got, want := r.Method+" "+r.RequestURI, pair.method+" "+pair.target; got != want {
		s.t.Errorf("request %d is %s, want %s", s.next, got, want)
	}
	if diff := cmp.Diff(canonicalJSON(s.t, pair.requestBody), canonicalJSON(s.t, string(body))); diff != "" {
		s.t.Errorf("body of request %d (-want +got):\n%s", s.next, diff)
	}
	s.answer(w, pair)
}

func (s *replayServer) compareHeader(r *http.Request) {
	want, got := wireHeader.Clone(), r.Header.Clone()
	got.Del("Content-Length")
	got.Del("Accept-Encoding") // of net/http
	if r.URL.Path != "/session" {
		want.Set(wireSessionHeader, s.session)
	} else {
		compareOAuth(s.t, got.Get("Authorization"))
		got.Del("Authorization")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("headers of %s %s (-want +got):\n%s", r.Method, r.URL, diff)
	}
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

func (s *replayServer) answer(w http.ResponseWriter, pair rawPair) {
	for name, values := range pair.header {
		w.Header()[name] = values
	}
	if rotated := pair.header.Get(wireSessionHeader); rotated != "" {
		s.session = rotated
	}
	if pair.target == "/session" {
		_, after, _ := strings.Cut(pair.body, `"auth_session_token":"`)
		s.session, _, _ = strings.Cut(after, `"`)
	}
	w.WriteHeader(pair.status)
	_, _ = io.WriteString(w, pair.body)
}

// canonicalJSON makes JSON comparable; what is no JSON stays as it is.
func canonicalJSON(t *testing.T, text string) string {
	if text == "" {
		return ""
	}
	value := jsontext.Value(text)
	if err := value.Canonicalize(); err != nil {
		t.Errorf("%v in %s", err, text)
	}
	return string(value)
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

func (r *replay) run(t *testing.T, exchange rawExchange) {
	synctest.Test(t, func(t *testing.T) {
		server := &replayServer{t: t, exchange: exchange}
		got, err := r.call(t.Context(), wireClient(t, server, r.options))
		if diff := cmp.Diff(r.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("decoded (-want +got):\n%s", diff)
		}
		server.mu.Lock()
		defer server.mu.Unlock()
		r.refusal.compare(t, err, exchange.pairs[max(server.next, 1)-1])
		if server.next != len(exchange.pairs) {
			t.Errorf("%d requests, want %d", server.next, len(exchange.pairs))
		}
	})
}

func (w *wireError) compare(t *testing.T, err error, last rawPair) {
	t.Helper()
	if w == nil {
		if err != nil {
			t.Errorf("error %v", err)
		}
		return
	}
	if w.is != nil && !errors.Is(err, w.is) {
		t.Errorf("error %v is not %v", err, w.is)
	}
	if w.status == 0 {
		return // the error is the client's own
	}
	e, ok := errors.AsType[*dep.Error](err)
	if !ok {
		t.Fatalf("error %T: %v", err, err)
	}
	got := wireError{status: e.StatusCode, code: e.Code, retryAfter: e.RetryAfter, requestID: e.RequestID}
	want := wireError{status: w.status, code: w.code, retryAfter: w.retryAfter, requestID: w.requestID}
	if got != want {
		t.Errorf("error %+v, want %+v", got, want)
	}
	if w.is == nil && e.Err != nil {
		t.Errorf("sentinel %v, want none", e.Err)
	}
	if w.status != http.StatusOK && string(e.Body) != last.body {
		t.Errorf("body %q, want %q", e.Body, last.body)
	}
	if w.op != "" && e.Op != w.op {
		t.Errorf("op %q, want %q", e.Op, w.op)
	}
}

// Every exchange is replayed by exactly one test, and every test has its exchange.
func TestExchanges(t *testing.T) {
	exchanges := readExchanges(t)
	replays := slices.Concat(sessionReplays(), generalReplays(), accountReplays(), deviceReplays(), profileReplays(),
		discoveryReplays(), rosterReplays())
	done := map[string]bool{}
	for _, r := range replays {
		exchange, ok := exchanges[r.exchange]
		if !ok || done[r.exchange] {
			t.Errorf("%q: is there %v, tested before %v", r.exchange, ok, done[r.exchange])
			continue
		}
		done[r.exchange] = true
		t.Run(r.exchange, func(t *testing.T) { r.run(t, exchange) })
	}
	for name := range exchanges {
		if !done[name] && !strings.HasPrefix(name, "unlock/") { // see TestUnlockExchanges
			t.Errorf("%q is not replayed", name)
		}
	}
}

func readAccount(ctx context.Context, c *dep.Client) (any, error) { return result(c.Account(ctx)) }

// result keeps a nil pointer from becoming a value.
func result[T any](v *T, err error) (any, error) {
	if v == nil {
		return nil, err
	}
	return *v, err
}

// collect reads an iterator to its end. Its error comes last, with the zero value.
func collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// collectPages is collect for pages, by value.
func collectPages[T any](seq iter.Seq2[*dep.Page[T], error]) (any, error) {
	pages, err := collect(seq)
	values := make([]dep.Page[T], len(pages))
	for i, p := range pages {
		values[i] = *p
	}
	return values, err
}

// bubbleEpoch is what the clock says in all replays: that of a synctest bubble, which stands still.
var bubbleEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
