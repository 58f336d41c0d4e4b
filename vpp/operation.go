package vpp

import "sync"

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

	*known
}

// known is what is known of an operation. It is behind a pointer so that package fmt, which knows
// no locks, does not read it.
type known struct {
	mu     sync.Mutex
	cells  []cell // by product, then by target
	parts  []*part
	rounds int // of waiting that came to an end
}

func newOperation(c *Client, o *order) *Operation {
	o.index()
	op := &Operation{
		client: c, order: o, running: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		known: &known{cells: make([]cell, o.cells())},
	}
	op.running <- struct{}{}
	return op
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
			counted := min(max(part.done-(all-open), 0), open, p.Pending)
			p.Done, p.Pending = p.Done+counted, p.Pending-counted
		}
	}
	return p
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

// settle notes what has become of a cell, unless that is known already.
func (c *cell) settle(status Status, err error) {
	if c.open() {
		c.status, c.err = status, err
	}
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

// settleAll settles the cells of a part.
func (op *Operation) settleAll(p *part, status Status, err error) {
	op.eachCell(p, func(_, _ int, c *cell) { c.settle(status, err) })
}
