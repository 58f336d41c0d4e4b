package vpp

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/applemdm/applemdm/internal/poll"
)

// begin sends an order, in as many requests as it takes, and returns the operation. Its error means
// that nothing was queued.
func (c *Client) begin(ctx context.Context, o order) (*Operation, error) {
	if err := c.mayWrite(o.op); err != nil {
		return nil, err
	}
	op := newOperation(c, &o)
	if err := op.send(ctx, o.whole()); err != nil {
		return nil, err
	}
	if !op.queued() {
		return nil, op.Result().refusal()
	}
	return op, nil
}

// sending is one round of sending parts of an order.
type sending struct {
	op     *Operation
	config *publishedConfig // that the parts were cut for

	mu      sync.Mutex
	stopped error // why nothing more is sent
}

// send sends a part, cut as the service wants it. The first request goes alone: what is wrong with
// the token or the location shows there. Its error means that none was sent; what failed later is
// noted in the outcomes.
func (op *Operation) send(ctx context.Context, whole ...*part) error {
	config, err := op.client.currentConfig(ctx)
	if err != nil {
		return err
	}
	s := &sending{op: op, config: config}
	var pieces []*part
	for _, p := range whole {
		pieces = append(pieces, op.order.split(p, config.config.Limits)...)
	}
	s.deliver(ctx, pieces[0])
	_ = parallel(ctx, pieces[1:], func(ctx context.Context, p *part) error {
		s.deliver(ctx, p)
		return nil
	})
	if whole[0].resent {
		return s.stopped
	}
	return nil
}

// maxRefusals is how many requests Apple may refuse for what is in one part before the rest of the
// part is left. To find one bad target among a thousand takes ten.
const maxRefusals = 32

// deliver sends a part and, where Apple refuses it for something in it, the rest of it.
func (s *sending) deliver(ctx context.Context, first *part) {
	var exhausted error
	refusals, accepted := 0, false
	for rest := []*part{first}; len(rest) > 0; {
		p := rest[0]
		rest = rest[1:]
		if why := s.whyNot(exhausted); why != nil {
			s.op.leaveUnsent(p, why)
			continue
		}
		err := s.attempt(ctx, p)
		refused, ok := refusesContent(err)
		switch {
		case err == nil:
			accepted = true
		case !ok:
			s.stop(err)
		case refusals == maxRefusals:
			exhausted = err
			s.op.leaveUnsent(p, err)
			if !accepted {
				s.stop(err)
			}
		default:
			refusals++
			rest = append(s.instead(ctx, p, refused), rest...)
		}
	}
}

func (s *sending) whyNot(exhausted error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped != nil {
		return s.stopped
	}
	return exhausted
}

// stop ends the round, for a reason that every request would meet.
func (s *sending) stop(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped == nil {
		s.stopped = err
	}
}

// attempt sends a part and notes what became of it, but for refusals of what is in it.
func (s *sending) attempt(ctx context.Context, p *part) error {
	c := s.op.client
	c.notices.begin()
	defer c.notices.end()
	eventID, err := s.op.post(ctx, p)
	_, refused := refusesContent(err)
	switch {
	case err == nil:
		s.op.accept(p, eventID)
	case mayBeQueued(s.op.order.op, err):
		s.op.suspect(p, err)
	case !refused:
		s.op.leaveUnsent(p, err)
	}
	return err
}

// eventAnswer is the answer to what is carried out later.
type eventAnswer struct {
	envelope
	EventID string `json:"eventId"`
}

// post sends one request and returns its event. Whatever may be done twice is repeated by the
// engine, which tells when an attempt may have been taken. The rest becomes like that by the note that
// an earlier request may have done it, by which the answer to the second one is understood.
func (op *Operation) post(ctx context.Context, p *part) (eventID string, err error) {
	o := op.order
	answer := new(eventAnswer)
	repeatable := o.repeatable() || p.lost
	err = op.client.call(ctx, request{
		op: o.op, method: http.MethodPost, url: o.url, path: o.path, body: o.body(p), repeatable: repeatable, writes: true,
		doubt: p.answerLost,
	}, answer)
	if err == nil && answer.EventID == "" && o.topic != "" {
		err = incomplete(o.op, "it names no event")
	}
	retry := op.client.engine.Retry
	if !repeatable && mayBeQueued(o.op, err) {
		p.answerLost()
		if retry.Tries > 1 && poll.Wait(ctx, retry.MinWait) == nil {
			return op.post(ctx, p)
		}
	}
	return answer.EventID, err
}

// mayBeQueued reports whether Apple may have taken a request that ended with err.
func mayBeQueued(op string, err error) bool {
	if e, ok := errors.AsType[*TransportError](err); ok {
		return e.Sent && e.Op == op
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Op != op {
		return false // it was about the token or the service configuration
	}
	if e, ok := errors.AsType[*strayedError](err); ok {
		return e.op == op
	}
	return errors.Is(err, ErrServer) || errors.Is(err, ErrUnexpectedAnswer)
}
