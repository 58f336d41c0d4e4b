package rest

import (
	"context"
	"errors"
)

// OwnError returns the error of a call that got no credential to send req with. All who waited for
// the same credential share its error, so each gets a copy of the service's error, a *E, to change.
// That the caller's own time was up meanwhile is told as for every call that gets no answer: as a
// [*TransportError].
func OwnError[E any, P interface {
	*E
	error
}](ctx context.Context, req Request, err error) error {
	if shared, ok := err.(P); ok {
		own := *shared
		return P(&own)
	}
	_, told := errors.AsType[*TransportError](err)
	if told || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	return &TransportError{Op: req.Op, Method: req.Method, Path: req.Path.String(), Err: err}
}
