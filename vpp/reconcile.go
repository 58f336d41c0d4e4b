package vpp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Reconciliation is what has become of a [Plan].
type Reconciliation struct {
	Plan *Plan

	// What became of what was to be taken back and given, with what the plan says cannot be.
	Disassociated *Result
	Associated    *Result

	// Operations are those that were begun. What is open in one can be waited for further, and be
	// kept with [Operation.Record].
	Operations []*Operation
}

// Done reports whether everything is as it was wished for.
func (r *Reconciliation) Done() bool { return r.Disassociated.Done() && r.Associated.Done() }

// Err returns nil if everything is as it was wished for, and otherwise an error that says what is not,
// in which errors.Is and errors.As reach each reason. See [Result.Err].
func (r *Reconciliation) Err() error {
	var taking, giving error
	if err := r.Disassociated.Err(); err != nil {
		taking = fmt.Errorf("take back: %w", err)
	}
	if err := r.Associated.Err(); err != nil {
		giving = fmt.Errorf("give: %w", err)
	}
	return errors.Join(taking, giving)
}

// Reconcile fulfils wishes, and takes back what is within scope and nobody wishes for: it is
// [Client.PlanAssignments] and [Client.RunPlan]. To do it again costs the reading, if nothing has
// changed. Do so from time to time: what others do meanwhile is not noticed.
func (c *Client) Reconcile(ctx context.Context, wishes []Grant, scope Scope) (*Reconciliation, error) {
	plan, err := c.PlanAssignments(ctx, wishes, scope)
	if err != nil {
		return nil, err
	}
	return c.RunPlan(ctx, plan)
}

// RunPlan does what plan says, and waits until it is known what became of it: it takes back what is to
// be taken back and gives what needs no licence of that, and gives the rest when the former is done.
// Waiting is as with [Operation.Wait]. It costs one request for each [Grant] that is within the limits
// of the service, more for larger ones, and those of the waiting.
//
// That something failed is an outcome and no error, and so it is when ctx ends, or Apple cannot be
// asked, after the first request: what was sent is then pending, with the reason, and what was not
// sent is [StatusNotSent]. It is safe to run the plan or, better, a new one again.
//
// An error means that nothing was queued, as with [Client.Associate], although there was something to
// do. It is an [*InputError] if the plan is of another location.
func (c *Client) RunPlan(ctx context.Context, plan *Plan) (*Reconciliation, error) {
	orders, err := c.planned(plan)
	if err != nil {
		return nil, err
	}
	back, given := c.place(ctx, orders[0]), c.place(ctx, orders[1])
	var wg sync.WaitGroup
	wg.Go(func() { given.wait(ctx) })
	back.wait(ctx)
	later := c.placeAfter(ctx, back, orders[2])
	later.wait(ctx)
	wg.Wait()
	given.join(later)
	r := &Reconciliation{
		Plan:          plan,
		Disassociated: back.result(plan.Irrevocable),
		Associated:    given.result(plan.Impossible),
		Operations:    slices.Concat(back.queued(), given.queued()),
	}
	if len(r.Operations) == 0 && !plan.Empty() {
		back.join(given)
		return nil, back.refusal()
	}
	return r, nil
}

// planned checks a plan and returns its orders: to take back, to give, and to give afterwards.
func (c *Client) planned(plan *Plan) (orders [3][]*order, err error) {
	if plan == nil {
		return orders, &InputError{Field: "plan", Rule: "must not be nil"}
	}
	if uid := c.UID(); plan.UID != "" && uid != "" && plan.UID != uid {
		return orders, &InputError{Field: "plan.UID", Rule: "is " + plan.UID + "; this client is of " + uid}
	}
	for i, list := range []struct {
		name   string
		kind   EventType
		grants []Grant
	}{
		{"Disassociate", EventDisassociate, plan.Disassociate},
		{"Associate", EventAssociate, plan.Associate},
		{"Afterwards", EventAssociate, plan.Afterwards},
	} {
		for n, g := range list.grants {
			o := orderFor(list.kind, false)
			o.products, o.targets, err = g.members()
			if err == nil && len(o.products) > 0 && len(o.targets) > 0 {
				orders[i] = append(orders[i], &o)
			}
			if err != nil {
				return orders, within(fmt.Sprintf("plan.%s[%d]", list.name, n), err)
			}
		}
	}
	return orders, nil
}
