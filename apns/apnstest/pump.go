package apnstest

import (
	"maps"
	"slices"
	"time"

	"golang.org/x/net/http2"
)

// padding is what Padded adds to DATA frames, its length byte not counted.
const padding = 100

// pump writes what is left of an answer's body, as far as the windows allow, and then its end. The
// caller holds mu.
func (c *conn) pump(st *stream) {
	f := st.after
	if len(st.pending) == 0 && !st.answered() || f.is(Drip) {
		return
	}
	stop := 0 // bytes of the body that are never sent
	if f.is(ResetBody) {
		stop = (len(st.pending) + 1) / 2
		f = nil
	}
	for len(st.pending) > stop {
		n := c.room(st, st.after, len(st.pending)-stop)
		if n <= 0 {
			return
		}
		c.writeData(st, n)
		if c.streams[st.id] != st {
			return
		}
	}
	c.endAnswer(st)
}

// pumpAll goes on with all answers, the oldest first.
func (c *conn) pumpAll() {
	for _, id := range slices.Sorted(maps.Keys(c.streams)) {
		c.pump(c.streams[id])
	}
}

// answered reports whether the header of the answer was written.
func (st *stream) answered() bool { return st.after != nil || len(st.pending) > 0 }

// room returns how many bytes of a body can be sent in one frame now.
func (c *conn) room(st *stream, f *Fault, n int) int {
	if f.is(SplitBody) || f.is(Drip) {
		n = min(n, 1)
	}
	extra := 0
	if f.is(Padded) {
		extra = padding + 1
	}
	return min(n, c.maxFrame-extra, int(min(c.window, st.window))-extra)
}

// writeData writes n bytes of the body. The last ones end the stream, unless something follows.
func (c *conn) writeData(st *stream, n int) {
	f := st.after
	data := st.pending[:n]
	st.pending = st.pending[n:]
	c.window -= int64(n)
	st.window -= int64(n)
	end := len(st.pending) == 0 && !f.is(EmptyData) && !f.is(Trailers)
	switch {
	case f.is(Padded):
		c.window -= padding + 1
		st.window -= padding + 1
		c.must(c.fr.WriteDataPadded(st.id, end, data, make([]byte, padding)))
	case f.is(SplitBody):
		c.must(c.fr.WriteData(st.id, false, nil))
		c.must(c.fr.WriteData(st.id, end, data))
	default:
		c.must(c.fr.WriteData(st.id, end, data))
	}
	if end {
		c.endStream(st)
	}
}

// endAnswer writes what follows the body.
func (c *conn) endAnswer(st *stream) {
	switch f := st.after; {
	case f.is(ResetBody):
		c.resetStream(st.id, http2.ErrCode(f.Code))
	case f.is(Trailers):
		c.hbuf.Reset()
		c.encode("x-trailer", "the end")
		c.writeBlock(st.id, true, nil)
		c.endStream(st)
	default:
		c.must(c.fr.WriteData(st.id, true, nil))
		c.endStream(st)
	}
}

// dripOne writes one byte of a body and comes back for the next. Without window it only comes back.
func (c *conn) dripOne(st *stream) {
	if c.room(st, st.after, len(st.pending)) > 0 {
		c.writeData(st, 1)
	}
	if c.streams[st.id] == st {
		c.later.add(st.after.drip(), delayed{stream: st.id, drip: true})
	}
}

// drip is the time before each byte.
func (f *Fault) drip() time.Duration {
	if f.Delay == 0 {
		return time.Second
	}
	return f.Delay
}

// is reports whether f is a fault of that kind.
func (f *Fault) is(kind Kind) bool { return f != nil && f.Kind == kind }
