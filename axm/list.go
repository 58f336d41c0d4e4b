package axm

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/lenient"
	"github.com/applemdm/applemdm/internal/page"
	"github.com/applemdm/applemdm/internal/rest"
)

// ListOptions says how a list is read. The zero value reads all of it, with what Apple sends by
// default of each item.
type ListOptions struct {
	// Fields are the only attributes that Apple sends, in its spelling ("serialNumber"): answers
	// become smaller. The ID is always there.
	Fields []string

	// PageSize is the most items of a page, which Apple calls the limit, between 1 and 1000: 1000 by
	// default.
	PageSize int

	// Cursor is where to go on: [Page.Cursor] of the last page that was dealt with in an earlier read
	// with the same other options. When Apple has forgotten it, the list begins again: see
	// [Page.Begins].
	Cursor string
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T // in Apple's order

	// Cursor is where the list goes on after this page, for [ListOptions.Cursor]; "" after the last
	// one. Keep it when the items are dealt with, and a read that ends early can be resumed.
	Cursor string

	// Total is how many items the list has, if Apple says so.
	Total int

	// Begins and Completes mark the first and the last page of the list. When Apple forgets a cursor,
	// the list begins again, once in a read: forget what came before a page that Begins.
	Begins, Completes bool
}

// How lists are read.
const (
	maxPageSize = 1000
	maxPages    = 100_000 // of one read
)

// Ends of a read that mean that something is wrong with the list.
var (
	// ErrSameCursor: Apple answered with a cursor that it was asked with before, which would go on for
	// ever. Ask again later.
	ErrSameCursor = errors.New("the same cursor came back although more is to follow")

	// ErrPageCap: a list has more than 100,000 pages.
	ErrPageCap = errors.New("too many pages")
)

// list is a list of the service.
type list[T any] struct {
	op           string
	path         rest.Path
	kind         string     // of the resources, for fields; "" has none
	query        url.Values // beside what the options say
	options      ListOptions
	businessOnly bool
	invalid      error // of the arguments
	decode       func(body []byte) ([]T, pageTail, error)
}

// pageTail is what a page says of the list.
type pageTail struct {
	Links struct {
		Next string `json:"next"`
	} `json:"links"`
	Meta struct {
		Paging struct {
			Total      jsontext.Value `json:"total"`
			NextCursor string         `json:"nextCursor"`
		} `json:"paging"`
	} `json:"meta"`
}

// total returns how many items the list has; 0 if nothing fit for that is told.
func (t *pageTail) total() int {
	total, _ := strconv.Atoi(string(t.Meta.Paging.Total))
	return max(total, 0)
}

// cursor returns where the list goes on, or "" if it does not. Of the link to the next page only its
// cursor is used: some of Apple's own name a host that does not exist, and the token must not go
// anywhere else.
func (t *pageTail) cursor() (string, error) {
	if cursor := t.Meta.Paging.NextCursor; cursor != "" || t.Links.Next == "" {
		return cursor, nil
	}
	_, query, _ := strings.Cut(t.Links.Next, "?")
	values, _ := url.ParseQuery(query)
	cursor := values.Get("cursor")
	if cursor == "" {
		return "", errors.New("it links to a next page without a cursor")
	}
	return cursor, nil
}

// resourcePage decodes a page of resources.
func resourcePage[T any, P flat[T]](body []byte) ([]T, pageTail, error) {
	var document struct {
		pageTail
		Data resources[T] `json:"data"`
	}
	document.Data.list = make([]resource[T], 0, len(body)/resourceSize)
	err := decode[T, P](body, &document)
	if err == nil && !document.Data.told {
		err = errNoData
	}
	if err != nil {
		return nil, pageTail{}, err
	}
	items := make([]T, len(document.Data.list))
	for i := range items {
		r := &document.Data.list[i]
		items[i] = r.Attributes
		flatten[T, P](&items[i], r.ID)
	}
	return items, document.pageTail, nil
}

// resourceSize is what a resource takes of a page at the least, in bytes, when it has all its
// attributes: devices take some 1,200. With room for all from the beginning, a page costs half of the
// memory that it would if its list grew.
const resourceSize = 1 << 10

// resources is the list of a page, if there is one.
type resources[T any] struct {
	list []resource[T]
	told bool
}

