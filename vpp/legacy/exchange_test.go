package legacy_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
)

const insideToken = `{"token":"QUJDREVGZ2hpams=","expDate":"2099-03-04T09:10:11+0000","orgName":"Example School District"}`

// stoken is a token file as Apple hands it out.
var stoken = base64.StdEncoding.EncodeToString([]byte(insideToken))

const configPath = "/mdm/VPPServiceConfigSrv"

// replayServer returns a server of one exchange. The service configuration, where it is not part of
// that, is answered on the side.
func replayServer(t *testing.T, e exchange.Exchange) *exchange.Server {
	server := exchange.NewServer(t, e)
	server.Headers = func(*http.Request, http.Header) http.Header {
		return http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}, "User-Agent": {"demo-mdm/1.2.3"}}
	}
	server.Body = func(t testing.TB, want, got string) {
		exchange.CompareJSON(t, strings.ReplaceAll(want, "STOKEN", stoken), got)
	}
	server.Aside = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != configPath || server.BeginsWith(configPath) {
			return false
		}
		_, _ = io.WriteString(w, `{"status":0}`)
		return true
	}
	return server
}

// wireClient returns a client of server as these tests use it: one try for each call, unless change
// says otherwise.
func wireClient(t testing.TB, server http.Handler, change func(*legacy.Options)) *legacy.Client {
	t.Helper()
	s := memhttp.NewServer(server)
	t.Cleanup(s.Close)
	opts := &legacy.Options{
		HTTPClient: s.Client(), BaseURL: s.URL + "/mdm", UserAgent: "demo-mdm/1.2.3", Retry: vpp.Retry{Tries: 1},
	}
	if change != nil {
		change(opts)
	}
	c, err := legacy.New(mustParse(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// replay is what a test expects of one exchange.
type replay struct {
	exchange string
	call     func(ctx context.Context, c *legacy.Client) (any, error)
	options  func(*legacy.Options)
	want     any
	refusal  *wireError // nil if the call succeeds
}

// wireError is what a test expects of an error.
type wireError struct {
	status     int // 0: the error is the client's own
	number     vpp.Number
	message    string
	is         error
	retryAfter time.Duration
	requestID  string
	op         string // checked if set
}

func (r *replay) run(t *testing.T, e exchange.Exchange) {
	synctest.Test(t, func(t *testing.T) {
		server := replayServer(t, e)
		got, err := r.call(t.Context(), wireClient(t, server, r.options))
		if diff := cmp.Diff(r.want, got, cmpopts.EquateEmpty(), cmp.Comparer(vpp.Secret.Equal), cmp.Comparer(sameError)); diff != "" {
			t.Errorf("decoded (-want +got):\n%s", diff)
		}
		r.refusal.compare(t, err, server.Finish().Body)
	})
}

// sameError compares the errors of outcomes: a sentinel is like what it is the sentinel of.
func sameError(a, b error) bool { return errors.Is(a, b) || errors.Is(b, a) }

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
	got := wireError{status: e.StatusCode, number: e.Number, message: e.Message, retryAfter: e.RetryAfter, requestID: e.RequestID}
	want := *w
	want.is, want.op = nil, ""
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(wireError{})); diff != "" {
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
	for _, r := range slices.Concat(configReplays(), userReplays(), listReplays(), manageReplays()) {
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

// all reads an iterator to its end.
func all[T any](read func(c *legacy.Client, ctx context.Context) iter.Seq2[T, error]) func(context.Context, *legacy.Client) (any, error) {
	return func(ctx context.Context, c *legacy.Client) (any, error) { return exchange.Collect(read(c, ctx)) }
}

// allPages is all for pages, by value.
func allPages[T any](read func(c *legacy.Client, ctx context.Context) iter.Seq2[*T, error]) func(context.Context, *legacy.Client) (any, error) {
	return func(ctx context.Context, c *legacy.Client) (any, error) { return exchange.Values(read(c, ctx)) }
}
