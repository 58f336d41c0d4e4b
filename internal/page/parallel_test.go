package page

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// book serves numbered pages, a second each, and watches how it is read.
type book struct {
	mu       sync.Mutex
	total    int
	version  string
	change   func(b *book, number int) // called for each request, before it is answered
	err      map[int]error
	asked    []int
	inFlight int
	most     int
	slow     map[int]time.Duration
}

func (b *book) fetch(ctx context.Context, number int) (Numbered[string], error) {
	b.mu.Lock()
	b.asked = append(b.asked, number)
	b.inFlight++
	b.most = max(b.most, b.inFlight)
	if b.change != nil {
		b.change(b, number)
	}
	answer := Numbered[string]{Page: fmt.Sprint(b.version, number), Version: b.version, More: number+1 < b.total, Total: b.total}
	err, takes := b.err[number], time.Second+b.slow[number]
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.inFlight--
	}()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return Numbered[string]{}, ctx.Err()
	}
	if number >= answer.Total && err == nil {
		err = errors.New("no such page")
	}
	return answer, err
}

// requests returns the numbers of the pages asked for so far.
func (b *book) requests() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

// readAll collects the pages and the error, which has to come last.
func readAll(t *testing.T, pages iter.Seq2[string, error]) (got []string, failed error) {
	t.Helper()
	for p, err := range pages {
		if failed != nil {
			t.Error("something came after the error")
		}
		if failed = err; err == nil {
			got = append(got, p)
		} else if p != "" {
			t.Errorf("page %q with the error", p)
		}
	}
	return got, failed
}

// want returns the first n pages of a version.
func want(version string, n int) (pages []string) {
	for i := range n {
		pages = append(pages, fmt.Sprint(version, i))
	}
	return pages
}

func TestParallelKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{total: 11, version: "a", slow: map[int]time.Duration{1: 3 * time.Second, 6: time.Second / 2}}
		got, err := readAll(t, Parallel(t.Context(), 5, 0, b.fetch))
		if diff := cmp.Diff(want("a", 11), got); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if b.most != 5 || len(b.requests()) != 11 {
			t.Errorf("%d at once, %d requests", b.most, len(b.asked))
		}
	})
}

func TestParallelTakesTheTimeOfItsRounds(t *testing.T) {
	for pages, seconds := range map[int]time.Duration{1: 1, 2: 2, 6: 2, 11: 3, 60: 13} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			got, err := readAll(t, Parallel(t.Context(), 5, 0, (&book{total: pages}).fetch))
			if took := time.Since(start); len(got) != pages || err != nil || took != seconds*time.Second {
				t.Errorf("%d of %d pages took %v, want %v s: %v", len(got), pages, took, int(seconds), err)
			}
		})
	}
}

func TestParallelAsksNothingTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{total: 100}
		pages := Parallel(t.Context(), 5, 0, b.fetch)
		if len(b.requests()) != 0 {
			t.Error("asked before the range")
		}
		for range pages {
			break
		}
		if !slices.Equal(b.requests(), []int{0}) {
			t.Errorf("asked for %v to see one page", b.asked)
		}
		n := 0
		for range pages { // a range of its own
			if n++; n == 3 {
				break
			}
			synctest.Wait()
		}
		if got := b.requests()[1:]; len(got) > 8 || b.inFlight != 0 {
			t.Errorf("asked for %v to see three pages, %d still under way", got, b.inFlight)
		}
	})
}

func TestParallelHoldsFewPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{total: 100}
		taken := 0
		for _, err := range Parallel(t.Context(), 5, 0, b.fetch) {
			if err != nil {
				t.Fatal(err)
			}
			taken++
			time.Sleep(time.Minute) // the caller is slow
			if ahead := len(b.requests()) - taken; ahead > 5 {
				t.Fatalf("%d pages ahead", ahead)
			}
		}
		if taken != 100 {
			t.Errorf("%d pages", taken)
		}
	})
}

