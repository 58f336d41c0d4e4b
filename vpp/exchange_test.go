package vpp_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/vpp"
)

// wireMDM is who the clients of these tests are.
var wireMDM = vpp.MDMInfo{ID: "mdm-1", Name: "Demo MDM", Metadata: "mdm.example.test"}

const configPath = "/mdm/v2/service/config"

// wireHeader is what a request carries.
func wireHeader(r *http.Request) http.Header {
	h := http.Header{"Accept": {"application/json"}, "User-Agent": {"demo-mdm/1.2.3"}}
	if r.URL.Path != configPath {
		h.Set("Authorization", "Bearer "+stoken(insideToken))
	}
	if r.Method == http.MethodPost {
		h.Set("Content-Type", "application/json")
	}
	return h
}

// replayServer answers with the pairs of one exchange, in order, and compares the requests with
// them. The service configuration, where it is not part of the exchange, is answered on the side.
type replayServer struct {
	t        *testing.T
	exchange rawExchange

	mu   sync.Mutex
	next int
}

func (s *replayServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("read the request: %v", err)
	}
	got := r.Header.Clone()
	got.Del("Content-Length")
	got.Del("Accept-Encoding") // of net/http
	if diff := cmp.Diff(wireHeader(r), got); diff != "" {
		s.t.Errorf("headers of %s %s (-want +got):\n%s", r.Method, r.URL, diff)
	}
	if r.URL.Path == configPath && s.exchange.pairs[0].target != configPath {
		_, _ = io.WriteString(w, "{}")
		return
	}
	if s.next == len(s.exchange.pairs) {
		s.t.Errorf("one request too many: %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	pair := s.exchange.pairs[s.next]
	s.next++
	if got, want := r.Method+" "+r.RequestURI, pair.method+" "+pair.target; got != want {
		s.t.Errorf("request %d is %s, want %s", s.next, got, want)
	}
	if diff := cmp.Diff(canonicalJSON(s.t, pair.requestBody), canonicalJSON(s.t, string(body))); diff != "" {
		s.t.Errorf("body of request %d (-want +got):\n%s", s.next, diff)
	}
	for name, values := range pair.header {
		w.Header()[name] = values
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

// wireClient returns a client of server as these tests use it: one try for each call, unless change
// says otherwise.
func wireClient(t *testing.T, server http.Handler, change func(*vpp.Options)) *vpp.Client {
	t.Helper()
	s := memhttp.NewServer(server)
	t.Cleanup(s.Close)
	opts := &vpp.Options{
		HTTPClient: s.Client(), BaseURL: s.URL + "/mdm/v2", UserAgent: "demo-mdm/1.2.3", MDM: wireMDM,
		Retry: vpp.Retry{Tries: 1},
	}
	if change != nil {
		change(opts)
	}
	c, err := vpp.New(mustParse(t, insideToken), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// replay is what a test expects of one exchange.
type replay struct {
	exchange string
	call     func(ctx context.Context, c *vpp.Client) (any, error)
	want     any
	refusal  *wireError // nil if the call succeeds
}

// wireError is what a test expects of an error.
type wireError struct {
	status     int // 0: the error is the client's own
	number     vpp.Number
	message    string
	info       vpp.ErrorInfo
	is         error
	retryAfter time.Duration
	requestID  string
	op         string // checked if set
}

func (r *replay) run(t *testing.T, exchange rawExchange) {
	synctest.Test(t, func(t *testing.T) {
		server := &replayServer{t: t, exchange: exchange}
		got, err := r.call(t.Context(), wireClient(t, server, nil))
		if diff := cmp.Diff(r.want, got, cmpopts.EquateEmpty(), cmp.Comparer(vpp.Secret.Equal)); diff != "" {
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
	if w.is != nil && !errors.Is(err, w.is) || err == nil {
		t.Errorf("error %v is not %v", err, w.is)
	}
	if w.status == 0 {
		return
	}
	e, ok := errors.AsType[*vpp.Error](err)
	if !ok {
		t.Fatalf("error %T: %v", err, err)
	}
	got := wireError{status: e.StatusCode, number: e.Number, message: e.Message, info: e.Info, retryAfter: e.RetryAfter, requestID: e.RequestID}
	want := *w
	want.is, want.op = nil, ""
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(wireError{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if w.is == nil && e.Err != nil {
		t.Errorf("sentinel %v, want none", e.Err)
	}
	if w.number != 0 && string(e.Body) != last.body {
		t.Errorf("body %q, want %q", e.Body, last.body)
	}
	if w.op != "" && e.Op != w.op {
		t.Errorf("op %q, want %q", e.Op, w.op)
	}
}

// Every exchange is replayed by exactly one test, and every test has its exchange.
func TestExchanges(t *testing.T) {
	exchanges := readExchanges(t)
	done := map[string]bool{}
	for _, r := range slices.Concat(configReplays(), listReplays(), subscriptionReplays()) {
		exchange, ok := exchanges[r.exchange]
		if !ok || done[r.exchange] {
			t.Errorf("%q: is there %v, tested before %v", r.exchange, ok, done[r.exchange])
			continue
		}
		done[r.exchange] = true
		t.Run(r.exchange, func(t *testing.T) { r.run(t, exchange) })
	}
	for name := range exchanges {
		if !done[name] {
			t.Errorf("%q is not replayed", name)
		}
	}
}

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
func collectPages[T any](seq iter.Seq2[*vpp.Page[T], error]) (any, error) {
	pages, err := collect(seq)
	values := make([]vpp.Page[T], len(pages))
	for i, p := range pages {
		values[i] = *p
	}
	return values, err
}

// raw is a member that the types have no field for.
func raw(name, value string) vpp.Unknown {
	return vpp.Unknown{name: jsontext.Value(value)}
}
