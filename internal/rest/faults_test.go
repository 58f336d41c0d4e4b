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

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

// outcome is how a call ends: with an answer of that status and body, or without one for err.
type outcome struct {
	attempts  int
	processed int64
	status    int
	body      string // "" is the right one for 200, and any for another status
	err       error  // what errors.Is finds
}

// Every fault, once and for ever, for a call that may be repeated and for one that may not, ends
// in an answer or a typed error before the deadline, with nothing done twice that must not be.
func TestFaults(t *testing.T) {
	const (
		doubled = `{"cursor":"c","devices":[{"serial_number":"A"},{}],"cursor":"c","devices":[{"serial_number":"A"},{}]}`
		half    = `{"cursor":"c","devices":[` // of rightBody
	)
	right := func(attempts int, processed int64) outcome { return outcome{attempts, processed, 200, "", nil} }
	answer := func(attempts, status int) outcome { return outcome{attempts, 0, status, "", nil} }
	lost := func(attempts int, processed int64, err error) outcome {
		return outcome{attempts, processed, 0, "", err}
	}
	same := func(o outcome) [4]outcome { return [4]outcome{o, o, o, o} }
	late := context.DeadlineExceeded

	for _, tc := range []struct {
		name  string
		fault sim.Fault
		// For a repeatable call with the fault once and for ever, then for one that is not.
		want [4]outcome
	}{
		{"connection refused", sim.Fault{Kind: sim.Refuse},
			[4]outcome{right(2, 1), lost(4, 0, syscall.ECONNREFUSED), right(2, 1), lost(4, 0, syscall.ECONNREFUSED)}},
		{"reset before the header", sim.Fault{Kind: sim.Reset},
			[4]outcome{right(2, 1), lost(4, 0, syscall.ECONNRESET), lost(1, 0, syscall.ECONNRESET), lost(1, 0, syscall.ECONNRESET)}},
		{"lost answer", sim.Fault{Kind: sim.Lose},
			[4]outcome{right(2, 2), lost(4, 4, syscall.ECONNRESET), lost(1, 1, syscall.ECONNRESET), lost(1, 1, syscall.ECONNRESET)}},
		{"reset in the body", sim.Fault{Kind: sim.ResetBody},
			[4]outcome{right(2, 2), lost(4, 4, syscall.ECONNRESET), lost(1, 1, syscall.ECONNRESET), lost(1, 1, syscall.ECONNRESET)}},
		{"truncated JSON", sim.Fault{Kind: sim.Truncate}, same(outcome{1, 1, 200, half, nil})},
		{"dripping body", sim.Fault{Kind: sim.Drip, Delay: 10 * time.Second},
			[4]outcome{right(2, 2), lost(4, 4, late), lost(1, 1, late), lost(1, 1, late)}},
		{"slow body", sim.Fault{Kind: sim.Drip, Delay: time.Second}, same(right(1, 1))},
		{"late answer", sim.Fault{Kind: sim.Late, Delay: 59 * time.Second}, same(right(1, 1))},
		{"no answer", sim.Fault{Kind: sim.Silence},
			[4]outcome{right(2, 1), lost(4, 0, late), lost(1, 0, late), lost(1, 0, late)}},
		{"HTML 502", sim.Fault{Kind: sim.HTML}, [4]outcome{right(2, 1), answer(4, 502), answer(1, 502), answer(1, 502)}},
		{"empty 500", sim.Fault{Kind: sim.Empty}, [4]outcome{right(2, 1), answer(4, 500), answer(1, 500), answer(1, 500)}},
		{"429", sim.Fault{Kind: sim.Busy, Status: 429}, [4]outcome{right(2, 1), answer(4, 429), right(2, 1), answer(4, 429)}},
		{"429 with seconds", sim.Fault{Kind: sim.BusySeconds, Status: 429, RetryAfter: 20 * time.Second},
			[4]outcome{right(2, 1), answer(4, 429), right(2, 1), answer(4, 429)}},
		{"429 with a date", sim.Fault{Kind: sim.BusyDate, Status: 429, RetryAfter: 20 * time.Second},
			[4]outcome{right(2, 1), answer(4, 429), right(2, 1), answer(4, 429)}},
		{"503", sim.Fault{Kind: sim.Busy}, [4]outcome{right(2, 1), answer(4, 503), right(2, 1), answer(4, 503)}},
		{"503 with seconds", sim.Fault{Kind: sim.BusySeconds, RetryAfter: 20 * time.Second},
			[4]outcome{right(2, 1), answer(4, 503), right(2, 1), answer(4, 503)}},
		{"503 with a date", sim.Fault{Kind: sim.BusyDate, RetryAfter: 20 * time.Second},
			[4]outcome{right(2, 1), answer(4, 503), right(2, 1), answer(4, 503)}},
		{"503 for too long", sim.Fault{Kind: sim.BusySeconds, RetryAfter: time.Hour}, same(answer(1, 503))},
		{"expired session", sim.Fault{Status: 401, Body: "EXPIRED"}, same(outcome{1, 0, 401, "EXPIRED", nil})},
		{"redirect to another host", sim.Fault{Kind: sim.Redirect}, same(answer(1, 307))},
		{"oversized body", sim.Fault{Kind: sim.Oversize, Size: 1 << 20}, same(lost(1, 1, rest.ErrBodyTooLarge))},
		{"gzip", sim.Fault{Kind: sim.Gzip}, same(right(1, 1))},
		{"wrong media type", sim.Fault{Kind: sim.WrongType}, same(right(1, 1))},
		{"duplicate members", sim.Fault{Kind: sim.Duplicate}, same(outcome{1, 1, 200, doubled, nil})},
		{"unknown members", sim.Fault{Kind: sim.Unknown}, same(outcome{1, 1, 200, "*", nil})},
	} {
		for i, want := range tc.want {
			req, often := repeatable(), 1
			if i >= 2 {
				req = post()
			}
			if i%2 == 1 {
				often = -1
			}
			t.Run(fmt.Sprintf("%s/repeatable=%v,count=%d", tc.name, req.Repeatable, often), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fault := tc.fault
					fault.Count = often
					want.check(t, fault, req)
				})
			})
		}
	}
}

