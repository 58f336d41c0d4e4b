package vpp

import (
	"context"
	"sync"
)

// batch is operations that are placed together.
type batch struct {
	ops  []*Operation
	errs []error // for each, why it could not be waited for to the end
}

// place sends orders, each as an operation of its own, whether any of it is queued or not. Of all of
// them together as many requests are under way at once as of one otherwise, and the first one goes
// alone.
func (c *Client) place(ctx context.Context, orders []*order) *batch {
	if len(orders) == 0 {
		return new(batch)
	}
	config, err := c.currentConfig(ctx)
	if err != nil {
		return c.withhold(orders, err)
	}
	b := new(batch)
	var shares []share
	for _, o := range orders {
		op := newOperation(c, o)
		b.ops = append(b.ops, op)
		s := &sending{op: op, config: config}
		for _, p := range o.split(o.whole(), config.config.Limits) {
			shares = append(shares, share{s, p})
		}
	}
	var all stop
	all.deliver(ctx, shares[0])
	_ = parallel(ctx, shares[1:], func(ctx context.Context, s share) error {
		all.deliver(ctx, s)
		return nil
	})
	return b
}

// placeAfter is place for what needs the licences that first frees.
func (c *Client) placeAfter(ctx context.Context, first *batch, orders []*order) *batch {
	for _, err := range first.errs {
		if err != nil {
			return c.withhold(orders, err)
		}
	}
	return c.place(ctx, orders)
}

// withhold is place without sending anything, because of err.
func (c *Client) withhold(orders []*order, err error) *batch {
	b := new(batch)
	for _, o := range orders {
		op := newOperation(c, o)
		op.leave(o.whole(), StatusNotSent, err)
		b.ops = append(b.ops, op)
	}
	return b
}

// share is a part of one of several orders.
type share struct {
	*sending
	part *part
}

// stop is why nothing more of several orders is sent.
type stop struct {
	mu  sync.Mutex
	err error
}

// deliver sends a share, unless that was stopped, and stops the others if it met what every request
// would meet.
func (s *stop) deliver(ctx context.Context, next share) {
	s.mu.Lock()
	err := s.err
	s.mu.Unlock()
	if err != nil {
		next.op.leave(next.part, StatusNotSent, err)
		return
	}
	next.sending.deliver(ctx, next.part)
	if err := next.whyNot(nil); err != nil {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
}

// wait waits for all operations at once. What they ask together is bounded by the pace of the client.
func (b *batch) wait(ctx context.Context) {
	b.errs = make([]error, len(b.ops))
	var wg sync.WaitGroup
	for i, op := range b.ops {
		wg.Go(func() { _, b.errs[i] = op.Wait(ctx) })
	}
	wg.Wait()
}

// join adds another batch. Both were waited for.
func (b *batch) join(other *batch) {
	b.ops, b.errs = append(b.ops, other.ops...), append(b.errs, other.errs...)
}

// queued returns the operations of which Apple has, or may have, queued anything.
func (b *batch) queued() (queued []*Operation) {
	for _, op := range b.ops {
		if op.queued() {
			queued = append(queued, op)
		}
	}
	return queued
}

// result puts the outcomes together, and adds others. For what is pending, the reason is why it could
// not be waited for.
func (b *batch) result(more Outcomes) *Result {
	r := new(Result)
	for i, op := range b.ops {
		for _, o := range op.Result().Outcomes {
			if o.Err == nil && o.Status == StatusPending {
				o.Err = b.errs[i]
			}
			r.Outcomes = append(r.Outcomes, o)
		}
	}
	r.Outcomes = append(r.Outcomes, more...)
	return r
}

// refusal returns why nothing was queued.
func (b *batch) refusal() error { return b.result(nil).refusal() }
