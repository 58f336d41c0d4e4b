package memhttp

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// listener hands the server ends of new connections to http.Server.
type listener struct {
	addr   addr
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu     sync.Mutex
	refuse int // dials still to be refused; negative: all
	dials  int // dials that were not refused
}

func newListener(a addr) *listener {
	return &listener{addr: a, accept: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return l.addr }

// dial connects to the server, unless it is told to refuse or is closed.
func (l *listener) dial(ctx context.Context) (net.Conn, error) {
	n, refused := l.admit()
	if refused {
		return nil, l.dialError(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	client, server := newPipe(addr(fmt.Sprintf("client-%d.test:1", n)), l.addr)
	select {
	case l.accept <- server:
		return client, nil
	case <-l.closed:
		return nil, l.dialError(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	case <-ctx.Done():
		return nil, l.dialError(context.Cause(ctx))
	}
}

// admit counts the dial and reports whether it is one to refuse.
func (l *listener) admit() (n int, refused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != 0 {
		if l.refuse > 0 {
			l.refuse--
		}
		return 0, true
	}
	l.dials++
	return l.dials, false
}

func (l *listener) dialError(err error) error {
	return &net.OpError{Op: "dial", Net: l.addr.Network(), Addr: l.addr, Err: err}
}
