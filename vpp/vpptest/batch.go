package vpptest

import (
	"maps"
	"strconv"
	"strings"
)

// batchKind is a list that comes in batches.
type batchKind struct {
	name string // of the list in answers
	set  dataset
}

// batch is a list that is being read. It was made when it was asked for; what changes meanwhile
// comes with the next sinceModifiedToken.
type batch struct {
	kind   batchKind
	tok    *token
	params map[string]string
	items  []any
	size   int
	rev    int
	index  int // of the batch that this token stands for
}

// last is the index of the last batch.
func (b *batch) last() int { return max((len(b.items)+b.size-1)/b.size-1, 0) }

// sinceToken is a sinceModifiedToken.
type sinceToken struct {
	kind   batchKind
	tok    *token
	params map[string]string
	rev    int
}

// batchState is what tests have ordered for the batches of a location.
type batchState struct {
	omit int
}

// LoseBatches loses the lists of version 1 that are being read: their batchTokens get 9633.
func (l *Location) LoseBatches() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	for _, b := range l.s.legacy.batches {
		if b.tok.loc == l {
			b.items = nil
			b.index = -1
		}
	}
}

// OmitTokens leaves both tokens out of the next n batches of version 1. Such a batch is not the last
// one: the request has to be repeated.
func (l *Location) OmitTokens(n int) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.batches.omit = n
}

// batch answers with the batch that the call wants. build makes the list for parameters, which the
// tokens remember, of what is newer than a revision.
func (c *legacyCall) batch(kind batchKind, params map[string]string, build func(map[string]string, int) []any) (object, int) {
	b, number := c.findBatch(kind, params, build)
	if number != 0 {
		return nil, number
	}
	first := b.index == 0
	at := *b
	if c.has("overrideIndex") && !first {
		at.index = int(c.integer("overrideIndex"))
		if at.index < 1 || at.index > at.last() {
			return nil, invalidArgument
		}
	}
	from := at.index * at.size
	items := at.items[from:min(from+at.size, len(at.items))]
	o := object{kind.name: items, "batchCount": len(items)}
	if first {
		o["totalCount"] = len(at.items)
	}
	// Users and licences tell it as different types; it counts the batches after the first.
	o["totalBatchCount"] = any(at.last())
	if kind.set == userSet {
		o["totalBatchCount"] = strconv.Itoa(at.last())
	}
	switch l := c.loc; {
	case l.batches.omit > 0:
		l.batches.omit--
	case at.index == at.last():
		o["sinceModifiedToken"] = c.rememberSince(&at)
	default:
		next := at
		next.index++
		o["batchToken"] = c.rememberBatch(&next)
	}
	return o, 0
}

// findBatch returns the list that the batchToken names, or a new one.
func (c *legacyCall) findBatch(kind batchKind, params map[string]string, build func(map[string]string, int) []any) (*batch, int) {
	if c.has("batchToken") {
		b := c.s.legacy.batches[c.text("batchToken")]
		switch {
		case b == nil || b.kind != kind:
			return nil, invalidArgument
		case b.tok != c.tok:
			return nil, foreignBatch
		case b.index < 0:
			return nil, batchLost
		}
		return b, 0
	}
	since := -1
	if c.has("sinceModifiedToken") {
		st, ok := c.s.legacy.since[c.text("sinceModifiedToken")]
		switch {
		case !ok || st.kind != kind:
			return nil, invalidArgument
		case st.tok != c.tok:
			return nil, foreignBatch
		}
		since, params = st.rev, st.params
	}
	return &batch{
		kind: kind, tok: c.tok, params: params, items: build(params, since), size: c.s.opts.PageSize, rev: c.loc.revs[kind.set],
	}, 0
}

// rememberBatch returns a batchToken; they are several KB long.
func (c *legacyCall) rememberBatch(b *batch) string {
	text := "H4sI" + strings.Repeat(hexOf(32, "batch", c.loc.opts.UID, c.s.next()), 40)
	c.s.legacy.batches[text] = b
	return text
}

func (c *legacyCall) rememberSince(b *batch) string {
	text := "H4sI" + hexOf(32, "since", c.loc.opts.UID, c.s.next())
	c.s.legacy.since[text] = sinceToken{b.kind, b.tok, maps.Clone(b.params), b.rev}
	return text
}
