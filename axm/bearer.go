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
	resp, err := c.sendToken(ctx, req, a)
	if !errors.Is(err, ErrUnauthorized) {
		return resp, err
	}
	c.access.Drop(a)
	renewed, renewErr := c.currentAccess(ctx)
	switch {
	case renewErr != nil:
		return nil, ownError(ctx, req, renewErr)
	case renewed.text.Equal(a.text):
		return nil, err // which says more than that there is no other one
	}
	return c.sendToken(ctx, req, renewed)
}

func (c *Client) sendToken(ctx context.Context, req rest.Request, a *access) (*rest.Response, error) {
	req.Header = http.Header{"Authorization": {"Bearer " + a.text.Reveal()}}
	if req.Body != nil {
		req.Header.Set("Content-Type", mediaType)
	}
	engine, b := c.services[a.api].writes, c.writes
	if req.Method == http.MethodGet {
		engine, b = c.services[a.api].reads, c.reads
	}
	return c.do(ctx, engine, b, req)
}

// do sends req and returns an answer that is no refusal. While Apple wants to be left alone for
// longer than a call waits, it returns what Apple said instead, be it to another call.
func (c *Client) do(ctx context.Context, engine *rest.Engine, b *budget, req rest.Request) (*rest.Response, error) {
	if said := b.tooLong(); said != nil {
		said.Op = req.Op
		return nil, said
	}
	unanswered := 0
	req.Sign = func(*http.Request) error { unanswered++; return nil }
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
