package axm

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/applemdm/applemdm/internal/keypem"
	"github.com/applemdm/applemdm/internal/sniff"
)

// FileKind names a kind of file in words for people, such as "certificate signing request". Show it;
// do not compare with it.
type FileKind = sniff.Kind

// WrongFileError reports that somebody supplied another file than the private key: the certificate,
// an RSA key, the server token of Device Assignment, a web page. Its fields Want and Got, each a
// [FileKind], name both.
type WrongFileError = sniff.WrongFileError

// maxKeyFile bounds what is read as a key. Real ones have a few hundred bytes.
const maxKeyFile = 1 << 20

// Key is the private key of an API account, with the two identifiers that the portal shows beside it.
//
// An administrator makes the account and its key in the portal of Apple Business or Apple School
// Manager and gives the account a role. The key can be downloaded once only. It is not known to
// expire; it ends when somebody revokes it or deletes the account.
//
// Printing, logging and encoding a Key show the identifiers only. A Key never changes.
//
// https://developer.apple.com/documentation/apple-school-and-business-manager-api/implementing-oauth-for-the-apple-school-manager-and-apple-business-api
type Key struct {
	ClientID string `json:"clientId"` // such as "BUSINESSAPI." and a UUID
	KeyID    string `json:"keyId"`

	private func() *ecdsa.PrivateKey // in a closure, where printers do not find it
}

// KeySource supplies the key. It is asked for each access token, so that a rotated key takes effect
// within the hour without a restart, and at once when Apple refuses the old one. It must be safe for
// concurrent use. *[Key], [FileKey] and [KeyFunc] implement it.
type KeySource interface {
	Key(ctx context.Context) (*Key, error)
}

// KeyFunc is a function used as a [KeySource], for example one that reads a vault.
type KeyFunc func(ctx context.Context) (*Key, error)

// Key calls f.
func (f KeyFunc) Key(ctx context.Context) (*Key, error) { return f(ctx) }

// FileKey is a [KeySource] whose private key is in a file, as downloaded. Keep it readable by its
// owner only, which is not checked.
type FileKey struct {
	ClientID, KeyID string
	Path            string
}

// Key reads the file.
func (f FileKey) Key(context.Context) (*Key, error) {
	text, err := os.ReadFile(f.Path)
	if err != nil {
		return nil, err
	}
	key, err := ParseKey(f.ClientID, f.KeyID, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return key, nil
}

// Key returns k itself, so that a key which never changes is its own [KeySource].
func (k *Key) Key(context.Context) (*Key, error) { return k, nil }

// ParseKey reads the private key of an API account: PEM under any label around PKCS#8 or SEC 1, as
// downloaded or as it came out of a mail or a form. The identifiers are those that the portal shows;
// white space around them is dropped.
//
// Errors are [*WrongFileError] if pem is some other file, and [*InputError] otherwise. No error
// quotes pem. Whether the three belong together, only Apple can tell: see [ErrInvalidClient].
func ParseKey(clientID, keyID string, pem []byte) (*Key, error) {
	clientID, keyID = trimID(clientID), trimID(keyID)
	if err := checkIDs(clientID, keyID); err != nil {
		return nil, err
	}
	if len(pem) > maxKeyFile {
		return nil, &InputError{Field: "private key", Rule: "is larger than 1 MiB, so it is none"}
	}
	private, err := keypem.ParseP256(pem)
	if err != nil {
		return nil, err
	}
	return &Key{ClientID: clientID, KeyID: keyID, private: func() *ecdsa.PrivateKey { return private }}, nil
}

// trimID drops what copying from a web page leaves around an identifier, invisible characters
// included.
func trimID(id string) string {
	return strings.TrimFunc(id, func(r rune) bool {
		return r <= ' ' || strings.ContainsRune("\u0085\u00A0\u200B\u200C\u200D\u2060\uFEFF", r)
	})
}

// prefixes of client IDs.
var prefixes = map[string]API{"BUSINESSAPI.": APIBusiness, "SCHOOLAPI.": APISchool}

// apiOf returns the service that a client ID is for, or "".
func apiOf(clientID string) API {
	for prefix, api := range prefixes {
		if strings.HasPrefix(clientID, prefix) {
			return api
		}
	}
	return ""
}

func checkIDs(clientID, keyID string) error {
	if apiOf(clientID) == "" {
		rule := `must begin with "BUSINESSAPI." or "SCHOOLAPI."`
		if apiOf(keyID) != "" {
			rule += "; the key ID does, so the two are swapped"
		}
		return &InputError{Field: "client ID", Rule: rule}
	}
	_, rest, _ := strings.Cut(clientID, ".")
	if rule := idRule(rest); rule != "" {
		return &InputError{Field: "client ID", Rule: rule}
	}
	rule := idRule(keyID)
	if apiOf(keyID) != "" {
		rule = "is a client ID; the key ID stands beside the key in the portal"
	}
	if rule != "" {
		return &InputError{Field: "key ID", Rule: rule}
	}
	return nil
}

// idRule returns the rule that an identifier breaks, or "". Apple's are UUIDs, which it does not
// promise.
func idRule(id string) string {
	switch {
	case id == "":
		return "must not be empty"
	case len(id) > 128:
		return fmt.Sprintf("has %d characters, so it is something else", len(id))
	case strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "must not have spaces, line ends or characters outside of ASCII within"
	}
	return ""
}

// API returns the service that the key is for, by the prefix of its client ID.
func (k *Key) API() API { return apiOf(k.ClientID) }

// complete reports whether the key was made by [ParseKey].
func (k *Key) complete() bool { return k != nil && k.private != nil }

// same reports whether both keys sign alike.
func (k *Key) same(other *Key) bool {
	return k.ClientID == other.ClientID && k.KeyID == other.KeyID && k.private().Equal(other.private())
}

// String names the key without its secret.
func (k Key) String() string { return "API key " + k.KeyID + " of " + k.ClientID }

// LogValue logs the key without its secret.
func (k Key) LogValue() slog.Value {
	return slog.GroupValue(slog.String("clientId", k.ClientID), slog.String("keyId", k.KeyID))
}
