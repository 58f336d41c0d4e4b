package apnstest

import "math/rand/v2"

const (
	lowerDigits = "0123456789abcdef"
	upperDigits = "0123456789ABCDEF"
)

// lowerUUID makes a random UUID as clients write them.
func lowerUUID() string { return newUUID(lowerDigits) }

// upperUUID makes a UUID as APNs does when the client sent none.
func upperUUID() string { return newUUID(upperDigits) }

// newUUID makes a random UUID, version 4. It need not be secret, but quick.
func newUUID(digits string) string {
	var text [36]byte
	random := [2]uint64{rand.Uint64(), rand.Uint64()}
	n := 0
	for i := range text {
		switch i {
		case 8, 13, 18, 23:
			text[i] = '-'
			continue
		case 14:
			text[i] = '4'
		case 19:
			text[i] = digits[8|random[n/16]>>(n%16*4)&3]
		default:
			text[i] = digits[random[n/16]>>(n%16*4)&15]
		}
		n++
	}
	return string(text[:])
}

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
