package apns

import (
	"errors"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/edge"
)

// StateKind is the condition of a push certificate and of the way to APNs.
type StateKind string

// The conditions. In the first four, pushes get through. The others last until somebody has acted, but
// for StateUnreachable, which may pass by itself.
const (
	StateUnknown       StateKind = ""                     // nothing was pushed yet
	StateOK            StateKind = "ok"                   // APNs answers
	StateExpiring      StateKind = "certificate expiring" // as OK, but the certificate ends within [Options.ExpiryWarning]
	StateTopicChanged  StateKind = "topic changed"        // as OK, but the source has a certificate for another topic ([*TopicError]), which is not used
	StateRefused       StateKind = "certificate refused"  // [ErrCertificate] and its kin: renew or replace it
	StateUnreachable   StateKind = "unreachable"          // connections fail; it is tried again and again
	StateTokensRefused StateKind = "tokens refused"       // most tokens get [ErrBadDeviceToken]: the configuration is wrong, not the tokens
)

// Usable reports whether pushes are expected to get through.
func (k StateKind) Usable() bool {
	return k == StateOK || k == StateExpiring || k == StateTopicChanged
}

// State is the condition of a client since a point in time. It changes with what APNs answers.
type State struct {
	Kind     StateKind
	Since    time.Time // when this client noticed
	NotAfter time.Time // end of the certificate; that in use, where [Client.State] tells
	Err      error     // what says so; nil while all is well
}

// stateWatch keeps the state of a client.
type stateWatch struct {
	edge    *edge.Watch[State]
	warning time.Duration

	mu       sync.Mutex
	notAfter time.Time
	other    error // the certificate in the source has another topic
	bad      badTokens
}

func newStateWatch(opts *Options) *stateWatch {
	var notify func(State)
	if opts.OnState != nil {
		notify = (&teller{tell: opts.OnState}).add
	}
	return &stateWatch{
		edge:    edge.NewWatch(func(a, b State) bool { return a.Kind == b.Kind }, notify),
		warning: opts.ExpiryWarning,
	}
}

// now returns the state. A certificate may have been renewed since it began.
func (w *stateWatch) now() State {
	s := w.edge.State()
	w.mu.Lock()
	s.NotAfter = w.notAfter
	w.mu.Unlock()
	return s
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

// certificate notes which certificate is in use, and that it is the source's.
func (w *stateWatch) certificate(cert *Certificate) {
	w.mu.Lock()
	w.notAfter = cert.NotAfter()
	w.other = nil
	w.mu.Unlock()
	if w.edge.State().Kind == StateTopicChanged {
		w.allWell()
	}
}

// topicChanged notes that the certificate in the source has another topic. What is worse, and what
// is known only from answers, stays.
func (w *stateWatch) topicChanged(err error) {
	w.mu.Lock()
	w.other = err
	w.mu.Unlock()
	switch w.edge.State().Kind {
	case StateUnknown, StateOK, StateExpiring:
		w.allWell()
	}
}

// answered notes an answer that leaves the certificate out of doubt.
func (w *stateWatch) answered(badToken bool) {
	w.mu.Lock()
	w.bad.note(badToken)
	kind, err := w.kindOfAnswers()
	w.mu.Unlock()
	w.turn(kind, err)
}

// allWell makes the state the one that it is while APNs answers.
func (w *stateWatch) allWell() {
	w.mu.Lock()
	kind, err := w.kindOfAnswers()
	w.mu.Unlock()
	w.turn(kind, err)
}

// turn is set, but costs next to nothing when it is no change.
func (w *stateWatch) turn(kind StateKind, err error) {
	if kind != w.edge.State().Kind {
		w.set(kind, err)
	}
}

func (w *stateWatch) kindOfAnswers() (StateKind, error) {
	alarmed := w.edge.State().Kind == StateTokensRefused
	switch {
	case w.bad.answers >= badTokenLeast && w.bad.share > badTokenAlarm, alarmed && w.bad.share > badTokenClear:
		return StateTokensRefused, ErrBadDeviceToken
	case w.other != nil:
		return StateTopicChanged, w.other
	case w.bad.answers == 0:
		return StateUnknown, nil
	case !w.notAfter.IsZero() && time.Until(w.notAfter) < w.warning:
		return StateExpiring, nil
	}
	return StateOK, nil
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

// teller calls a function for one state after the other, on a goroutine that lives while there are
// any. Nothing waits for it, so the function may take its time, and may shut the client down.
type teller struct {
	tell func(State)

	mu      sync.Mutex
	pending []State
	telling bool
}

func (t *teller) add(s State) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, s)
	if !t.telling {
		t.telling = true
		go t.run()
	}
}

func (t *teller) run() {
	for s, ok := t.next(); ok; s, ok = t.next() {
		t.tell(s)
	}
}

func (t *teller) next() (State, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 {
		t.telling = false
		return State{}, false
	}
	s := t.pending[0]
	t.pending = t.pending[1:]
	return s, true
}
