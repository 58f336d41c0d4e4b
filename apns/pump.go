package apns

import (
	"slices"
	"time"

	"github.com/applemdm/applemdm/internal/h2"
	"github.com/applemdm/applemdm/internal/poll"
)

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
		j.notStarted()
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
	j := p.queue.first
	switch {
	case j == nil:
		return nil
	case j.isHurried(time.Now()) && slices.ContainsFunc(p.conns, (*conn).wantsProbe):
		j = p.queue.popNewest()
	default:
		p.queue.pop()
	}
	j.started = true
	return j
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
