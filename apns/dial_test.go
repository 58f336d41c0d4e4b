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
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
			if e := lost(t, err); e.Sent || e.Tries != 0 || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%+v", err)
			}
		})
	}
}

// Addresses are tried in turn, in random order, and one that swallows packets does not use up the
// time of the others.
func TestAddressesAreTriedInTurn(t *testing.T) {
	for name, dead := range map[string]func(context.Context) error{
		"refuse":  func(context.Context) error { return errors.New("connection refused") },
		"swallow": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		bubble(t, name, func(t *testing.T) {
			srv := anyToken(t)
			orders := map[string]bool{}
			for range 30 {
				var tried []string
				client := newClient(t, srv, &apns.Options{
					LookupNetIP: addresses("17.0.0.1", "2620:149::1", "::ffff:17.0.0.2"),
					DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
						tried = append(tried, address)
						if address == "17.0.0.2:443" {
							return srv.Dial(ctx, network, address)
						}
						return nil, dead(ctx)
					},
				})
				start := time.Now()
				if _, err := client.Push(t.Context(), pushTo(1)); err != nil || time.Since(start) > 20*time.Second {
					t.Fatalf("Push after %v, tried %v: %v", time.Since(start), tried, err)
				}
				orders[strings.Join(tried, " ")] = true
			}
			if len(orders) < 3 {
				t.Errorf("always the same order: %v", orders)
			}
		})
	}
}

// An address in the base URL is dialled as it is.
func TestAnAddressAsBaseURL(t *testing.T) {
	t.Run("reached", func(t *testing.T) {
		srv := apnstest.NewServer(&apnstest.Options{AcceptAnyToken: true})
		defer srv.Close()
		client, err := apns.New(issue(t, srv, apnstest.CertOptions{}), &apns.Options{BaseURL: srv.URL, RootCAs: srv.RootCAs()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Push(t.Context(), pushTo(1)); err != nil {
			t.Error(err)
		}
		if err := client.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	for url, want := range map[string]string{
		"https://127.0.0.1:2197": "127.0.0.1:2197",
		"https://[::1]":          "[::1]:443",
	} {
		bubble(t, url, func(t *testing.T) {
			dialed := make(chan string, 100)
			client := newClient(t, newServer(t, nil), &apns.Options{
				BaseURL: url, LookupNetIP: noLookup,
				DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
					dialed <- address
					return nil, errors.New("unreachable")
				},
			})
			client.Push(t.Context(), pushTo(1))
			if got := <-dialed; got != want {
				t.Errorf("dialed %q", got)
			}
		})
	}
}

// While the line is down pushes wait, and time out with the reason. When it is up again in time, they
// go through.
func TestTheLineIsDown(t *testing.T) {
	broken := errors.New("the line is down")
	for name, fail := range map[string]func(*apns.Options){
		"DNS": func(o *apns.Options) {
			o.LookupNetIP = func(context.Context, string, string) ([]netip.Addr, error) { return nil, broken }
		},
		"no address": func(o *apns.Options) { o.LookupNetIP = addresses() },
		"refused": func(o *apns.Options) {
			o.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, broken }
		},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, nil)
			var opts apns.Options
			fail(&opts)
			client := newClient(t, srv, &opts)
			start := time.Now()
			_, err := client.Push(t.Context(), pushTo(1))
			wants(t, err, apns.RetryLater, context.DeadlineExceeded)
			if e := lost(t, err); e.Sent || e.Tries != 0 || time.Since(start) != 30*time.Second {
				t.Errorf("%+v after %v", e, time.Since(start))
			}
			if name != "no address" {
				wants(t, err, apns.RetryLater, broken)
			}
			if s := client.State(); s.Kind != apns.StateUnreachable || s.Err == nil {
				t.Errorf("%+v", s)
			}
		})
	}
	bubble(t, "for ten seconds", func(t *testing.T) {
		srv := anyToken(t)
		start := time.Now()
		client := newClient(t, srv, &apns.Options{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if time.Since(start) < 10*time.Second {
				return nil, broken
			}
			return srv.Dial(ctx, network, address)
		}})
		for r := range client.PushAll(t.Context(), pushesTo(100)) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if s := client.State(); s.Kind != apns.StateOK {
			t.Errorf("%+v", s)
		}
	})
}

