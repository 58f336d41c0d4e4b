// Package poll waits: for a while, for ever longer whiles, and never past the end of a context.
package poll

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Cause returns nil while ctx lasts. Then it returns the error of ctx and, if another cause was
// given, that too: errors.Is finds both.
func Cause(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == cause {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// Wait returns nil after d, or [Cause] of ctx as soon as it ends. A d of zero or less only asks
// whether ctx has ended.
func Wait(ctx context.Context, d time.Duration) error {
	return WaitOr(ctx, max(d, 0), nil)
}

// WaitOr is [Wait] that also ends, with nil, when wake can be received from. A d of less than zero
// waits for that, or the end of ctx, alone.
func WaitOr(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	if err := Cause(ctx); err != nil || d == 0 {
		return err
	}
	var after <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-after:
		return nil
	case <-wake:
		return nil
	case <-ctx.Done():
		return Cause(ctx)
	}
}

// Backoff is a series of delays that doubles from Min to Max.
type Backoff struct {
	Min, Max time.Duration
}

// Delay returns the delay after failure number n, counted from 0. It lies between half of the
// doubled value and the whole, drawn anew at each call, so that clients which failed together do
// not come back together.
func (b Backoff) Delay(n int) time.Duration {
	d := b.Min
	for ; n > 0 && d < b.Max; n-- {
		d *= 2
	}
	d = max(min(d, b.Max), 0)
	return d - rand.N(d/2+1)
}
