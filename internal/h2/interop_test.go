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
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
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

// run starts a server program, which the end of the test ends, and connects to it. A program that
// is missing fails the test.
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
	port := freePort(t)
	args := append(options, "--htdocs="+dir, "--address=127.0.0.1", port, key, cert)
	return run(t, port, "nghttpd", args...)
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkNghttpd reports what one push costs this process alone. The answers are 404 with a body.
func BenchmarkNghttpd(b *testing.B) {
	for _, flight := range []int{1, 100, 500} {
		b.Run(fmt.Sprintf("flight=%d", flight), func(b *testing.B) {
			c := New(nghttpd(b, "--max-concurrent-streams=1000"), Config{EarlyStreams: flight})
			defer c.Close()
			used := cpu()
			keepInFlight(b, c, flight)
			b.ReportMetric(float64(cpu()-used)/float64(b.N)/1e3, "cpu-µs/op")
		})
	}
}

func TestNghttpd(t *testing.T) {
	for _, options := range [][]string{
		nil,
		{"--padding=200"},
		{"--max-concurrent-streams=1"},
		{"--header-table-size=0", "--encoder-header-table-size=0"},
		{"--header-table-size=64"},
		{"--window-bits=1", "--connection-window-bits=16"},
		{"--trailer=sum: 1", "--no-content-length"},
	} {
		t.Run(strings.Join(options, " "), func(t *testing.T) {
			conn := nghttpd(t, append(options, "--echo-upload")...)
			c := pushes(t, conn, 3000,
				func(i int, call *Call) { call.Body = fmt.Append(nil, "body ", i) },
				func(i int, call *Call) {
					if call.Err != nil || call.Status != 200 || string(call.ResponseBody) != fmt.Sprint("body ", i) {
						t.Errorf("call %d: %v, %d %q", i, call.Err, call.Status, call.ResponseBody)
					}
				})
			c.Drain()
			<-c.Done()
			if c.Err() != ErrClosed {
				t.Error(c.Err())
			}
		})
	}
}

// nodeServer connects to testdata/server.js.
func nodeServer(t *testing.T) net.Conn {
	t.Helper()
	cert, key := keyPair(t, t.TempDir())
	port := freePort(t)
	return run(t, port, "node", filepath.Join("testdata", "server.js"), port, key, cert)
}

// get makes one call and waits for its end.
func get(t *testing.T, c *Conn, path, body string, timeout time.Duration) *Call {
	t.Helper()
	done := make(chan struct{})
	call := &Call{Fields: request(path), Body: []byte(body), Deadline: time.Now().Add(timeout), Done: func(*Call) { close(done) }}
	for {
		err := c.Start(call)
		if err == nil {
			break
		}
		if err != ErrNoRoom || time.Now().After(call.Deadline) {
			t.Fatalf("%s: %v", path, err)
		}
		time.Sleep(time.Millisecond)
	}
	<-done
	return call
}

func TestNode(t *testing.T) {
	c := New(nodeServer(t), Config{})
	for _, tc := range []struct {
		path   string
		status int
	}{{"/plain", 200}, {"/interim", 200}, {"/push", 200}, {"/ping", 204}, {"/trailer", 200}} {
		call := get(t, c, tc.path, "hello", 10*time.Second)
		if call.Err != nil || call.Status != tc.status || tc.status == 200 && string(call.ResponseBody) != "hello" {
			t.Errorf("%s: %v, %d %q", tc.path, call.Err, call.Status, call.ResponseBody)
		}
		if tc.path == "/trailer" && (len(call.Trailer) != 1 || call.Trailer[0].Value != "5") {
			t.Errorf("trailer %v", call.Trailer)
		}
	}
	if call := get(t, c, "/refused", "", 10*time.Second); !Unprocessed(call.Err) {
		t.Errorf("refused: %v", call.Err)
	}
	if call := get(t, c, "/silent", "", 300*time.Millisecond); !errors.Is(call.Err, ErrTimeout) {
		t.Errorf("silent: %v", call.Err)
	}
	for range 20 {
		if call := get(t, c, "/one", "", 10*time.Second); call.Status != 400 {
			t.Errorf("one: %v", call.Err)
		}
		if call := get(t, c, "/all", "", 10*time.Second); call.Status != 200 {
			t.Errorf("all: %v", call.Err)
		}
	}
	if call := get(t, c, "/window", strings.Repeat("x", 5000), 10*time.Second); call.Err != nil || len(call.ResponseBody) != 5000 {
		t.Errorf("window: %v, %d bytes", call.Err, len(call.ResponseBody))
	}
	if call := get(t, c, "/goaway", "", 10*time.Second); call.Err != nil || call.Status != 200 {
		t.Errorf("goaway: %v", call.Err)
	}
	<-c.Done()
	if e, ok := errors.AsType[*GoAwayError](c.Err()); !ok || string(e.Debug) != `{"reason":"Shutdown"}` {
		t.Error(c.Err())
	}
}

func TestNodeBulk(t *testing.T) {
	c := pushes(t, nodeServer(t), 3000,
		func(i int, call *Call) { call.Body = fmt.Append(nil, i) },
		func(i int, call *Call) {
			if call.Err != nil || string(call.ResponseBody) != fmt.Sprint(i) || call.Header("x-path") != fmt.Sprint("/3/device/", i) {
				t.Errorf("call %d: %v, %d %q", i, call.Err, call.Status, call.ResponseBody)
			}
		})
	_ = c.Close()
	<-c.Done()
}
