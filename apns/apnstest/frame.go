package apnstest

import (
	"math"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// take deals with one frame of the client. The caller holds mu.
func (c *conn) take(frame http2.Frame) {
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		c.onHeaders(f)
	case *http2.ContinuationFrame:
		c.block = append(c.block, f.HeaderBlockFragment()...)
		if f.HeadersEnded() {
			c.endHeaders(c.block)
		}
	case *http2.DataFrame:
		c.onData(f)
	case *http2.SettingsFrame:
		c.onSettings(f)
	case *http2.PingFrame:
		c.onPing(f)
	case *http2.WindowUpdateFrame:
		c.onWindowUpdate(f)
	case *http2.RSTStreamFrame:
		c.onReset(f)
	case *http2.GoAwayFrame:
		c.log("the client says GOAWAY %v %q", f.ErrCode, f.DebugData())
	case *http2.PriorityFrame:
		c.violation("PRIORITY frame")
	case *http2.PushPromiseFrame:
		c.connError(http2.ErrCodeProtocol, "PUSH_PROMISE from a client")
	}
}

// onHeaders begins a stream, or ends one with trailers.
func (c *conn) onHeaders(f *http2.HeadersFrame) {
	if f.HasPriority() {
		c.violation("stream %d: HEADERS with a priority", f.StreamID)
	}
	c.open = c.streamFor(f)
	if c.open == nil {
		return // the connection has ended
	}
	c.open.ended = f.StreamEnded()
	if f.HeadersEnded() {
		c.endHeaders(f.HeaderBlockFragment())
	} else {
		c.block = append(c.block[:0], f.HeaderBlockFragment()...)
	}
}

// streamFor returns the stream that a header block belongs to: a new one, the one whose trailers it
// is, or waste when the stream is ignored.
func (c *conn) streamFor(f *http2.HeadersFrame) *stream {
	id := f.StreamID
	c.waste.reset(id)
	if st := c.streams[id]; st != nil {
		if st.ended || !f.StreamEnded() {
			c.connError(http2.ErrCodeStreamClosed, "HEADERS on a stream that has got them")
			return nil
		}
		st.trailers = true
		c.violation("stream %d: trailers", id)
		return st
	}
	if id%2 == 0 || id <= c.lastID {
		c.connError(http2.ErrCodeProtocol, "stream identifiers have to be odd and to rise")
		return nil
	}
	if c.leaving && id > c.barID {
		return &c.waste
	}
	if c.fault != nil && c.fault.Kind == DropFirst {
		c.log("dropped by a fault before the first answer")
		c.ending = true
		return nil
	}
	if len(c.streams) >= c.limits.allowed() {
		c.tooMany(id)
		return nil
	}
	c.lastID = id
	return c.newStream(id)
}

// tooMany ends a connection whose client has broken the limit.
func (c *conn) tooMany(id uint32) {
	c.violation("stream %d: more than %d concurrent streams", id, c.limits.allowed())
	c.writeGoAway(c.lastID, http2.ErrCodeRefusedStream, goAwayTooBig)
	c.ending = true
}

// field takes in one field of a header block.
func (c *conn) field(f hpack.HeaderField) {
	if st := c.open; st != nil && !st.trailers {
		st.listed += int(f.Size())
		if st.listed > headerList {
			return
		}
		st.request.field(&f)
		if c.srv.pushes.keep > 0 {
			st.fields = append(st.fields, f)
		}
	}
}

// endHeaders decodes a complete header block.
func (c *conn) endHeaders(block []byte) {
	st := c.open
	if st == nil {
		return
	}
	_, err := c.hdec.Write(block)
	if err == nil {
		err = c.hdec.Close()
	}
	c.open = nil
	switch {
	case err != nil:
		c.connError(http2.ErrCodeCompression, err.Error())
	case c.streams[st.id] != st: // ignored
	case st.listed > headerList:
		c.violation("stream %d: a header list of %d bytes", st.id, st.listed)
		c.resetStream(st.id, http2.ErrCodeEnhanceYourCalm)
	case st.ended:
		c.arrived(st)
	}
}

