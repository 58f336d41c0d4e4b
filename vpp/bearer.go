package vpp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/applemdm/applemdm/internal/rest"
)

// sentWith is what a request was sent with.
type sentWith struct {
	token *Token
	era   int
}

// withToken sends req with the token and returns the success that comes back. When Apple refuses
// the token and the source has another one, req is sent once more with that: a request that is
// refused so was not processed.
func (c *Client) withToken(ctx context.Context, engine *rest.Engine, req rest.Request) (*rest.Response, sentWith, error) {
	token, err := c.currentToken(ctx, req)
	if err != nil {
		return nil, sentWith{}, err
	}
	resp, sent, err := c.sendToken(ctx, engine, req, token)
	if !tokenRefused(err) {
		return resp, sent, err
	}
	c.token.Drop(token)
	renewed, readErr := c.token.Get(ctx)
	if readErr != nil || renewed.text.Equal(token.text) {
		return nil, sent, err // which says more than that there is no other one
	}
	return c.sendToken(ctx, engine, req, renewed)
}

func (c *Client) sendToken(ctx context.Context, engine *rest.Engine, req rest.Request, token *Token) (*rest.Response, sentWith, error) {
	req.Header = http.Header{"Authorization": {"Bearer " + token.text.Reveal()}}
	if req.Method == http.MethodPost {
		req.Header.Set("Content-Type", mediaType)
	}
	sent := sentWith{token: token, era: c.location.useToken(token)}
	resp, err := c.do(ctx, engine, req)
	return resp, sent, err
}

// do sends req and returns an answer that is no refusal. While Apple wants to be left alone for
// longer than a call may wait, it returns what Apple said instead.
func (c *Client) do(ctx context.Context, engine *rest.Engine, req rest.Request) (*rest.Response, error) {
	if left, by := c.pace.Held(); left > engine.Retry.MaxWait {
		own := *by
		own.Op, own.RetryAfter = req.Op, left
		return nil, &own
	}
	resp, err := engine.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	if refused := refusal(req.Op, resp); refused != nil {
		return nil, refused
	}
	return resp, nil
}

// tokenRefused reports whether a new token may help.
func tokenRefused(err error) bool {
	return errors.Is(err, ErrTokenExpired) || errors.Is(err, ErrTokenRevoked) || errors.Is(err, ErrTokenInvalid)
}

// currentToken returns the token to send, which is read anew when it has expired.
func (c *Client) currentToken(ctx context.Context, req rest.Request) (*Token, error) {
	token, err := c.token.Fresh(ctx, func(t *Token) bool { return t.Expired(time.Now()) })
	if err != nil {
		return nil, rest.OwnError[Error](ctx, req, err)
	}
	return token, nil
}

// readToken is what the lease calls for a token. It checks what can be checked without a request.
func (c *Client) readToken(ctx context.Context, _ *Token) (*Token, error) {
	token, err := c.tokens.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the content token: %w", err)
	}
	if token == nil || token.text.IsZero() {
		return nil, &InputError{Field: "Token", Rule: "was not made by ParseToken"}
	}
	if token.Expired(time.Now()) {
		c.location.useToken(token)
		return nil, fmt.Errorf("%w (on %s)", ErrTokenExpired, token.Expiry.Format(time.DateOnly))
	}
	return token, nil
}
