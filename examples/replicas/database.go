package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"
)

// database is what the replicas share. The statements of this program are the same for PostgreSQL and
// SQLite, but for the clock.
type database struct {
	*sql.DB

	// now is SQL for the seconds since 1970. Leases go by the clock of the database, so that those of
	// the replicas need not agree.
	now string
}

// schema has a row for each account in every table but the last two. A product encrypts tokens and
// sessions before they get there.
const schema = `
CREATE TABLE IF NOT EXISTS tokens (account TEXT PRIMARY KEY, token TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (account TEXT PRIMARY KEY, session TEXT NOT NULL,
	login_by TEXT NOT NULL, login_until DOUBLE PRECISION NOT NULL);
CREATE TABLE IF NOT EXISTS leases (account TEXT PRIMARY KEY, holder TEXT NOT NULL,
	term BIGINT NOT NULL, expires DOUBLE PRECISION NOT NULL);
CREATE TABLE IF NOT EXISTS cursors (account TEXT PRIMARY KEY, cursor TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS devices (account TEXT NOT NULL, serial TEXT NOT NULL, model TEXT NOT NULL,
	asset_tag TEXT NOT NULL, list BIGINT NOT NULL, PRIMARY KEY (account, serial));
CREATE TABLE IF NOT EXISTS batches (account TEXT NOT NULL, number BIGINT NOT NULL, term BIGINT NOT NULL,
	worker TEXT NOT NULL, begins TEXT NOT NULL, ends TEXT NOT NULL, events BIGINT NOT NULL,
	PRIMARY KEY (account, number))`

// openDatabase opens what name means, a URL of PostgreSQL or the path of an SQLite file, and makes the
// tables that are missing. Close it when done.
func openDatabase(ctx context.Context, name string) (*database, error) {
	db, alone, err := connect(name)
	if err != nil {
		return nil, err
	}
	err = db.inTransaction(ctx, func(tx *sql.Tx) error {
		// In PostgreSQL, two that create the same table at once fail.
		if _, err := tx.ExecContext(ctx, alone); err != nil {
			return err
		}
		for statement := range strings.SplitSeq(schema, ";") {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the database: %w", err), db.Close())
	}
	return db, nil
}

// connect opens the database. alone is a statement after which no other transaction changes the schema
// until the end of this one.
func connect(name string) (db *database, alone string, err error) {
	if strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://") {
		pool, err := sql.Open("pgx", name)
		return &database{pool, "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"}, "SELECT pg_advisory_xact_lock(7391)", err
	}
	// Transactions take SQLite's one lock for writing when they begin, and wait for it: one that began
	// by reading could only fail when it came to write.
	options := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)"}, "_txlock": {"immediate"}}
	pool, err := sql.Open("sqlite", "file:"+name+"?"+options.Encode())
	return &database{pool, "unixepoch('subsec')"}, "SELECT 1", err
}

// inTransaction does all or nothing of what do does.
func (db *database) inTransaction(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing, after a commit
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// hits reports whether a statement changed a row.
func hits(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// wait waits for d, or returns why ctx ended before.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
