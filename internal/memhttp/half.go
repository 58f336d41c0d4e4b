package memhttp

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// half is one direction of a connection: a bounded buffer between one writer and one reader. Every
// change of state wakes everybody who waits on changed, and a wait on a [sync.Cond] is one that
// synctest counts as blocked.
type half struct {
	mu      sync.Mutex
	changed *sync.Cond

	buf         []byte // buf[off:] was written and not yet read
	off         int
	writerGone  bool // the writing end is closed: read drains, then io.EOF
	readerGone  bool // the reading end is closed: writing fails
	wasReset    bool // both ends find ECONNRESET
	readBefore  deadline
	writeBefore deadline
}

// deadline is one end's limit; its timer wakes the waiters so that they look at it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func newHalf() *half {
	h := &half{}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readerGone:
			return 0, net.ErrClosed
		case h.wasReset:
			return 0, syscall.ECONNRESET
		case h.readBefore.passed():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case h.unread() > 0:
			n := copy(p, h.buf[h.off:])
			h.consume(n)
			return n, nil
		case h.writerGone:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

func (h *half) unread() int { return len(h.buf) - h.off }

// consume drops the n bytes that were read. An emptied buffer is used again from its start.
func (h *half) consume(n int) {
	h.off += n
	if h.unread() == 0 {
		h.buf, h.off = h.buf[:0], 0
	}
	h.changed.Broadcast()
}

// add takes in what there is room for and returns how much that was.
func (h *half) add(p []byte) int {
	n := min(window-h.unread(), len(p))
	if n > 0 && h.off > 0 && len(h.buf)+n > window {
		h.buf, h.off = h.buf[:copy(h.buf, h.buf[h.off:])], 0
	}
	h.buf = append(h.buf, p[:n]...)
	return n
}

func (h *half) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	written := 0
	for {
		switch {
		case h.writerGone:
			return written, net.ErrClosed
		case h.wasReset:
			return written, syscall.ECONNRESET
		case h.readerGone:
			return written, syscall.EPIPE
		case h.writeBefore.passed():
			return written, os.ErrDeadlineExceeded
		case written == len(p):
			return written, nil
		}
		if n := h.add(p[written:]); n > 0 {
			written += n
			h.changed.Broadcast()
			continue
		}
		h.changed.Wait()
	}
}

// closeWrite marks the writing end closed.
func (h *half) closeWrite() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writerGone = true
	h.writeBefore.stop()
	h.changed.Broadcast()
}

// closeRead marks the reading end closed and forgets what nobody will read.
func (h *half) closeRead() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readerGone = true
	h.buf, h.off = nil, 0
	h.readBefore.stop()
	h.changed.Broadcast()
}

// reset loses what is on the way and fails both ends.
func (h *half) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wasReset = true
	h.buf, h.off = nil, 0
	h.changed.Broadcast()
}

func (h *half) setReadDeadline(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.readerGone {
		h.setDeadline(&h.readBefore, t)
	}
}

func (h *half) setWriteDeadline(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.writerGone {
		h.setDeadline(&h.writeBefore, t)
	}
}

// setDeadline replaces d. The caller holds mu.
func (h *half) setDeadline(d *deadline, t time.Time) {
	d.stop()
	d.at = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, h.wake)
	}
	h.changed.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}
