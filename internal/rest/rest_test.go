package rest_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

const rightBody = `{"cursor":"c","devices":[{"serial_number":"A"},{}]}`

// bench is a service that counts what it processes, under a script of faults, and an engine's
// view of it.
type bench struct {
	log       sim.Log
	faults    sim.Faults
	processed atomic.Int64
	server    *memhttp.Server
	client    *http.Client

	mu       sync.Mutex
	attempts []rest.Attempt
	uris     []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{}
	b.server = memhttp.NewServer(b.log.Wrap(b.faults.Wrap(http.HandlerFunc(b.serve))))
	b.faults.Refuser = b.server
	b.client = b.server.Client()
	t.Cleanup(b.server.Close)
	return b
}

// serve answers rightly, with a number for each answer.
func (b *bench) serve(w http.ResponseWriter, r *http.Request) {
	n := b.processed.Add(1)
	b.mu.Lock()
	b.uris = append(b.uris, r.RequestURI)
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Answer", fmt.Sprint("answer-", n))
	_, _ = io.WriteString(w, rightBody)
}

// engine returns an engine for the service whose configuration change may alter.
func (b *bench) engine(t *testing.T, change func(*rest.Config)) *rest.Engine {
	t.Helper()
	config := rest.Config{
		HTTPClient:      b.client,
		BaseURL:         b.server.URL,
		RequestIDHeader: "X-Answer",
		Trace: func(a rest.Attempt) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.attempts = append(b.attempts, a)
		},
	}
	if change != nil {
		change(&config)
	}
	e, err := rest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (b *bench) seenURIs() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.uris
}

func (b *bench) traced() []rest.Attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.attempts
}

// post is a request that must not be processed twice.
func post() rest.Request {
	return rest.Request{Op: "assign", Method: "POST", Path: rest.Path{"devices"}, Body: []byte(`{"a":1}`)}
}

// repeatable is a request that may be.
func repeatable() rest.Request {
	req := post()
	req.Repeatable = true
	return req
}

func get() rest.Request {
	return rest.Request{Op: "read", Method: "GET", Path: rest.Path{"account"}, Repeatable: true}
}

