package dep

import (
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"slices"

	"github.com/applemdm/applemdm/internal/keypem"
	"github.com/applemdm/applemdm/internal/sniff"
)

const (
	maxKeyPairFile = 256 << 10 // bytes of PEM
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
	keys, certificates := keypem.Blocks(text)
	switch {
	case slices.ContainsFunc(keys, keypem.IsEncrypted):
		return nil, &InputError{Field: "private key", Rule: "is encrypted under a passphrase; " + keypem.HowToDecrypt}
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
	certificate, _, err := keypem.Match(key, certificates)
	if err != nil {
		return nil, err
	}
	return newKeyPair(certificate, key), nil
}

func parseRSAKey(block *pem.Block) (*rsa.PrivateKey, error) {
	signer, err := keypem.ParseKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := signer.(*rsa.PrivateKey)
	if !ok {
		return nil, &InputError{Field: "private key",
			Rule: "must be RSA (this is: " + string(sniff.OfKey(block.Bytes)) + "): the portal encrypts the token for an RSA key, " +
				"and Managed Apple Account tokens are signed with RS256"}
	}
	if key.N.BitLen() < minKeyBits {
		return nil, &InputError{Field: "private key",
			Rule: fmt.Sprintf("has %d bits; RS256 needs at least %d", key.N.BitLen(), minKeyBits)}
	}
	return key, nil
}
