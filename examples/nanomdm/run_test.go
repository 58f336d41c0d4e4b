package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	depclient "github.com/micromdm/nanodep/client"
	depdiskv "github.com/micromdm/nanodep/storage/diskv"

	"github.com/applemdm/applemdm/dep/deptest"
)

// TestRun runs the program as its flags say, over TLS, with a folder of nanodep's that names another
// service than Apple's.
func TestRun(t *testing.T) {
	portal := deptest.NewServer(nil)
	defer portal.Close()
	portal.AddSerials("A", "B")
	service := httptest.NewServer(portal)
	defer service.Close()

	s := flags(t)
	s.nanodep = t.TempDir()
	s.token = writeFile(t, "token.json", portal.Token().JSON())
	err := depdiskv.New(s.nanodep).StoreConfig(t.Context(), s.depName, &depclient.Config{BaseURL: service.URL})
	must(t, err)
	roots := x509.NewCertPool()
	s.tlsCert, s.tlsKey = tlsFiles(t, roots)
	s.listen = freeAddress(t)

	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- run(ctx, s) }()
	must(t, eventually(t.Context(), "the devices have the profile", func() bool {
		a, _ := portal.Device("A")
		b, _ := portal.Device("B")
		return a.ProfileUUID != "" && a.ProfileUUID == b.ProfileUUID
	}))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://"+s.listen+"/v1/push/x", nil)
	must(t, err)
	request.SetBasicAuth(apiAccount, "secret")
	answer, err := client.Do(request)
	must(t, err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusInternalServerError { // nanomdm's word for a push to nobody
		t.Errorf("the API answers %s", answer.Status)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
	if v := portal.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

func TestListenRefuses(t *testing.T) {
	s := settings{listen: "127.0.0.1:0", tlsCert: filepath.Join(t.TempDir(), "gone.pem")}
	if _, err := listen(s); err == nil {
		t.Error("listens without its certificate")
	}
}

// tlsFiles writes a certificate for 127.0.0.1 and its key, and has roots trust it.
func tlsFiles(t *testing.T, roots *x509.CertPool) (cert, key string) {
	t.Helper()
	certPEM, keyPEM := selfSigned(t, &x509.Certificate{
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	roots.AppendCertsFromPEM(certPEM)
	return writeFile(t, "tls.pem", certPEM), writeFile(t, "tls.key", keyPEM)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, listener.Close())
	return listener.Addr().String()
}
