package axm

import (
	"context"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// Operation is what a call for many devices has set going: one or more activities of Apple's. It shows
// what is known of them, and [Operation.Wait] learns the rest. All methods are safe for concurrent
// use.
//
// To drop one costs nothing, and does not stop Apple: there is no way to. Keep [Operation.Record] to go
// on after a restart.
type Operation struct {
	client *Client
	order  *order

	running chan struct{} // holds a value while nobody waits

	mu    sync.Mutex
	cells []cell // by serial number
	parts []*part
}

// cell is what has become of one device.
type cell struct {
	activityID string
	status     Status
	err        error
}

// open reports whether more may become known.
func (c *cell) open() bool {
	return c.status == StatusPending || c.status == StatusUncertain || c.status == ""
}

// settle notes what has become of a device, unless that is known already.
func (c *cell) settle(status Status, err error) {
	if c.open() {
		c.status, c.err = status, err
	}
}

func newOperation(c *Client, o *order) *Operation {
	op := &Operation{client: c, order: o, cells: make([]cell, len(o.serials)), running: make(chan struct{}, 1)}
	op.running <- struct{}{}
	return op
}

// add takes a part in. The caller holds mu.
func (op *Operation) add(p *part) {
	op.parts = append(op.parts, p)
	for _, i := range p.devices {
		op.cells[i].activityID = p.activityID
		op.cells[i].settle(p.status, p.err)
	}
}

// begun reports whether Apple has begun, or may have begun, any of it.
func (op *Operation) begun() bool {
	op.mu.Lock()
	defer op.mu.Unlock()
	for _, p := range op.parts {
		if p.status == StatusPending || p.status == StatusUncertain {
			return true
		}
	}
	return false
}

// ActivityIDs returns the IDs of the activities, as far as they are known, for [Client.Activity] and
// [Client.ActivityLog].
func (op *Operation) ActivityIDs() []string {
	op.mu.Lock()
	defer op.mu.Unlock()
	var ids []string
	for _, p := range op.parts {
		if p.activityID != "" {
			ids = append(ids, p.activityID)
		}
	}
	return ids
}

// Result returns what has become of everything, as far as it is known now. It does no I/O, and costs
// some 64 bytes for each outcome.
func (op *Operation) Result() *Result {
	op.mu.Lock()
	defer op.mu.Unlock()
	r := &Result{Outcomes: make(Outcomes, len(op.cells))}
	for i, c := range op.cells {
		r.Outcomes[i] = Outcome{SerialNumber: op.order.serials[i], ActivityID: c.activityID, Status: c.status, Err: c.err}
	}
	return r
}

// Progress counts the outcomes of an [Operation].
type Progress struct {
	Total     int
	Done      int
	Failed    int
	Missing   int
	NotSent   int
	Uncertain int
	Pending   int
}

// Progress returns how far everything is, for progress bars. It does no I/O. Apple does not count the
// devices of an activity before it has ended.
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
		case StatusMissing:
			p.Missing++
		case StatusNotSent:
			p.NotSent++
		case StatusPending:
			p.Pending++
		default:
			p.Uncertain++
		}
	}
	return p
}

// Wait returns when it is known what has become of everything, or when it cannot be known better: see
// [StatusUncertain]. That a part failed is no error: see [Result.Err].
//
// It asks for each activity after [Options.PollAfter], 5 seconds later, and then less and less often, up
// to once a minute, and reads the log of each that has ended: see [Client.ActivityLog]. All who wait
// with a client share three fifths of [Budget].Reads, or 12 requests a minute, and take turns.
//
// Where the answer to a request was lost, where Apple does not know an activity any more, and where it
// has no log or one that cannot be read, Wait reads the devices back instead, for up to 10 minutes, as
// [Operation.Verify] does. What is not as it was asked for then stays [StatusUncertain]; Wait may be
// called again to look once more.
//
// What is done may show in [Client.AssignedServer] and its like some time later only: see
// [Operation.Verify].
//
// An error means that Apple could not be asked, or that ctx ended. It costs nothing that is known
// already: [Operation.Result] has it, and Wait may be called again. Of several who wait, one asks.
func (op *Operation) Wait(ctx context.Context) (*Result, error) {
	if op.settled() {
		return op.Result(), nil
	}
	select {
	case <-op.running:
		defer func() { op.running <- struct{}{} }()
	case <-ctx.Done():
		return nil, poll.Cause(ctx)
	}
	op.resume(time.Now())
	for {
		due, wait, open := op.next(time.Now())
		var err error
		switch {
		case !open:
			return op.Result(), nil
		case len(due) > 0:
			err = op.ask(ctx, due)
		default:
			err = poll.Wait(ctx, wait)
		}
		if err != nil {
			return nil, err
		}
	}
}

// settled reports whether everything is known.
func (op *Operation) settled() bool {
	op.mu.Lock()
	defer op.mu.Unlock()
	for i := range op.cells {
		if op.cells[i].open() {
			return false
		}
	}
	return true
}
