package sniff

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"
)

// maxBlocks is more than any sensible PEM file holds.
const maxBlocks = 32

// ofPEM judges a PEM file by all its blocks: a certificate beside its key says more than either.
func ofPEM(text []byte) Kind {
	found := map[Kind]bool{}
	first := Unknown
	for range maxBlocks {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		kind := ofBlock(block)
		found[kind] = true
		if first == Unknown {
			first = kind
		}
		text = rest
	}
	switch {
	case found[PushCertificate]:
		return PushCertificate
	case found[Certificate] && found[RSAKey]:
		return KeyPair
	case found[Certificate]:
		return Certificate
	}
	return first
}

// ofBlock goes by the label where it is reliable. For private keys it is not: Apple's API keys carry
// the label of SEC 1 around PKCS#8.
func ofBlock(block *pem.Block) Kind {
	switch {
	case strings.HasSuffix(block.Type, "CERTIFICATE REQUEST"):
		return CertificateRequest
	case block.Type == "CERTIFICATE":
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			return ofCertificate(cert)
		}
		return Certificate
	case strings.HasSuffix(block.Type, "PUBLIC KEY"):
		return PublicKey
	case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return EncryptedKey
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		if kind := OfKey(block.Bytes); kind != Unknown {
			return kind
		}
		return OtherKey
	case looksBinary(block.Bytes):
		return ofBinary(block.Bytes)
	}
	return Unknown
}

// ofCertificate knows the push certificate by its topic, the UID of the subject.
func ofCertificate(cert *x509.Certificate) Kind {
	uid := asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	for _, name := range cert.Subject.Names {
		value, _ := name.Value.(string)
		if name.Type.Equal(uid) && strings.HasPrefix(value, "com.apple.mgmt.") {
			return PushCertificate
		}
	}
	return Certificate
}

// OfKey says what kind of private key der holds, or Unknown. It reads only the frame, never
// the numbers: proving them would cost much.
func OfKey(der []byte) Kind {
	var (
		pkcs8 struct {
			Version   int
			Algorithm pkix.AlgorithmIdentifier
			Key       []byte
		}
		encrypted struct {
			Algorithm pkix.AlgorithmIdentifier
			Data      []byte
		}
		sec1 struct {
			Version int
			Key     []byte
			Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
		}
		pkcs1 struct {
			Version         int
			Modulus, Public *big.Int
			Private         *big.Int
		}
	)
	switch {
	case parses(der, &pkcs8):
		return ofAlgorithm(pkcs8.Algorithm)
	case parses(der, &encrypted) && isPasswordBased(encrypted.Algorithm.Algorithm):
		return EncryptedKey
	case parses(der, &pkcs1):
		return RSAKey
	case parses(der, &sec1) && len(sec1.Curve) > 0:
		return ofCurve(sec1.Curve)
	}
	return Unknown
}

func parses(der []byte, into any) bool {
	_, err := asn1.Unmarshal(der, into)
	return err == nil
}

func ofAlgorithm(algorithm pkix.AlgorithmIdentifier) Kind {
	var (
		rsa = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
		ec  = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	)
	switch {
	case algorithm.Algorithm.Equal(rsa):
		return RSAKey
	case algorithm.Algorithm.Equal(ec):
		var curve asn1.ObjectIdentifier
		parses(algorithm.Parameters.FullBytes, &curve)
		return ofCurve(curve)
	}
	return OtherKey
}

func ofCurve(curve asn1.ObjectIdentifier) Kind {
	if curve.Equal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}) {
		return APIKey
	}
	return ECKey
}

// isPasswordBased knows the schemes of PKCS#5 (1.2.840.113549.1.5) and PKCS#12 (….12.1).
func isPasswordBased(scheme asn1.ObjectIdentifier) bool {
	return len(scheme) > 6 && scheme[:5].Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1}) &&
		(scheme[5] == 5 || scheme[5] == 12)
}
