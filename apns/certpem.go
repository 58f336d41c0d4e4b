package apns

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/keypem"
	"github.com/applemdm/applemdm/internal/sniff"
)

// maxCertificateFile bounds what is read as a certificate and its key. Real ones have a few
// kilobytes.
const maxCertificateFile = 256 << 10

// ParseCertificate reads a push certificate and its private key from PEM: all in one text, or in
// several, in any order. The portal's file holds the certificate only; the key is what was made
// together with the request ([CertificateRequest]). Keys may be PKCS#1, PKCS#8 or SEC 1. Glued
// boundaries, foreign line ends, text around the blocks, intermediate certificates and blocks of
// other kinds do no harm, and a text may be the DER of one certificate or key instead. For PKCS#12
// there is [ParsePKCS12].
//
// Errors are [*WrongFileError] for another kind of certificate or file, and [*InputError] for a
// missing part, a key under a passphrase (its Field is then "password"; see
// [ParseCertificateWithPassword]), more than one key, or a certificate that belongs to another key.
// No error quotes the key. An expired certificate is not an error here; see [Certificate.Expired].
func ParseCertificate(texts ...[]byte) (*Certificate, error) {
	return ParseCertificateWithPassword("", texts...)
}

// ParseCertificateWithPassword is [ParseCertificate] for a key under a passphrase: the traditional
// encryption of PEM ("DEK-Info"), or PKCS#8 with PBES2 as current versions of OpenSSL write it. The
// password is not used if the key is not encrypted. A missing or wrong one gives an [*InputError]
// whose Field is "password".
func ParseCertificateWithPassword(password string, texts ...[]byte) (*Certificate, error) {
	key, leaf, others, err := parsePair(sniff.PushCertificate, password, texts)
	if err != nil {
		return nil, err
	}
	return newCertificate(key, leaf, others)
}

// parsePair finds a private key, the certificate that belongs to it, and the other certificates.
func parsePair(want FileKind, password string, texts [][]byte) (crypto.Signer, *x509.Certificate, []*x509.Certificate, error) {
	keys, certificates, err := collect(texts)
	if err != nil {
		return nil, nil, nil, err
	}
	switch {
	case len(certificates) == 0:
		return nil, nil, nil, noCertificate(want, texts, len(keys) > 0)
	case len(keys) == 0:
		return nil, nil, nil, noKey(want, certificates)
	}
	key, err := onlyKey(keys, password)
	if err != nil {
		return nil, nil, nil, err
	}
	leaf, others, err := keypem.Match(key, certificates)
	if err != nil {
		return nil, nil, nil, err
	}
	return key, leaf, others, nil
}

func collect(texts [][]byte) (keys, certificates []*pem.Block, err error) {
	size := 0
	for _, text := range texts {
		if size += len(text); size > maxCertificateFile {
			return nil, nil, &field.InputError{Field: "certificate", Rule: "is larger than 256 KiB, so it is no push certificate"}
		}
	}
	var joined [][]byte
	for _, text := range texts {
		joined = append(joined, fromDER(text))
	}
	keys, certificates = keypem.Blocks(bytes.Join(joined, []byte("\n")))
	return keys, certificates, nil
}

// fromDER puts a bare certificate or key into PEM, and returns anything else as it is.
func fromDER(data []byte) []byte {
	if _, err := x509.ParseCertificate(data); err == nil {
		return encodePEM("CERTIFICATE", data)
	}
	if sniff.OfKey(data) != sniff.Unknown {
		return encodePEM("PRIVATE KEY", data)
	}
	return data
}

// noCertificate names what was supplied in place of the certificate.
func noCertificate(want FileKind, texts [][]byte, hasKey bool) error {
	got := sniff.Empty
	for _, text := range texts {
		switch kind := sniff.Of(text); kind {
		case sniff.Empty:
		case sniff.RSAKey, sniff.APIKey, sniff.ECKey, sniff.EncryptedKey, sniff.OtherKey:
			got = kind
		default:
			return &WrongFileError{Want: want, Got: kind}
		}
	}
	if hasKey {
		return &field.InputError{Field: "certificate", Rule: "is missing: there is a private key only"}
	}
	return &WrongFileError{Want: want, Got: got}
}

// noKey prefers to say that the certificate is of the wrong kind, which no key would mend.
func noKey(want FileKind, certificates []*pem.Block) error {
	for _, block := range certificates {
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err == nil && want == sniff.PushCertificate && pushTopic(leaf) == "" && len(certificates) == 1 {
			return &WrongFileError{Want: want, Got: kindOf(leaf)}
		}
	}
	return &field.InputError{Field: "private key", Rule: "is missing: supply the key that was made together with the request"}
}

// onlyKey accepts several keys only if they are one, as when a bundle and its key file are given.
func onlyKey(blocks []*pem.Block, password string) (crypto.Signer, error) {
	var only crypto.Signer
	for _, block := range blocks {
		key, err := openKey(block, password)
		if err != nil {
			return nil, err
		}
		if only != nil && !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(only.Public()) {
			return nil, &field.InputError{Field: "private key", Rule: "is ambiguous: there is more than one"}
		}
		only = key
	}
	return only, nil
}

func openKey(block *pem.Block, password string) (crypto.Signer, error) {
	if !keypem.IsEncrypted(block) {
		return keypem.ParseKey(block.Bytes)
	}
	if password == "" {
		return nil, &field.InputError{Field: "password",
			Rule: "is needed, for the private key is under a passphrase; or " + keypem.HowToDecrypt}
	}
	der, err := keypem.Decrypt(block, password)
	if err != nil {
		return nil, err
	}
	key, err := keypem.ParseKey(der)
	if err != nil {
		return nil, keypem.WrongPassword() // the old encryption notices most wrong passwords, not all
	}
	return key, nil
}

// suitsTLS refuses keys that no server would take.
func suitsTLS(key crypto.Signer) error {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < 1024 {
			return &field.InputError{Field: "private key", Rule: "is an RSA key of less than 1024 bits"}
		}
		return nil
	case *ecdsa.PrivateKey:
		return nil
	}
	return &field.InputError{Field: "private key", Rule: "must be RSA or EC"}
}
