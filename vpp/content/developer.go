package content

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/applemdm/applemdm/internal/keypem"
	"github.com/applemdm/applemdm/vpp"
)

const (
	tokenLife  = time.Hour       // of the tokens that a key makes; Apple allows 15,777,000 s
	tokenSlack = time.Minute     // by which the clock here may be ahead of Apple's
	tokenEarly = 5 * time.Minute // before its end a token is replaced
)

// DeveloperTokenSource supplies developer tokens. A [Client] keeps what it gets until shortly before
// its end, or until Apple refuses it, and then asks anew. It must be safe for concurrent use.
// *[DeveloperKey], [FileDeveloperKey], *[DeveloperToken] and [DeveloperTokenFunc] implement it.
type DeveloperTokenSource interface {
	DeveloperToken(ctx context.Context) (*DeveloperToken, error)
}

// DeveloperTokenFunc is a function used as a [DeveloperTokenSource], for example one that asks the
// vendor's own server, which keeps the key.
type DeveloperTokenFunc func(ctx context.Context) (*DeveloperToken, error)

// DeveloperToken calls f.
func (f DeveloperTokenFunc) DeveloperToken(ctx context.Context) (*DeveloperToken, error) {
	return f(ctx)
}

// DeveloperKey signs developer tokens. Apple gives it out, once, as a .p8 file to members of the
// Apple Developer Program that it has enabled as MDM vendors: register a Services ID with "Apps and
// Books for Organizations" and make a key for it. Organisations that only use a device-management
// server get none.
//
// As a [DeveloperTokenSource] it makes a new token, good for an hour, each time it is asked. Printing,
// logging and encoding a DeveloperKey show the identifiers only. It never changes.
//
// https://developer.apple.com/documentation/devicemanagement/generating-developer-tokens
type DeveloperKey struct {
	TeamID string `json:"teamID"`
	KeyID  string `json:"keyID"`

	sign func(*jwt.Token) (string, error) // a closure, because printers walk fields
}

// ParseDeveloperKey reads a key: teamID and keyID are the ten characters each that the developer
// portal shows, white space around them is dropped; data is the .p8 file, P-256 in PEM.
//
// Errors are [*vpp.WrongFileError] if data is some other file, and [*vpp.InputError] otherwise. No
// error quotes data.
func ParseDeveloperKey(teamID, keyID string, data []byte) (*DeveloperKey, error) {
	teamID, keyID = strings.TrimSpace(teamID), strings.TrimSpace(keyID)
	if err := checkTen("teamID", teamID); err != nil {
		return nil, err
	}
	if err := checkTen("keyID", keyID); err != nil {
		return nil, err
	}
	key, err := keypem.ParseP256(data)
	if err != nil {
		return nil, err
	}
	return &DeveloperKey{TeamID: teamID, KeyID: keyID, sign: signWith(key)}, nil
}

// FileDeveloperKey is a [DeveloperTokenSource] whose key is in a file, as downloaded. The file is
// read for each token, about once an hour. Keep it readable by its owner only, which is not checked.
type FileDeveloperKey struct {
	TeamID, KeyID string
	Path          string
}

// DeveloperToken reads the file and makes a new token.
func (f FileDeveloperKey) DeveloperToken(ctx context.Context) (*DeveloperToken, error) {
	data, err := os.ReadFile(f.Path)
	if err != nil {
		return nil, err
	}
	key, err := ParseDeveloperKey(f.TeamID, f.KeyID, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return key.DeveloperToken(ctx)
}

// checkTen knows the identifiers of the portal: ten letters and digits.
func checkTen(field, id string) error {
	if len(id) != 10 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return &vpp.InputError{Field: field, Rule: "must have ten characters, A to Z and 0 to 9"}
	}
	return nil
}

func signWith(key *ecdsa.PrivateKey) func(*jwt.Token) (string, error) {
	return func(token *jwt.Token) (string, error) { return token.SignedString(key) }
}

// DeveloperToken makes a new token. It does no I/O.
func (k *DeveloperKey) DeveloperToken(context.Context) (*DeveloperToken, error) {
	if k == nil || k.sign == nil {
		return nil, &vpp.InputError{Field: "DeveloperKey", Rule: "was not made by ParseDeveloperKey"}
	}
	now := time.Now()
	expiry := now.Add(tokenLife).Truncate(time.Second)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": k.TeamID, "iat": now.Add(-tokenSlack).Unix(), "exp": expiry.Unix(),
	})
	token.Header = map[string]any{"alg": "ES256", "kid": k.KeyID}
	text, err := k.sign(token)
	if err != nil {
		return nil, fmt.Errorf("sign the developer token: %w", err)
	}
	return &DeveloperToken{Expiry: expiry, text: vpp.NewSecret(text)}, nil
}

// String names the key without its secret.
func (k DeveloperKey) String() string {
	return fmt.Sprintf("developer key %s of team %s", k.KeyID, k.TeamID)
}

// LogValue logs the key without its secret.
func (k DeveloperKey) LogValue() slog.Value {
	return slog.GroupValue(slog.String("teamID", k.TeamID), slog.String("keyID", k.KeyID))
}

// DeveloperToken is what Apple knows the vendor of a device-management server by: a signed text that
// is good for some time. Printing, logging and encoding it show its end only. It never changes.
type DeveloperToken struct {
	Expiry time.Time `json:"expiry,omitzero"` // zero if it is not known

	text vpp.Secret
}

// NewDeveloperToken returns a token that somebody else has made: a proxy, or the vendor's server. A
// zero expiry means that only Apple's refusal ends it. Its error is a [*vpp.InputError].
func NewDeveloperToken(text string, expiry time.Time) (*DeveloperToken, error) {
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, &vpp.InputError{Field: "text", Rule: "must be printable ASCII without blanks"}
	}
	return &DeveloperToken{Expiry: expiry, text: vpp.NewSecret(text)}, nil
}

// DeveloperToken returns t itself, so that a token which never changes is its own source.
func (t *DeveloperToken) DeveloperToken(context.Context) (*DeveloperToken, error) { return t, nil }

// Reveal returns the text of the token, for a store that is shared between processes.
func (t *DeveloperToken) Reveal() []byte { return []byte(t.text.Reveal()) }

// Expired reports whether the token has expired at now.
func (t *DeveloperToken) Expired(now time.Time) bool {
	return !t.Expiry.IsZero() && !now.Before(t.Expiry)
}

// String names the token without its secret.
func (t DeveloperToken) String() string {
	if t.Expiry.IsZero() {
		return "developer token"
	}
	return "developer token until " + t.Expiry.UTC().Format(time.RFC3339)
}

// LogValue logs the token without its secret.
func (t DeveloperToken) LogValue() slog.Value { return slog.StringValue(t.String()) }