// mustDo fails the test unless there is an answer of that status.
func mustDo(t *testing.T, e *rest.Engine, req rest.Request, status int) *rest.Response {
	t.Helper()
	resp, err := e.Do(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != status {
		t.Fatalf("status %d, want %d", resp.Status, status)
	}
	return resp
}

// transportError fails the test unless err is one and came without an answer.
func transportError(t *testing.T, resp *rest.Response, err error) *rest.TransportError {
	t.Helper()
	failed, ok := errors.AsType[*rest.TransportError](err)
	if !ok || resp != nil {
		t.Fatalf("response %v, error %v, want a TransportError alone", resp, err)
	}
	return failed
}

func TestNewRefusesBadConfigurations(t *testing.T) {
	for _, tc := range []struct {
		name, field string
		config      rest.Config
	}{
		{"no URL", "BaseURL", rest.Config{}},
		{"unreadable URL", "BaseURL", rest.Config{BaseURL: "https://a\x7f"}},
		{"other scheme", "BaseURL", rest.Config{BaseURL: "ftp://a.test"}},
		{"no scheme", "BaseURL", rest.Config{BaseURL: "a.test/x"}},
		{"no host", "BaseURL", rest.Config{BaseURL: "https:///x"}},
		{"port alone", "BaseURL", rest.Config{BaseURL: "https://:443"}},
		{"user", "BaseURL", rest.Config{BaseURL: "https://u:p@a.test"}},
		{"query", "BaseURL", rest.Config{BaseURL: "https://a.test/?q=1"}},
		{"empty query", "BaseURL", rest.Config{BaseURL: "https://a.test/?"}},
		{"fragment", "BaseURL", rest.Config{BaseURL: "https://a.test/#f"}},
		{"negative tries", "Retry.Tries", rest.Config{Retry: rest.Retry{Tries: -1}}},
		{"negative first wait", "Retry", rest.Config{Retry: rest.Retry{MinWait: -1}}},
		{"negative longest wait", "Retry", rest.Config{Retry: rest.Retry{MaxWait: -1}}},
		{"negative limit", "MaxBody", rest.Config{MaxBody: -1}},
		{"limiter that is closed", "Limiter", rest.Config{Limiter: rate.NewLimiter(1, 0)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.config.BaseURL == "" && tc.field != "BaseURL" {
				tc.config.BaseURL = "https://a.test"
			}
			e, err := rest.New(tc.config)
			refused, ok := errors.AsType[*field.InputError](err)
			if e != nil || !ok || refused.Field != tc.field {
				t.Errorf("New = %v, %v", e, err)
			}
			if err != nil && strings.Contains(err.Error(), "u:p") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestNewTakesExtremes(t *testing.T) {
	b := newBench(t)
	for name, change := range map[string]func(*rest.Config){
		"largest limit":             func(c *rest.Config) { c.MaxBody = math.MaxInt64 },
		"limiter that lets all by":  func(c *rest.Config) { c.Limiter = rate.NewLimiter(rate.Inf, 0) },
		"first wait beyond longest": func(c *rest.Config) { c.Retry = rest.Retry{MinWait: time.Hour, MaxWait: 1} },
		"upper case scheme":         func(c *rest.Config) { c.BaseURL = "HTTP://a.test" },
	} {
		t.Run(name, func(t *testing.T) {
			resp := mustDo(t, b.engine(t, change), get(), 200)
			if string(resp.Body) != rightBody {
				t.Errorf("body %q", resp.Body)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	b := newBench(t)
	ofConfig := http.Header{"User-Agent": {"test/1"}, "X-Kept": {"a", "b"}, "X-Replaced": {"old"}}
	ofRequest := http.Header{"X-Replaced": {"new"}, "X-Own": {"1"}}
	before := []http.Header{ofConfig.Clone(), ofRequest.Clone()}
	e := b.engine(t, func(c *rest.Config) { c.Header = ofConfig })

	b.faults.Add(sim.Fault{Kind: sim.BusySeconds})
	req := get()
	req.Header = ofRequest
	signed := 0
	req.Sign = func(r *http.Request) error {
		signed++
		r.Header.Add("X-Signature", fmt.Sprint(signed))
		r.Header["X-Kept"][0], r.Header["X-Own"][0] = "changed", "changed"
		return nil
	}
	mustDo(t, e, req, 200)

	for i, r := range b.log.Requests() {
		got := maps.Clone(r.Header)
		delete(got, "Accept-Encoding") // net/http's own
		want := http.Header{
			"User-Agent": {"test/1"}, "X-Kept": {"changed", "b"}, "X-Replaced": {"new"}, "X-Own": {"changed"},
			"X-Signature": {fmt.Sprint(i + 1)},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("attempt %d (-want +got):\n%s", i+1, diff)
		}
	}
	if b.log.Count("", "") != 2 || signed != 2 {
		t.Errorf("%d requests, %d signed", b.log.Count("", ""), signed)
	}
	if !cmp.Equal(before, []http.Header{ofConfig, ofRequest}) {
		t.Errorf("the headers of the caller were changed: %v, %v", ofConfig, ofRequest)
	}
}

// A header or method that net/http refuses is an error of its own, without what might be secret.
func TestRequestsThatNetHTTPRefuses(t *testing.T) {
	b := newBench(t)
	e := b.engine(t, nil)
	for name, spoil := range map[string]func(*rest.Request){
		"header": func(r *rest.Request) { r.Header = http.Header{"X-Token": {"hush\n"}} },
		"method": func(r *rest.Request) { r.Method = "G T" },
	} {
		t.Run(name, func(t *testing.T) {
			req := get()
			req.Query = url.Values{"token": {"hush"}}
			spoil(&req)
			resp, err := e.Do(t.Context(), req)
			failed := transportError(t, resp, err)
			if failed.Attempts > 1 || strings.Contains(err.Error(), "hush") {
				t.Errorf("%d attempts: %v", failed.Attempts, err)
			}
		})
	}
	if n := b.log.Count("", ""); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
