package apns_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/internal/sniff"
)

func fixtureVendor(t testing.TB) *apns.Vendor {
	t.Helper()
	v, err := apns.ParseVendor(certFile(t, "vendor.pem"), certFile(t, "vendor-key.pem"),
		derOf(t, certFile(t, "root.pem")), derOf(t, certFile(t, "wwdr.pem")))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func signedRequest(t testing.TB) []byte {
	t.Helper()
	signed, err := fixtureVendor(t).SignRequest(certFile(t, "request.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// plistOf is the property list of strings, read without the library that wrote it.
type plistOf struct {
	XMLName xml.Name `xml:"plist"`
	Version string   `xml:"version,attr"`
	Keys    []string `xml:"dict>key"`
	Values  []string `xml:"dict>string"`
}

func TestSignRequest(t *testing.T) {
	signed := signedRequest(t)
	if sniff.Of(signed) != sniff.PushRequest {
		t.Errorf("it looks like a %s", sniff.Of(signed))
	}
	text, err := base64.StdEncoding.DecodeString(string(signed))
	if err != nil {
		t.Fatal(err)
	}
	const head = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">`
	if !bytes.HasPrefix(text, []byte(head)) {
		t.Errorf("it begins with %.200s", text)
	}
	var list plistOf
	if err := xml.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	request := derOf(t, certFile(t, "request.pem"))
	want := plistOf{XMLName: xml.Name{Local: "plist"}, Version: "1.0",
		Keys: []string{"PushCertCertificateChain", "PushCertRequestCSR", "PushCertSignature"},
		Values: []string{
			string(certFile(t, "vendor.pem")) + string(certFile(t, "wwdr.pem")) + string(certFile(t, "root.pem")),
			base64.StdEncoding.EncodeToString(request),
			string(certFile(t, "request.sig")), // OpenSSL made it
		}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}

	leaf := fixtureVendor(t).Leaf()
	digest := sha256.Sum256(request)
	signature := certOK(base64.StdEncoding.DecodeString(list.Values[2]))
	if err := rsa.VerifyPKCS1v15(leaf.PublicKey.(*rsa.PublicKey), crypto.SHA256, digest[:], signature); err != nil {
		t.Error(err)
	}
	again, err := fixtureVendor(t).SignRequest(request)
	if err != nil || !bytes.Equal(again, signed) {
		t.Errorf("the DER of the request gives another file, or %v", err)
	}
}

func TestSignRequestOfNewCertificateRequest(t *testing.T) {
	r, err := apns.NewCertificateRequest(requestOptions)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := fixtureVendor(t).SignRequest(r.PEM())
	if err != nil || !strings.Contains(string(certOK(base64.StdEncoding.DecodeString(string(signed)))), base64.StdEncoding.EncodeToString(r.DER())) {
		t.Errorf("got %s, %v", signed, err)
	}
}

func TestSignRequestRefuses(t *testing.T) {
	v := fixtureVendor(t)
	request := derOf(t, certFile(t, "request.pem"))
	forged := bytes.Clone(request)
	forged[len(forged)-1] ^= 1
	for name, c := range map[string]struct {
		csr  []byte
		rule string
	}{
		"forged":    {forged, "is not signed by the key in it"},
		"too large": {bytes.Repeat(request, 200), "is larger than 64 KiB"},
		"damaged":   {toPEM("CERTIFICATE REQUEST", request[:100]), "cannot be read"},
	} {
		signed, err := v.SignRequest(c.csr)
		refusedAs(t, err, "certificate signing request", c.rule)
		if signed != nil {
			t.Errorf("%s: something came with the error", name)
		}
	}
	for kind, csr := range map[apns.FileKind][]byte{
		sniff.PushCertificate: certFile(t, "push.pem"),
		sniff.PushRequest:     signedRequest(t),
		sniff.Empty:           nil,
	} {
		_, err := v.SignRequest(csr)
		got, _ := errors.AsType[*apns.WrongFileError](err)
		if diff := cmp.Diff(&apns.WrongFileError{Want: sniff.CertificateRequest, Got: kind}, got); diff != "" {
			t.Error(diff)
		}
	}
}

// vendorUnder makes a vendor's certificate under a root of its own, valid for a day from tomorrow on.
func vendorUnder(t *testing.T) []byte {
	t.Helper()
	key := certOK(x509.ParsePKCS8PrivateKey(derOf(t, certFile(t, "vendor-key.pem")))).(*rsa.PrivateKey)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Example"},
		NotBefore: time.Now().Add(24 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour)}
	rootDER := certOK(x509.CreateCertificate(rand.Reader, root, root, key.Public(), key))
	leafDER := certOK(x509.CreateCertificate(rand.Reader, leaf, certOK(x509.ParseCertificate(rootDER)), key.Public(), key))
	return bytes.Join([][]byte{certFile(t, "vendor-key.pem"), toPEM("CERTIFICATE", leafDER), toPEM("CERTIFICATE", rootDER)}, nil)
}

func TestSignRequestWantsAValidVendor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := apns.ParseVendor(vendorUnder(t))
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Warnings(); len(got) != 1 || !strings.Contains(got[0], `The certificate is for "Example"`) {
			t.Errorf("got %q", got)
		}
		_, err = v.SignRequest(certFile(t, "request.pem"))
		refusedAs(t, err, "vendor certificate", "is valid only from 2000-01-02T00:00:00Z")
		time.Sleep(36 * time.Hour)
		if _, err = v.SignRequest(certFile(t, "request.pem")); err != nil {
			t.Error(err)
		}
		time.Sleep(13 * time.Hour)
		_, err = v.SignRequest(certFile(t, "request.pem"))
		refusedAs(t, err, "vendor certificate", "has expired on 2000-01-03")
	})
}

