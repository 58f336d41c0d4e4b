package apnstest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// connect makes a connection, one push on it, and tells how that ended.
func connect(t *testing.T, srv *Server, protocols ...string) string {
	t.Helper()
	config := clientTLS(srv, certificate(t, srv, nil))
	if protocols != nil {
		config.NextProtos = protocols
	}
	conn, err := dialTLS(t, srv, config)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "refused"
	}
	if err != nil {
		return "handshake: " + ended(err)
	}
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n\r\n")
		answer, _ := io.ReadAll(conn)
		line, _, _ := strings.Cut(string(answer), "\r\n")
		return line
	}
	c := newRaw(t, conn)
	c.goodPush()
	var said []string
	for len(said) < 5 {
		said = append(said, c.next())
		switch last := said[len(said)-1]; {
		case last == "settings ack":
			said = said[:len(said)-1]
		case last == "closed" || last == "silence" || strings.HasPrefix(last, "headers") || strings.HasPrefix(last, "remote"):
			return strings.Join(said, ", ")
		}
	}
	return strings.Join(said, ", ")
}

func TestConnectionFaults(t *testing.T) {
	const ok = "settings 1000, headers 1 200 end"
	for name, test := range map[string]struct {
		fault     Fault
		protocols []string
		want      string
		after     time.Duration
	}{
		"RefuseConn":        {fault: Fault{Kind: RefuseConn}, want: "refused"},
		"DropConn":          {fault: Fault{Kind: DropConn}, want: "handshake: closed"},
		"LateHandshake":     {fault: Fault{Kind: LateHandshake, Delay: time.Minute}, want: ok, after: time.Minute},
		"RejectCertificate": {fault: Fault{Kind: RejectCertificate}, want: "remote error: tls: bad certificate"},
		"NoALPN":            {fault: Fault{Kind: NoALPN}, want: "HTTP/1.1 400 Bad Request"},
		"HTTP1Only":         {fault: Fault{Kind: HTTP1Only}, want: "handshake: remote error: tls: no application protocol"},
		"HTTP1Only taken":   {fault: Fault{Kind: HTTP1Only}, protocols: []string{"h2", "http/1.1"}, want: "HTTP/1.1 400 Bad Request"},
		"LateSettings":      {fault: Fault{Kind: LateSettings, Delay: 10 * time.Second}, want: ok, after: 10 * time.Second},
		"RejectConn":        {fault: Fault{Kind: RejectConn, Delay: 30 * time.Millisecond}, want: `settings 1000, goaway 0 NO_ERROR {"reason":"BadCertificateEnvironment"}, closed`, after: 30 * time.Millisecond},
		"RejectConn twice":  {fault: Fault{Kind: RejectConn, Twice: true, Reason: "BadCertificate"}, want: `settings 1000, goaway 0 NO_ERROR {"reason":"BadCertificate"}, goaway 0 NO_ERROR , closed`},
		"DropFirst":         {fault: Fault{Kind: DropFirst}, want: "settings 1000, closed"},
		"SilentConn":        {fault: Fault{Kind: SilentConn}, want: "silence", after: 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := start(t, &Options{InMemory: true})
				test.fault.Skip = 1
				srv.Fail(test.fault)
				if got := connect(t, srv); got != ok {
					t.Errorf("before the fault: %s", got)
				}
				begin := time.Now()
				if got := connect(t, srv, test.protocols...); got != test.want {
					t.Errorf("got  %s\nwant %s\n%s", got, test.want, srv.Log())
				}
				if d := time.Since(begin); d != test.after {
					t.Errorf("took %v", d)
				}
				if got := connect(t, srv); got != ok || srv.PendingFaults() != 0 {
					t.Errorf("after the fault: %s", got)
				}
			})
		})
	}
}

