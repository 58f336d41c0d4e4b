package vpp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// StateKind is the condition of the location behind a content token.
type StateKind string

// The conditions of a location. All but the first three mean that calls are refused until somebody
// has done something; the sentinel of the same name says what.
const (
	StateUnknown          StateKind = ""                     // nothing was asked yet
	StateOK               StateKind = "ok"                   // a call succeeded
	StateTokenExpiring    StateKind = "token expiring"       // as OK, but the token ends within [Options.ExpiryWarning]
	StateTokenExpired     StateKind = "token expired"        // [ErrTokenExpired]
	StateTokenRevoked     StateKind = "token revoked"        // [ErrTokenRevoked]
	StateTokenInvalid     StateKind = "token invalid"        // [ErrTokenInvalid]
	StateNotLocationToken StateKind = "not a location token" // [ErrNotLocationToken]
	StateClaimedByOther   StateKind = "claimed by another"   // [ErrClaimedByOther]: reading still works
	StateOtherLocation    StateKind = "another location"     // [ErrOtherLocation]
)

// Usable reports whether calls are expected to succeed.
func (k StateKind) Usable() bool { return k == StateOK || k == StateTokenExpiring }

// State is the condition of a location since a point in time. It changes with what Apple answers: a
// call that succeeds makes it OK (or expiring, or claimed by another), an answer about the token
// makes it one of the others, and everything else, such as a lost connection, leaves it as it is.
type State struct {
	Kind        StateKind
	Since       time.Time // when this client noticed
	TokenExpiry time.Time // of the token used last, as it or Apple says, whichever is earlier; zero if none was used yet
	UID         string    // Apple's number of the location; "" before the first answer
	ClaimedBy   MDMInfo   // who manages the location, as the last answer said; zero if nobody, or before it
	Err         error     // why it is not usable; nil while it is
}

// sameState: another claimant is another state.
func sameState(a, b State) bool {
	return a.Kind == b.Kind && (a.Kind != StateClaimedByOther || a.ClaimedBy.ID == b.ClaimedBy.ID)
}

// State returns the condition of the location as far as the calls of this client have shown it. It
// does no I/O.
func (c *Client) State() State {
	s := c.state.State()
	s.TokenExpiry, s.UID, s.ClaimedBy = c.location.shown()
	return s
}

// UID returns Apple's number of the location, or "" before the first answer and without
// [Options.UID]. All tokens of a location have the same, so store what belongs to a location under
// it: two tokens with one UID stand for the same licences.
func (c *Client) UID() string {
	_, uid, _ := c.location.shown()
	return uid
}

// location is what the answers have told of the location and its token.
type location struct {
	mu      sync.Mutex
	uid     string
	heard   bool // there was an answer: uid and claimed are known
	claimed MDMInfo
	era     int    // counts the claims of this client: older answers know nothing of them
	token   *Token // used last
	expiry  time.Time
	strayed error // set while the token is one of another location
}

func (l *location) shown() (expiry time.Time, uid string, claimed MDMInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.expiry, l.uid, l.claimed
}

// useToken notes which token is about to be sent, and returns the era in which that happens.
func (l *location) useToken(token *Token) (era int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token != token {
		l.token, l.expiry = token, token.Expiry
	}
	return l.era
}

// note takes in what an answer to a call with token, begun in era, says of the location. Its error
// says that this is not the location it was.
func (l *location) note(said envelope, token *Token, era int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if said.UID != "" {
		if l.uid != "" && l.uid != said.UID {
			l.strayed = fmt.Errorf("%w: it is %s, and was %s", ErrOtherLocation, said.UID, l.uid)
			return l.strayed
		}
		l.uid, l.strayed = said.UID, nil
	}
	l.heard = true
	if said.MDMInfo.ID != "" && era == l.era {
		l.claimed = said.MDMInfo
	}
	expiry := said.TokenExpirationDate.Time()
	if token == l.token && !expiry.IsZero() && expiry.Before(l.expiry) {
		l.expiry = expiry
	}
	return nil
}

// claimedNow notes a claim that Apple has just taken.
func (l *location) claimedNow(by MDMInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claimed, l.heard = by, true
	l.era++
}

// learnLocation reads the client configuration before the first write, unless some answer has told
// already which location it is and who has claimed it, or it does not matter.
func (c *Client) learnLocation(ctx context.Context) error {
	c.location.mu.Lock()
	known := c.location.heard || c.opts.MDM.IsZero() && c.opts.UID == ""
	c.location.mu.Unlock()
	if known {
		return nil
	}
	_, err := c.ClientConfig(ctx)
	return err
}

// forbidsWriting returns why nothing may be written to the location, or nil.
func (c *Client) forbidsWriting() error {
	c.location.mu.Lock()
	defer c.location.mu.Unlock()
	switch l := c.location; {
	case l.strayed != nil:
		return l.strayed
	case c.isOther(l.claimed):
		return &ClaimedError{By: l.claimed}
	}
	return nil
}

// mayWrite is forbidsWriting for a call that is for op.
func (c *Client) mayWrite(op string) error {
	if err := c.forbidsWriting(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// isOther reports whether by is another server than this one.
func (c *Client) isOther(by MDMInfo) bool {
	return by.ID != "" && c.opts.MDM.ID != "" && by.ID != c.opts.MDM.ID
}

// noteOutcome sets the state by what came of a call.
func (c *Client) noteOutcome(err error) {
	kind := stateOf(err)
	if kind == StateUnknown {
		return
	}
	s := State{Kind: kind, Since: time.Now(), Err: err}
	s.TokenExpiry, s.UID, s.ClaimedBy = c.location.shown()
	if kind == StateOK {
		switch {
		case c.isOther(s.ClaimedBy):
			s.Kind, s.Err = StateClaimedByOther, &ClaimedError{By: s.ClaimedBy}
		case !s.TokenExpiry.IsZero() && time.Until(s.TokenExpiry) < c.opts.ExpiryWarning:
			s.Kind = StateTokenExpiring
		}
	}
	c.state.Set(s)
}

// stateOf returns what err says of the location, or StateUnknown if it says nothing.
func stateOf(err error) StateKind {
	switch {
	case err == nil:
		return StateOK
	case errors.Is(err, ErrTokenExpired):
		return StateTokenExpired
	case errors.Is(err, ErrTokenRevoked):
		return StateTokenRevoked
	case errors.Is(err, ErrTokenInvalid):
		return StateTokenInvalid
	case errors.Is(err, ErrNotLocationToken):
		return StateNotLocationToken
	case errors.Is(err, ErrOtherLocation):
		return StateOtherLocation
	}
	return StateUnknown
}
