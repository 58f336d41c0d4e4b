package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

func TestRedirectsAreAnswers(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"https://elsewhere.test/x", "http://memhttp.test/account", "/account", ""} {
			for _, req := range []rest.Request{get(), post()} {
				t.Run(fmt.Sprintf("%s %d %s", req.Method, status, to), func(t *testing.T) {
					b := newBench(t)
					b.faults.Add(sim.Fault{Kind: sim.Redirect, Status: status, Header: http.Header{"Location": {to}}, Body: "moved"})
					req.Header = http.Header{"X-Token": {"hush"}}
					resp := mustDo(t, b.engine(t, nil), req, status)
					if string(resp.Body) != "moved" || resp.Header.Get("Location") != to {
						t.Errorf("%q, %v", resp.Body, resp.Header)
					}
					// The client of the server reaches it whatever the host, so it would see more.
					if got := b.log.Requests(); len(got) != 1 || got[0].Host != "memhttp.test" {
						t.Errorf("the service saw %+v", got)
					}
				})
			}
		}
	}
}

// net/http refuses by itself to look at such an answer; it must not be followed or hang either.
func TestRedirectToNowhere(t *testing.T) {
	b := newBench(t)
	b.faults.Add(sim.Fault{Kind: sim.Redirect, Header: http.Header{"Location": {"http://a.test:port/"}}})
	resp, err := b.engine(t, nil).Do(t.Context(), post())
	if failed := transportError(t, resp, err); failed.Attempts != 1 || !failed.Sent || b.log.Count("", "") != 1 {
		t.Errorf("%+v", failed)
	}
}

func TestTheClientOfTheCallerIsCopied(t *testing.T) {
	b := newBench(t)
	followed := errors.New("the caller's own rule")
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return followed }
	transport := b.client.Transport
	mustDo(t, b.engine(t, nil), get(), 200)
	if b.client.Timeout != 0 || b.client.Transport != transport || b.client.CheckRedirect(nil, nil) != followed {
		t.Errorf("the client was changed: %+v", b.client)
	}
}

func TestWithoutAClient(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc((&bench{}).serve))
	defer service.Close()
	for name, client := range map[string]*http.Client{"nil": nil, "zero": {}} {
		e, err := rest.New(rest.Config{BaseURL: service.URL, HTTPClient: client})
		if err != nil {
			t.Fatal(err)
		}
		if resp := mustDo(t, e, get(), 200); string(resp.Body) != rightBody || resp.RequestID != "" {
			t.Errorf("%s: %+v", name, resp)
		}
	}
}

// The transport is shared with others, whose connections a failure of ours must not cost.
func TestAFailureLeavesIdleConnectionsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		e := b.engine(t, nil)
		b.faults.Add(sim.Fault{Kind: sim.Late, Delay: time.Second, Count: 2})
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { mustDo(t, e, get(), 200) })
		}
		both.Wait()
		if n := b.server.Dials(); n != 2 {
			t.Fatalf("%d connections to begin with", n)
		}

		b.faults.Add(sim.Fault{Kind: sim.BusySeconds, RetryAfter: 20 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		resp, err := e.Do(ctx, get())
		transportError(t, resp, err)

		b.faults.Add(sim.Fault{Kind: sim.Lose})
		resp, err = e.Do(t.Context(), post())
		transportError(t, resp, err)

		mustDo(t, e, get(), 200)
		if n := b.server.Dials(); n != 2 {
			t.Errorf("%d connections after the failures, want the first two", n)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		e := b.engine(t, func(c *rest.Config) { c.Header = http.Header{"X-Shared": {"1"}} })
		b.faults.Add(sim.Fault{Kind: sim.Busy, Skip: 5, Count: 3})
		b.faults.Add(sim.Fault{Kind: sim.BusySeconds, RetryAfter: time.Second, Count: 3})
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				for j := range 5 {
					req := post()
					req.Body = []byte(strings.Repeat(fmt.Sprint(i, j, ";"), 1000))
					req.Sign = func(r *http.Request) error {
						r.Header.Set("X-Shared", fmt.Sprint(i))
						return nil
					}
					mustDo(t, e, req, 200)
				}
			})
		}
		all.Wait()
		if got := b.processed.Load(); got != 16*5 {
			t.Errorf("processed %d", got)
		}
		if got := len(b.traced()); got != 16*5+6 {
			t.Errorf("traced %d attempts", got)
		}
	})
}
