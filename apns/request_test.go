package apns_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
)

var requestOptions = apns.CertificateRequestOptions{CommonName: "Example Größe", Email: "mdm@example.com", Country: "DE"}

func TestNewCertificateRequest(t *testing.T) {
	r, err := apns.NewCertificateRequest(requestOptions)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(r.DER())
	if err != nil || csr.CheckSignature() != nil {
		t.Fatal(err, csr.CheckSignature())
	}
	var subject []string
	for _, name := range csr.Subject.Names {
		subject = append(subject, fmt.Sprintf("%v=%v", name.Type, name.Value))
	}
	want := []string{"2.5.4.6=DE", "2.5.4.3=Example Größe", "1.2.840.113549.1.9.1=mdm@example.com"}
	if diff := cmp.Diff(want, subject); diff != "" {
		t.Error(diff)
	}
	if csr.SignatureAlgorithm != x509.SHA256WithRSA || csr.PublicKey.(*rsa.PublicKey).N.BitLen() != 2048 {
		t.Errorf("it is made with %v", csr.SignatureAlgorithm)
	}
	if tag := byte(asn1.TagIA5String); !strings.Contains(string(csr.RawSubject), string([]byte{tag, 15})+"mdm@example.com") {
		t.Error("the address is no IA5String")
	}
	if string(derOf(t, r.PEM())) != string(r.DER()) {
		t.Error("PEM and DER differ")
	}

	// Certificate and stored key meet again months later.
	issued := mint(otherTopic)
	template := issued.cert
	der := certOK(x509.CreateCertificate(nil, template, template, csr.PublicKey, issued.key))
	got, err := apns.ParseCertificate(toPEM("CERTIFICATE", der), r.RevealPEM())
	if err != nil || got.Topic() != otherTopic {
		t.Errorf("got %v, %v", got, err)
	}

	stored := string(r.RevealPEM())
	lines := strings.Split(stored[strings.Index(stored, "-----BEGIN PRIVATE KEY-----"):], "\n")
	for how, text := range everyShape(t, struct{ R, r any }{r, *r}) {
		if strings.Contains(text, lines[2]) || strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("%s shows the key", how)
		}
	}
	key := certOK(x509.ParsePKCS8PrivateKey(derOf(t, []byte(strings.Join(lines, "\n"))))).(*rsa.PrivateKey)
	for how, text := range everyShape(t, r) {
		if strings.Contains(text, key.D.String()) || strings.Contains(text, key.Primes[0].String()) || !strings.Contains(text, "Example Größe") {
			t.Errorf("%s: %s", how, text)
		}
	}
}

func TestNewCertificateRequestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*apns.CertificateRequestOptions)
		field  string
	}{
		"no name":         {func(o *apns.CertificateRequestOptions) { o.CommonName = "" }, "CommonName"},
		"long name":       {func(o *apns.CertificateRequestOptions) { o.CommonName = strings.Repeat("ö", 65) }, "CommonName"},
		"broken name":     {func(o *apns.CertificateRequestOptions) { o.CommonName = "\xFF" }, "CommonName"},
		"no address":      {func(o *apns.CertificateRequestOptions) { o.Email = "" }, "Email"},
		"half an address": {func(o *apns.CertificateRequestOptions) { o.Email = "mdm@" }, "Email"},
		"no user":         {func(o *apns.CertificateRequestOptions) { o.Email = "@example.com" }, "Email"},
		"umlaut":          {func(o *apns.CertificateRequestOptions) { o.Email = "größe@example.com" }, "Email"},
		"space":           {func(o *apns.CertificateRequestOptions) { o.Email = "a b@example.com" }, "Email"},
		"long address":    {func(o *apns.CertificateRequestOptions) { o.Email = strings.Repeat("a", 250) + "@b.com" }, "Email"},
		"no country":      {func(o *apns.CertificateRequestOptions) { o.Country = "" }, "Country"},
		"name of country": {func(o *apns.CertificateRequestOptions) { o.Country = "Germany" }, "Country"},
		"lower case":      {func(o *apns.CertificateRequestOptions) { o.Country = "de" }, "Country"},
	} {
		opts := requestOptions
		c.change(&opts)
		r, err := apns.NewCertificateRequest(opts)
		if input, ok := errors.AsType[*apns.InputError](err); !ok || input.Field != c.field || r != nil {
			t.Errorf("%s: got %v, %v", name, r, err)
		}
	}
}

func TestZeroCertificateRequest(t *testing.T) {
	for _, r := range []*apns.CertificateRequest{nil, {}} {
		if r.DER() != nil || r.PEM() != nil || r.RevealPEM() != nil || fmt.Sprint(r) != "no push certificate request" {
			t.Errorf("%#v gives something", r)
		}
	}
}
