package dep_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

func TestRunSyncsEveryInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := simulated(t, nil, nil)
		known := newShelf()
		known.before = func(*dep.Batch) error { time.Sleep(time.Minute); return nil }
		start(t, newSyncer(t, client, known.handle, &dep.SyncerOptions{Interval: time.Hour, OnRun: known.ran}))
		pass(4 * time.Hour)
		runs := known.runs()
		if len(runs) != 4 {
			t.Fatalf("%d runs", len(runs))
		}
		for i := 1; i < len(runs); i++ {
			if pause := runs[i].Started.Sub(runs[i-1].Ended); pause != time.Hour {
				t.Errorf("pause %d was %v", i, pause)
			}
		}
	})
}

func TestSyncNowEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		known := newShelf()
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{Interval: time.Hour})
		start(t, s)
		pass(10 * time.Minute)
		known.all()
		srv.AddSerials("A")
		s.SyncNow()
		synctest.Wait()
		if diff := cmp.Diff([]string{"sync, added A"}, known.all()); diff != "" {
			t.Errorf("after SyncNow (-want +got):\n%s", diff)
		}
		pass(time.Hour - time.Second)
		if told := known.all(); told != nil {
			t.Errorf("told before the interval ended: %q", told)
		}
		pass(time.Second)
		if diff := cmp.Diff([]string{"sync"}, known.all()); diff != "" {
			t.Errorf("after the interval (-want +got):\n%s", diff)
		}
	})
}

func TestSyncNowDuringARunMakesTheNextFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		known := newShelf()
		slow := true
		known.before = func(*dep.Batch) error {
			if slow {
				slow = false
				time.Sleep(time.Minute)
			}
			return nil
		}
		s := newSyncer(t, client, known.handle, nil)
		start(t, s)
		pass(30 * time.Second)
		srv.AddSerials("A")
		s.SyncNow()
		s.SyncNow() // one run is owed, no more
		pass(30 * time.Second)
		// The page of the first run was read before A came.
		want := []string{"full begins completes", "sync", "sync, added A"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

func TestRunEndsWithItsContextAndItsCause(t *testing.T) {
	shutdown := errors.New("shutdown")
	for _, test := range []struct {
		name  string
		where func(*deptest.Server, *shelf)
	}{
		{"in the pause", func(*deptest.Server, *shelf) {}},
		{"in a request", func(srv *deptest.Server, _ *shelf) { srv.Fail(deptest.Fault{Kind: deptest.Silence}) }},
		{"in the pause after a failure", func(srv *deptest.Server, _ *shelf) { srv.SetTermsSigned(false) }},
		{"in the handler", func(_ *deptest.Server, known *shelf) {
			known.before = func(*dep.Batch) error { time.Sleep(time.Minute); return nil }
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client := simulated(t, nil, nil)
				known := newShelf()
				test.where(srv, known)
				s := newSyncer(t, client, known.handle, nil)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10*time.Second, func() { cancel(shutdown) })
				if err := s.Run(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, shutdown) {
					t.Errorf("Run = %v", err)
				}
				if err := s.Run(ctx); !errors.Is(err, shutdown) {
					t.Errorf("Run with a context that has ended = %v", err)
				}
			})
		})
	}
}

// pauses returns the pauses between runs.
func pauses(runs []dep.Run) []time.Duration {
	var between []time.Duration
	for i := 1; i < len(runs); i++ {
		between = append(between, runs[i].Started.Sub(runs[i-1].Ended))
	}
	return between
}

func TestRunBacksOffAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.SetTermsSigned(false)
		known := newShelf()
		start(t, newSyncer(t, client, known.handle, &dep.SyncerOptions{
			Interval: 10 * time.Minute, RetryWait: time.Minute, OnRun: known.ran,
		}))
		pass(time.Hour)
		got := pauses(known.runs())
		if len(got) < 6 {
			t.Fatalf("%d pauses in an hour", len(got))
		}
		for i, pause := range got {
			whole := min(time.Minute<<i, 10*time.Minute)
			if pause < whole/2 || pause > whole {
				t.Errorf("pause %d was %v, want between %v and %v", i, pause, whole/2, whole)
			}
		}

		srv.SetTermsSigned(true)
		pass(11 * time.Minute)
		srv.SetTermsSigned(false)
		pass(11 * time.Minute)
		runs := known.runs()
		i := 0
		for i < len(runs)-1 && (runs[i].Err != nil || runs[i+1].Err == nil) {
			i++
		}
		after := pauses(runs[i:]) // the first failure after a success and those before it
		if len(after) < 2 || after[0] != 10*time.Minute || after[1] > time.Minute {
			t.Errorf("pauses after the recovery: %v", after)
		}
	})
}

func TestRunWaitsAsLongAsAppleAsks(t *testing.T) {
	for _, kind := range []deptest.Kind{deptest.BusySeconds, deptest.BusyDate} {
		synctest.Test(t, func(t *testing.T) {
			srv, client := simulated(t, nil, nil)
			srv.Fail(deptest.Fault{Kind: kind, Path: "/server/devices", RetryAfter: 2 * time.Hour})
			known := newShelf()
			start(t, newSyncer(t, client, known.handle, &dep.SyncerOptions{OnRun: known.ran}))
			pass(3 * time.Hour)
			runs := known.runs()
			if len(runs) < 2 || !errors.Is(runs[0].Err, dep.ErrUnavailable) {
				t.Fatalf("runs: %+v", runs)
			}
			// Dates have no fractions of a second.
			if pause := pauses(runs)[0]; pause < 2*time.Hour-time.Second || pause > 2*time.Hour {
				t.Errorf("paused for %v", pause)
			}
		})
	}
}

func TestSyncsDoNotOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B", "C")
		known := newShelf()
		inside := 0
		known.before = func(*dep.Batch) error {
			inside++
			if inside > 1 {
				t.Error("two batches at a time")
			}
			time.Sleep(time.Minute)
			inside--
			return nil
		}
		s := newSyncer(t, client, known.handle, nil)
		var runs sync.WaitGroup
		for range 3 {
			runs.Go(func() {
				if err := s.Sync(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		pass(30 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sync that waits = %v", err)
		}
		runs.Wait()
		want := []string{"full begins, present A, present B", "full completes, present C", "sync", "sync", "sync"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}
