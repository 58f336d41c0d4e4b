package apns

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/applemdm/applemdm/internal/h2"
	"github.com/applemdm/applemdm/internal/poll"
)

// pool sends jobs over the connections of one certificate.
//
// A job that is sent waits in the queue until a connection has room (pump); its end comes back on a
// connection's reader (settle), which either sends it again or hands the outcome over. Whenever a
// connection has room again, its reader pumps. Everything that takes time or depends on it is the
// manager's: opening connections, jobs that are held off, deadlines of the queue.
type pool struct {
	opts   *Options
	dialer *dialer
	certs  CertificateSource
	state  *stateWatch
	stats  counters
	seed   maphash.Seed
	dials  *rate.Limiter

	settled func(*h2.Call) // settle, as connections call it

	wake chan struct{} // the manager should look again
	done chan struct{} // closed when the manager has ended

	mu       sync.Mutex
	queue    jobQueue // waiting for room
	held     []*job   // waiting for their due time, which is in order
	leaders  map[uint64]*job
	recent   holdOff
	open     int // jobs that are not finished
	changes  int // counts what may have made room
	conns    []*conn
	turn     int // the connection that is asked first next time
	cert     *Certificate
	managed  bool // the manager runs
	dialing  bool
	fullFrom time.Time // since when every connection has been full
	breaker  breaker
	closed   bool
	idle     chan struct{} // closed when closed and open is 0
}

func newPool(opts *Options, dialer *dialer, certs CertificateSource) *pool {
	p := &pool{
		opts: opts, dialer: dialer, certs: certs, state: newStateWatch(opts),
		seed:    maphash.MakeSeed(),
		dials:   rate.NewLimiter(rate.Every(time.Minute/time.Duration(opts.MaxDials)), opts.MaxDials),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		leaders: map[uint64]*job{},
		idle:    make(chan struct{}),
	}
	p.settled = func(call *h2.Call) { p.settle(call.Data.(*job)) }
	return p
}

// send takes over a job. Its finish is called once.
func (p *pool) send(j *job) {
	j.setHash(p.seed)
	j.call.Data, j.call.Done = j, p.settled
	p.mu.Lock()
	p.open++
	if err := p.admits(); err != nil {
		p.mu.Unlock()
		p.finish(j, err)
		return
	}
	p.manage()
	if leader := p.leaders[j.hash]; leader != nil && leader.push.PushMagic == j.push.PushMagic && leader.path() == j.path() {
		j.follower, leader.follower = leader.follower, j
		p.mu.Unlock()
		return
	} else if leader == nil {
		p.leaders[j.hash], j.leads = j, true
	}
	if due := p.recent.until(j.hash, p.opts.HoldOff); !due.IsZero() {
		j.due = due
		p.hold(j)
		p.mu.Unlock()
		signal(p.wake)
		return
	}
	p.queue.push(j)
	p.mu.Unlock()
	p.pump()
}

// admits returns why no push can be sent now: the pool is closed, or the certificate was refused a
// short while ago.
func (p *pool) admits() error {
	if p.closed {
		return ErrClosed
	}
	return p.breaker.refusal(time.Now())
}

// hold keeps a job until its due time.
func (p *pool) hold(j *job) {
	at := len(p.held)
	for at > 0 && p.held[at-1].due.After(j.due) {
		at--
	}
	p.held = append(p.held, nil)
	copy(p.held[at+1:], p.held[at:])
	p.held[at] = j
}

// pump starts jobs while connections have room. It is called without the lock, from anywhere: a
// connection that starts a job may itself call back.
func (p *pool) pump() {
	for {
		p.mu.Lock()
		j := p.queue.pop()
		if j == nil {
			p.fullFrom = time.Time{}
			p.mu.Unlock()
			return
		}
		changes, conns, first := p.changes, p.conns, p.turn
		p.turn++
		p.mu.Unlock()

		if err := j.ctx.Err(); err != nil {
			p.finish(j, poll.Cause(j.ctx))
			continue
		}
		if startOn(conns, first, j) {
			continue
		}
		p.mu.Lock()
		p.queue.unpop(j)
		again := p.changes != changes // room that was made while we looked
		if p.fullFrom.IsZero() {
			p.fullFrom = time.Now()
		}
		p.mu.Unlock()
		if !again {
			signal(p.wake)
			return
		}
	}
}

