package dep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/applemdm/applemdm/internal/page"
)

// Page is one page of a list or of its changes.
type Page[T any] struct {
	Items []T // in Apple's order; an item may come more than once

	// Cursor is where to go on after this page. Keep it when Items have been dealt with, not
	// before: a cursor kept too early loses what a crash interrupts.
	Cursor Cursor

	// Phase tells items of the full list, which have no operation, from changes.
	Phase Phase

	// Begins and Completes mark the first and the last page of a full list. Once it is complete,
	// whatever was known and is in none of its pages is gone: no change will tell. See
	// [Cursor].Started. Conclude nothing from the end of a list whose beginning was not seen.
	Begins, Completes bool

	FetchedUntil Time // how far Apple has read; often missing
}

// Guards of one walk through a feed.
const (
	maxPages      = 100_000 // pages
	maxEmptyPages = 100     // pages in a row without an item although more are to follow
)

// Ends of a walk that mean that something is wrong with the stream.
var (
	// ErrSameCursor: Apple answered with the cursor that it was asked with and said that more
	// follows, which would go on for ever. What came was delivered. Ask again later; if it repeats,
	// start with the zero Cursor. A [Syncer] does both.
	ErrSameCursor = errors.New("the same cursor came back although more is to follow")

	// ErrPageCap: a walk took more than 100,000 pages, or had 100 pages in a row without an item.
	// Go on later from the last cursor.
	ErrPageCap = errors.New("too many pages")
)

// feed walks through a list and its changes: fetch until it ends, hand over, sync until no more is
// to follow. It is for one goroutine.
type feed[T any] struct {
	op  string
	ask func(ctx context.Context, from Cursor) (*feedAnswer[T], error)

	cursor    Cursor
	fetchOnly bool // end with the full list

	restarted bool // the one restart of a walk was taken
	stuck     bool // the last page repeated its cursor
	pages     int
	empty     int // pages without an item, in a row
}

// feedAnswer is what fetches and syncs of all resources answer, but for the name of the list.
type feedAnswer[T any] struct {
	Items []T
	feedTail
}

type feedTail struct {
	Cursor       string `json:"cursor"`
	MoreToFollow bool   `json:"more_to_follow"`
	FetchedUntil Time   `json:"fetched_until"`
}

// feedRequest is the body of every fetch and sync.
type feedRequest struct {
	Cursor string `json:"cursor,omitzero"`
	Limit  int    `json:"limit"`
}

// walk returns an iterator over the pages of a feed from cursor on, reading one ahead.
func walk[T any](ctx context.Context, cursor Cursor, open func(Cursor) *feed[T]) iter.Seq2[*Page[T], error] {
	return page.ReadAhead(ctx, func() page.Next[*Page[T]] { return open(cursor).next })
}

// fullList is walk for the full list alone.
func fullList[T any](ctx context.Context, open func(Cursor) *feed[T]) iter.Seq2[*Page[T], error] {
	return page.ReadAhead(ctx, func() page.Next[*Page[T]] {
		f := open(Cursor{})
		f.fetchOnly = true
		return f.next
	})
}

// items returns an iterator over the items of pages.
func items[T any](pages iter.Seq2[*Page[T], error]) iter.Seq2[T, error] {
	return page.Items(pages, func(p *Page[T]) []T { return p.Items })
}

// next is a [page.Next].
func (f *feed[T]) next(ctx context.Context) (*Page[T], bool, error) {
	if err := f.guard(); err != nil {
		return nil, false, fmt.Errorf("%s: %w", f.op, err)
	}
	answer, err := f.ask(ctx, f.cursor)
	if err != nil && f.mend(err) {
		answer, err = f.ask(ctx, f.cursor)
	}
	if f.exhausted(err) {
		answer, err = &feedAnswer[T]{feedTail: feedTail{Cursor: f.cursor.Value}}, nil
	}
	if err != nil {
		return nil, false, err
	}
	if answer.Cursor == "" {
		return nil, false, incomplete(f.op, "it has no cursor")
	}
	p, more := f.advance(answer)
	return p, more, nil
}

func (f *feed[T]) guard() error {
	switch {
	case f.pages == 0:
		return f.cursor.check()
	case f.stuck:
		return ErrSameCursor
	case f.pages >= maxPages, f.empty >= maxEmptyPages:
		return ErrPageCap
	}
	return nil
}

// mend changes the cursor so that asking again makes sense after err, and reports whether it could.
// A cursor that Apple does not take any more means to start again, once in a walk.
func (f *feed[T]) mend(err error) bool {
	gone := errors.Is(err, ErrCursorExpired) || errors.Is(err, ErrCursorInvalid) || errors.Is(err, ErrCursorRequired)
	if !gone || f.restarted || f.cursor.Value == "" {
		return false
	}
	f.restarted = true
	f.cursor = Cursor{}
	return true
}

// exhausted reports whether err says that the full list ended with the page before. That is as good
// as an empty last page: the list is complete, and its cursor is the one to sync with.
func (f *feed[T]) exhausted(err error) bool {
	return errors.Is(err, ErrCursorExhausted) && f.cursor.Phase == PhaseFetch && f.cursor.Value != ""
}

// advance makes the page of an answer, moves the cursor behind it, and reports whether to go on.
func (f *feed[T]) advance(answer *feedAnswer[T]) (*Page[T], bool) {
	from := f.cursor
	p := &Page[T]{
		Items:        answer.Items,
		Phase:        from.Phase,
		Begins:       from.Phase == PhaseFetch && from.Value == "",
		Completes:    from.Phase == PhaseFetch && !answer.MoreToFollow,
		FetchedUntil: answer.FetchedUntil,
	}
	f.cursor.Value, f.cursor.Stalled = answer.Cursor, false
	if p.Begins {
		f.cursor.Started = time.Now().UTC()
	}
	if p.Completes {
		f.cursor.Phase = PhaseSync
	}
	p.Cursor = f.cursor

	f.pages++
	f.empty++
	if len(p.Items) > 0 {
		f.empty = 0
	}
	f.stuck = answer.MoreToFollow && answer.Cursor == from.Value
	return p, answer.MoreToFollow || p.Completes && !f.fetchOnly
}
