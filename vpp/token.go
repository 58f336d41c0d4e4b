package vpp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
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

// FileKind names a kind of file in words for people, such as "encrypted server token (.p7m)". Show
// it; do not compare with it.
type FileKind = sniff.Kind

// WrongFileError reports that somebody supplied another of Apple's files than the one wanted: the
// server token of Device Assignment instead of the content token, a certificate, a web page. Its
// fields Want and Got, each a [FileKind], name both.
type WrongFileError = sniff.WrongFileError

// Token is a content token (sToken, .vpptoken) of one location, which Apple Business also calls an
// organizational unit.
//
// Apple issues it for one year. It ends earlier when the person who downloaded it changes the
// password or loses the role. Everybody who may buy for the location can download one of their own;
// all of them stand for the same licences, see [Client.UID].
//
// Printing, logging and encoding a Token show the organisation and the expiry only. Use
// [Token.Reveal] to store it. A Token never changes.
//
// https://developer.apple.com/documentation/devicemanagement/getting-started-with-the-management-api
type Token struct {
	OrgName string    `json:"orgName"`
	Expiry  time.Time `json:"expDate"`

	text Secret // as Apple wrote it, which is what is sent
}

// TokenSource supplies the content token. A client keeps what it gets until that has expired or
// Apple refuses it, and then asks anew, so that a renewed token takes effect without a restart. It
// must be safe for concurrent use. *[Token], [FileToken] and [TokenFunc] implement it.
type TokenSource interface {
	Token(ctx context.Context) (*Token, error)
}

// TokenFunc is a function used as a [TokenSource], for example one that reads a database.
type TokenFunc func(ctx context.Context) (*Token, error)

// Token calls f.
func (f TokenFunc) Token(ctx context.Context) (*Token, error) { return f(ctx) }

// FileToken is a [TokenSource] in a file, whose path it is: the file as downloaded. Keep it readable by
// its owner only, which is not checked.
type FileToken string

// Token reads the file.
func (f FileToken) Token(context.Context) (*Token, error) {
	return tokenfile.Read(string(f), ParseToken)
}

// Token returns t itself, so that a token which never changes is its own [TokenSource].
func (t *Token) Token(context.Context) (*Token, error) { return t, nil }

// ParseToken reads a content token as downloaded: Base64 text, perhaps with white space around and
// line ends within.
//
// Errors are [*WrongFileError] if data is some other file, and [*InputError] otherwise. No error
// quotes data. An expired token is not an error here; see [Token.Expired].
func ParseToken(data []byte) (*Token, error) {
	if err := tokenfile.Check("token", data, sniff.ContentToken, "content token"); err != nil {
		return nil, err
	}
	text := withoutBlanks(data)
	inside, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, &InputError{Field: "token", Rule: "is damaged or cut short: not Base64 with its padding"}
	}
	token, err := tokenFrom(inside)
	if err != nil {
		return nil, err
	}
	token.text = NewSecret(text)
	return token, nil
}

// withoutBlanks drops what an editor or a mail program may have put into Base64 text.
func withoutBlanks(data []byte) string {
	text := make([]byte, 0, len(data))
	for _, c := range data {
		switch c {
		case ' ', '\t', '\r', '\n', 0xEF, 0xBB, 0xBF: // the last three are a byte order mark
		default:
			text = append(text, c)
		}
	}
	return string(text)
}

// tokenFrom reads the JSON inside. It tells where that breaks, never what stands there.
func tokenFrom(inside []byte) (*Token, error) {
	var members map[string]jsontext.Value
	err := json.Unmarshal(inside, &members, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err != nil {
		rule := "is not a JSON object inside"
		if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
			rule = fmt.Sprintf("is damaged or cut short: not JSON inside, at byte %d", syntax.ByteOffset)
		}
		return nil, &InputError{Field: "token", Rule: rule}
	}
	if _, err := tokenfile.Member(members, "token"); err != nil {
		return nil, err
	}
	expDate, err := tokenfile.Member(members, "expDate")
	if err != nil {
		return nil, err
	}
	expiry := Time(expDate).Time()
	// An offset can carry the year past what can be written again.
	if year := expiry.Year(); expiry.IsZero() || year < 0 || year > 9999 {
		return nil, &InputError{Field: "expDate", Rule: "must be a time such as 2027-01-05T09:30:00+0000"}
	}
	orgName, _ := tokenfile.Member(members, "orgName") // for people only
	return &Token{OrgName: orgName, Expiry: expiry}, nil
}

// Reveal returns the token as [ParseToken] reads it, for storage. Encrypt it at rest: whoever has
// it can assign and take back all licences of the location.
func (t *Token) Reveal() []byte { return []byte(t.text.Reveal()) }

// Expired reports whether the token has expired at now. Apple refuses it then; only a newer one,
// downloaded from the portal, helps. A token that was revoked still shows an expiry in the future.
func (t *Token) Expired(now time.Time) bool { return !now.Before(t.Expiry) }

// ExpiresWithin reports whether the token will have expired when d from now has passed, or already
// has. Renewal is done by hand in the portal, so warn weeks ahead: 30 days is customary.
func (t *Token) ExpiresWithin(d time.Duration) bool { return t.Expired(time.Now().Add(d)) }

// String names the token without its secret.
func (t Token) String() string {
	return fmt.Sprintf("content token of %s (expires %s)", t.OrgName, t.Expiry.Format(time.RFC3339))
}

// LogValue logs the token without its secret.
func (t Token) LogValue() slog.Value {
	return slog.GroupValue(slog.String("orgName", t.OrgName), slog.Time("expDate", t.Expiry))
}
