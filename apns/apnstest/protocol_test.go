package apnstest

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

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
		"window overflow":  {func(c *raw) { c.try(c.fr.WriteWindowUpdate(0, 1<<31-65535)) }, "goaway 1 FLOW_CONTROL_ERROR"},
		"stream overflow":  {func(c *raw) { c.headers(good(), false); c.try(c.fr.WriteWindowUpdate(3, 1<<31-65535)) }, "reset 3 FLOW_CONTROL_ERROR"},
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
