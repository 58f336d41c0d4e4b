package apns

import (
	"context"
	"iter"
	"sync"

	"github.com/applemdm/applemdm/internal/poll"
)

// batchWindow is how many pushes a batch has on their way or waiting to be looked at: enough to keep
// several connections full, few enough to forget about their memory.
const batchWindow = 6144

// batch is one range over [Client.PushAll]: a goroutine that feeds pushes to the pool, and results
// that wait for the caller.
type batch struct {
	client *Client
	ctx    context.Context
	cancel context.CancelFunc
	feeder sync.WaitGroup

	finished func(*job) // finish, made into a value once

	mu       sync.Mutex
	results  []Result // not taken yet
	spare    []Result // taken before; its memory is used again
	open     int      // taken from the input, result not taken yet
	fed      bool     // the input has ended
	panicked any      // and how, if it panicked
	left     bool     // the caller's context has ended: outcomes come too late
	under    job      // head of the list of jobs under way

	arrived chan struct{} // holds a value when results or fed changed
	room    chan struct{} // holds a value when open fell
}

func newBatch(ctx context.Context, c *Client) *batch {
	b := &batch{client: c, arrived: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	b.under.before, b.under.after = &b.under, &b.under
	b.ctx, b.cancel = context.WithCancel(ctx)
	b.finished = b.finish
	return b
}

// start feeds pushes to the pool.
func (b *batch) start(pushes iter.Seq[Push]) {
	b.feeder.Go(func() {
		defer func() { b.end(recover()) }()
		for push := range pushes {
			if !b.enter() {
				b.add(Result{Push: push, Err: &TransportError{Err: poll.Cause(b.ctx)}})
				return
			}
			if err := b.client.submit(b.ctx, push, b.begin, b.finished); err != nil {
				b.add(Result{Push: push, Err: err})
			}
		}
	})
}

// enter waits until there is room for one more push, counts it, and reports whether it may be sent.
func (b *batch) enter() bool {
	for {
		over := b.ctx.Err() != nil
		b.mu.Lock()
		if over || b.open < batchWindow {
			b.open++
			b.mu.Unlock()
			return !over
		}
		b.mu.Unlock()
		select {
		case <-b.room:
		case <-b.ctx.Done():
		}
	}
}

// begin notes that a job is under way.
func (b *batch) begin(j *job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.under.before
	j.before, j.after = last, &b.under
	last.after, b.under.before = j, j
}

// finish takes the outcome of a job.
func (b *batch) finish(j *job) {
	b.mu.Lock()
	if !b.left {
		j.before.after, j.after.before = j.after, j.before
		b.results = append(b.results, j.result())
	}
	b.mu.Unlock()
	b.client.jobs.put(j)
	signal(b.arrived)
}

func (b *batch) add(r Result) {
	b.mu.Lock()
	b.results = append(b.results, r)
	b.mu.Unlock()
	signal(b.arrived)
}

// end notes the end of the input, and what it panicked with.
func (b *batch) end(panicked any) {
	b.mu.Lock()
	b.fed, b.panicked = true, panicked
	b.mu.Unlock()
	signal(b.arrived)
}

// raise panics as the input did, but on the goroutine of the caller, who can recover there.
func (b *batch) raise() {
	b.mu.Lock()
	panicked := b.panicked
	b.panicked = nil
	b.mu.Unlock()
	if panicked != nil {
		panic(panicked)
	}
}

// take waits for results and returns them; nil when there are none left to come. They are good until
// the next take.
func (b *batch) take() []Result {
	for {
		b.raise()
		b.mu.Lock()
		if n := len(b.results); n > 0 {
			b.results, b.spare = b.spare[:0], b.results
			b.open -= n
			results := b.spare
			b.mu.Unlock()
			signal(b.room)
			return results
		}
		over := b.left || b.fed && b.open == 0
		b.mu.Unlock()
		if over {
			return nil
		}
		select {
		case <-b.arrived:
		case <-b.ctx.Done():
			return b.leave()
		}
	}
}

// leave returns a result for everything that is still open when the caller's context has ended, and
// takes no outcome any more.
func (b *batch) leave() []Result {
	b.feeder.Wait()
	b.raise()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = true
	results := b.results
	for j := b.under.after; j != &b.under; j = j.after {
		results = append(results, Result{Push: j.push, Err: &TransportError{Sent: true, Err: poll.Cause(b.ctx)}})
	}
	b.results, b.open = nil, 0
	return results
}

// close stops the feeder and waits for it. Jobs under way finish by themselves.
func (b *batch) close() {
	b.cancel()
	b.feeder.Wait()
	b.raise()
}

// signal makes sure that a channel of one holds a value.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
