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
		p.work.Go(p.run)
	}
}

// run does what takes time until the pool is closed and empty.
func (p *pool) run() {
	for {
		p.mu.Lock()
		now := time.Now()
		over := p.closed && p.open == 0
		jobs, why := p.doomed(now)
		p.releaseHeld(now)
		worn := p.takeWorn(now)
		if p.wantsConn(now) {
			p.dialing = true
			p.work.Go(p.dial)
		}
		pause := p.pause(now)
		p.mu.Unlock()

		for _, c := range worn {
			c.h2.Drain() // calls back, so not under the lock
		}
		for _, j := range jobs {
			p.finish(j, why)
		}
		if over {
			return
		}
		p.pump()
		poll.WaitOr(context.Background(), pause, p.wake)
	}
}

// pause is how long the manager may sleep unless it is woken; less than zero is for ever.
func (p *pool) pause(now time.Time) time.Duration {
	if p.resting = p.queue.empty() && len(p.held) == 0; p.resting {
		return p.untilAged(now)
	}
	pause := sweepEvery
	if !p.queue.empty() {
		pause = min(pause, p.queue.first.deadline.Sub(now))
	}
	if len(p.held) > 0 {
		pause = min(pause, p.held[0].due.Sub(now))
	}
	if !p.fullFrom.IsZero() {
		pause = min(pause, fullFor)
	}
	return max(pause, time.Millisecond)
}

// untilAged is the time until the first connection is too old, or less than zero without one.
func (p *pool) untilAged(now time.Time) time.Duration {
	first := time.Duration(-1)
	for _, c := range p.conns {
		if left := max(c.opened.Add(p.opts.MaxConnAge).Sub(now), 0) + time.Millisecond; first < 0 || left < first {
			first = left
		}
	}
	return first
}

// doomed takes the jobs whose time is over while they wait, or all when nothing goes out any more, and
// says why.
func (p *pool) doomed(now time.Time) ([]*job, error) {
	if err := p.stopped(now); err != nil {
		return p.waiting(), err
	}
	late := func(j *job) bool { return !now.Before(j.deadline) }
	jobs := p.queue.remove(late)
	for _, j := range p.held {
		if late(j) {
			jobs = append(jobs, j)
		}
	}
	p.held = slices.DeleteFunc(p.held, late)
	if p.breaker.last != nil {
		return jobs, fmt.Errorf("%w; what kept it: %w", errQueueTimeout, p.breaker.last)
	}
	return jobs, errQueueTimeout
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

// takeWorn takes connections out of use that have ended, are too old, no longer answer, or show a
// certificate that was replaced. What is on its way on them may finish.
func (p *pool) takeWorn(now time.Time) []*conn {
	var worn []*conn
	p.conns = slices.DeleteFunc(slices.Clone(p.conns), func(c *conn) bool {
		stats := c.h2.Stats()
		c.review(stats)
		// One that ends before its first answer is in the way of the next until that is noted.
		ended := stats.Draining && c.answered.Load()
		if ended || now.Sub(c.opened) > p.opts.MaxConnAge || stats.MissedInRow >= maxMissed || c.cert != p.cert {
			worn = append(worn, c)
			return true
		}
		return false
	})
	return worn
}

// wantsConn reports whether another connection should be opened now: if there is none of use, or if
// all have been full for a while.
func (p *pool) wantsConn(now time.Time) bool {
	if p.dialing || p.queue.empty() || !p.breaker.allows(now) {
		return false
	}
	of := 0 // use
	for _, c := range p.conns {
		switch {
		case c.doubted.Load():
		case !c.answered.Load() && now.Sub(c.opened) < p.probePatience():
			return false // it will be, or fail
		default:
			of++
		}
	}
	if of >= p.opts.MaxConns || of > 0 && (p.fullFrom.IsZero() || now.Sub(p.fullFrom) < fullFor) {
		return false
	}
	return p.mayDial(now)
}

// probePatience is how long no further connection is opened because one may still prove to be of use.
func (p *pool) probePatience() time.Duration { return min(5*time.Second, p.opts.Timeout/6) }

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
	c, err := p.newConn()
	p.mu.Lock()
	p.dialing = false
	cut := p.cut
	if err == nil && !cut {
		p.conns = append(slices.Clone(p.conns), c)
		p.live = append(slices.Clone(p.live), c)
		p.work.Go(func() { p.watch(c) })
	}
	p.mu.Unlock()
	switch {
	case err != nil:
		_, reached := errors.AsType[*handshakeError](err)
		p.failed(nil, err, reached)
	case cut:
		c.h2.Close()
		<-c.h2.Done()
	default:
		p.changed()
	}
	signal(p.wake)
}

// newConn opens a connection with the certificate as it is now.
func (p *pool) newConn() (*conn, error) {
	ctx, cancel := context.WithTimeout(p.life, dialTimeout)
	defer cancel()
	cert, err := p.refresh(ctx)
	if err != nil {
		return nil, err
	}
	if cert.Expired(time.Now()) {
		return nil, fmt.Errorf("%w: it expired on %s", ErrCertificate, cert.NotAfter().Format(time.DateOnly))
	}
	shown := cert.TLS()
	p.stats.dials.Add(1)
	raw, err := p.dialer.open(ctx, &shown)
	if err != nil {
		return nil, err
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
// after time, it may be. cert is what it showed, nil for the one in use.
func (p *pool) failed(cert *Certificate, err error, reached bool) {
	p.mu.Lock()
	if p.cut || cert != nil && cert != p.cert {
		p.mu.Unlock()
		return
	}
	if cert == nil {
		cert = p.cert
	}
	p.mu.Unlock()
	p.stats.dialsFailed.Add(1)
	p.log(slog.LevelWarn, "no connection", "error", err)
	if DispositionOf(err) == FixCertificate {
		p.refuse(cert, err)
		return
	}
	p.mu.Lock()
	silent := p.breaker.failed(time.Now(), err, reached)
	often := p.breaker.failures > 1
	p.mu.Unlock()
	switch {
	case silent:
		p.refuse(cert, fmt.Errorf("%w: %w", ErrNoConnection, err))
	case often:
		p.state.unreachable(err)
	}
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
