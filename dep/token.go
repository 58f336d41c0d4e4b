package dep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/secret"
	"github.com/applemdm/applemdm/internal/sniff"
	"github.com/applemdm/applemdm/internal/tokenfile"
)

// Secret is a string that does not print: every verb, logger and encoder shows "[redacted]", or
// nothing if it is empty. Only its Reveal method gives the text; IsZero tells whether there is one,
// and Equal compares two (== does not compile).
type Secret = secret.String

// NewSecret returns text as a [Secret].
func NewSecret(text string) Secret { return secret.New(text) }

// FileKind names a kind of file in words for people, such as "Apps and Books content token
// (.vpptoken)". Show it; do not compare with it.
type FileKind = sniff.Kind

// WrongFileError reports that somebody supplied another of Apple's files than the one wanted: the
// content token of Apps and Books instead of the server token, a certificate instead of a key pair.
// Its fields Want and Got, each a [FileKind], name both.
type WrongFileError = sniff.WrongFileError

// Token is a decrypted server token: the OAuth credentials of one device management server in Apple
// Business or Apple School Manager.
//
// Apple issues it for one year. Downloading a newer one for the same server makes this one useless
// at once, even if nobody uploads the newer one; so does a changed password of the person who
// downloaded it.
//
// Printing, logging and encoding a Token show the consumer key and the expiry and hide the three
// secrets. Use [Token.Reveal] to store it. Do not change a Token that a client uses.
//
// https://developer.apple.com/documentation/devicemanagement/examining-server-tokens
type Token struct {
	ConsumerKey    string    `json:"consumer_key"` // identifies the server in the portal; the same in each renewal
	ConsumerSecret Secret    `json:"consumer_secret"`
	AccessToken    Secret    `json:"access_token"`
	AccessSecret   Secret    `json:"access_secret"`
	Expiry         time.Time `json:"access_token_expiry"`
}

// TokenSource supplies the server token. It is asked anew for each session, so that a renewed token
// takes effect without a restart. It must be safe for concurrent use. *[Token], [FileToken] and
// [TokenFunc] implement it.
type TokenSource interface {
	Token(ctx context.Context) (*Token, error)
}

// TokenFunc is a function used as a [TokenSource], for example one that reads a database.
type TokenFunc func(ctx context.Context) (*Token, error)

// Token calls f.
func (f TokenFunc) Token(ctx context.Context) (*Token, error) { return f(ctx) }

// FileToken is a [TokenSource] in a file, whose path it is. The file holds a decrypted token, such as
// [Token.Reveal] gives; it is read anew for each session. Keep it readable by its owner only,
// which is not checked.
type FileToken string

// Token reads the file.
func (f FileToken) Token(context.Context) (*Token, error) {
	return tokenfile.Read(string(f), ParseToken)
}

// Token returns t itself, so that a token which never changes is its own [TokenSource].
func (t *Token) Token(context.Context) (*Token, error) { return t, nil }

// ParseToken reads a decrypted server token: the bare JSON, or the text as it comes out of the
// envelope, with its MIME header, the BEGIN MESSAGE and END MESSAGE lines, and line breaks inside
// the values. All five members must be there.
//
// Errors are [*WrongFileError] if data is some other file (the downloaded .p7m among them: open that
// with [KeyPair.OpenToken]) and [*InputError] otherwise. No error quotes data. An expired token is
// not an error here; see [Token.Expired].
func ParseToken(data []byte) (*Token, error) {
	if err := tokenfile.Check("token", data, sniff.ServerTokenText, "server token"); err != nil {
		return nil, err
	}
	members, err := tokenMembers(tokenJSON(data))
	if err != nil {
		return nil, err
	}
	return tokenFrom(members)
}

// tokenJSON returns what lies between the outermost braces, joined across line ends. Neither the
// header nor the MESSAGE lines contain a brace, and no value contains a line end of its own.
func tokenJSON(data []byte) []byte {
	text := string(sniff.JoinLines(data))
	start := max(strings.Index(text, "{"), 0)
	end := strings.LastIndex(text, "}")
	if end < start {
		return []byte(text[start:])
	}
	return []byte(text[start : end+1])
}

