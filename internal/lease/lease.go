// Package lease caches one credential that must be fetched: a session, an access token.
package lease

import (
	"context"
	"sync"

	"github.com/applemdm/applemdm/internal/poll"
)

// Lease holds a value that every call needs and that fetching renews.
//
// However many callers want the value at once, one of them fetches it and all share the outcome,
// a failure too. A caller who waits for another's fetch stops waiting when its own context ends;
// when the context of the fetching caller ends, one of those who wait takes over. Values are
// dropped and replaced by comparison with the value that was used, so that late news about an old
// value cannot harm a newer one.
//
// A Lease is safe for concurrent use. It starts no goroutine and does no I/O under its lock.
type Lease[T comparable] struct {
	fetch func(ctx context.Context, refused T) (T, error)

	mu      sync.Mutex
	value   T // the zero value stands for "none"
	refused T // the value that was dropped last
	flight  *flight[T]
}

// flight is one fetch under way. Its fields are set before done is closed.
type flight[T comparable] struct {
	done      chan struct{}
	value     T
	err       error
	abandoned bool // the caller who fetched gave up, which says nothing about the others
}

// New returns an empty Lease. fetch gets the value that was dropped last (zero at first), so that
// a fetch from a shared store can tell it from a newer one; it must not return the zero value
// without an error.
func New[T comparable](fetch func(ctx context.Context, refused T) (T, error)) *Lease[T] {
	return &Lease[T]{fetch: fetch}
}

// Get returns the value, fetching it if there is none.
func (l *Lease[T]) Get(ctx context.Context) (T, error) {
	var zero T
	for {
		l.mu.Lock()
		if l.value != zero {
			defer l.mu.Unlock()
			return l.value, nil
		}
		f := l.flight
		if f == nil {
			f = &flight[T]{done: make(chan struct{})}
			l.flight = f
			refused := l.refused
			l.mu.Unlock()
			return l.run(ctx, f, refused)
		}
		l.mu.Unlock()

		select {
		case <-f.done:
			if !f.abandoned {
				return f.value, f.err
			}
		case <-ctx.Done():
			return zero, poll.Cause(ctx)
		}
	}
}

// Fresh returns the value as Get does, but one that is stale it drops, and fetches another in its
// place, once: the caller gets that as it is.
func (l *Lease[T]) Fresh(ctx context.Context, stale func(T) bool) (T, error) {
	value, err := l.Get(ctx)
	if err != nil || !stale(value) {
		return value, err
	}
	l.Drop(value)
	return l.Get(ctx)
}

// run fetches on behalf of everyone who waits for f. The deferred part also runs when fetch
// panics: whoever waits is then released to try on its own.
func (l *Lease[T]) run(ctx context.Context, f *flight[T], refused T) (T, error) {
	f.abandoned = true
	defer func() {
		l.mu.Lock()
		if l.flight == f { // or it was reset meanwhile
			l.flight = nil
			if f.err == nil && !f.abandoned {
				l.value = f.value
			}
		}
		l.mu.Unlock()
		close(f.done)
	}()
	f.value, f.err = l.fetch(ctx, refused)
	f.abandoned = f.err != nil && ctx.Err() != nil
	return f.value, f.err
}

// Reset forgets the value, whatever it is. The next Get fetches, also when a fetch is under way:
// that one goes to those who wait for it already.
func (l *Lease[T]) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flight = nil
	var zero T
	if l.value != zero {
		l.value, l.refused = zero, l.value
	}
}

// Drop forgets used if it still is the value: the service refused it. The next Get fetches.
func (l *Lease[T]) Drop(used T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.value == used {
		var zero T
		l.value, l.refused = zero, used
	}
}

// Replace puts next in the place of used if used still is the value, and reports whether it did.
func (l *Lease[T]) Replace(used, next T) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.value != used {
		return false
	}
	l.value = next
	return true
}
