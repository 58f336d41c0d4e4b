package axm_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

func (s *site) device(t testing.TB) error {
	_, err := s.client.Device(t.Context(), "A1")
	return err
}

// The client keeps its own budget so well that the service, with the same one, never complains.
func TestABudgetIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{Budget: axmtest.ObservedBudget()}, func(o *axm.Options) {
			o.Budget = axm.Budget{Reads: axm.Rate{Requests: 20, Per: time.Minute}, Writes: axm.Rate{Requests: 10, Per: time.Hour}}
		})
		s.AddSerials("A1")
		start := time.Now()
		for i := range 45 {
			if err := s.device(t); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took != time.Duration(i/20)*time.Minute {
				t.Errorf("request %d after %v", i, took)
			}
		}
		reads, writes := s.client.Budget()
		want := axm.Usage{Rate: axm.Rate{Requests: 20, Per: time.Minute}, Sent: 5}
		if diff := cmp.Diff(want, reads); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(axm.Usage{Rate: axm.Rate{Requests: 10, Per: time.Hour}}, writes); diff != "" {
			t.Error(diff)
		}
		s.clean(t)
	})
}

func TestABudgetCanBeChangedWhileCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *axm.Options) { o.Budget.Reads = axm.Rate{Requests: 1, Per: time.Hour} })
		s.AddSerials("A1")
		start := time.Now()
		if err := s.device(t); err != nil {
			t.Fatal(err)
		}
		if reads, _ := s.client.Budget(); reads.Sent != 1 || !reads.Next.Equal(start.Add(time.Hour)) {
			t.Errorf("%+v", reads)
		}
		time.AfterFunc(time.Minute, func() {
			if err := s.client.SetBudget(axm.Budget{Reads: axm.Rate{Requests: 2, Per: time.Hour}}); err != nil {
				t.Error(err)
			}
		})
		if err := s.device(t); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := s.client.SetBudget(axm.Budget{Reads: axm.Rate{Requests: 1, Per: time.Hour}}); err != nil {
			t.Error(err)
		}
		if reads, _ := s.client.Budget(); reads.Sent != 2 || !reads.Next.Equal(start.Add(61*time.Minute)) {
			t.Errorf("%+v", reads)
		}
		if err := s.client.SetBudget(axm.Budget{}); err != nil {
			t.Error(err)
		}
		if err := s.device(t); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A token that expires while calls wait for their turn is not sent.
func TestTokensThatExpireWhileCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *axm.Options) { o.Budget.Reads = axm.Rate{Requests: 1, Per: time.Hour} })
		s.AddSerials("A1")
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				if err := s.device(t); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if n := s.tokens(); n != 4 || time.Since(startOfTime) != 3*time.Hour {
			t.Errorf("%d tokens, %v", n, time.Since(startOfTime))
		}
		s.clean(t)
	})
}

// A call whose turn would come after its deadline fails at once, and one that ends while it waits
// then.
func TestWaitingForTheBudgetEndsWithTheContext(t *testing.T) {
	for name, tc := range map[string]struct {
		until func(ctx context.Context) (context.Context, context.CancelFunc)
		took  time.Duration
		is    error
	}{
		"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Minute)
		}, 0, context.DeadlineExceeded},
		"cancelled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, time.Second, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, func(o *axm.Options) { o.Budget.Reads = axm.Rate{Requests: 1, Per: time.Hour} })
				s.AddSerials("A1")
				if err := s.device(t); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := tc.until(t.Context())
				defer cancel()
				start := time.Now()
				_, err := s.client.Device(ctx, "A1")
				failed, ok := errors.AsType[*axm.TransportError](err)
				if !ok || failed.Sent || !errors.Is(err, tc.is) || time.Since(start) != tc.took {
					t.Errorf("%+v after %v", err, time.Since(start))
				}
			})
		})
	}
}

// What Apple asks for holds for all reads, and for no writes.
func TestRetryAfterHoldsAllOfAKind(t *testing.T) {
	for name, form := range map[string]axmtest.RetryAfterForm{"seconds": axmtest.RetryAfterSeconds, "date": axmtest.RetryAfterDate} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &axmtest.Options{
					Budget: map[string]axmtest.Quota{"GET": {Calls: 2, Per: time.Minute}}, RetryAfter: form,
				}, nil)
				s.AddSerials("A1")
				id := s.AddServer(axmtest.MDMServer{Name: "Lab"})
				start := time.Now()
				for i := range 5 {
					if err := s.device(t); err != nil {
						t.Fatal(err)
					}
					if i != 2 {
						continue
					}
					if err := s.client.DeleteServer(t.Context(), id); err != nil {
						t.Error(err)
					}
				}
				if took := time.Since(start); took < 2*time.Minute || took > 2*time.Minute+2*time.Second {
					t.Errorf("took %v", took)
				}
				if throttled := s.srv.Traffic().Throttled; throttled != 2 {
					t.Errorf("refused %d times", throttled)
				}
				s.clean(t)
			})
		})
	}
}

