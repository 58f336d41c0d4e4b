package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/applemdm/applemdm/dep/deptest"
)

func openIdentity(t *testing.T, issued identity) signer {
	t.Helper()
	key, certificate, err := pkcs12.Decode(issued.file, issued.password)
	must(t, err)
	return signer{certificate, key}
}

func writeFile(t *testing.T, name string, text []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(file, text, 0o600))
	return file
}

// selfSigned makes a certificate for the template that vouches for itself, and its key, in PEM.
func selfSigned(t *testing.T, template *x509.Certificate) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	keyDER, err := x509.MarshalECPrivateKey(private)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certDER}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

// brokenListener is a listener that fails.
type brokenListener struct{ err error }

func (b brokenListener) Accept() (net.Conn, error) { return nil, b.err }
func (b brokenListener) Close() error              { return nil }
func (b brokenListener) Addr() net.Addr            { return &net.TCPAddr{} }

// flags are settings that are complete, with files that exist.
func flags(t *testing.T) settings {
	t.Helper()
	portal := deptest.NewServer(nil)
	defer portal.Close()
	ca, err := newAuthority()
	must(t, err)
	return settings{
		url: "https://mdm.example.org/", topic: simTopic, depName: "default", listen: "127.0.0.1:0",
		keyFile:  writeFile(t, "api.key", []byte("secret\n")),
		token:    writeFile(t, "token.json", portal.Token().JSON()),
		deviceCA: writeFile(t, "device-ca.pem", ca.certificatePEM()),
		data:     filepath.Join(t.TempDir(), "data"),
	}
}

func TestConfigure(t *testing.T) {
	s := flags(t)
	first, err := configure(t.Context(), s)
	must(t, err)
	if first.url != "https://mdm.example.org" || first.apiKey != "secret" || len(first.deviceCAs) != 1 {
		t.Errorf("got %q, %q, %d authorities", first.url, first.apiKey, len(first.deviceCAs))
	}
	s.token = "" // it is stored
	again, err := configure(t.Context(), s)
	must(t, err)
	if !again.identities.certificate.Equal(first.identities.certificate) || !again.identities.key.Equal(first.identities.key) {
		t.Error("the authority was made anew")
	}
	stored, err := again.dep.RetrieveAuthTokens(t.Context(), "default")
	must(t, err)
	if !stored.Valid() {
		t.Error("the token was not stored")
	}
	if info, err := os.Stat(filepath.Join(s.data, "identities.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key of the authority: %v, %v", info.Mode(), err)
	}
}

func TestConfigureRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, s *settings)
		want  string
	}{
		"no URL":                  {func(_ *testing.T, s *settings) { s.url = "" }, "-url"},
		"no key":                  {func(_ *testing.T, s *settings) { s.keyFile = "" }, "-api-key-file"},
		"no topic":                {func(_ *testing.T, s *settings) { s.topic = "" }, "-topic"},
		"no folder":               {func(_ *testing.T, s *settings) { s.data = "" }, "-data"},
		"no device CA":            {func(_ *testing.T, s *settings) { s.deviceCA = "" }, "-device-ca"},
		"an empty key":            {func(t *testing.T, s *settings) { must(t, os.WriteFile(s.keyFile, []byte("\n"), 0o600)) }, "is empty"},
		"no such token":           {func(_ *testing.T, s *settings) { s.token += ".gone" }, "no such file"},
		"another file as a token": {func(_ *testing.T, s *settings) { s.token = s.deviceCA }, "device-ca.pem"},
		"no certificate as a CA":  {func(_ *testing.T, s *settings) { s.deviceCA = s.token }, "no certificate"},
		"a damaged CA": {func(t *testing.T, s *settings) {
			must(t, os.WriteFile(s.deviceCA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), 0o600))
		}, "device-ca.pem"},
		"a damaged authority": {func(t *testing.T, s *settings) {
			must(t, os.MkdirAll(s.data, 0o700))
			must(t, os.WriteFile(filepath.Join(s.data, "identities.pem"), []byte("x"), 0o600))
		}, "identities.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			s := flags(t)
			test.spoil(t, &s)
			if err := run(t.Context(), s); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want something about %s", err, test.want)
			}
		})
	}
}
