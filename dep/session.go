package dep

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/dghubble/oauth1"

	"github.com/applemdm/applemdm/internal/rest"
)

// sessionHeader carries the session to Apple, and a new one back with any answer.
const sessionHeader = "X-ADM-Auth-Session"

// SessionStore shares one session among the replicas of a service that use the same server token,
// so that they do not end each other's sessions. An implementation keeps one string for the token,
// in a database row for instance. It must be safe for concurrent use, and may lose what it holds:
// that costs a login.
type SessionStore interface {
	// LoadSession returns the session stored last, or the zero Secret if there is none.
	LoadSession(ctx context.Context) (Secret, error)

	// SwapSession stores next if the stored session still equals old (the zero Secret: there is
	// none), and reports whether it did. Comparing and storing must be one step.
	SwapSession(ctx context.Context, old, next Secret) (bool, error)
}

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
		s, err := c.session.Get(ctx)
		if err != nil {
			return nil, noSession(ctx, req, err)
		}
		req.Header = http.Header{sessionHeader: {s.token.Reveal()}}
		resp, err := c.engine.Do(ctx, req)
		if err != nil {
			return nil, err
		}
		if !sessionRefused(resp) {
			c.rotateSession(ctx, s, resp)
			return resp, nil
		}
		c.session.Drop(s)
		if replays == maxReplays || replays > 0 && !s.shared {
			return resp, nil
		}
	}
}

// noSession returns the error of a call that got no session. That its own time was up, while it
// waited for the login of another call, is told as for every call that gets no answer. All who
// waited for a login share its error, so each gets an [*Error] of its own to change.
func noSession(ctx context.Context, req rest.Request, err error) error {
	if shared, ok := err.(*Error); ok {
		own := *shared
		return &own
	}
	_, told := errors.AsType[*TransportError](err)
	if told || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	return &TransportError{Op: req.Op, Method: req.Method, Path: req.Path.String(), Err: err}
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

// rotateSession takes over the session that an answer may carry, unless s was replaced meanwhile.
func (c *Client) rotateSession(ctx context.Context, s *session, resp *rest.Response) {
	next := NewSecret(resp.Header.Get(sessionHeader))
	if next.IsZero() || next.Equal(s.token) {
		return
	}
	if !c.session.Replace(s, &session{token: next}) || c.opts.Sessions == nil {
		return
	}
	if _, err := c.opts.Sessions.SwapSession(ctx, s.token, next); err != nil && c.opts.Logger != nil {
		c.opts.Logger.WarnContext(ctx, "a rotated session could not be stored", "error", err)
	}
}

// ResetSession forgets the session of this client, so that the next call logs in with the token
// that the TokenSource holds then. Call it after a renewed token was stored, if it is to be used
// before Apple ends the running session. It does no I/O.
func (c *Client) ResetSession() { c.session.Reset() }

// openSession is what the lease calls for a session: it takes the stored one if that is not the
// one refused, otherwise logs in. The token is read first in either case, so that a renewed one is
// noticed and an expired one costs no request.
func (c *Client) openSession(ctx context.Context, refused *session) (*session, error) {
	token, err := c.currentToken(ctx)
	if err != nil {
		return nil, err
	}
	store := c.opts.Sessions
	if store == nil {
		return c.login(ctx, token)
	}
	stored, err := store.LoadSession(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the session: %w", err)
	}
	if !stored.IsZero() && (refused == nil || !stored.Equal(refused.token)) {
		return &session{token: stored, shared: true}, nil
	}
	fresh, err := c.login(ctx, token)
	if err != nil {
		return nil, err
	}
	return c.shareSession(ctx, stored, fresh)
}

// shareSession stores fresh in the place of stored. When another replica was quicker, its session
// is the one to use.
func (c *Client) shareSession(ctx context.Context, stored Secret, fresh *session) (*session, error) {
	won, err := c.opts.Sessions.SwapSession(ctx, stored, fresh.token)
	if err != nil {
		return nil, fmt.Errorf("store the session: %w", err)
	}
	if won {
		return fresh, nil
	}
	other, err := c.opts.Sessions.LoadSession(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the session: %w", err)
	}
	if other.IsZero() || other.Equal(stored) {
		return fresh, nil
	}
	return &session{token: other, shared: true}, nil
}

// currentToken reads the token and checks what can be checked without a request.
func (c *Client) currentToken(ctx context.Context) (*Token, error) {
	token, err := c.tokens.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the server token: %w", err)
	}
	if token == nil || token.ConsumerKey == "" || token.ConsumerSecret.IsZero() || token.AccessToken.IsZero() || token.AccessSecret.IsZero() {
		return nil, &InputError{Field: "Token", Rule: "is not complete"}
	}
	expiry := token.Expiry
	c.tokenExpiry.Store(&expiry)
	if !expiry.IsZero() && !time.Now().Before(expiry) {
		return nil, fmt.Errorf("log in: %w (on %s)", ErrTokenExpired, expiry.Format(time.DateOnly))
	}
	return token, nil
}

