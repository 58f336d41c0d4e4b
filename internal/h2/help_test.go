package h2

import (
	"crypto/tls"
	"net"
	"testing"

	"github.com/applemdm/applemdm/internal/memhttp"
)

// dialTLS connects to srv with HTTP/2 agreed upon. Whom it talks to does not matter here.
func dialTLS(t testing.TB, srv *memhttp.Server) net.Conn {
	t.Helper()
	raw, err := srv.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, &tls.Config{
		InsecureSkipVerify:          true,
		NextProtos:                  []string{"h2"},
		DynamicRecordSizingDisabled: true,
	})
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return conn
}
