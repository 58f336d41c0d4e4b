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

	"github.com/applemdm/applemdm/internal/poll"
	"github.com/applemdm/applemdm/internal/rest"
)

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

// loginPause is how long Apple is left in peace after a refused login. Calls that need one with the
// same token meanwhile get the same error. It also is the pause before a refusal that is known to
// pass is put to the test.
const loginPause = 10 * time.Second

// loginRefusal is a login that was refused for a reason which trying again does not mend.
type loginRefusal struct {
	token  Token
	err    *Error
	until  time.Time
	resets uint64 // by which ResetSession had been called so often
}

// stands reports whether a login with token would be refused like that.
func (r *loginRefusal) stands(token *Token, resets uint64) bool {
	return r != nil && r.resets == resets && r.token.sameKeys(token) && time.Now().Before(r.until)
}

// sameKeys reports whether both tokens sign alike.
func (t *Token) sameKeys(other *Token) bool {
	return t.ConsumerKey == other.ConsumerKey && t.ConsumerSecret.Equal(other.ConsumerSecret) &&
		t.AccessToken.Equal(other.AccessToken) && t.AccessSecret.Equal(other.AccessSecret)
}

// login returns a new session, or what was refused a moment ago.
func (c *Client) login(ctx context.Context, token *Token, resets uint64) (*session, error) {
	if r := c.refusal.Load(); r.stands(token, resets) {
		return nil, r.err
	}
	s, err := c.exchange(ctx, token)
	if e, ok := err.(*Error); ok && stateOf(e) != StateUnknown {
		c.refusal.Store(&loginRefusal{token: *token, err: e, until: time.Now().Add(loginPause), resets: resets})
	}
	return s, err
}

// exchange exchanges the token for a session.
//
// https://developer.apple.com/documentation/devicemanagement/authenticating-for-automated-device-enrollment
func (c *Client) exchange(ctx context.Context, token *Token) (*session, error) {
	resp, err := c.askSession(ctx, token)
	if err == nil && mayPass(resp) && c.pauseLogin(ctx) {
		resp, err = c.askSession(ctx, token)
	}
	if err != nil {
		return nil, err
	}
	if resp.Status != http.StatusOK {
		return nil, loginRefused(resp)
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
		resp.Release()
		return nil, misunderstood(opLogin, resp, err)
	}
	resp.Release()
	return &session{token: answer.Token}, nil
}

// loginRefused is [refusal] for the login. Whatever Apple calls it, and even if a proxy says it, a
// login without a session to blame was refused.
func loginRefused(resp *rest.Response) *Error {
	if resp.Status < 300 {
		resp.Release() // the body may hold the session
	}
	e := refusal(opLogin, resp)
	switch resp.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		if e.Err == nil || e.Err == ErrUnauthorized {
			e.Err = ErrLoginRefused
		}
	}
	return e
}

// mayPass reports whether the login was refused in the way that has been seen to pass by itself.
func mayPass(resp *rest.Response) bool {
	return resp.Status == http.StatusBadRequest && sentinel(errorCode(resp.Status, resp.Body)) == ErrLoginRefused
}

// pauseLogin waits before the login is repeated, no longer than the options allow for any pause, and
// reports whether it may be: not if the caller has less time than that, or repeats nothing. When
// the caller gives up meanwhile, the repetition ends before it is sent.
func (c *Client) pauseLogin(ctx context.Context) bool {
	retry := c.engine.Retry
	pause := min(loginPause, retry.MaxWait)
	deadline, limited := ctx.Deadline()
	if retry.Tries == 1 || limited && time.Until(deadline) <= pause {
		return false
	}
	_ = poll.Wait(ctx, pause)
	return true
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
