package rest_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

// gauge counts what is under way at once, bodies included.
type gauge struct {
	http.RoundTripper
	now, most atomic.Int32
}

func (g *gauge) RoundTrip(req *http.Request) (*http.Response, error) {
	g.most.Store(max(g.most.Load(), g.now.Add(1)))
	defer g.now.Add(-1)
	return g.RoundTripper.RoundTrip(req)
}

func TestSlotsBoundWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.faults.Add(sim.Fault{Kind: sim.Late, Delay: time.Second, Count: 6})
		g := &gauge{RoundTripper: b.client.Transport}
		b.client.Transport = g
		slots := make(chan struct{}, 2)
		one := b.engine(t, func(c *rest.Config) { c.Slots = slots })
		other := b.engine(t, func(c *rest.Config) { c.Slots = slots })
		start := time.Now()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { mustDo(t, one, get(), 200) })
			all.Go(func() { mustDo(t, other, post(), 200) })
		}
		all.Wait()
		if took := time.Since(start); took != 3*time.Second || g.most.Load() != 2 || len(slots) != 0 {
			t.Errorf("%v, %d at once, %d slots taken", took, g.most.Load(), len(slots))
		}
	})
}

// A call that pauses before it tries again lets others through.
func TestAPauseNeedsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.faults.Add(sim.Fault{Kind: sim.BusySeconds, RetryAfter: 10 * time.Second})
		e := b.engine(t, func(c *rest.Config) { c.Slots = make(chan struct{}, 1) })
		var paused sync.WaitGroup
		paused.Go(func() { mustDo(t, e, get(), 200) })
		synctest.Wait()
		start := time.Now()
		mustDo(t, e, get(), 200)
		if took := time.Since(start); took != 0 {
			t.Errorf("waited %v", took)
		}
		paused.Wait()
	})
}

// A turn that is put off while its attempt waits for a slot is waited for anew, without the slot.
func TestATurnThatIsPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		slots := make(chan struct{}, 1)
		turns, off := 0, 2
		e := b.engine(t, func(c *rest.Config) {
			c.Slots = slots
			c.Turn = func(context.Context) error {
				if turns++; len(slots) != 0 {
					t.Error("it waits for its turn in a slot")
				}
				return nil
			}
			c.TurnOff = func() bool { off--; return off >= 0 }
		})
		mustDo(t, e, get(), 200)
		if turns != 3 || len(slots) != 0 {
			t.Errorf("%d turns, %d slots taken", turns, len(slots))
		}
	})
}

func TestWaitingForASlotEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		slots := make(chan struct{}, 1)
		slots <- struct{}{}
		e := b.engine(t, func(c *rest.Config) { c.Slots = slots })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		resp, err := e.Do(ctx, get())
		failed := transportError(t, resp, err)
		if failed.Attempts != 0 || failed.Sent || !errors.Is(err, context.DeadlineExceeded) || len(slots) != 1 {
			t.Errorf("%+v, %d slots taken", failed, len(slots))
		}
	})
}
