package apns_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// proxied is what a proxy does: it reads a CONNECT request, answers, and passes bytes on to srv.
type proxied struct {
	srv    *apnstest.Server
	answer string // instead of success
	hang   bool   // never answers
	secure *tls.Config

	mu       sync.Mutex
	dialed   []string
	requests []*http.Request
}

func (p *proxied) dial(_ context.Context, _, address string) (net.Conn, error) {
	p.mu.Lock()
	p.dialed = append(p.dialed, address)
	p.mu.Unlock()
	ours, theirs := net.Pipe()
	go p.serve(theirs)
	return ours, nil
}

func (p *proxied) serve(conn net.Conn) {
	defer conn.Close()
	if p.secure != nil {
		conn = tls.Server(conn, p.secure)
	}
	in := bufio.NewReader(conn)
	request, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.requests = append(p.requests, request)
	p.mu.Unlock()
	switch {
	case p.hang:
		io.Copy(io.Discard, in)
		return
	case p.answer != "":
		io.WriteString(conn, p.answer)
		return
	}
	service, err := p.srv.Dial(context.Background(), "tcp", request.Host)
	if err != nil {
		return
	}
	defer service.Close()
	// The first bytes of the tunnel may come in one piece with the answer.
	io.WriteString(conn, "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
	go func() {
		io.Copy(service, in)
		service.Close()
	}()
	io.Copy(conn, service)
}

func proxyAt(address string) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		if r.URL.String() != "https://api.push.apple.com:443" {
			return nil, fmt.Errorf("asked for %s", r.URL)
		}
		return url.Parse(address)
	}
}

func noLookup(context.Context, string, string) ([]netip.Addr, error) {
	return nil, errors.New("looked up behind a proxy")
}

func TestThroughAProxy(t *testing.T) {
	for name, c := range map[string]struct {
		url, dialed, credentials string
	}{
		"plain":            {"http://proxy.example", "proxy.example:80", ""},
		"with a port":      {"http://proxy.example:3128", "proxy.example:3128", ""},
		"with credentials": {"http://aladdin:open%20sesame@proxy.example:3128", "proxy.example:3128", "Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		"over TLS":         {"https://proxy.example", "proxy.example:443", ""},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := anyToken(t)
			proxy := &proxied{srv: srv}
			roots := srv.RootCAs().Clone()
			if strings.HasPrefix(c.url, "https") {
				own := mint("", func(c *x509.Certificate) { c.DNSNames = []string{"proxy.example"} })
				proxy.secure = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{own.cert.Raw}, PrivateKey: own.key}}}
				roots.AddCert(own.cert)
			}
			client := newClient(t, srv, &apns.Options{
				DialContext: proxy.dial, LookupNetIP: noLookup, Proxy: proxyAt(c.url), RootCAs: roots,
			})
			if _, err := client.Push(t.Context(), pushTo(1)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(proxy.dialed, []string{c.dialed}) {
				t.Errorf("dialed %v", proxy.dialed)
			}
			request := proxy.requests[0]
			if request.Method != "CONNECT" || request.Host != "api.push.apple.com:443" || request.Header.Get("Proxy-Authorization") != c.credentials {
				t.Errorf("asked for %s %s, %v", request.Method, request.Host, request.Header)
			}
		})
	}
}

// What a proxy does wrong is told as such, and never the password.
func TestAProxyThatDoesNotHelp(t *testing.T) {
	for name, c := range map[string]struct {
		proxy *proxied
		url   string
		want  string
	}{
		"refusal":       {&proxied{answer: "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"}, "", "407 Proxy Authentication Required"},
		"garbage":       {&proxied{answer: "SSH-2.0-OpenSSH_9.9\r\n"}, "", "malformed HTTP"},
		"end":           {&proxied{answer: "HTTP/1.1 200 OK\r\nVia"}, "", "malformed MIME header"},
		"long header":   {&proxied{answer: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<15) + "\r\n\r\n"}, "", "too long"},
		"hangs":         {&proxied{hang: true}, "", "deadline exceeded"},
		"other scheme":  {&proxied{}, "socks5://user:hunter2@proxy.example", "socks5"},
		"not found out": {&proxied{}, "://", "find the proxy"},
		"bad port":      {&proxied{}, "http://user:hunter2@proxy.example:no", "find the proxy"},
		"bad host":      {&proxied{}, "http://user:hunter2@proxy example", "find the proxy"},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, nil)
			c.proxy.srv = srv
			if c.url == "" {
				c.url = "http://user:hunter2@proxy.example"
			}
			client := newClient(t, srv, &apns.Options{DialContext: c.proxy.dial, Proxy: proxyAt(c.url)})
			_, err := client.Push(t.Context(), pushTo(1))
			wants(t, err, apns.RetryLater, context.DeadlineExceeded)
			if e := lost(t, err); e.Sent || e.Attempts != 0 || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%+v", err)
			}
		})
	}
}
