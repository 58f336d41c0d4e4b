package axm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/secret"
)

// DefaultTokenURL is where access tokens come from, for both services.
const DefaultTokenURL = "https://account.apple.com/auth/oauth2/token"

// access is an access token and what it is good for. A nil key is one that the caller supplied.
type access struct {
	text    secret.String
	kind    string // "Bearer"
	api     API
	key     *Key
	expiry  time.Time // as Apple says; zero if it does not
	goodFor time.Time // earlier than that, so that no request arrives late; zero is for ever
}

// stale reports whether another one is due.
func (a *access) stale() bool { return !a.goodFor.IsZero() && !time.Now().Before(a.goodFor) }

// newAccess takes in a token that was given just now.
func newAccess(token *oauth2.Token, api API, key *Key) (*access, error) {
	if token == nil || token.AccessToken == "" {
		return nil, errors.New("there is no access token")
	}
	if strings.ContainsFunc(token.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the access token does not fit into a header")
	}
	a := &access{text: secret.New(token.AccessToken), kind: token.Type(), api: api, key: key, expiry: token.Expiry}
	if !token.Expiry.IsZero() {
		a.goodFor = token.Expiry.Add(-min(time.Until(token.Expiry)/10, time.Minute))
	}
	return a, nil
}

// TokenSource returns a source of the access tokens that the client uses itself, for other programs
// that call these services, or for a store that many processes share (which then is the
// [Options.TokenSource] of each). It asks Apple once an hour, however many share it, and is safe for
// concurrent use. Its errors are those of the client's calls.
//
// The tokens are secrets, and unlike the rest of this package they print.
func (c *Client) TokenSource() oauth2.TokenSource { return tokenSource{c} }

type tokenSource struct{ client *Client }

// Token has no context to end by: each attempt of the exchange ends with the timeout of the HTTP
// client.
func (s tokenSource) Token() (*oauth2.Token, error) {
	a, err := s.client.currentAccess(context.Background())
	if err != nil {
		s.client.noteOutcome(err)
		return nil, err
	}
	return &oauth2.Token{AccessToken: a.text.Reveal(), TokenType: a.kind, Expiry: a.expiry}, nil
}

// currentAccess returns the access token to send, which is a new one when the last is about to
// expire.
func (c *Client) currentAccess(ctx context.Context) (*access, error) {
	return c.access.Fresh(ctx, (*access).stale)
}

// fetchAccess is what the lease calls for a token.
func (c *Client) fetchAccess(ctx context.Context, _ *access) (*access, error) {
	if c.opts.TokenSource != nil {
		token, err := c.opts.TokenSource.Token()
		if err != nil {
			return nil, fmt.Errorf("read the access token: %w", err)
		}
		a, err := newAccess(token, c.opts.API, nil)
		if err != nil {
			return nil, &InputError{Field: "Options.TokenSource", Rule: err.Error()}
		}
		return a, nil
	}
	key, err := c.readKey(ctx)
	if err != nil {
		return nil, err
	}
	return c.login(ctx, key)
}

// readKey reads the key anew.
func (c *Client) readKey(ctx context.Context) (*Key, error) {
	key, err := c.keys.Key(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the API key: %w", err)
	}
	if !key.complete() {
		return nil, &InputError{Field: "Key", Rule: "was not made by ParseKey"}
	}
	c.lastKey.Store(key)
	return key, nil
}

// loginPause is how long Apple is left in peace after it refused a key. Calls that need a token with
// the same key meanwhile get the same error: asking for too many tokens is an error of its own.
const loginPause = 10 * time.Second

// loginRefusal is a request for a token that was refused for a reason which trying again does not
// mend.
type loginRefusal struct {
	key   *Key
	err   *AuthError
	until time.Time
}

func (r *loginRefusal) stands(key *Key) bool {
	return r != nil && r.key.same(key) && time.Now().Before(r.until)
}

// login returns a new access token, or what was refused a moment ago.
func (c *Client) login(ctx context.Context, key *Key) (*access, error) {
	if r := c.refusal.Load(); r.stands(key) {
		return nil, r.err
	}
	a, err := c.exchange(ctx, key)
	if e, ok := errors.AsType[*AuthError](err); ok && errors.Is(e, ErrTokenRefused) {
		c.refusal.Store(&loginRefusal{key: key, err: e, until: time.Now().Add(loginPause)})
	}
	return a, err
}

// opLogin names the exchange in errors and logs.
const opLogin = "ask for an access token"

// exchange exchanges an assertion for an access token.
func (c *Client) exchange(ctx context.Context, key *Key) (*access, error) {
	assertion, err := key.assertion(time.Now(), lifeFor(c.tokenEngine.Retry))
	if err != nil {
		return nil, err
	}
	api := c.apiOf(key)
	config := clientcredentials.Config{
		ClientID:  key.ClientID,
		TokenURL:  c.opts.TokenURL,
		Scopes:    []string{api.scope()},
		AuthStyle: oauth2.AuthStyleInParams,
		EndpointParams: url.Values{
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			"client_assertion":      {assertion.Reveal()},
		},
	}
	line := &tokenLine{engine: c.tokenEngine}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, line.client()))
	if err == nil {
		var a *access
		if a, err = newAccess(token, api, key); err == nil {
			return a, nil
		}
	}
	return nil, line.explain(err, key, assertion)
}

// tokenLine carries the request of package oauth2 on the engine, which repeats it, bounds the answer
// and tells the log.
type tokenLine struct {
	engine   *rest.Engine
	response *rest.Response
}

func (l *tokenLine) client() *http.Client {
	return &http.Client{
		Transport:     l,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip sends the request that oauth2 has made, which is good for as many attempts as its
// assertion lives.
func (l *tokenLine) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	req.Body.Close()
	if err != nil {
		return nil, err
	}
	l.response, err = l.engine.Do(req.Context(), rest.Request{
		Op: opLogin, Method: req.Method, Path: rest.ParsePath(req.URL.Path), Body: body, Repeatable: true,
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: l.response.Status,
		Header:     http.Header{"Content-Type": {mediaType}}, // what it says itself may be wrong
		Body:       io.NopCloser(bytes.NewReader(l.response.Body)),
		Request:    req,
	}, nil
}

// explain makes the error of an exchange out of what oauth2 says and what came over the line.
func (l *tokenLine) explain(err error, key *Key, assertion secret.String) error {
	if failed, ok := errors.AsType[*TransportError](err); ok {
		return failed
	}
	if l.response == nil {
		return err
	}
	return loginRefused(l.response, err, key, assertion)
}
