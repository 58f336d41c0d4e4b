package rest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

func TestSent(t *testing.T) {
	for name, tc := range map[string]struct {
		script   func(*bench)
		sent     bool
		attempts int
	}{
		"never": {func(b *bench) {
			b.faults.Add(sim.Fault{Kind: sim.Refuse, Count: -1})
		}, false, 4},
		"lost": {func(b *bench) {
			b.faults.Add(sim.Fault{Kind: sim.Lose, Count: -1})
		}, true, 1},
		"refused, then lost": {func(b *bench) {
			b.faults.Add(sim.Fault{Kind: sim.Refuse})
			b.faults.Add(sim.Fault{Kind: sim.Lose, Count: -1})
		}, true, 2},
		"busy, then refused": {func(b *bench) {
			b.faults.Add(sim.Fault{Kind: sim.BusySeconds, RetryAfter: 10 * time.Second})
			time.AfterFunc(time.Second, func() { b.server.Refuse(-1) })
		}, true, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				tc.script(b)
				resp, err := b.engine(t, nil).Do(t.Context(), post())
				if failed := transportError(t, resp, err); failed.Sent != tc.sent || failed.Attempts != tc.attempts {
					t.Errorf("%+v", failed)
				}
			})
		})
	}
}

// roundTripper is a transport that reports nothing to httptrace, as some that users write.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestATransportThatDoesNotTellMayHaveSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("the answer was lost")
		calls := 0
		e, err := rest.New(rest.Config{BaseURL: "https://a.test", HTTPClient: &http.Client{
			Transport: roundTripper(func(*http.Request) (*http.Response, error) { calls++; return nil, lost }),
		}})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := e.Do(t.Context(), post())
		if failed := transportError(t, resp, err); calls != 1 || !failed.Sent || !errors.Is(err, lost) {
			t.Errorf("%d calls: %+v", calls, failed)
		}
		resp, err = e.Do(t.Context(), repeatable())
		if failed := transportError(t, resp, err); calls != 1+4 || failed.Attempts != 4 {
			t.Errorf("%d calls: %+v", calls, failed)
		}
	})
}

// An answer that was read whole counts, even if the context ended meanwhile.
func TestAnAnswerIsNotLostToTheEndOfTheContext(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	e := b.engine(t, func(c *rest.Config) {
		c.HTTPClient = &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			cancel()
			return &http.Response{StatusCode: 503, Body: io.NopCloser(strings.NewReader("busy"))}, nil
		})}
	})
	resp, err := e.Do(ctx, post())
	if err != nil || resp.Status != 503 || string(resp.Body) != "busy" {
		t.Errorf("%+v, %v", resp, err)
	}
	if got := b.traced(); len(got) != 1 || got[0].Wait != 0 {
		t.Errorf("traced %+v", got)
	}
}

// The same rules hold over HTTP/2, where a reset ends one stream only.
func TestHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		protocols := make(map[string]int)
		b.server = memhttp.NewTLSServer(b.log.Wrap(b.faults.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			protocols[r.Proto]++
			b.serve(w, r)
		}))), nil)
		t.Cleanup(b.server.Close)
		b.faults.Refuser, b.client = b.server, b.server.Client()
		e := b.engine(t, nil)

		b.faults.Add(sim.Fault{Kind: sim.Refuse})
		mustDo(t, e, post(), 200)
		for _, kind := range []sim.Kind{sim.Lose, sim.ResetBody} {
			before := b.processed.Load()
			b.faults.Add(sim.Fault{Kind: kind})
			resp, err := e.Do(t.Context(), post())
			if failed := transportError(t, resp, err); failed.Attempts != 1 || !failed.Sent || b.processed.Load() != before+1 {
				t.Errorf("%+v", failed)
			}
			b.faults.Add(sim.Fault{Kind: kind})
			mustDo(t, e, repeatable(), 200)
		}
		b.faults.Add(sim.Fault{Kind: sim.BusySeconds, RetryAfter: time.Second})
		mustDo(t, e, post(), 200)
		if len(protocols) != 1 || protocols["HTTP/2.0"] == 0 {
			t.Errorf("spoke %v", protocols)
		}
	})
}
