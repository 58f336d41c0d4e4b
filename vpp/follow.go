package vpp

import (
	"context"
	"errors"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// How events are followed. The first three are Apple's advice.
const (
	notifyPatience = 5 * time.Minute  // for a notification where they are known to come
	patience       = 10 * time.Minute // for an event; then what it was for is sent once more
	leastPoll      = 30 * time.Second // between two questions about an event that is pending
	mostPoll       = 2 * time.Minute
	firstPoll      = 5 * time.Second  // where no notifications are known to come
	moreNotices    = 15 * time.Second // for the other notifications of an event
	resendWithin   = time.Hour        // of the first request
)

// phase says how it is learned what became of a part.
type phase int

const (
	ended   phase = iota // nothing is open, or nothing better can be learned
	asking               // the event is
	reading              // its assignments or users are, for the event does not tell
)

// watch is how a part is followed.
type watch struct {
	phase   phase
	due     time.Time // to ask or to read
	until   time.Time // the event is given up then
	gaveUp  bool      // something is open, and Wait has ended
	heard   bool      // there was a notification
	trusted bool      // one was expected

	asked     time.Time // when the event was pending last
	polls     int       // that found it so
	completed int       // tasks, as Apple counts

	failures []*Error // of an event that has failed, where they do not tell of what
	unknown  error    // why the event itself cannot tell
}

// follow begins to follow a part, from when it was sent.
func (op *Operation) follow(p *part) {
	p.phase, p.until = asking, p.sentAt.Add(patience)
	wait := op.client.opts.PollAfter
	if wait == 0 {
		wait = firstPoll
		if p.trusted = op.client.notices.expected(op.order.topic); p.trusted {
			wait = notifyPatience
		}
	}
	p.due = p.sentAt.Add(wait)
	if p.eventID == "" {
		p.phase, p.due, p.unknown = reading, time.Now().Add(firstPoll), p.err
	}
}

// resume takes up again what was given up, unless the round of waiting has ended meanwhile.
func (op *Operation) resume(now time.Time, round int) bool {
	op.mu.Lock()
	defer op.mu.Unlock()
	if round != op.rounds {
		return false
	}
	for _, p := range op.parts {
		if !p.gaveUp {
			continue
		}
		p.gaveUp, p.phase, p.until = false, asking, now.Add(patience)
		p.due = p.asked.Add(leastPoll)
		if p.eventID == "" {
			p.phase, p.due = reading, now
		}
	}
	return true
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
		if p.phase == ended {
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

func (op *Operation) askEvent(ctx context.Context, p *part) error {
	status, err := op.client.EventStatus(ctx, p.eventID)
	op.mu.Lock()
	defer op.mu.Unlock()
	switch {
	case p.phase == ended: // notifications were quicker
		return nil
	case err != nil && !errors.Is(err, ErrEvent):
		if e, ok := errors.AsType[*TransportError](err); ok && e.Sent {
			p.due = time.Now().Add(leastPoll) // the answer that was lost may have been that it is pending
		}
		return err
	case err != nil:
		p.read(time.Now(), err)
	default:
		op.takeStatus(p, status, time.Now())
	}
	if p.phase == ended && p.trusted && !p.heard {
		op.client.notices.missed(op.order.topic)
	}
	return nil
}

// takeStatus notes what Apple says of the event of a part.
func (op *Operation) takeStatus(p *part, status *EventStatus, now time.Time) {
	switch status.State {
	case EventComplete:
		op.settleAll(p, StatusDone, nil)
	case EventFailed:
		op.fail(p, status, now)
	default:
		p.pending(status, now)
	}
	op.conclude(p)
}

// read lets a part be read back.
func (p *part) read(now time.Time, why error) {
	p.phase, p.due, p.unknown = reading, now, why
}

// pending notes that the event has not ended.
func (p *part) pending(status *EventStatus, now time.Time) {
	p.asked, p.completed = now, status.Completed
	if !now.Before(p.until) {
		p.read(now, nil)
		return
	}
	wait := max(leastPoll, poll.Backoff{Min: leastPoll, Max: mostPoll}.Delay(p.polls))
	p.due = now.Add(wait)
	if p.due.After(p.until.Add(-leastPoll)) { // no other question fits in
		p.due = later(p.until, now.Add(leastPoll))
	}
	p.polls++
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// conclude ends the following of a part of which everything is known.
func (op *Operation) conclude(p *part) {
	if open, _ := op.openCells(p); open == 0 {
		p.phase = ended
	}
}
