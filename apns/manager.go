package apns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/applemdm/applemdm/internal/h2"
	"github.com/applemdm/applemdm/internal/poll"
)

const (
	// fullFor is how long all connections must have been full before another one is opened.
	fullFor = 100 * time.Millisecond

	// sweepEvery is how often deadlines of the queue and the age of connections are looked at.
	sweepEvery = time.Second
)

// manage starts the manager, under the lock, with the first job.
func (p *pool) manage() {
	if !p.managed {
		p.managed = true
		go p.run()
	}
}

// run does what takes time until the pool is closed and empty.
func (p *pool) run() {
	defer close(p.done)
	for {
		p.mu.Lock()
		now := time.Now()
		over := p.closed && p.open == 0 && !p.dialing
		expired := p.expired(now)
		p.releaseHeld(now)
		p.dropWorn(now)
		if p.wantsConn(now) {
			p.dialing = true
			go p.dial()
		}
		pause := p.pause(now)
		p.mu.Unlock()

		for _, j := range expired {
			p.finish(j, errQueueTimeout)
		}
		if over {
			return
		}
		p.pump()
		poll.WaitOr(context.Background(), pause, p.wake)
	}
}

// pause is how long the manager may sleep unless it is woken.
func (p *pool) pause(now time.Time) time.Duration {
	if p.open == 0 && len(p.conns) == 0 {
		return -1
	}
	pause := sweepEvery
	if len(p.held) > 0 {
		pause = min(pause, p.held[0].due.Sub(now))
	}
	if !p.fullFrom.IsZero() {
		pause = min(pause, fullFor)
	}
	return max(pause, time.Millisecond)
}

// expired takes jobs out of the queue whose time is over.
func (p *pool) expired(now time.Time) []*job {
	return p.queue.remove(func(j *job) bool { return now.After(j.deadline) })
}

// releaseHeld puts jobs into the queue that have waited long enough.
func (p *pool) releaseHeld(now time.Time) {
	n := 0
	for n < len(p.held) && !p.held[n].due.After(now) {
		p.queue.push(p.held[n])
		n++
	}
	p.held = slices.Delete(p.held, 0, n)
}

// dropWorn takes connections out of use that have ended, are too old, no longer answer, or show a
// certificate that was replaced.
func (p *pool) dropWorn(now time.Time) {
	p.conns = slices.DeleteFunc(slices.Clone(p.conns), func(c *conn) bool {
		stats := c.h2.Stats()
		worn := now.Sub(c.opened) > p.opts.MaxConnAge || stats.MissedInRow >= maxMissed || c.cert != p.cert
		if worn {
			c.h2.Drain()
		}
		return worn || stats.Draining
	})
}

// wantsConn reports whether another connection should be opened now.
func (p *pool) wantsConn(now time.Time) bool {
	if p.dialing || p.queue.empty() || len(p.conns) >= p.opts.MaxConns || !p.breaker.allows(now) {
		return false
	}
	if len(p.conns) > 0 {
		proven := !slices.ContainsFunc(p.conns, func(c *conn) bool { return !c.answered.Load() })
		if !proven || p.fullFrom.IsZero() || now.Sub(p.fullFrom) < fullFor {
			return false
		}
	}
	return p.dials.AllowN(now, 1)
}

// dial opens a connection and watches it until it ends. Only one is being opened at a time.
func (p *pool) dial() {
	c, err := p.newConn()
	p.mu.Lock()
	p.dialing = false
	if err == nil && !p.closed {
		p.conns = append(slices.Clone(p.conns), c)
	} else if err == nil {
		err = ErrClosed
		c.h2.Drain()
	}
	p.mu.Unlock()
	if err != nil {
		p.failed(err)
		return
	}
	p.changed()
	go p.watch(c)
}

