package legacy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// find sends r to where its service is and returns the success that comes back, with the token that
// it was sent with. When the service has moved away, the service configuration is read again, and r
// sent once more if that names another place.
func (c *Client) find(ctx context.Context, r request, members []byte) (*rest.Response, *vpp.Token, error) {
	config, err := c.currentConfig(ctx)
	if err != nil {
		return nil, nil, err
	}
	to := config.target(c, r.service)
	resp, token, err := c.withToken(ctx, r, to, members)
	if !errors.Is(err, ErrMoved) {
		return resp, token, err
	}
	moved, readErr := c.readAgain(ctx, config, r.service)
	if readErr != nil {
		return nil, nil, readErr
	}
	next := moved.target(c, r.service)
	if next.same(to) {
		return nil, nil, err
	}
	return c.withToken(ctx, r, next, members)
}

// withToken sends r with the token. When Apple refuses the token and the source has another one, r is
// sent once more with that: what is refused so was not processed.
func (c *Client) withToken(ctx context.Context, r request, to target, members []byte) (*rest.Response, *vpp.Token, error) {
	token, err := c.currentToken(ctx, r, to)
	if err != nil {
		return nil, nil, err
	}
	resp, err := c.sendToken(ctx, r, to, members, token)
	if !tokenRefused(err) {
		return resp, token, err
	}
	c.token.Drop(token)
	renewed, readErr := c.token.Get(ctx)
	if readErr != nil || string(renewed.Reveal()) == string(token.Reveal()) {
		return nil, nil, err // which says more than that there is no other one
	}
	resp, err = c.sendToken(ctx, r, to, members, renewed)
	return resp, renewed, err
}

// sendToken sends r with this token.
func (c *Client) sendToken(ctx context.Context, r request, to target, members []byte, token *vpp.Token) (*rest.Response, error) {
	body, err := withSToken(members, token)
	if err != nil {
		return nil, err
	}
	req := rest.Request{Op: r.op, Path: to.path, Body: body, Repeatable: !r.once}
	if !r.always {
		req.Sign = func(*http.Request) error { return c.claimed() } // by another, since the call began
	}
	resp, err := c.do(ctx, to.engine, req)
	if err != nil {
		return nil, redacted(err, token, r.secret)
	}
	return resp, nil
}

// withSToken puts the token before the members of a JSON object.
func withSToken(members []byte, token *vpp.Token) ([]byte, error) {
	body, err := jsontext.AppendQuote([]byte(`{"sToken":`), token.Reveal())
	if err != nil { // unreachable: tokens are Base64
		return nil, &vpp.InputError{Field: "Token", Rule: "is not text"}
	}
	if len(members) > len(`{}`) {
		body = append(body, ',')
	}
	return append(body, members[1:]...), nil
}

// do sends req and returns an answer that is no refusal. While Apple wants to be left alone for
// longer than a call may wait, it returns what Apple said instead.
func (c *Client) do(ctx context.Context, engine *rest.Engine, req rest.Request) (*rest.Response, error) {
	req.Method = http.MethodPost
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

// Apple asks to repeat after an internal error at once, and when that fails too often to stay away
// for minutes.
const (
	maxInternal   = 5
	internalPause = 2 * time.Minute
)

// judge says what an answer stands for, and keeps to what it asks for: it slows down all calls, or
// holds them.
func (c *Client) judge(resp *rest.Response) int {
	status := resp.Status
	r, found := readReported(resp.Body)
	if found {
		if said := r.httpStatus(); said >= http.StatusTooManyRequests || status < 400 {
			status = said
		}
	}
	if c.internalErrors(r.Number) > maxInternal && resp.RetryAfter == 0 {
		resp.RetryAfter = internalPause // as if the answer had asked for what the documentation does
	}
	if isRedirect(resp.Status) && resp.RetryAfter > 0 { // sheds load as 503 does
		status = http.StatusServiceUnavailable
	}
	c.pace.Heed(status, resp.RetryAfter, func() *vpp.Error { return refusal("", resp) })
	return status
}

func isRedirect(status int) bool { return status >= 300 && status < 400 }

// internalErrors counts the internal errors in a row, of which number, of an answer, may be one more.
func (c *Client) internalErrors(number vpp.Number) int {
	if number != vpp.NumberInternal {
		c.internal.Store(0)
		return 0
	}
	return int(c.internal.Add(1))
}

// tokenRefused reports whether a new token may help.
func tokenRefused(err error) bool {
	return errors.Is(err, vpp.ErrTokenExpired) || errors.Is(err, vpp.ErrTokenRevoked) || errors.Is(err, vpp.ErrTokenInvalid)
}

// currentToken returns the token to send, which is read anew when it has expired.
func (c *Client) currentToken(ctx context.Context, r request, to target) (*vpp.Token, error) {
	token, err := c.token.Fresh(ctx, func(t *vpp.Token) bool { return t.Expired(time.Now()) })
	if err != nil {
		return nil, rest.OwnError[vpp.Error](ctx, rest.Request{Op: r.op, Method: http.MethodPost, Path: to.path}, err)
	}
	return token, nil
}

// readToken is what the lease calls for a token. It checks what can be checked without a request.
func (c *Client) readToken(ctx context.Context, _ *vpp.Token) (*vpp.Token, error) {
	token, err := c.tokens.Token(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the content token: %w", err)
	case token == nil || len(token.Reveal()) == 0:
		return nil, &vpp.InputError{Field: "Token", Rule: "was not made by vpp.ParseToken"}
	case token.Expired(time.Now()):
		return nil, fmt.Errorf("%w (on %s)", vpp.ErrTokenExpired, token.Expiry.Format(time.DateOnly))
	}
	return token, nil
}
