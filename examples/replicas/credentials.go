package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/applemdm/applemdm/dep"
)

// tokens is a [dep.TokenSource]: the token of the account in the database. It is read anew for each
// login, so a renewed one needs to be stored once, by anybody.
type tokens struct {
	db      *database
	account string
}

// Token reads the token.
func (t tokens) Token(ctx context.Context) (*dep.Token, error) {
	var text string
	err := t.db.QueryRowContext(ctx, `SELECT token FROM tokens WHERE account = $1`, t.account).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("account %q has no token: store one with -token", t.account)
	}
	if err != nil {
		return nil, err
	}
	return dep.ParseToken([]byte(text))
}

// store stores a token in the place of an older one of the same server.
func (t tokens) store(ctx context.Context, token *dep.Token) error {
	stored, err := t.Token(ctx)
	if err == nil {
		err = dep.CheckConsumerKey(stored, token)
		if err != nil {
			return err
		}
	}
	_, err = t.db.ExecContext(ctx, `INSERT INTO tokens (account, token) VALUES ($1, $2)
		ON CONFLICT (account) DO UPDATE SET token = excluded.token`, t.account, string(token.Reveal()))
	return err
}

const (
	// loginPatience is how long the others wait for one that logs in.
	loginPatience = 10 * time.Second

	// loginPoll is how often they look whether it is done.
	loginPoll = 25 * time.Millisecond
)

// sessions is a [dep.SessionStore] with one login for all: who finds no session, or one that Apple has
// refused to it, claims the login; the others wait for the session that it stores. One that dies in the
// middle of it is waited for loginPatience. Each client needs one of its own.
type sessions struct {
	db      *database
	account string
	worker  string

	// given is the session that the client knows. It asks for one when it has none or was refused with
	// it: if that still is the stored one, it is of no use any more.
	mu    sync.Mutex
	given dep.Secret
}

func newSessions(ctx context.Context, db *database, account, worker string) (*sessions, error) {
	_, err := db.ExecContext(ctx, `INSERT INTO sessions (account, session, login_by, login_until)
		VALUES ($1, '', '', 0) ON CONFLICT (account) DO NOTHING`, account)
	return &sessions{db: db, account: account, worker: worker}, err
}

// LoadSession returns a session that the client does not know yet, or, if it is the one to log in, what
// there is.
func (s *sessions) LoadSession(ctx context.Context) (dep.Secret, error) {
	for {
		var text string
		err := s.db.QueryRowContext(ctx, `SELECT session FROM sessions WHERE account = $1`, s.account).Scan(&text)
		if err != nil {
			return dep.Secret{}, err
		}
		stored := dep.NewSecret(text)
		if s.give(stored) {
			return stored, nil
		}
		if claimed, err := s.claim(ctx, stored); claimed || err != nil {
			return stored, err
		}
		if err := wait(ctx, loginPoll); err != nil {
			return dep.Secret{}, err
		}
	}
}

// give notes the session that the client gets to know, and reports whether it is another one.
func (s *sessions) give(session dep.Secret) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.given.Equal(session)
	s.given = session
	return !known
}

// claim reports whether this replica is the one to log in and to put a session in the place of stored.
func (s *sessions) claim(ctx context.Context, stored dep.Secret) (bool, error) {
	return hits(s.db.ExecContext(ctx, `UPDATE sessions SET login_by = $1, login_until = `+s.db.now+` + $2
		WHERE account = $3 AND session = $4 AND (login_by = $1 OR login_until < `+s.db.now+`)`,
		s.worker, loginPatience.Seconds(), s.account, stored.Reveal()))
}

// SwapSession compares and stores in one statement, and ends the claim.
func (s *sessions) SwapSession(ctx context.Context, old, next dep.Secret) (bool, error) {
	s.give(next)
	return hits(s.db.ExecContext(ctx, `UPDATE sessions SET session = $1, login_by = '', login_until = 0
		WHERE account = $2 AND session = $3`, next.Reveal(), s.account, old.Reveal()))
}
