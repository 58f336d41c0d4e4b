// Package sniff says which of the files that Apple's portals hand out somebody has given us.
//
// Administrators mix them up: they are all opaque downloads with similar names. The packages that
// read one of them use Of to say what arrived instead of "invalid character".
package sniff

import (
	"bytes"
	"crypto/x509"
)

// Kind is a kind of file, in words that an administrator understands.
type Kind string

const (
	ServerToken        Kind = "encrypted server token (.p7m)"
	ServerTokenText    Kind = "decrypted server token (JSON)"
	ContentToken       Kind = "Apps and Books content token (.vpptoken)"
	ContentTokenText   Kind = "decoded Apps and Books content token (JSON)"
	PushCertificate    Kind = "MDM push certificate"
	PushRequest        Kind = "signed request for an MDM push certificate"
	Certificate        Kind = "certificate"
	KeyPair            Kind = "certificate with its RSA private key (PEM)"
	PKCS12             Kind = "PKCS#12 file (.p12)"
	CertificateRequest Kind = "certificate signing request"
	RSAKey             Kind = "RSA private key"
	APIKey             Kind = "EC P-256 private key, as the School and Business Manager API uses"
	ECKey              Kind = "EC private key"
	EncryptedKey       Kind = "private key under a passphrase"
	OtherKey           Kind = "private key that is neither RSA nor EC"
	PublicKey          Kind = "public key without a certificate"
	SignedData         Kind = "signed PKCS#7 message, such as a signed profile"
	Plist              Kind = "property list, such as a configuration profile"
	HTML               Kind = "HTML page"
	JSON               Kind = "JSON document of another kind"
	Empty              Kind = "empty file"
	Unknown            Kind = "file of an unknown kind"
)

// maxLooked bounds the work: the files in question have a few kilobytes.
const maxLooked = 1 << 20

// Of says what data is, judging by its form and its tell-tale names; it does not prove that the
// file is sound. It looks at the first MiB, never panics, and keeps nothing of data.
func Of(data []byte) Kind {
	data = data[:min(len(data), maxLooked)]
	if looksBinary(data) {
		return ofBinary(data)
	}
	return ofText(trimText(data))
}

func ofText(text []byte) Kind {
	switch {
	case len(text) == 0:
		return Empty
	case hasServerTokenNames(text):
		return ServerTokenText
	case text[0] == '{':
		return ofJSON(text)
	case text[0] == '<':
		return ofMarkup(text)
	case bytes.HasPrefix(text, []byte("bplist0")):
		return Plist
	}
	if kind := ofPEM(text); kind != Unknown {
		return kind
	}
	return ofArmored(text)
}

// ofArmored looks through the transfer encoding. Where that is damaged, the headers of a message
// still tell.
func ofArmored(text []byte) Kind {
	inside := Unarmor(text)
	switch {
	case looksBinary(inside):
		return ofBinary(inside)
	case len(inside) > 0 && inside[0] == '{':
		if kind := ofJSON(inside); kind == ContentTokenText {
			return ContentToken
		}
	case len(inside) > 0 && inside[0] == '<':
		return ofMarkup(inside)
	case inside == nil && bytes.Contains(text, []byte("pkcs7-mime")):
		return ServerToken
	}
	return Unknown
}

// hasServerTokenNames ignores line ends because the portal breaks lines anywhere.
func hasServerTokenNames(text []byte) bool {
	joined := JoinLines(text)
	for _, name := range []string{`"consumer_key"`, `"consumer_secret"`, `"access_secret"`} {
		if bytes.Contains(joined, []byte(name)) {
			return true
		}
	}
	return false
}

func ofJSON(text []byte) Kind {
	if bytes.Contains(text, []byte(`"expDate"`)) && bytes.Contains(text, []byte(`"token"`)) {
		return ContentTokenText
	}
	return JSON
}

func ofMarkup(text []byte) Kind {
	head := bytes.ToLower(text[:min(len(text), 1024)])
	switch {
	case bytes.Contains(head, []byte("<plist")), bytes.Contains(head, []byte("<!doctype plist")):
		if bytes.Contains(text, []byte("PushCertRequestCSR")) {
			return PushRequest
		}
		return Plist
	case bytes.Contains(head, []byte("<html")), bytes.Contains(head, []byte("<!doctype html")):
		return HTML
	}
	return Unknown
}

// ofBinary judges ASN.1. What starts a structure tells most of it apart; the rest is parsed.
func ofBinary(der []byte) Kind {
	var (
		cms    = []byte{0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07}
		pkcs12 = []byte{0x02, 0x01, 0x03, 0x30}
	)
	inside := contentOf(der)
	switch {
	case bytes.HasPrefix(inside, cms) && len(inside) > len(cms):
		return ofCMS(inside[len(cms)])
	case bytes.HasPrefix(inside, pkcs12):
		return PKCS12
	}
	if cert, err := x509.ParseCertificate(der); err == nil {
		return ofCertificate(cert)
	}
	if _, err := x509.ParseCertificateRequest(der); err == nil {
		return CertificateRequest
	}
	return OfKey(der)
}

// ofCMS takes the last number of the content type 1.2.840.113549.1.7.x.
func ofCMS(contentType byte) Kind {
	switch contentType {
	case 2:
		return SignedData
	case 3:
		return ServerToken
	}
	return Unknown
}
