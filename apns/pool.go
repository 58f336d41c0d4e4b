package apns

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/h2"
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
	state  *stateWatch // told under the lock, so that the last word is about what came last
	stats  counters
	seed   maphash.Seed

	settled func(*h2.Call) // settle, as connections call it

	wake    chan struct{}   // the manager should look again
	reading chan struct{}   // holds a value while somebody reads the certificate
	life    context.Context // ends when nothing is to be waited for any more
	end     context.CancelFunc
	work    sync.WaitGroup // every goroutine of the pool

	source sourcePause // of whoever reads

	mu       sync.Mutex
	queue    jobQueue        // waiting for room
	held     []*job          // waiting for their due time, which is in order
	leaders  map[uint64]*job // the jobs that others may join or have to wait for, by their hashes
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
	queued := p.line(j)
	full := !p.fullFrom.IsZero() && !p.resting
	p.mu.Unlock()
	if queued && !full { // or else the next change of a connection pumps
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
	signal(p.wake)
	at := len(p.held)
	for at > 0 && p.held[at-1].due.After(j.due) {
		at--
	}
	p.held = append(p.held, nil)
	copy(p.held[at+1:], p.held[at:])
	p.held[at] = j
}
