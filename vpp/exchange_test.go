package vpp_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/vpp"
)

// wireMDM is who the clients of these tests are.
var wireMDM = vpp.MDMInfo{ID: "mdm-1", Name: "Demo MDM", Metadata: "mdm.example.test"}

const (
	configPath       = "/mdm/v2/service/config"
	clientConfigPath = "/mdm/v2/client/config"
)

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

// replayServer returns a server of one exchange. The service configuration, and the client
// configuration that precedes the first write, are answered on the side where they are not part of that.
func replayServer(t *testing.T, e exchange.Exchange) *exchange.Server {
	server := exchange.NewServer(t, e)
	server.Headers = func(r *http.Request, _ http.Header) http.Header { return wireHeader(r) }
	server.Aside = func(w http.ResponseWriter, r *http.Request) bool {
		first := r.Method == http.MethodGet && (r.URL.Path == configPath || r.URL.Path == clientConfigPath)
		if !first || server.BeginsWith(r.URL.Path) {
			return false
		}
		_, _ = io.WriteString(w, "{}")
		return true
	}
	return server
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

// sameSentinel compares the sentinels of errors by identity.
var sameSentinel = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Err" },
	cmp.Comparer(func(a, b error) bool { return a == b }))

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

func (r *replay) run(t *testing.T, e exchange.Exchange) {
	synctest.Test(t, func(t *testing.T) {
		server := replayServer(t, e)
		got, err := r.call(t.Context(), wireClient(t, server, nil))
		if diff := cmp.Diff(r.want, got, cmpopts.EquateEmpty(), cmp.Comparer(vpp.Secret.Equal), sameSentinel); diff != "" {
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
	e, answered := exchange.Refusal[*vpp.Error](t, err, w.is, w.status)
	if !answered {
		return
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
	if w.number != 0 && string(e.Body) != body {
		t.Errorf("body %q, want %q", e.Body, body)
	}
	if w.op != "" && e.Op != w.op {
		t.Errorf("op %q, want %q", e.Op, w.op)
	}
}

// Every exchange is replayed by exactly one test, and every test has its exchange.
func TestExchanges(t *testing.T) {
	exchanges := exchange.Read(t, "testdata/exchange/*.txt")
	for _, r := range slices.Concat(configReplays(), listReplays(), subscriptionReplays(), manageReplays()) {
		e := exchanges.Take(t, r.exchange)
		t.Run(r.exchange, func(t *testing.T) { r.run(t, e) })
	}
	if left := exchanges.Left(); left != nil {
		t.Errorf("not replayed: %q", left)
	}
}

// raw is a member that the types have no field for.
func raw(name, value string) vpp.Unknown {
	return vpp.Unknown{name: jsontext.Value(value)}
}
