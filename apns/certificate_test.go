package apns_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/internal/leak"
)

func fixtureCertificate(t testing.TB) *apns.Certificate {
	t.Helper()
	c, err := apns.ParseCertificate(certFile(t, "push.pem"), certFile(t, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCertificateSays(t *testing.T) {
	c := fixtureCertificate(t)
	leaf := certOK(x509.ParseCertificate(derOf(t, certFile(t, "push.pem"))))
	want := map[string]any{
		"topic": fixtureTopic, "not before": leaf.NotBefore, "not after": leaf.NotAfter,
		"issuer": "CN=Apple Application Integration 2 Certification Authority,OU=Apple Certification Authority,O=Apple Inc.,C=US",
		"pem":    string(certFile(t, "push.pem")) + "\n",
		"text":   "push certificate " + fixtureTopic + " (expires " + leaf.NotAfter.Format(time.RFC3339) + ")",
		"print":  64,
	}
	got := map[string]any{
		"topic": c.Topic(), "not before": c.NotBefore(), "not after": c.NotAfter(), "issuer": c.Issuer(),
		"pem": string(c.CertificatePEM()), "text": c.String(), "print": len(c.Fingerprint()),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !bytes.Equal(c.Leaf().Raw, leaf.Raw) || c.Warnings() != nil {
		t.Errorf("leaf %v, warnings %v", c.Leaf().Subject, c.Warnings())
	}
	if c.Fingerprint() != strings.ToLower(c.Fingerprint()) || c.Fingerprint() == mint(fixtureTopic).parsed(t).Fingerprint() {
		t.Error("the fingerprint does not tell certificates apart")
	}
}

func TestCertificateWarnings(t *testing.T) {
	odd := mint(otherTopic, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }).parsed(t)
	if got := strings.Join(odd.Warnings(), "\n"); len(odd.Warnings()) != 2 ||
		!strings.Contains(got, "The issuer is") || !strings.Contains(got, "client authentication") {
		t.Errorf("got %s", got)
	}
	for name, change := range map[string]func(*x509.Certificate){
		"any usage":             func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
		"client authentication": func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
		"no usage":              func(*x509.Certificate) {},
	} {
		if got := mint(otherTopic, change).parsed(t).Warnings(); len(got) != 1 || !strings.Contains(got[0], "The issuer is") {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestCertificateExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mint(otherTopic).parsed(t)
		if c.Expired(time.Now()) || c.ExpiresWithin(364*24*time.Hour) || !c.ExpiresWithin(366*24*time.Hour) {
			t.Error("it does not expire in a year")
		}
		time.Sleep(365 * 24 * time.Hour)
		if c.Expired(time.Now()) || c.ExpiresWithin(0) {
			t.Error("it expired in its last second")
		}
		time.Sleep(time.Second)
		if !c.Expired(time.Now()) || !c.ExpiresWithin(0) {
			t.Error("it did not expire")
		}
	})
}

// A server that asks for a client certificate gets the leaf and its issuer, and proof of the key.
func TestCertificateInHandshake(t *testing.T) {
	c, err := apns.ParseCertificate(certFile(t, "push.pem"), certFile(t, "key.pem"), certFile(t, "root.pem"), certFile(t, "integration.pem"))
	if err != nil {
		t.Fatal(err)
	}
	host := mint("", func(c *x509.Certificate) { c.DNSNames = []string{"push.example"} })
	ours, theirs := net.Pipe()
	server := tls.Server(theirs, &tls.Config{ClientAuth: tls.RequireAnyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{host.cert.Raw}, PrivateKey: host.key}}})
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(t.Context()) }()
	roots := x509.NewCertPool()
	roots.AddCert(host.cert)
	shown := c.TLS()
	client := tls.Client(ours, &tls.Config{ServerName: "push.example", RootCAs: roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }})
	if err := client.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, peer := range server.ConnectionState().PeerCertificates {
		names = append(names, peer.Subject.CommonName)
	}
	want := []string{"APSP:0f0e0d0c-0000-4000-8000-000000000001", "Apple Application Integration 2 Certification Authority"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestCertificateTLSIsACopy(t *testing.T) {
	c := fixtureCertificate(t)
	changed := c.TLS()
	changed.Certificate[0][0] ^= 0xFF
	if again := c.TLS(); again.Certificate[0][0] == changed.Certificate[0][0] {
		t.Error("changing what TLS returned changes the certificate")
	}
}

func TestCertificateNeverShowsItsKey(t *testing.T) {
	m := mint(otherTopic)
	c := m.parsed(t)
	leak.Find(t, leak.Key(m.key), c, *c)
	for how, text := range everyShape(t, c) {
		if !strings.Contains(text, otherTopic) {
			t.Errorf("%s does not name the topic: %s", how, text)
		}
	}
	if got := fmt.Sprintf("%+v", struct{ *apns.Certificate }{c}); !strings.HasPrefix(got, "push certificate ") {
		t.Errorf("embedded: %s", got)
	}
}

func TestZeroCertificate(t *testing.T) {
	for _, c := range []*apns.Certificate{nil, {}} {
		if c.Topic() != "" || c.Leaf() != nil || !c.NotBefore().IsZero() || !c.NotAfter().IsZero() || c.Issuer() != "" ||
			c.Fingerprint() != "" || c.Warnings() != nil || c.TLS().PrivateKey != nil || c.CertificatePEM() != nil || c.RevealPEM() != nil {
			t.Errorf("%#v gives something", c)
		}
		if fmt.Sprint(c) != "no push certificate" || c.LogValue().String() != "no push certificate" || !c.Expired(time.Now()) {
			t.Errorf("it is %v", c)
		}
		_, err := c.Certificate(t.Context())
		refusedAs(t, err, "certificate", "must not be empty")
	}
}
