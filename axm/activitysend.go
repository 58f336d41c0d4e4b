package axm

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/applemdm/applemdm/internal/rest"
)

// begin sends an order, whole or in the parts given, in as many activities as it takes. Its error means
// that none was begun.
func (c *Client) begin(ctx context.Context, o *order, parts ...*part) (*Operation, error) {
	if len(parts) == 0 {
		parts = []*part{o.whole()}
	}
	op := newOperation(c, o)
	var stopped, first error
	for _, p := range split(parts, c.opts.ActivitySize) {
		if stopped != nil {
			op.leave(p, StatusNotSent, stopped)
			continue
		}
		a, err := c.createActivity(ctx, o, p)
		switch {
		case err == nil:
			op.accept(p, a)
		case mayBeBegun(o.kind.op(), err):
			op.suspect(p, err)
			stopped = err
		case isRefusal(err):
			op.leave(p, StatusFailed, err)
			if !blamesDevices(err) { // others would be refused as well
				stopped = err
			}
		default:
			op.leave(p, StatusNotSent, err)
			stopped = err
		}
		if first == nil {
			first = err
		}
	}
	if !op.begun() {
		return nil, first
	}
	return op, nil
}

// createActivity sends the request for a part.
func (c *Client) createActivity(ctx context.Context, o *order, p *part) (*Activity, error) {
	return call[Activity](ctx, c, request{
		op: o.kind.op(), method: http.MethodPost, path: rest.Path{kindActivities}, body: o.body(p),
		businessOnly: o.kind == ActivityReleaseDevices,
	})
}

// mayBeBegun reports whether Apple may have begun an activity although the request for it ended with
// err.
func mayBeBegun(op string, err error) bool {
	if e, ok := errors.AsType[*TransportError](err); ok {
		return e.Sent && e.Op == op // the other is about the token
	}
	_, answered := errors.AsType[*Error](err)
	return answered && (errors.Is(err, ErrServer) || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnexpectedAnswer))
}

// isRefusal reports whether Apple refused what is in a request.
func isRefusal(err error) bool {
	return errors.Is(err, ErrConflict) || errors.Is(err, ErrInvalidRequest) || errors.Is(err, ErrNotFound)
}

// blamesDevices reports whether a refusal names devices of its request, so that others may fare better.
func blamesDevices(refusal error) bool {
	e, ok := errors.AsType[*Error](refusal)
	return ok && slices.ContainsFunc(e.Items, func(item ErrorItem) bool {
		return strings.Contains(item.Source.Pointer, "/relationships/devices/data/")
	})
}

// accept notes that an activity was begun.
func (op *Operation) accept(p *part, a *Activity) {
	op.mu.Lock()
	defer op.mu.Unlock()
	p.activityID, p.sentAt, p.status = a.ID, time.Now(), StatusPending
	op.add(p)
	op.follow(p)
}

// suspect notes that an activity may have been begun.
func (op *Operation) suspect(p *part, err error) {
	op.mu.Lock()
	defer op.mu.Unlock()
	p.sentAt, p.status, p.err = time.Now(), StatusUncertain, err
	op.add(p)
	op.follow(p)
}

// leave notes that no activity was begun.
func (op *Operation) leave(p *part, status Status, err error) {
	op.mu.Lock()
	defer op.mu.Unlock()
	p.status, p.err = status, err
	op.add(p)
}
