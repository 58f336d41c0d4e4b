package cassette

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"unicode"
)

// Redacted stands for every secret.
const Redacted = "[redacted]"

// standIns invents stand-ins and remembers them. Without the key they tell nothing of the values
// but their form.
type standIns struct {
	key []byte

	mu    sync.Mutex
	of    map[string]string // by value
	taken map[string]bool   // stand-ins
	words map[string]bool   // parts of values, to be looked for in texts for people
}

// newStandIns returns stand-ins of a key; without one, of a random key.
func newStandIns(key []byte) *standIns {
	if len(key) == 0 {
		key = make([]byte, sha256.Size)
		_, _ = rand.Read(key) // never fails
	}
	return &standIns{key: key, of: make(map[string]string), taken: make(map[string]bool), words: make(map[string]bool)}
}

// get returns what stands for value.
func (s *standIns) get(value string) string { return s.invent(value, form) }

// host returns what stands for the host of a URL.
func (s *standIns) host(name string) string {
	return s.invent(name, func(_ string, d *dice) string { return "host-" + hex.EncodeToString(d.bytes(4)) + ".test" })
}

// number returns what stands for a number of JSON: another one of as many digits.
func (s *standIns) number(value string) string {
	return s.invent(value, func(value string, d *dice) string {
		end := strings.IndexAny(value, "eE") // another exponent may be out of range
		if end < 0 {
			end = len(value)
		}
		out := []byte(reshape(value[:end], d))
		if len(out) >= 10 {
			out[bytes.IndexAny(out, digits)] = '1' // or it may be out of range
		}
		if last := len(out) - 1; bytes.IndexByte(out, '.') >= 0 && out[last] == '0' {
			out[last] = '1' // or it would be written shorter once it was read
		}
		return string(out) + value[end:]
	})
}

func (s *standIns) invent(value string, form func(string, *dice) string) string {
	if !hasAlnum(value) {
		return value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if standIn, ok := s.of[value]; ok {
		return standIn
	}
	standIn := ""
	for try := 0; ; try++ {
		standIn = form(value, s.roll(value, try))
		if try > 20 { // there are not enough of so short a form
			standIn += fmt.Sprint(try)
		}
		if !s.taken[standIn] && standIn != value {
			break
		}
	}
	s.note(value, standIn)
	return standIn
}

// secret remembers a secret, for the case that it turns up elsewhere.
func (s *standIns) secret(value string) {
	if len(value) < 4 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(value, Redacted)
}

func (s *standIns) note(value, standIn string) {
	s.of[value] = standIn
	s.taken[standIn] = true
	if !strings.ContainsFunc(value, unicode.IsSpace) {
		return
	}
	for word := range strings.FieldsFuncSeq(value, isSeparator) {
		if len(word) > 3 {
			s.words[word] = true
		}
	}
}

// known returns what stands for value if it was hidden before.
func (s *standIns) known(value string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	standIn, ok := s.of[value]
	return standIn, ok
}

// isPart reports whether word is in a value of several words that was hidden.
func (s *standIns) isPart(word string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.words[word]
}

// dice are the bytes that a value is replaced with.
type dice struct {
	key   []byte
	seed  string
	block int
	rest  []byte
}

func (s *standIns) roll(value string, try int) *dice {
	return &dice{key: s.key, seed: fmt.Sprint(try, " ", value)}
}

func (d *dice) next() byte {
	if len(d.rest) == 0 {
		mac := hmac.New(sha256.New, d.key)
		fmt.Fprint(mac, d.block, " ", d.seed)
		d.rest = mac.Sum(nil)
		d.block++
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *dice) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = d.next()
	}
	return b
}

// of returns one of the characters.
func (d *dice) of(characters string) byte { return characters[int(d.next())%len(characters)] }

// topicPrefix begins the topics of push certificates, such as com.apple.mgmt.External.6ba7b810-….
const topicPrefix = "com.apple.mgmt."

