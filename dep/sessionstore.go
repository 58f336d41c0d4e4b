package dep

import "context"

// SessionStore shares one session among the replicas of a service that use the same server token,
// so that they do not end each other's sessions. An implementation keeps one string for the token,
// in a database row for instance. It must be safe for concurrent use. It may lose what it holds, and
// it may fail: that costs a login, and a replica goes on with a session of its own. Failures are
// logged only, so calls wait for a store no longer than it takes to fail.
type SessionStore interface {
	// LoadSession returns the session stored last, or the zero Secret if there is none.
	LoadSession(ctx context.Context) (Secret, error)

	// SwapSession stores next if the stored session still equals old (the zero Secret: there is
	// none), and reports whether it did. Comparing and storing must be one step.
	SwapSession(ctx context.Context, old, next Secret) (bool, error)
}

// openSession is what the lease calls for a session: it takes the stored one if that is not the one
// refused, and was not to be forgotten, otherwise logs in. The token is read first in either case,
// so that a renewed one is noticed and an expired one costs no request.
func (c *Client) openSession(ctx context.Context, refused *session) (*session, error) {
	resets := c.resets.Load()
	token, err := c.currentToken(ctx)
	if err != nil {
		return nil, err
	}
	if c.opts.Sessions == nil {
		return c.login(ctx, token, resets)
	}
	stored, loadErr := c.opts.Sessions.LoadSession(ctx)
	if loadErr != nil {
		c.warnOfStore(ctx, "the shared session could not be read", loadErr)
	}
	forget := resets != c.obeyed.Load()
	if loadErr == nil && !forget && !stored.IsZero() && (refused == nil || !stored.Equal(refused.token)) {
		return &session{token: stored, shared: true}, nil
	}
	fresh, err := c.login(ctx, token, resets)
	if err != nil {
		return nil, err
	}
	c.obeyed.Store(resets)
	if loadErr != nil {
		return fresh, nil // there is nothing to compare with
	}
	return c.shareSession(ctx, stored, fresh, forget), nil
}

// shareSession stores fresh in the place of stored, and returns the one to use. When another
// replica was quicker, that is its session; but not after a reset, for it may belong to the token
// that was to be left behind.
func (c *Client) shareSession(ctx context.Context, stored Secret, fresh *session, reset bool) *session {
	won, err := c.opts.Sessions.SwapSession(ctx, stored, fresh.token)
	if err != nil {
		c.warnOfStore(ctx, "a new session could not be stored", err)
	}
	if won || err != nil || reset {
		return fresh
	}
	other, err := c.opts.Sessions.LoadSession(ctx)
	if err != nil {
		c.warnOfStore(ctx, "the shared session could not be read", err)
		return fresh
	}
	if other.IsZero() || other.Equal(stored) {
		return fresh
	}
	return &session{token: other, shared: true}
}

// warnOfStore tells of a failure of the store, which stops no call.
func (c *Client) warnOfStore(ctx context.Context, what string, err error) {
	if c.opts.Logger != nil {
		c.opts.Logger.WarnContext(ctx, what, "error", err)
	}
}
