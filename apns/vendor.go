package apns

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"log/slog"
	"time"

	"github.com/micromdm/plist"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/sniff"
)

// Vendor is an MDM vendor's signing certificate ("MDM CSR" in the Apple Developer account) with its
// private key and its issuers up to the root. With it a vendor signs the push certificate requests of
// customers; those who only run a server do not need it.
//
// The private key does not print, log or encode. A Vendor is immutable and safe for concurrent use.
//
// https://developer.apple.com/documentation/devicemanagement/setting-up-push-notifications-for-your-mdm-customers
type Vendor struct {
	leaf    *x509.Certificate
	chain   []*x509.Certificate // from the issuer of leaf to the root
	private func() *rsa.PrivateKey
}

// ParseVendor reads the vendor's certificate, its private key and its issuers from any number of
// texts, as [ParseCertificate] does; the issuers may be the .cer files that Apple offers. All up to
// the self-signed root must be there, for the portal wants them: for certificates issued since 2021,
//
//   - https://www.apple.com/certificateauthority/AppleWWDRCAG3.cer
//   - https://www.apple.com/appleca/AppleIncRootCertificate.cer
//
// Errors are those of ParseCertificate, and an [*InputError] that names the issuer which is missing.
func ParseVendor(texts ...[]byte) (*Vendor, error) {
	return ParseVendorWithPassword("", texts...)
}

// ParseVendorWithPassword is [ParseVendor] for a private key under a passphrase.
func ParseVendorWithPassword(password string, texts ...[]byte) (*Vendor, error) {
	key, leaf, others, err := parsePair(kindVendor, password, texts)
	if err != nil {
		return nil, err
	}
	return newVendor(key, leaf, others)
}

// ParseVendorPKCS12 is [ParseVendor] for a PKCS#12 file. The issuers that it does not hold are added
// as issuers, in PEM or DER.
func ParseVendorPKCS12(data []byte, password string, issuers ...[]byte) (*Vendor, error) {
	key, leaf, others, err := parsePKCS12(kindVendor, data, password)
	if err != nil {
		return nil, err
	}
	_, blocks, err := collect(issuers)
	if err != nil {
		return nil, err
	}
	for _, block := range blocks {
		if issuer, err := x509.ParseCertificate(block.Bytes); err == nil {
			others = append(others, issuer)
		}
	}
	return newVendor(key, leaf, others)
}

func newVendor(signer crypto.Signer, leaf *x509.Certificate, others []*x509.Certificate) (*Vendor, error) {
	switch {
	case pushTopic(leaf) != "":
		return nil, &WrongFileError{Want: kindVendor, Got: sniff.PushCertificate}
	case isSelfIssued(leaf):
		return nil, &WrongFileError{Want: kindVendor, Got: kindSelfMade}
	}
	key, ok := signer.(*rsa.PrivateKey)
	if !ok {
		return nil, &field.InputError{Field: "private key", Rule: "must be RSA"}
	}
	chain := chainOf(leaf, others)
	last := leaf
	if len(chain) > 0 {
		last = chain[len(chain)-1]
	}
	if !isSelfIssued(last) {
		return nil, &field.InputError{Field: "certificate chain",
			Rule: fmt.Sprintf("is not complete: the issuer of %q is missing, which is %q", last.Subject.CommonName, last.Issuer)}
	}
	return &Vendor{leaf: leaf, chain: chain, private: func() *rsa.PrivateKey { return key }}, nil
}

func (v *Vendor) isZero() bool { return v == nil || v.private == nil }

// Leaf returns the certificate itself, nil for the zero Vendor. Do not change it.
func (v *Vendor) Leaf() *x509.Certificate {
	if v.isZero() {
		return nil
	}
	return v.leaf
}

// NotAfter returns when the certificate expires. From then on Apple's portal refuses what it signs:
// "Certificate Signature Verification failed because the signing certificate is expired". It is the
// zero time for the zero Vendor.
func (v *Vendor) NotAfter() time.Time {
	if v.isZero() {
		return time.Time{}
	}
	return v.leaf.NotAfter.UTC()
}

// Warnings says in sentences for people what is unusual about the certificate, without being known
// to be wrong.
func (v *Vendor) Warnings() []string {
	if v.isZero() || isVendor(v.leaf) {
		return nil
	}
	return []string{fmt.Sprintf("The certificate is for %q; those for signing push certificate requests begin with "+
		"\"MDM Vendor:\".", v.leaf.Subject.CommonName)}
}