// startOn starts j on the first connection that takes it, and reports whether one did.
func startOn(conns []*conn, first int, j *job) bool {
	for i := range conns {
		if conns[(first+i)%len(conns)].start(j) {
			return true
		}
	}
	return false
}

// changed is called by connections when they may have room again, drain, or are lost.
func (p *pool) changed() {
	p.mu.Lock()
	p.changes++
	p.mu.Unlock()
	p.pump()
}

// settle decides what the end of a call means. It runs on the connection's reader.
func (p *pool) settle(j *job) {
	c := j.conn
	j.judge()
	p.stats.count(j)
	if j.call.Err == nil {
		p.answered(c, j)
	}
	if p.again(j) {
		p.stats.retried.Add(1)
		p.mu.Lock()
		p.queue.push(j)
		p.mu.Unlock()
		return // the connection's change pumps
	}
	p.finish(j, j.err)
}

// answered notes that a connection works, and what its answer says of the certificate.
func (p *pool) answered(c *conn, j *job) {
	if c.answered.CompareAndSwap(false, true) {
		p.mu.Lock()
		p.changes++
		p.mu.Unlock()
	}
	e, refused := j.err.(*Error)
	switch {
	case refused && e.Disposition == FixCertificate && e.Reason != ReasonBadTopic:
		p.refuse(e)
		return
	case refused && e.Disposition == RetryElsewhere:
		c.h2.Drain()
	}
	p.mu.Lock()
	p.breaker.close()
	p.mu.Unlock()
	p.state.answered(refused && e.Reason == ReasonBadDeviceToken)
}

// maxTries is how often a push is sent at the most.
const maxTries = 3

// again reports whether a job should be sent once more, at once, elsewhere: a second wake-up does no
// harm, so everything that got no answer may be.
func (p *pool) again(j *job) bool {
	if j.tries >= maxTries || time.Now().After(j.deadline) || j.ctx.Err() != nil {
		return false
	}
	if e, ok := j.err.(*Error); ok {
		return e.Disposition == RetryElsewhere
	}
	if j.err == nil || errors.Is(j.err, h2.ErrResponseTooLarge) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.admits() == nil
}

// finish hands the outcome of a job to whoever waits for it, and to all who joined it.
func (p *pool) finish(j *job, err error) {
	if _, typed := err.(*Error); err != nil && !typed {
		err = asTransportError(j, err)
	}
	j.err = err
	p.mu.Lock()
	if j.leads {
		delete(p.leaders, j.hash)
	}
	if err == nil && p.opts.HoldOff > 0 {
		p.recent.note(j.hash)
	}
	followers := j.follower
	j.follower = nil
	p.open--
	for f := followers; f != nil; f = f.follower {
		p.open--
	}
	if p.closed && p.open == 0 {
		close(p.idle)
	}
	p.mu.Unlock()

	id := j.id
	j.finish(j)
	for f := followers; f != nil; {
		next := f.follower
		f.follower = nil
		f.id, f.err, f.shared = id, err, true
		f.finish(f)
		f = next
	}
}

// refuse stops everything: the certificate is not accepted. What waits gets cause as its outcome, and
// so does what is sent within the next while.
func (p *pool) refuse(cause error) {
	p.mu.Lock()
	p.breaker.open(time.Now(), cause)
	conns := p.conns
	p.conns = nil
	waiting := append(p.queue.all(), p.held...)
	p.held = nil
	p.mu.Unlock()
	p.state.refused(cause)
	for _, c := range conns {
		c.h2.Drain()
	}
	for _, j := range waiting {
		p.finish(j, cause)
	}
}

// topic returns that of the certificate, which is read if it has not been yet.
func (p *pool) topic(ctx context.Context) (string, error) {
	p.mu.Lock()
	cert := p.cert
	p.mu.Unlock()
	if cert == nil {
		var err error
		if cert, err = p.refresh(ctx); err != nil {
			return "", err
		}
	}
	return cert.Topic(), nil
}

// shutdown refuses new jobs, waits for those that are open, and closes everything.
func (p *pool) shutdown(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		if p.open == 0 {
			close(p.idle)
		}
	}
	managed := p.managed
	p.mu.Unlock()

	var err error
	select {
	case <-p.idle:
	case <-ctx.Done():
		err = poll.Cause(ctx)
	}
	p.closeConns()
	if managed {
		signal(p.wake)
		<-p.done
	}
	return err
}
