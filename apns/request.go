package apns

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/applemdm/applemdm/internal/field"
)

// CertificateRequest is a new private key with the request to certify it: the first step to a push
// certificate, new or renewed.
//
//  1. Make one with [NewCertificateRequest] and store what [CertificateRequest.RevealPEM] returns.
//  2. Give [CertificateRequest.PEM] to the vendor of the software, who signs it
//     ([Vendor.SignRequest]). The private key stays where it is.
//  3. Upload the signed request at https://identity.apple.com/pushcert, to renew: on the row of the
//     existing certificate, with the Apple Account that made it.
//  4. Read the file that the portal offers together with what was stored: [ParseCertificate] takes
//     both. Check it with [CheckRenewal].
//
// The private key does not print, log or encode. A CertificateRequest is immutable and safe for
// concurrent use.
type CertificateRequest struct {
	der     []byte
	subject string
	private func() *rsa.PrivateKey // in a closure, for the reason that Certificate gives
}

// CertificateRequestOptions is what stands in a [CertificateRequest]. Apple's portal shows none of it
// later: the certificate has a subject of Apple's making.
type CertificateRequestOptions struct {
	// CommonName is any name for the certificate, of at most 64 characters; required.
	CommonName string
	// Email is the address of whoever answers for it, in ASCII; required.
	Email string
	// Country is the code of the country, two letters such as "US"; required.
	Country string
}

var oidEmailAddress = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}

const (
	requestBits   = 2048 // what the portal is known to take
	maxCommonName = 64   // ub-common-name of RFC 5280
	maxEmail      = 255  // ub-emailaddress-length
)

// NewCertificateRequest makes an RSA key of 2,048 bits and the request for it. It takes from a tenth
// of a second to one. Errors are [*InputError].
func NewCertificateRequest(opts CertificateRequestOptions) (*CertificateRequest, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, requestBits)
	if err != nil {
		return nil, fmt.Errorf("push: generating an RSA key: %w", err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:            opts.subject(),
		SignatureAlgorithm: x509.SHA256WithRSA,
	}, key)
	if err != nil {
		return nil, fmt.Errorf("push: signing the request: %w", err)
	}
	return &CertificateRequest{der: der, subject: opts.CommonName, private: func() *rsa.PrivateKey { return key }}, nil
}

func (o CertificateRequestOptions) check() error {
	refuse := func(name, rule string) error { return &field.InputError{Field: name, Rule: rule} }
	user, host, at := strings.Cut(o.Email, "@")
	switch {
	case o.CommonName == "" || !utf8.ValidString(o.CommonName) || utf8.RuneCountInString(o.CommonName) > maxCommonName:
		return refuse("CommonName", "must be UTF-8 of 1 to 64 characters")
	case !at || user == "" || host == "" || strings.ContainsFunc(o.Email, func(r rune) bool { return r <= ' ' || r > '~' }):
		return refuse("Email", "must be an address such as name@example.com, in ASCII")
	case len(o.Email) > maxEmail:
		return refuse("Email", "must have at most 255 characters")
	case len(o.Country) != 2 || strings.ContainsFunc(o.Country, func(r rune) bool { return r < 'A' || r > 'Z' }):
		return refuse("Country", "must be two capital letters such as US")
	}
	return nil
}

func (o CertificateRequestOptions) subject() pkix.Name {
	return pkix.Name{
		Country:    []string{o.Country},
		CommonName: o.CommonName,
		ExtraNames: []pkix.AttributeTypeAndValue{{
			Type:  oidEmailAddress,
			Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte(o.Email)},
		}},
	}
}

func (r *CertificateRequest) isZero() bool { return r == nil || r.private == nil }

// DER returns the request (PKCS#10) in binary. It is public. It is nil for the zero value.
func (r *CertificateRequest) DER() []byte {
	if r.isZero() {
		return nil
	}
	return append([]byte(nil), r.der...)
}

// PEM returns the request in PEM, to be handed to the vendor. It is public. It is nil for the zero
// value.
func (r *CertificateRequest) PEM() []byte {
	if r.isZero() {
		return nil
	}
	return encodePEM("CERTIFICATE REQUEST", r.der)
}

// RevealPEM returns request and private key (PKCS#8, not encrypted) in PEM, for storage until the
// portal has issued the certificate: [ParseCertificate] takes it beside the portal's file. Encrypt it
// at rest. It is nil for the zero value.
func (r *CertificateRequest) RevealPEM() []byte {
	if r.isZero() {
		return nil
	}
	return append(r.PEM(), keyPEM(r.private())...)
}

// String names the request. The private key stays hidden.
func (r *CertificateRequest) String() string {
	if r.isZero() {
		return "no push certificate request"
	}
	return "push certificate request of " + r.subject
}

// Format writes what [CertificateRequest.String] returns, whatever the verb.
func (r *CertificateRequest) Format(f fmt.State, _ rune) { fmt.Fprint(f, r.String()) }

// LogValue logs what [CertificateRequest.String] returns.
func (r *CertificateRequest) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText keeps the private key out of encoders: encoding a request loses it on purpose.
func (r *CertificateRequest) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
