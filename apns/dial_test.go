package apns_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

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
			if e := lost(t, err); e.Sent || e.Attempts != 0 || time.Since(start) != 30*time.Second {
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
