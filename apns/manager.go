package apns

import (
	"context"
	"fmt"
	"slices"
	"time"

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
		if ended || now.Sub(c.opened) > p.opts.MaxConnAge || c.silent.Load() >= maxMissed || c.cert != p.cert {
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
