package rest_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

// busyWithin takes an answer of status 200 that says so for one of status 429.
func busyWithin(resp *rest.Response) int {
	if bytes.Contains(resp.Body, []byte("busy")) {
		return 429
	}
	return resp.Status
}

func TestJudgeDecidesAboutRepeating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.faults.Add(sim.Fault{Kind: sim.Answer, Body: "busy", Count: 2})
		e := b.engine(t, func(c *rest.Config) { c.Judge = busyWithin })
		start := time.Now()
		resp := mustDo(t, e, post(), 200)
		if string(resp.Body) != rightBody || len(b.traced()) != 3 || time.Since(start) < 500*time.Millisecond {
			t.Errorf("%q after %d attempts and %v", resp.Body, len(b.traced()), time.Since(start))
		}

		b.faults.Add(sim.Fault{Kind: sim.Answer, Body: "busy", Count: -1})
		resp = mustDo(t, e, post(), 200) // the status stays as it came
		if string(resp.Body) != "busy" || len(b.traced()) != 7 {
			t.Errorf("%q after %d attempts", resp.Body, len(b.traced()))
		}
	})
}

func TestJudgeMayDeclareAFailureFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.faults.Add(sim.Fault{Kind: sim.Busy})
		e := b.engine(t, func(c *rest.Config) { c.Judge = func(*rest.Response) int { return 400 } })
		mustDo(t, e, get(), 503)
		if len(b.traced()) != 1 {
			t.Errorf("%d attempts", len(b.traced()))
		}
	})
}

func TestTurnComesBeforeEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.faults.Add(sim.Fault{Kind: sim.Busy})
		turns := 0
		e := b.engine(t, func(c *rest.Config) {
			c.Limiter = rate.NewLimiter(rate.Every(time.Hour), 1) // Turn has its place
			c.Turn = func(context.Context) error { turns++; return nil }
		})
		mustDo(t, e, get(), 200)
		if turns != 2 {
			t.Errorf("%d turns", turns)
		}
	})
}

func TestNothingIsSentWithoutATurn(t *testing.T) {
	b := newBench(t)
	no := errors.New("no turn")
	e := b.engine(t, func(c *rest.Config) { c.Turn = func(context.Context) error { return no } })
	resp, err := e.Do(t.Context(), get())
	failed := transportError(t, resp, err)
	if failed.Sent || !errors.Is(err, no) || !errors.Is(err, context.DeadlineExceeded) || b.log.Count("", "") != 0 {
		t.Errorf("%+v", failed)
	}
}