// UnmarshalJSONFrom decodes the list into the room that it has.
func (r *resources[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	r.told = dec.PeekKind() != jsontext.KindNull
	return json.UnmarshalDecode(dec, &r.list)
}

// linkagePage decodes a page that only names resources.
func linkagePage(body []byte) ([]string, pageTail, error) {
	var document struct {
		pageTail
		Data *[]linkage `json:"data"`
	}
	err := lenient.Decode(body, &document)
	if err == nil && document.Data == nil {
		err = errNoData
	}
	if err != nil {
		return nil, pageTail{}, err
	}
	ids := make([]string, len(*document.Data))
	for i, l := range *document.Data {
		ids[i] = l.ID
	}
	return ids, document.pageTail, nil
}

// items returns an iterator over the items of pages.
func items[T any](pages iter.Seq2[*Page[T], error]) iter.Seq2[T, error] {
	return page.Items(pages, func(p *Page[T]) []T { return p.Items })
}

// pages returns an iterator over the pages of l, reading one ahead.
func pages[T any](ctx context.Context, c *Client, l list[T]) iter.Seq2[*Page[T], error] {
	return page.ReadAhead(ctx, func() page.Next[*Page[T]] {
		return (&walk[T]{client: c, list: l, cursor: l.options.Cursor}).next
	})
}

// walk is one walk through a list. It is for one goroutine.
type walk[T any] struct {
	client *Client
	list   list[T]

	cursor    string
	pages     int
	restarted bool // the one restart of a walk was taken

	// milestone is the cursor after a number of pages that is a power of two. A walk in a circle comes
	// back to one, whatever the length of the circle.
	milestone string
}

// next is a [page.Next].
func (w *walk[T]) next(ctx context.Context) (*Page[T], bool, error) {
	if w.pages >= maxPages {
		return nil, false, fmt.Errorf("%s: %w", w.list.op, ErrPageCap)
	}
	p, err := w.ask(ctx)
	if w.cursor != "" && !w.restarted && isStale(err) {
		w.cursor, w.milestone, w.restarted = "", "", true
		p, err = w.ask(ctx)
	}
	if err != nil {
		return nil, false, err
	}
	if p.Cursor != "" && (p.Cursor == w.cursor || p.Cursor == w.milestone) {
		return nil, false, fmt.Errorf("%s: %w", w.list.op, ErrSameCursor)
	}
	w.cursor = p.Cursor
	if w.pages++; w.pages&(w.pages-1) == 0 {
		w.milestone = p.Cursor
	}
	return p, !p.Completes, nil
}

// isStale reports whether err may mean that the cursor was forgotten: a 410, or a 400 that does not
// blame another parameter.
func isStale(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	for _, item := range e.Items {
		if blamed := item.Source.Parameter; blamed != "" && blamed != "cursor" {
			return false
		}
	}
	return e.StatusCode == http.StatusGone || e.StatusCode == http.StatusBadRequest
}

func (w *walk[T]) ask(ctx context.Context) (*Page[T], error) {
	r, err := w.list.request(w.cursor)
	if err != nil {
		return nil, err
	}
	resp, err := w.client.send(ctx, r)
	if err != nil {
		return nil, err
	}
	items, tail, err := w.list.decode(resp.Body)
	var cursor string
	if err == nil {
		cursor, err = tail.cursor()
	}
	if err != nil {
		return nil, misunderstood(r.op, resp, err)
	}
	resp.Release() // decoding copies what it keeps
	return &Page[T]{
		Items: items, Cursor: cursor, Total: tail.total(),
		Begins: w.cursor == "", Completes: cursor == "",
	}, nil
}

// request returns the request for the page at cursor.
func (l *list[T]) request(cursor string) (request, error) {
	if l.invalid != nil {
		return request{}, l.invalid
	}
	size := l.options.PageSize
	switch {
	case size == 0:
		size = maxPageSize
	case size < 1 || size > maxPageSize:
		return request{}, &InputError{Field: "ListOptions.PageSize", Rule: "must be between 1 and 1000"}
	}
	query, err := fieldsQuery(l.kind, l.options.Fields)
	if err != nil {
		return request{}, err
	}
	maps.Copy(query, l.query)
	query.Set("limit", strconv.Itoa(size))
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	return request{op: l.op, method: http.MethodGet, path: l.path, query: query, businessOnly: l.businessOnly}, nil
}

// linkageList is the list of what a resource is related to, by ID: the path ends with its
// relationship.
func linkageList(op string, options ListOptions, idField, kind, id, relationship string) list[string] {
	l := list[string]{
		op: op, path: rest.Path{kind, id, "relationships", relationship}, options: options,
		invalid: checkID(idField, id), decode: linkagePage,
	}
	if l.invalid == nil && len(options.Fields) > 0 {
		l.invalid = &InputError{Field: "ListOptions.Fields", Rule: "must be empty: the list has IDs only"}
	}
	return l
}
