package apns

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"strings"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/keypem"
	"github.com/applemdm/applemdm/internal/sniff"
)

// ParsePKCS12 reads a push certificate and its private key from a PKCS#12 file (.p12, .pfx), such as
// Keychain Access exports. It reads the encryption of old files (triple DES, RC2) and of new ones
// (AES). The certificates may be in any order.
//
// Errors are as for [ParseCertificate]. A missing or wrong password gives an [*InputError] whose
// Field is "password".
func ParsePKCS12(data []byte, password string) (*Certificate, error) {
	key, leaf, others, err := parsePKCS12(sniff.PushCertificate, data, password)
	if err != nil {
		return nil, err
	}
	return newCertificate(key, leaf, others)
}

func parsePKCS12(want FileKind, data []byte, password string) (crypto.Signer, *x509.Certificate, []*x509.Certificate, error) {
	if len(data) > maxCertificateFile {
		return nil, nil, nil, pkcs12Error("is larger than 256 KiB, so it is no push certificate")
	}
	if kind := sniff.Of(data); kind != sniff.PKCS12 {
		return nil, nil, nil, &WrongFileError{Want: sniff.PKCS12 + " with the " + want, Got: kind}
	}
	if demandsTooMuch(data, maxNesting) {
		return nil, nil, nil, pkcs12Error("demands more rounds of key derivation than any sensible file")
	}
	private, first, rest, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		return nil, nil, nil, explainPKCS12(err)
	}
	key, ok := private.(crypto.Signer)
	if !ok {
		return nil, nil, nil, &field.InputError{Field: "private key", Rule: "cannot sign, so it belongs to no certificate"}
	}
	var blocks []*pem.Block
	for _, certificate := range append([]*x509.Certificate{first}, rest...) {
		blocks = append(blocks, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	}
	leaf, others, err := keypem.Match(key, blocks)
	if err != nil {
		return nil, nil, nil, err
	}
	return key, leaf, others, nil
}

// explainPKCS12 puts what the library found into words for whoever uploaded the file.
func explainPKCS12(err error) error {
	text := strings.TrimPrefix(err.Error(), "pkcs12: ")
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return &field.InputError{Field: "password", Rule: "does not open the PKCS#12 file"}
	case text == "private key missing":
		return &field.InputError{Field: "private key",
			Rule: "is missing from the PKCS#12 file: in Keychain Access, export certificate and key together"}
	case text == "certificate missing":
		return &field.InputError{Field: "certificate", Rule: "is missing from the PKCS#12 file"}
	}
	return pkcs12Error("cannot be read (" + text + "); convert it to PEM (openssl pkcs12 -in file.p12 -nodes -out file.pem)")
}

func pkcs12Error(rule string) error { return &field.InputError{Field: "PKCS#12 file", Rule: rule} }

// maxNesting is above the depth at which PKCS#12 has its parameters.
const maxNesting = 24

// demandsTooMuch looks for rounds of key derivation above [keypem.MaxIterations]: the library would
// do them all. In all the schemes of PKCS#12 the number follows the salt, an octet string, in the
// same sequence.
func demandsTooMuch(der []byte, depth int) bool {
	afterSalt := false
	for len(der) > 0 && depth > 0 {
		var element asn1.RawValue
		rest, err := asn1.Unmarshal(der, &element)
		if err != nil {
			return false
		}
		der = rest
		universal := element.Class == asn1.ClassUniversal
		isOctets := universal && element.Tag == asn1.TagOctetString
		var rounds int64
		switch {
		case universal && element.Tag == asn1.TagInteger && afterSalt:
			if _, err := asn1.Unmarshal(element.FullBytes, &rounds); err != nil || rounds > keypem.MaxIterations {
				return true
			}
		case element.IsCompound || isOctets: // octet strings wrap the parts that are not encrypted
			if demandsTooMuch(element.Bytes, depth-1) {
				return true
			}
		}
		afterSalt = isOctets
	}
	return false
}
