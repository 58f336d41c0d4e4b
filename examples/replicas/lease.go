package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// errLeaseLost ends a term: the lease was not renewed in time, and another replica has it or may have it.
var errLeaseLost = errors.New("the lease is lost")

// lease lets one replica at a time follow an account. It is a row with a holder, an end and the number of
// the term, which goes up whenever somebody takes the lease.
//
// The end alone is not enough: a process that falls asleep just before it writes, under a debugger or in
// a virtual machine that moves, wakes up when another has long taken over, and writes. Therefore each of
// its transactions first touches the row in its own term ([term.write]). Either that is the row's term no
// longer, and nothing is written; or the row is locked by it, and nobody takes over before the commit.
//
// An advisory lock of PostgreSQL would be free at once when the holder dies, but belongs to a
// connection: when that breaks, the holder goes on without knowing, and has no number to prove itself by.
type lease struct {
	db      *database
	account string
	worker  string
	life    time.Duration // after the last renewal
}

func newLease(ctx context.Context, db *database, account, worker string, life time.Duration) (*lease, error) {
	_, err := db.ExecContext(ctx, `INSERT INTO leases (account, holder, term, expires)
		VALUES ($1, '', 0, 0) ON CONFLICT (account) DO NOTHING`, account)
	return &lease{db, account, worker, life}, err
}

// hold calls lead whenever this replica has the lease, with a context that ends when that is lost, and
// returns when ctx ends.
func (l *lease) hold(ctx context.Context, lead func(ctx context.Context, t *term)) error {
	for {
		pause := l.life / 8
		switch t, err := l.take(ctx); {
		case t != nil:
			t.serve(ctx, lead)
		case err != nil && ctx.Err() == nil:
			fmt.Println("could not ask for the lease:", err)
			pause = l.life
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

// take begins a term, or returns nil if another replica has the lease.
func (l *lease) take(ctx context.Context) (*term, error) {
	t := &term{lease: l, renewed: time.Now()}
	err := l.db.QueryRowContext(ctx, `UPDATE leases SET holder = $1, term = term + 1, expires = `+l.db.now+` + $2
		WHERE account = $3 AND expires < `+l.db.now+` RETURNING term`,
		l.worker, l.life.Seconds(), l.account).Scan(&t.number)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// term is the time for which this replica has the lease.
type term struct {
	lease   *lease
	number  int64
	renewed time.Time               // when the last renewal that succeeded was asked for
	end     context.CancelCauseFunc // of what is done in it
}

// serve calls lead and renews the lease meanwhile. In the end the lease is free for others, unless it
// was lost.
func (t *term) serve(ctx context.Context, lead func(ctx context.Context, t *term)) {
	inside, end := context.WithCancelCause(ctx)
	t.end = end
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		end(t.keep(inside))
	}()
	lead(inside, t)
	end(nil)
	<-kept
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.lease.life)
	defer cancel()
	// If that fails, the lease ends by itself.
	_, _ = t.lease.db.ExecContext(release, `UPDATE leases SET expires = 0 WHERE account = $1 AND term = $2`,
		t.lease.account, t.number)
}

// keep renews the lease until ctx ends or it is lost, and returns which. A database that does not answer
// for as long as the lease lasts counts as a loss.
func (t *term) keep(ctx context.Context) error {
	for {
		if err := wait(ctx, t.lease.life/4); err != nil {
			return err
		}
		asked := time.Now()
		ours, err := t.renew(ctx)
		switch {
		case ours:
			t.renewed = asked
		case err == nil:
			return errLeaseLost
		case time.Since(t.renewed) > t.lease.life:
			return fmt.Errorf("%w: %w", errLeaseLost, err)
		}
	}
}

// renew reports whether the term goes on. It may do so after the lease had ended, if nobody has noticed.
func (t *term) renew(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, t.lease.life/4)
	defer cancel()
	return hits(t.lease.db.ExecContext(ctx, `UPDATE leases SET expires = `+t.lease.db.now+` + $1
		WHERE account = $2 AND term = $3`, t.lease.life.Seconds(), t.lease.account, t.number))
}

// write does all or nothing of what do does, and nothing once the lease is lost: that ends the term.
func (t *term) write(ctx context.Context, do func(tx *sql.Tx) error) error {
	return t.lease.db.inTransaction(ctx, func(tx *sql.Tx) error {
		ours, err := hits(tx.ExecContext(ctx, `UPDATE leases SET holder = holder WHERE account = $1 AND term = $2`,
			t.lease.account, t.number))
		if err != nil {
			return err
		}
		if !ours {
			t.end(errLeaseLost)
			return errLeaseLost
		}
		return do(tx)
	})
}
