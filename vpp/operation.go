package vpp

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// Operation is what a writing call has set going: one event of Apple's for each request. It shows
// what is known of it, and [Operation.Wait] learns the rest. All methods are safe for concurrent
// use.
//
// It keeps 32 bytes for each outcome. To drop it costs nothing, and does not stop Apple. Keep
// [Operation.Record] to go on after a restart.
type Operation struct {
	client *Client
	order  *order

	running chan struct{} // holds a value while nobody waits
	wake    chan struct{}

	mu     sync.Mutex
	cells  []cell // by product, then by target
	parts  []*part
	rounds int // of waiting that came to an end
}

// cell is what has become of one product for one target.
type cell struct {
	status Status
	err    error
}

// open reports whether more may become known.
func (c *cell) open() bool {
	return c.status == StatusPending || c.status == StatusUncertain || c.status == ""
}

func newOperation(c *Client, o *order) *Operation {
	o.index()
	op := &Operation{
		client: c, order: o, cells: make([]cell, o.cells()),
		running: make(chan struct{}, 1), wake: make(chan struct{}, 1),
	}
	op.running <- struct{}{}
	return op
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

// refusal returns why nothing was queued.
func (r *Result) refusal() error {
	e, _ := errors.AsType[*UndoneError](r.Err())
	if len(e.Reasons) == 1 {
		return e.Reasons[0]
	}
	return errors.Join(e.Reasons...)
}

// Result returns what has become of everything, as far as it is known now. It does no I/O, and costs
// some 110 bytes for each outcome.
func (op *Operation) Result() *Result {
	op.mu.Lock()
	defer op.mu.Unlock()
	r := &Result{Outcomes: make(Outcomes, 0, len(op.cells))}
	for _, product := range op.order.products {
		for _, target := range op.order.targets {
			cell := op.cells[len(r.Outcomes)]
			r.Outcomes = append(r.Outcomes, Outcome{
				Asset: product.asset, Subscription: product.subscription,
				ClientUserID: target.clientUserID, SerialNumber: target.serialNumber,
				Status: cell.status, Err: cell.err,
			})
		}
	}
	return r
}

// Progress counts the outcomes of an [Operation].
type Progress struct {
	Total     int
	Done      int // with those that Apple counts as done in events that are still pending
	Failed    int
	NotSent   int
	Uncertain int
	Pending   int
}

// Progress returns how far everything is, for progress bars. It does no I/O.
func (op *Operation) Progress() Progress {
	op.mu.Lock()
	defer op.mu.Unlock()
	p := Progress{Total: len(op.cells)}
	for i := range op.cells {
		switch op.cells[i].status {
		case StatusDone:
			p.Done++
		case StatusFailed:
			p.Failed++
		case StatusNotSent:
			p.NotSent++
		case StatusPending:
			p.Pending++
		default:
			p.Uncertain++
		}
	}
	if op.order.kind != EventRevoke { // of which the tasks are others
		for _, part := range op.parts {
			if part.phase != asking {
				continue
			}
			open, all := op.openCells(part)
			counted := min(max(part.completed-(all-open), 0), open, p.Pending)
			p.Done, p.Pending = p.Done+counted, p.Pending-counted
		}
	}
	return p
}

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

func (op *Operation) endRound() {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.rounds++
}

// eachCell calls do for the cells of a part.
func (op *Operation) eachCell(p *part, do func(product, target int, c *cell)) {
	for _, product := range p.products {
		for _, target := range p.targets {
			do(product, target, &op.cells[op.order.cell(product, target)])
		}
	}
}

// openCells counts.
func (op *Operation) openCells(p *part) (open, all int) {
	op.eachCell(p, func(_, _ int, c *cell) {
		all++
		if c.open() {
			open++
		}
	})
	return open, all
}

// settle notes what has become of a cell, unless that is known already.
func (c *cell) settle(status Status, err error) {
	if c.open() {
		c.status, c.err = status, err
	}
}

func (op *Operation) settleAll(p *part, status Status, err error) {
	op.eachCell(p, func(_, _ int, c *cell) { c.settle(status, err) })
}
