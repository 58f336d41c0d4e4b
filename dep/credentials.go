package dep

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var (
	// ErrConsumerKeyChanged matches a [*ConsumerKeyError].
	ErrConsumerKeyChanged = errors.New("the token belongs to another device management server")

	// ErrTokenSuperseded reports a token that was issued before the stored one. Apple disabled it
	// when the newer one was downloaded. Look for the most recent file, or download a new one.
	ErrTokenSuperseded = errors.New("the token was issued before the stored one, so Apple no longer accepts it")
)

// ConsumerKeyError reports a token whose consumer key differs from the stored token's: it is for
// another device management server in the portal, which has other devices and another cursor. To
// replace one by the other makes all devices of the first look deleted. If this is intended, force
// it and forget the stored cursor. It matches [ErrConsumerKeyChanged].
type ConsumerKeyError struct {
	Stored, Offered string // consumer keys
}

func (e *ConsumerKeyError) Error() string {
	return fmt.Sprintf("%s: its consumer key is %q, the stored token's is %q", ErrConsumerKeyChanged, e.Offered, e.Stored)
}

// Is makes errors.Is(err, ErrConsumerKeyChanged) true.
func (e *ConsumerKeyError) Is(target error) bool { return target == ErrConsumerKeyChanged }

// CheckConsumerKey returns a [*ConsumerKeyError] if offered belongs to another device management
// server than stored. A nil stored token accepts any. [Credentials.Promote] does this check; it is
// here for those who keep tokens by themselves.
func CheckConsumerKey(stored, offered *Token) error {
	if stored != nil && offered != nil && stored.ConsumerKey != offered.ConsumerKey {
		return &ConsumerKeyError{Stored: stored.ConsumerKey, Offered: offered.ConsumerKey}
	}
	return nil
}

// Credentials is all that a device management server must keep about its account: the token, the
// key pair that belongs to it, and, while a renewal is under way, the next key pair. Its zero value
// is a server without a token yet.
//
// A renewal, and likewise the first token, goes in two steps, so that nothing in use is lost when
// the portal's part takes days or is given up:
//
//  1. [Credentials.Stage], store the result, upload Staged.CertificatePEM to the portal.
//  2. [Credentials.Promote] with the file that the portal offers, store the result.
//
// The active private key stays until the second step because Managed Apple Account tokens must be
// signed with the key whose certificate the portal has; see [KeyPair.ManagedAppleAccountToken].
//
// Treat Credentials as an immutable value: the methods return a changed copy. It prints, logs and
// encodes without secrets; [Credentials.Reveal] is for storage.
type Credentials struct {
	Active *KeyPair `json:"active_key_pair,omitzero"` // the pair that Token was opened with
	Token  *Token   `json:"token,omitzero"`
	Staged *KeyPair `json:"staged_key_pair,omitzero"` // the pair to open the next token with
}

// Stage returns c with a new staged key pair. If there is one already, it returns c as it is,
// because the portal may have that certificate already; opts then do not matter. Use
// [Credentials.Unstage] first to insist on a new one.
func (c Credentials) Stage(opts *KeyPairOptions) (Credentials, error) {
	if !c.Staged.isZero() {
		return c, nil
	}
	pair, err := GenerateKeyPair(opts)
	if err != nil {
		return Credentials{}, err
	}
	c.Staged = pair
	return c, nil
}

// Unstage returns c without its staged key pair. A token that the portal encrypted for it can no
// longer be opened.
func (c Credentials) Unstage() Credentials {
	c.Staged = nil
	return c
}

// PromoteOptions adjusts [Credentials.Promote].
type PromoteOptions struct {
	// Force accepts a token with another consumer key, one that has expired, and one that is older
	// than the stored token.
	Force bool
}

