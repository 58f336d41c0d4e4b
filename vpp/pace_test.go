package vpp_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// asks returns how many calls were answered within d, by ten goroutines that do nothing else.
func (s *site) asks(t *testing.T, d time.Duration) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	before := s.srv.Count("GET", "/mdm/v2/client/config")
	var callers sync.WaitGroup
	for range 10 {
		callers.Go(func() {
			var err error
			for err == nil {
				_, err = s.client.ClientConfig(ctx)
			}
			if !errors.Is(err, context.DeadlineExceeded) { // no turn is left before it
				t.Error(err)
			}
		})
	}
	callers.Wait()
	return s.srv.Count("GET", "/mdm/v2/client/config") - before
}

func TestThePublishedRateIsKept(t *testing.T) {
	for _, perSecond := range []int{1, 10, 15, 40} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, nil, nil)
			s.srv.SetLimit("maxRequestPerSecond", perSecond)
			if err := s.ask(t); err != nil {
				t.Fatal(err)
			}
			n := s.asks(t, 20*time.Second)
			if most := 20 * perSecond; n > most || n < most*9/10-1 {
				t.Errorf("%d calls in 20 s at %d per second", n, perSecond)
			}
			if b := busiest(s.srv.Received()); b > perSecond {
				t.Errorf("%d requests within a second of at most %d", b, perSecond)
			}
			if throttled := s.Traffic().Throttled; throttled != 0 {
				t.Errorf("%d refused", throttled)
			}
			s.noViolations(t)
		})
	}
}

func TestAnUnpublishedRateIsTheDocumentedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.srv.SetLimit("maxRequestPerSecond", 0)
		if n := s.asks(t, 20*time.Second); n > 300 || n < 270 {
			t.Errorf("%d calls in 20 s", n)
		}
	})
}

// 9646 comes with status 429 or 200; either halves the pace, which then comes back bit by bit.
func TestTooManyRequestsHalveThePace(t *testing.T) {
	for name, status := range map[string]int{"429": 429, "200": 200} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				s.srv.SetLimit("maxRequestPerSecond", 40)
				full := s.asks(t, 5*time.Second)
				refused := vpptest.ErrorFault(9646)
				refused.Status = status
				refused.Count = 5 // of requests under way together
				s.srv.Fail(refused)
				half := s.asks(t, 5*time.Second)
				if half < full*4/10 || half > full*6/10 {
					t.Errorf("%d calls in 5 s, then %d", full, half)
				}
				later(20 * time.Second)
				if n := s.asks(t, 5*time.Second); n <= half || n >= full*9/10 {
					t.Errorf("%d calls in 5 s, then %d, later %d", full, half, n)
				}
				later(time.Minute)
				if n := s.asks(t, 5*time.Second); n < full-1 {
					t.Errorf("%d calls in 5 s, at last %d", full, n)
				}
			})
		})
	}
}

func TestTooManyRequestsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		refused := vpptest.ErrorFault(9646)
		refused.Status, refused.Count = 200, -1
		s.srv.Fail(refused)
		before := len(s.srv.Received())
		if err := s.ask(t); !errors.Is(err, vpp.ErrTooManyRequests) {
			t.Error(err)
		}
		if n := len(s.srv.Received()) - before; n != 4 {
			t.Errorf("%d tries", n)
		}
		for range 20 {
			_ = s.ask(t)
			later(2 * time.Second)
		}
		s.srv.ResetFaults()
		start := time.Now()
		if err := s.ask(t); err != nil || time.Since(start) > 4*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestALowerRateIsTakenOverAndAHigherOneToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		for _, perSecond := range []int{40, 5, 20} {
			s.srv.SetLimit("maxRequestPerSecond", perSecond)
			later(5 * time.Minute)
			if err := s.ask(t); err != nil {
				t.Fatal(err)
			}
			if n := s.asks(t, 10*time.Second); n > 10*perSecond || n < 9*perSecond {
				t.Errorf("%d calls in 10 s at %d per second", n, perSecond)
			}
		}
	})
}

// What one call is told to wait, all calls wait.
func TestRetryAfterHoldsAllCalls(t *testing.T) {
	for name, fault := range map[string]vpptest.Fault{
		"seconds":     {Kind: vpptest.BusySeconds, RetryAfter: 20 * time.Second},
		"date":        {Kind: vpptest.BusyDate, RetryAfter: 20 * time.Second},
		"500":         {Kind: vpptest.BusySeconds, Status: 500, RetryAfter: 20 * time.Second},
		"with a 429":  {Kind: vpptest.BusySeconds, Status: 429, RetryAfter: 20 * time.Second},
		"with a page": {Kind: vpptest.BusySeconds, Status: 502, RetryAfter: 20 * time.Second, Body: "<html>"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				if err := s.ask(t); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				s.srv.Fail(fault)
				var calls sync.WaitGroup
				calls.Go(func() {
					if err := s.ask(t); err != nil {
						t.Error(err)
					}
				})
				later(time.Second)
				for range 3 {
					calls.Go(func() {
						if err := s.ask(t); err != nil || time.Since(start) < 19*time.Second { // dates have no fractions
							t.Errorf("%v after %v", err, time.Since(start))
						}
					})
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				_, err := s.client.ClientConfig(ctx)
				if failed, ok := errors.AsType[*vpp.TransportError](err); !ok || failed.Sent || !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				if waited := time.Since(start); waited > 2*time.Second {
					t.Errorf("waited %v for what its deadline does not allow", waited)
				}
				calls.Wait()
				s.noViolations(t)
			})
		})
	}
}

func TestALongRetryAfterEndsAllCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		s.srv.SetUnavailable(true) // for two minutes, it says
		if err := s.ask(t); !errors.Is(err, vpp.ErrMaintenance) {
			t.Fatal(err)
		}
		s.srv.SetUnavailable(false)
		sent := len(s.srv.Received())
		later(30 * time.Second)
		_, err := exchange.Collect(s.client.Assets(t.Context(), vpp.AssetFilter{}))
		e, ok := errors.AsType[*vpp.Error](err)
		if !ok || !errors.Is(err, vpp.ErrMaintenance) || e.Op != "read assets" || e.RetryAfter.Round(time.Second) != 90*time.Second {
			t.Errorf("%v", err)
		}
		if n := len(s.srv.Received()) - sent; n != 0 {
			t.Errorf("%d requests meanwhile", n)
		}
		later(60 * time.Second) // the rest is short enough to wait for
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
		s.noViolations(t)
	})
}

func TestRetryAfterIsBelievedForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.srv.Fail(vpptest.Fault{Kind: vpptest.BusySeconds, RetryAfter: 1000 * time.Hour})
		if err := s.ask(t); !errors.Is(err, vpp.ErrMaintenance) {
			t.Fatal(err)
		}
		later(time.Hour)
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
	})
}
