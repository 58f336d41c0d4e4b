package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/applemdm/applemdm/internal/lease"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// credential is a *vpp.Token or a *DeveloperToken.
type credential interface {
	comparable
	Expired(now time.Time) bool
	Reveal() []byte
}

// held is a credential that is kept for all calls.
type held[C credential] struct {
	lease *lease.Lease[C]
	early time.Duration // before its end it is replaced
}

// use calls send with the credential. When Apple refuses it and its source has another one, send is
// called once more, with that.
func (h held[C]) use(ctx context.Context, refused error, send func(C) (*rest.Response, error)) (*rest.Response, error) {
	used, err := h.current(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := send(used)
	if !errors.Is(err, refused) {
		return resp, err
	}
	h.lease.Drop(used)
	other, readErr := h.lease.Get(ctx)
	if readErr != nil || bytes.Equal(other.Reveal(), used.Reveal()) {
		return nil, err // which says more than that there is no other one
	}
	return send(other)
}

func (h held[C]) current(ctx context.Context) (C, error) {
	c, err := h.lease.Get(ctx)
	if err == nil && c.Expired(time.Now().Add(h.early)) {
		h.lease.Drop(c)
		c, err = h.lease.Get(ctx)
	}
	return c, err
}

// holdDeveloper returns the developer token of a source.
func holdDeveloper(source DeveloperTokenSource) held[*DeveloperToken] {
	return held[*DeveloperToken]{early: tokenEarly, lease: lease.New(func(ctx context.Context, _ *DeveloperToken) (*DeveloperToken, error) {
		token, err := source.DeveloperToken(ctx)
		switch {
		case err != nil:
			return nil, fmt.Errorf("get a developer token: %w", err)
		case token == nil || token.text.IsZero():
			return nil, &vpp.InputError{Field: "DeveloperToken", Rule: "was not made by a DeveloperKey or by NewDeveloperToken"}
		case token.Expired(time.Now()):
			return nil, fmt.Errorf("%w: it expired on %s", ErrDeveloperToken, token.Expiry.UTC().Format(time.RFC3339))
		}
		return token, nil
	})}
}

// holdTokens returns the content token of a source, or nil without one.
func holdTokens(source vpp.TokenSource) *held[*vpp.Token] {
	if source == nil {
		return nil
	}
	return &held[*vpp.Token]{lease: lease.New(func(ctx context.Context, _ *vpp.Token) (*vpp.Token, error) {
		token, err := source.Token(ctx)
		switch {
		case err != nil:
			return nil, fmt.Errorf("read the content token: %w", err)
		case token == nil || len(token.Reveal()) == 0:
			return nil, &vpp.InputError{Field: "Token", Rule: "was not made by ParseToken"}
		case token.Expired(time.Now()):
			return nil, fmt.Errorf("%w (on %s)", vpp.ErrTokenExpired, token.Expiry.Format(time.DateOnly))
		}
		return token, nil
	})}
}
