package apns

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/applemdm/applemdm/internal/secret"
	"github.com/applemdm/applemdm/internal/sniff"
)

// Secret is a string that does not print: every verb, logger and encoder shows "[redacted]", or
// nothing if it is empty. Only its Reveal method gives the text; IsZero tells whether there is one,
// and Equal compares two (== does not compile).
type Secret = secret.String

// NewSecret returns text as a [Secret].
func NewSecret(text string) Secret { return secret.New(text) }

// FileKind names a kind of file in words for people, such as "MDM push certificate". Show it; do not
// compare with it.
type FileKind = sniff.Kind

// WrongFileError reports that somebody supplied another of Apple's files, or another kind of
// certificate, than the one wanted. Its fields Want and Got, each a [FileKind], name both.
type WrongFileError = sniff.WrongFileError

// Certificate is an MDM push certificate with its private key. Apple's push portal
// (https://identity.apple.com/pushcert) issues it for one year; renew it there, on the row where it
// stands and with the Apple Account that made it, so that its topic stays. [CheckRenewal] tells
// whether that was done.
//
// The private key does not print, log or encode; only [Certificate.RevealPEM] gives it. A
// Certificate is immutable and safe for concurrent use. Its zero value is no certificate.
//
// https://developer.apple.com/documentation/devicemanagement/setting-up-push-notifications-for-your-mdm-customers
type Certificate struct {
	leaf  *x509.Certificate
	chain []*x509.Certificate // what stands between leaf and root, in order; usually nothing
	topic string
	// The key lies in a closure, so that printers which walk unexported fields find an address only.
	private func() crypto.Signer
}

func newCertificate(key crypto.Signer, leaf *x509.Certificate, others []*x509.Certificate) (*Certificate, error) {
	topic := pushTopic(leaf)
	if topic == "" {
		return nil, &WrongFileError{Want: sniff.PushCertificate, Got: kindOf(leaf)}
	}
	if err := checkTopic("certificate", topic); err != nil {
		return nil, err
	}
	if err := suitsTLS(key); err != nil {
		return nil, err
	}
	chain := chainOf(leaf, others)
	if n := len(chain); n > 0 && isSelfIssued(chain[n-1]) {
		chain = chain[:n-1]
	}
	return &Certificate{leaf: leaf, chain: chain, topic: topic, private: func() crypto.Signer { return key }}, nil
}

func (c *Certificate) isZero() bool { return c == nil || c.private == nil }

// Topic returns the topic of the certificate, which is the UID in its subject, such as
// "com.apple.mgmt.External.0a1b…". It must equal, byte for byte, the Topic in the MDM payload with
// which devices were enrolled. It is "" for the zero Certificate.
func (c *Certificate) Topic() string {
	if c.isZero() {
		return ""
	}
	return c.topic
}

// Leaf returns the certificate itself, nil for the zero Certificate. Do not change it.
func (c *Certificate) Leaf() *x509.Certificate {
	if c.isZero() {
		return nil
	}
	return c.leaf
}

// NotBefore returns when the certificate becomes valid.
func (c *Certificate) NotBefore() time.Time {
	if c.isZero() {
		return time.Time{}
	}
	return c.leaf.NotBefore.UTC()
}

// NotAfter returns when the certificate expires.
func (c *Certificate) NotAfter() time.Time {
	if c.isZero() {
		return time.Time{}
	}
	return c.leaf.NotAfter.UTC()
}

// Expired reports whether the certificate has expired at now. All pushes stop then. Renew it in the
// portal at once; whether that still is possible some weeks later is not certain, and without it
// every device must be enrolled again. The zero Certificate has expired.
func (c *Certificate) Expired(now time.Time) bool { return now.After(c.NotAfter()) }

// ExpiresWithin reports whether the certificate will have expired when d from now has passed, or
// already has. Renewal is done by hand in the portal, so warn weeks ahead: 30 days is customary.
func (c *Certificate) ExpiresWithin(d time.Duration) bool { return c.Expired(time.Now().Add(d)) }

