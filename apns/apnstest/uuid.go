package apnstest

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

// lowerUUID makes a random UUID. It need not be secret, but quick.
func lowerUUID() string {
	var raw [16]byte
	for i := 0; i < len(raw); i += 8 {
		for j, n := 0, rand.Uint64(); j < 8; j++ {
			raw[i+j] = byte(n >> (8 * j))
		}
	}
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	text := make([]byte, 0, 36)
	for i, n := range [...]int{4, 6, 8, 10, 16} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, raw[[...]int{0, 4, 6, 8, 10}[i]:n])
	}
	return string(text)
}

// upperUUID makes a UUID as APNs does when the client sent none.
func upperUUID() string { return strings.ToUpper(lowerUUID()) }

// isUUID reports whether text has the form 8-4-4-4-12 of hex digits, and whether all letters are
// of lower case.
func isUUID(text string) (ok, lower bool) {
	if len(text) != 36 {
		return false, false
	}
	lower = true
	for i := range len(text) {
		c := text[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false, false
			}
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'f':
		case 'A' <= c && c <= 'F':
			lower = false
		default:
			return false, false
		}
	}
	return true, lower
}
