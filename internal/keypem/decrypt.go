package keypem

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"hash"
	"slices"

	"github.com/applemdm/applemdm/internal/field"
)

// MaxIterations bounds the rounds of key derivation that a file may demand. OpenSSL writes 2,048,
// careful people a million; more would let a file occupy a processor for minutes.
const MaxIterations = 5_000_000

var (
	errScheme   = errors.New("unknown scheme")
	errPassword = errors.New("wrong password")
)

// Decrypt returns what a private key under a passphrase holds, for [ParseKey]: PEM encryption of
// the old kind ("DEK-Info"), or PKCS#8 with PBES2, that is PBKDF2 with SHA-1 or SHA-2 and AES or
// triple DES in CBC mode. A wrong password is an error about the field "password"; now and then the
// first kind does not notice it, and what is returned is no key.
func Decrypt(key *pem.Block, password string) ([]byte, error) {
	der, err := decrypt(key, password)
	switch {
	case err == nil:
		return der, nil
	case errors.Is(err, errScheme):
		return nil, keyError("is encrypted in a way that is not supported; " + HowToDecrypt)
	case errors.Is(err, errPassword):
		return nil, WrongPassword()
	}
	return nil, keyError("is damaged")
}

// HowToDecrypt is the advice for keys that cannot be opened here.
const HowToDecrypt = "decrypt it first (openssl pkey -in key.pem -out plain.pem)"

// WrongPassword is the error for a password that does not open the private key.
func WrongPassword() error {
	return &field.InputError{Field: "password", Rule: "does not open the private key"}
}

func decrypt(key *pem.Block, password string) ([]byte, error) {
	if key.Headers["DEK-Info"] == "" {
		return decryptPKCS8(key.Bytes, password)
	}
	//lint:ignore SA1019 it is weak, but files under it are about and must be read
	der, err := x509.DecryptPEMBlock(key, []byte(password))
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, errPassword
	case err != nil:
		return nil, errScheme
	}
	return der, nil
}

// encryptedKey is EncryptedPrivateKeyInfo of RFC 5958, pbes2 and derivation are the parameters of
// RFC 8018.
type (
	encryptedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2 struct {
		Derivation, Encryption pkix.AlgorithmIdentifier
	}
	derivation struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

func decryptPKCS8(der []byte, password string) ([]byte, error) {
	var (
		outer  encryptedKey
		scheme pbes2
		kdf    derivation
		iv     []byte
	)
	if !parses(der, &outer) {
		return nil, errors.New("not EncryptedPrivateKeyInfo")
	}
	if !outer.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, errScheme
	}
	if !parses(outer.Algorithm.Parameters.FullBytes, &scheme) || !scheme.Derivation.Algorithm.Equal(oidPBKDF2) ||
		!parses(scheme.Derivation.Parameters.FullBytes, &kdf) || !parses(scheme.Encryption.Parameters.FullBytes, &iv) {
		return nil, errScheme
	}
	block, err := kdf.cipher(scheme.Encryption.Algorithm, password)
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, iv, outer.Data)
}

func parses(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
)

// cipher derives the key that the encryption algorithm needs.
func (d derivation) cipher(algorithm asn1.ObjectIdentifier, password string) (cipher.Block, error) {
	make, size := aes.NewCipher, 0
	switch algorithm.String() {
	case "2.16.840.1.101.3.4.1.2":
		size = 16
	case "2.16.840.1.101.3.4.1.22":
		size = 24
	case "2.16.840.1.101.3.4.1.42":
		size = 32
	case "1.2.840.113549.3.7":
		make, size = des.NewTripleDESCipher, 24
	default:
		return nil, errScheme
	}
	prf := d.prf()
	if prf == nil || d.Iterations < 1 || d.Iterations > MaxIterations || d.KeyLength != 0 && d.KeyLength != size {
		return nil, errScheme
	}
	key, err := pbkdf2.Key(prf, password, d.Salt, d.Iterations, size)
	if err != nil {
		return nil, errScheme // a program that allows FIPS 140 only
	}
	return make(key)
}

// prf knows HMAC with SHA-1, which is the default, and SHA-2.
func (d derivation) prf() func() hash.Hash {
	switch d.PRF.Algorithm.String() {
	case "", "1.2.840.113549.2.7":
		return sha1.New
	case "1.2.840.113549.2.8":
		return sha256.New224
	case "1.2.840.113549.2.9":
		return sha256.New
	case "1.2.840.113549.2.10":
		return sha512.New384
	case "1.2.840.113549.2.11":
		return sha512.New
	}
	return nil
}

// decryptCBC takes wrong padding for a wrong password. Nobody learns more from it than that the file
// at hand does not open, so no care is taken about time.
func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errors.New("not whole blocks")
	}
	plain := slices.Clone(data)
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, plain)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > size {
		return nil, errPassword
	}
	for _, c := range plain[len(plain)-pad:] {
		if int(c) != pad {
			return nil, errPassword
		}
	}
	return plain[:len(plain)-pad], nil
}
