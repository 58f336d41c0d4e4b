package apnstest

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestIssuedCertificate(t *testing.T) {
	srv := start(t, nil)
	cert := certificate(t, srv, &CertOptions{})
	leaf := cert.Leaf
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 {
		t.Errorf("key = %T", leaf.PublicKey)
	}
	if topicOf(leaf) != topic {
		t.Errorf("UID = %q", topicOf(leaf))
	}
	if !regexp.MustCompile(`^APSP:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(leaf.Subject.CommonName) {
		t.Errorf("CN = %q", leaf.Subject.CommonName)
	}
	if cn := leaf.Issuer.CommonName; cn != "Apple Application Integration 2 Certification Authority" {
		t.Errorf("issuer = %q", cn)
	}
	if d := leaf.NotAfter.Sub(leaf.NotBefore); d != 365*24*time.Hour {
		t.Errorf("valid for %v", d)
	}
	renewed := certificate(t, srv, &CertOptions{Key: cert.PrivateKey.(*rsa.PrivateKey), NotAfter: time.Now().Add(time.Hour)})
	if !renewed.Leaf.PublicKey.(*rsa.PublicKey).Equal(leaf.PublicKey) || renewed.Leaf.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
		t.Error("not a renewal with the same key")
	}
	if d := time.Until(renewed.Leaf.NotAfter); d > time.Hour || d < 59*time.Minute {
		t.Errorf("the renewed one is valid for %v", d)
	}
	none := certificate(t, srv, &CertOptions{EC: true, NoUID: true})
	if topicOf(none.Leaf) != "" {
		t.Error("a UID")
	}
}

// What becomes of bad certificates, in both versions of TLS.
func TestBadCertificates(t *testing.T) {
	const reject = `goaway 0 NO_ERROR {"reason":"BadCertificate"}`
	for name, test := range map[string]struct {
		opts   CertOptions
		revoke bool
		alert  string
	}{
		"expired": {CertOptions{EC: true, Expired: true}, false, "expired certificate"},
		"foreign": {CertOptions{EC: true, Foreign: true}, false, "unknown certificate authority"},
		"revoked": {CertOptions{EC: true}, true, "bad certificate"},
		"early":   {CertOptions{EC: true, NotBefore: time.Date(2180, 1, 1, 0, 0, 0, 0, time.UTC)}, false, "expired certificate"},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for rejection, want := range map[Rejection]string{ByAlert: "remote error: tls: " + test.alert, ByGoAway: reject, ByAnswer: "headers 1 403"} {
				t.Run(name+" "+tls.VersionName(version)+" "+want, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						srv := start(t, &Options{InMemory: true, BadCertificates: rejection, TLSVersion: version})
						cert := certificate(t, srv, &test.opts)
						if test.revoke {
							srv.RevokeCertificate(cert.Leaf.SerialNumber)
						}
						conn, err := dialTLS(t, srv, clientTLS(srv, cert))
						if late := version == tls.VersionTLS13 || rejection != ByAlert; (err == nil) != late {
							t.Fatalf("handshake: %v", err)
						}
						if err != nil {
							if err.Error() != want {
								t.Errorf("error = %v", err)
							}
							return
						}
						c := newRaw(t, conn)
						c.goodPush()
						got := c.next()
						for strings.HasPrefix(got, "settings") {
							got = c.next()
						}
						if got != want {
							t.Errorf("got %q", got)
						}
						if rejection == ByAnswer {
							c.want(`data 1 {"reason":"BadCertificate"} end`)
						}
					})
				})
			}
		}
	}
}

func TestRevocationOnLiveConnection(t *testing.T) {
	srv := start(t, nil)
	cert := certificate(t, srv, nil)
	conn, err := dialTLS(t, srv, clientTLS(srv, cert))
	if err != nil {
		t.Fatal(err)
	}
	c := newRaw(t, conn).hello()
	if got := c.reply(good(), body(magic)); got != "200" {
		t.Errorf("before: %s", got)
	}
	srv.RevokeCertificate(cert.Leaf.SerialNumber)
	if got := c.reply(good(), body(magic)); got != `403 {"reason":"BadCertificate"}` {
		t.Errorf("after: %s", got)
	}
	if got := dialRaw(t, srv).hello().reply(good(), body(magic)); got != "200" {
		t.Errorf("another certificate: %s", got)
	}
}

// Go's client keeps its certificate to itself when the server's list does not name its issuer, unless
// GetClientCertificate insists.
func TestForeignCAList(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		srv := start(t, &Options{InMemory: true, ForeignCAList: foreign})
		cert := certificate(t, srv, nil)
		silent := clientTLS(srv)
		silent.GetClientCertificate = nil
		silent.Certificates = []tls.Certificate{cert}
		for config, want := range map[*tls.Config]string{
			clientTLS(srv, cert): "200",
			silent:               map[bool]string{false: "200", true: `403 {"reason":"MissingProviderToken"}`}[foreign],
		} {
			conn, err := dialTLS(t, srv, config)
			if err != nil {
				t.Fatal(err)
			}
			if got := newRaw(t, conn).hello().reply(good(), body(magic)); got != want {
				t.Errorf("foreign %v: %s, want %s", foreign, got, want)
			}
		}
		expired := certificate(t, srv, &CertOptions{EC: true, Expired: true})
		conn, err := dialTLS(t, srv, clientTLS(srv, expired))
		if err != nil {
			t.Fatal(err)
		}
		if got := newRaw(t, conn).next(); !strings.HasPrefix(got, "remote error: tls: ") {
			t.Errorf("expired, foreign %v: %s", foreign, got)
		}
	}
}

// The server has a certificate for any name, and for the address of its port.
func TestServerCertificate(t *testing.T) {
	srv := start(t, &Options{})
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(srv.RootCAsPEM()) {
		t.Error("no certificate in RootCAsPEM")
	}
	for _, name := range []string{"api.push.apple.com", "api.development.push.apple.com", "127.0.0.1", "localhost"} {
		config := clientTLS(srv)
		config.ServerName, config.RootCAs = name, roots
		if _, err := dialTLS(t, srv, config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	config := clientTLS(srv)
	config.RootCAs = x509.NewCertPool()
	if _, err := dialTLS(t, srv, config); err == nil {
		t.Error("the server is trusted without its authority")
	}
}

func TestAddr(t *testing.T) {
	srv := start(t, &Options{Addr: "localhost:0"})
	if srv.URL != "https://"+srv.Addr || !strings.HasSuffix(srv.Addr, fmt.Sprint(":", srv.listener.Addr().(*net.TCPAddr).Port)) {
		t.Errorf("URL = %s, Addr = %s", srv.URL, srv.Addr)
	}
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "listen") {
			t.Errorf("panic = %q", text)
		}
	}()
	NewServer(&Options{Addr: srv.Addr}) // is taken
}

func TestImpossibleCertificatePanics(t *testing.T) {
	defer func() {
		if text, _ := recover().(string); !strings.HasPrefix(text, "apnstest: ") {
			t.Errorf("panic = %q", text)
		}
	}()
	start(t, nil).IssuePushCertificate("\xff", &CertOptions{EC: true})
}
