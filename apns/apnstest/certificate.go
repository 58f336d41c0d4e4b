package apnstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// CertOptions is what is special about a push certificate. The zero value, like nil, is nothing.
type CertOptions struct {
	// Expired makes a certificate whose year ended a day ago.
	Expired bool

	// NotBefore and NotAfter are the validity; the zero values are a minute ago and 365 days later.
	NotBefore, NotAfter time.Time

	// EC makes a P-256 key, which is much quicker than the default, RSA with 2048 bits.
	EC bool

	// Key is the private key to certify, for a renewal that keeps it; nil makes a new one.
	Key crypto.Signer

	// NoUID leaves the topic out.
	NoUID bool

	// Foreign signs with an authority that the server does not know.
	Foreign bool
}

// oidUID is the attribute of the subject that holds the topic.
var oidUID = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}

// IssuePushCertificate makes a push certificate for topic, in PEM, without its issuer, as the portal
// hands it out. For an MDM certificate topic begins with "com.apple.mgmt."; any other text makes a
// certificate that is none. It panics when the options ask for the impossible.
func (s *Server) IssuePushCertificate(topic string, opts *CertOptions) (certPEM, keyPEM []byte) {
	var o CertOptions
	if opts != nil {
		o = *opts
	}
	key := must(o.key())
	issuer := s.pushCA
	if o.Foreign {
		issuer = newAuthority(pushAuthority)
	}
	template := o.template(topic)
	cert := issuer.sign(template, key.Public())
	der := must(x509.MarshalPKCS8PrivateKey(key))
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// RevokeCertificate revokes the push certificate with that serial number. New connections with it
// meet [Options.BadCertificates], pushes on the existing ones 403 BadCertificate.
func (s *Server) RevokeCertificate(serial *big.Int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked[serial.String()] = true
}

func (s *Server) isRevoked(cert *x509.Certificate) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revoked[cert.SerialNumber.String()]
}

func (o *CertOptions) key() (crypto.Signer, error) {
	switch {
	case o.Key != nil:
		return o.Key, nil
	case o.EC:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, 2048)
}

func (o *CertOptions) template(topic string) *x509.Certificate {
	subject := pkix.Name{CommonName: "APSP:" + lowerUUID(), Country: []string{"US"}}
	if !o.NoUID {
		subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oidUID, Value: topic}}
	}
	from := o.NotBefore
	if from.IsZero() {
		from = time.Now().Add(-time.Minute)
		if o.Expired {
			from = from.AddDate(0, 0, -366)
		}
	}
	to := o.NotAfter
	if to.IsZero() {
		to = from.AddDate(0, 0, 365)
	}
	return &x509.Certificate{
		Subject:     subject,
		NotBefore:   from,
		NotAfter:    to,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// topicOf returns the UID attribute of a certificate's subject, or "".
func topicOf(cert *x509.Certificate) string {
	for _, name := range cert.Subject.Names {
		if name.Type.Equal(oidUID) {
			uid, _ := name.Value.(string)
			return uid
		}
	}
	return ""
}

// pushAuthority is the name of the issuer of push certificates.
var pushAuthority = pkix.Name{
	CommonName:         "Apple Application Integration 2 Certification Authority",
	OrganizationalUnit: []string{"Apple Certification Authority"},
	Organization:       []string{"Apple Inc."},
	Country:            []string{"US"},
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(name pkix.Name) *authority {
	a := &authority{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	from, to := always()
	a.cert = &x509.Certificate{
		Subject:               name,
		NotBefore:             from,
		NotAfter:              to,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	a.cert = a.sign(a.cert, a.key.Public())
	return a
}

// always is a validity that covers the clock of a synctest bubble, which starts in 2000, too.
func always() (from, to time.Time) {
	return time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2190, 1, 1, 0, 0, 0, 0, time.UTC)
}

// sign issues template for key, under a new serial number.
func (a *authority) sign(template *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	template.SerialNumber = must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63)))
	der := must(x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key))
	return must(x509.ParseCertificate(der))
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// must returns v. The errors it turns into panics come from tests that ask for the impossible, or
// from a system without randomness or loopback.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("apnstest: %v", err))
	}
	return v
}
