package faultmatrix

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

// What comes of a cell: success, or an error of a type that callers can act on. Services have further
// ones of their own.
const (
	Works    = "ok"
	Refused  = "refused"   // TransportError: ECONNREFUSED, not sent
	Lost     = "lost"      // TransportError: broken line, sent
	TimedOut = "timeout"   // TransportError: context.DeadlineExceeded, sent
	TooLarge = "too large" // TransportError: ErrBodyTooLarge, sent
	Busy429  = "429"       // the service's sentinel for too many requests
	Busy503  = "503"       // its sentinel for being unavailable
	Server   = "5xx"       // its sentinel for a failure of its own
	Odd      = "odd"       // its sentinel for what no answer of its own looks like
)

// Either joins what may come of a cell where two things race.
func Either(endings ...string) string { return strings.Join(endings, " or ") }

// Sentinels are the errors by which a service tells what it answered, by the name of the ending. No
// error may be two of them.
type Sentinels map[string]error

// Ending names what err is, or says that it is none of what it may be: a TransportError, or an error
// of which typed is true and that is one of the sentinels.
func (s Sentinels) Ending(err error, typed bool) string {
	if err == nil {
		return Works
	}
	var names []string
	for name, sentinel := range s {
		if typed && errors.Is(err, sentinel) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		return strings.Join(names, " and ")
	}
	line, ok := errors.AsType[*rest.TransportError](err)
	switch {
	case !ok:
		return fmt.Sprintf("untyped: %v", err)
	case errors.Is(err, syscall.ECONNREFUSED) && !line.Sent:
		return Refused
	case !line.Sent:
		return fmt.Sprintf("not sent, but not refused: %v", err)
	case errors.Is(err, rest.ErrBodyTooLarge):
		return TooLarge
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	}
	return Lost
}

// Try makes a call, which has to end before the deadline does it, and returns what came of it.
func Try(t *testing.T, deadline time.Duration, call func(context.Context) error) (took time.Duration, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	start := time.Now()
	err = call(ctx)
	if took = time.Since(start); took >= deadline {
		t.Errorf("took %v", took)
	}
	return took, err
}

// Check fails the test if the ending is not as wanted.
func Check(t *testing.T, ending, want string, err error) {
	t.Helper()
	if !slices.Contains(strings.Split(want, " or "), ending) {
		t.Errorf("ended with %q, want %q: %v", ending, want, err)
	}
	if err == nil {
		return
	}
	if text := err.Error(); strings.ContainsAny(text, "\r\n") || len(text) > 400 {
		t.Errorf("not one short line: %q", text)
	}
}

// CheckWait fails the test if a call did not wait for as often as it was asked to, or much longer.
func (r Row) CheckWait(t *testing.T, took time.Duration, pauses int) {
	t.Helper()
	if r.RetryAfter == 0 {
		return
	}
	least := time.Duration(pauses) * (r.RetryAfter - time.Second)     // a date has whole seconds
	most := time.Duration(pauses)*r.RetryAfter + 500*time.Millisecond // for the pace of the client
	if took < least || took > most {
		t.Errorf("took %v, want %v to %v", took, least, most)
	}
}

// CheckTold fails the test if an error does not tell when the service wants to be asked again.
func (r Row) CheckTold(t *testing.T, told time.Duration) {
	t.Helper()
	if r.RetryAfter > 0 && (told < r.RetryAfter-time.Second || told > r.RetryAfter) {
		t.Errorf("RetryAfter = %v", told)
	}
}

// CheckRequests fails the test if there were more requests to a path, given as a pattern, than
// most, or if one followed a redirect.
func CheckRequests(t *testing.T, received []sim.Request, pattern string, most int) {
	t.Helper()
	n := 0
	for _, r := range received {
		if r.Host == "elsewhere.test" {
			t.Error("a redirect to another host was followed")
		}
		if ok, err := path.Match(pattern, r.Path); ok || err != nil {
			n++
		}
	}
	if n > most {
		t.Errorf("%d requests", n)
	}
}
