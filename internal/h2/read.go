package h2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// The reader: waits until a whole frame is buffered, then takes the lock once for all whole frames
// that are, and calls Done of all calls they completed after releasing it. What is started
// in there leaves in one batch.

// readLoop is the reader goroutine.
func (c *Conn) readLoop() {
	defer c.exit()
	defer close(c.readerDone)
	for {
		if err := c.awaitFrame(); err != nil {
			c.readFailed(err)
			return
		}
		if !c.handleBuffered() {
			return
		}
	}
}

// awaitFrame blocks until a whole frame is buffered.
func (c *Conn) awaitFrame() error {
	b, err := c.in.Peek(frameHeaderLen)
	if err != nil {
		return lineError(b, err)
	}
	h := parseFrameHeader(b)
	if h.length > maxFrameSize {
		if bytes.HasPrefix(b, []byte("HTTP/1.")) {
			return protocolError(CodeHTTP11Required, "it answers in HTTP/1")
		}
		return protocolError(CodeFrameSize, "a frame larger than allowed")
	}
	b, err = c.in.Peek(frameHeaderLen + h.length)
	if err != nil {
		return lineError(b, err)
	}
	return nil
}

// lineError tells an end between two frames from one inside a frame.
func lineError(partial []byte, err error) error {
	if err == io.EOF && len(partial) > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// handleBuffered handles the frames that are there without waiting for more. It reports whether
// the connection lives on.
func (c *Conn) handleBuffered() bool {
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return false
	}
	now := time.Now()
	c.clock.lastFrame = now
	c.corked = true
	var err error
	for err == nil && !c.closing {
		h, payload, ok := c.nextBuffered()
		if !ok {
			break
		}
		if err = c.flood.check(now); err == nil {
			err = c.handleFrame(h, payload)
		}
		_, _ = c.in.Discard(frameHeaderLen + h.length)
	}
	if err != nil {
		c.failWith(err)
	}
	c.deliver()
	alive := !c.closing
	c.mu.Unlock()
	return alive
}

// deliver lets go of the lock to call Done of the calls in the batch, takes it again, and sends
// what came of it.
func (c *Conn) deliver() {
	c.unlock()
	c.mu.Lock()
	c.corked = false
	if c.ready {
		c.ready = false
		c.sendBlocked()
	}
	c.wakeWriter()
}

// nextBuffered returns the next frame if all of it is buffered. The payload is valid until the
// next read.
func (c *Conn) nextBuffered() (h frameHeader, payload []byte, ok bool) {
	if c.in.Buffered() < frameHeaderLen {
		return h, nil, false
	}
	b, _ := c.in.Peek(frameHeaderLen)
	h = parseFrameHeader(b)
	if h.length > maxFrameSize || c.in.Buffered() < frameHeaderLen+h.length {
		return h, nil, false // awaitFrame has the say
	}
	b, _ = c.in.Peek(frameHeaderLen + h.length)
	return h, b[frameHeaderLen:], true
}

// handleFrame handles one frame under the lock. An error ends the connection.
func (c *Conn) handleFrame(h frameHeader, p []byte) error {
	c.stats.FramesIn++
	c.stats.BytesIn += int64(frameHeaderLen + h.length)
	if c.block.open && (h.typ != frameContinuation || h.stream != c.block.stream) {
		return protocolError(CodeProtocol, "a header block that is interrupted")
	}
	if !c.peer.seen && (h.typ != frameSettings || h.has(flagAck)) && h.typ != frameGoAway {
		return protocolError(CodeProtocol, "it does not begin with SETTINGS")
	}
	switch h.typ {
	case frameHeaders:
		return c.onHeaders(h, p)
	case frameContinuation:
		return c.onContinuation(h, p)
	case frameData:
		return c.onData(h, p)
	case frameRSTStream:
		return c.onReset(h, p)
	case frameWindowUpdate:
		return c.onWindowUpdate(h, p)
	case frameSettings:
		return c.onSettings(h, p)
	case framePing:
		return c.onPing(h, p)
	case frameGoAway:
		return c.onGoAway(h, p)
	case framePriority:
		return c.onPriority(h)
	case framePushPromise:
		return protocolError(CodeProtocol, "PUSH_PROMISE, which was switched off")
	}
	return nil // unknown frames are ignored
}

