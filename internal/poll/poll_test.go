package poll

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitSleepsAsLongAsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := Wait(t.Context(), 42*time.Second); err != nil {
			t.Fatal(err)
		}
		if slept := time.Since(start); slept != 42*time.Second {
			t.Errorf("slept %v", slept)
		}
	})
}

func TestWaitEndsWithTheContextAndItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		if err := Wait(ctx, time.Hour); !errors.Is(err, why) || !errors.Is(err, context.Canceled) {
			t.Errorf("Wait = %v, want the error and its cause", err)
		}
		if err := Wait(ctx, 0); !errors.Is(err, why) {
			t.Errorf("Wait(0) after the end = %v, want the error and its cause", err)
		}
	})
}

func TestBackoffDoublesUpToMaxWithJitter(t *testing.T) {
	b := Backoff{Min: time.Second, Max: 10 * time.Second}
	for n, whole := range []time.Duration{1, 2, 4, 8, 10, 10, 10} {
		whole *= time.Second
		for range 200 {
			if d := b.Delay(n); d < whole/2 || d > whole {
				t.Fatalf("Delay(%d) = %v, want between %v and %v", n, d, whole/2, whole)
			}
		}
	}
	if d := b.Delay(10_000); d > b.Max {
		t.Errorf("Delay overflows: %v", d)
	}
	if d := (Backoff{}).Delay(3); d != 0 {
		t.Errorf("a zero Backoff delays %v", d)
	}
}

func TestCauseOfAnEndWithoutACause(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if err := Cause(ctx); err != nil {
		t.Errorf("Cause before the end = %v", err)
	}
	cancel()
	if err := Cause(ctx); err != context.Canceled {
		t.Errorf("Cause = %v", err)
	}
}

func TestWaitOrEndsWithWhateverIsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{}, 1)
		for _, c := range []struct{ d, wakeAfter, want time.Duration }{
			{time.Minute, time.Second, time.Second},
			{time.Second, time.Hour, time.Second},
			{-1, time.Hour, time.Hour},
			{0, time.Hour, 0},
		} {
			start := time.Now()
			timer := time.AfterFunc(c.wakeAfter, func() { wake <- struct{}{} })
			if err := WaitOr(t.Context(), c.d, wake); err != nil || time.Since(start) != c.want {
				t.Errorf("%+v: %v after %v", c, err, time.Since(start))
			}
			timer.Stop()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := WaitOr(ctx, -1, wake); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("WaitOr = %v", err)
		}
	})
}
