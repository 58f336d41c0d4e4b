package apnstest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
)

func TestAcceptedPush(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, memory := range []bool{true, false} {
			t.Run(fmt.Sprintf("%x memory=%v", version, memory), func(t *testing.T) {
				srv := start(t, &Options{InMemory: memory, TLSVersion: version})
				client := httpClient(t, srv, certificate(t, srv, nil))
				if got := do(t, client, newRequest(t, srv)); got != "200" {
					t.Errorf("answer = %q\n%s", got, srv.Log())
				}
				if d := srv.Device(token).Received(); len(d) != 1 || d[0].Magic != magic || d[0].Ignored {
					t.Errorf("the device received %+v", d)
				}
				if v := srv.Violations(); len(v) != 0 {
					t.Errorf("violations: %q", v)
				}
			})
		}
	}
}

// A client that dials an address, and so names no host, gets a certificate for that.
func TestAddressAsHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := start(t, nil)
		for _, host := range []string{"127.0.0.1", "2620:149::1"} {
			line, err := srv.Dial(t.Context(), "tcp", net.JoinHostPort(host, "2197"))
			if err != nil {
				t.Fatal(err)
			}
			config := clientTLS(srv, certificate(t, srv, nil))
			config.ServerName = host
			if err := tls.Client(line, config).HandshakeContext(t.Context()); err != nil {
				t.Errorf("%s: %v", host, err)
			}
			line.Close()
		}
	})
}

func TestLookupNetIP(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for memory, want := range map[bool]string{true: "17.188.128.1", false: "127.0.0.1"} {
		srv := start(t, &Options{InMemory: memory})
		got, err := srv.LookupNetIP(t.Context(), "ip", "api.push.apple.com")
		if err != nil || len(got) != 1 || got[0].String() != want {
			t.Errorf("memory=%v: %v, %v", memory, got, err)
		}
		if got, err := srv.LookupNetIP(ended, "ip", "api.push.apple.com"); err == nil {
			t.Errorf("after the end of the context: %v", got)
		}
	}
}

func TestInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := start(t, nil)
		client := httpClient(t, srv, certificate(t, srv, nil))
		if got := do(t, client, newRequest(t, srv)); got != "200" {
			t.Errorf("answer = %q\n%s", got, srv.Log())
		}
		client.CloseIdleConnections()
		srv.Close()
	})
}