// SignRequest signs a customer's request, in PEM or DER, and returns the file for the customer to
// upload at https://identity.apple.com/pushcert; give its name the ending .plist or .txt. The
// signature is made with SHA-256, as Apple demands; SHA-1 is not offered.
//
// Errors are [*WrongFileError] if csr is another file, and [*InputError] if its own signature does not
// hold or if the vendor's certificate is not valid at this time.
func (v *Vendor) SignRequest(csr []byte) ([]byte, error) {
	if v.isZero() {
		return nil, &field.InputError{Field: "vendor", Rule: "must not be empty"}
	}
	der, err := requestDER(csr)
	if err != nil {
		return nil, err
	}
	if err := v.checkTime(time.Now()); err != nil {
		return nil, err
	}
	digest := sha256.Sum256(der)
	signature, err := rsa.SignPKCS1v15(rand.Reader, v.private(), crypto.SHA256, digest[:])
	if err != nil {
		return nil, fmt.Errorf("push: signing the request: %w", err)
	}
	return v.wrap(der, signature)
}

// maxRequest bounds a customer's request, which has about one kilobyte.
const maxRequest = 64 << 10

func requestDER(csr []byte) ([]byte, error) {
	if len(csr) > maxRequest {
		return nil, requestError("is larger than 64 KiB")
	}
	if kind := sniff.Of(csr); kind != sniff.CertificateRequest {
		return nil, &WrongFileError{Want: sniff.CertificateRequest, Got: kind}
	}
	request, err := x509.ParseCertificateRequest(sniff.Unarmor(csr))
	if err != nil {
		return nil, requestError("cannot be read")
	}
	if err := request.CheckSignature(); err != nil {
		return nil, requestError("is not signed by the key in it: " + err.Error())
	}
	return request.Raw, nil
}

func requestError(rule string) error {
	return &field.InputError{Field: "certificate signing request", Rule: rule}
}

func (v *Vendor) checkTime(now time.Time) error {
	rule := ""
	switch {
	case now.Before(v.leaf.NotBefore):
		rule = "is valid only from " + v.leaf.NotBefore.UTC().Format(time.RFC3339)
	case now.After(v.leaf.NotAfter):
		rule = "has expired on " + v.leaf.NotAfter.UTC().Format(time.DateOnly) + ", so Apple's portal would refuse the request"
	default:
		return nil
	}
	return &field.InputError{Field: "vendor certificate", Rule: rule}
}

// wrap makes the property list that the portal reads, and puts all of it into base64.
func (v *Vendor) wrap(der, signature []byte) ([]byte, error) {
	chain := encodePEM("CERTIFICATE", v.leaf.Raw)
	for _, issuer := range v.chain {
		chain = append(chain, encodePEM("CERTIFICATE", issuer.Raw)...)
	}
	list, err := plist.MarshalIndent(struct {
		Chain     string `plist:"PushCertCertificateChain"`
		Request   string `plist:"PushCertRequestCSR"`
		Signature string `plist:"PushCertSignature"`
	}{string(chain), base64.StdEncoding.EncodeToString(der), base64.StdEncoding.EncodeToString(signature)}, "  ")
	if err != nil {
		return nil, fmt.Errorf("push: encoding the request: %w", err)
	}
	return []byte(base64.StdEncoding.EncodeToString(list)), nil
}

// String names the certificate. The private key stays hidden.
func (v *Vendor) String() string {
	if v.isZero() {
		return "no vendor certificate"
	}
	return fmt.Sprintf("vendor certificate %s (expires %s)", v.leaf.Subject.CommonName, v.NotAfter().Format(time.RFC3339))
}

// Format writes what [Vendor.String] returns, whatever the verb.
func (v *Vendor) Format(f fmt.State, _ rune) { fmt.Fprint(f, v.String()) }

// LogValue logs what [Vendor.String] returns.
func (v *Vendor) LogValue() slog.Value { return slog.StringValue(v.String()) }

// MarshalText keeps the private key out of encoders: encoding a vendor loses it on purpose.
func (v *Vendor) MarshalText() ([]byte, error) { return []byte(v.String()), nil }
