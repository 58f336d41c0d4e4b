package pace

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// turns returns how many requests get their turn within d.
func turns(t *testing.T, p *Pacer[string], d time.Duration) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	n := 0
	for p.Wait(ctx) == nil {
		n++
	}
	return n
}

func within(n, least, most int) bool { return least <= n && n <= most }

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New[string]()
		if n := turns(t, p, 10*time.Second); !within(n, 140, 150) {
			t.Errorf("%d turns in 10 s by default", n)
		}
		p.Publish(40)
		if n := turns(t, p, 10*time.Second); !within(n, 370, 400) {
			t.Errorf("%d turns in 10 s at 40 per second", n)
		}
		p.Publish(0)
		if n := turns(t, p, 10*time.Second); !within(n, 140, 150) {
			t.Errorf("%d turns in 10 s at no published rate", n)
		}
	})
}

func TestComplaintsHalveThePaceWhichComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New[string]()
		p.Publish(40)
		p.Slow()
		p.Slow() // about the same requests
		if n := turns(t, p, 5*time.Second); !within(n, 90, 100) {
			t.Errorf("%d turns in 5 s after a complaint", n)
		}
		p.Publish(30) // slower than that it does not get
		if n := turns(t, p, 4*time.Second); !within(n, 70, 80) {
			t.Errorf("%d turns in 4 s after a complaint", n)
		}
		time.Sleep(time.Minute)
		if n := turns(t, p, 10*time.Second); !within(n, 280, 300) {
			t.Errorf("%d turns in 10 s after the recovery", n)
		}
		for range 100 {
			p.Slow()
			time.Sleep(2 * time.Second)
		}
		if n := turns(t, p, 9*time.Second); !within(n, 1, 4) {
			t.Errorf("%d turns in 9 s after many complaints", n)
		}
	})
}

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New[string]()
		p.Hold(10*time.Second, "first")
		p.Hold(5*time.Second, "shorter")
		if left, by := p.Held(); left != 10*time.Second || by != "first" {
			t.Errorf("held for %v by %q", left, by)
		}
		start := time.Now()
		short, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		if err := p.Wait(short); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := p.Wait(t.Context()); err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		p.Hold(48*time.Hour, "long")
		if left, _ := p.Held(); left != time.Hour {
			t.Errorf("held for %v", left)
		}
		ended, end := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, end)
		if err := p.Wait(ended); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A turn that was waited for is not given when Apple asked for quiet meanwhile.
func TestHoldMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New[string]()
		p.Publish(1)
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.AfterFunc(500*time.Millisecond, func() { p.Hold(time.Minute, "meanwhile") })
		if err := p.Wait(t.Context()); err != nil || time.Since(start) < time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestHeed(t *testing.T) {
	for _, c := range []struct {
		status, retryAfter int // seconds
		slower             bool
		held               int
	}{
		{200, 9, false, 0}, {404, 9, false, 0}, {429, 0, true, 0}, {429, 7, true, 7}, {503, 0, false, 0}, {503, 7, false, 7},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := New[string]()
			before := p.current
			p.Heed(c.status, time.Duration(c.retryAfter)*time.Second, func() string { return "it" })
			if slower := p.current < before; slower != c.slower {
				t.Errorf("%d: slower %v", c.status, slower)
			}
			left, by := p.Held()
			if held := int(max(left, 0) / time.Second); held != c.held || (by == "it") != (c.held > 0) {
				t.Errorf("%d: held for %d s by %q", c.status, held, by)
			}
		})
	}
}
