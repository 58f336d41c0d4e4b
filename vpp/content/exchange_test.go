package content_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
)

const (
	wireTeam  = "TEAM123456"
	wireKeyID = "KEY1234567"
)

// wireSToken is a content token with characters that cookies and forms treat in their own ways.
var wireSToken = base64.StdEncoding.EncodeToString([]byte(`{"token":"~~~?>secret","expDate":"2099-03-04T09:10:11+0000","orgName":"A"}`))

func wireToken(t testing.TB) *vpp.Token {
	t.Helper()
	token, err := vpp.ParseToken([]byte(wireSToken))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// newKey returns a developer key, and its P-256 key.
func newKey(t testing.TB) (*content.DeveloperKey, *ecdsa.PrivateKey) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := content.ParseDeveloperKey(wireTeam, wireKeyID, p8(t, private))
	if err != nil {
		t.Fatal(err)
	}
	return key, private
}

// p8 is the file in which Apple hands out a key.
func p8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// checkDeveloperToken takes a developer token to pieces, by nothing but the documents.
func checkDeveloperToken(t testing.TB, text string, key *ecdsa.PublicKey) {
	t.Helper()
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Errorf("a developer token of %d parts", len(parts))
		return
	}
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			t.Errorf("part %d: %v", i, err)
		}
	}
	if diff := cmp.Diff(map[string]any{"alg": "ES256", "kid": wireKeyID}, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	now := time.Now().Unix()
	iat, exp := claims["iat"].(float64), claims["exp"].(float64)
	if len(claims) != 3 || claims["iss"] != wireTeam || int64(iat) > now || int64(exp) <= now+240 || exp-iat > 15_777_000 {
		t.Errorf("claims %v at %d", claims, now)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		t.Errorf("a signature of %d bytes, %v", len(signature), err)
		return
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Error("the signature is wrong")
	}
}

// wireHeaders returns the check of headers: what each service wants to see, and nothing else.
func wireHeaders(t testing.TB, key *ecdsa.PublicKey) func(*http.Request, http.Header) http.Header {
	return func(r *http.Request, got http.Header) http.Header {
		want := http.Header{"Accept": {"application/json"}, "User-Agent": {"demo-mdm/1.2.3"}}
		path := r.URL.Path
		switch {
		case path == "/mdm/v2/service/config":
			return want
		case strings.HasPrefix(path, "/mdm/v2/"):
			want.Set("Authorization", "Bearer "+wireSToken)
			return want
		case strings.HasPrefix(path, "/v1/"):
			text, bearer := strings.CutPrefix(got.Get("Authorization"), "Bearer ")
			if !bearer {
				t.Errorf("Authorization %q", got.Get("Authorization"))
			}
			checkDeveloperToken(t, text, key)
			got.Del("Authorization")
		}
		if !strings.HasPrefix(path, "/v1/") || strings.Contains(path, "/stoken-authenticated-") {
			want.Set("Cookie", "itvt="+wireSToken)
		}
		return want
	}
}

// wire is the clients that talk to an exchange.
type wire struct {
	client *content.Client
	lookup *content.Lookup
}

// newWire returns clients of server: one try for each call, in the United States unless at home.
func newWire(t testing.TB, server http.Handler, key *content.DeveloperKey, atHome bool) *wire {
	t.Helper()
	s := memhttp.NewServer(server)
	t.Cleanup(s.Close)
	opts := &content.Options{
		HTTPClient: s.Client(), BaseURL: s.URL + "/v1", UserAgent: "demo-mdm/1.2.3",
		Retry: vpp.Retry{Tries: 1}, Storefront: "US",
	}
	if atHome {
		location, err := vpp.New(wireToken(t), &vpp.Options{
			HTTPClient: s.Client(), BaseURL: s.URL + "/mdm/v2", UserAgent: "demo-mdm/1.2.3", Retry: vpp.Retry{Tries: 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		opts.Storefront, opts.Location = "", location
	}
	client, err := content.New(key, wireToken(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	opts.BaseURL = s.URL
	lookup, err := content.NewLookup(wireToken(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	return &wire{client, lookup}
}

// replay is what a test expects of one exchange.
type replay struct {
	exchange string
	call     func(ctx context.Context, w *wire) (any, error)
	want     any
	refusal  *wireError // nil if the call succeeds
}

// wireError is what a test expects of an error.
type wireError struct {
	status     int // 0: it is no Error of this package
	reasons    []content.Reason
	is         error
	retryAfter time.Duration
	requestID  string
	text       string // checked if set
}

func (r *replay) run(t *testing.T, e exchange.Exchange) {
	synctest.Test(t, func(t *testing.T) {
		key, private := newKey(t)
		server := exchange.NewServer(t, e)
		server.Headers = wireHeaders(t, &private.PublicKey)
		got, err := r.call(t.Context(), newWire(t, server, key, strings.HasPrefix(r.exchange, "home/")))
		if diff := cmp.Diff(r.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("decoded (-want +got):\n%s", diff)
		}
		r.refusal.compare(t, err, server.Finish())
	})
}

func (w *wireError) compare(t *testing.T, err error, last exchange.Pair) {
	t.Helper()
	if w == nil {
		if err != nil {
			t.Errorf("error %v", err)
		}
		return
	}
	e, answered := exchange.Refusal[*content.Error](t, err, w.is, w.status)
	if w.text != "" && err.Error() != w.text {
		t.Errorf("error %q, want %q", err, w.text)
	}
	if !answered {
		return
	}
	got := wireError{status: e.StatusCode, reasons: e.Reasons, retryAfter: e.RetryAfter, requestID: e.RequestID}
	want := *w
	want.is, want.text = nil, ""
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(wireError{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if w.is == nil && e.Err != nil {
		t.Errorf("sentinel %v, want none", e.Err)
	}
	if e.Body != nil && string(e.Body) != last.Body {
		t.Errorf("body %q, want %q", e.Body, last.Body)
	}
}

// Every exchange is replayed by exactly one test, and every test has its exchange.
func TestExchanges(t *testing.T) {
	set := exchange.Read(t, "testdata/exchange/*.txt")
	for _, r := range slices.Concat(appReplays(), otherReplays(), lookupReplays(), errorReplays()) {
		e := set.Take(t, r.exchange)
		t.Run(r.exchange, func(t *testing.T) { r.run(t, e) })
	}
	for _, name := range set.Left() {
		t.Errorf("%q is not replayed", name)
	}
}

// raw is a member that the types have no field for.
func raw(name, value string) vpp.Unknown {
	return vpp.Unknown{name: jsontext.Value(value)}
}
