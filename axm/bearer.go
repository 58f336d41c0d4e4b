package axm

import (
	"context"
	"errors"
	"net/http"

	"github.com/applemdm/applemdm/internal/rest"
)

// withToken sends req with the access token and returns the success that comes back. When Apple
// refuses the token, req is sent once more with another one: a request that is refused so was not
// processed.
func (c *Client) withToken(ctx context.Context, req rest.Request) (*rest.Response, error) {
	a, err := c.currentAccess(ctx)
	if err != nil {
		return nil, ownError(ctx, req, err)
	}
	resp, used, err := c.sendToken(ctx, req, a)
	if !errors.Is(err, ErrUnauthorized) {
		return resp, err
	}
	c.access.Drop(used)
	renewed, renewErr := c.currentAccess(ctx)
	switch {
	case renewErr != nil:
		return nil, ownError(ctx, req, renewErr)
	case renewed.text.Equal(used.text):
		return nil, err // which says more than that there is no other one
	}
	resp, _, err = c.sendToken(ctx, req, renewed)
	return resp, err
}

// sendToken sends req with the access token, or with the one after it if it expires while req waits for
// its turn, and returns the one that was used.
func (c *Client) sendToken(ctx context.Context, req rest.Request, a *access) (*rest.Response, *access, error) {
	if req.Body != nil {
		req.Header = http.Header{"Content-Type": {mediaType}}
	}
	req.Sign = func(r *http.Request) error {
		a = c.successor(ctx, a)
		r.Header.Set("Authorization", "Bearer "+a.text.Reveal())
		return nil
	}
	engine, b := c.services[a.api].writes, c.writes
	if req.Method == http.MethodGet {
		engine, b = c.services[a.api].reads, c.reads
	}
	resp, err := c.do(ctx, engine, b, req)
	return resp, a, err
}

// successor returns a while it can be used, and then the next token for the same service. When there
// is none, a goes out, and what Apple says of it leads to the reason.
func (c *Client) successor(ctx context.Context, a *access) *access {
	if !a.stale() {
		return a
	}
	if next, err := c.currentAccess(ctx); err == nil && next.api == a.api {
		return next
	}
	return a
}

// do sends req and returns an answer that is no refusal. While Apple wants to be left alone for
// longer than a call waits, it returns what Apple said instead, be it to another call.
func (c *Client) do(ctx context.Context, engine *rest.Engine, b *budget, req rest.Request) (*rest.Response, error) {
	if said := b.tooLong(); said != nil {
		said.Op = req.Op
		return nil, said
	}
	unanswered := 0
	sign := req.Sign
	req.Sign = func(r *http.Request) error { unanswered++; return sign(r) }
	req.Answered = func(http.Header) { unanswered-- }
	resp, err := engine.Do(ctx, req)
	said, meanwhile := errors.AsType[*Error](err) // while it waited for its turn
	switch {
	case meanwhile:
		said.Op = req.Op
		return nil, said
	case err != nil:
		return nil, err
	case resp.Status >= 200 && resp.Status < 300:
		return resp, nil
	case req.Method == http.MethodDelete && resp.Status == http.StatusNotFound && unanswered > 0:
		return resp, nil // an attempt whose answer got lost has done it
	}
	return nil, refusal(req.Op, resp)
}

// ownError returns the error of a call that got no access token. That its own time was up, while it
// waited for another call that asks for one, is told as for every call that gets no answer. All who
// waited share the error, so each gets an [*AuthError] of its own to change.
func ownError(ctx context.Context, req rest.Request, err error) error {
	if shared, ok := err.(*AuthError); ok {
		own := *shared
		return &own
	}
	_, told := errors.AsType[*TransportError](err)
	if told || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	return &TransportError{Op: req.Op, Method: req.Method, Path: req.Path.String(), Err: err}
}
