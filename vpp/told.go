package vpp

import (
	"cmp"
	"time"
)

// takeStatus notes what Apple says of the event of a part.
func (op *Operation) takeStatus(p *part, status *EventStatus, now time.Time) {
	switch status.State {
	case EventComplete:
		op.settleAll(p, StatusDone, nil)
	case EventFailed:
		op.fail(p, status, now)
	default:
		p.pending(status.Completed, now)
	}
	op.conclude(p)
}

// conclude ends the following of a part of which everything is known.
func (op *Operation) conclude(p *part) {
	if open, _ := op.openCells(p); open == 0 {
		p.end()
	}
}

// fail notes what an event that has failed tells. It counts only when it adds up: a failure that
// names two assets and two devices may be about four tasks, or about two.
func (op *Operation) fail(p *part, status *EventStatus, now time.Time) {
	blamed, tasks := op.blamed(p, status.Failures)
	if tasks == 0 || tasks != status.Requested-status.Completed {
		p.failed(status.Failures, now)
		return
	}
	op.eachCell(p, func(product, target int, c *cell) {
		if why := blamed[op.order.cell(product, target)]; why != nil {
			op.settleFailed(p, c, why)
		} else {
			c.settle(StatusDone, nil)
		}
	})
}

// settleFailed notes why something has failed, unless that shows that an earlier request for the
// same has done it.
func (op *Operation) settleFailed(p *part, c *cell, why *Error) {
	if p.lost && op.order.doneBefore(why) {
		c.settle(StatusDone, nil)
		return
	}
	c.settle(StatusFailed, why)
}

// blamed returns why which cells have failed, and how many tasks Apple would count for that. A failure
// that names nothing is about everything.
func (op *Operation) blamed(p *part, failures []*Error) (byCell map[int]*Error, tasks int) {
	type task struct {
		cell  int
		asset AssetKey // where a cell has several
	}
	byCell = make(map[int]*Error)
	seen := make(map[task]bool)
	for _, failure := range failures {
		products, targets := op.named(p, failure.Info)
		if len(products) == 0 {
			products = p.products
		}
		if len(targets) == 0 {
			targets = p.targets
		}
		assets := []AssetKey{{}}
		if op.order.kind == EventRevoke && len(failure.Info.Assets) > 0 {
			assets = failure.Info.Assets
		}
		for _, product := range products {
			for _, target := range targets {
				i := op.order.cell(product, target)
				if byCell[i] == nil || len(products)*len(targets) == 1 {
					byCell[i] = failure
				}
				for _, asset := range assets {
					seen[task{i, asset}] = true
				}
			}
		}
	}
	return byCell, len(seen)
}

// notice notes what a notification tells of an event.
func (op *Operation) notice(n *EventNotice) {
	op.mu.Lock()
	defer op.mu.Unlock()
	for _, p := range op.parts {
		if p.eventID == n.EventID {
			op.noticePart(p, n, time.Now())
		}
	}
	for _, p := range op.parts {
		if p.resent {
			op.conclude(p) // it is about what another part was about
		}
	}
	select {
	case op.wake <- struct{}{}:
	default:
	}
}

// noticePart notes what a notification tells of the event of a part.
func (op *Operation) noticePart(p *part, n *EventNotice, now time.Time) {
	for _, i := range op.cellsOf(n) {
		switch c := &op.cells[i]; {
		case n.Result == ResultSuccess && op.order.kind != EventRevoke: // which tells of one asset
			c.settle(StatusDone, nil)
		case n.Result == ResultFailure:
			op.settleFailed(p, c, cmp.Or(n.Err, &Error{Op: n.Type.op(), Err: errNoReason}))
		}
	}
	op.conclude(p)
	more := moreNotices
	if op.order.kind == EventRevoke {
		more = 0
	}
	p.noticed(more, now)
}

// cellsOf returns which cells a notification is about.
func (op *Operation) cellsOf(n *EventNotice) (cells []int) {
	add := func(of product, to holder) {
		if op.order.kind == EventRevoke {
			of = product{}
		}
		product, ok1 := op.order.productAt[of]
		target, ok2 := op.order.targetAt[to]
		if ok1 && ok2 {
			cells = append(cells, op.order.cell(product, target))
		}
	}
	for _, a := range n.Assignments {
		add(product{asset: a.Key().Asset.complete()}, holder{a.ClientUserID, a.SerialNumber})
	}
	for _, u := range n.Users {
		add(product{}, holder{clientUserID: u.ClientUserID})
	}
	for _, s := range n.SubscriptionAssignments {
		add(product{subscription: s.AdamID}, holder{clientUserID: s.ClientUserID})
	}
	return cells
}
