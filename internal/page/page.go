// Package page turns calls for one page after another into iterators.
package page

import (
	"context"
	"iter"
	"sync"

	"github.com/applemdm/applemdm/internal/poll"
)

// Next returns the next page and whether more follow it. It is not called again after an error or
// after more was false.
type Next[P any] func(ctx context.Context) (page P, more bool, err error)

// ReadAhead returns an iterator over pages that fetches one page while the caller works on the one
// before. Nothing is asked before the first range, and every range begins anew with a Next of its
// own. At most two pages are alive: the caller's and the one that waits or is under way.
//
// The iterator yields an error once, last, with the zero page. Leaving the loop cancels a request
// under way and returns when it has ended, so no goroutine outlives the loop.
func ReadAhead[P any](ctx context.Context, begin func() Next[P]) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		ahead, cancel := context.WithCancel(ctx)
		results := make(chan result[P])
		var reader sync.WaitGroup
		defer reader.Wait()
		defer cancel()
		reader.Go(func() {
			defer close(results)
			read(ahead, begin(), results)
		})

		var none P
		for r := range results {
			if r.err != nil {
				yield(none, r.err)
				return
			}
			if !yield(r.page, nil) {
				return
			}
		}
		if err := poll.Cause(ctx); err != nil {
			yield(none, err)
		}
	}
}

type result[P any] struct {
	page P
	err  error
}

// read sends what next returns until there is no more, an error came, or ctx ends.
func read[P any](ctx context.Context, next Next[P], results chan<- result[P]) {
	for more := true; more; {
		var r result[P]
		r.page, more, r.err = next(ctx)
		more = more && r.err == nil
		select {
		case results <- r:
		case <-ctx.Done():
			return
		}
	}
}

// Items returns an iterator over the items of pages. Like pages, it can be ranged over again.
func Items[P, T any](pages iter.Seq2[P, error], items func(P) []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for p, err := range pages {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items(p) {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}
