package vpp

import "time"

// accept notes that Apple has queued a part, or has carried it out where that is not done later.
func (op *Operation) accept(p *part, eventID string) {
	op.mu.Lock()
	p.accepted(eventID, time.Now())
	if op.order.topic == "" {
		p.left(StatusDone, nil)
	} else {
		op.follow(p)
	}
	op.add(p)
	op.mu.Unlock()
	if eventID != "" {
		op.client.notices.wait(op, eventID)
	}
}

// suspect notes that Apple may have queued a part.
func (op *Operation) suspect(p *part, err error) {
	op.mu.Lock()
	defer op.mu.Unlock()
	p.suspected(err, time.Now())
	if op.order.topic != "" {
		op.follow(p)
	}
	op.add(p)
}

// leaveUnsent notes that a part is not queued because of err, or that it may be, where an earlier
// request for it, or for a larger part, may have been taken.
func (op *Operation) leaveUnsent(p *part, err error) {
	if p.lost && !p.resent {
		op.suspect(p, err)
	} else {
		op.leave(p, StatusNotSent, err)
	}
}

// leave notes that a part is not queued. One that was to be sent for the second time stays what it
// was when it could not be sent.
func (op *Operation) leave(p *part, status Status, err error) {
	op.mu.Lock()
	defer op.mu.Unlock()
	if p.resent && status == StatusNotSent {
		return
	}
	p.left(status, err)
	op.add(p)
}

// add adds a part. What is open of it has its status from then on.
func (op *Operation) add(p *part) {
	op.parts = append(op.parts, p)
	op.settleAll(p, p.status, p.err)
}

// follow begins to follow a part.
func (op *Operation) follow(p *part) {
	wait, awaited := op.askAfter()
	p.follow(wait, awaited, time.Now())
}

// askAfter returns how long to wait with the first question about an event, and whether a
// notification is expected until then.
func (op *Operation) askAfter() (wait time.Duration, awaited bool) {
	switch c := op.client; {
	case c.opts.PollAfter != 0:
		return c.opts.PollAfter, false
	case c.notices.expected(op.order.topic):
		return notifyPatience, true
	}
	return firstPoll, false
}

// queued reports whether Apple has queued, or may have queued, any of it.
func (op *Operation) queued() bool {
	op.mu.Lock()
	defer op.mu.Unlock()
	for _, p := range op.parts {
		if p.status == StatusPending || p.status == StatusUncertain || p.status == StatusDone {
			return true
		}
	}
	return false
}