func TestParseVendor(t *testing.T) {
	cert, key := certFile(t, "vendor.pem"), certFile(t, "vendor-key.pem")
	wwdr, root := certFile(t, "wwdr.pem"), certFile(t, "root.pem")
	v := fixtureVendor(t)
	if v.Leaf().Subject.CommonName != "MDM Vendor: Example" || !v.NotAfter().Equal(v.Leaf().NotAfter) || v.Warnings() != nil {
		t.Errorf("got %v, %v", v, v.Warnings())
	}
	p12, err := apns.ParseVendorPKCS12(certFile(t, "vendor.p12"), "test", wwdr, derOf(t, root))
	if err != nil || !p12.Leaf().Equal(v.Leaf()) {
		t.Errorf("PKCS#12: got %v, %v", p12, err)
	}
	_, err = apns.ParseVendorPKCS12(certFile(t, "vendor.p12"), "tset", wwdr, root)
	refusedAs(t, err, "password", "does not open")
	_, err = apns.ParseVendorPKCS12(certFile(t, "vendor.p12"), "test", bytes.Repeat(root, 300))
	refusedAs(t, err, "certificate", "is larger")
	_, err = apns.ParseVendorPKCS12(certFile(t, "vendor.p12"), "test", wwdr)
	refusedAs(t, err, "certificate chain", "is not complete")

	for name, c := range map[string]struct {
		texts       [][]byte
		field, rule string
	}{
		"no chain":         {[][]byte{cert, key}, "certificate chain", `the issuer of "MDM Vendor: Example" is missing, which is "CN=Test Only Worldwide Developer Relations`},
		"no root":          {[][]byte{cert, key, wwdr}, "certificate chain", "CN=Test Only Root CA"},
		"another chain":    {[][]byte{cert, key, certFile(t, "integration.pem"), root}, "certificate chain", "is not complete"},
		"namesake of WWDR": {[][]byte{cert, key, namesake(t, wwdr), root}, "certificate chain", "is not complete"},
		"no key":           {[][]byte{cert, wwdr, root}, "private key", "is missing"},
		"another's key":    {[][]byte{cert, wwdr, root, certFile(t, "key.pem")}, "certificate", "belongs to another key"},
		"password":         {[][]byte{cert, wwdr, root, certFile(t, "key-pbes2.pem")}, "password", "is needed"},
		"EC key":           {ecVendor(t), "private key", "must be RSA"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := apns.ParseVendor(c.texts...)
			refusedAs(t, err, c.field, c.rule)
			if got != nil {
				t.Error("a vendor came with the error")
			}
		})
	}
	for want, texts := range map[apns.FileKind][][]byte{
		sniff.PushCertificate: {certFile(t, "push.pem"), certFile(t, "key.pem")},
		"self-signed certificate, such as the one for server tokens": mintTexts(mint("")),
		sniff.PKCS12: {certFile(t, "vendor.p12")},
	} {
		_, err := apns.ParseVendor(texts...)
		wrong, ok := errors.AsType[*apns.WrongFileError](err)
		if !ok || wrong.Got != want || !strings.HasPrefix(string(wrong.Want), "vendor's certificate") {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

func TestParseVendorWithPassword(t *testing.T) {
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "MDM Vendor: Example"}}
	root := mint("", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	key := certOK(x509.ParsePKCS8PrivateKey(derOf(t, certFile(t, "key.pem")))).(*rsa.PrivateKey)
	der := certOK(x509.CreateCertificate(rand.Reader, leaf, root.cert, key.Public(), root.key))
	v, err := apns.ParseVendorWithPassword("test", certFile(t, "key-pbes2.pem"), der, root.certPEM())
	if err != nil || v.Leaf().Subject.CommonName != "MDM Vendor: Example" {
		t.Errorf("got %v, %v", v, err)
	}
}

// namesake makes an authority with the name of another, but with a key of its own.
func namesake(t *testing.T, text []byte) []byte {
	t.Helper()
	original := certOK(x509.ParseCertificate(derOf(t, text)))
	template := &x509.Certificate{SerialNumber: big.NewInt(3), RawSubject: original.RawSubject, IsCA: true, BasicConstraintsValid: true}
	issuer := mint("", func(c *x509.Certificate) { c.Subject = original.Issuer; c.IsCA = true; c.BasicConstraintsValid = true })
	return toPEM("CERTIFICATE", certOK(x509.CreateCertificate(rand.Reader, template, issuer.cert, issuer.key.Public(), issuer.key)))
}

func ecVendor(t *testing.T) [][]byte {
	t.Helper()
	root := mint("", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	leaf, key := &x509.Certificate{SerialNumber: big.NewInt(4), Subject: pkix.Name{CommonName: "MDM Vendor: EC"}}, newECKey()
	der := certOK(x509.CreateCertificate(rand.Reader, leaf, root.cert, key.Public(), root.key))
	return [][]byte{der, root.certPEM(), toPEM("PRIVATE KEY", certOK(x509.MarshalPKCS8PrivateKey(key)))}
}

func TestVendorNeverShowsItsKey(t *testing.T) {
	v := fixtureVendor(t)
	key := certOK(x509.ParsePKCS8PrivateKey(derOf(t, certFile(t, "vendor-key.pem")))).(*rsa.PrivateKey)
	for _, shown := range []any{v, *v, struct{ v any }{v}} {
		for how, text := range everyShape(t, shown) {
			for _, hidden := range []string{key.D.String(), key.Primes[0].String(), fmt.Sprint(key.Primes[0].Bits())} {
				if strings.Contains(text, hidden) {
					t.Errorf("%T with %s shows the key", shown, how)
				}
			}
		}
	}
	for how, text := range everyShape(t, v) {
		if !strings.Contains(text, "vendor certificate MDM Vendor: Example (expires ") {
			t.Errorf("%s: %s", how, text)
		}
	}
}

func TestZeroVendor(t *testing.T) {
	for _, v := range []*apns.Vendor{nil, {}} {
		if v.Leaf() != nil || !v.NotAfter().IsZero() || v.Warnings() != nil || fmt.Sprint(v) != "no vendor certificate" {
			t.Errorf("%#v gives something", v)
		}
		_, err := v.SignRequest(certFile(t, "request.pem"))
		refusedAs(t, err, "vendor", "must not be empty")
	}
}
