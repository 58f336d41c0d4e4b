package h2

// Flow control in both directions. All of it needs the lock.

// connWindow is what a server may send us on all streams together before we say that we have seen
// it. Streams keep the default window.
const connWindow = 1 << 20

// flow holds the windows of the connection; those of streams are in their calls.
type flow struct {
	send     int64 // what we may send
	recv     int64 // what the server may send
	consumed int64 // received and not yet given back to recv
}

func newFlow() flow { return flow{send: defaultWindow, recv: connWindow} }

// sendBody queues as much of the call's body as the windows allow, and remembers the rest.
func (c *Conn) sendBody(call *Call) {
	if !c.sendSome(call) {
		c.blocked = append(c.blocked, call.id)
	}
}

// sendSome reports whether the body is sent completely.
func (c *Conn) sendSome(call *Call) bool {
	for len(call.unsent) > 0 {
		n := min(int64(len(call.unsent)), int64(c.peer.maxFrame), c.flow.send, call.sendWindow)
		if n <= 0 || len(c.out.b) >= highWater {
			return false
		}
		part := call.unsent[:n]
		call.unsent = call.unsent[n:]
		c.flow.send -= n
		call.sendWindow -= n
		c.out.b = appendData(c.out.b, call.id, part, len(call.unsent) == 0)
		c.stats.FramesOut++
		c.flood.useful()
	}
	return true
}

// sendBlocked continues the bodies that had to wait, in the order in which they began to.
func (c *Conn) sendBlocked() {
	if len(c.blocked) == 0 || c.closing {
		return
	}
	still := c.blocked[:0]
	for _, id := range c.blocked {
		// Ids of calls that have ended meanwhile drop out.
		if call := c.streams[id]; call != nil && !c.sendSome(call) {
			still = append(still, id)
		}
	}
	c.blocked = still
}

// windowUpdate takes in a WINDOW_UPDATE of the server.
func (c *Conn) windowUpdate(id uint32, increment int64) error {
	if id == 0 {
		if increment == 0 {
			return protocolError(CodeProtocol, "WINDOW_UPDATE by nothing")
		}
		if c.flow.send += increment; c.flow.send > maxWindow {
			return protocolError(CodeFlowControl, "WINDOW_UPDATE beyond the largest window")
		}
		c.ready = true
		return nil
	}
	call := c.streams[id]
	if call == nil {
		return nil
	}
	if increment == 0 {
		c.reset(call, CodeProtocol, &StreamError{Code: CodeProtocol, Reason: "WINDOW_UPDATE by nothing"})
		return nil
	}
	if call.sendWindow += increment; call.sendWindow > maxWindow {
		c.reset(call, CodeFlowControl, &StreamError{Code: CodeFlowControl, Reason: "WINDOW_UPDATE beyond the largest window"})
		return nil
	}
	c.ready = true
	return nil
}

// initialWindow takes in a changed SETTINGS_INITIAL_WINDOW_SIZE, which moves the windows of all
// open streams, also below zero.
func (c *Conn) initialWindow(size int64) error {
	delta := size - c.peer.initialWindow
	c.peer.initialWindow = size
	for _, call := range c.streams {
		if call.sendWindow += delta; call.sendWindow > maxWindow {
			return protocolError(CodeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE beyond the largest window")
		}
	}
	c.ready = true
	return nil
}

// received accounts for a DATA frame of n bytes, padding included. Whatever happens to the bytes,
// we are done with them at once; so both windows open again in few, large steps. call may be nil.
func (c *Conn) received(call *Call, n int64, end bool) error {
	c.flow.recv -= n
	if c.flow.recv < 0 {
		return protocolError(CodeFlowControl, "more DATA than the connection's window allows")
	}
	if c.flow.consumed += n; c.flow.consumed >= connWindow/2 {
		c.out.b = appendWindowUpdate(c.out.b, 0, c.flow.consumed)
		c.flow.recv += c.flow.consumed
		c.flow.consumed = 0
		c.wakeWriter()
	}
	if call == nil {
		return nil
	}
	call.recvWindow -= n
	if call.recvWindow < 0 {
		return protocolError(CodeFlowControl, "more DATA than the stream's window allows")
	}
	if call.consumed += n; call.consumed >= defaultWindow/2 && !end {
		c.out.b = appendWindowUpdate(c.out.b, call.id, call.consumed)
		call.recvWindow += call.consumed
		call.consumed = 0
		c.wakeWriter()
	}
	return nil
}