// Issuer names the authority that signed the certificate.
func (c *Certificate) Issuer() string {
	if c.isZero() {
		return ""
	}
	return c.leaf.Issuer.String()
}

// Fingerprint returns the SHA-256 of the certificate in lower-case hex. Two certificates are the
// same if and only if their fingerprints are. It is "" for the zero Certificate.
func (c *Certificate) Fingerprint() string {
	if c.isZero() {
		return ""
	}
	sum := sha256.Sum256(c.leaf.Raw)
	return hex.EncodeToString(sum[:])
}

// Warnings says in sentences for people what is unusual about the certificate, without being known
// to be wrong. Show them to whoever uploads it. Expiry is not among them.
func (c *Certificate) Warnings() []string {
	if c.isZero() {
		return nil
	}
	var warnings []string
	if !slices.Contains(c.leaf.Issuer.Organization, "Apple Inc.") ||
		!strings.HasPrefix(c.leaf.Issuer.CommonName, "Apple Application Integration") {
		warnings = append(warnings, fmt.Sprintf("The issuer is %q; push certificates are issued by "+
			"Apple Application Integration 2 Certification Authority.", c.Issuer()))
	}
	if usages := c.leaf.ExtKeyUsage; len(usages) > 0 &&
		!slices.Contains(usages, x509.ExtKeyUsageClientAuth) && !slices.Contains(usages, x509.ExtKeyUsageAny) {
		warnings = append(warnings, "The extended key usage of the certificate does not name client authentication.")
	}
	return warnings
}

// TLS returns the certificate as the client certificate of a TLS connection. The caller may change
// the result, but not what its Leaf points to. It carries the private key, so do not print it. It is
// empty for the zero Certificate.
//
// Return it from tls.Config.GetClientCertificate. In tls.Config.Certificates it may silently stay at
// home: crypto/tls sends it only if the server's list of authorities names one of its issuers.
func (c *Certificate) TLS() tls.Certificate {
	if c.isZero() {
		return tls.Certificate{}
	}
	shown := [][]byte{slices.Clone(c.leaf.Raw)}
	for _, issuer := range c.chain {
		shown = append(shown, slices.Clone(issuer.Raw))
	}
	return tls.Certificate{Certificate: shown, PrivateKey: c.private(), Leaf: c.leaf}
}

// CertificatePEM returns the certificate in PEM. It is public. It is nil for the zero Certificate.
func (c *Certificate) CertificatePEM() []byte {
	if c.isZero() {
		return nil
	}
	return encodePEM("CERTIFICATE", c.leaf.Raw)
}

// RevealPEM returns certificate, intermediates and private key (PKCS#8, not encrypted) in PEM that
// [ParseCertificate] reads, for storage. Encrypt it at rest: whoever has it can wake every device,
// though not command it. It is nil for the zero Certificate.
func (c *Certificate) RevealPEM() []byte {
	if c.isZero() {
		return nil
	}
	text := c.CertificatePEM()
	for _, issuer := range c.chain {
		text = append(text, encodePEM("CERTIFICATE", issuer.Raw)...)
	}
	return append(text, keyPEM(c.private())...)
}

func encodePEM(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func keyPEM(key crypto.Signer) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err) // not for keys that were parsed or made here
	}
	return encodePEM("PRIVATE KEY", der)
}

// String names topic and expiry. The private key stays hidden.
func (c *Certificate) String() string {
	if c.isZero() {
		return "no push certificate"
	}
	return fmt.Sprintf("push certificate %s (expires %s)", c.topic, c.NotAfter().Format(time.RFC3339))
}

// Format writes what [Certificate.String] returns, whatever the verb.
func (c *Certificate) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue logs topic and expiry.
func (c *Certificate) LogValue() slog.Value {
	if c.isZero() {
		return slog.StringValue(c.String())
	}
	return slog.GroupValue(slog.String("topic", c.topic), slog.Time("not_after", c.NotAfter()))
}

// MarshalText keeps the private key out of encoders: encoding a certificate loses it on purpose.
func (c *Certificate) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
