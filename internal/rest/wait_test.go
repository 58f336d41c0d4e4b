package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

func TestRetryAfter(t *testing.T) {
	date := func(after time.Duration) string { // of the bubble's clock
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(after).Format(http.TimeFormat)
	}
	backoff := [2]time.Duration{250 * time.Millisecond, 500 * time.Millisecond}
	exactly := func(d time.Duration) [2]time.Duration { return [2]time.Duration{d, d} }
	for _, tc := range []struct {
		name, value string
		retryAfter  time.Duration
		pause       [2]time.Duration // at least, at most
		once        bool             // the pause is too long to be made
	}{
		{"seconds", "7", 7 * time.Second, exactly(7 * time.Second), false},
		{"as long as bearable", "30", 30 * time.Second, exactly(30 * time.Second), false},
		{"with blanks", " 7 ", 7 * time.Second, exactly(7 * time.Second), false},
		{"zero", "0", 0, backoff, false},
		{"date", date(9 * time.Second), 9 * time.Second, exactly(9 * time.Second), false},
		{"old form of date", "Saturday, 01-Jan-00 00:00:09 GMT", 9 * time.Second, exactly(9 * time.Second), false},
		{"past date", date(-time.Hour), 0, backoff, false},
		{"absent", "", 0, backoff, false},
		{"words", "soon", 0, backoff, false},
		{"negative", "-5", 0, backoff, false},
		{"fraction", "1.5", 0, backoff, false},
		{"too long", "31", 31 * time.Second, exactly(0), true},
		{"an hour", "3600", time.Hour, exactly(0), true},
		{"tomorrow", date(24 * time.Hour), 24 * time.Hour, exactly(0), true},
		{"huge", "9000000000", 9_000_000_000 * time.Second, exactly(0), true},
		{"without end", "99999999999999999999999", 9_223_372_036 * time.Second, exactly(0), true},
	} {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprint(tc.name, " ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t)
					e := b.engine(t, nil)
					header := http.Header{"Retry-After": {tc.value}}
					if tc.value == "" {
						header = nil
					}
					b.faults.Add(sim.Fault{Kind: sim.Busy, Status: status, Header: header, Body: "wait"})
					start := time.Now()
					resp, err := e.Do(t.Context(), post())
					took := time.Since(start)
					if err != nil || took < tc.pause[0] || took > tc.pause[1] {
						t.Errorf("%v after %v", err, took)
					}
					if !tc.once {
						if resp.Status != 200 || b.log.Count("", "") != 2 {
							t.Errorf("%+v", resp)
						}
						return
					}
					if resp.Status != status || string(resp.Body) != "wait" || resp.RetryAfter != tc.retryAfter || b.log.Count("", "") != 1 {
						t.Errorf("%+v, want RetryAfter %v", resp, tc.retryAfter)
					}
				})
			})
		}
	}
}

// The caller reads the same number of an answer that is not repeated.
func TestRetryAfterOfTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		e := b.engine(t, func(c *rest.Config) { c.Retry.Tries = 1 })
		for _, kind := range []sim.Kind{sim.BusySeconds, sim.BusyDate} {
			b.faults.Add(sim.Fault{Kind: kind, RetryAfter: 90 * time.Second})
			if resp := mustDo(t, e, post(), 503); resp.RetryAfter != 90*time.Second {
				t.Errorf("RetryAfter %v", resp.RetryAfter)
			}
		}
		b.faults.Add(sim.Fault{Kind: sim.BusyDate, RetryAfter: -time.Hour})
		if resp := mustDo(t, e, post(), 503); resp.RetryAfter != 0 {
			t.Errorf("a date that has passed asks for %v", resp.RetryAfter)
		}
	})
}

func TestBackoffGrowsToMaxWait(t *testing.T) {
	for name, tc := range map[string]struct {
		retry rest.Retry
		whole []time.Duration
	}{
		"default": {rest.Retry{Tries: 9}, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second,
			4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second}},
		"own": {rest.Retry{Tries: 5, MinWait: time.Minute, MaxWait: 3 * time.Minute},
			[]time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 3 * time.Minute}},
		"longest before shortest": {rest.Retry{Tries: 3, MinWait: time.Minute, MaxWait: time.Second},
			[]time.Duration{time.Second, time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.faults.Add(sim.Fault{Kind: sim.Busy, Count: -1})
				mustDo(t, b.engine(t, func(c *rest.Config) { c.Retry = tc.retry }), post(), 503)
				got := b.log.Requests()
				if len(got) != len(tc.whole)+1 {
					t.Fatalf("%d attempts", len(got))
				}
				for i, whole := range tc.whole {
					if pause := got[i+1].Time.Sub(got[i].Time); pause < whole/2 || pause > whole {
						t.Errorf("pause %d is %v, want %v to %v", i+1, pause, whole/2, whole)
					}
				}
			})
		})
	}
}

