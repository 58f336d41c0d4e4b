package vpp

import (
	"context"
	"errors"
	"time"
)

// readBack reads what has become of parts whose events do not tell, and sends what is missing once
// more where that helps.
func (op *Operation) readBack(ctx context.Context, parts []*part) error {
	is, err := op.asWanted(ctx, op.openOf(parts))
	if err != nil {
		return err
	}
	for _, p := range parts {
		missing := op.takeRead(p, is)
		if len(missing) == 0 {
			continue
		}
		if err := op.sendAgain(ctx, p, missing); err != nil {
			return err
		}
	}
	return nil
}

// openOf returns the cells of parts that are not settled.
func (op *Operation) openOf(parts []*part) (cells []int) {
	op.mu.Lock()
	defer op.mu.Unlock()
	for _, p := range parts {
		op.eachCell(p, func(product, target int, c *cell) {
			if c.open() {
				cells = append(cells, op.order.cell(product, target))
			}
		})
	}
	return cells
}

// takeRead notes what was read of a part, and returns the products and targets that are still to be
// brought about. An event that has ended brings about nothing more.
func (op *Operation) takeRead(p *part, is map[int]bool) map[int][]int {
	op.mu.Lock()
	defer op.mu.Unlock()
	blamed, _ := op.blamed(p, p.failures)
	missing := make(map[int][]int)
	op.eachCell(p, func(product, target int, c *cell) {
		i := op.order.cell(product, target)
		switch {
		case !c.open():
		case is[i]:
			c.settle(StatusDone, nil)
		case p.failures != nil:
			why := blamed[i]
			if why == nil {
				why = &Error{Op: p.failures[0].Op, Err: errNoReason}
			}
			op.settleFailed(p, c, why)
		default:
			missing[product] = append(missing[product], target)
		}
	})
	op.conclude(p)
	return missing
}

// sendAgain sends what is missing of a part, unless Apple has answered it twice already, or it is too
// long ago: then the part is given up. After an error, it can be tried again.
func (op *Operation) sendAgain(ctx context.Context, p *part, missing map[int][]int) error {
	answered := p.eventID != "" || op.order.doneBefore(p.err)
	if p.resent && answered || time.Since(p.sentAt) > resendWithin {
		op.putOff(p)
		return nil
	}
	var again []*part
	for _, product := range p.products {
		if targets := missing[product]; len(targets) > 0 {
			again = append(again, p.again([]int{product}, targets))
		}
	}
	err := op.client.mayWrite(op.order.op)
	if err == nil {
		before := op.partCount()
		err = op.send(ctx, joined(again)...)
		op.supersede(p, before)
	}
	if errors.Is(err, ErrClaimedByOther) || errors.Is(err, ErrOtherLocation) {
		op.giveUp(p, err)
		return nil
	}
	return err
}

func (op *Operation) partCount() int {
	op.mu.Lock()
	defer op.mu.Unlock()
	return len(op.parts)
}

// supersede ends the following of p, of which the parts that came after the first so many took over.
// What of it is settled becomes a part of its own, for the record, and what was not sent another,
// which is read again.
func (op *Operation) supersede(p *part, before int) {
	op.mu.Lock()
	defer op.mu.Unlock()
	covered := make(map[int]bool)
	for _, next := range op.parts[before:] {
		op.eachCell(next, func(product, target int, _ *cell) { covered[op.order.cell(product, target)] = true })
	}
	if len(covered) == 0 {
		return // nothing was sent
	}
	var rest []*part
	op.eachCell(p, func(product, target int, c *cell) {
		if covered[op.order.cell(product, target)] {
			return
		}
		piece := p.remainder([]int{product}, []int{target})
		if !c.open() {
			piece = p.piece(piece.products, piece.targets)
			piece.left(c.status, c.err)
		}
		rest = append(rest, piece)
	})
	op.parts = append(op.parts, joined(joined(rest))...)
	p.replace()
}

// putOff lets the event of a part be asked again, as long as there is patience with it.
func (op *Operation) putOff(p *part) {
	now := time.Now()
	if p.eventID == "" || !now.Before(p.until) {
		op.giveUp(p, p.unknown)
		return
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	p.askAgain(now)
}

// giveUp ends the following of a part although something is open.
func (op *Operation) giveUp(p *part, why error) {
	op.mu.Lock()
	defer op.mu.Unlock()
	if p.phase != reading {
		return // notifications have ended it, or other parts are about the same
	}
	p.giveUp()
	status := StatusPending
	if p.unknown != nil {
		status = StatusUncertain
	}
	op.settleAll(p, status, why)
}
