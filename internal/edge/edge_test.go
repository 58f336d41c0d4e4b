package edge

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func sameInt(a, b int) bool { return a == b }

func TestTellsOfChangesOnly(t *testing.T) {
	var told []int
	w := NewWatch(sameInt, func(s int) { told = append(told, s) })
	for _, s := range []int{0, 1, 1, 2, 2, 1, 0, 0} {
		w.Set(s)
	}
	if want := []int{1, 2, 1, 0}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	if w.State() != 0 {
		t.Errorf("State = %d", w.State())
	}
}

func TestTheFunctionMayUseTheWatch(t *testing.T) {
	var told []int
	var w *Watch[int]
	w = NewWatch(sameInt, func(s int) {
		told = append(told, s, w.State())
		if s == 1 {
			w.Set(2)
		}
	})
	w.Set(1)
	if want := []int{1, 1, 2, 2}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestASlowFunctionHoldsNobodyUpAndKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []int
		w := NewWatch(sameInt, func(s int) {
			time.Sleep(time.Minute)
			told = append(told, s)
		})
		var wg sync.WaitGroup
		wg.Go(func() { w.Set(1) })
		synctest.Wait()
		start := time.Now()
		w.Set(2)
		w.Set(3)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("Set waited %v for another's call", waited)
		}
		wg.Wait()
		if want := []int{1, 2, 3}; !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
	})
}

func TestAPanicLeavesTheWatchUsable(t *testing.T) {
	var told []int
	w := NewWatch(sameInt, func(s int) {
		if s == 1 {
			panic("handler")
		}
		told = append(told, s)
	})
	func() {
		defer func() { recover() }()
		w.Set(1)
	}()
	w.Set(2)
	if !slices.Equal(told, []int{2}) {
		t.Errorf("told %v", told)
	}
}

func TestWithoutAFunctionItRemembers(t *testing.T) {
	w := NewWatch(sameInt, nil)
	w.Set(7)
	if w.State() != 7 {
		t.Errorf("State = %d", w.State())
	}
}
