package apns

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/field"
)

const (
	topicPrefix = "com.apple.mgmt."
	maxTopic    = 255  // bytes, far above the 63 of the portal's
	maxToken    = 127  // bytes; 32 and 40 have been seen, Apple says not to rely on a size
	maxBody     = 4096 // bytes of a push, that is of {"mdm":"…"}
)

// Target is what a push to one enrolment needs. The three values belong together: take all of them
// from one TokenUpdate, and store and replace them together, in one step. A token with the magic of
// an earlier enrolment is accepted by APNs and ignored by the device.
//
// Targets are equal (==) if they are from the same enrolment and written the same way.
//
// Token and PushMagic are no secrets in the sense of [Secret]: without the certificate nobody can use
// them, and with it they only make a device connect to its server. Still a Target prints and logs
// shortened. It encodes to JSON in full, for storage: {"topic", "token", "push_magic"}.
type Target struct {
	// Topic is the topic that the device was enrolled with. Empty stands for the topic of the
	// certificate that is in use.
	Topic string `json:"topic,omitzero"`
	// Token is the device token in hex, of either case: of the bytes in the TokenUpdate, not of their
	// base64 text.
	Token string `json:"token"`
	// PushMagic is the text that the device expects in the push. It is opaque.
	PushMagic string `json:"push_magic"`
}

// NewTarget returns the target of a device whose token is at hand as bytes. The error is an
// [*InputError].
func NewTarget(topic string, token []byte, pushMagic string) (Target, error) {
	t := Target{Topic: topic, Token: hex.EncodeToString(token), PushMagic: pushMagic}
	if err := t.Validate(); err != nil {
		return Target{}, err
	}
	return t, nil
}

// ParseTarget returns the target that stands in three columns of a table or database. Space around
// the values is dropped; topic may be empty.
//
// The token is hex, in either case. Standard base64, as check-in messages have it, is taken as well if
// it cannot be hex and has 32 bytes at least: fewer are more likely another column. Text that was
// encoded twice is refused. The error is an [*InputError] that names the column.
func ParseTarget(topic, token, pushMagic string) (Target, error) {
	raw, err := parseToken(strings.TrimSpace(token))
	if err != nil {
		return Target{}, err
	}
	return NewTarget(strings.TrimSpace(topic), raw, strings.TrimSpace(pushMagic))
}

// minBase64Token is the length in bytes from which base64 is believed to be a token.
const minBase64Token = 32

func parseToken(text string) ([]byte, error) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		if raw, err = parseBase64Token(text); err != nil {
			return nil, err
		}
	}
	if len(raw) >= minBase64Token && isText(raw) {
		return nil, tokenError("is encoded twice: it must be the hex of the token's bytes, not of their hex or base64 text")
	}
	return raw, nil
}

func parseBase64Token(text string) ([]byte, error) {
	switch {
	case isHex(text):
		return nil, tokenError("has an odd number of hex digits; perhaps it was cut short")
	case strings.Contains(text, "-"):
		return nil, tokenError("contains '-': perhaps it is the PushMagic or another column")
	}
	raw, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, tokenError("is neither hex nor base64")
	}
	if len(raw) < minBase64Token {
		return nil, tokenError("is not hex, and too short for a token in base64")
	}
	return raw, nil
}

func tokenError(rule string) error { return &field.InputError{Field: "Token", Rule: rule} }

func isHex(text string) bool {
	for _, c := range []byte(text) {
		if letter := c | 0x20; (c < '0' || c > '9') && (letter < 'a' || letter > 'f') {
			return false
		}
	}
	return true
}

// isText reports whether all of raw could be digits of hex or base64. Among a hundred million million
// million tokens, one is so by chance.
func isText(raw []byte) bool {
	for _, c := range raw {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '+' && c != '/' && c != '=' {
			return false
		}
	}
	return true
}

// Validate returns an [*InputError] if a push to t cannot succeed: if the topic, unless empty, is
// none for device management, if the token is not the hex of 1 to 127 bytes, or if the magic is empty
// or does not fit in a push.
func (t Target) Validate() error {
	if t.Topic != "" {
		if err := checkTopic("Topic", t.Topic); err != nil {
			return err
		}
	}
	if err := checkToken(t.Token); err != nil {
		return err
	}
	return checkMagic(t.PushMagic, t.Token)
}

// checkTopic also keeps out what has no place in a header.
func checkTopic(name, topic string) error {
	rest, ok := strings.CutPrefix(topic, topicPrefix)
	switch {
	case topic == "":
		return &field.InputError{Field: name, Rule: "must not be empty"}
	case !ok || rest == "":
		return &field.InputError{Field: name, Rule: fmt.Sprintf("is %q; the topic of device management begins with %s", shorten(topic, 80), topicPrefix)}
	case len(topic) > maxTopic:
		return &field.InputError{Field: name, Rule: fmt.Sprintf("has %d bytes; the topic may have at most %d", len(topic), maxTopic)}
	case strings.ContainsFunc(topic, func(r rune) bool { return r <= ' ' || r > '~' }):
		return &field.InputError{Field: name, Rule: "the topic has neither spaces nor characters outside of ASCII"}
	}
	return nil
}

func checkToken(token string) error {
	switch {
	case token == "":
		return tokenError("must not be empty")
	case !isHex(token):
		return tokenError("must be hex, not base64 or bytes; see NewTarget and ParseTarget")
	case len(token)%2 != 0:
		return tokenError("has an odd number of hex digits")
	case len(token) > 2*maxToken:
		return tokenError(fmt.Sprintf("has %d bytes; at most %d are possible", len(token)/2, maxToken))
	}
	return nil
}

func checkMagic(magic, token string) error {
	rule := ""
	switch {
	case magic == "":
		rule = "must not be empty"
	case !utf8.ValidString(magic):
		rule = "must be UTF-8"
	case strings.EqualFold(magic, token):
		rule = "is the token again"
	case pushSize(magic) > maxBody:
		rule = fmt.Sprintf("makes the push larger than %d bytes", maxBody)
	default:
		return nil
	}
	return &field.InputError{Field: "PushMagic", Rule: rule}
}

// pushSize returns the length of {"mdm":magic}, or a bound that is small enough.
func pushSize(magic string) int {
	const frame, longest = len(`{"mdm":""}`), len(`\u0000`)
	if bound := frame + longest*len(magic); bound <= maxBody {
		return bound
	}
	if len(magic) > maxBody {
		return len(magic)
	}
	quoted, _ := jsontext.AppendQuote(nil, magic) // the caller saw that it is UTF-8
	return frame - len(`""`) + len(quoted)
}

// String returns the topic, and the start of token and magic.
func (t Target) String() string {
	return fmt.Sprintf("target token=%s magic=%s topic=%s", shorten(t.Token, 8), shorten(t.PushMagic, 4), t.Topic)
}

// Format writes what [Target.String] returns, whatever the verb.
func (t Target) Format(f fmt.State, _ rune) { fmt.Fprint(f, t.String()) }

// LogValue logs the topic, and the start of token and magic.
func (t Target) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("token", shorten(t.Token, 8)),
		slog.String("push_magic", shorten(t.PushMagic, 4)),
		slog.String("topic", t.Topic),
	)
}

// shorten returns the first n bytes of text, without what would be half a character.
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}
