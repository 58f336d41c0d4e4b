package apns_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
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

// It is not the push that has to be mended when the source has no certificate, or no more.
func TestTheDispositionOfASourceThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want apns.Disposition
	}{
		"incomplete":   {&apns.InputError{Field: "private key", Rule: "is missing"}, apns.FixCertificate},
		"another file": {&apns.WrongFileError{Want: "push certificate", Got: "server token"}, apns.FixCertificate},
		"expired":      {fmt.Errorf("stored: %w", apns.ErrCertificateExpired), apns.FixCertificate},
		"no database":  {errors.New("no database"), apns.RetryLater},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := anyToken(t)
			source := &vault{err: c.err}
			client := newClientWith(t, srv, source, nil)
			_, err := client.Push(t.Context(), pushTo(1))
			wants(t, err, c.want, c.err)

			good := issue(t, srv, apnstest.CertOptions{})
			source.put(good, nil)
			time.Sleep(time.Minute)
			pushMany(t, client, 10)
			source.put(nil, c.err)
			pushMany(t, client, 10) // over the connection that there is
			srv.Disconnect()
			time.Sleep(time.Minute)
			_, err = client.Push(t.Context(), pushTo(1))
			wants(t, err, c.want, c.err, context.DeadlineExceeded)
			source.put(good, nil)
			time.Sleep(time.Minute)
			pushMany(t, client, 10)
		})
	}
}
