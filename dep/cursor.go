package dep

import (
	"fmt"
	"strings"
	"time"
)

// Phase says which request a cursor is for.
type Phase int

const (
	PhaseFetch Phase = iota // the full list, page by page
	PhaseSync               // changes since the cursor
)

// String returns "fetch" or "sync".
func (p Phase) String() string {
	if p == PhaseSync {
		return "sync"
	}
	return "fetch"
}

// Cursor is a place in the stream of a list and its changes. The zero Cursor is its beginning: the
// full list. Keep it as text ([Cursor.String], [ParseCursor]) in the same place as what was read up
// to it. Apple forgets a cursor after seven days.
type Cursor struct {
	Value string // Apple's, opaque; "" for the beginning
	Phase Phase

	// Started is when the full list began that this cursor descends from, or zero if unknown. Keep it
	// with each item: once a full list has ended, the items with an earlier one are gone.
	Started time.Time

	// Stalled says that Apple did not move on from this cursor although it should have. A [Syncer]
	// that finds it so begins the full list if it happens again.
	Stalled bool
}

// stalledMark follows the phase in the text of a cursor that is Stalled.
const stalledMark = "-stalled"

// maxCursorLength is Apple's limit for what it takes back.
const maxCursorLength = 1000

// String returns the cursor as text that [ParseCursor] reads: phase, time and Apple's value,
// separated by semicolons; "" for the zero Cursor.
func (c Cursor) String() string {
	if c == (Cursor{}) {
		return ""
	}
	started := ""
	if !c.Started.IsZero() {
		started = c.Started.UTC().Format(time.RFC3339Nano)
	}
	phase := c.Phase.String()
	if c.Stalled {
		phase += stalledMark
	}
	return phase + ";" + started + ";" + c.Value
}

// ParseCursor reads the text of a Cursor. A bare cursor of Apple's, as other clients keep it, is
// taken too: it begins with the fetch phase, which Apple ends at once when there is nothing left to
// fetch.
func ParseCursor(text string) (Cursor, error) {
	parts := strings.SplitN(text, ";", 3)
	phase, stalled := strings.CutSuffix(parts[0], stalledMark)
	if len(parts) < 3 || phase != PhaseFetch.String() && phase != PhaseSync.String() {
		c := Cursor{Value: text}
		return c, c.check()
	}
	c := Cursor{Value: parts[2], Stalled: stalled}
	if phase == PhaseSync.String() {
		c.Phase = PhaseSync
	}
	if parts[1] != "" {
		started, err := time.Parse(time.RFC3339, parts[1])
		c.Started = started.UTC()
		if year := c.Started.Year(); err != nil || year < 1 || year > 9999 { // which the zone may make it
			return Cursor{}, &InputError{Field: "cursor", Rule: "has a time that cannot be read"}
		}
	}
	return c, c.check()
}

// MarshalText returns what [Cursor.String] returns.
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what [ParseCursor] reads.
func (c *Cursor) UnmarshalText(text []byte) (err error) {
	*c, err = ParseCursor(string(text))
	return err
}

func (c Cursor) check() error {
	switch {
	case len(c.Value) > maxCursorLength:
		return &InputError{Field: "cursor", Rule: fmt.Sprintf("has %d characters; Apple's have at most %d", len(c.Value), maxCursorLength)}
	case c.Value == "" && c.Phase == PhaseSync:
		return &InputError{Field: "cursor", Rule: "is for a sync but empty"}
	}
	return nil
}
