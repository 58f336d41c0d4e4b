package apns

import (
	"errors"
	"time"

	"github.com/applemdm/applemdm/internal/h2"
)

// settle decides what the end of a call means. It runs on the connection's reader, and what it puts
// into the queue is sent right after, when the connection says that it has changed.
func (p *pool) settle(j *job) {
	c := j.conn
	j.judge()
	p.stats.count(j)
	if j.call.Err == nil {
		p.answered(c, j)
	} else {
		p.missed(c, j)
	}
	if p.again(c, j) {
		p.stats.retried.Add(1)
		p.resend(j)
		return
	}
	p.finish(j, j.err)
}

// resetPause is the pause before a push is sent again that the server has reset; the second one is
// twice as long. What was lost with a connection goes at once.
const resetPause = 100 * time.Millisecond

func (p *pool) resend(j *job) {
	_, reset := errors.AsType[*h2.StreamError](j.call.Err)
	p.mu.Lock()
	defer p.mu.Unlock()
	j.notStarted()
	if reset {
		j.due = time.Now().Add(resetPause * time.Duration(j.tries))
		p.hold(j)
		return
	}
	p.queue.unpop(j) // it has waited
}

// answered notes that a connection works, and what its answer says of it and of the certificate. No
// push may follow the probe until that is clear.
func (p *pool) answered(c *conn, j *job) {
	e, refused := j.err.(*Error)
	switch {
	case refused && e.Disposition == FixCertificate:
		p.refuse(c.cert, e)
		c.answered.Store(true)
		return
	case refused && e.Disposition == RetryElsewhere:
		c.h2.Drain()
	}
	c.trust()
	p.mu.Lock()
	if c.answered.CompareAndSwap(false, true) {
		p.fullFrom = time.Time{} // it was not full until now: there was none
	}
	if p.breaker.answered(c.opened) {
		p.state.answered(refused && e.Reason == ReasonBadDeviceToken)
	}
	p.mu.Unlock()
}

// missed notes that a push got no answer, and what that says of the connection.
func (p *pool) missed(c *conn, j *job) {
	c.missed(j.call.Err, j.hurried)
	switch {
	case DispositionOf(j.err) == FixCertificate:
		p.blame(c)
		p.refuse(c.cert, j.err.(*TransportError).Err)
	case !c.answered.Load() && c.h2.Stats().Draining:
		p.blame(c)
	}
}

const (
	// maxTries is how often a push is sent at the most that may have been processed.
	maxTries = 3

	// maxUnprocessed bounds the tries beside these, on which the service surely did not act.
	maxUnprocessed = 10
)

// again reports whether a job should be sent once more, at once, elsewhere: a second wake-up does no
// harm, so everything that got no answer may be. If not because nothing is sent any more, that
// becomes the outcome.
func (p *pool) again(c *conn, j *job) bool {
	if j.err == nil {
		return false
	}
	_, answered := j.err.(*Error)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.stopped(time.Now()); err != nil {
		if !answered {
			j.err = err
		}
		return false
	}
	disposition := DispositionOf(j.err)
	switch {
	case j.tries-j.unprocessed >= maxTries, j.unprocessed >= maxUnprocessed, j.over():
	case disposition == FixCertificate:
		return c.cert != p.cert
	case answered:
		return disposition == RetryElsewhere
	default:
		return !errors.Is(j.err, h2.ErrResponseTooLarge)
	}
	return false
}

// finish hands the outcome of a job to whoever waits for it, and to all who share it.
func (p *pool) finish(j *job, err error) {
	if _, answered := err.(*Error); err != nil && !answered {
		err = asTransportError(j, err)
	}
	j.err = err
	p.mu.Lock()
	if err == nil && p.opts.HoldOff > 0 {
		p.recent.note(j.hash)
	}
	shared := p.leave(j, err)
	p.open--
	for other := shared.first; other != nil; other = other.next {
		p.open--
	}
	p.rest()
	p.mu.Unlock()

	id := j.id
	j.finish(j)
	for other := shared.pop(); other != nil; other = shared.pop() {
		other.id, other.err, other.shared = id, err, true
		other.finish(other)
	}
}

// refuse stops everything: cert, unless it was replaced meanwhile, is not accepted, or something else
// makes it useless to send. What waits gets cause as its outcome, and so does what is sent within the
// next while.
func (p *pool) refuse(cert *Certificate, cause error) {
	p.mu.Lock()
	if cert != p.cert || p.cut {
		p.mu.Unlock()
		signal(p.wake)
		return
	}
	p.breaker.refuse(time.Now(), cause)
	p.state.refused(cause)
	conns := p.conns
	p.conns = nil
	jobs := p.waiting()
	p.mu.Unlock()
	for _, c := range conns {
		c.h2.Drain()
	}
	for _, j := range jobs {
		p.finish(j, &TransportError{Err: cause})
	}
}

// blame notes, once, that a connection ended before its first answer. One that we have closed without
// ever using it did no harm.
func (p *pool) blame(c *conn) {
	err := c.failure()
	if c.answered.Load() || err == nil && !c.probing.Load() || !c.blamed.CompareAndSwap(false, true) {
		return
	}
	if err == nil {
		err = errUnanswered
	}
	p.failed(c.cert, err, true)
}
