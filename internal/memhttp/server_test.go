package memhttp

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.Proto+" "+r.Host+r.URL.Path)
})

func TestPlain(t *testing.T) {
	s := NewServer(echo)
	defer s.Close()
	if s.URL != "http://memhttp.test" {
		t.Errorf("URL = %q", s.URL)
	}
	c := s.Client()
	if _, body := get(t, c, s.URL+"/a"); body != "HTTP/1.1 memhttp.test/a" {
		t.Errorf("body = %q", body)
	}
	if _, body := get(t, c, "http://other.example:8080/b"); body != "HTTP/1.1 other.example:8080/b" {
		t.Errorf("a foreign host does not reach the server: %q", body)
	}
	get(t, c, s.URL+"/a")
	if s.Dials() != 2 {
		t.Errorf("%d dials for two hosts and three requests, want 2", s.Dials())
	}
}

func TestTLS(t *testing.T) {
	s := NewTLSServer(echo, nil)
	defer s.Close()
	if _, body := get(t, s.Client(), s.URL+"/"); body != "HTTP/2.0 memhttp.test/" {
		t.Errorf("body = %q", body)
	}
	if _, body := get(t, s.Client(), "https://mdmenrollment.apple.com/x"); body != "HTTP/2.0 mdmenrollment.apple.com/x" {
		t.Errorf("body = %q", body)
	}
	h1 := s.Client()
	h1.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	h1.Transport.(*http.Transport).TLSClientConfig.NextProtos = []string{"http/1.1"}
	if _, body := get(t, h1, s.URL+"/"); body != "HTTP/1.1 memhttp.test/" {
		t.Errorf("body = %q", body)
	}
	stranger := &http.Client{Transport: &http.Transport{DialContext: s.dialAny}}
	if _, err := stranger.Get(s.URL); !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("a client without our roots: %v", err)
	}
}

func clientCertificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from, to := validity()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to}
	cert, err := sign(template, template, key, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func TestClientCertificate(t *testing.T) {
	whoami := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	})
	s := NewTLSServer(whoami, &tls.Config{ClientAuth: tls.RequireAnyClientCert})
	defer s.Close()
	c := s.ClientWith(&tls.Config{Certificates: []tls.Certificate{clientCertificate(t, "push")}})
	if _, body := get(t, c, s.URL); body != "push" {
		t.Errorf("body = %q", body)
	}
	if _, err := s.Client().Get(s.URL); err == nil {
		t.Error("a client without a certificate was served")
	}
}

func TestOwnServerCertificate(t *testing.T) {
	pair := newAuthority()
	leaf, err := pair.issue("own.example")
	if err != nil {
		t.Fatal(err)
	}
	s := NewTLSServer(echo, &tls.Config{Certificates: []tls.Certificate{*leaf}})
	defer s.Close()
	if _, body := get(t, s.Client(), "https://own.example/"); body != "HTTP/2.0 own.example/" {
		t.Errorf("body = %q", body)
	}
	if _, err := s.Client().Get("https://other.example/"); err == nil {
		t.Error("the certificate was taken for another host")
	}
}

func TestLargeBodies(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB, many windows
	s := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	defer s.Close()
	resp, err := s.Client().Post(s.URL, "application/octet-stream", bytes.NewReader(big))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, big) {
		t.Errorf("got %d bytes, error %v", len(got), err)
	}
}

func TestRefuse(t *testing.T) {
	s := NewServer(echo)
	defer s.Close()
	c := s.Client()
	get(t, c, s.URL) // leaves an idle connection, which must not be used below
	s.Refuse(2)
	for range 2 {
		_, err := c.Get(s.URL)
		op, ok := errors.AsType[*net.OpError](err)
		if !ok || op.Op != "dial" || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("error = %v", err)
		}
	}
	if status, _ := get(t, c, s.URL); status != 200 {
		t.Errorf("status = %d after the refusals", status)
	}
	s.Refuse(-1)
	for range 3 {
		if _, err := s.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("error = %v", err)
		}
	}
	s.Refuse(0)
	get(t, c, s.URL)
}

func TestDialEndsWithContext(t *testing.T) {
	l := newListener("nobody-accepts:80")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := l.dial(ctx); !errors.Is(err, why) {
		t.Errorf("error = %v", err)
	}
}