// The same over TCP, where what was sent must not be lost by closing.
func TestConnectionFaultsOverTCP(t *testing.T) {
	srv := start(t, &Options{})
	for _, test := range []struct {
		fault Fault
		want  string
	}{
		{Fault{Kind: RefuseConn}, "handshake: reset"},
		{Fault{Kind: DropConn}, "handshake: closed"},
		{Fault{Kind: RejectCertificate}, "remote error: tls: bad certificate"},
		{Fault{Kind: NoALPN}, "HTTP/1.1 400 Bad Request"},
		{Fault{Kind: RejectConn}, `settings 1000, goaway 0 NO_ERROR {"reason":"BadCertificateEnvironment"}, closed`},
		{Fault{Kind: Reject}, `settings 1000, goaway 0 NO_ERROR {"reason":"BadCertificateEnvironment"}, closed`},
		{Fault{Kind: Disconnect}, "settings 1000, closed"},
	} {
		for range 5 {
			srv.Fail(test.fault)
			if got := connect(t, srv); got != test.want {
				t.Errorf("%v: got %s\nwant %s", test.fault.Kind, got, test.want)
			}
		}
	}
	if n := srv.Stats().HandshakesFailed; n != 5 {
		t.Errorf("%d handshakes failed", n)
	}
}

func TestHangHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := start(t, &Options{InMemory: true, HandshakeDelay: time.Second})
		srv.Fail(Fault{Kind: HangHandshake})
		line, err := srv.Dial(t.Context(), "tcp", srv.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer line.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := tls.Client(line, clientTLS(srv)).HandshakeContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
		begin := time.Now()
		connect(t, srv)
		if d := time.Since(begin); d != time.Second {
			t.Errorf("HandshakeDelay: took %v", d)
		}
		gone, err := srv.Dial(t.Context(), "tcp", srv.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer gone.Close()
		srv.Close() // also during the delay
		if _, err := srv.Dial(t.Context(), "tcp", srv.Addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("after Close: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		if _, err := srv.Dial(ctx, "tcp", srv.Addr); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestLatency(t *testing.T) {
	bubble(t, Options{Latency: 100 * time.Millisecond}, func(t *testing.T, srv *Server, c *raw) {
		begin := time.Now()
		for i := range 5 {
			c.goodPush()
			time.Sleep(time.Millisecond)
			_ = i
		}
		for i := range 5 {
			c.want(fmt.Sprintf("headers %d 200 end", 2*i+1))
			if d := time.Since(begin); d != time.Duration(100+i)*time.Millisecond {
				t.Errorf("answer %d after %v", i, d)
			}
		}
		// A cancelled push is not answered.
		id := c.goodPush()
		c.try(c.fr.WriteRSTStream(id, 8))
		c.goodPush()
		c.want(fmt.Sprintf("headers %d 200 end", id+2))
	})
	bubble(t, Options{Jitter: time.Second}, func(t *testing.T, srv *Server, c *raw) {
		const n = 200
		for range n {
			c.goodPush()
		}
		begin, inOrder, last := time.Now(), true, ""
		for range n {
			got := c.next()
			inOrder = inOrder && (len(got) > len(last) || len(got) == len(last) && got > last)
			last = got
		}
		if d := time.Since(begin); d > time.Second || d < 500*time.Millisecond || inOrder {
			t.Errorf("took %v, in order %v", d, inOrder)
		}
	})
}

func TestHTTPClients(t *testing.T) {
	srv := start(t, &Options{})
	client := httpClient(t, srv, certificate(t, srv, nil))
	r := newRequest(t, srv)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.Proto != "HTTP/2.0" || len(resp.Header) != 1 || resp.Header.Get("apns-id") == "" {
		t.Errorf("answer = %+v", resp)
	}
	for _, kind := range []Kind{Padded, Continued, SplitBody, Trailers, Informational, EmptyData, HTML} {
		srv.Fail(Fault{Kind: kind})
		bad := newRequest(t, srv)
		bad.URL.Path += "00"
		want := `400 {"reason":"BadDeviceToken"}`
		if kind == HTML {
			want = "502 " + strings.TrimSpace(page)
		}
		if got := do(t, client, bad); got != want {
			t.Errorf("%v: %s", kind, got)
		}
	}
	srv.Fail(Fault{Kind: RefuseStream})
	if got := do(t, client, newRequest(t, srv)); got != "200" { // net/http repeats it
		t.Errorf("refused stream: %s", got)
	}
	if st := srv.Stats(); st.Dials != 1 {
		t.Errorf("stats = %+v", st)
	}
	plain := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: srv.RootCAs()}}}
	defer plain.CloseIdleConnections()
	if got := do(t, plain, newRequest(t, srv)); got != "400" {
		t.Errorf("HTTP/1.1: %s", got)
	}
}
