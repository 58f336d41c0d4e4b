package axmtest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"time"
)

// page answers with one page of a list. The items come with a number each that only grows, so that
// a cursor keeps its place while the list changes. With more, further members of the document are
// made once the page is there.
func page[T any](c *call, items iter.Seq2[int, T], show func(T) object, more ...func() member) *reply {
	after, rep := c.cursor()
	if rep != nil {
		return rep
	}
	if c.s.traffic.closes(c.s.opts.PagesPerConnection) {
		return &reply{drop: true}
	}
	size := c.limit
	if n := c.s.opts.PageSize; n > 0 {
		size = min(size, n)
	}
	data := make([]object, 0, min(size, maxLimit))
	total, last, goesOn := 0, after, false
	for number, item := range items {
		total++
		switch {
		case number <= after:
		case len(data) < size:
			data = append(data, show(item))
			last = number
		default:
			goesOn = true
		}
	}
	next := ""
	switch {
	case c.s.traffic.repeats():
		next = c.query.Get("cursor")
		or(&next, c.newCursor(after))
	case goesOn:
		next = c.newCursor(last)
	}
	o := c.pageOf(data, total, next)
	for _, make := range more {
		o = append(o, make())
	}
	return success(o)
}

// pageOf puts the page together; next is the cursor of the page that follows, if one does.
func (c *call) pageOf(data []object, total int, next string) object {
	style := c.s.opts.Paging
	links := object{{"self", c.self()}, {"first", c.link(c.baseURL(), "", true)}}
	paging := object{}
	if !style.NoTotal {
		paging = append(paging, member{"total", total})
	}
	paging = append(paging, member{"limit", c.limit})
	if next != "" {
		if !style.NoNextLink {
			links = append(links, member{"next", c.link(c.nextBase(), next, !style.WithoutFields)})
		}
		if !style.NoNextCursor {
			paging = append(paging, member{"nextCursor", next})
		}
	}
	return object{{"data", data}, {"links", links}, {"meta", object{{"paging", paging}}}}
}

// self is the address of the request.
func (c *call) self() string { return c.baseURL() + c.r.URL.RequestURI() }

// nextBase is the base of links.next.
func (c *call) nextBase() string {
	switch style := c.s.opts.Paging; {
	case style.OtherHost != "":
		return c.scheme() + "://" + style.OtherHost
	case style.WithoutCom:
		host, _, _ := strings.Cut(c.org.kind.host(), ".com")
		return c.scheme() + "://" + host
	}
	return c.baseURL()
}

// link is the address of a page of the list, of the first one without a cursor.
func (c *call) link(base, cursor string, fields bool) string {
	q := url.Values{"limit": {fmt.Sprint(c.limit)}}
	for name, values := range c.query {
		if name != "cursor" && name != "limit" && (fields || !strings.HasPrefix(name, "fields[")) {
			q[name] = values
		}
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return base + c.r.URL.EscapedPath() + "?" + q.Encode()
}

// listKey tells lists apart: a cursor of one is not good for another.
func (c *call) listKey() string {
	q := url.Values{}
	for name, values := range c.query {
		if strings.HasPrefix(name, "filter[") {
			q[name] = values
		}
	}
	return hex.EncodeToString(hashOf(c.org.id, c.r.URL.Path, q.Encode())[:6])
}

const cursorFormat = "%d.%d.%d.%s" // generation, number of the last item, time, list

func (c *call) newCursor(last int) string {
	text := fmt.Sprintf(cursorFormat, c.org.cursorAge, last, c.now.UnixNano(), c.listKey())
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// cursor returns the number of the last item that the client has seen.
func (c *call) cursor() (int, *reply) {
	values, given := c.query["cursor"]
	if !given {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(values[0])
	var generation, last int
	var issued int64
	var key string
	if err == nil {
		_, err = fmt.Sscanf(string(text), cursorFormat, &generation, &last, &issued, &key)
	}
	if err != nil || key != c.listKey() {
		return 0, badParameter(codeParamInvalid, "cursor", "The cursor is not one of this list.")
	}
	life := c.s.opts.CursorLife
	if generation != c.org.cursorAge || life > 0 && c.now.Sub(time.Unix(0, issued)) >= life {
		return 0, fail(c.s.opts.StaleCursor, problem{code: codeParamInvalid, detail: "The cursor has expired.", parameter: "cursor"})
	}
	return last, nil
}

// closes counts a page and reports whether the connection is closed in its place.
func (t *traffic) closes(most int) bool {
	t.pages++
	if most <= 0 || t.pages <= most {
		return false
	}
	t.pages = 0
	return true
}

func (t *traffic) repeats() bool {
	is := t.repeat != 0
	if t.repeat > 0 {
		t.repeat--
	}
	return is
}

// ExpireCursors makes all cursors that clients of the organisation hold stale.
func (o *Org) ExpireCursors() { o.s.set(func() { o.cursorAge++ }) }

// RepeatCursor makes the next n pages of lists point to themselves: the next page is the same
// again. A negative n is for ever.
func (s *Server) RepeatCursor(n int) { s.set(func() { s.traffic.repeat = n }) }
