package apns

import (
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// breaker keeps a pool from opening connections that will fail again: after a failure it makes a
// pause that grows, and after a refusal of the certificate nothing is even queued meanwhile. The
// service takes many connections for an attack.
type breaker struct {
	failures  int // in a row
	notBefore time.Time
	cause     error // of the refusal; nil while the certificate is not in doubt
}

// maxSilent is how many connections may die unanswered, without a word, before the certificate is
// blamed.
const maxSilent = 4

var (
	dialBackoff    = poll.Backoff{Min: time.Second, Max: time.Minute}
	refusedBackoff = poll.Backoff{Min: 30 * time.Second, Max: 15 * time.Minute}
)

// failed notes a failure and reports whether it is one too many.
func (b *breaker) failed(now time.Time, _ error) bool {
	b.notBefore = now.Add(dialBackoff.Delay(b.failures))
	b.failures++
	return b.failures%maxSilent == 0
}

// open notes that the certificate was refused.
func (b *breaker) open(now time.Time, cause error) {
	b.notBefore = now.Add(refusedBackoff.Delay(b.failures / maxSilent))
	b.failures++
	b.cause = cause
}

// close notes an answer that shows that all is well.
func (b *breaker) close() { *b = breaker{} }

// allows reports whether a connection may be opened.
func (b *breaker) allows(now time.Time) bool { return !now.Before(b.notBefore) }

// refusal is what a push gets as its outcome while the certificate is refused, or nil.
func (b *breaker) refusal(now time.Time) error {
	if b.allows(now) {
		return nil
	}
	return b.cause
}
