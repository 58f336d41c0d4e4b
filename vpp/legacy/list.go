package legacy

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"

	"github.com/applemdm/applemdm/internal/page"
	"github.com/applemdm/applemdm/internal/poll"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// Page is one batch of a list or of its changes.
type Page[T any] struct {
	Items []T // in Apple's order

	// SinceModifiedToken comes with the last page. Keep it when what was read is safe, and ask with
	// it for what has changed since.
	SinceModifiedToken string

	// TotalCount is how long the list is, as Apple estimates on the first page.
	TotalCount int

	// Begins and Completes mark the first and the last page of a read. When Apple loses a list while
	// it is read, it begins again: forget what came before a page that Begins.
	Begins, Completes bool

	// Delta says that the page has only what changed since the token that was asked with.
	Delta bool
}

// How lists are read.
const (
	pagesInFlight = 5       // as many as Apple allows at once
	maxRestarts   = 3       // of a list that Apple loses
	maxPages      = 100_000 // of one read
)

// ErrSameToken is the end of a read in which Apple answered with the token that it was asked with,
// which would go on for ever. Ask again later.
var ErrSameToken = errors.New("the same batch token came back although more is to follow")

// batchRequest is what the requests of lists have beside their filters.
type batchRequest struct {
	BatchToken         string `json:"batchToken,omitzero"`
	SinceModifiedToken string `json:"sinceModifiedToken,omitzero"`
}

// batchTail is what the answers of lists have beside their items.
type batchTail struct {
	envelope
	BatchToken         string `json:"batchToken"`
	SinceModifiedToken string `json:"sinceModifiedToken"`
	TotalCount         count  `json:"totalCount"`
}

func (t *batchTail) tail() *batchTail { return t }

// batchAnswer is an answer with a batch.
type batchAnswer[T any] interface {
	answer
	tail() *batchTail
	items() []T
}

// list is a list that comes in batches.
type list[T any] struct {
	op      string
	service string
	since   string // token; "" is the whole list
	invalid error  // of the filter
	body    func(batchRequest) any
	answer  func() batchAnswer[T]
}

// items returns an iterator over the items of pages.
func items[T any](pages iter.Seq2[*Page[T], error]) iter.Seq2[T, error] {
	return page.Items(pages, func(p *Page[T]) []T { return p.Items })
}

// pages returns an iterator over the pages of l, reading one ahead.
func pages[T any](ctx context.Context, c *Client, l list[T]) iter.Seq2[*Page[T], error] {
	return page.ReadAhead(ctx, func() page.Next[*Page[T]] { return (&walk[T]{client: c, list: l}).next })
}

// walk is one walk through a list. It is for one goroutine.
type walk[T any] struct {
	client *Client
	list   list[T]

	token    string // of the next batch; "" is the first one
	pages    int
	restarts int
}

// next is a [page.Next].
func (w *walk[T]) next(ctx context.Context) (*Page[T], bool, error) {
	switch {
	case w.list.invalid != nil:
		return nil, false, w.list.invalid
	case w.pages >= maxPages:
		return nil, false, fmt.Errorf("%s: %w", w.list.op, vpp.ErrPageCap)
	}
	answer, err := w.ask(ctx)
	for w.lost(err) && w.restart() {
		answer, err = w.ask(ctx)
	}
	if err != nil {
		return nil, false, err
	}
	tail := answer.tail()
	if tail.SinceModifiedToken == "" && tail.BatchToken == w.token {
		return nil, false, fmt.Errorf("%s: %w", w.list.op, ErrSameToken)
	}
	p := &Page[T]{
		Items: answer.items(), SinceModifiedToken: tail.SinceModifiedToken, TotalCount: int(tail.TotalCount),
		Begins: w.token == "", Completes: tail.SinceModifiedToken != "", Delta: w.list.since != "",
	}
	w.token = tail.BatchToken
	w.pages++
	return p, !p.Completes, nil
}

// lost reports whether Apple does not have the list (any more), or does not take the token that changes
// were asked with.
func (w *walk[T]) lost(err error) bool {
	first := w.token == "" && w.list.since != ""
	return errors.Is(err, ErrBatchLost) || first && errors.Is(err, vpp.ErrInvalidRequest)
}

// restart begins a lost list again, and reports whether that may help. A list of changes that cannot
// be begun becomes the whole list.
func (w *walk[T]) restart() bool {
	switch {
	case w.token != "":
		w.token = ""
	case w.list.since != "":
		w.list.since = ""
	default:
		return false
	}
	w.restarts++
	return w.restarts <= maxRestarts
}

// ask asks for the next batch. One with neither token is no end, and does not count: Apple wants to
// be asked for the same again.
func (w *walk[T]) ask(ctx context.Context) (batchAnswer[T], error) {
	batch := batchRequest{BatchToken: w.token}
	if w.token == "" {
		batch.SinceModifiedToken = w.list.since
	}
	r := request{op: w.list.op, service: w.list.service, body: w.list.body(batch)}
	retry := w.client.engine.Retry
	for try := range retry.Tries {
		if try > 0 {
			if err := poll.Wait(ctx, poll.Backoff{Min: retry.MinWait, Max: retry.MaxWait}.Delay(try-1)); err != nil {
				return nil, fmt.Errorf("%s: %w", w.list.op, err)
			}
		}
		answer := w.list.answer()
		if err := w.client.callPage(ctx, r, answer); err != nil {
			return nil, err
		}
		if tail := answer.tail(); tail.BatchToken != "" || tail.SinceModifiedToken != "" {
			return answer, nil
		}
	}
	return nil, incomplete(w.list.op, "it has neither a batch token nor a token for changes")
}

// callPage is call for a page, of which all reads of a client ask for so many at once.
func (c *Client) callPage(ctx context.Context, r request, v answer) error {
	select {
	case c.pages <- struct{}{}:
		defer func() { <-c.pages }()
	case <-ctx.Done():
		return &vpp.TransportError{Op: r.op, Method: http.MethodPost, Path: rest.Path{r.service}.String(), Err: poll.Cause(ctx)}
	}
	return c.call(ctx, r, v)
}
