package dep

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/applemdm/applemdm/internal/sniff"
)

const (
	maxKeyPairFile = 256 << 10 // bytes of PEM
	maxKeyDER      = 6 << 10   // an RSA key of 8,192 bits fits; checking longer ones takes long
	minKeyBits     = 2048      // what RS256 demands (RFC 7518, 3.3)
)

// ParseKeyPair reads an RSA private key (PKCS#1 or PKCS#8, not encrypted) and its certificate from
// one PEM text, in either order. Other certificates and blocks of other kinds are passed over.
//
// Errors are [*WrongFileError] if there is no PEM in it or the whole is another kind of file, and
// [*InputError] for a missing part, an unsuitable key, or a certificate that belongs to another key.
// No error quotes the key.
func ParseKeyPair(text []byte) (*KeyPair, error) {
	if len(text) > maxKeyPairFile {
		return nil, &InputError{Field: "key pair", Rule: "is larger than 256 KiB"}
	}
	keys, certificates, err := keyPairBlocks(text)
	if err != nil {
		return nil, err
	}
	switch {
	case len(keys) == 0 && len(certificates) == 0:
		return nil, &WrongFileError{Want: sniff.KeyPair, Got: sniff.Of(text)}
	case len(keys) == 0:
		return nil, &InputError{Field: "private key", Rule: "is missing: there is a certificate only"}
	case len(certificates) == 0:
		return nil, &InputError{Field: "certificate", Rule: "is missing: there is a private key only"}
	case len(keys) > 1:
		return nil, &InputError{Field: "private key", Rule: "is ambiguous: there is more than one"}
	}
	key, err := parseRSAKey(keys[0])
	if err != nil {
		return nil, err
	}
	certificate, err := certificateOf(key, certificates)
	if err != nil {
		return nil, err
	}
	return newKeyPair(certificate, key), nil
}

// keyPairBlocks sorts the PEM blocks, and refuses keys under a passphrase.
func keyPairBlocks(text []byte) (keys, certificates []*pem.Block, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE":
			certificates = append(certificates, block)
		case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, nil, &InputError{Field: "private key",
				Rule: "is encrypted under a passphrase; decrypt it first (openssl pkey -in key.pem -out plain.pem)"}
		default:
			keys = append(keys, block)
		}
	}
	return keys, certificates, nil
}

// parseRSAKey goes by the content: labels are often wrong.
func parseRSAKey(block *pem.Block) (*rsa.PrivateKey, error) {
	if len(block.Bytes) > maxKeyDER {
		return nil, &InputError{Field: "private key", Rule: "is larger than any key in use"}
	}
	switch kind := sniff.OfKey(block.Bytes); kind {
	case sniff.RSAKey:
	case sniff.Unknown:
		return nil, &InputError{Field: "private key", Rule: "is damaged"}
	default:
		return nil, &InputError{Field: "private key",
			Rule: "must be RSA (this is: " + string(kind) + "): the portal encrypts the token for an RSA key, " +
				"and Managed Apple Account tokens are signed with RS256"}
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, &InputError{Field: "private key", Rule: "is damaged"}
		}
		key = parsed.(*rsa.PrivateKey) // OfKey saw the algorithm
	}
	if key.N.BitLen() < minKeyBits {
		return nil, &InputError{Field: "private key",
			Rule: fmt.Sprintf("has %d bits; RS256 needs at least %d", key.N.BitLen(), minKeyBits)}
	}
	return key, nil
}

// certificateOf finds the certificate that belongs to the key.
func certificateOf(key *rsa.PrivateKey, blocks []*pem.Block) (*x509.Certificate, error) {
	var unreadable error
	for _, block := range blocks {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			unreadable = &InputError{Field: "certificate", Rule: "cannot be read: " + err.Error()}
			continue
		}
		if key.PublicKey.Equal(certificate.PublicKey) {
			return certificate, nil
		}
	}
	if unreadable != nil {
		return nil, unreadable
	}
	return nil, &InputError{Field: "certificate", Rule: "belongs to another key than the private key beside it"}
}