// While Apple asks for more patience than a call has, calls of that kind fail without a request.
func TestWhileApplesPatienceIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.AddSerials("A1")
		s.srv.Fail(axmtest.Fault{Kind: axmtest.BusySeconds, Status: 429, Path: "/v1/*/*", RetryAfter: 50 * time.Minute})
		if err := s.device(t); !errors.Is(err, axm.ErrTooManyRequests) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		err := s.device(t)
		e, ok := errors.AsType[*axm.Error](err)
		if !ok || !errors.Is(err, axm.ErrTooManyRequests) || e.RetryAfter != 30*time.Minute || e.Op != "read device" || e.StatusCode != 429 {
			t.Errorf("%+v", err)
		}
		if n := s.srv.Count("GET", "/v1/*/*"); n != 1 {
			t.Errorf("%d requests", n)
		}
		if reads, _ := s.client.Budget(); time.Until(reads.Next) != 30*time.Minute {
			t.Errorf("%+v", reads)
		}
		time.Sleep(28 * time.Minute)
		if err := s.device(t); err != nil { // which waits the last two minutes
			t.Error(err)
		}
		s.clean(t, err)
	})
}

// delayed returns a change of options by which every request is on its way for so long.
func delayed(by time.Duration) func(*axm.Options) {
	return func(o *axm.Options) { o.HTTPClient.Transport = slowly{o.HTTPClient.Transport, by} }
}

type slowly struct {
	http.RoundTripper
	by time.Duration
}

func (s slowly) RoundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(s.by)
	return s.RoundTripper.RoundTrip(req)
}

// Only what is under way when Apple asks to be left alone is sent in spite of that, however many wait
// for their turn.
func TestManyCallsLeaveAppleAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, delayed(200*time.Millisecond))
		s.AddSerials("A1")
		if err := s.device(t); err != nil {
			t.Fatal(err)
		}
		s.srv.Fail(axmtest.Fault{
			Kind: axmtest.BusySeconds, Status: 429, Path: "/v1/*/*", RetryAfter: time.Minute, Count: axm.DefaultMaxInFlight,
		})
		before := s.srv.Count("GET", "/v1/*/*")
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				if err := s.device(t); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(30 * time.Second)
		if n := s.srv.Count("GET", "/v1/*/*") - before; n != axm.DefaultMaxInFlight {
			t.Errorf("%d requests", n)
		}
		callers.Wait()
		if n := s.srv.Count("GET", "/v1/*/*") - before; n != axm.DefaultMaxInFlight+50 {
			t.Errorf("%d requests", n)
		}
	})
}

// When Apple asks for more patience than a call has, those that wait for their turn do not wait on.
func TestPatienceThatEndsWhileCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *axm.Options) {
			o.Budget.Reads = axm.Rate{Requests: 2, Per: time.Hour}
			delayed(time.Second)(o)
		})
		s.AddSerials("A1")
		if err := s.device(t); err != nil {
			t.Fatal(err)
		}
		s.srv.Fail(axmtest.Fault{Kind: axmtest.BusySeconds, Status: 429, Path: "/v1/*/*", RetryAfter: 50 * time.Minute})
		start := time.Now()
		var callers sync.WaitGroup
		for range 3 {
			callers.Go(func() {
				err := s.device(t)
				e, ok := errors.AsType[*axm.Error](err)
				if !ok || e.Op != "read device" || e.RetryAfter != 50*time.Minute || time.Since(start) > 2*time.Second {
					t.Errorf("%+v after %v", err, time.Since(start))
				}
			})
		}
		callers.Wait()
		s.clean(t)
	})
}

// Without Retry-After the pauses grow, so that a budget by the minute is met within the four tries.
func TestPausesGrowWithoutRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *axm.Options) { o.Retry.Tries = 7 })
		s.AddSerials("A1")
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Busy, Status: 429, Path: "/v1/*/*", Count: 6})
		if err := s.device(t); err != nil {
			t.Fatal(err)
		}
		var pauses []time.Duration
		var last time.Time
		for _, r := range s.srv.Received() {
			if r.Method == "GET" {
				if !last.IsZero() {
					pauses = append(pauses, r.Time.Sub(last))
				}
				last = r.Time
			}
		}
		whole := []time.Duration{5, 10, 20, 40, 80, 80}
		for i, pause := range pauses {
			if most := whole[i] * time.Second; pause < most/2 || pause > most {
				t.Errorf("pause %d is %v, want %v to %v", i, pause, most/2, most)
			}
		}
		if len(pauses) != len(whole) {
			t.Errorf("%v", pauses)
		}
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Busy, Status: 429, Path: "/v1/*/*"})
		start := time.Now()
		if err := s.device(t); err != nil || time.Since(start) > 5*time.Second { // a success ends the series
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
