package dep

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/applemdm/applemdm/internal/secret"
)

// BypassCode unlocks a device that this server has locked with Activation Lock. It has two faces:
// the dashed code that a person types or that the server sends to unlock, and the escrow key derived
// from it, which is sent to lock. Keep the code before locking: nothing can be derived back from the
// escrow key.
//
// A BypassCode does not print, log or encode. Its zero value is no code. It is immutable and safe
// for concurrent use.
//
// https://developer.apple.com/documentation/devicemanagement/creating-and-using-bypass-codes
type BypassCode struct {
	raw secret.String // 16 octets
}

const (
	// bypassAlphabet lacks B, I, O and S, which are taken for 8, 1, 0 and 5.
	bypassAlphabet = "0123456789ACDEFGHJKLMNPQRTUVWXYZ"

	bypassBytes   = 16
	bypassSymbols = 26 // 25 of five bits, one of the remaining three
)

// NewBypassCode makes a random code.
func NewBypassCode() BypassCode {
	raw := make([]byte, bypassBytes)
	rand.Read(raw) // never fails
	return BypassCode{secret.New(string(raw))}
}

// BypassCodeFromBytes takes the 16 bytes that [BypassCode.RevealBytes] returns. The error is an
// [*InputError].
func BypassCodeFromBytes(raw []byte) (BypassCode, error) {
	if len(raw) != bypassBytes {
		return BypassCode{}, &InputError{Field: "bypass code", Rule: fmt.Sprintf("must have 16 bytes, not %d", len(raw))}
	}
	return BypassCode{secret.New(string(raw))}, nil
}

// ParseBypassCode reads the code as people write it: 26 letters and digits, upper or lower case,
// with or without dashes and spaces. The error is an [*InputError] that gives the place of a wrong
// symbol, but not the code.
func ParseBypassCode(human string) (BypassCode, error) {
	var symbols []byte
	for place, r := range []rune(strings.ToUpper(human)) {
		if r == '-' || r == ' ' {
			continue
		}
		symbol := strings.IndexRune(bypassAlphabet, r)
		if symbol < 0 {
			return BypassCode{}, &InputError{Field: "bypass code",
				Rule: fmt.Sprintf("has a wrong symbol at place %d: only digits and letters without B, I, O and S occur", place+1)}
		}
		symbols = append(symbols, byte(symbol))
	}
	if len(symbols) != bypassSymbols {
		return BypassCode{}, &InputError{Field: "bypass code",
			Rule: fmt.Sprintf("must have 26 letters and digits, not %d", len(symbols))}
	}
	if symbols[bypassSymbols-1] > 7 {
		return BypassCode{}, &InputError{Field: "bypass code", Rule: "must end in a digit from 0 to 7"}
	}
	return BypassCode{secret.New(string(packSymbols(symbols)))}, nil
}

// packSymbols joins 25 groups of five bits and one of three, most significant bit first.
func packSymbols(symbols []byte) []byte {
	raw := make([]byte, 0, bypassBytes)
	pending, bits := uint32(0), 0
	for i, symbol := range symbols {
		width := symbolWidth(i)
		pending, bits = pending<<width|uint32(symbol), bits+width
		if bits >= 8 {
			bits -= 8
			raw = append(raw, byte(pending>>bits))
		}
	}
	return raw
}

// symbolWidth returns how many bits the symbol at index i carries. The last one is right-aligned,
// unlike in base32.
func symbolWidth(i int) int {
	if i == bypassSymbols-1 {
		return 3
	}
	return 5
}

// IsZero reports whether this is no code.
func (b BypassCode) IsZero() bool { return b.raw.IsZero() }

// Equal reports whether both are the same code, in constant time.
func (b BypassCode) Equal(other BypassCode) bool { return b.raw.Equal(other.raw) }

// RevealBytes returns the 16 bytes, nil for the zero BypassCode.
func (b BypassCode) RevealBytes() []byte {
	if b.IsZero() {
		return nil
	}
	return []byte(b.raw.Reveal())
}

// RevealHuman returns the code as people type it, such as 000H4-0R40M-30F2-0918-5HR3-8F17. It also
// is what Apple's escrowKeyUnlock service wants as escrowKey, unlike the lock request. It is "" for
// the zero BypassCode.
func (b BypassCode) RevealHuman() string {
	raw := b.raw.Reveal()
	if raw == "" {
		return ""
	}
	var human strings.Builder
	pending, bits, next := uint32(0), 0, 0
	for i := range bypassSymbols {
		switch i {
		case 5, 10, 14, 18, 22:
			human.WriteByte('-')
		}
		width := symbolWidth(i)
		if bits < width {
			pending, bits, next = pending<<8|uint32(raw[next]), bits+8, next+1
		}
		bits -= width
		human.WriteByte(bypassAlphabet[pending>>bits&(1<<width-1)])
	}
	return human.String()
}

// EscrowKey derives the escrow key for the request that locks a device: 64 hex digits in lower case.
// Apple's own sample prints upper case, and both are in use. It costs 50,000 rounds of PBKDF2,
// some ten milliseconds, so keep the result rather than derive it for each device again.
//
// It fails for the zero BypassCode, and in a program that runs with GODEBUG=fips140=only, which
// forbids a salt as short as Apple demands.
//
// https://developer.apple.com/documentation/devicemanagement/creating-and-using-bypass-codes
func (b BypassCode) EscrowKey() (Secret, error) {
	if b.IsZero() {
		return Secret{}, errors.New("the bypass code is empty")
	}
	const rounds, length = 50_000, 32
	salt := make([]byte, 4)
	key, err := pbkdf2.Key(sha256.New, b.raw.Reveal(), salt, rounds, length)
	if err != nil {
		return Secret{}, fmt.Errorf("deriving the escrow key: %w", err)
	}
	return NewSecret(hex.EncodeToString(key)), nil
}

// String returns "[redacted]", or "" for the zero BypassCode.
func (b BypassCode) String() string { return b.raw.String() }

// Format writes what [BypassCode.String] returns, whatever the verb.
func (b BypassCode) Format(f fmt.State, verb rune) { b.raw.Format(f, verb) }

// LogValue keeps the code out of log/slog.
func (b BypassCode) LogValue() slog.Value { return b.raw.LogValue() }

// MarshalText keeps the code out of encoders: encoding loses it on purpose.
func (b BypassCode) MarshalText() ([]byte, error) { return b.raw.MarshalText() }
