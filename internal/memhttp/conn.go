package memhttp

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how many bytes one direction of a connection holds before writes block: enough that
// an ordinary answer never waits for its reader, little enough that a client which stops reading
// is noticed, as on a real line.
const window = 64 << 10

// addr is the address of one end of a connection.
type addr string

func (addr) Network() string  { return "mem" }
func (a addr) String() string { return string(a) }

// conn is one end of an in-memory connection. It reads from one half and writes to the other.
type conn struct {
	in, out       *half
	local, remote addr

	mu     sync.Mutex
	linger int // as of SetLinger; 0 turns the next Close into a reset
}

// newPipe returns the two ends of a new connection.
func newPipe(client, server addr) (c, s *conn) {
	up, down := newHalf(), newHalf()
	c = &conn{in: down, out: up, local: client, remote: server, linger: -1}
	s = &conn{in: up, out: down, local: server, remote: client, linger: -1}
	return c, s
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.opError("read", err)
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.opError("write", err)
}

// opError dresses err as package net does, so that clients classify it the same way.
func (c *conn) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}

// Close ends the connection. What was written before can still be read by the peer, unless
// SetLinger(0) was called: then the peer finds the connection reset.
func (c *conn) Close() error {
	c.mu.Lock()
	reset := c.linger == 0
	c.mu.Unlock()
	if reset {
		c.in.reset()
		c.out.reset()
	}
	c.in.closeRead()
	c.out.closeWrite()
	return nil
}

// SetLinger has the meaning it has on a [net.TCPConn]; only 0 changes anything.
func (c *conn) SetLinger(sec int) error {
	c.mu.Lock()
	c.linger = sec
	c.mu.Unlock()
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	c.out.setWriteDeadline(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.setWriteDeadline(t)
	return nil
}