// onData takes in a part of a body.
func (c *conn) onData(f *http2.DataFrame) {
	if !c.allow(int(f.Length)) {
		return
	}
	st := c.streams[f.StreamID]
	if st == nil {
		if f.StreamID > c.lastID && !c.leaving {
			c.connError(http2.ErrCodeProtocol, "DATA on a stream that was not opened")
		}
		return // a stream that was answered or is ignored
	}
	if st.ended {
		c.connError(http2.ErrCodeStreamClosed, "DATA after END_STREAM")
		return
	}
	data := f.Data()
	st.size += len(data)
	st.body = append(st.body, data[:min(len(data), maxBody+1-len(st.body))]...)
	if f.StreamEnded() {
		st.ended = true
		c.arrived(st)
		return
	}
	st.unacked += int(f.Length)
	if st.unacked >= allowMore {
		c.must(c.fr.WriteWindowUpdate(st.id, uint32(st.unacked)))
		st.unacked = 0
	}
}

func (c *conn) onSettings(f *http2.SettingsFrame) {
	if f.IsAck() {
		if !c.limits.ack() {
			c.connError(http2.ErrCodeProtocol, "an acknowledgement of no SETTINGS")
			return
		}
		c.srv.count(func(st *Stats) { st.SettingsAcks++ })
		return
	}
	_ = f.ForeachSetting(func(s http2.Setting) error {
		c.setting(s)
		return nil
	})
	if c.ending {
		return
	}
	c.must(c.fr.WriteSettingsAck())
	c.pumpAll()
}

func (c *conn) setting(s http2.Setting) {
	if err := s.Valid(); err != nil {
		code, _ := err.(http2.ConnectionError)
		c.connError(http2.ErrCode(code), s.String())
		return
	}
	switch s.ID {
	case http2.SettingHeaderTableSize:
		c.henc.SetMaxDynamicTableSizeLimit(s.Val)
		c.henc.SetMaxDynamicTableSize(min(s.Val, tableSize))
	case http2.SettingMaxFrameSize:
		c.maxFrame = int(s.Val)
	case http2.SettingInitialWindowSize:
		delta := int64(s.Val) - c.initial
		c.initial = int64(s.Val)
		for _, st := range c.streams {
			st.window += delta
		}
	}
}

func (c *conn) onPing(f *http2.PingFrame) {
	if f.IsAck() {
		return
	}
	c.srv.count(func(st *Stats) { st.Pings++ })
	c.must(c.fr.WritePing(true, f.Data))
}

func (c *conn) onWindowUpdate(f *http2.WindowUpdateFrame) {
	if f.StreamID == 0 {
		c.window += int64(f.Increment)
		if c.window > math.MaxInt32 {
			c.connError(http2.ErrCodeFlowControl, "the window of the connection is larger than 2^31-1")
			return
		}
		c.pumpAll()
		return
	}
	st := c.streams[f.StreamID]
	if st == nil {
		return
	}
	st.window += int64(f.Increment)
	if st.window > math.MaxInt32 {
		c.violation("stream %d: a window larger than 2^31-1", st.id)
		c.resetStream(st.id, http2.ErrCodeFlowControl)
		return
	}
	c.pump(st)
}

func (c *conn) onReset(f *http2.RSTStreamFrame) {
	c.srv.count(func(st *Stats) { st.Resets++ })
	if f.StreamID > c.lastID && !c.leaving {
		c.connError(http2.ErrCodeProtocol, "RST_STREAM on a stream that was not opened")
		return
	}
	if st := c.streams[f.StreamID]; st != nil {
		c.endStream(st)
	}
}

// must ends the connection when a frame cannot be written, which can only be a defect of the
// simulator: frames go to memory.
func (c *conn) must(err error) {
	if err != nil {
		c.violation("the simulator could not write a frame: %v", err)
		c.ending = true
	}
}
