package apns_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/apns"
)

func TestCertificateSources(t *testing.T) {
	c := fixtureCertificate(t)
	dir := t.TempDir()
	path := func(name string, parts ...[]byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, bytes.Join(parts, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := certFile(t, "push.pem"), certFile(t, "key.pem")
	test := apns.NewSecret("test")
	for name, source := range map[string]apns.CertificateSource{
		"itself":         c,
		"function":       apns.CertificateFunc(func(context.Context) (*apns.Certificate, error) { return c, nil }),
		"one file":       apns.FileCertificate{Path: path("both.pem", cert, key)},
		"two files":      apns.FileCertificate{Path: path("push.pem", cert), KeyPath: path("key.pem", key)},
		"encrypted key":  apns.FileCertificate{Path: path("push.pem", cert), KeyPath: path("enc.pem", certFile(t, "key-pbes2.pem")), Password: test},
		"PKCS#12":        apns.FileCertificate{Path: path("push.p12", certFile(t, "modern.p12")), Password: test},
		"PKCS#12 legacy": apns.FileCertificate{Path: path("push.pfx", certFile(t, "legacy.p12")), Password: test},
	} {
		got, err := source.Certificate(t.Context())
		if err != nil || got.Fingerprint() != c.Fingerprint() {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	for name, source := range map[string]apns.FileCertificate{
		"no file":     {Path: filepath.Join(dir, "none.pem")},
		"no key file": {Path: path("push.pem", cert), KeyPath: filepath.Join(dir, "none.pem")},
	} {
		if got, err := source.Certificate(t.Context()); !errors.Is(err, os.ErrNotExist) || got != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	lonely := apns.FileCertificate{Path: path("push.pem", cert)}
	_, err := lonely.Certificate(t.Context())
	refusedAs(t, err, "private key", "is missing")
	if !strings.HasPrefix(err.Error(), lonely.Path+": ") {
		t.Errorf("the file is not named: %v", err)
	}
	_, err = apns.FileCertificate{Path: path("huge.pem", bytes.Repeat([]byte("x\n"), 1<<20))}.Certificate(t.Context())
	refusedAs(t, err, "certificate", "is larger")
}

func TestFileCertificateIsReadAnew(t *testing.T) {
	first, second := mint(otherTopic), mint(otherTopic)
	source := apns.FileCertificate{Path: filepath.Join(t.TempDir(), "push.pem")}
	for _, m := range []minted{first, second} {
		if err := os.WriteFile(source.Path, append(m.certPEM(), m.keyPEM()...), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := source.Certificate(t.Context())
		if err != nil || !bytes.Equal(got.Leaf().Raw, m.cert.Raw) {
			t.Errorf("got %v, %v", got, err)
		}
	}
}
