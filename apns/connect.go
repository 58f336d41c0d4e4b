package apns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/applemdm/applemdm/internal/h2"
)

// mayDial counts an attempt, unless there were too many within the last minute.
func (p *pool) mayDial(now time.Time) bool {
	p.dialed = slices.DeleteFunc(p.dialed, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	if len(p.dialed) >= p.opts.MaxDials {
		return false
	}
	p.dialed = append(p.dialed, now)
	return true
}

// dial opens a connection and watches it until it ends. Only one is being opened at a time.
func (p *pool) dial() {
	c, cert, err := p.newConn()
	p.mu.Lock()
	p.dialing = false
	cut := p.cut
	if err == nil && !cut {
		p.conns = append(slices.Clone(p.conns), c)
		p.live = append(slices.Clone(p.live), c)
		p.fullFrom = time.Time{} // until pushes do not find room on this one, too
		p.work.Go(func() { p.watch(c) })
	}
	p.mu.Unlock()
	switch {
	case err != nil:
		_, reached := errors.AsType[*handshakeError](err)
		p.failed(cert, err, reached)
	case cut:
		c.h2.Close()
		<-c.h2.Done()
	default:
		p.changed()
	}
	signal(p.wake)
}

// newConn opens a connection with the certificate as it is now, which it returns also when the
// connection fails: another one may be in use by then.
func (p *pool) newConn() (*conn, *Certificate, error) {
	ctx, cancel := context.WithTimeout(p.life, dialTimeout)
	defer cancel()
	err := p.refresh(ctx)
	cert := p.certificate()
	switch {
	case err != nil && !errors.Is(err, ErrTopicChanged):
		return nil, cert, err
	case cert.Expired(time.Now()):
		return nil, cert, fmt.Errorf("%w: it expired on %s", ErrCertificate, cert.NotAfter().Format(time.DateOnly))
	}
	shown := cert.TLS()
	p.stats.dials.Add(1)
	raw, err := p.dialer.open(ctx, &shown)
	if err != nil {
		return nil, cert, err
	}
	c := &conn{cert: cert, opened: time.Now()}
	c.h2 = h2.New(raw, h2.Config{
		MaxStreams: p.opts.MaxStreams, PingAfter: p.opts.PingAfter, MaxResponseBody: 16 << 10,
		OnChange: p.changed,
	})
	p.log(slog.LevelDebug, "connection opened", "address", raw.RemoteAddr().String())
	return c, cert, nil
}

// watch takes note of the end of a connection.
func (p *pool) watch(c *conn) {
	<-c.h2.Done()
	p.blame(c)
	is := func(other *conn) bool { return other == c }
	p.mu.Lock()
	p.conns = slices.DeleteFunc(slices.Clone(p.conns), is)
	p.live = slices.DeleteFunc(slices.Clone(p.live), is)
	p.mu.Unlock()
	if c.h2.Stats().GoAway != nil {
		p.stats.goAways.Add(1)
	}
	err := c.failure()
	if err != nil {
		p.log(slog.LevelInfo, "connection ended", "error", err)
	}
	if DispositionOf(err) == FixCertificate {
		p.refuse(c.cert, err)
	}
	signal(p.wake)
}

// failed notes that no connection could be had: it was not opened, or was reached and ended before its
// first answer. That is a matter of the certificate if the service says so; if it says nothing time
// after time, it may be. cert is what it showed; of one that was replaced meanwhile, it says nothing.
func (p *pool) failed(cert *Certificate, err error, reached bool) {
	p.mu.Lock()
	cut, outdated := p.cut, cert != p.cert
	p.mu.Unlock()
	if cut {
		return
	}
	p.stats.dialsFailed.Add(1)
	p.log(slog.LevelWarn, "no connection", "error", err)
	switch {
	case outdated:
	case DispositionOf(err) == FixCertificate:
		p.refuse(cert, err)
	case p.failedAgain(err, reached):
		p.refuse(cert, fmt.Errorf("%w: %w", ErrNoConnection, err))
	}
}

// failedAgain reports whether that was one connection too many without a word.
func (p *pool) failedAgain(err error, reached bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.breaker.failed(time.Now(), err, reached) {
		return true
	}
	if p.breaker.failures > 1 {
		p.state.unreachable(err)
	}
	return false
}

func (p *pool) log(level slog.Level, message string, args ...any) {
	if p.opts.Logger != nil {
		p.opts.Logger.Log(context.Background(), level, message, args...)
	}
}

var (
	// ErrClosed: the client was shut down. The push can be made by the next one.
	ErrClosed = errors.New("the client is closed")

	// ErrNoConnection: connections end before the first answer again and again, without a word. It
	// may be the line, such as a firewall or a proxy that inspects TLS, or a certificate that the
	// service does not like: check that it is the right one, valid, and for production. The error
	// around it says how the last connection ended.
	ErrNoConnection = errors.New("connections to APNs end before their first answer")

	errQueueTimeout = fmt.Errorf("the push waited too long for its turn: %w", context.DeadlineExceeded)
	errUnanswered   = errors.New("the connection ended before its first answer")
)
