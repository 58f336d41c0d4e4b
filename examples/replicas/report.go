package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/applemdm/applemdm/dep/deptest"
)

// report is what the story came to.
type report struct {
	Logins, Tokens   int
	Terms            int
	Batches, Events  int
	Doubles          int // batches that do not begin where the one before ended
	Devices, AtApple int
	Different        int      // devices that are on one side only, or are not the same
	Lost             int      // times a replica that was alive lost the lease
	Calls            []string // how many calls each replica made
	Violations       []string // what the simulator had to object to
}

func (r *report) print(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table)
	for _, row := range []struct {
		name  string
		value any
	}{
		{"logins", fmt.Sprintf("%d, one for each of %d tokens", r.Logins, r.Tokens)},
		{"calls", r.Calls},
		{"terms", r.Terms},
		{"batches", r.Batches},
		{"events delivered", r.Events},
		{"double syncs", r.Doubles},
		{"leases lost while alive", r.Lost},
		{"devices at Apple", r.AtApple},
		{"devices in the database", r.Devices},
		{"differences", r.Different},
	} {
		fmt.Fprintf(table, "%s\t%v\n", row.name, row.value)
	}
	_ = table.Flush() // to a terminal, or a buffer
}

// check is an error if anything got lost, or was done twice.
func (r *report) check() error {
	switch {
	case r.Logins != r.Tokens:
		return fmt.Errorf("%d logins with %d tokens", r.Logins, r.Tokens)
	case r.Doubles > 0:
		return fmt.Errorf("%d batches were dealt with twice, or left out", r.Doubles)
	case r.Different > 0 || r.Devices != r.AtApple:
		return fmt.Errorf("%d devices differ: %d in the database, %d at Apple", r.Different, r.Devices, r.AtApple)
	case len(r.Violations) > 0:
		return fmt.Errorf("the simulator objects: %v", r.Violations)
	}
	return nil
}

// report reads what is in the database, and compares it with Apple.
func (s *stage) report(ctx context.Context) (*report, error) {
	s.mu.Lock()
	r := &report{Logins: s.apple.Logins(), Tokens: 2, Lost: s.lost, Calls: s.apple.callsOf(), Violations: s.apple.Violations()}
	s.mu.Unlock()
	var err error
	if r.Different, err = s.differences(ctx); err != nil {
		return nil, err
	}
	r.AtApple = len(s.apple.Devices())
	err = s.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM devices WHERE account = $1`, s.account).Scan(&r.Devices)
	if err != nil {
		return nil, err
	}
	err = s.db.QueryRowContext(ctx, `SELECT term FROM leases WHERE account = $1`, s.account).Scan(&r.Terms)
	if err != nil {
		return nil, err
	}
	return r, s.readBatches(ctx, r)
}

// readBatches walks through the log of batches: each begins where the one before has ended, and no term
// comes back.
func (s *stage) readBatches(ctx context.Context, r *report) error {
	rows, err := s.db.QueryContext(ctx, `SELECT term, begins, ends, events FROM batches WHERE account = $1 ORDER BY number`, s.account)
	if err != nil {
		return err
	}
	defer rows.Close()
	term, end := 0, ""
	for rows.Next() {
		var t, events int
		var begins, ends string
		if err := rows.Scan(&t, &begins, &ends, &events); err != nil {
			return err
		}
		if begins != end || t < term {
			r.Doubles++
		}
		r.Batches++
		r.Events += events
		term, end = t, ends
	}
	return rows.Err()
}

// differences counts the devices that are on one side only, or are not the same.
func (s *stage) differences(ctx context.Context) (n int, err error) {
	atApple := map[string]deptest.Device{}
	for _, d := range s.apple.Devices() {
		atApple[d.SerialNumber] = d
	}
	rows, err := s.db.QueryContext(ctx, `SELECT serial, model, asset_tag FROM devices WHERE account = $1`, s.account)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var serial, model, tag string
		if err := rows.Scan(&serial, &model, &tag); err != nil {
			return 0, err
		}
		if d, ok := atApple[serial]; !ok || d.Model != model || d.AssetTag != tag {
			n++
		}
		delete(atApple, serial)
	}
	return n + len(atApple), rows.Err()
}
