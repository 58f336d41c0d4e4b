package apnstest

import (
	"crypto/tls"
	"fmt"
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