func TestASlowHandshake(t *testing.T) {
	bubble(t, "that ends", func(t *testing.T) {
		srv := anyToken(t)
		srv.Fail(apnstest.Fault{Kind: apnstest.LateHandshake, Delay: 12 * time.Second})
		if _, err := newClient(t, srv, nil).Push(t.Context(), pushTo(1)); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "that does not, once", func(t *testing.T) {
		srv := anyToken(t)
		srv.Fail(apnstest.Fault{Kind: apnstest.HangHandshake})
		if _, err := newClient(t, srv, nil).Push(t.Context(), pushTo(1)); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "that never does", func(t *testing.T) {
		srv := anyToken(t)
		srv.Fail(apnstest.Fault{Kind: apnstest.HangHandshake, Count: -1})
		_, err := newClient(t, srv, nil).Push(t.Context(), pushTo(1))
		wants(t, err, apns.RetryLater, context.DeadlineExceeded)
		if !strings.Contains(err.Error(), "TLS handshake") {
			t.Error(err)
		}
	})
}

// Something that takes ALPN off the handshake is named; no HTTP/1.1 is spoken, and the certificate is
// not blamed.
func TestWithoutALPN(t *testing.T) {
	for kind, text := range map[apnstest.Kind]string{
		apnstest.NoALPN: "took HTTP/2 off the TLS handshake", apnstest.HTTP1Only: "no application protocol",
	} {
		bubble(t, kind.String(), func(t *testing.T) {
			srv := newServer(t, nil)
			srv.Fail(apnstest.Fault{Kind: kind, Count: -1})
			client := newClient(t, srv, nil)
			_, err := client.Push(t.Context(), pushTo(1))
			wants(t, err, apns.RetryLater, apns.ErrNoConnection)
			if errors.Is(err, apns.ErrCertificate) || !strings.Contains(err.Error(), text) {
				t.Error(err)
			}
			if srv.Stats().Pushes != 0 {
				t.Error("a push was sent")
			}
		})
	}
}

// The certificate is shown even if the server asks for those of another authority.
func TestTheCertificateIsShownUnasked(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		bubble(t, tls.VersionName(version), func(t *testing.T) {
			srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, ForeignCAList: true, TLSVersion: version})
			if _, err := newClient(t, srv, nil).Push(t.Context(), pushTo(1)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A server that the roots do not vouch for is told nothing.
func TestAnUnknownAuthority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		client := newClient(t, srv, &apns.Options{RootCAs: x509.NewCertPool()})
		_, err := client.Push(t.Context(), pushTo(1))
		wants(t, err, apns.RetryLater, apns.ErrNoConnection)
		if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok || srv.Stats().Pushes != 0 {
			t.Errorf("Push: %v", err)
		}
	})
}

func TestOneDialForAThousandFirstPushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, HandshakeDelay: time.Second, Latency: 50 * time.Millisecond})
		var reads atomic.Int32
		cert := issue(t, srv, apnstest.CertOptions{})
		client := newClientWith(t, srv, apns.CertificateFunc(func(context.Context) (*apns.Certificate, error) {
			reads.Add(1)
			time.Sleep(time.Second)
			return cert, nil
		}), nil)
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				if _, err := client.Push(t.Context(), pushTo(i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := srv.Stats(); got.Dials != 1 || got.Pushes != 1000 || reads.Load() != 2 {
			t.Errorf("%d dials, %d pushes, %d reads of the certificate", got.Dials, got.Pushes, reads.Load())
		}
	})
}

// However badly things go, no more than MaxDials connections are opened within any minute.
func TestMaxDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		var dials []time.Time
		client := newClient(t, srv, &apns.Options{MaxDials: 4, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials = append(dials, time.Now())
			return srv.Dial(ctx, network, address)
		}})
		for i := range 240 {
			if _, err := client.Push(t.Context(), pushTo(i)); err != nil {
				wants(t, err, apns.RetryLater)
			}
			srv.Disconnect()
			time.Sleep(time.Second)
		}
		for i := 4; i < len(dials); i++ {
			if within := dials[i].Sub(dials[i-4]); within < time.Minute {
				t.Fatalf("5 dials within %v", within)
			}
		}
		if len(dials) < 12 {
			t.Errorf("%d dials", len(dials))
		}
	})
}