// form returns a value of the form of the given one.
func form(value string, d *dice) string {
	if local, _, ok := strings.Cut(value, "@"); ok && local != "" && !strings.ContainsFunc(value, unicode.IsSpace) {
		return "user-" + hex.EncodeToString(d.bytes(4)) + "@example.org"
	}
	if addr, err := netip.ParseAddr(value); err == nil {
		return address(addr, d)
	}
	if strings.ContainsFunc(value, unicode.IsSpace) && strings.ContainsFunc(value, unicode.IsLetter) {
		return "Text " + strings.ToUpper(hex.EncodeToString(d.bytes(4)))
	}
	if topic, ok := strings.CutPrefix(value, topicPrefix); ok {
		kind, rest, _ := strings.Cut(topic, ".")
		return topicPrefix + kind + "." + reshape(rest, d)
	}
	if isHex(value) {
		return reshape(value, d)
	}
	if raw, err := base64.StdEncoding.Strict().DecodeString(value); err == nil && len(value) >= 64 {
		return base64.StdEncoding.EncodeToString(blob(raw, d))
	}
	return reshape(value, d)
}

// blob returns bytes for bytes. What is DER by its outermost header, as a certificate is, has the same.
func blob(raw []byte, d *dice) []byte {
	out := d.bytes(len(raw))
	if raw[0] == 0x30 && raw[1] == 0x82 {
		copy(out, raw[:4])
	}
	return out
}

// address returns an address that is nobody's: of 10.0.0.0/8 or of the range for documents.
func address(addr netip.Addr, d *dice) string {
	if addr.Is4() {
		b := d.bytes(3)
		return netip.AddrFrom4([4]byte{10, b[0], b[1], b[2]}).String()
	}
	var b [16]byte
	copy(b[:], []byte{0x20, 0x01, 0x0d, 0xb8})
	copy(b[4:], d.bytes(12))
	return netip.AddrFrom16(b).String()
}

const (
	digits   = "0123456789"
	lower    = "abcdefghijklmnopqrstuvwxyz"
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// reshape replaces each letter and digit by another of its sort and leaves the rest, so that serial
// numbers, UUIDs, hardware addresses, telephone numbers, cursors and dates keep their form. Values
// of hexadecimal digits stay such, and an IMEI keeps a right check digit.
func reshape(value string, d *dice) string {
	small, large := lower, capitals
	if isHex(value) {
		small, large = lower[:6], capitals[:6]
	}
	out := []byte(value)
	first := strings.IndexAny(value, digits)
	for i, c := range out {
		switch {
		case c == '0' && i == first:
		case i == first:
			out[i] = d.of(digits[1:]) // a number must not begin with 0
		case '0' <= c && c <= '9':
			out[i] = d.of(digits)
		case 'a' <= c && c <= 'z':
			out[i] = d.of(small)
		case 'A' <= c && c <= 'Z':
			out[i] = d.of(large)
		case c >= 0x80:
			out[i] = d.of(lower)
		}
	}
	if len(out) == 15 && luhn(value) {
		checkDigit(out)
	}
	return string(out)
}

func isHex(value string) bool {
	return strings.Trim(value, digits+"abcdefABCDEF-:") == "" && strings.ContainsAny(value, digits)
}

// luhn reports whether value is digits that end with their check digit.
func luhn(value string) bool {
	if strings.Trim(value, digits) != "" {
		return false
	}
	with := []byte(value)
	checkDigit(with)
	return string(with) == value
}

// checkDigit sets the last of an odd number of digits.
func checkDigit(number []byte) {
	sum := 0
	for i, c := range number[:len(number)-1] {
		n := int(c - '0')
		if i%2 == 1 {
			n = n*2/10 + n*2%10
		}
		sum += n
	}
	number[len(number)-1] = byte('0' + (10-sum%10)%10)
}

func hasAlnum(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// isSeparator reports whether r stands between the words of a text.
func isSeparator(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`,;()[]{}<>"'`, r) }
