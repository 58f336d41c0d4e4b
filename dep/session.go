package dep

import (
	"context"
	"net/http"

	"github.com/applemdm/applemdm/internal/rest"
)

// sessionHeader carries the session to Apple, and a new one back with any answer.
const sessionHeader = "X-ADM-Auth-Session"

// session is compared by address, so that a session which was logged in twice with the same text
// is two.
type session struct {
	token  Secret
	shared bool // out of the store, where it may have lain for long
}

// inSession sends req with the session and returns the answer, whatever its status. A session that
// Apple refuses is dropped, and req is sent once more in a new one; if that came from the store and
// is refused too, in one more, because then nobody has logged in yet.
func (c *Client) inSession(ctx context.Context, req rest.Request) (*rest.Response, error) {
	const maxReplays = 2
	for replays := 0; ; replays++ {
		opened, err := c.session.Get(ctx)
		if err != nil {
			return nil, rest.OwnError[Error](ctx, req, err)
		}
		resp, last, err := c.within(ctx, opened, req)
		if err != nil {
			return nil, err
		}
		if !sessionRefused(resp) {
			return resp, nil
		}
		c.session.Drop(last)
		if replays == maxReplays || replays > 0 && !opened.shared {
			return resp, nil
		}
	}
}

// within sends req in session s, or in the one that an answer put in its place before the next
// attempt, and returns the one that came last.
func (c *Client) within(ctx context.Context, s *session, req rest.Request) (*rest.Response, *session, error) {
	req.Sign = func(r *http.Request) error {
		r.Header.Set(sessionHeader, s.token.Reveal())
		return nil
	}
	req.Answered = func(header http.Header) { s = c.rotateSession(ctx, s, header) }
	resp, err := c.engine.Do(ctx, req)
	return resp, s, err
}

// sessionRefused reports whether a new session may help: after 401, or 403 with the code FORBIDDEN.
// The fused codes of the login, such as token_expiredForbidden, are not that code.
func sessionRefused(resp *rest.Response) bool {
	switch resp.Status {
	case http.StatusUnauthorized:
		return true
	case http.StatusForbidden:
		return errorCode(resp.Status, resp.Body) == "FORBIDDEN"
	}
	return false
}

// rotateSession returns the session to use after an answer to s: the one that the answer may carry,
// which then is also everybody's, unless s was replaced meanwhile.
func (c *Client) rotateSession(ctx context.Context, s *session, header http.Header) *session {
	token := NewSecret(header.Get(sessionHeader))
	if token.IsZero() || token.Equal(s.token) {
		return s
	}
	next := &session{token: token}
	if c.session.Replace(s, next) && c.opts.Sessions != nil {
		if _, err := c.opts.Sessions.SwapSession(ctx, s.token, token); err != nil {
			c.warnOfStore(ctx, "a rotated session could not be stored", err)
		}
	}
	return next
}

// ResetSession forgets the session of this client, a stored one, and a refusal of the login that is
// remembered: the next call logs in with the token that the TokenSource holds then, and puts the
// new session in the place of the stored one. Call it after a renewed token was stored, if it is to
// be used before Apple ends the running session, and after trouble with the account was mended. It
// does no I/O.
func (c *Client) ResetSession() {
	c.resets.Add(1)
	c.session.Reset()
}
