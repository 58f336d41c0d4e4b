package vpp

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/applemdm/applemdm/internal/page"
	"github.com/applemdm/applemdm/internal/poll"
	"github.com/applemdm/applemdm/internal/rest"
)

// Page is one page of a list or of its changes.
type Page[T any] struct {
	Items []T // in Apple's order

	// VersionID names the state of the whole list, the same on all pages of a read. Keep it when
	// the read is complete, and ask for what has changed since then.
	VersionID string

	// Begins and Completes mark the first and the last page of a read. When a list changes while it
	// is read, it begins again: forget what came before a page that Begins.
	Begins, Completes bool

	// Delta says that the page has only what changed since the version that was asked for.
	Delta bool
}

// How lists are read.
const (
	pagesInFlight = 5       // as many as Apple allows at once
	maxRestarts   = 3       // of a list that changes while it is read
	maxPages      = 100_000 // of one read
)

// Ends of a read that mean that something is wrong with the list.
var (
	// ErrSameCursor: Apple answered with the cursor that it was asked with, which would go on for
	// ever. Ask again later.
	ErrSameCursor = errors.New("the same cursor came back although more is to follow")

	// ErrPageCap: a list has more than 100,000 pages.
	ErrPageCap = errors.New("too many pages")
)

// list is a list whose pages have numbers.
type list[T any] struct {
	op      string
	url     string
	path    rest.Path
	query   url.Values
	since   string // version; "" is the whole list
	invalid error  // of the filter
	answer  func() pageAnswer[T]
}

// pageAnswer is an answer with a page.
type pageAnswer[T any] interface {
	answer
	tail() *pageTail
	items() []T
}

// pageTail is what the answers of all lists have beside their items.
type pageTail struct {
	envelope
	VersionID        string `json:"versionId"`
	CurrentPageIndex *int   `json:"currentPageIndex"`
	NextPageIndex    *int   `json:"nextPageIndex"`
	TotalPages       int    `json:"totalPages"`
	NextCursor       string `json:"nextCursor"`
}

func (t *pageTail) tail() *pageTail { return t }

// items returns an iterator over the items of pages.
func items[T any](pages iter.Seq2[*Page[T], error]) iter.Seq2[T, error] {
	return page.Items(pages, func(p *Page[T]) []T { return p.Items })
}

