package apns

import (
	"bytes"
	"crypto/x509"
	"errors"
)

// chainOf finds, among others, the issuer of leaf, the issuer of that one, and so on. It ends with a
// certificate that issued itself, or where the next one is missing.
func chainOf(leaf *x509.Certificate, others []*x509.Certificate) []*x509.Certificate {
	var chain []*x509.Certificate
	for subject := leaf; !isSelfIssued(subject) && len(chain) < len(others); {
		issuer := issuerOf(subject, others)
		if issuer == nil {
			break
		}
		chain = append(chain, issuer)
		subject = issuer
	}
	return chain
}

func issuerOf(subject *x509.Certificate, others []*x509.Certificate) *x509.Certificate {
	for _, issuer := range others {
		if bytes.Equal(issuer.RawSubject, subject.RawIssuer) && signed(issuer, subject) {
			return issuer
		}
	}
	return nil
}

// signed goes by the name alone where the signature is made with SHA-1, which Go does not check:
// some of Apple's authorities are that old.
func signed(issuer, subject *x509.Certificate) bool {
	err := subject.CheckSignatureFrom(issuer)
	_, old := errors.AsType[x509.InsecureAlgorithmError](err)
	return err == nil || old
}

func isSelfIssued(certificate *x509.Certificate) bool {
	return bytes.Equal(certificate.RawSubject, certificate.RawIssuer)
}
