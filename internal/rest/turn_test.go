package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

func TestSign(t *testing.T) {
	broken := &url.Error{Op: "sign", URL: "https://a.test/?token=hush", Err: errors.New("no key")}

	t.Run("each attempt", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.faults.Add(sim.Fault{Kind: sim.Busy})
			b.faults.Add(sim.Fault{Kind: sim.Refuse})
			b.faults.Add(sim.Fault{Kind: sim.Lose})
			signed := 0
			req := repeatable()
			req.Query = url.Values{"a": {"1"}}
			req.Sign = func(r *http.Request) error {
				signed++
				if r.Method != "POST" || r.URL.String() != b.server.URL+"/devices?a=1" {
					t.Errorf("signs %s %s", r.Method, r.URL)
				}
				r.Header.Set("Authorization", fmt.Sprintf("at %v", time.Now()))
				return nil
			}
			mustDo(t, b.engine(t, nil), req, 200)
			if signed != len(b.traced()) || signed < 3 {
				t.Errorf("signed %d times for %d attempts", signed, len(b.traced()))
			}
			for _, r := range b.log.Requests() {
				if want := fmt.Sprintf("at %v", r.Time); r.Header.Get("Authorization") != want {
					t.Errorf("signed %q, sent %q", r.Header.Get("Authorization"), want)
				}
			}
		})
	})

	t.Run("fails", func(t *testing.T) {
		b := newBench(t)
		req := repeatable()
		req.Sign = func(*http.Request) error { return broken }
		resp, err := b.engine(t, nil).Do(t.Context(), req)
		failed := transportError(t, resp, err)
		if failed.Attempts != 0 || failed.Sent || !errors.Is(err, broken.Err) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%+v", failed)
		}
		if b.log.Count("", "") != 0 || len(b.traced()) != 0 {
			t.Error("something was sent")
		}
	})

	t.Run("fails later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.faults.Add(sim.Fault{Kind: sim.Busy, Count: -1})
			req, signed := repeatable(), 0
			req.Sign = func(*http.Request) error {
				if signed++; signed == 2 {
					return broken
				}
				return nil
			}
			resp, err := b.engine(t, nil).Do(t.Context(), req)
			failed := transportError(t, resp, err)
			if failed.Attempts != 1 || !failed.Sent || !errors.Is(err, broken.Err) || b.log.Count("", "") != 1 {
				t.Errorf("%+v", failed)
			}
		})
	})
}

func TestLimiter(t *testing.T) {
	every := func(d time.Duration) func(*rest.Config) {
		limiter := rate.NewLimiter(rate.Every(d), 1)
		return func(c *rest.Config) { c.Limiter = limiter }
	}

	t.Run("each attempt waits for its turn", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.faults.Add(sim.Fault{Kind: sim.BusySeconds, RetryAfter: time.Second, Count: 2})
			e := b.engine(t, every(10*time.Second))
			start := time.Now()
			mustDo(t, e, post(), 200)
			mustDo(t, e, post(), 200)
			for i, r := range b.log.Requests() {
				if at := r.Time.Sub(start); at != time.Duration(i)*10*time.Second {
					t.Errorf("attempt %d after %v", i+1, at)
				}
			}
			for _, a := range b.traced() {
				if a.Duration != 0 {
					t.Errorf("the wait counts as part of the attempt: %+v", a)
				}
			}
		})
	})

	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			e := b.engine(t, every(time.Minute))
			mustDo(t, e, post(), 200)
			shutdown := errors.New("shutting down")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(shutdown) })
			resp, err := e.Do(ctx, post())
			failed := transportError(t, resp, err)
			if failed.Attempts != 0 || failed.Sent || !errors.Is(err, context.Canceled) || !errors.Is(err, shutdown) {
				t.Errorf("%+v", failed)
			}
		})
	})

	t.Run("beyond the deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			e := b.engine(t, every(time.Minute))
			mustDo(t, e, post(), 200)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			start := time.Now()
			resp, err := e.Do(ctx, post())
			failed := transportError(t, resp, err)
			if failed.Attempts != 0 || failed.Sent || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 0 {
				t.Errorf("%+v after %v", failed, time.Since(start))
			}
		})
	})

	for name, fault := range map[string]sim.Fault{
		"no turn for another attempt: the last answer": {Kind: sim.BusySeconds, RetryAfter: time.Second},
		"no turn for another attempt: the last error":  {Kind: sim.Reset},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.faults.Add(fault)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				resp, err := b.engine(t, every(time.Minute)).Do(ctx, repeatable())
				if b.log.Count("", "") != 1 {
					t.Errorf("%d requests", b.log.Count("", ""))
				}
				if fault.Kind == sim.Reset {
					if failed := transportError(t, resp, err); failed.Attempts != 1 || !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("%+v", failed)
					}
				} else if err != nil || resp.Status != 503 || resp.RetryAfter != time.Second {
					t.Errorf("%+v, %v", resp, err)
				}
			})
		})
	}
}
