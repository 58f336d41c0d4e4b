package axm

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/applemdm/applemdm/internal/field"
)

// PerDevice is what a call told of one device.
type PerDevice[T any] struct {
	Serial string
	Value  T
	Err    error // why there is no Value, in what concerns this device only
}

// AppleCareOf calls [Client.AppleCare] for each of the serial numbers, without repetitions, in their
// order. Apple has no such call for many devices, so it costs a request for each; as many are under
// way as [Options.MaxInFlight] and [Budget] allow, and memory stays flat.
//
// What goes wrong with one device is in its Err, and the others follow. What would go wrong with all
// of them ends the iteration: a line that is lost, a context that ends, a refused key, a role that
// lacks the permission, [ErrTooManyRequests] and [ErrUnavailable]. That error comes once, last, with
// the Serial of the first device that has no result; whoever passes on the serial numbers from there
// on resumes. Each range starts afresh.
func (c *Client) AppleCareOf(ctx context.Context, serials []string, fields ...string) iter.Seq2[PerDevice[[]AppleCareCoverage], error] {
	return perDevice(ctx, c, serials, func(ctx context.Context, serial string) ([]AppleCareCoverage, error) {
		return c.AppleCare(ctx, serial, fields...)
	})
}

// ActivationLocksOf calls [Client.ActivationLock] for each of the serial numbers. Order, cost, errors
// and resuming are as with [Client.AppleCareOf].
func (c *Client) ActivationLocksOf(ctx context.Context, serials []string, fields ...string) iter.Seq2[PerDevice[*ActivationLock], error] {
	return perDevice(ctx, c, serials, func(ctx context.Context, serial string) (*ActivationLock, error) {
		return c.ActivationLock(ctx, serial, fields...)
	})
}

// AssignedServerIDsOf calls [Client.AssignedServerID] for each of the serial numbers. Order, cost,
// errors and resuming are as with [Client.AppleCareOf]. For most devices of a server,
// [Client.ServerDevices] is much cheaper.
func (c *Client) AssignedServerIDsOf(ctx context.Context, serials []string) iter.Seq2[PerDevice[string], error] {
	return perDevice(ctx, c, serials, c.AssignedServerID)
}

// perDevice calls ask for each of the serial numbers and yields the results in their order.
func perDevice[T any](ctx context.Context, c *Client, serials []string, ask func(context.Context, string) (T, error)) iter.Seq2[PerDevice[T], error] {
	return func(yield func(PerDevice[T], error) bool) {
		if len(serials) == 0 { // all that was to be resumed is done
			return
		}
		unique, err := field.Serials("serials", serials)
		if err != nil {
			yield(PerDevice[T]{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		f := newFan(ctx, c.opts.MaxInFlight, unique, ask)
		defer f.workers.Wait()
		defer close(f.calls)
		defer cancel()
		for {
			f.start()
			if len(f.waiting) == 0 {
				return
			}
			r := f.take()
			if r.Err != nil && endsAll(r.Err) {
				yield(PerDevice[T]{Serial: r.Serial}, r.Err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// endsAll reports whether err, which a call for one device came to, would be that of all others.
// Only an answer can be about one device.
func endsAll(err error) bool {
	if errors.Is(err, ErrBodyTooLarge) {
		return false
	}
	_, answered := errors.AsType[*Error](err)
	return !answered || errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden) ||
		errors.Is(err, ErrTooManyRequests) || errors.Is(err, ErrUnavailable)
}

// fan is the calls that are under way and what has not been taken of them, in order.
type fan[T any] struct {
	todo    []string
	calls   chan fanCall[T]
	waiting []chan PerDevice[T]
	workers sync.WaitGroup
}

type fanCall[T any] struct {
	serial string
	result chan PerDevice[T]
}

// newFan starts so many workers. Twice as many results are waited for, so that a slow one does not
// leave the line idle.
func newFan[T any](ctx context.Context, workers int, serials []string, ask func(context.Context, string) (T, error)) *fan[T] {
	f := &fan[T]{todo: serials, calls: make(chan fanCall[T], 2*workers)}
	for range min(workers, len(serials)) {
		f.workers.Go(func() {
			for call := range f.calls {
				r := PerDevice[T]{Serial: call.serial}
				r.Value, r.Err = ask(ctx, call.serial)
				call.result <- r
			}
		})
	}
	return f
}

// start gives the workers more to do, until enough results are waited for.
func (f *fan[T]) start() {
	for ; len(f.waiting) < cap(f.calls) && len(f.todo) > 0; f.todo = f.todo[1:] {
		call := fanCall[T]{f.todo[0], make(chan PerDevice[T], 1)}
		f.waiting = append(f.waiting, call.result)
		f.calls <- call
	}
}

// take returns the first of the results. A call ends when its context does.
func (f *fan[T]) take() PerDevice[T] {
	r := <-f.waiting[0]
	f.waiting = f.waiting[1:]
	return r
}
