package apnstest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// raw is a client that sends and shows frames.
type raw struct {
	t     *testing.T
	conn  *tls.Conn
	fr    *http2.Framer
	buf   bytes.Buffer
	enc   *hpack.Encoder
	dec   *hpack.Decoder
	id    uint32 // of the next stream
	block []byte
	noAck bool

	header map[string]string // of the last header block
}

// dialTLS connects up to the handshake.
func dialTLS(t *testing.T, srv *Server, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	var line net.Conn
	var err error
	if srv.listener == nil {
		line, err = srv.Dial(t.Context(), "tcp", srv.Addr)
	} else {
		line, err = net.Dial("tcp", srv.Addr)
	}
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = line.Close() })
	conn := tls.Client(line, config)
	return conn, conn.Handshake()
}

// dialRaw connects with a new certificate for topic and speaks the preface.
func dialRaw(t *testing.T, srv *Server) *raw {
	t.Helper()
	conn, err := dialTLS(t, srv, clientTLS(srv, certificate(t, srv, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return newRaw(t, conn)
}

func newRaw(t *testing.T, conn *tls.Conn) *raw {
	c := &raw{t: t, conn: conn, fr: http2.NewFramer(conn, conn), id: 1, header: make(map[string]string)}
	c.enc = hpack.NewEncoder(&c.buf)
	c.dec = hpack.NewDecoder(4096, func(f hpack.HeaderField) { c.header[f.Name] = f.Value })
	c.fr.AllowIllegalWrites = true
	_, _ = io.WriteString(conn, http2.ClientPreface)
	c.try(c.fr.WriteSettings())
	return c
}

func (c *raw) try(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("writing: %v", err)
	}
}

// good is the header list of a push as it should be.
func good() []string {
	return []string{
		":method", "POST", ":scheme", "https", ":authority", "api.push.apple.com", ":path", "/3/device/" + token,
		"apns-topic", topic, "apns-push-type", "mdm", "apns-priority", "10", "apns-expiration", "0",
	}
}

// with returns the list with one field changed, added, or, for "-", taken out.
func with(list []string, name, value string) []string {
	list = slices.Clone(list)
	for i := 0; i < len(list); i += 2 {
		if list[i] == name {
			if value == "-" {
				return slices.Delete(list, i, i+2)
			}
			list[i+1] = value
			return list
		}
	}
	return append(list, name, value)
}

func (c *raw) encode(list []string) []byte {
	c.buf.Reset()
	for i := 0; i < len(list); i += 2 {
		c.try(c.enc.WriteField(hpack.HeaderField{Name: list[i], Value: list[i+1]}))
	}
	return c.buf.Bytes()
}

// headers begins a stream and returns its identifier.
func (c *raw) headers(list []string, end bool) uint32 {
	id := c.id
	c.id += 2
	c.try(c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.encode(list), EndHeaders: true, EndStream: end}))
	return id
}

// push sends a whole push.
func (c *raw) push(list []string, body string) uint32 {
	id := c.headers(list, false)
	c.try(c.fr.WriteData(id, true, []byte(body)))
	return id
}

func (c *raw) goodPush() uint32 { return c.push(good(), `{"mdm":"`+magic+`"}`) }

// next returns what the next frame says. SETTINGS are acknowledged unless noAck is set.
func (c *raw) next() string {
	_ = c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	frame, err := c.fr.ReadFrame()
	if err != nil {
		return ended(err)
	}
	end := func(flags http2.Flags) string {
		if flags.Has(http2.FlagDataEndStream) {
			return " end"
		}
		return ""
	}
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return "settings ack"
		}
		if !c.noAck {
			_ = c.fr.WriteSettingsAck() // the server may be gone
		}
		n, _ := f.Value(http2.SettingMaxConcurrentStreams)
		return fmt.Sprintf("settings %d", n)
	case *http2.HeadersFrame:
		c.block = append(c.block[:0], f.HeaderBlockFragment()...)
		return fmt.Sprintf("headers %d", f.StreamID) + c.status(f.HeadersEnded()) + end(f.Flags&1)
	case *http2.ContinuationFrame:
		c.block = append(c.block, f.HeaderBlockFragment()...)
		return "continuation" + c.status(f.HeadersEnded())
	case *http2.DataFrame:
		return fmt.Sprintf("data %d %s", f.StreamID, f.Data()) + end(f.Flags)
	case *http2.RSTStreamFrame:
		return fmt.Sprintf("reset %d %v", f.StreamID, f.ErrCode)
	case *http2.GoAwayFrame:
		return fmt.Sprintf("goaway %d %v %s", f.LastStreamID, f.ErrCode, f.DebugData())
	case *http2.PingFrame:
		return fmt.Sprintf("ping %v %s", f.IsAck(), f.Data)
	case *http2.WindowUpdateFrame:
		return fmt.Sprintf("window %d %d", f.StreamID, f.Increment)
	}
	return fmt.Sprintf("frame %#x", uint8(frame.Header().Type))
}

func (c *raw) status(ended bool) string {
	if !ended {
		return " open"
	}
	clear(c.header)
	if _, err := c.dec.Write(c.block); err != nil {
		c.t.Fatal(err)
	}
	if err := c.dec.Close(); err != nil {
		c.t.Fatal(err)
	}
	return " " + c.header[":status"]
}

// ended names the end of a connection.
func ended(err error) string {
	switch ne, ok := errors.AsType[net.Error](err); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case strings.Contains(err.Error(), "reset by peer"):
		return "reset"
	case ok && ne.Timeout():
		return "silence"
	}
	return err.Error()
}

// hello reads the server's first SETTINGS and the acknowledgement of ours.
func (c *raw) hello() *raw {
	c.t.Helper()
	c.want("settings 1000", "settings ack")
	return c
}

// want compares what comes with what should come.
func (c *raw) want(list ...string) {
	c.t.Helper()
	for i, want := range list {
		if got := c.next(); got != want {
			c.t.Fatalf("frame %d: %q, want %q", i, got, want)
		}
	}
}

// settle makes sure that the server has seen everything.
func (c *raw) settle() {
	c.t.Helper()
	c.try(c.fr.WritePing(false, [8]byte{'s', 'e', 't', 't', 'l', 'e', 'd', '!'}))
	c.want("ping true settled!")
}
