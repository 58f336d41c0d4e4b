// Package field holds the types of fields that Apple's services share.
package field

import (
	"strings"
	"time"
)

// Time is a point in time, kept as the text in which Apple wrote it: it survives decoding and
// encoding to the letter, costs nothing until it is asked for, and an odd one does not spoil the
// answer that it came in. "" stands for none, which is also what missing and null become.
//
// Apple writes RFC 3339 in UTC ("2026-03-09T16:49:09Z"), with or without a fraction. Also seen are
// offsets without a colon ("+0000"), no offset at all, and days ("2026-03-09"); both of these are
// taken as UTC.
type Time string

// NewTime returns t as Apple writes it, in UTC and to the second; the zero time is "".
func NewTime(t time.Time) Time {
	if t.IsZero() {
		return ""
	}
	return Time(t.UTC().Format(time.RFC3339))
}

// Time returns the point in time, in UTC. It is zero when there is none, and when the text is none
// that Time knows.
func (t Time) Time() time.Time {
	text := strings.TrimSpace(string(t))
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", time.DateOnly} {
		if parsed, err := time.Parse(layout, text); err == nil {
			return parsed.UTC()
		}
	}
	return time.Time{}
}
