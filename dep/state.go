package dep

import (
	"errors"
	"time"
)

// StateKind is the condition of the account behind a server token.
type StateKind string

// The conditions of an account. All but the first three mean that no call succeeds until somebody
// has done something in the portal; the sentinel of the same name says what.
const (
	StateUnknown          StateKind = ""                    // nothing was asked yet
	StateOK               StateKind = "ok"                  // a call succeeded
	StateTokenExpiring    StateKind = "token expiring"      // as OK, but the token ends within [Options.ExpiryWarning]
	StateTermsNotSigned   StateKind = "terms not signed"    // [ErrTermsNotSigned]
	StateTokenExpired     StateKind = "token expired"       // [ErrTokenExpired]
	StateTokenRejected    StateKind = "token rejected"      // [ErrTokenRejected]: replaced or revoked
	StateSignatureInvalid StateKind = "signature invalid"   // [ErrSignatureInvalid]: replaced, or of another file
	StateLoginRefused     StateKind = "login refused"       // [ErrLoginRefused]
	StateAccessDenied     StateKind = "access denied"       // [ErrAccessDenied] at the login
	StateForbidden        StateKind = "account lost rights" // [ErrForbidden]
	StateServerInactive   StateKind = "server inactive"     // [ErrServerInactive]
)

// Usable reports whether calls are expected to succeed.
func (k StateKind) Usable() bool { return k == StateOK || k == StateTokenExpiring }

// State is the condition of an account since a point in time. It changes with what Apple answers:
// a call that succeeds makes it OK (or expiring), an answer about the account or its token makes it
// one of the others, and everything else, such as a lost connection, leaves it as it is.
type State struct {
	Kind        StateKind
	Since       time.Time // when this client noticed
	TokenExpiry time.Time // of the token used last; zero if none was used yet
	Err         error     // why it is not usable; nil while it is
}

func sameState(a, b State) bool { return a.Kind == b.Kind }

// State returns the condition of the account as far as the calls of this client have shown it. It
// does no I/O.
func (c *Client) State() State {
	s := c.state.State()
	s.TokenExpiry = c.usedTokenExpiry()
	return s
}

// usedTokenExpiry returns the expiry of the token used last, or the zero time.
func (c *Client) usedTokenExpiry() time.Time {
	if expiry := c.tokenExpiry.Load(); expiry != nil {
		return *expiry
	}
	return time.Time{}
}

// noteOutcome sets the state by what came of a call.
func (c *Client) noteOutcome(err error) {
	kind := stateOf(err)
	if kind == StateUnknown {
		return
	}
	s := State{Kind: kind, Since: time.Now(), TokenExpiry: c.usedTokenExpiry(), Err: err}
	if kind == StateOK && !s.TokenExpiry.IsZero() && time.Until(s.TokenExpiry) < c.opts.ExpiryWarning {
		s.Kind = StateTokenExpiring
	}
	c.state.Set(s)
}

// stateOf returns what err says of the account, or StateUnknown if it says nothing. That access is
// denied says so at the login only: elsewhere it is about one resource.
func stateOf(err error) StateKind {
	switch {
	case err == nil:
		return StateOK
	case errors.Is(err, ErrTermsNotSigned):
		return StateTermsNotSigned
	case errors.Is(err, ErrTokenExpired):
		return StateTokenExpired
	case errors.Is(err, ErrTokenRejected):
		return StateTokenRejected
	case errors.Is(err, ErrSignatureInvalid):
		return StateSignatureInvalid
	case errors.Is(err, ErrLoginRefused):
		return StateLoginRefused
	case errors.Is(err, ErrForbidden):
		return StateForbidden
	case errors.Is(err, ErrServerInactive):
		return StateServerInactive
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Op == opLogin && errors.Is(err, ErrAccessDenied) {
		return StateAccessDenied
	}
	return StateUnknown
}
