package axm

import (
	"errors"
	"time"
)

// StateKind is the condition of an API account.
type StateKind string

// The conditions of an account. All but the first two mean that calls are refused until somebody has
// done something; the sentinel of the same name says what. A role that lacks a permission is none of
// them: it shows in single calls, as [ErrForbidden].
const (
	StateUnknown      StateKind = ""              // nothing was asked yet
	StateOK           StateKind = "ok"            // a call succeeded
	StateKeyRejected  StateKind = "key rejected"  // [ErrInvalidClient]
	StateTokenRefused StateKind = "token refused" // [ErrTokenRefused] for another reason
	StateUnauthorized StateKind = "unauthorized"  // [ErrUnauthorized]
)

// Usable reports whether calls are expected to succeed.
func (k StateKind) Usable() bool { return k == StateOK }

// State is the condition of an account since a point in time. It changes with what Apple answers: a
// call that succeeds makes it OK, a refusal of the key or of a token makes it one of the others, and
// everything else, such as a lost connection, leaves it as it is.
type State struct {
	Kind  StateKind
	Since time.Time // when this client noticed
	Err   error     // why it is not usable; nil while it is
}

func sameState(a, b State) bool { return a.Kind == b.Kind }

// State returns the condition of the account as far as the calls of this client have shown it. It
// does no I/O.
func (c *Client) State() State { return c.state.State() }

// noteOutcome sets the state by what came of a call.
func (c *Client) noteOutcome(err error) {
	kind := stateOf(err)
	if kind == StateUnknown {
		return
	}
	c.state.Set(State{Kind: kind, Since: time.Now(), Err: err})
}

// stateOf returns what err says of the account, or StateUnknown if it says nothing.
func stateOf(err error) StateKind {
	switch {
	case err == nil:
		return StateOK
	case errors.Is(err, ErrInvalidClient):
		return StateKeyRejected
	case errors.Is(err, ErrTokenRefused):
		return StateTokenRefused
	case errors.Is(err, ErrUnauthorized):
		return StateUnauthorized
	}
	return StateUnknown
}
