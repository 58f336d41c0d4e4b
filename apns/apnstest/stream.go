package apnstest

import "golang.org/x/net/http2/hpack"

// stream is one request and its answer.
type stream struct {
	id       uint32
	request  request
	fields   []hpack.HeaderField // kept for the record only
	listed   int                 // size of the header list as the RFC counts it
	body     []byte              // at most one byte more than allowed
	size     int                 // of the whole body
	unacked  int                 // bytes received since the last WINDOW_UPDATE
	ended    bool                // the request is complete
	trailers bool                // the header block under way is one of trailers
	lost     bool                // never to be answered

	window  int64  // what may be sent
	pending []byte // rest of the answer's body
	after   *Fault // odd form of the answer, or nil
}

// reset makes the stream one that just began; it keeps the memory.
func (st *stream) reset(id uint32) {
	*st = stream{id: id, fields: st.fields[:0], body: st.body[:0], pending: st.pending[:0]}
}

// newStream opens a stream. The caller holds mu.
func (c *conn) newStream(id uint32) *stream {
	var st *stream
	if n := len(c.spare); n > 0 {
		st, c.spare = c.spare[n-1], c.spare[:n-1]
	} else {
		st = new(stream)
	}
	st.reset(id)
	st.window = c.initial
	c.streams[id] = st
	if n := len(c.streams); n > c.most {
		c.most = n
		c.srv.count(func(st *Stats) { st.MostStreams = max(st.MostStreams, n) })
	}
	return st
}

// endStream closes a stream, and the connection if it waits for that. The caller holds mu.
func (c *conn) endStream(st *stream) {
	delete(c.streams, st.id)
	if c.open != st {
		c.spare = append(c.spare, st)
	}
	c.endWhenDone()
}

// endWhenDone ends a connection that waits for its last answer.
func (c *conn) endWhenDone() {
	if c.doneEnds && len(c.streams) == 0 {
		c.ending = true
	}
}

// forgetAbove drops the streams that GOAWAY says were not processed.
func (c *conn) forgetAbove(id uint32) {
	for have, st := range c.streams {
		if have > id {
			delete(c.streams, have)
			if c.open != st {
				c.spare = append(c.spare, st)
			}
		}
	}
}
