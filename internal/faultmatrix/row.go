package faultmatrix

import (
	"testing"
	"time"

	"github.com/applemdm/applemdm/internal/sim"
)

// The bounds that the clients of a matrix have, which the faults of [Line] exceed.
const (
	MaxBody  = 64 << 10
	Timeout  = 10 * time.Second // of each attempt
	Deadline = 5 * time.Minute  // of a call, attempts and pauses together
)

// retryAfter is what the answers ask for that tell when to come back.
const retryAfter = 7 * time.Second

// Row is one thing that goes wrong, and what has to come of it when it happens once and when it goes
// on for ever.
type Row struct {
	Name       string
	Fault      sim.Fault
	Processed  bool          // the service does what it was asked for before it goes wrong
	BodyOnly   bool          // what answers without a body is not harmed
	RetryAfter time.Duration // asked for by the answer

	Once   string // for calls that are repeated
	Unsafe string // for those that must not be; "" is Once
	Always string
}

// Want returns what has to come of the row; unsafe says that the call must not be repeated when it may
// have been processed.
func (r Row) Want(unsafe, forEver bool) string {
	switch {
	case forEver:
		return r.Always
	case unsafe && r.Unsafe != "":
		return r.Unsafe
	}
	return r.Once
}

// Script returns the fault for the requests to a path, after so many of them.
func (r Row) Script(path string, skip int, forEver bool) sim.Fault {
	f := r.Fault
	f.Path, f.Skip, f.RetryAfter = path, skip, r.RetryAfter
	if forEver {
		f.Count = -1
	}
	return f
}

// Line returns the rows of what can happen to any service, whatever it is for: on the line, in
// gateways, to bodies. They have every kind of fault in them but an answer of the service's own.
func Line() []Row {
	row := func(name string, kind sim.Kind, once, unsafe, always string) Row {
		return Row{Name: name, Fault: sim.Fault{Kind: kind}, Once: once, Unsafe: unsafe, Always: always}
	}
	processed := func(r Row) Row { r.Processed = true; return r }
	body := func(r Row) Row { r.Processed, r.BodyOnly = true, true; return r }
	of := func(r Row, change func(*sim.Fault)) Row { change(&r.Fault); return r }
	busy := func(name string, kind sim.Kind, status int, always string) Row {
		r := of(row(name, kind, Works, "", always), func(f *sim.Fault) { f.Status = status })
		if kind != sim.Busy {
			r.RetryAfter = retryAfter
		}
		return r
	}
	return []Row{
		row("connection refused", sim.Refuse, Works, "", Refused),
		row("reset before headers", sim.Reset, Works, Lost, Lost),
		processed(row("answer lost", sim.Lose, Works, Lost, Lost)),
		body(row("reset in body", sim.ResetBody, Works, Lost, Lost)),
		body(row("truncated JSON", sim.Truncate, Odd, "", Odd)),
		body(row("dripping body", sim.Drip, Works, TimedOut, TimedOut)),
		of(processed(row("late answer", sim.Late, Works, "", Works)), func(f *sim.Fault) { f.Delay = Timeout - time.Second }),
		row("silence", sim.Silence, Works, TimedOut, TimedOut),
		row("HTML 502", sim.HTML, Works, Server, Server),
		row("empty 500", sim.Empty, Works, Server, Server),
		busy("429", sim.Busy, 429, Busy429),
		busy("429, seconds", sim.BusySeconds, 429, Busy429),
		busy("429, date", sim.BusyDate, 429, Busy429),
		busy("503", sim.Busy, 503, Busy503),
		busy("503, seconds", sim.BusySeconds, 503, Busy503),
		busy("503, date", sim.BusyDate, 503, Busy503),
		row("redirect", sim.Redirect, Odd, "", Odd),
		of(body(row("oversized", sim.Oversize, TooLarge, "", TooLarge)), func(f *sim.Fault) { f.Size = 2 * MaxBody }),
		processed(row("gzip", sim.Gzip, Works, "", Works)),
		processed(row("wrong media type", sim.WrongType, Works, "", Works)),
		processed(row("duplicate members", sim.Duplicate, Works, "", Works)),
		processed(row("unknown members", sim.Unknown, Works, "", Works)),
	}
}

// Names returns the names of rows or columns.
func Names[T any](of []T, name func(T) string) []string {
	names := make([]string, len(of))
	for i, item := range of {
		names[i] = name(item)
	}
	return names
}

// EveryKind fails the test if a kind of fault is in none of the rows.
func EveryKind[T any](t *testing.T, rows []T, fault func(T) sim.Fault) {
	t.Helper()
	in := make(map[sim.Kind]bool)
	for _, row := range rows {
		in[fault(row).Kind] = true
	}
	for kind := sim.Answer; kind <= sim.Unknown; kind++ {
		if !in[kind] {
			t.Errorf("kind %d is not in the matrix", kind)
		}
	}
}