// Promote opens the .p7m file that the portal offers and returns c with the token in it, replacing
// token and active key pair in one step.
//
// A file encrypted for the staged certificate makes the staged pair the active one. A file encrypted
// for the active certificate, downloaded anew without uploading another certificate, keeps both
// pairs in place. On an error the result is zero and c stands as it was.
//
// Errors: those of [KeyPair.OpenToken]; [*ConsumerKeyError], [ErrTokenSuperseded] and
// [ErrTokenExpired] for a token that opts do not force.
func (c Credentials) Promote(p7m []byte, opts *PromoteOptions) (Credentials, error) {
	opener, token, err := c.open(p7m)
	if err != nil {
		return Credentials{}, err
	}
	if opts == nil || !opts.Force {
		if err := c.accepts(token); err != nil {
			return Credentials{}, err
		}
	}
	if opener == c.Staged {
		c.Staged = nil
	}
	c.Active, c.Token = opener, token
	return c, nil
}

// open tries both key pairs. If neither fits, an error about the file says more than one about the
// certificate, and the staged certificate says more than the active one.
func (c Credentials) open(p7m []byte) (*KeyPair, *Token, error) {
	failure := errNoKeyPair
	for _, pair := range []*KeyPair{c.Active, c.Staged} {
		if pair.isZero() {
			continue
		}
		token, err := pair.OpenToken(p7m)
		if err == nil {
			return pair, token, nil
		}
		_, misdirected := errors.AsType[*RecipientError](err)
		if !misdirected || isAboutCertificate(failure) {
			failure = err
		}
	}
	return nil, nil, failure
}

func isAboutCertificate(err error) bool {
	_, misdirected := errors.AsType[*RecipientError](err)
	return misdirected || err == errNoKeyPair
}

func (c Credentials) accepts(token *Token) error {
	if err := CheckConsumerKey(c.Token, token); err != nil {
		return err
	}
	if token.Expired(time.Now()) {
		return fmt.Errorf("%w (on %s)", ErrTokenExpired, token.Expiry.Format(time.DateOnly))
	}
	if c.Token != nil && token.Expiry.Before(c.Token.Expiry) {
		return ErrTokenSuperseded
	}
	return nil
}

// credentialsJSON is the stored form of Credentials.
type credentialsJSON struct {
	Active string         `json:"active_key_pair,omitzero"`
	Token  jsontext.Value `json:"token,omitzero"`
	Staged string         `json:"staged_key_pair,omitzero"`
}

// Reveal returns c with its secrets as JSON that [ParseCredentials] reads, for storage. Encrypt it
// at rest.
func (c Credentials) Reveal() []byte {
	stored := credentialsJSON{Active: string(c.Active.RevealPEM()), Staged: string(c.Staged.RevealPEM())}
	if c.Token != nil {
		stored.Token = c.Token.Reveal()
	}
	text, err := json.Marshal(stored)
	if err != nil {
		panic(err) // PEM and the JSON made above always encode
	}
	return text
}

// ParseCredentials reads what [Credentials.Reveal] returned. It refuses members it does not know,
// for they would be lost when the result is stored again. Errors are those of [ParseToken] and
// [ParseKeyPair], or [*InputError]; none quotes data.
func ParseCredentials(data []byte) (Credentials, error) {
	var stored credentialsJSON
	if err := json.Unmarshal(data, &stored, json.RejectUnknownMembers(true)); err != nil {
		return Credentials{}, &InputError{Field: "credentials", Rule: "are not what Credentials.Reveal of this version returns"}
	}
	var c Credentials
	var err error
	if c.Active, err = parseStoredPair(stored.Active); err != nil {
		return Credentials{}, fmt.Errorf("active key pair: %w", err)
	}
	if c.Staged, err = parseStoredPair(stored.Staged); err != nil {
		return Credentials{}, fmt.Errorf("staged key pair: %w", err)
	}
	if len(stored.Token) > 0 {
		if c.Token, err = ParseToken(stored.Token); err != nil {
			return Credentials{}, err
		}
	}
	return c, nil
}

func parseStoredPair(text string) (*KeyPair, error) {
	if text == "" {
		return nil, nil
	}
	return ParseKeyPair([]byte(text))
}
