package axm_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/internal/memhttp"
)

const (
	businessID = "BUSINESSAPI.0a1b2c3d-0000-4000-8000-000000000001"
	schoolID   = "SCHOOLAPI.0a1b2c3d-0000-4000-8000-000000000002"
	keyID      = "0a1b2c3d-0000-4000-8000-00000000000f"
	tokenPath  = "/auth/oauth2/token"
	wireToken  = "eyJhbGciOiJkaXIi.opaque"
)

// wirePrivate is the private key of these tests.
var wirePrivate = sync.OnceValue(func() *ecdsa.PrivateKey {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return private
})

// keyPEM returns the key as the portal hands it out: PKCS#8 under the label of SEC 1.
func keyPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(wirePrivate())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

func mustKey(t testing.TB, clientID string) *axm.Key {
	t.Helper()
	key, err := axm.ParseKey(clientID, keyID, keyPEM(t))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// wireHeader is what a request carries.
func wireHeader(r *http.Request) http.Header {
	h := http.Header{"Accept": {"application/json"}, "User-Agent": {"demo-mdm/1.2.3"}}
	switch {
	case r.URL.Path == tokenPath:
		h.Set("Content-Type", "application/x-www-form-urlencoded")
		return h
	case r.ContentLength > 0:
		h.Set("Content-Type", "application/json")
	}
	h.Set("Authorization", "Bearer "+wireToken)
	return h
}

// replayServer returns a server of one exchange. Access tokens are given on the side.
func replayServer(t *testing.T, e exchange.Exchange) *exchange.Server {
	server := exchange.NewServer(t, e)
	server.Headers = func(r *http.Request, _ http.Header) http.Header { return wireHeader(r) }
	server.Aside = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != tokenPath {
			return false
		}
		_, _ = io.WriteString(w, `{"access_token":"`+wireToken+`","token_type":"Bearer","expires_in":3600,"scope":"business.api"}`)
		return true
	}
	return server
}

// wireClient returns a client of server as these tests use it: one of Apple Business, with one try
// for each call, unless change says otherwise.
func wireClient(t *testing.T, server http.Handler, change func(*axm.Options)) *axm.Client {
	t.Helper()
	return wireClientOf(t, server, businessID, change)
}

func wireClientOf(t *testing.T, server http.Handler, clientID string, change func(*axm.Options)) *axm.Client {
	t.Helper()
	s := memhttp.NewServer(server)
	t.Cleanup(s.Close)
	opts := &axm.Options{
		HTTPClient: s.Client(), BaseURL: s.URL, TokenURL: s.URL + tokenPath, UserAgent: "demo-mdm/1.2.3",
		Retry: axm.Retry{Tries: 1},
	}
	if change != nil {
		change(opts)
	}
	c, err := axm.New(mustKey(t, clientID), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// replay is what a test expects of one exchange.
type replay struct {
	exchange string
	call     func(ctx context.Context, c *axm.Client) (any, error)
	want     any
	refusal  *wireError // nil if the call succeeds
}

// wireError is what a test expects of an error.
type wireError struct {
	status         int // 0: the error is the client's own
	items          []axm.ErrorItem
	is             error
	retryAfter     time.Duration
	requestID      string
	correlationKey string
	op             string // checked if set
}

func (r *replay) run(t *testing.T, e exchange.Exchange) {
	synctest.Test(t, func(t *testing.T) {
		server := replayServer(t, e)
		got, err := r.call(t.Context(), wireClient(t, server, nil))
		if diff := cmp.Diff(r.want, got); diff != "" {
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
	e, answered := exchange.Refusal[*axm.Error](t, err, w.is, w.status)
	if !answered {
		return
	}
	got := wireError{status: e.StatusCode, items: e.Items, retryAfter: e.RetryAfter, requestID: e.RequestID, correlationKey: e.CorrelationKey}
	want := *w
	want.is, want.op = nil, ""
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(wireError{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if w.is == nil && e.Err != nil {
		t.Errorf("sentinel %v, want none", e.Err)
	}
	if string(e.Body) != body {
		t.Errorf("body %q, want %q", e.Body, body)
	}
	if w.op != "" && e.Op != w.op {
		t.Errorf("op %q, want %q", e.Op, w.op)
	}
}

// Every exchange is replayed by exactly one test, and every test has its exchange.
func TestExchanges(t *testing.T) {
	exchanges := exchange.Read(t, "testdata/exchange/*.txt")
	for _, r := range slices.Concat(deviceReplays(), serverReplays(), activityReplays(), errorReplays(), businessReplays()) {
		e := exchanges.Take(t, r.exchange)
		t.Run(r.exchange, func(t *testing.T) { r.run(t, e) })
	}
	if left := exchanges.Left(); left != nil {
		t.Errorf("not replayed: %q", left)
	}
}

// raw is a member that the types have no field for.
func raw(name, value string) axm.Unknown {
	return axm.Unknown{name: jsontext.Value(value)}
}
