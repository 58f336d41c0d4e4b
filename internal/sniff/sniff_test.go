package sniff

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fixture reads the test data of the server token.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "dep", "testdata", "token", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func der(t testing.TB, name string) []byte {
	t.Helper()
	block, _ := pem.Decode(fixture(t, name))
	if block == nil {
		t.Fatalf("%s is not PEM", name)
	}
	return block.Bytes
}

func toPEM(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func ok[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// push returns a certificate like those of the push portal, with that UID.
func push(uid string, key *ecdsa.PrivateKey) []byte {
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: uid},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "APSP:x"},
	}}}
	return ok(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
}

const (
	contentToken = `{"expDate":"2027-03-04T09:10:11+0000","token":"QUJDREVGZ2hpams=","orgName":"Example School District"}`
	plist        = `<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd"><plist version="1.0"><dict>`
)

func TestOf(t *testing.T) {
	var (
		p256     = ok(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		p384     = ok(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
		topic    = push("com.apple.mgmt.External.0f0e0d0c-0000-4000-8000-000000000001", p256)
		mail     = push("com.apple.mail.XServer.0f0e0d0c-0000-4000-8000-000000000002", p256)
		csr      = ok(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, p256))
		pkcs8    = ok(x509.MarshalPKCS8PrivateKey(p256))
		public   = ok(x509.MarshalPKIXPublicKey(p256.Public()))
		pkcs1Pub = x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: big.NewInt(1 << 40), E: 3})
		b64      = func(text string) []byte { return []byte(base64.StdEncoding.EncodeToString([]byte(text))) }
		join     = func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
		smime    = fixture(t, "aes128-stream.p7m")
	)
	for name, c := range map[string]struct {
		data []byte
		want Kind
	}{
		"server token":                   {smime, ServerToken},
		"server token, CRLF":             {bytes.ReplaceAll(smime, []byte("\n"), []byte("\r\n")), ServerToken},
		"server token, binary BER":       {fixture(t, "aes128-stream.der"), ServerToken},
		"server token, binary DER":       {fixture(t, "aes256.der"), ServerToken},
		"server token, base64":           {b64(string(fixture(t, "aes256.der"))), ServerToken},
		"server token, PEM":              {toPEM("PKCS7", fixture(t, "aes256.der")), ServerToken},
		"server token, broken base64":    {bytes.Replace(smime, []byte("MIA"), []byte("#"), 1), ServerToken},
		"server token, text":             {fixture(t, "inner.txt"), ServerTokenText},
		"server token, text, cut":        {fixture(t, "inner-bare.txt")[:150], ServerTokenText},
		"content token":                  {b64(contentToken), ContentToken},
		"content token, line end":        {append(b64(contentToken), '\n'), ContentToken},
		"content token, pretty":          {b64(strings.ReplaceAll(contentToken, ",", ",\n  ")), ContentToken},
		"content token, text":            {[]byte(contentToken), ContentTokenText},
		"push certificate":               {toPEM("CERTIFICATE", topic), PushCertificate},
		"push certificate, DER":          {topic, PushCertificate},
		"push certificate with its key":  {join(toPEM("PRIVATE KEY", pkcs8), toPEM("CERTIFICATE", topic)), PushCertificate},
		"push certificate second":        {join(toPEM("CERTIFICATE", mail), toPEM("CERTIFICATE", topic)), PushCertificate},
		"another service's certificate":  {toPEM("CERTIFICATE", mail), Certificate},
		"certificate":                    {fixture(t, "cert.pem"), Certificate},
		"certificate, DER":               {der(t, "cert.pem"), Certificate},
		"certificate Go cannot read":     {fixture(t, "negative-cert.pem"), Certificate},
		"certificate with an EC key":     {join(fixture(t, "cert.pem"), fixture(t, "ec-key.pem")), Certificate},
		"key pair":                       {join(fixture(t, "key-pkcs8.pem"), fixture(t, "cert.pem")), KeyPair},
		"PKCS#12":                        {[]byte{0x30, 0x82, 9, 9, 2, 1, 3, 0x30, 0x82}, PKCS12},
		"PKCS#12, BER":                   {[]byte{0x30, 0x80, 2, 1, 3, 0x30, 0x80}, PKCS12},
		"request":                        {toPEM("CERTIFICATE REQUEST", csr), CertificateRequest},
		"request, older label":           {toPEM("NEW CERTIFICATE REQUEST", csr), CertificateRequest},
		"request, DER":                   {csr, CertificateRequest},
		"RSA key, PKCS#8":                {fixture(t, "key-pkcs8.pem"), RSAKey},
		"RSA key, PKCS#1":                {fixture(t, "key-pkcs1.pem"), RSAKey},
		"RSA key, DER":                   {der(t, "key-pkcs8.pem"), RSAKey},
		"API key":                        {toPEM("PRIVATE KEY", pkcs8), APIKey},
		"API key, label of SEC 1":        {toPEM("EC PRIVATE KEY", pkcs8), APIKey},
		"API key, SEC 1":                 {fixture(t, "ec-key.pem"), APIKey},
		"EC key of another curve":        {toPEM("EC PRIVATE KEY", ok(x509.MarshalECPrivateKey(p384))), ECKey},
		"EC key of another curve, PKCS8": {toPEM("PRIVATE KEY", ok(x509.MarshalPKCS8PrivateKey(p384))), ECKey},
		"Ed25519 key":                    {fixture(t, "ed25519-key.pem"), OtherKey},
		"key of OpenSSH":                 {toPEM("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00")), OtherKey},
		"encrypted key":                  {fixture(t, "key-encrypted.pem"), EncryptedKey},
		"encrypted key, DER":             {der(t, "key-encrypted.pem"), EncryptedKey},
		"encrypted key, old form":        {fixture(t, "key-encrypted-pkcs1.pem"), EncryptedKey},
		"public key":                     {toPEM("PUBLIC KEY", public), PublicKey},
		"public key, PKCS#1":             {toPEM("RSA PUBLIC KEY", pkcs1Pub), PublicKey},
		"signed profile":                 {[]byte{0x30, 0x82, 9, 9, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 2, 0xA0}, SignedData},
		"compressed data":                {[]byte{0x30, 0x82, 9, 9, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 9, 0xA0}, Unknown},
		"profile":                        {[]byte(plist), Plist},
		"plist, no declaration":          {[]byte("\n<plist version=\"1.0\">"), Plist},
		"plist, binary":                  {[]byte("bplist00\xD1"), Plist},
		"push request":                   {b64(plist + "<key>PushCertRequestCSR</key>"), PushRequest},
		"push request, text":             {[]byte(plist + "<key>PushCertRequestCSR</key>"), PushRequest},
		"web page":                       {[]byte("\xEF\xBB\xBF\r\n<!doctype HTML>\n<head>"), HTML},
		"web page without doctype":       {[]byte("<HTML lang=\"en\">"), HTML},
		"other markup":                   {[]byte("<svg/>"), Unknown},
		"other JSON":                     {[]byte(`{"token":"x"}`), JSON},
		"other JSON in base64":           {b64(`{"token":"x"}`), Unknown},
		"empty":                          {nil, Empty},
		"white space":                    {[]byte(" \r\n\t"), Empty},
		"byte order mark only":           {[]byte("\xEF\xBB\xBF\n"), Empty},
		"words":                          {[]byte("see attachment"), Unknown},
		"a header":                       {[]byte("Subject: token\n\nsee attachment"), Unknown},
		"a header and nothing":           {[]byte("Subject: token"), Unknown},
		"padding only":                   {[]byte("===="), Unknown},
		"PEM of another kind":            {toPEM("DH PARAMETERS", []byte{1, 2, 3}), Unknown},
		"cut after one byte":             {[]byte{0x30}, Unknown},
		"cut in a length":                {[]byte{0x30, 0x84, 1}, Unknown},
		"more than is looked at":         {append([]byte(contentToken), make([]byte, 2<<20)...), ContentTokenText},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Of(c.data); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestUnarmorFindsTheSameInEveryForm(t *testing.T) {
	want := fixture(t, "aes256.der")
	base := base64.StdEncoding.EncodeToString(want)
	for name, data := range map[string][]byte{
		"binary":         want,
		"base64":         []byte(base),
		"wrapped base64": []byte(" " + base[:40] + "\r\n\t" + base[40:] + "\n"),
		"message":        []byte("A: b\nc\n \t\r\n" + base),
		"PEM":            toPEM("CMS", want),
	} {
		if got := Unarmor(data); !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, want %d", name, len(got), len(want))
		}
	}
	for name, text := range map[string]string{"no end of the header": "A: b\nMIIB", "no base64": "*", "nothing": ""} {
		if got := Unarmor([]byte(text)); got != nil {
			t.Errorf("%s: got %x", name, got)
		}
	}
}

func TestWrongFileErrorNamesBoth(t *testing.T) {
	err := &WrongFileError{Want: ServerToken, Got: ContentToken}
	want := "wrong file: want encrypted server token (.p7m), got Apps and Books content token (.vpptoken)"
	if err.Error() != want {
		t.Errorf("got %q", err)
	}
}

func FuzzOf(f *testing.F) {
	for _, name := range []string{"aes128-stream.p7m", "aes256.der", "inner.txt", "cert.pem", "key-pkcs1.pem", "ec-key.pem", "key-encrypted.pem"} {
		f.Add(fixture(f, name))
	}
	f.Add([]byte(base64.StdEncoding.EncodeToString([]byte(contentToken))))
	f.Add([]byte(plist))
	f.Add([]byte("Content-Type: x\n\nMIIB"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		if kind := Of(data); kind == "" {
			t.Error("no kind")
		}
		if !bytes.Equal(before, data) {
			t.Error("the input was changed")
		}
	})
}
