package dep

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"time"
	"unicode/utf8"
)

// KeyPair is an RSA private key with its certificate. The certificate is uploaded to the portal,
// which encrypts the server token for it; the private key opens the token.
//
// Keep the pair for as long as the token is in use, not only until the token is open: Apple checks
// [KeyPair.ManagedAppleAccountToken] against the certificate that was uploaded.
//
// The private key does not print, log or encode; only [KeyPair.RevealPEM] gives it. A KeyPair is
// immutable and safe for concurrent use. Its zero value opens nothing.
type KeyPair struct {
	certificate *x509.Certificate
	// The key lies in a closure, so that printers which walk unexported fields find an address only.
	private func() *rsa.PrivateKey
}

// KeyPairOptions adjusts [GenerateKeyPair]. The portal does not care about any of them.
type KeyPairOptions struct {
	// Bits is the size of the RSA key: 2048 (the default), 3072 or 4096.
	Bits int
	// CommonName is the subject of the certificate, by which administrators tell certificates apart;
	// at most 64 characters. The default is "Device Assignment Server Token".
	CommonName string
	// Validity is how long the certificate is valid from now on. The default is 730 days, so that it
	// outlives the token, which has one year. The certificate also is valid for the day before now,
	// for clocks that are behind.
	Validity time.Duration
}

const (
	defaultBits       = 2048
	defaultCommonName = "Device Assignment Server Token"
	defaultValidity   = 730 * 24 * time.Hour
	maxCommonName     = 64 // ub-common-name of RFC 5280
	backdating        = 24 * time.Hour
)

var errNoKeyPair = errors.New("there is no key pair to open a token with; stage one first")

// GenerateKeyPair makes an RSA key and a self-signed certificate for it. It takes from a tenth of a
// second to several, growing with the size of the key. nil opts are the defaults. Errors are
// [*InputError].
func GenerateKeyPair(opts *KeyPairOptions) (*KeyPair, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, o.Bits)
	if err != nil {
		return nil, fmt.Errorf("generating an RSA key: %w", err)
	}
	certificate, err := selfSign(key, o)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate: %w", err)
	}
	return newKeyPair(certificate, key), nil
}

func newKeyPair(certificate *x509.Certificate, key *rsa.PrivateKey) *KeyPair {
	return &KeyPair{certificate: certificate, private: func() *rsa.PrivateKey { return key }}
}

func (o *KeyPairOptions) withDefaults() (KeyPairOptions, error) {
	full := KeyPairOptions{Bits: defaultBits, CommonName: defaultCommonName, Validity: defaultValidity}
	if o == nil {
		return full, nil
	}
	switch o.Bits {
	case 0:
	case 2048, 3072, 4096:
		full.Bits = o.Bits
	default:
		return full, &InputError{Field: "Bits", Rule: "must be 2048, 3072 or 4096"}
	}
	if o.CommonName != "" {
		full.CommonName = o.CommonName
	}
	if !utf8.ValidString(full.CommonName) || utf8.RuneCountInString(full.CommonName) > maxCommonName {
		return full, &InputError{Field: "CommonName", Rule: "must be UTF-8 of at most 64 characters"}
	}
	switch {
	case o.Validity < 0:
		return full, &InputError{Field: "Validity", Rule: "must not be negative"}
	case o.Validity > 0:
		full.Validity = o.Validity
	}
	return full, nil
}

func selfSign(key *rsa.PrivateKey, o KeyPairOptions) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, big.NewInt(math.MaxInt64))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		// At least one, and never so large that a careless reader takes it for negative.
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: o.CommonName},
		NotBefore:    now.Add(-backdating),
		NotAfter:     now.Add(o.Validity),
		KeyUsage:     x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func (k *KeyPair) isZero() bool { return k == nil || k.private == nil }

// Certificate returns the certificate, nil for the zero KeyPair. Do not change it.
func (k *KeyPair) Certificate() *x509.Certificate {
	if k.isZero() {
		return nil
	}
	return k.certificate
}

// CertificatePEM returns the certificate in PEM: the file to upload to the portal. It is public. It
// is nil for the zero KeyPair.
func (k *KeyPair) CertificatePEM() []byte {
	if k.isZero() {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.certificate.Raw})
}

// RevealPEM returns the certificate followed by the private key (PKCS#8), in PEM that [ParseKeyPair]
// reads, for storage. Encrypt it at rest. It is nil for the zero KeyPair.
func (k *KeyPair) RevealPEM() []byte {
	if k.isZero() {
		return nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.private())
	if err != nil {
		panic(err) // not for an RSA key
	}
	return append(k.CertificatePEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
}

// String names the certificate. The private key stays hidden.
func (k *KeyPair) String() string {
	if k.isZero() {
		return "no key pair"
	}
	return fmt.Sprintf("key pair of the certificate %s, serial %s, valid until %s",
		k.certificate.Subject, serialText(k.certificate.SerialNumber), k.certificate.NotAfter.Format(time.RFC3339))
}

// Format writes what [KeyPair.String] returns, whatever the verb.
func (k *KeyPair) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue logs what [KeyPair.String] returns.
func (k *KeyPair) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText keeps the private key out of encoders: encoding a pair loses it on purpose.
func (k *KeyPair) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
