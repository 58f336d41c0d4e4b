package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// authority issues the identities with which devices sign what they send to the server.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// authorityLife is how long the authority lasts, identityLife how long an identity: a device whose
// identity has ended must be enrolled again.
const (
	authorityLife = 20 * 365 * 24 * time.Hour
	identityLife  = 5 * 365 * 24 * time.Hour
)

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "nanomdm device identities"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{certificate: certificate, key: key}, err
}

// loadAuthority reads the authority from a file, and makes it when there is none yet.
func loadAuthority(file string) (*authority, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return storeAuthority(file)
	}
	if err != nil {
		return nil, err
	}
	certificate, rest := pem.Decode(text)
	key, _ := pem.Decode(rest)
	if certificate == nil || key == nil {
		return nil, errors.New(file + ": needs a certificate and its key, in PEM")
	}
	a := &authority{}
	if a.certificate, err = x509.ParseCertificate(certificate.Bytes); err != nil {
		return nil, err
	}
	a.key, err = x509.ParseECPrivateKey(key.Bytes)
	return a, err
}

func storeAuthority(file string) (*authority, error) {
	a, err := newAuthority()
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalECPrivateKey(a.key)
	if err != nil {
		return nil, err
	}
	text := append(a.certificatePEM(), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key})...)
	return a, os.WriteFile(file, text, 0o600)
}

func (a *authority) certificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// identity is a new identity for a device, as a PKCS#12 file and the password that opens it. The file
// is under the old ciphers, the only ones that all devices read: the password lies beside it anyway,
// and TLS protects both.
type identity struct {
	file     []byte
	password string
}

func (a *authority) issue(serial string) (identity, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return identity{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		Subject:     pkix.Name{CommonName: serial},
		NotBefore:   time.Now().Add(-time.Hour),
		NotAfter:    time.Now().Add(identityLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.certificate, key.Public(), a.key)
	if err != nil {
		return identity{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return identity{}, err
	}
	password := hex.EncodeToString(randomBytes(16))
	file, err := pkcs12.LegacyDES.Encode(key, certificate, nil, password)
	return identity{file: file, password: password}, err
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
