package keypem

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/pem"

	"github.com/applemdm/applemdm/internal/sniff"
)

// ParseP256 reads the key that signs ES256 tokens: the .p8 or .pem file that Apple's portals hand
// out, which is PKCS#8 or SEC 1, under any label, with or without the PEM around it.
//
// Errors are [*sniff.WrongFileError] if data is some other file, and [*field.InputError] otherwise.
func ParseP256(data []byte) (*ecdsa.PrivateKey, error) {
	keys, _ := Blocks(data)
	if len(keys) == 0 && sniff.Of(data) == sniff.APIKey {
		keys = []*pem.Block{{Bytes: sniff.Unarmor(data)}}
	}
	switch {
	case len(keys) == 0:
		return nil, &sniff.WrongFileError{Want: sniff.APIKey, Got: sniff.Of(data)}
	case len(keys) > 1:
		return nil, keyError("is not the only one in the file")
	case IsEncrypted(keys[0]):
		return nil, keyError("is encrypted under a passphrase; " + HowToDecrypt)
	}
	key, err := ParseKey(keys[0].Bytes)
	if err != nil {
		return nil, err
	}
	own, isEC := key.(*ecdsa.PrivateKey)
	if !isEC || own.Curve != elliptic.P256() {
		return nil, &sniff.WrongFileError{Want: sniff.APIKey, Got: sniff.OfKey(keys[0].Bytes)}
	}
	return own, nil
}
