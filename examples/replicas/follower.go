package main

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/applemdm/applemdm/dep"
)

// follower keeps the table of devices in step with Apple for one term. It is the handler of a
// [dep.Syncer] and its [dep.CursorStore].
type follower struct {
	term *term

	// at is the cursor that the next batch begins at, for the log of batches.
	at string
}

// LoadCursor returns the cursor of the last batch in the database, whoever dealt with it.
func (f *follower) LoadCursor(ctx context.Context) (dep.Cursor, error) {
	err := f.term.lease.db.QueryRowContext(ctx, `SELECT cursor FROM cursors WHERE account = $1`, f.term.lease.account).Scan(&f.at)
	if errors.Is(err, sql.ErrNoRows) {
		return dep.Cursor{}, nil
	}
	if err != nil {
		return dep.Cursor{}, err
	}
	return dep.ParseCursor(f.at)
}

// SaveCursor keeps a cursor without a batch. The Syncer does not call it, because handle saves it.
func (f *follower) SaveCursor(ctx context.Context, cursor dep.Cursor) error {
	return f.term.write(ctx, func(tx *sql.Tx) error { return f.saveCursor(ctx, tx, cursor) })
}

// handle writes the devices of a batch, the batch and its cursor, all of it or nothing.
func (f *follower) handle(ctx context.Context, batch *dep.Batch) error {
	err := f.term.write(ctx, func(tx *sql.Tx) error {
		if err := f.saveDevices(ctx, tx, batch); err != nil {
			return err
		}
		if err := f.logBatch(ctx, tx, batch); err != nil {
			return err
		}
		return f.saveCursor(ctx, tx, batch.Cursor)
	})
	if err == nil {
		f.at = batch.Cursor.String()
	}
	return err
}

// saveDevices writes what happened to each device. Those that a full list has not mentioned are gone
// when it ends.
func (f *follower) saveDevices(ctx context.Context, tx *sql.Tx, batch *dep.Batch) error {
	account, list := f.term.lease.account, listNumber(batch.Cursor.Started)
	insert, err := tx.PrepareContext(ctx, `INSERT INTO devices (account, serial, model, asset_tag, list)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account, serial)
		DO UPDATE SET model = excluded.model, asset_tag = excluded.asset_tag, list = excluded.list`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, event := range batch.Events {
		d := &event.Device
		if event.Kind == dep.EventRemoved {
			_, err = tx.ExecContext(ctx, `DELETE FROM devices WHERE account = $1 AND serial = $2`, account, d.SerialNumber)
		} else {
			_, err = insert.ExecContext(ctx, account, d.SerialNumber, d.Model, d.AssetTag, list)
		}
		if err != nil {
			return err
		}
	}
	if !batch.Completes {
		return nil
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM devices WHERE account = $1 AND list < $2`, account, list)
	return err
}

// listNumber is the full list that a cursor descends from, as a number that grows.
func listNumber(started time.Time) int64 {
	if started.IsZero() {
		return 0
	}
	return started.UnixNano()
}

// logBatch writes who dealt with the batch, and between which cursors.
func (f *follower) logBatch(ctx context.Context, tx *sql.Tx, batch *dep.Batch) error {
	l := f.term.lease
	_, err := tx.ExecContext(ctx, `INSERT INTO batches (account, number, term, worker, begins, ends, events)
		VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM batches WHERE account = $1), $2, $3, $4, $5, $6)`,
		l.account, f.term.number, l.worker, f.at, batch.Cursor.String(), len(batch.Events))
	return err
}

func (f *follower) saveCursor(ctx context.Context, tx *sql.Tx, cursor dep.Cursor) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO cursors (account, cursor) VALUES ($1, $2)
		ON CONFLICT (account) DO UPDATE SET cursor = excluded.cursor`, f.term.lease.account, cursor.String())
	return err
}
