package apns

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/h2"
	"github.com/applemdm/applemdm/internal/poll"
)

// pool sends jobs over the connections of one certificate.
//
// A job that is sent waits in the queue until a connection has room (pump); its end comes back on a
// connection's reader (settle, in outcome.go), which either sends it again or hands the outcome
// over. Whenever a connection has room again, its reader pumps. Everything that takes time or
// depends on it is the manager's: opening connections, jobs that are held off, deadlines of the
// queue.
type pool struct {
	opts   *Options
	dialer *dialer
	certs  CertificateSource
	state  *stateWatch
	stats  counters
	seed   maphash.Seed

	settled func(*h2.Call) // settle, as connections call it

	wake    chan struct{}   // the manager should look again
	reading chan struct{}   // holds a value while somebody reads the first certificate
	life    context.Context // ends when nothing is to be waited for any more
	end     context.CancelFunc
	work    sync.WaitGroup // every goroutine of the pool

	mu       sync.Mutex
	queue    jobQueue // waiting for room
	held     []*job   // waiting for their due time, which is in order
	leaders  map[uint64]*job
	recent   holdOff
	open     int     // jobs that are not finished
	changes  int     // counts what may have made room
	conns    []*conn // of use; a new slice for every change
	live     []*conn // not ended, those that only finish what is on its way included
	turn     int     // the connection that is asked first next time
	cert     *Certificate
	managed  bool // the manager runs
	resting  bool // and sleeps without a look at the queue, which was empty
	dialing  bool
	dialed   []time.Time // the latest attempts, of the last minute
	fullFrom time.Time   // since when every connection has been full
	breaker  breaker
	closed   bool          // no new jobs
	cut      bool          // no job at all
	idle     chan struct{} // closed when closed and open is 0
	idled    bool
}

func newPool(opts *Options, dialer *dialer, certs CertificateSource) *pool {
	p := &pool{
		opts: opts, dialer: dialer, certs: certs, state: newStateWatch(opts),
		seed:    maphash.MakeSeed(),
		wake:    make(chan struct{}, 1),
		reading: make(chan struct{}, 1),
		leaders: map[uint64]*job{},
		idle:    make(chan struct{}),
	}
	p.life, p.end = context.WithCancel(context.Background())
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
	full := !p.fullFrom.IsZero() && !p.resting
	p.mu.Unlock()
	if !full { // or else the next change of a connection pumps
		p.pump()
	}
}

// admits returns why no push is taken now: the pool is closed, or the certificate was refused a
// short while ago.
func (p *pool) admits() error {
	if p.closed {
		return ErrClosed
	}
	return p.stopped(time.Now())
}

// stopped returns why not even pushes that were taken go out.
func (p *pool) stopped(now time.Time) error {
	if p.cut {
		return ErrClosed
	}
	return p.breaker.refusal(now)
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
		j := p.nextJob()
		if j == nil {
			p.fullFrom = time.Time{}
			p.mu.Unlock()
			return
		}
		changes, conns, first := p.changes, p.conns, p.turn
		p.turn++
		p.mu.Unlock()

		if j.ctx.Err() != nil {
			p.finish(j, poll.Cause(j.ctx))
			continue
		}
		err := startOn(conns, first, j)
		switch err {
		case nil:
			continue
		case h2.ErrFieldsTooLarge: // it would be so for ever, and hold up those behind it
			p.finish(j, err)
			continue
		}
		p.mu.Lock()
		p.queue.unpop(j)
		again := p.changes != changes // room that was made while we looked
		news := p.fullFrom.IsZero() || err == h2.ErrDraining || p.resting
		if p.fullFrom.IsZero() {
			p.fullFrom = time.Now()
		}
		p.mu.Unlock()
		if again {
			continue
		}
		if news { // that the manager has to know; otherwise it looks by itself before long
			signal(p.wake)
		}
		return
	}
}

// nextJob takes the job out of the queue that is to be started next: the oldest, unless that is about
// to expire and a connection waits for its probe. After an outage all the oldest ones are, and would
// leave one connection after the other without its first answer; then the newest is the probe.
func (p *pool) nextJob() *job {
	oldest := p.queue.first
	if oldest != nil && time.Until(oldest.deadline) < fairShare && slices.ContainsFunc(p.conns, (*conn).wantsProbe) {
		return p.queue.popNewest()
	}
	return p.queue.pop()
}

// startOn starts j on the first connection that takes it. The error is [h2.ErrDraining] if one of them
// will take none any more, and the manager can replace it. Of one that is failing it learns when it
// has failed.
func startOn(conns []*conn, first int, j *job) error {
	failure := h2.ErrNoRoom
	for i := range conns {
		switch err := conns[(first+i)%len(conns)].start(j); err {
		case nil, h2.ErrFieldsTooLarge:
			return err
		case h2.ErrDraining:
			failure = err
		}
	}
	return failure
}

// changed is called by connections when they may have room again, drain, or are lost.
func (p *pool) changed() {
	p.mu.Lock()
	p.changes++
	p.mu.Unlock()
	p.pump()
}

// waiting takes all jobs that are not on their way.
func (p *pool) waiting() []*job {
	jobs := append(p.queue.all(), p.held...)
	p.held = nil
	return jobs
}

// rest tells whoever waits for it that a closed pool has nothing left to do.
func (p *pool) rest() {
	if !p.closed || p.open > 0 {
		return
	}
	signal(p.wake) // the manager may end
	if !p.idled {
		p.idled = true
		close(p.idle)
	}
}

// shutdown refuses new jobs, waits for those that are open, and ends everything.
func (p *pool) shutdown(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.rest()
	p.mu.Unlock()

	var err error
	select {
	case <-p.idle:
	case <-ctx.Done():
		err = poll.Cause(ctx)
	}

	p.mu.Lock()
	p.cut = true
	jobs, conns := p.waiting(), p.live
	p.mu.Unlock()
	p.end()
	for _, j := range jobs {
		p.finish(j, ErrClosed)
	}
	for _, c := range conns {
		c.h2.Close()
	}
	signal(p.wake)
	p.work.Wait()
	return err
}