func TestParallelFollowsTheLengthOfTheList(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(b *book, number int)
		want   int
	}{
		"grows":           {func(b *book, n int) { b.total = max(b.total, min(n+2, 9)) }, 9},
		"grows at once":   {func(b *book, n int) { b.total = map[bool]int{true: 20, false: 8}[n >= 3] }, 20},
		"shrinks":         {func(b *book, n int) { b.total = map[bool]int{true: 4, false: 8}[n >= 3] }, 4},
		"to one":          {func(b *book, _ int) { b.total = 1 }, 1},
		"total is wrong":  {nil, 3},
		"ends as it said": {func(b *book, _ int) { b.total = 6 }, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &book{total: 3, change: tc.change}
				fetch := b.fetch
				if tc.change == nil {
					fetch = func(ctx context.Context, number int) (Numbered[string], error) {
						p, err := b.fetch(ctx, number)
						p.Total = 0 // More says otherwise
						return p, err
					}
				}
				got, err := readAll(t, Parallel(t.Context(), 5, 0, fetch))
				if diff := cmp.Diff(want("", tc.want), got); diff != "" || err != nil {
					t.Error(diff, err)
				}
				if b.inFlight != 0 {
					t.Errorf("%d still under way", b.inFlight)
				}
			})
		})
	}
}

func TestParallelBeginsAgainWhenTheListChanges(t *testing.T) {
	changeOnce := func(at int) func(*book, int) {
		return func(b *book, n int) {
			if n == at {
				b.version = "b"
			}
		}
	}
	t.Run("once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &book{total: 8, version: "a", change: changeOnce(3)}
			got, err := readAll(t, Parallel(t.Context(), 5, 1, b.fetch))
			again := max(slices.Index(got, "b0"), 0) // pages 1 and 2 may have been asked for after page 3
			if again < 1 || !slices.Equal(got[:again], want("a", again)) || err != nil {
				t.Errorf("%v, %v", got, err)
			}
			if diff := cmp.Diff(want("b", 8), got[again:]); diff != "" {
				t.Error(diff)
			}
		})
	})
	t.Run("too often", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &book{total: 3, change: func(b *book, n int) { b.version += "x" }}
			got, err := readAll(t, Parallel(t.Context(), 5, 2, b.fetch))
			if !errors.Is(err, ErrChanged) || len(got) != 3 {
				t.Errorf("%v, %v", got, err)
			}
		})
	})
	t.Run("as fetch says", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gone := fmt.Errorf("page gone: %w", ErrChanged)
			b := &book{total: 4, err: map[int]error{2: gone}}
			got, err := readAll(t, Parallel(t.Context(), 5, 1, b.fetch))
			if !errors.Is(err, gone) || !slices.Equal(got, append(want("", 2), want("", 2)...)) {
				t.Errorf("%v, %v", got, err)
			}
		})
	})
	t.Run("and the caller leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &book{total: 8, version: "a", change: changeOnce(3)}
			for p := range Parallel(t.Context(), 5, 1, b.fetch) {
				if p == "b0" {
					break
				}
			}
			if b.inFlight != 0 {
				t.Error("something is still under way")
			}
		})
	})
}

func TestParallelEndsWithTheFirstErrorInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late, early := errors.New("page 4"), errors.New("page 2")
		b := &book{total: 9, err: map[int]error{4: late, 2: early}, slow: map[int]time.Duration{2: time.Second}}
		got, err := readAll(t, Parallel(t.Context(), 5, 1, b.fetch))
		if !errors.Is(err, early) || !slices.Equal(got, want("", 2)) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestParallelEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("the plug was pulled")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		b := &book{total: 50}
		n := 0
		var failed error
		for _, err := range Parallel(ctx, 5, 1, b.fetch) {
			if failed = err; err == nil {
				if n++; n == 2 {
					synctest.Wait()
					cancel(why)
				}
			}
		}
		if n != 2 || !errors.Is(failed, context.Canceled) || !errors.Is(failed, why) || b.inFlight != 0 {
			t.Errorf("%d pages, then %v, %d under way", n, failed, b.inFlight)
		}
	})
}