// newConn opens a connection with the certificate as it is now.
func (p *pool) newConn() (*conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	p.stats.dials.Add(1)
	cert, err := p.refresh(ctx)
	if err != nil {
		return nil, err
	}
	if cert.Expired(time.Now()) {
		return nil, &closedError{sentinel: ErrCertificate, cause: fmt.Errorf("it expired on %s", cert.NotAfter().Format(time.DateOnly))}
	}
	shown := cert.TLS()
	raw, err := p.dialer.open(ctx, &shown)
	if err != nil {
		return nil, explain(err)
	}
	c := &conn{cert: cert, opened: time.Now()}
	c.h2 = h2.New(raw, h2.Config{
		MaxStreams: p.opts.MaxStreams, PingAfter: p.opts.PingAfter, MaxResponseBody: 16 << 10,
		OnChange: p.changed,
	})
	p.log(slog.LevelDebug, "connection opened", "address", raw.RemoteAddr().String())
	return c, nil
}

// watch takes note of the end of a connection.
func (p *pool) watch(c *conn) {
	<-c.h2.Done()
	p.mu.Lock()
	p.conns = slices.DeleteFunc(slices.Clone(p.conns), func(other *conn) bool { return other == c })
	p.mu.Unlock()
	if e := c.h2.Stats().GoAway; e != nil {
		p.stats.goAways.Add(1)
	}
	err := c.failure()
	if err != nil {
		p.log(slog.LevelInfo, "connection ended", "error", err)
	}
	if !c.answered.Load() {
		if err == nil {
			err = errUnanswered
		}
		p.failed(err)
	}
	signal(p.wake)
}

// failed notes that no connection could be had: it was not opened, or died before its first answer.
// That is a matter of the certificate if the service says so, and, after some times, also if it says
// nothing.
func (p *pool) failed(err error) {
	p.stats.dialsFailed.Add(1)
	p.log(slog.LevelWarn, "no connection", "error", err)
	p.mu.Lock()
	silent := p.breaker.failed(time.Now(), err)
	p.mu.Unlock()
	switch {
	case DispositionOf(err) == FixCertificate:
		p.refuse(err)
	case silent:
		p.refuse(fmt.Errorf("%w: %w", ErrNoConnection, err))
	default:
		p.state.unreachable(err)
	}
	signal(p.wake)
}

// refresh reads the certificate and, if it is another one, takes the connections that show the old
// one out of use.
func (p *pool) refresh(ctx context.Context) (*Certificate, error) {
	cert, err := p.certs.Certificate(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the push certificate: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.cert == nil:
	case p.cert.Fingerprint() == cert.Fingerprint():
		return p.cert, nil
	default:
		if err := CheckTopic(p.cert, cert); err != nil {
			return nil, err
		}
		p.breaker = breaker{}
	}
	p.cert = cert
	p.state.certificate(cert)
	signal(p.wake)
	return cert, nil
}

// closeConns ends all connections, and with them what is still on its way.
func (p *pool) closeConns() {
	p.mu.Lock()
	conns := p.conns
	p.conns = nil
	waiting := append(p.queue.all(), p.held...)
	p.held = nil
	p.mu.Unlock()
	for _, j := range waiting {
		p.finish(j, ErrClosed)
	}
	for _, c := range conns {
		c.h2.Close()
	}
}

func (p *pool) log(level slog.Level, message string, args ...any) {
	if p.opts.Logger != nil {
		p.opts.Logger.Log(context.Background(), level, message, args...)
	}
}

var (
	// ErrClosed: the client was shut down.
	ErrClosed = errors.New("the client is closed")

	// ErrNoConnection: connections end before the first answer again and again, without a word. It
	// may be the line, or a certificate that the service does not like: check that it is the right
	// one, valid, and for production.
	ErrNoConnection = errors.New("connections to APNs end before their first answer")

	errQueueTimeout = fmt.Errorf("the push waited too long for its turn: %w", context.DeadlineExceeded)
	errUnanswered   = errors.New("the connection ended before its first answer")
)
