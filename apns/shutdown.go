package apns

import (
	"context"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

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
	p.cutOff()
	if late := p.waitForWork(ctx); err == nil {
		err = late
	}
	return err
}

// cutOff ends everything that is not over by itself.
func (p *pool) cutOff() {
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
}

// cutGrace is how long it may take until goroutines have noticed that they are cut off. Those of the
// pool take less; a function of the caller's may do what it likes.
const cutGrace = time.Second

// waitForWork waits until no goroutine is left, but not much longer than ctx lasts.
func (p *pool) waitForWork(ctx context.Context) error {
	over := make(chan struct{})
	go func() {
		p.work.Wait()
		close(over)
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-over:
		return nil
	case <-time.After(cutGrace):
		return poll.Cause(ctx)
	}
}
