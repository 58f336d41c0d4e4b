package page

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// pagesOf serves 1…n, a second each, and fails with err after them if it is not nil.
func pagesOf(n int, err error) func() Next[int] {
	return func() Next[int] {
		i := 0
		return func(ctx context.Context) (int, bool, error) {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return 0, false, context.Cause(ctx)
			}
			if i++; i > n {
				return -1, true, err
			}
			return i, i < n || err != nil, nil
		}
	}
}

func TestReadsAheadByOnePageWhileTheCallerWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for _, err := range ReadAhead(t.Context(), pagesOf(10, nil)) {
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(start); took != 11*time.Second {
			t.Errorf("10 pages of 1 s with 1 s of work each took %v, want 11 s", took)
		}
	})
}

func TestEachRangeBeginsAnewAndNothingBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := 0
		pages := ReadAhead(t.Context(), func() Next[int] { begun++; return pagesOf(3, nil)() })
		if begun != 0 {
			t.Error("asked before the range")
		}
		for pass := range 2 {
			var got []int
			for p, err := range pages {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, p)
			}
			if !slices.Equal(got, []int{1, 2, 3}) {
				t.Errorf("pass %d: %v", pass, got)
			}
		}
	})
}

func TestTheErrorComesOnceAndLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("no more")
		var pages []int
		var errs []error
		for p, err := range ReadAhead(t.Context(), pagesOf(2, failure)) {
			pages, errs = append(pages, p), append(errs, err)
		}
		if !slices.Equal(pages, []int{1, 2, 0}) || !slices.Equal(errs, []error{nil, nil, failure}) {
			t.Errorf("pages %v, errors %v", pages, errs)
		}
	})
}

func TestLeavingTheLoopEndsTheRequestUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for range ReadAhead(t.Context(), pagesOf(100, nil)) {
			break
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("left after %v, want right after the first page", took)
		}
	}) // synctest fails here if the reader is still there
}

func TestTheCallersContextEndsTheLoopWithItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2500*time.Millisecond, func() { cancel(why) })
		var pages int
		var last error
		for _, err := range ReadAhead(ctx, pagesOf(100, nil)) {
			if last = err; err == nil {
				pages++
			}
		}
		if pages != 2 || !errors.Is(last, why) {
			t.Errorf("%d pages, then %v", pages, last)
		}
	})
}

func TestItemsWalksThroughPages(t *testing.T) {
	failure := errors.New("cut")
	pages := func(yield func([]string, error) bool) {
		_ = yield([]string{"a", "b"}, nil) && yield(nil, nil) && yield([]string{"c"}, nil) && yield(nil, failure)
	}
	var got []string
	var last error
	for item, err := range Items(pages, func(p []string) []string { return p }) {
		if err != nil {
			last = err
			continue
		}
		got = append(got, item)
	}
	if !slices.Equal(got, []string{"a", "b", "c"}) || last != failure {
		t.Errorf("items %v, error %v", got, last)
	}
	for item := range Items(pages, func(p []string) []string { return p }) {
		if item != "a" {
			t.Errorf("went on after break: %s", item)
		}
		break
	}
}
