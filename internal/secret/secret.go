// Package secret holds strings that must never be printed.
package secret

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// Redacted is what a non-empty secret shows instead of itself.
const Redacted = "[redacted]"

// String is a string that does not print. Whatever verb, logger or encoder meets it, also inside
// other values, shows [Redacted]; only [String.Reveal] gives the text. The zero value is the empty
// secret and shows "".
//
// The text lies in a closure, not in a field, so that printers which walk unexported fields by
// reflection find an address only. That also makes == a compile error: compare with
// [String.Equal]. A String is immutable and safe for concurrent use.
type String struct {
	reveal func() string
}

// New returns text as a secret. New("") is the zero String.
func New(text string) String {
	if text == "" {
		return String{}
	}
	return String{reveal: func() string { return text }}
}

// Reveal returns the text. Call it where the text is sent or stored, and nowhere else.
func (s String) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether the secret is empty.
func (s String) IsZero() bool { return s.reveal == nil }

// Equal reports whether both secrets hold the same text, in time that does not depend on where
// they differ.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns [Redacted], or "" for the empty secret.
func (s String) String() string {
	if s.IsZero() {
		return ""
	}
	return Redacted
}

// Format writes what [String.String] returns, whatever the verb.
func (s String) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue keeps the text out of log/slog.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the text out of encoders: encoding a secret loses it on purpose.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text in.
func (s *String) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}