// tokenMembers tells where the JSON breaks, never what stands there: it may be a secret.
func tokenMembers(text []byte) (map[string]jsontext.Value, error) {
	var members map[string]jsontext.Value
	err := json.Unmarshal(text, &members)
	if err == nil {
		return members, nil
	}
	rule := "is not a JSON object"
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		rule = fmt.Sprintf("is damaged or cut short: not JSON at byte %d (line ends not counted)", syntax.ByteOffset)
	}
	return nil, &InputError{Field: "token", Rule: rule}
}

func tokenFrom(members map[string]jsontext.Value) (*Token, error) {
	var text [5]string
	for i, name := range [5]string{"consumer_key", "consumer_secret", "access_token", "access_secret", "access_token_expiry"} {
		value, err := tokenMember(members, name)
		if err != nil {
			return nil, err
		}
		text[i] = value
	}
	expiry, err := parseExpiry(text[4])
	if err != nil {
		return nil, err
	}
	return &Token{
		ConsumerKey:    text[0],
		ConsumerSecret: NewSecret(text[1]),
		AccessToken:    NewSecret(text[2]),
		AccessSecret:   NewSecret(text[3]),
		Expiry:         expiry,
	}, nil
}

func tokenMember(members map[string]jsontext.Value, name string) (string, error) {
	value, err := tokenfile.Member(members, name)
	if value == secret.Redacted {
		return "", &InputError{Field: name, Rule: "was redacted when the token was stored; store what Token.Reveal returns"}
	}
	return value, err
}

// parseExpiry takes RFC 3339, and the offset without a colon that Apple writes elsewhere.
func parseExpiry(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		expiry, err := time.Parse(layout, text)
		// An offset can carry the year past what RFC 3339 can write again.
		if year := expiry.UTC().Year(); err == nil && 0 <= year && year <= 9999 {
			return expiry.UTC(), nil
		}
	}
	return time.Time{}, &InputError{Field: "access_token_expiry", Rule: "must be an RFC 3339 time such as 2027-01-05T09:30:00Z"}
}

// Reveal returns the token with its secrets as JSON that [ParseToken] reads, for storage. Encrypt
// it at rest: whoever has it can act as the device management server.
func (t *Token) Reveal() []byte {
	// Strings and a time always encode: neither error below can happen.
	text, _ := json.Marshal(struct {
		ConsumerKey    string `json:"consumer_key"`
		ConsumerSecret string `json:"consumer_secret"`
		AccessToken    string `json:"access_token"`
		AccessSecret   string `json:"access_secret"`
		Expiry         string `json:"access_token_expiry"`
	}{
		t.ConsumerKey, t.ConsumerSecret.Reveal(), t.AccessToken.Reveal(), t.AccessSecret.Reveal(),
		t.Expiry.UTC().Format(time.RFC3339),
	}, jsontext.AllowInvalidUTF8(true))
	return text
}

// Expired reports whether the token has expired at now. Apple refuses it then; only a newer one,
// downloaded from the portal, helps.
func (t *Token) Expired(now time.Time) bool { return !now.Before(t.Expiry) }

// ExpiresWithin reports whether the token will have expired when d from now has passed, or already
// has. Renewal is done by hand in the portal, so warn weeks ahead: 30 days is customary.
func (t *Token) ExpiresWithin(d time.Duration) bool { return t.Expired(time.Now().Add(d)) }

// String names the token without its secrets.
func (t Token) String() string {
	return fmt.Sprintf("server token %s (expires %s)", t.ConsumerKey, t.Expiry.Format(time.RFC3339))
}

// LogValue logs the token without its secrets.
func (t Token) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("consumer_key", t.ConsumerKey),
		slog.Time("access_token_expiry", t.Expiry),
	)
}
