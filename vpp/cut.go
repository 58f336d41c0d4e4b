package vpp

import "slices"

// bounds are how much of an order one request may carry.
type bounds struct{ products, users, devices int }

func (o *order) bounds(l Limits) bounds {
	switch {
	case o.kind == EventCreate || o.kind == EventUpdate || o.kind == EventRetire:
		return bounds{1, l.MaxUsers, l.MaxUsers}
	case o.products[0].subscription != 0:
		return bounds{l.MaxSubscriptions, l.MaxSubscriptionClientUserIDs, l.MaxSubscriptionClientUserIDs}
	case o.kind == EventRevoke:
		return bounds{1, l.MaxRevokeClientUserIDs, l.MaxRevokeSerialNumbers}
	}
	return bounds{l.MaxAssets, l.MaxClientUserIDs, l.MaxSerialNumbers}
}

// whole returns all of an order as one part, which most often is too much for a request.
func (o *order) whole() *part {
	p := &part{products: make([]int, len(o.products)), targets: make([]int, len(o.targets))}
	for i := range p.products {
		p.products[i] = i
	}
	for i := range p.targets {
		p.targets[i] = i
	}
	return p
}

// split cuts a part so that each piece is within the limits and has users only, or devices only:
// whether both may be in one request, sources disagree.
func (o *order) split(p *part, l Limits) []*part {
	most := o.bounds(l)
	devices := slices.IndexFunc(p.targets, func(t int) bool { return o.targets[t].serialNumber != "" })
	if devices < 0 {
		devices = len(p.targets)
	}
	var pieces []*part
	for products := range slices.Chunk(p.products, most.products) {
		for targets := range slices.Chunk(p.targets[:devices], most.users) {
			pieces = append(pieces, p.piece(products, targets))
		}
		for targets := range slices.Chunk(p.targets[devices:], most.devices) {
			pieces = append(pieces, p.piece(products, targets))
		}
	}
	return pieces
}

// piece returns a smaller part that has come from p.
func (p *part) piece(products, targets []int) *part {
	return &part{products: products, targets: targets, sentAt: p.sentAt, lost: p.lost, resent: p.resent}
}

// again returns a smaller part that is sent although p may still be carried out.
func (p *part) again(products, targets []int) *part {
	piece := p.piece(products, targets)
	piece.lost, piece.resent = true, true
	return piece
}

// remainder returns a smaller part that is followed as p is.
func (p *part) remainder(products, targets []int) *part {
	piece := *p
	piece.products, piece.targets = products, targets
	return &piece
}

// joined makes one part of those next to each other that are alike but for their targets or their
// products.
func joined(parts []*part) (fewer []*part) {
	for _, p := range parts {
		n := len(fewer)
		switch {
		case n > 0 && alike(fewer[n-1], p) && slices.Equal(fewer[n-1].products, p.products):
			fewer[n-1].targets = append(fewer[n-1].targets, p.targets...)
		case n > 0 && alike(fewer[n-1], p) && slices.Equal(fewer[n-1].targets, p.targets):
			fewer[n-1].products = append(fewer[n-1].products, p.products...)
		default:
			fewer = append(fewer, p)
		}
	}
	return fewer
}

func alike(a, b *part) bool { return a.status == b.status && a.err == b.err && a.phase == b.phase }

// except returns the indexes that are not among others.
func except(indexes, others []int) []int {
	among := make(map[int]bool, len(others))
	for _, i := range others {
		among[i] = true
	}
	return slices.DeleteFunc(slices.Clone(indexes), func(i int) bool { return among[i] })
}

// halves cuts a part in two, by what the refusal is about, or returns nil if there is one product
// for one target.
func (o *order) halves(p *part, refused *Error) []*part {
	byProduct := len(p.products) > len(p.targets)
	switch refused.Number {
	case NumberTooManyAssets, NumberDuplicateAssets, NumberNotRevocable, NumberNotDeviceAssignable, NumberAdamID:
		byProduct = true
	case NumberTooManyClientIDs, NumberTooManySerials, NumberTooManyUsers, NumberDuplicateClientID, NumberDuplicateSerial,
		NumberDuplicateUsers, NumberUserNotFound, NumberUserNotAssociated:
		byProduct = false
	}
	switch m, n := len(p.products)/2, len(p.targets)/2; {
	case m > 0 && (byProduct || n == 0):
		return []*part{p.piece(p.products[:m], p.targets), p.piece(p.products[m:], p.targets)}
	case n > 0:
		return []*part{p.piece(p.products, p.targets[:n]), p.piece(p.products, p.targets[n:])}
	}
	return nil
}
