package apns_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/internal/sent"
)

// tapped is a line that remembers what was written to it.
type tapped struct {
	net.Conn
	mu  *sync.Mutex
	out *bytes.Buffer
}

func (l tapped) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.out.Write(p)
	l.mu.Unlock()
	return l.Conn.Write(p)
}

// What a push sends is in the README's table, and nothing is there that is never sent. The
// certificate is looked for on the line: TLS 1.2 shows it.
func TestWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, TLSVersion: tls.VersionTLS12})
		certPEM, keyPEM := srv.IssuePushCertificate(topic, &apnstest.CertOptions{EC: true})
		certificate, err := apns.ParseCertificate(certPEM, keyPEM)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var line bytes.Buffer
		client := newClientWith(t, srv, certificate, &apns.Options{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := srv.Dial(ctx, network, addr)
			return tapped{conn, &mu, &line}, err
		}})
		full := apns.Push{Target: target(1), Key: 1, Expiration: time.Hour, Keep: apns.KeepNot, Priority: apns.PriorityConserving,
			ID: "6ba7b810-9dad-41d1-80b4-00c04fd430c8"}
		if empty := sent.Empty(full); empty != nil {
			t.Errorf("the push has no %q", empty)
		}
		full.Keep = apns.KeepUntilExpiration // each excludes the other
		for _, p := range []apns.Push{pushTo(1), full} {
			if _, err := client.Push(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		var messages []sent.Message
		for _, p := range srv.Received() {
			fields := func(yield func(name, value string) bool) {
				for _, f := range p.Header {
					if !yield(f.Name, f.Value) {
						return
					}
				}
			}
			messages = append(messages, sent.HTTP2(fields, p.Body))
		}
		block, _ := pem.Decode(certPEM)
		mu.Lock()
		defer mu.Unlock()
		if bytes.Contains(line.Bytes(), block.Bytes) {
			messages[0].Sent = append(messages[0].Sent, sent.Item{In: sent.TLS, Name: "certificate"})
		}
		for _, wrong := range sent.Check("../README.md", "apns", messages) {
			t.Error(wrong)
		}
	})
}