// A pause that would last to the deadline helps nobody: the last answer comes back at once.
func TestNoPauseBeyondTheDeadline(t *testing.T) {
	for _, tc := range []struct {
		name     string
		fault    sim.Fault
		timeout  time.Duration
		attempts int
		took     time.Duration
	}{
		{"asked for longer", sim.Fault{Kind: sim.BusySeconds, RetryAfter: 20 * time.Second}, 10 * time.Second, 1, 0},
		{"asked for as long", sim.Fault{Kind: sim.BusySeconds, RetryAfter: 10 * time.Second}, 10 * time.Second, 1, 0},
		{"asked for less", sim.Fault{Kind: sim.BusySeconds, RetryAfter: 4 * time.Second}, 10 * time.Second, 3, 8 * time.Second},
		{"back-off", sim.Fault{Kind: sim.Busy}, 200 * time.Millisecond, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				tc.fault.Count = -1
				b.faults.Add(tc.fault)
				ctx, cancel := context.WithTimeout(t.Context(), tc.timeout)
				defer cancel()
				start := time.Now()
				resp, err := b.engine(t, nil).Do(ctx, post())
				if err != nil || resp.Status != 503 || resp.RetryAfter != tc.fault.RetryAfter {
					t.Errorf("%+v, %v", resp, err)
				}
				if n := b.log.Count("", ""); n != tc.attempts || time.Since(start) != tc.took {
					t.Errorf("%d attempts in %v", n, time.Since(start))
				}
			})
		})
	}

	synctest.Test(t, func(t *testing.T) { // and without an answer, the error of the line
		b := newBench(t)
		b.faults.Add(sim.Fault{Kind: sim.Refuse, Count: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		resp, err := b.engine(t, nil).Do(ctx, post())
		failed := transportError(t, resp, err)
		if failed.Attempts != 1 || failed.Sent || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%+v", failed)
		}
	})
}

func TestCancelWhilePausing(t *testing.T) {
	for name, tc := range map[string]struct {
		fault sim.Fault
		sent  bool
	}{
		"after an answer":  {sim.Fault{Kind: sim.BusySeconds, RetryAfter: 20 * time.Second, Count: -1}, true},
		"after no answer":  {sim.Fault{Kind: sim.Reset, Count: -1}, true},
		"after a refusal":  {sim.Fault{Kind: sim.Refuse, Count: -1}, false},
		"after a bad body": {sim.Fault{Kind: sim.ResetBody, Count: -1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.faults.Add(tc.fault)
				e := b.engine(t, func(c *rest.Config) { c.Retry = rest.Retry{MinWait: 20 * time.Second} })
				shutdown := errors.New("shutting down")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(shutdown) })
				start := time.Now()
				resp, err := e.Do(ctx, repeatable())
				failed := transportError(t, resp, err)
				if took := time.Since(start); took != time.Second || failed.Attempts != 1 || failed.Sent != tc.sent {
					t.Errorf("%+v after %v", failed, took)
				}
				if !errors.Is(err, context.Canceled) || !errors.Is(err, shutdown) {
					t.Errorf("error %v, want Canceled and its cause", err)
				}
			})
		})
	}
}

func TestAContextThatHasEndedSendsNothing(t *testing.T) {
	b := newBench(t)
	limiter := rate.NewLimiter(1, 1)
	for name, change := range map[string]func(*rest.Config){
		"alone":          nil,
		"with a limiter": func(c *rest.Config) { c.Limiter = limiter },
	} {
		shutdown := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(shutdown)
		resp, err := b.engine(t, change).Do(ctx, repeatable())
		failed := transportError(t, resp, err)
		if failed.Attempts != 0 || failed.Sent || !errors.Is(err, context.Canceled) || !errors.Is(err, shutdown) {
			t.Errorf("%s: %+v", name, failed)
		}
	}
	if b.log.Count("", "") != 0 || b.server.Dials() != 0 {
		t.Error("something was sent")
	}
}
