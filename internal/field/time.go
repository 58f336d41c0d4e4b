// Package field holds the types of fields that Apple's services share.
package field

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Time is a point in time as Apple's services write it. Missing, null and "" are the zero Time. A
// text that is no time is kept, so that one odd value does not cost the whole answer: the Time is
// then zero, and [Time.Text] gives the text.
//
// Apple writes RFC 3339 in UTC ("2026-03-09T16:49:09Z"), with or without a fraction; also seen are
// offsets without a colon ("+0000"), no offset at all, and days ("2026-03-09"); these are taken as
// UTC.
type Time struct {
	time.Time
	odd string // the text, if it is no time
}

// NewTime returns t as a Time, in UTC.
func NewTime(t time.Time) Time { return Time{Time: t.UTC()} }

// ParseTime reads text in any of the forms that Time knows.
func ParseTime(text string) Time {
	text = strings.TrimSpace(text)
	if text == "" {
		return Time{}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return NewTime(t)
		}
	}
	return Time{odd: text}
}

// IsZero reports whether there is neither a time nor a text.
func (t Time) IsZero() bool { return t.Time.IsZero() && t.odd == "" }

// Equal reports whether both are the same point in time, or the same odd text.
func (t Time) Equal(u Time) bool { return t.Time.Equal(u.Time) && t.odd == u.odd }

// Text returns the text that was no time, or the time as RFC 3339, or "".
func (t Time) Text() string {
	if t.odd != "" || t.Time.IsZero() {
		return t.odd
	}
	return t.Time.Format(time.RFC3339Nano)
}

// String returns what [Time.Text] returns.
func (t Time) String() string { return t.Text() }

// MarshalText writes what [Time.Text] returns.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.Text()), nil }

// UnmarshalText reads what [ParseTime] reads; it never fails.
func (t *Time) UnmarshalText(text []byte) error {
	*t = ParseTime(string(text))
	return nil
}

// MarshalJSON writes a JSON string.
func (t Time) MarshalJSON() ([]byte, error) { return json.Marshal(t.Text()) }

// UnmarshalJSON reads a JSON string, or anything else as odd text.
func (t *Time) UnmarshalJSON(data []byte) error {
	return t.UnmarshalJSONFrom(jsontext.NewDecoder(strings.NewReader(string(data))))
}

// MarshalJSONTo writes a JSON string.
func (t Time) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteToken(jsontext.String(t.Text()))
}

// UnmarshalJSONFrom reads a JSON string without copying it. A value of another kind is odd text.
func (t *Time) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	switch value.Kind() {
	case 'n':
		*t = Time{}
	case '"':
		unquoted, err := jsontext.AppendUnquote(make([]byte, 0, 40), value)
		if err != nil {
			return err
		}
		*t = ParseTime(string(unquoted))
	default:
		*t = Time{odd: string(value)}
	}
	return nil
}
