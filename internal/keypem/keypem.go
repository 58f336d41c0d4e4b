// Package keypem reads private keys and certificates out of PEM as people have it: glued together,
// with Windows line ends, in any order, under wrong labels, under a passphrase.
//
// Its errors are [*field.InputError] and never quote a key.
package keypem

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/sniff"
)

// maxKeyDER lets an RSA key of 8,192 bits pass; checking longer ones takes long.
const maxKeyDER = 6 << 10

// Blocks returns the private keys and the certificates in text, in their order. Blocks of other
// kinds and what stands between the blocks are passed over.
func Blocks(text []byte) (keys, certificates []*pem.Block) {
	text = repair(text)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE", block.Type == "X509 CERTIFICATE":
			certificates = append(certificates, block)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			keys = append(keys, block)
		}
	}
	return keys, certificates
}

// repair puts each boundary on a line of its own. Files without a final newline (the push portal's
// are such) leave two boundaries glued when they are concatenated, and copies out of other documents
// come with indentation and foreign line ends.
func repair(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("----------BEGIN "), []byte("-----\n-----BEGIN "))
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		lines[i] = bytes.TrimSpace(line)
	}
	return bytes.Join(lines, []byte("\n"))
}

// IsEncrypted reports whether a private key is under a passphrase.
func IsEncrypted(key *pem.Block) bool {
	return key.Type == "ENCRYPTED PRIVATE KEY" ||
		strings.Contains(key.Headers["Proc-Type"], "ENCRYPTED") ||
		sniff.OfKey(key.Bytes) == sniff.EncryptedKey
}

// ParseKey reads an RSA, EC or Ed25519 key: PKCS#1, PKCS#8 or SEC 1. It goes by the content, for
// labels are often wrong.
func ParseKey(der []byte) (crypto.Signer, error) {
	if len(der) > maxKeyDER {
		return nil, keyError("is larger than any key in use")
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
		return nil, keyError("cannot sign, so it belongs to no certificate")
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, keyError("is damaged")
}

// Match finds the certificate that belongs to the key, and returns the others that can be read.
func Match(key crypto.Signer, blocks []*pem.Block) (own *x509.Certificate, others []*x509.Certificate, err error) {
	public, _ := key.Public().(interface{ Equal(crypto.PublicKey) bool }) // every key of the standard library has it
	unreadable := error(nil)
	for _, block := range blocks {
		certificate, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			unreadable = certificateError("cannot be read: " + err.Error())
		case own == nil && public.Equal(certificate.PublicKey):
			own = certificate
		default:
			others = append(others, certificate)
		}
	}
	switch {
	case own != nil:
		return own, others, nil
	case unreadable != nil:
		return nil, nil, unreadable
	}
	return nil, nil, certificateError("belongs to another key than the private key beside it")
}

func keyError(rule string) error {
	return &field.InputError{Field: "private key", Rule: rule}
}

func certificateError(rule string) error {
	return &field.InputError{Field: "certificate", Rule: rule}
}
