package apns

import (
	"errors"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/edge"
)

// StateKind is the condition of a push certificate and of the way to APNs.
type StateKind string

// The conditions. In all but the first three, no push gets through until somebody has acted.
const (
	StateUnknown       StateKind = ""                     // nothing was pushed yet
	StateOK            StateKind = "ok"                   // APNs answers
	StateExpiring      StateKind = "certificate expiring" // as OK, but the certificate ends within [Options.ExpiryWarning]
	StateRefused       StateKind = "certificate refused"  // [ErrCertificate] and its kin: renew or replace it
	StateUnreachable   StateKind = "unreachable"          // connections fail; it is tried again and again
	StateTokensRefused StateKind = "tokens refused"       // most tokens get [ErrBadDeviceToken]: the configuration is wrong, not the tokens
)

// State is the condition of a client since a point in time. It changes with what APNs answers.
type State struct {
	Kind     StateKind
	Since    time.Time // when this client noticed
	NotAfter time.Time // end of the certificate
	Err      error     // what says so; nil while all is well
}

// stateWatch keeps the state of a client.
type stateWatch struct {
	edge    *edge.Watch[State]
	warning time.Duration

	mu       sync.Mutex
	notAfter time.Time
	bad      badTokens
}

func newStateWatch(opts *Options) *stateWatch {
	return &stateWatch{
		edge:    edge.NewWatch(func(a, b State) bool { return a.Kind == b.Kind }, opts.OnState),
		warning: opts.ExpiryWarning,
	}
}

// badTokens tells a burst of tokens that APNs does not know from a rotten one now and then: the share
// of them among the latest answers, as a moving average.
type badTokens struct {
	share   float64
	answers int
}

const (
	badTokenWeight = 0.02 // of the newest answer
	badTokenLeast  = 50   // answers before a judgement
	badTokenAlarm  = 0.5
	badTokenClear  = 0.1
)

func (b *badTokens) note(bad bool) {
	b.answers++
	b.share *= 1 - badTokenWeight
	if bad {
		b.share += badTokenWeight
	}
}

// certificate notes which certificate is in use.
func (w *stateWatch) certificate(cert *Certificate) {
	w.mu.Lock()
	w.notAfter = cert.NotAfter()
	w.mu.Unlock()
}

// answered notes an answer that leaves the certificate out of doubt.
func (w *stateWatch) answered(badToken bool) {
	w.mu.Lock()
	w.bad.note(badToken)
	kind := w.kindOfAnswer()
	w.mu.Unlock()
	if kind == w.edge.State().Kind {
		return
	}
	var err error
	if kind == StateTokensRefused {
		err = ErrBadDeviceToken
	}
	w.set(kind, err)
}

func (w *stateWatch) kindOfAnswer() StateKind {
	alarmed := w.edge.State().Kind == StateTokensRefused
	switch {
	case w.bad.answers >= badTokenLeast && w.bad.share > badTokenAlarm, alarmed && w.bad.share > badTokenClear:
		return StateTokensRefused
	case !w.notAfter.IsZero() && time.Until(w.notAfter) < w.warning:
		return StateExpiring
	}
	return StateOK
}

// refused notes that the certificate is not accepted.
func (w *stateWatch) refused(err error) {
	if errors.Is(err, ErrNoConnection) {
		w.set(StateUnreachable, err)
		return
	}
	w.set(StateRefused, err)
}

// unreachable notes that connections fail, one after the other.
func (w *stateWatch) unreachable(err error) { w.set(StateUnreachable, err) }

func (w *stateWatch) set(kind StateKind, err error) {
	w.mu.Lock()
	s := State{Kind: kind, Since: time.Now(), NotAfter: w.notAfter, Err: err}
	w.mu.Unlock()
	w.edge.Set(s)
}
