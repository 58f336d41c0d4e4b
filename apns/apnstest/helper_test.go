package apnstest

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	topic = "com.apple.mgmt.External.0f3ce3a5-8c39-4a9b-9d11-5b1f6a0c6b51"
	token = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
	magic = "5F2B0A8E-6C1D-4C53-9D8B-8A3C2C0E7D11"
)

// start makes a server in memory that knows token, and closes it with the test.
func start(t *testing.T, opts *Options) *Server {
	t.Helper()
	if opts == nil {
		opts = &Options{InMemory: true}
	}
	srv := NewServer(opts)
	t.Cleanup(srv.Close)
	srv.AddToken(topic, token, magic)
	return srv
}

// certificate issues a push certificate for topic.
func certificate(t *testing.T, srv *Server, opts *CertOptions) tls.Certificate {
	t.Helper()
	if opts == nil {
		opts = &CertOptions{EC: true}
	}
	cert, err := tls.X509KeyPair(srv.IssuePushCertificate(topic, opts))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// clientTLS is the configuration of a client that presents these certificates without asking.
func clientTLS(srv *Server, certs ...tls.Certificate) *tls.Config {
	return &tls.Config{
		RootCAs:    srv.RootCAs(),
		ServerName: "api.push.apple.com",
		NextProtos: []string{"h2"},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(certs) == 0 {
				return new(tls.Certificate), nil
			}
			return &certs[0], nil
		},
	}
}

// httpClient returns a client of package net/http.
func httpClient(t *testing.T, srv *Server, certs ...tls.Certificate) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: clientTLS(srv, certs...), ForceAttemptHTTP2: true}
	if srv.listener == nil {
		transport.DialContext = srv.Dial
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// request is a push as it should be.
func newRequest(t *testing.T, srv *Server) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/3/device/"+token, strings.NewReader(`{"mdm":"`+magic+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("apns-topic", topic)
	r.Header.Set("apns-push-type", "mdm")
	r.Header.Set("apns-priority", "10")
	r.Header.Set("apns-expiration", fmt.Sprint(time.Now().Add(time.Hour).Unix()))
	return r
}

// do sends r and returns the status and the body.
func do(t *testing.T, client *http.Client, r *http.Request) string {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", string(body)))
}
