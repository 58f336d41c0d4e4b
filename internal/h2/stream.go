package h2

import (
	"maps"
	"slices"
	"time"
)

// Bookkeeping of the streams: a call is in c.streams from open to finish, and nowhere else may its
// end be decided. The functions of this file need the lock unless they say otherwise.

// closeGrace is how long the farewell of a connection may take to be written, and how long after a
// failed write the reader may look for the cause.
const closeGrace = 250 * time.Millisecond

// callList is a list of calls linked by Call.next.
type callList struct{ first, last *Call }

func (l *callList) push(call *Call) {
	if l.last == nil {
		l.first = call
	} else {
		l.last.next = call
	}
	l.last = call
}

// room is Room, and negative after the limit was lowered below what is under way.
func (c *Conn) room() int {
	if c.closing || c.draining != nil || c.writeErr != nil {
		return 0
	}
	limit := int64(c.cfg.EarlyStreams)
	if c.peer.seen {
		limit = int64(c.peer.maxStreams)
	}
	limit = min(limit, int64(c.cfg.MaxStreams))
	return int(limit) - len(c.streams) - c.ping.resets()
}

// open gives the call a stream and queues its frames.
func (c *Conn) open(call *Call) error {
	switch {
	case c.closing || c.writeErr != nil:
		return errNotStarted
	case c.draining != nil:
		return ErrDraining
	case c.room() <= 0:
		return ErrNoRoom
	case call.state != callIdle:
		return ErrBusy
	case c.peer.limitsFields && call.fieldsSize() > int64(c.peer.maxFields):
		return ErrFieldsTooLarge
	}
	call.resetOutcome()
	call.state = callOpen
	call.id = c.nextID
	call.sendWindow = c.peer.initialWindow
	call.recvWindow = defaultWindow
	c.streams[call.id] = call
	c.stats.Streams++

	c.sendHeader(call)
	c.sendBody(call)
	c.watch(call.Deadline)
	c.wakeWriter()
	c.nextID += 2
	if c.nextID > maxStreamID {
		c.drain(ErrClosed)
	}
	return nil
}

// finish ends an open call; its Done is called when the lock is released.
func (c *Conn) finish(call *Call, err error) {
	delete(c.streams, call.id)
	call.state = callIdle
	call.unsent = nil
	call.Err = err
	c.ended.push(call)
	c.changed = true
	c.closeIfDrained()
}

// answered ends a call with the server's answer, which proves that the connection works.
func (c *Conn) answered(call *Call) {
	c.flood.reset()
	if len(call.unsent) > 0 { // the server has answered without waiting for the whole body
		c.out.b = appendReset(c.out.b, call.id, CodeCancel)
		c.wakeWriter()
	}
	if call.length >= 0 && call.length != int64(len(call.ResponseBody)) && !call.isHead() {
		c.finish(call, &StreamError{Code: CodeProtocol, Reason: "the body is not as long as its content-length"})
		return
	}
	c.finish(call, nil)
}

// reset ends an open call from our side. Until the server confirms that it knows, the stream still
// counts against its limit: it may be working on the call.
func (c *Conn) reset(call *Call, code ErrCode, err error) {
	c.out.b = appendReset(c.out.b, call.id, code)
	c.ping.newResets++
	c.pingForResets()
	c.wakeWriter()
	c.finish(call, err)
}

// drain stops new calls. Err reports cause once the last call has ended.
func (c *Conn) drain(cause error) {
	if c.draining != nil || c.closing {
		return
	}
	c.draining = cause
	c.changed = true
	c.closeIfDrained()
}

func (c *Conn) closeIfDrained() {
	if c.draining != nil && len(c.streams) == 0 {
		c.fail(c.draining, CodeNo, "")
	}
}

// goAwayReceived fails the calls that the server will not look at; the others may still be
// answered. The first GOAWAY may only announce the second, and the second may lack the reason.
func (c *Conn) goAwayReceived(e *GoAwayError) {
	if first := c.goAway; first != nil {
		e.LastStreamID = min(e.LastStreamID, first.LastStreamID)
		if len(e.Debug) == 0 {
			e.Debug = first.Debug
		}
		if e.Code == CodeNo {
			e.Code = first.Code
		}
	}
	c.goAway, c.draining = e, e
	c.changed = true
	for _, id := range slices.Sorted(maps.Keys(c.streams)) {
		if id > e.LastStreamID {
			c.finish(c.streams[id], &unprocessed{e})
		}
	}
	c.closeIfDrained()
}

// fail ends the connection: every call gets err, the server a GOAWAY. The writer closes the
// socket once the GOAWAY is out, or could not be written in time. Only the first call counts.
func (c *Conn) fail(err error, code ErrCode, debug string) {
	if c.closing {
		return
	}
	c.closing = true
	c.err = err
	c.changed = true
	c.clock.stop()
	for _, id := range slices.Sorted(maps.Keys(c.streams)) {
		call := c.streams[id]
		if call.sentAt > c.handed {
			c.finish(call, &unprocessed{err})
		} else {
			c.finish(call, err)
		}
	}
	c.out.b = appendGoAway(c.out.b, code, debug)
	_ = c.conn.SetWriteDeadline(time.Now().Add(closeGrace))
	c.corked = false
	c.wakeWriter()
}
