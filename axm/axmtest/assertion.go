package axmtest

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// maxAssertionLife is how long an assertion may be valid.
const maxAssertionLife = 180 * 24 * time.Hour

// assertion is a JWT that a client has signed.
type assertion struct {
	header struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Type      string `json:"typ"`
	}
	claims struct {
		Issuer   *string  `json:"iss"`
		Subject  string   `json:"sub"`
		Audience any      `json:"aud"`
		IssuedAt *float64 `json:"iat"`
		Expires  *float64 `json:"exp"`
		ID       string   `json:"jti"`
	}
	signed    string
	signature []byte
}

// assertionUse is an assertion that was accepted.
type assertionUse struct {
	signed  string
	expires time.Time
}

// checkAssertion returns why an assertion is not one of the account, or "".
func (c *call) checkAssertion(a *Account, text string) string {
	t, why := parseAssertion(text)
	if why != "" {
		return why
	}
	if why := a.checkSignature(t); why != "" {
		return why
	}
	if why := t.checkParties(a.opts.ClientID); why != "" {
		return why
	}
	if t.claims.Issuer == nil {
		c.note("assertion without iss, which Apple's sample has")
	}
	expires, why := t.checkTimes(c.now, c.s.opts.ClockSkew)
	if why != "" {
		return why
	}
	return c.checkReplay(a, t, expires)
}

func parseAssertion(text string) (*assertion, string) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, fmt.Sprintf("%d parts instead of 3", len(parts))
	}
	t := &assertion{signed: parts[0] + "." + parts[1]}
	for i, v := range []any{&t.header, &t.claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(raw, v)
		}
		if err != nil {
			return nil, []string{"header", "claims"}[i] + " cannot be read"
		}
	}
	var err error
	if t.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return nil, "signature is not base64url without padding"
	}
	return t, ""
}

func (a *Account) checkSignature(t *assertion) string {
	k, known := a.key(t.header.KeyID)
	switch {
	case t.header.Algorithm != "ES256":
		return fmt.Sprintf("alg is %q, not ES256", t.header.Algorithm)
	case t.header.Type != "" && !strings.EqualFold(t.header.Type, "JWT"):
		return fmt.Sprintf("typ is %q, not JWT", t.header.Type)
	case !known:
		return fmt.Sprintf("kid %q is not a key of the account", t.header.KeyID)
	case a.revoked[k.ID]:
		return "the key was revoked"
	}
	digest := sha256.Sum256([]byte(t.signed))
	if len(t.signature) == 64 {
		r, s := new(big.Int).SetBytes(t.signature[:32]), new(big.Int).SetBytes(t.signature[32:])
		if ecdsa.Verify(&k.private.PublicKey, digest[:], r, s) {
			return ""
		}
		return "the signature is not one of the key"
	}
	var der struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(t.signature, &der); err == nil {
		return "the signature is DER instead of the 64 bytes of R and S"
	}
	return fmt.Sprintf("the signature has %d bytes instead of 64", len(t.signature))
}

func (t *assertion) checkParties(clientID string) string {
	claims := &t.claims
	switch {
	case claims.Subject != clientID:
		return fmt.Sprintf("sub is %q, not the client id", claims.Subject)
	case claims.Issuer != nil && *claims.Issuer != clientID:
		return fmt.Sprintf("iss is %q, not the client id", *claims.Issuer)
	case claims.Audience != audience:
		return fmt.Sprintf("aud is %q, not %q", fmt.Sprint(claims.Audience), audience)
	}
	return ""
}

func (t *assertion) checkTimes(now time.Time, skew time.Duration) (expires time.Time, why string) {
	if t.claims.IssuedAt == nil || t.claims.Expires == nil {
		return expires, "iat or exp is missing"
	}
	issued := time.Unix(int64(*t.claims.IssuedAt), 0)
	expires = time.Unix(int64(*t.claims.Expires), 0)
	switch {
	case !expires.After(issued):
		why = "exp is not after iat"
	case expires.Sub(issued) > maxAssertionLife:
		why = "exp is more than 180 days after iat"
	case issued.Sub(now) > skew:
		why = fmt.Sprintf("iat is %v in the future", issued.Sub(now))
	case now.Sub(expires) >= skew:
		why = fmt.Sprintf("it has expired %v ago", now.Sub(expires))
	}
	return expires, why
}

// checkReplay tells the second use of an assertion, which is allowed, from another assertion with
// the same jti.
func (c *call) checkReplay(a *Account, t *assertion, expires time.Time) string {
	id := t.claims.ID
	if id == "" {
		c.note("assertion without jti, which Apple's sample has")
		id = t.signed
	}
	for old, u := range a.seen {
		if c.now.Sub(u.expires) > c.s.opts.ClockSkew {
			delete(a.seen, old)
		}
	}
	switch before, used := a.seen[id]; {
	case used && before.signed != t.signed:
		return "the jti is that of another assertion"
	case used && c.s.opts.RefuseReplay:
		return "it was used before"
	}
	a.seen[id] = assertionUse{t.signed, expires}
	return ""
}