// check makes one call under the fault.
func (want outcome) check(t *testing.T, fault sim.Fault, req rest.Request) {
	t.Helper()
	b := newBench(t)
	b.faults.Add(fault)
	e := b.engine(t, func(c *rest.Config) { c.MaxBody = 1 << 20 })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	resp, err := e.Do(ctx, req)

	if ctx.Err() != nil {
		t.Error("the call lasted to the deadline")
	}
	if n := len(b.traced()); n != want.attempts {
		t.Errorf("%d attempts, want %d", n, want.attempts)
	}
	if n := b.processed.Load(); n != want.processed {
		t.Errorf("processed %d times, want %d", n, want.processed)
	}
	if left := b.faults.Pending(); left != 0 {
		t.Errorf("%d faults did not happen", left)
	}
	if want.err != nil {
		failed := transportError(t, resp, err)
		sent := fault.Kind != sim.Refuse
		if !errors.Is(err, want.err) || failed.Attempts != want.attempts || failed.Sent != sent {
			t.Errorf("%+v, want %v", failed, want.err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	body := want.body
	if body == "" && want.status == http.StatusOK {
		body = rightBody
	}
	if resp.Status != want.status || body != "" && body != "*" && string(resp.Body) != body {
		t.Errorf("%d %q, want %d %q", resp.Status, resp.Body, want.status, body)
	}
	if want.status != http.StatusOK && resp.RetryAfter != fault.RetryAfter {
		t.Errorf("RetryAfter %v", resp.RetryAfter)
	}
}
