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
type credential interface{ Reveal() []byte }

// held is a credential that all calls share.
type held[C credential] struct{ lease *lease.Lease[*leased[C]] }

type leased[C credential] struct {
	credential C
	renew      time.Time // when to ask for another one; zero is never
}

// hold returns what get gets, which must not have expired. It is got anew before it expires: early
// before, or when nine tenths of the time that was left have passed.
func hold[C credential](early time.Duration, get func(context.Context) (C, time.Time, error)) held[C] {
	return held[C]{lease.New(func(ctx context.Context, _ *leased[C]) (*leased[C], error) {
		c, expiry, err := get(ctx)
		if err != nil {
			return nil, err
		}
		if expiry.IsZero() {
			return &leased[C]{credential: c}, nil
		}
		return &leased[C]{c, expiry.Add(-min(early, time.Until(expiry)/10))}, nil
	})}
}

// use calls send with the credential. When Apple refuses it and its source has another one, send is
// called once more, with that.
func (h held[C]) use(ctx context.Context, refused error, send func(C) (*rest.Response, error)) (*rest.Response, error) {
	used, err := h.current(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := send(used.credential)
	if !errors.Is(err, refused) {
		return resp, err
	}
	h.lease.Drop(used)
	other, readErr := h.lease.Get(ctx)
	if readErr != nil || bytes.Equal(other.credential.Reveal(), used.credential.Reveal()) {
		return nil, err // which says more than that there is no other one
	}
	return send(other.credential)
}

func (h held[C]) current(ctx context.Context) (*leased[C], error) {
	return h.lease.Fresh(ctx, func(l *leased[C]) bool { return !l.renew.IsZero() && !time.Now().Before(l.renew) })
}

// holdDeveloper returns the developer token of a source.
func holdDeveloper(source DeveloperTokenSource) held[*DeveloperToken] {
	return hold(tokenEarly, func(ctx context.Context) (*DeveloperToken, time.Time, error) {
		token, err := source.DeveloperToken(ctx)
		switch {
		case err != nil:
			return nil, time.Time{}, fmt.Errorf("get a developer token: %w", err)
		case token == nil || token.text.IsZero():
			return nil, time.Time{}, &vpp.InputError{Field: "DeveloperToken", Rule: "was not made by a DeveloperKey or by NewDeveloperToken"}
		case token.Expired(time.Now()):
			return nil, time.Time{}, fmt.Errorf("%w: it expired on %s", ErrDeveloperToken, token.Expiry.UTC().Format(time.RFC3339))
		}
		return token, token.Expiry, nil
	})
}

// holdTokens returns the content token of a source, or nil without one. That one is renewed by hand,
// so it is read anew only when it has expired.
func holdTokens(source vpp.TokenSource) *held[*vpp.Token] {
	if source == nil {
		return nil
	}
	tokens := hold(0, func(ctx context.Context) (*vpp.Token, time.Time, error) {
		token, err := source.Token(ctx)
		switch {
		case err != nil:
			return nil, time.Time{}, fmt.Errorf("read the content token: %w", err)
		case token == nil || len(token.Reveal()) == 0:
			return nil, time.Time{}, &vpp.InputError{Field: "Token", Rule: "was not made by ParseToken"}
		case token.Expired(time.Now()):
			return nil, time.Time{}, fmt.Errorf("%w (on %s)", vpp.ErrTokenExpired, token.Expiry.Format(time.DateOnly))
		}
		return token, token.Expiry, nil
	})
	return &tokens
}