// opLogin names the login in errors and logs.
const opLogin = "log in"

// login exchanges the token for a session.
//
// https://developer.apple.com/documentation/devicemanagement/authenticating-for-automated-device-enrollment
func (c *Client) login(ctx context.Context, token *Token) (*session, error) {
	resp, err := c.askSession(ctx, token)
	if err != nil {
		return nil, err
	}
	if resp.Status != http.StatusOK {
		if resp.Status < 300 {
			resp.Body = nil // as below
		}
		return nil, refusal(opLogin, resp)
	}
	var answer struct {
		Token Secret `json:"auth_session_token"`
	}
	err = decode(resp.Body, &answer)
	if err == nil && answer.Token.IsZero() {
		err = errors.New("auth_session_token is empty")
	}
	if err != nil {
		// The body may hold the session: it stays out of the error.
		resp.Body = nil
		return nil, misunderstood(opLogin, resp, err)
	}
	return &session{token: answer.Token}, nil
}

// askSession asks for a session, and again if the refusal may be of net/http's making: when a
// connection that was kept alive breaks, it sends a GET once more by itself, with the same
// signature, which is good only once.
func (c *Client) askSession(ctx context.Context, token *Token) (resp *rest.Response, err error) {
	for range 2 {
		var sent atomic.Int32 // how often the last signature was
		traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) { sent.Add(1) }})
		resp, err = c.engine.Do(traced, rest.Request{
			Op: opLogin, Method: http.MethodGet, Path: rest.Path{"session"}, Repeatable: true,
			Sign: func(req *http.Request) error {
				sent.Store(0)
				return token.sign(req, nil)
			},
		})
		if err != nil || resp.Status != http.StatusUnauthorized || sent.Load() < 2 {
			break
		}
	}
	return resp, err
}

// sign sets the Authorization header of OAuth 1.0a, with HMAC-SHA1 and the realm that Apple's
// sample has. Each signature has its own timestamp and nonce and is good for one attempt. A nil
// nonces means random ones.
func (t *Token) sign(req *http.Request, nonces oauth1.Noncer) error {
	config := oauth1.Config{
		ConsumerKey: t.ConsumerKey, ConsumerSecret: t.ConsumerSecret.Reveal(), Realm: "ADM", Noncer: nonces,
	}
	client := config.Client(req.Context(), oauth1.NewToken(t.AccessToken.Reveal(), t.AccessSecret.Reveal()))
	signer := client.Transport.(*oauth1.Transport)
	signer.Base = headerCopier{to: req.Header}
	_, err := signer.RoundTrip(req)
	return err
}

// headerCopier is where the signing library believes to send to: it offers its signature in no
// other way.
type headerCopier struct{ to http.Header }

func (h headerCopier) RoundTrip(signed *http.Request) (*http.Response, error) {
	h.to.Set("Authorization", signed.Header.Get("Authorization"))
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}
