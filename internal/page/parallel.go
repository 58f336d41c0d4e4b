package page

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/applemdm/applemdm/internal/poll"
)

// ErrChanged says that a list changed while it was read, so that its pages do not fit together. A
// fetch may return it to tell so.
var ErrChanged = errors.New("the list kept changing while it was read")

// Numbered is one page of a list whose pages have numbers, and what its answer said of the list.
type Numbered[P any] struct {
	Page    P
	Version string // of the whole list; "" if the service tells none
	More    bool   // whether another page follows
	Total   int    // pages of the list, by which to read ahead; More decides where it ends
}

// Fetch returns the page of a number, counted from 0. It is called on several goroutines.
type Fetch[P any] func(ctx context.Context, number int) (Numbered[P], error)

// Parallel returns an iterator over the pages of a list, in order, that fetches up to inFlight pages
// at once. It reads ahead when the caller has taken the first page, so leaving the loop there costs
// one request; at most inFlight pages and the caller's are alive.
//
// All pages are of one version. When another one turns up, or fetch returns [ErrChanged], the list
// begins again with its first page, up to restarts times; then ErrChanged is the error. The caller
// sees the first page come again, and must forget what came before.
//
// The iterator yields an error once, last, with the zero page. Leaving the loop cancels the requests
// under way and returns when they have ended, so no goroutine outlives the loop.
func Parallel[P any](ctx context.Context, inFlight, restarts int, fetch Fetch[P]) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		for restart := 0; ; restart++ {
			err := readNumbered(ctx, inFlight, fetch, yield)
			if errors.Is(err, ErrChanged) && restart < restarts {
				continue
			}
			if err != nil {
				var none P
				yield(none, err)
			}
			return
		}
	}
}

// readNumbered yields the pages of one version. It returns nil when the list or the loop has ended.
func readNumbered[P any](ctx context.Context, inFlight int, fetch Fetch[P], yield func(P, error) bool) error {
	a := &ahead[P]{fetch: fetch}
	defer a.running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var version string
	for number := 0; ; number++ {
		if err := poll.Cause(ctx); err != nil {
			return err
		}
		a.start(ctx, 1, number+1)
		p, err := a.take()
		switch {
		case err != nil:
			return err
		case number == 0:
			version = p.Version
		case p.Version != version:
			return ErrChanged
		}
		if number > 0 && p.More {
			a.start(ctx, inFlight, p.Total)
		}
		if !yield(p.Page, nil) || !p.More {
			return nil
		}
		a.start(ctx, inFlight, p.Total)
	}
}

// ahead is the pages that were asked for and not yet taken, in order.
type ahead[P any] struct {
	fetch   Fetch[P]
	running sync.WaitGroup
	next    int // the number to ask for next
	waiting []chan numberedResult[P]
}

type numberedResult[P any] struct {
	page Numbered[P]
	err  error
}

// start asks for pages until inFlight are waiting or the next one would not be below end.
func (a *ahead[P]) start(ctx context.Context, inFlight, end int) {
	for ; len(a.waiting) < inFlight && a.next < end; a.next++ {
		result := make(chan numberedResult[P], 1)
		a.waiting = append(a.waiting, result)
		number := a.next
		a.running.Go(func() {
			var r numberedResult[P]
			r.page, r.err = a.fetch(ctx, number)
			result <- r
		})
	}
}

// take returns the first of the pages asked for. A fetch ends when its context does.
func (a *ahead[P]) take() (Numbered[P], error) {
	r := <-a.waiting[0]
	a.waiting = a.waiting[1:]
	return r.page, r.err
}
