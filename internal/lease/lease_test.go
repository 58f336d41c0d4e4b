package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counting fetches "v1", "v2", … and takes a second for each.
func counting(n *atomic.Int32) *Lease[string] {
	return New(func(ctx context.Context, _ string) (string, error) {
		v := fmt.Sprintf("v%d", n.Add(1))
		select {
		case <-time.After(time.Second):
			return v, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
}

func TestOneFetchForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		l := counting(&fetches)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if v, err := l.Get(t.Context()); v != "v1" || err != nil {
					t.Errorf("Get = %q, %v", v, err)
				}
			})
		}
		wg.Wait()
		if n := fetches.Load(); n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
	})
}

func TestAFailureIsSharedAndNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("terms not signed")
		fetches := 0
		l := New(func(context.Context, string) (string, error) {
			fetches++
			time.Sleep(time.Second)
			return "", failure
		})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := l.Get(t.Context()); err != failure {
					t.Errorf("Get = %v", err)
				}
			})
		}
		wg.Wait()
		if fetches != 1 {
			t.Errorf("%d fetches for callers who waited together, want 1", fetches)
		}
		if _, err := l.Get(t.Context()); err != failure || fetches != 2 {
			t.Errorf("later Get = %v after %d fetches, want a fetch of its own", err, fetches)
		}
	})
}

func TestWaitingEndsWithTheCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		l := counting(&fetches)
		go l.Get(t.Context())
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := l.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get = %v", err)
		}
		if waited := time.Since(start); waited != 200*time.Millisecond {
			t.Errorf("waited %v for another's fetch", waited)
		}
		time.Sleep(time.Second)
		if v, err := l.Get(t.Context()); v != "v1" || err != nil {
			t.Errorf("the fetch under way was lost: %q, %v", v, err)
		}
	})
}

func TestAnotherTakesOverWhenTheFetcherGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		l := counting(&fetches)
		ctx, cancel := context.WithCancel(t.Context())
		go l.Get(ctx)
		synctest.Wait()
		time.AfterFunc(500*time.Millisecond, cancel)
		if v, err := l.Get(t.Context()); v != "v2" || err != nil {
			t.Errorf("Get = %q, %v, want the second fetch", v, err)
		}
	})
}

func TestAPanickingFetchReleasesThoseWhoWait(t *testing.T) {
	first := true
	l := New(func(context.Context, string) (string, error) {
		if first {
			first = false
			panic("boom")
		}
		return "ok", nil
	})
	func() {
		defer func() { recover() }()
		l.Get(t.Context())
	}()
	if v, err := l.Get(t.Context()); v != "ok" || err != nil {
		t.Errorf("Get after a panic = %q, %v", v, err)
	}
}

func TestDropAndReplaceCompareFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		l := counting(&fetches)
		get := func(want string) {
			t.Helper()
			if v, err := l.Get(t.Context()); v != want || err != nil {
				t.Errorf("Get = %q, %v, want %q", v, err, want)
			}
		}
		get("v1")
		l.Drop("older")
		get("v1")
		if l.Replace("older", "x") {
			t.Error("replaced by one who used an older value")
		}
		if !l.Replace("v1", "rotated") {
			t.Error("not replaced by one who used the value")
		}
		get("rotated")
		l.Drop("v1")
		get("rotated")
		l.Drop("rotated")
		get("v2")
		l.Reset()
		l.Reset()
		get("v3")
	})
}

func TestFetchIsToldWhatWasRefused(t *testing.T) {
	var got []string
	l := New(func(_ context.Context, refused string) (string, error) {
		got = append(got, refused)
		return "v" + fmt.Sprint(len(got)), nil
	})
	l.Get(t.Context())
	l.Drop("v1")
	l.Get(t.Context())
	l.Reset()
	l.Get(t.Context())
	if fmt.Sprint(got) != "[ v1 v2]" {
		t.Errorf("refused values: %q", got)
	}
}

func TestResetOutdatesTheFetchUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		l := counting(&fetches)
		var early sync.WaitGroup
		early.Go(func() {
			if v, err := l.Get(t.Context()); v != "v1" || err != nil {
				t.Errorf("Get before the reset = %q, %v", v, err)
			}
		})
		time.Sleep(500 * time.Millisecond)
		l.Reset()
		for range 2 {
			if v, err := l.Get(t.Context()); v != "v2" || err != nil {
				t.Errorf("Get after the reset = %q, %v, want v2", v, err)
			}
		}
		early.Wait()
		if v, err := l.Get(t.Context()); v != "v2" || err != nil {
			t.Errorf("Get after both fetches = %q, %v, want v2", v, err)
		}
	})
}

func TestFreshRenewsWhatIsStaleOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		l := counting(&fetches)
		old := func(v string) bool { return v == "v1" }
		for _, want := range []string{"v2", "v2"} { // v1 is stale already when it comes
			if got, err := l.Fresh(t.Context(), old); got != want || err != nil {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		}
		always := func(string) bool { return true }
		if got, err := l.Fresh(t.Context(), always); got != "v3" || err != nil {
			t.Errorf("%q, %v: the new value is to be taken as it is", got, err)
		}
	})
}

func TestFreshTellsWhyThereIsNoValue(t *testing.T) {
	failed := errors.New("failed")
	l := New(func(context.Context, string) (string, error) { return "", failed })
	if _, err := l.Fresh(t.Context(), func(string) bool { t.Error("asked of no value"); return true }); err != failed {
		t.Errorf("error %v", err)
	}
}