func TestReset(t *testing.T) {
	s := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = c.(interface{ SetLinger(int) error }).SetLinger(0)
		_ = c.Close()
	}))
	defer s.Close()
	if _, err := s.Client().Get(s.URL); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error = %v, want ECONNRESET", err)
	}
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newPipe("c", "s")
		start := time.Now()
		_ = c.SetReadDeadline(start.Add(time.Second))
		_, err := c.Read(make([]byte, 1))
		if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("read gave up after %v", d)
		}
		_ = c.SetDeadline(time.Now().Add(time.Second))
		if n, err := c.Write(make([]byte, window+1)); n != window || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %d, %v", n, err)
		}
		_ = c.SetDeadline(time.Time{})
		go func() {
			time.Sleep(time.Minute)
			_, _ = s.Write([]byte("x"))
		}()
		if n, err := c.Read(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("read without a deadline: %d, %v", n, err)
		}
		_ = c.SetWriteDeadline(time.Now().Add(-time.Second))
		if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write after its deadline: %v", err)
		}
	})
}

func TestConnectionEnds(t *testing.T) {
	c, s := newPipe("c", "s")
	_, _ = s.Write([]byte("last words"))
	_ = s.Close()
	if got, err := io.ReadAll(c); string(got) != "last words" || err != nil {
		t.Errorf("the peer reads %q, %v", got, err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing to a closed peer: %v", err)
	}
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading after Close: %v", err)
	}
	if _, err := s.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing after Close: %v", err)
	}
	if c.LocalAddr().String() != "c" || c.RemoteAddr().String() != "s" || c.LocalAddr().Network() != "mem" {
		t.Errorf("addresses %v, %v", c.LocalAddr(), c.RemoteAddr())
	}
}

// The half-read buffer is moved to the front when the writer needs the room.
func TestWrapAround(t *testing.T) {
	c, s := newPipe("c", "s")
	var sent, got bytes.Buffer
	go func() {
		defer s.Close()
		for i := range 300 {
			chunk := bytes.Repeat([]byte{byte(i)}, 997)
			_, _ = s.Write(chunk)
		}
	}()
	for i := range 300 {
		sent.Write(bytes.Repeat([]byte{byte(i)}, 997))
	}
	p := make([]byte, 1313)
	for {
		n, err := c.Read(p)
		got.Write(p[:n])
		if err != nil {
			break
		}
	}
	if !bytes.Equal(got.Bytes(), sent.Bytes()) {
		t.Errorf("%d bytes of %d arrived, or in disorder", got.Len(), sent.Len())
	}
}

func TestBubble(t *testing.T) {
	for name, start := range map[string]func(http.Handler) *Server{
		"plain": NewServer,
		"TLS":   func(h http.Handler) *Server { return NewTLSServer(h, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(time.Hour)
					_, _ = io.WriteString(w, "late")
				}))
				defer s.Close()
				begin := time.Now()
				if _, body := get(t, s.Client(), s.URL); body != "late" {
					t.Errorf("body = %q", body)
				}
				if d := time.Since(begin); d != time.Hour {
					t.Errorf("took %v", d)
				}
				c := s.Client()
				c.Timeout = time.Minute
				if _, err := c.Get(s.URL); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error = %v", err)
				}
			})
		})
	}
}

func TestCloseEndsRequests(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, start := range []func(http.Handler) *Server{NewServer, func(h http.Handler) *Server { return NewTLSServer(h, nil) }} {
		entered := make(chan struct{})
		s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/wait" {
				close(entered)
				<-r.Context().Done()
			}
		}))
		get(t, s.Client(), s.URL)
		failed := make(chan error)
		go func() {
			_, err := s.Client().Get(s.URL + "/wait")
			failed <- err
		}()
		<-entered
		s.Close()
		s.Close()
		if err := <-failed; err == nil {
			t.Error("a request outlived the server")
		}
		if _, err := s.Client().Get(s.URL); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("after Close: %v", err)
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	var stacks strings.Builder
	buf := make([]byte, 1<<20)
	stacks.Write(buf[:runtime.Stack(buf, true)])
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks.String())
}
