package h2

import (
	"net"
	"runtime"
	"time"
)

// The writer. Frames are encoded by whoever has cause to send them, under the lock, into c.out; so
// the order of frames is the order of decisions. The writer takes the whole buffer at a time:
// while it is busy with one write, the next batch collects.

const (
	// writeSize is how much goes into one call of Write, and has WriteTimeout to do so.
	writeSize = 64 << 10
	// highWater is how much output may wait before bodies have to.
	highWater = 256 << 10
	// corkSize is how much output may wait for the reader to finish with its batch.
	corkSize = 16 << 10
	// keepSize is the largest buffer that is kept for the next batch.
	keepSize = 128 << 10
)

// outBuffer lets the HPACK encoder append to the output.
type outBuffer struct{ b []byte }

func (o *outBuffer) Write(p []byte) (int, error) {
	o.b = append(o.b, p...)
	return len(p), nil
}

// wakeWriter makes sure that what is in c.out will be written. It needs the lock.
func (c *Conn) wakeWriter() {
	if c.woken || len(c.out.b) == 0 || c.corked && len(c.out.b) < corkSize {
		return
	}
	c.woken = true
	c.wake <- struct{}{} // never blocks: woken is cleared only after this was received
}

// writeLoop is the writer goroutine.
func (c *Conn) writeLoop() {
	defer c.exit()
	defer c.hangUp()
	for {
		<-c.wake
		runtime.Gosched() // whoever is about to start more calls: now is the time
		for {
			batch, last := c.takeBatch()
			if err := c.writeBatch(batch); err != nil {
				c.writeFailed(err)
				return
			}
			if last {
				return
			}
			if batch == nil {
				break
			}
		}
	}
}

// hangUp closes the socket. TLS says goodbye first, for which it takes up to five seconds when the
// other side reads no more; it gets as long as our own farewell.
func (c *Conn) hangUp() {
	inner := c.conn
	for {
		outer, ok := inner.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		inner = outer.NetConn()
	}
	hurry := time.AfterFunc(closeGrace, func() { inner.Close() })
	defer hurry.Stop()
	c.conn.Close()
}

// takeBatch returns the output so far, or nil when there is none and the writer may rest; last
// means that nothing may follow it.
func (c *Conn) takeBatch() (batch []byte, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendBlocked()
	if len(c.out.b) == 0 {
		c.woken = false
		return nil, c.closing
	}
	batch = c.out.b
	c.out.b = c.spare[:0]
	c.queued += int64(len(batch))
	if c.spare = batch; cap(batch) > keepSize {
		c.spare = nil
	}
	return batch, c.closing
}

func (c *Conn) writeBatch(batch []byte) error {
	for len(batch) > 0 {
		chunk := batch[:min(len(batch), writeSize)]
		batch = batch[len(chunk):]
		c.handOver(len(chunk))
		if _, err := c.conn.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}

// handOver notes that n bytes are given to the socket and limits the time they may take. The
// deadline of a connection that is closing is set already and stays.
func (c *Conn) handOver(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handed += int64(n)
	c.stats.Writes++
	if !c.closing {
		_ = c.conn.SetWriteDeadline(time.Now().Add(c.cfg.WriteTimeout))
	}
}

// writeFailed leaves it to the reader to end the connection: the true cause, a GOAWAY or a TLS
// alert, may be on its way to us, while writing only finds the pipe broken.
func (c *Conn) writeFailed(err error) {
	c.mu.Lock()
	c.writeErr = err
	c.changed = true
	_ = c.conn.SetReadDeadline(time.Now().Add(closeGrace))
	c.unlock()
	<-c.readerDone
}

// sendHeader queues the request's header, in CONTINUATION frames where one frame cannot hold it.
// It needs the lock.
func (c *Conn) sendHeader(call *Call) {
	var flags uint8
	if len(call.unsent) == 0 {
		flags = flagEndStream
	}
	start := len(c.out.b)
	c.out.b = appendFrameHeader(c.out.b, 0, frameHeaders, flags, call.id)
	c.enc.write(call.Fields)
	size := len(c.out.b) - start - frameHeaderLen
	if limit := c.peer.maxFrame; size > limit {
		c.splitHeader(start, limit, flags, call.id)
	} else {
		putFrameLength(c.out.b[start:], size, flags|flagEndHeaders)
	}
	call.sentAt = c.queued + int64(len(c.out.b))
	c.stats.FramesOut++
}

// splitHeader turns the oversized HEADERS frame at start into one of limit bytes and as many
// CONTINUATION frames as needed.
func (c *Conn) splitHeader(start, limit int, flags uint8, id uint32) {
	first := start + frameHeaderLen + limit
	rest := append([]byte(nil), c.out.b[first:]...)
	c.out.b = c.out.b[:first]
	putFrameLength(c.out.b[start:], limit, flags)
	for len(rest) > 0 {
		part := rest[:min(len(rest), limit)]
		rest = rest[len(part):]
		flags = 0
		if len(rest) == 0 {
			flags = flagEndHeaders
		}
		c.out.b = appendFrameHeader(c.out.b, len(part), frameContinuation, flags, id)
		c.out.b = append(c.out.b, part...)
	}
}
