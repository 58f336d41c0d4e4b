package apns

import (
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// breaker keeps a pool from opening connections that will fail again: after a failure it makes a
// pause that grows, and after a refusal nothing is even queued meanwhile. The service takes many
// connections for an attack.
type breaker struct {
	failures  int // of connections, in a row
	silent    int // of these, that were reached and ended before their first answer
	refusals  int // in a row
	notBefore time.Time
	last      error     // of the failures; nil while all is well
	cause     error     // of the refusal; nil while none is in force
	refusedAt time.Time // when that was
}

// maxSilent is how many connections may end unanswered, without a word, before pushes stop waiting
// for the next one.
const maxSilent = 4

var (
	dialBackoff    = poll.Backoff{Min: time.Second, Max: time.Minute}
	refusedBackoff = poll.Backoff{Min: 30 * time.Second, Max: 15 * time.Minute}
)

// failed notes that no connection could be had. It reports whether that was one connection too many
// that was reached, and ended without a word. While a refusal is in force, it says nothing new.
func (b *breaker) failed(now time.Time, err error, reached bool) bool {
	if b.refusal(now) != nil {
		return false
	}
	b.notBefore = now.Add(dialBackoff.Delay(b.failures))
	b.failures++
	b.last, b.cause = err, nil
	if reached {
		b.silent++
	}
	return reached && b.silent >= maxSilent
}

// refuse notes why nothing can be sent for a while. Many pushes may find that out together: only the
// first makes the pause longer.
func (b *breaker) refuse(now time.Time, cause error) {
	if b.refusal(now) != nil {
		return
	}
	b.notBefore = now.Add(refusedBackoff.Delay(b.refusals))
	b.refusals++
	b.last, b.cause, b.refusedAt = cause, cause, now
}

// answered notes an answer that shows that all is well, and reports whether it does: one that comes
// over a connection from before the refusal does not.
func (b *breaker) answered(opened time.Time) bool {
	if b.cause != nil && !opened.After(b.refusedAt) {
		return false
	}
	*b = breaker{}
	return true
}

// allows reports whether a connection may be opened.
func (b *breaker) allows(now time.Time) bool { return !now.Before(b.notBefore) }

// refusal is what a push gets as its outcome while nothing can be sent, or nil.
func (b *breaker) refusal(now time.Time) error {
	if b.cause == nil || b.allows(now) {
		return nil
	}
	return &TransportError{Err: b.cause}
}