// pages returns an iterator over the pages of l. If Apple does not know the version since which
// changes are asked for, they are those of the whole list.
func pages[T any](ctx context.Context, c *Client, l list[T]) iter.Seq2[*Page[T], error] {
	return func(yield func(*Page[T], error) bool) {
		if l.invalid != nil {
			yield(nil, l.invalid)
			return
		}
		for p, err := range page.Parallel(ctx, pagesInFlight, maxRestarts, l.fetch(c)) {
			if l.since != "" && errors.Is(err, ErrVersion) {
				whole := l
				whole.since = ""
				pages(ctx, c, whole)(yield)
				return
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// fetch returns how the pages of l are read.
func (l list[T]) fetch(c *Client) page.Fetch[*Page[T]] {
	return func(ctx context.Context, number int) (page.Numbered[*Page[T]], error) {
		var none page.Numbered[*Page[T]]
		if number >= maxPages {
			return none, fmt.Errorf("%s: %w", l.op, ErrPageCap)
		}
		answer := l.answer()
		err := c.callPage(ctx, l.request(number), answer)
		if number > 0 && errors.Is(err, ErrPageIndex) {
			err = fmt.Errorf("%w: %w", ErrVersionChanged, err) // it has become shorter
		}
		if err == nil {
			err = answer.tail().check(l.op, number)
		}
		if err != nil {
			return none, err
		}
		tail := answer.tail()
		more := tail.NextPageIndex != nil
		p := &Page[T]{
			Items: answer.items(), VersionID: tail.VersionID,
			Begins: number == 0, Completes: !more, Delta: l.since != "",
		}
		return page.Numbered[*Page[T]]{Page: p, Version: tail.VersionID, More: more, Total: tail.TotalPages}, nil
	}
}

// callPage is call for a page, of which all reads of a client ask for so many at once.
func (c *Client) callPage(ctx context.Context, r request, v answer) error {
	select {
	case c.pages <- struct{}{}:
		defer func() { <-c.pages }()
	case <-ctx.Done():
		return &TransportError{Op: r.op, Method: r.method, Path: r.path.String(), Err: poll.Cause(ctx)}
	}
	return c.call(ctx, r, v)
}

func (l list[T]) request(number int) request {
	q := maps.Clone(l.query)
	if number > 0 {
		q.Set("pageIndex", strconv.Itoa(number))
	}
	if l.since != "" {
		q.Set("sinceVersionId", l.since)
	}
	return request{op: l.op, method: http.MethodGet, url: l.url, path: l.path, query: q, repeatable: true}
}

// check returns an error if the page is not the one asked for, or the next one is not behind it.
func (t *pageTail) check(op string, number int) error {
	switch {
	case t.CurrentPageIndex != nil && *t.CurrentPageIndex != number:
		return incomplete(op, fmt.Sprintf("it has page %d in the place of page %d", *t.CurrentPageIndex, number))
	case t.NextPageIndex != nil && *t.NextPageIndex != number+1:
		return incomplete(op, fmt.Sprintf("page %d follows page %d", *t.NextPageIndex, number))
	}
	return nil
}

// cursorPages returns an iterator over the pages of a list that goes by cursor, reading one ahead.
func cursorPages[T any](ctx context.Context, c *Client, l list[T]) iter.Seq2[*Page[T], error] {
	return page.ReadAhead(ctx, func() page.Next[*Page[T]] { return (&cursorWalk[T]{client: c, list: l}).next })
}

// cursorWalk is one walk through a list that goes by cursor. It is for one goroutine.
type cursorWalk[T any] struct {
	client *Client
	list   list[T]

	cursor    string
	pages     int
	restarted bool // the one restart of a walk was taken
}

// next is a [page.Next].
func (w *cursorWalk[T]) next(ctx context.Context) (*Page[T], bool, error) {
	switch {
	case w.list.invalid != nil:
		return nil, false, w.list.invalid
	case w.pages >= maxPages:
		return nil, false, fmt.Errorf("%s: %w", w.list.op, ErrPageCap)
	}
	answer, err := w.ask(ctx)
	if errors.Is(err, ErrCursor) && w.cursor != "" && !w.restarted {
		w.cursor, w.restarted = "", true
		answer, err = w.ask(ctx)
	}
	if err != nil {
		return nil, false, err
	}
	tail, items := answer.tail(), answer.items()
	more := tail.NextCursor != "" && len(items) > 0 // Apple's samples have a cursor on the last page too
	if more && tail.NextCursor == w.cursor {
		return nil, false, fmt.Errorf("%s: %w", w.list.op, ErrSameCursor)
	}
	p := &Page[T]{Items: items, VersionID: tail.VersionID, Begins: w.cursor == "", Completes: !more}
	w.cursor = tail.NextCursor
	w.pages++
	return p, more, nil
}

func (w *cursorWalk[T]) ask(ctx context.Context) (pageAnswer[T], error) {
	r := w.list.request(0)
	if w.cursor != "" {
		r.query.Set("cursor", w.cursor)
	}
	answer := w.list.answer()
	return answer, w.client.call(ctx, r, answer)
}

// query builds a query from the fields of a filter, leaving out those that are not set.
type query url.Values

func (q query) text(name, value string) {
	if value != "" {
		url.Values(q).Set(name, value)
	}
}

func (q query) flag(name string, value bool) {
	if value {
		url.Values(q).Set(name, "true")
	}
}

func (q query) optional(name string, value *bool) {
	if value != nil {
		url.Values(q).Set(name, strconv.FormatBool(*value))
	}
}

func (q query) number(name string, value *int) {
	if value != nil {
		url.Values(q).Set(name, strconv.Itoa(*value))
	}
}
