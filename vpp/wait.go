package vpp

import (
	"context"
	"errors"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// Wait returns when it is known what has become of everything, or when it cannot be known better:
// see [StatusUncertain] and below. That a part failed is no error: see [Result.Err].
//
// Notifications that reach the client, through a [Receiver] or [Client.Notice], end the waiting at
// once. Otherwise Wait asks for the status of each event: first after [Options.PollAfter], then
// every 30 seconds, and less often in time. Where that does not tell which part of an event failed,
// where Apple does not know the event, and where the answer to a request was lost, it reads the
// assignments or users back. What is not there, although the event is unknown or was pending for 10
// minutes, is sent once more, as Apple advises; so is not what was sent more than an hour ago, for
// others may have changed it since. What is then pending for 10 more minutes stays [StatusPending]
// in the result, and Wait may be called again to go on.
//
// An error means that Apple could not be asked or ctx ended. It costs nothing that is known already:
// [Operation.Result] has it, and Wait may be called again. Of several who wait, one asks, and all
// return when that one is through.
func (op *Operation) Wait(ctx context.Context) (*Result, error) {
	settled, round := op.settled()
	if settled {
		return op.Result(), nil
	}
	select {
	case <-op.running:
		defer func() { op.running <- struct{}{} }()
	case <-ctx.Done():
		return nil, poll.Cause(ctx)
	}
	if !op.resume(time.Now(), round) {
		return op.Result(), nil
	}
	for {
		due, wait, open := op.next(time.Now())
		var err error
		switch {
		case !open:
			op.endRound()
			return op.Result(), nil
		case len(due.events) > 0:
			err = parallel(ctx, due.events, op.askEvent)
		case len(due.lists) > 0:
			err = op.readBack(ctx, due.lists)
		default:
			err = poll.WaitOr(ctx, wait, op.wake)
		}
		if err != nil {
			return nil, err
		}
	}
}

// settled reports whether everything is known, and which round of waiting comes next.
func (op *Operation) settled() (bool, int) {
	op.mu.Lock()
	defer op.mu.Unlock()
	for i := range op.cells {
		if op.cells[i].open() {
			return false, op.rounds
		}
	}
	return true, op.rounds
}

// resume takes up again what was given up, unless the round of waiting has ended meanwhile.
func (op *Operation) resume(now time.Time, round int) bool {
	op.mu.Lock()
	defer op.mu.Unlock()
	if round != op.rounds {
		return false
	}
	for _, p := range op.parts {
		p.resume(now)
	}
	return true
}

// endRound lets those who have waited for the one who asked return.
func (op *Operation) endRound() {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.rounds++
}

// dueParts are parts of which it is time to learn more.
type dueParts struct {
	events []*part // are asked
	lists  []*part // are read
}

// next returns what is due, or how long it takes until something is, and whether any part is open.
func (op *Operation) next(now time.Time) (due dueParts, wait time.Duration, open bool) {
	op.mu.Lock()
	defer op.mu.Unlock()
	for _, p := range op.parts {
		if !p.followed() {
			continue
		}
		left := p.due.Sub(now)
		switch {
		case left <= 0 && p.phase == asking:
			due.events = append(due.events, p)
		case left <= 0:
			due.lists = append(due.lists, p)
		case !open || left < wait:
			wait = left
		}
		open = true
	}
	return due, wait, open
}

// askEvent asks what has become of the event of a part.
func (op *Operation) askEvent(ctx context.Context, p *part) error {
	status, err := op.client.EventStatus(ctx, p.eventID)
	now := time.Now()
	op.mu.Lock()
	defer op.mu.Unlock()
	switch {
	case p.phase == ended: // notifications were quicker
		return nil
	case errors.Is(err, ErrEvent):
		p.read(now, err)
	case err != nil:
		if e, ok := errors.AsType[*TransportError](err); ok && e.Sent {
			p.unheard(now)
		}
		return err
	default:
		op.takeStatus(p, status, now)
	}
	if p.phase == ended && p.awaited {
		op.client.notices.missed(op.order.topic)
	}
	return nil
}
