package vpp

import (
	"context"
	"errors"
	"net/http"
	"slices"
)

// refusesContent returns the refusal if err is one of something that the request is about, so that
// the rest of it may be taken.
func refusesContent(err error) (*Error, bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Number == 0 || e.StatusCode != http.StatusBadRequest && e.StatusCode != http.StatusOK || stateOf(e) != StateUnknown {
		return nil, false
	}
	for _, other := range []error{
		ErrForbidden, ErrServiceRemoved, ErrTooManyRequests, ErrMaintenance, ErrServer, ErrUnexpectedAnswer,
	} {
		if errors.Is(e, other) {
			return nil, false
		}
	}
	return e, true
}

// instead notes what a refusal says of a part and returns what to send in its place.
func (s *sending) instead(ctx context.Context, p *part, refused *Error) []*part {
	if errors.Is(refused, ErrTooMany) {
		if pieces := s.cutAgain(ctx, p); len(pieces) > 1 {
			return pieces
		}
	} else {
		products, targets := s.op.named(p, refused.Info)
		if errors.Is(refused, ErrDuplicate) {
			products, targets = nil, nil // each of them is fine without the others
		}
		if len(products)+len(targets) == 0 && p.lost && s.op.order.doneBefore(refused) && s.op.order.topic != "" {
			s.op.suspect(p, refused)
			return nil
		}
		if len(products)+len(targets) == 0 {
			products = s.unfit(ctx, p, refused)
		}
		if len(products)+len(targets) > 0 {
			return s.without(p, products, targets, refused)
		}
	}
	if halves := s.op.order.halves(p, refused); halves != nil {
		return halves
	}
	s.refuse(p, refused)
	return nil
}

// refuse notes that Apple refuses all of a part, unless that shows that an earlier request for the
// same was taken.
func (s *sending) refuse(p *part, refused *Error) {
	if p.lost && s.op.order.doneBefore(refused) {
		s.op.leave(p, StatusDone, nil)
		return
	}
	s.op.leave(p, StatusFailed, refused)
}

// cutAgain cuts a part by the limits as they are now: they have changed since it was cut.
func (s *sending) cutAgain(ctx context.Context, p *part) []*part {
	c := s.op.client
	c.config.Drop(s.config) // once: it no longer is what is kept
	config, err := c.currentConfig(ctx)
	if err != nil {
		return nil
	}
	return s.op.order.split(p, config.config.Limits)
}

// named returns the products and the targets of a part that Apple names.
func (op *Operation) named(p *part, info ErrorInfo) (products, targets []int) {
	for _, key := range info.Assets {
		number, _ := key.AdamID.Number()
		for _, named := range []product{{asset: key.complete()}, {subscription: number}} {
			if i, ok := op.order.productAt[named]; ok && slices.Contains(p.products, i) {
				products = append(products, i)
			}
		}
	}
	for _, id := range info.ClientUserIDs {
		if i, ok := op.order.targetAt[holder{clientUserID: id}]; ok && slices.Contains(p.targets, i) {
			targets = append(targets, i)
		}
	}
	for _, serial := range info.SerialNumbers {
		if i, ok := op.order.targetAt[holder{serialNumber: serial}]; ok && slices.Contains(p.targets, i) {
			targets = append(targets, i)
		}
	}
	return products, targets
}

// unfit returns the products of a part for which Apple has refused it without naming them.
func (s *sending) unfit(ctx context.Context, p *part, refused *Error) (products []int) {
	var filter AssetFilter
	switch {
	case errors.Is(refused, ErrNotDeviceAssignable):
		filter.DeviceAssignable = new(false)
	case errors.Is(refused, ErrNotRevocable):
		filter.Revocable = new(false)
	default:
		return nil
	}
	for asset, err := range s.op.client.Assets(ctx, filter) {
		if err != nil {
			return nil // halves find them too
		}
		if i, ok := s.op.order.productAt[product{asset: asset.Key().complete()}]; ok && slices.Contains(p.products, i) {
			products = append(products, i)
		}
	}
	slices.Sort(products)
	return slices.Compact(products)
}

// without notes as refused what is about the products and targets, all of them where none is given,
// and returns the rest of the part.
func (s *sending) without(p *part, products, targets []int, refused *Error) (rest []*part) {
	otherProducts, otherTargets := except(p.products, products), except(p.targets, targets)
	if len(products) == 0 {
		products, otherProducts = p.products, nil
	}
	if len(targets) == 0 {
		targets, otherTargets = p.targets, nil
	}
	s.refuse(p.piece(products, targets), refused)
	for _, piece := range []*part{p.piece(otherProducts, p.targets), p.piece(products, otherTargets)} {
		if len(piece.products) > 0 && len(piece.targets) > 0 {
			rest = append(rest, piece)
		}
	}
	return rest
}
