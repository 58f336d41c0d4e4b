package apnstest

import (
	"bytes"
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

// What a client must not do ends the connection with the right code.
func TestProtocolErrors(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(c *raw)
		want string
	}{
		"even stream":      {func(c *raw) { c.id = 4; c.goodPush() }, "goaway 1 PROTOCOL_ERROR"},
		"falling stream":   {func(c *raw) { c.id = 1; c.goodPush() }, "goaway 1 PROTOCOL_ERROR"},
		"HEADERS twice":    {func(c *raw) { c.headers(good(), false); c.id -= 2; c.headers(good(), false) }, "goaway 3 STREAM_CLOSED"},
		"unopened DATA":    {func(c *raw) { c.try(c.fr.WriteData(9, true, nil)) }, "goaway 1 PROTOCOL_ERROR"},
		"unopened RST":     {func(c *raw) { c.try(c.fr.WriteRSTStream(9, 0)) }, "goaway 1 PROTOCOL_ERROR"},
		"bad HPACK":        {func(c *raw) { c.try(c.fr.WriteRawFrame(1, 4, 3, []byte{0xff, 0xff, 0xff})) }, "goaway 3 COMPRESSION_ERROR"},
		"lone ack":         {func(c *raw) { c.try(c.fr.WriteSettingsAck()) }, "goaway 1 PROTOCOL_ERROR"},
		"huge frame":       {func(c *raw) { c.try(c.fr.WriteRawFrame(0, 0, 3, make([]byte, 20000))) }, "goaway 1 FRAME_SIZE_ERROR"},
		"push promise":     {func(c *raw) { c.try(c.fr.WriteRawFrame(5, 4, 1, make([]byte, 8))) }, "goaway 1 PROTOCOL_ERROR"},
		"bad ping":         {func(c *raw) { c.try(c.fr.WriteRawFrame(6, 0, 0, make([]byte, 3))) }, "goaway 1 FRAME_SIZE_ERROR"},
		"bad frame size":   {func(c *raw) { c.try(c.fr.WriteRawFrame(4, 0, 0, []byte{0, 5, 0, 0, 0, 1})) }, "goaway 1 PROTOCOL_ERROR"},
		"lone CONT":        {func(c *raw) { c.try(c.fr.WriteContinuation(3, true, nil)) }, "goaway 1 PROTOCOL_ERROR"},
		"window overrun":   {func(c *raw) { c.headers(good(), false); c.flood(3) }, "goaway 3 FLOW_CONTROL_ERROR"},
		"window increment": {func(c *raw) { c.headers(good(), false); c.try(c.fr.WriteRawFrame(8, 0, 3, make([]byte, 4))) }, "reset 3 PROTOCOL_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
				c.goodPush()
				c.want("headers 1 200 end")
				test.do(c)
				got := c.next()
				for strings.HasPrefix(got, "window ") {
					got = c.next()
				}
				if !strings.HasPrefix(got, test.want) {
					t.Errorf("got %q, want %q\n%s", got, test.want, srv.Log())
				}
				if strings.HasPrefix(test.want, "goaway") {
					c.want("closed")
				}
				if len(srv.Violations()) != 1 {
					t.Errorf("violations: %q", srv.Violations())
				}
			})
		})
	}
}

// flood sends more than the window of the connection in one go, before the server can answer.
func (c *raw) flood(id uint32) {
	var batch bytes.Buffer
	frame := make([]byte, 9+8192)
	frame[1], frame[2], frame[8] = 8192>>8, 0, byte(id)
	for range 12 {
		batch.Write(frame)
	}
	_, _ = c.conn.Write(batch.Bytes())
}

func TestNoPreface(t *testing.T) {
	srv := start(t, nil)
	for _, text := range []string{"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI"} {
		conn, err := dialTLS(t, srv, clientTLS(srv))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, text)
		if len(text) < 4 {
			_ = conn.CloseWrite()
		}
		_, _ = io.Copy(io.Discard, conn)
	}
	checkViolation(t, srv, "did not begin with the preface")
	if !strings.Contains(srv.Log(), "ended before the preface") {
		t.Error(srv.Log())
	}
}

// Things that a client may do, or that only deserve a note.
func TestHarmlessFrames(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		c.try(c.fr.WriteRawFrame(0xbb, 0, 0, []byte("?")))
		c.try(c.fr.WriteRawFrame(2, 0, 3, make([]byte, 5))) // PRIORITY
		c.try(c.fr.WriteGoAway(0, 0, nil))
		c.try(c.fr.WritePing(true, [8]byte{}))
		// A header block in three frames, a body in three, one of them padded.
		block := bytes.Clone(c.encode(good()))
		c.try(c.fr.WriteRawFrame(1, 0, 1, block[:1]))
		c.try(c.fr.WriteContinuation(1, false, block[1:9]))
		c.try(c.fr.WriteContinuation(1, true, block[9:]))
		c.try(c.fr.WriteData(1, false, []byte(`{"mdm":`)))
		c.try(c.fr.WriteDataPadded(1, false, []byte(`"`+magic+`"`), make([]byte, 9)))
		c.try(c.fr.WriteData(1, true, []byte(`}`)))
		c.want("headers 1 200 end")
		c.id = 3
		// Trailers instead of END_STREAM on DATA.
		c.headers(good(), false)
		c.try(c.fr.WriteData(3, false, []byte(body(magic))))
		c.id = 3
		c.headers([]string{"x-trailer", "1"}, true)
		c.want("headers 3 200 end")
		// A request that is cancelled before it is complete, and after.
		c.headers(good(), false)
		c.try(c.fr.WriteRSTStream(5, 8))
		c.try(c.fr.WriteData(5, true, []byte("late")))
		c.try(c.fr.WriteRSTStream(3, 8))
		c.settle()
		if d := srv.Device(token); d.Woken() != 2 {
			t.Errorf("woken %d times", d.Woken())
		}
		if st := srv.Stats(); st.Resets != 2 || st.Pings != 1 || st.SettingsAcks != 1 {
			t.Errorf("stats = %+v", st)
		}
		if v := srv.Violations(); len(v) != 2 {
			t.Errorf("violations: %q", v)
		}
	})
}

func TestLargeUpload(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		c.headers(good(), false)
		for range 4 {
			c.try(c.fr.WriteData(1, false, make([]byte, 16384)))
			synctest.Wait()
		}
		c.want("window 0 32768", "window 1 32768", "window 0 32768", "window 1 32768")
		c.try(c.fr.WriteData(1, true, nil))
		c.want("headers 1 413", `data 1 {"reason":"PayloadTooLarge"} end`)
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
