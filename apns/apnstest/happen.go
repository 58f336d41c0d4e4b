package apnstest

import (
	"net/http"
	"time"

	"golang.org/x/net/http2"
)

// page is what a gateway shows.
const page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"

// meet answers a push as the fault in a wants it. The caller holds mu.
func (c *conn) meet(st *stream, a *answer) {
	f := a.fault
	if f == nil {
		c.answerAfter(0, st, a)
		return
	}
	c.log("stream %d meets %v", st.id, f.Kind)
	switch f.Kind {
	case Swallow, Lose:
		st.lost = true
	case RefuseStream, ResetStream, GoAwayBefore, GoAwayLost, Reject, Disconnect, ResetConn, Silence, Stall:
		c.endAfter(f.Delay, st, a)
	case GoAwayAfter:
		c.meetEnd(st, a)
	case Drip:
		c.answerAfter(0, st, a)
	default:
		f.dress(a)
		c.answerAfter(f.Delay, st, a)
	}
}

// dress makes the answer the one that f scripts.
func (f *Fault) dress(a *answer) {
	switch f.Kind {
	case Answer:
		a.status, a.reason = orElse(f.Status, http.StatusOK), f.Reason
		if !f.Timestamp.IsZero() {
			a.stamp = f.Timestamp.UnixMilli()
		}
	case HTML:
		a.status = orElse(f.Status, http.StatusBadGateway)
		copied := *f
		copied.Header = append([]Field{{"content-type", "text/html"}}, f.Header...)
		if copied.Body == "" {
			copied.Body = page
		}
		a.fault = &copied
	case Empty:
		a.status = orElse(f.Status, http.StatusInternalServerError)
	}
}

func orElse(n, other int) int {
	if n == 0 {
		return other
	}
	return n
}

// endAfter has the fault happen when delay has passed.
func (c *conn) endAfter(delay time.Duration, st *stream, a *answer) {
	if delay <= 0 {
		c.meetEnd(st, a)
		return
	}
	c.later.add(delay, delayed{stream: st.id, end: true, answer: *a})
}

// meetEnd is for the faults that end the stream or the connection, now or soon.
func (c *conn) meetEnd(st *stream, a *answer) {
	f := a.fault
	code := http2.ErrCode(f.Code)
	switch f.Kind {
	case RefuseStream:
		c.resetStream(st.id, http2.ErrCodeRefusedStream)
	case ResetStream:
		c.resetStream(st.id, code)
	case GoAwayBefore:
		c.writeGoAway(st.id-min(st.id, 2), code, f.debug())
		c.doneEnds = true
		c.endWhenDone()
	case GoAwayAfter:
		c.writeGoAway(st.id, code, f.debug())
		c.doneEnds = true
		a.fault = nil
		c.answerAfter(f.Delay, st, a)
	case GoAwayLost:
		c.writeGoAway(st.id, code, f.debug())
		c.ending = true
	case Reject:
		c.reject(f)
	case Disconnect:
		c.ending = true
	case ResetConn:
		c.ending = true
		reset(c.raw)
	case Silence, Stall:
		c.silent = true
		c.stalled = f.Kind == Stall
	}
}
