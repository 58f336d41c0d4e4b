//go:build interop

package h2

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
)

// The tests of this file need nghttpd (nghttp2-server) and node, and fail without them:
//
//	go test -tags interop ./internal/h2

// keyPair writes a certificate for 127.0.0.1 and its key into dir.
func keyPair(t testing.TB, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "interop"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, dir, "CERTIFICATE", der), writePEM(t, dir, "PRIVATE KEY", keyDER)
}

func writePEM(t testing.TB, dir, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(dir, kind+".pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// run starts a server program, which the end of the test ends, and connects to it.
func run(t testing.TB, port, program string, args ...string) net.Conn {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs %s: %v", program, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, DynamicRecordSizingDisabled: true}
	for range 200 {
		if conn, err := tls.Dial("tcp", "127.0.0.1:"+port, config); err == nil {
			return conn
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("%s does not answer on port %s", program, port)
	return nil
}

func nghttpd(t testing.TB, options ...string) net.Conn {
	t.Helper()
	dir := t.TempDir()
	cert, key := keyPair(t, dir)
	device := filepath.Join(dir, "3", "device")
	if err := os.MkdirAll(device, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(device, "ab"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	args := append(options, "--htdocs="+dir, "--address=127.0.0.1", port, key, cert)
	return run(t, port, "nghttpd", args...)
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkNghttpd reports what one push costs this process alone.
func BenchmarkNghttpd(b *testing.B) {
	for _, flight := range []int{1, 100, 500} {
		b.Run(fmt.Sprintf("flight=%d", flight), func(b *testing.B) {
			c := New(nghttpd(b, "--max-concurrent-streams=1000"), Config{EarlyStreams: flight})
			defer c.Close()
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan struct{}, flight)
			begin := func(call *Call) {
				if left.Add(-1) < 0 {
					done <- struct{}{}
					return
				}
				if err := c.Start(call); err != nil {
					b.Error(err)
					done <- struct{}{}
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			used := cpu()
			for range flight {
				begin(&Call{
					Fields:   pushFields("ab"),
					Body:     []byte(`{"mdm":"8B16D295-AB2C-4E0B-9B7A-0123456789AB"}`),
					Deadline: time.Now().Add(time.Minute),
					Done: func(call *Call) {
						if call.Err != nil || call.Status != 200 {
							b.Error(call.Status, call.Err)
						}
						begin(call)
					},
				})
			}
			for range flight {
				<-done
			}
			b.ReportMetric(float64(cpu()-used)/float64(b.N)/1e3, "cpu-µs/op")
			b.ReportMetric(float64(c.Stats().Writes)/float64(b.N), "writes/op")
		})
	}
}

func pushFields(token string) []hpack.HeaderField {
	return []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: "api.push.apple.com"},
		{Name: ":path", Value: "/3/device/" + token, Sensitive: true},
		{Name: "apns-topic", Value: "com.apple.mgmt.External.8b16d295-ab2c-4e0b-9b7a-0123456789ab"},
		{Name: "apns-push-type", Value: "mdm"},
		{Name: "apns-priority", Value: "10"},
		{Name: "apns-expiration", Value: "1796000000"},
		{Name: "apns-id", Value: "0cf2e1a4-4f3e-4b8e-9d0c-5a1d2f3b4c5d", Sensitive: true},
	}
}
