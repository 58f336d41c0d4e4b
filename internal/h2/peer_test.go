package h2

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/applemdm/applemdm/internal/memhttp"
)

// peer is a server that does what a test tells it to, frame by frame. It is built on the Framer of
// x/net, which shares no code with the package under test.
type peer struct {
	t    testing.TB
	conn net.Conn
	fr   *http2.Framer
	dec  *hpack.Decoder
	head bytes.Buffer // what enc has written
	enc  *hpack.Encoder
	next http2.Frame // read ahead
}

// script runs a test in a bubble: a connection, its peer, and a ledger of calls, all of which must
// have ended exactly once at the end, with no goroutine left.
func script(t *testing.T, cfg Config, test func(c *Conn, p *peer, l *ledger)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, p := newPair(t, cfg)
		l := &ledger{t: t, c: c}
		defer func() { // also when the test has given up
			_ = c.Close()
			<-c.Done()
			_ = p.conn.Close()
			l.check()
		}()
		test(c, p, l)
	})
}

func newPair(t testing.TB, cfg Config) (*Conn, *peer) {
	client, server := memhttp.Pipe("client", "server")
	p := &peer{t: t, conn: server, fr: http2.NewFramer(server, server), dec: hpack.NewDecoder(4096, nil)}
	p.fr.AllowIllegalWrites = true
	p.fr.SetMaxReadFrameSize(1<<24 - 1)
	p.enc = hpack.NewEncoder(&p.head)
	return New(client, cfg), p
}

// greet exchanges the prefaces.
func (p *peer) greet(settings ...http2.Setting) {
	p.t.Helper()
	p.preface()
	p.settings(settings...)
}

func (p *peer) preface() {
	p.t.Helper()
	got := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(p.conn, got); err != nil || string(got) != http2.ClientPreface {
		p.t.Fatalf("preface %q, %v", got, err)
	}
	p.want("SETTINGS ENABLE_PUSH=0 MAX_HEADER_LIST_SIZE=16384", "WINDOW_UPDATE 0 +983041")
}

// settings sends SETTINGS and expects the acknowledgement.
func (p *peer) settings(settings ...http2.Setting) {
	p.t.Helper()
	p.must(p.fr.WriteSettings(settings...))
	p.want("SETTINGS ack")
}

func (p *peer) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// want reads one frame for each line and compares; see show for the lines.
func (p *peer) want(lines ...string) {
	p.t.Helper()
	var got []string
	for range lines {
		f, err := p.fr.ReadFrame()
		if err != nil {
			p.t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, p.show(f))
	}
	if d := cmp.Diff(lines, got); d != "" {
		p.t.Fatalf("frames (-want +got):\n%s", d)
	}
}

// wantEnd expects the client to close the connection.
func (p *peer) wantEnd() {
	p.t.Helper()
	if f, err := p.fr.ReadFrame(); err != io.EOF {
		p.t.Fatalf("want the end, got %v, %v", f, err)
	}
}

// wantSilence expects no frame for a while of the bubble's time.
func (p *peer) wantSilence() {
	p.t.Helper()
	synctest.Wait()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
	var b [1]byte
	if n, err := p.conn.Read(b[:]); n > 0 || !isTimeout(err) {
		p.t.Fatalf("want silence, got %d bytes, %v", n, err)
	}
	_ = p.conn.SetReadDeadline(time.Time{})
}

func (p *peer) show(f http2.Frame) string {
	h := f.Header()
	end := ""
	if (h.Type == http2.FrameData || h.Type == http2.FrameHeaders) && h.Flags.Has(http2.FlagDataEndStream) {
		end = " end"
	}
	switch f := f.(type) {
	case *http2.SettingsFrame:
		s := "SETTINGS"
		if f.IsAck() {
			s += " ack"
		}
		_ = f.ForeachSetting(func(v http2.Setting) error { s += fmt.Sprintf(" %v=%d", v.ID, v.Val); return nil })
		return s
	case *http2.HeadersFrame:
		if !f.HeadersEnded() {
			return fmt.Sprintf("HEADERS %d%s, %d bytes", h.StreamID, end, h.Length)
		}
		return fmt.Sprintf("HEADERS %d%s%s", h.StreamID, end, p.fields(f.HeaderBlockFragment()))
	case *http2.ContinuationFrame:
		more := ", more"
		if f.HeadersEnded() {
			more = ""
		}
		return fmt.Sprintf("CONTINUATION %d, %d bytes%s", h.StreamID, h.Length, more)
	case *http2.DataFrame:
		if len(f.Data()) > 40 {
			return fmt.Sprintf("DATA %d%s, %d bytes", h.StreamID, end, len(f.Data()))
		}
		return fmt.Sprintf("DATA %d%s %s", h.StreamID, end, f.Data())
	case *http2.WindowUpdateFrame:
		return fmt.Sprintf("WINDOW_UPDATE %d +%d", h.StreamID, f.Increment)
	case *http2.RSTStreamFrame:
		return fmt.Sprintf("RST_STREAM %d %v", h.StreamID, f.ErrCode)
	case *http2.PingFrame:
		if f.IsAck() {
			return fmt.Sprintf("PING ack %x", f.Data)
		}
		return fmt.Sprintf("PING %x", f.Data)
	case *http2.GoAwayFrame:
		return strings.TrimSpace(fmt.Sprintf("GOAWAY %d %v %s", f.LastStreamID, f.ErrCode, f.DebugData()))
	}
	return fmt.Sprint(f)
}

// fields shows a header block: only the path and what is not a pseudo field.
func (p *peer) fields(block []byte) string {
	all, err := p.dec.DecodeFull(block)
	p.must(err)
	s := ""
	for _, f := range all {
		if f.Name == ":path" || !strings.HasPrefix(f.Name, ":") {
			s += " " + f.Name + "=" + f.Value
		}
	}
	return s
}

// block encodes pairs of names and values.
func (p *peer) block(pairs ...string) []byte {
	p.head.Reset()
	for i := 0; i < len(pairs); i += 2 {
		p.must(p.enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}))
	}
	return p.head.Bytes()
}

// headers sends a header in one frame.
func (p *peer) headers(stream uint32, end bool, pairs ...string) {
	p.t.Helper()
	p.must(p.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, EndStream: end, EndHeaders: true, BlockFragment: p.block(pairs...)}))
}

// ok answers 200 without a body.
func (p *peer) ok(streams ...uint32) {
	p.t.Helper()
	for _, id := range streams {
		p.headers(id, true, ":status", "200")
	}
}

// raw sends a frame of any content.
func (p *peer) raw(typ http2.FrameType, flags http2.Flags, stream uint32, payload string) {
	p.t.Helper()
	p.must(p.fr.WriteRawFrame(typ, flags, stream, []byte(payload)))
}

// many allows any number of calls before SETTINGS.
var many = Config{EarlyStreams: 1000}