// checkStream refuses frames on streams that were never opened. Frames on streams that have ended
// are allowed: the server may have sent them before it learnt of our reset.
func (c *Conn) checkStream(h frameHeader) error {
	if h.stream == 0 || h.stream%2 == 0 || h.stream >= c.nextID {
		return protocolError(CodeProtocol, "a frame on a stream that is not open")
	}
	return nil
}

func (c *Conn) onData(h frameHeader, p []byte) error {
	if err := c.checkStream(h); err != nil {
		return err
	}
	data, err := unpad(h, p)
	if err != nil {
		return err
	}
	call, end := c.streams[h.stream], h.has(flagEndStream)
	if err := c.received(call, int64(len(p)), end); err != nil || call == nil {
		return err
	}
	switch {
	case call.state != callAnswered:
		c.malformed(call, "DATA before the header")
		return nil
	case len(call.ResponseBody)+len(data) > c.cfg.MaxResponseBody:
		c.reset(call, CodeCancel, ErrResponseTooLarge)
		return nil
	}
	if len(data) > 0 {
		c.flood.useful()
	}
	call.ResponseBody = append(call.ResponseBody, data...)
	if end {
		c.answered(call)
	}
	return nil
}

func (c *Conn) onReset(h frameHeader, p []byte) error {
	if len(p) != 4 {
		return protocolError(CodeFrameSize, "RST_STREAM of a wrong length")
	}
	if err := c.checkStream(h); err != nil {
		return err
	}
	if call := c.streams[h.stream]; call != nil {
		c.finish(call, &StreamError{Code: ErrCode(binary.BigEndian.Uint32(p)), Remote: true})
	}
	return nil
}

func (c *Conn) onWindowUpdate(h frameHeader, p []byte) error {
	if len(p) != 4 {
		return protocolError(CodeFrameSize, "WINDOW_UPDATE of a wrong length")
	}
	if h.stream != 0 {
		if err := c.checkStream(h); err != nil {
			return err
		}
	}
	return c.windowUpdate(h.stream, int64(binary.BigEndian.Uint32(p)&maxWindow))
}

func (c *Conn) onGoAway(h frameHeader, p []byte) error {
	switch {
	case h.stream != 0:
		return protocolError(CodeProtocol, "GOAWAY on a stream")
	case len(p) < 8:
		return protocolError(CodeFrameSize, "GOAWAY of a wrong length")
	}
	c.goAwayReceived(&GoAwayError{
		LastStreamID: binary.BigEndian.Uint32(p) & maxStreamID,
		Code:         ErrCode(binary.BigEndian.Uint32(p[4:])),
		Debug:        bytes.Clone(p[8:]),
	})
	return nil
}

func (c *Conn) onPriority(h frameHeader) error {
	if h.stream == 0 {
		return protocolError(CodeProtocol, "PRIORITY without a stream")
	}
	if call := c.streams[h.stream]; call != nil && h.length != 5 {
		c.reset(call, CodeFrameSize, &StreamError{Code: CodeFrameSize, Reason: "PRIORITY of a wrong length"})
	}
	return nil
}

// readFailed ends the connection after reading has failed.
func (c *Conn) readFailed(err error) {
	c.mu.Lock()
	c.failWith(err)
	c.unlock()
}

// failWith ends the connection for a broken rule, or for a broken line. In the latter case a
// GOAWAY that came before says more than how the line ended. It needs the lock.
func (c *Conn) failWith(err error) {
	if e, ok := errors.AsType[*ProtocolError](err); ok {
		c.fail(e, e.Code, e.Reason)
		return
	}
	cause := lostCause(err, c.writeErr)
	if c.goAway != nil {
		cause = c.goAway
	}
	c.fail(cause, CodeNo, "")
}
