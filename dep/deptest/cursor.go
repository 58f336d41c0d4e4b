package deptest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// maxCursor is how long a cursor in a request may be.
const maxCursor = 1000

// FetchedUntil is how answers tell fetched_until.
type FetchedUntil int

const (
	UntilRight   FetchedUntil = iota // the time of progress
	UntilMissing                     // not at all
	UntilZero                        // as 0001-01-01T00:00:00Z
)

// SetFetchedUntil changes how the answers of fetch and sync tell fetched_until.
func (s *Server) SetFetchedUntil(how FetchedUntil) { s.set(func() { s.fleet.until = how }) }

// RepeatCursor makes the next n answers of fetch and sync to requests with a cursor return that
// same cursor with more_to_follow, however many devices there are; a negative n makes all do so.
func (s *Server) RepeatCursor(n int) { s.set(func() { s.fleet.repeat = n }) }

// position is what a cursor stands for.
type position struct {
	issued time.Time
	done   bool   // the fetch is complete: for sync only
	index  int    // fetch: where it goes on
	bound  int    // fetch: where it ends
	after  string // roster fetch: the entry it goes on after
	seq    int    // the first event that sync has to tell
}

// cursors holds the positions that were handed out, in the order of their issue.
type cursors struct {
	known map[string]position
	queue []string
	last  int64 // makes cursors of the same millisecond differ
}

func (cs *cursors) init() { cs.known = make(map[string]position) }

// forget is how long expired cursors are remembered as such.
const forget = 60 * 24 * time.Hour

// issue returns a new cursor for p, in the given style.
func (cs *cursors) issue(p position, style func(now time.Time, more bool, n int64) string) string {
	for len(cs.queue) > 0 && p.issued.Sub(cs.known[cs.queue[0]].issued) > forget {
		delete(cs.known, cs.queue[0])
		cs.queue = cs.queue[1:]
	}
	cs.last = max(cs.last+1, p.issued.UnixMilli())
	name := style(p.issued, !p.done, cs.last)
	cs.known[name] = p
	cs.queue = append(cs.queue, name)
	return name
}

// find returns what a cursor stands for, or why it is refused. The first event that can still be
// told has the sequence number base.
func (cs *cursors) find(name string, now time.Time, life time.Duration, base int) (position, *reply) {
	p, ok := cs.known[name]
	switch {
	case len(name) > maxCursor || !ok:
		return p, badRequest("INVALID_CURSOR")
	case now.Sub(p.issued) > life || p.seq < base:
		return p, badRequest("EXPIRED_CURSOR")
	}
	return p, nil
}

// deviceCursor is the style of cursors of devices.
func (s *Server) deviceCursor(now time.Time, more bool, n int64) string {
	if s.opts.Manner == Depsim {
		text := fmt.Sprintf("%d-%d", now.Unix(), n-now.UnixMilli()+1)
		return base64.StdEncoding.EncodeToString([]byte(text))
	}
	text := fmt.Sprintf("0:0:%d:%d:%t:%d", now.UnixMilli(), now.UnixMilli(), more, n)
	return base64.RawStdEncoding.EncodeToString([]byte(text))
}

// rosterCursor is the style of cursors of rosters, which are hex.
func rosterCursor(kind string) func(time.Time, bool, int64) string {
	return func(_ time.Time, _ bool, n int64) string {
		return hex.EncodeToString([]byte(kind + strconv.FormatInt(n, 10)))
	}
}
