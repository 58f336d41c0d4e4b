package h2

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Each case plays an answer to stream 1; the call ends with the status and body, or with an error
// that has the text, and the connection goes on.
func TestAnswers(t *testing.T) {
	body := func(n int) []byte { return []byte(strings.Repeat("b", n)) }
	for _, tc := range []struct {
		name   string
		answer func(p *peer)
		status int
		body   string
		err    string
		reset  string // RST_STREAM that we send
	}{
		{"interim answers are skipped", func(p *peer) {
			p.headers(1, false, ":status", "103", "link", "x")
			p.headers(1, false, ":status", "100")
			p.ok(1)
		}, 200, "", "", ""},
		{"trailer", func(p *peer) {
			p.headers(1, false, ":status", "200")
			p.must(p.fr.WriteData(1, false, []byte("body")))
			p.headers(1, true, "checksum", "1")
		}, 200, "body", "", ""},
		{"padding", func(p *peer) {
			p.must(p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, PadLength: 9,
				Priority: http2.PriorityParam{StreamDep: 7, Weight: 3}, BlockFragment: p.block(":status", "200")}))
			p.must(p.fr.WriteDataPadded(1, false, nil, make([]byte, 255)))
			p.must(p.fr.WriteDataPadded(1, true, []byte("padded"), make([]byte, 100)))
		}, 200, "padded", "", ""},
		{"continuation, also in the middle of a field", func(p *peer) {
			b := p.block(":status", "200", "some-field", "some value")
			p.must(p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, BlockFragment: b[:4]}))
			p.must(p.fr.WriteContinuation(1, false, nil))
			p.must(p.fr.WriteContinuation(1, false, b[4:9]))
			p.must(p.fr.WriteContinuation(1, true, b[9:]))
		}, 200, "", "", ""},
		{"content-length that fits", func(p *peer) {
			p.headers(1, false, ":status", "200", "content-length", "4", "content-length", "4")
			p.must(p.fr.WriteData(1, true, []byte("body")))
		}, 200, "body", "", ""},
		{"unknown frames", func(p *peer) {
			p.raw(0x40, 0xff, 1, "?")
			p.raw(0x41, 0, 0, "")
			p.must(p.fr.WritePriority(1, http2.PriorityParam{StreamDep: 3}))
			p.ok(1)
		}, 200, "", "", ""},
		{"reset", func(p *peer) { p.must(p.fr.WriteRSTStream(1, http2.ErrCodeInternal)) },
			0, "", "h2: the server reset the call: INTERNAL_ERROR", ""},
		{"reset with a code of its own", func(p *peer) { p.must(p.fr.WriteRSTStream(1, 0x99)) },
			0, "", "h2: the server reset the call: error code 0x99", ""},
		{"content-length too long", func(p *peer) {
			p.headers(1, false, ":status", "200", "content-length", "5")
			p.must(p.fr.WriteData(1, true, []byte("body")))
		}, 200, "body", "h2: malformed answer: the body is not as long as its content-length (PROTOCOL_ERROR)", ""},
		{"content-length twice", func(p *peer) {
			p.headers(1, true, ":status", "200", "content-length", "0", "content-length", "1")
		}, 200, "", "h2: malformed answer: an invalid content-length (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"content-length that is no number", func(p *peer) {
			p.headers(1, true, ":status", "200", "content-length", "-1")
		}, 200, "", "h2: malformed answer: an invalid content-length (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"no status", func(p *peer) { p.headers(1, true, "server", "x") },
			0, "", "h2: malformed answer: a header without a valid :status (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"no field at all", func(p *peer) { p.headers(1, true) },
			0, "", "h2: malformed answer: a header without a valid :status (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"status of letters", func(p *peer) { p.headers(1, true, ":status", "2xx") },
			0, "", "h2: malformed answer: a header without a valid :status (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"status below 100", func(p *peer) { p.headers(1, true, ":status", "099") },
			0, "", "h2: malformed answer: a header without a valid :status (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"status 101", func(p *peer) { p.headers(1, false, ":status", "101") },
			0, "", "h2: malformed answer: a header without a valid :status (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"status twice", func(p *peer) { p.headers(1, true, ":status", "200", ":status", "200") },
			0, "", "h2: malformed answer: a field that HTTP/2 does not allow (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"upper-case name", func(p *peer) { p.headers(1, true, ":status", "200", "Server", "x") },
			0, "", "h2: malformed answer: a field that HTTP/2 does not allow (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"empty name", func(p *peer) { p.headers(1, true, ":status", "200", "", "x") },
			0, "", "h2: malformed answer: a field that HTTP/2 does not allow (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"line break in a value", func(p *peer) { p.headers(1, true, ":status", "200", "a", "b\r\nc: d") },
			0, "", "h2: malformed answer: a field that HTTP/2 does not allow (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"field of a connection", func(p *peer) { p.headers(1, true, ":status", "200", "connection", "close") },
			0, "", "h2: malformed answer: a field that HTTP/2 does not allow (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"interim answer at the end", func(p *peer) { p.headers(1, true, ":status", "100") },
			0, "", "h2: malformed answer: an interim header that ends the stream (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"DATA first", func(p *peer) { p.must(p.fr.WriteData(1, true, []byte("x"))) },
			0, "", "h2: malformed answer: DATA before the header (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"trailer that does not end", func(p *peer) {
			p.headers(1, false, ":status", "200")
			p.headers(1, false, "checksum", "1")
		}, 200, "", "h2: malformed answer: an invalid trailer (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"trailer with a status", func(p *peer) {
			p.headers(1, false, ":status", "200")
			p.headers(1, true, ":status", "200")
		}, 200, "", "h2: malformed answer: an invalid trailer (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"largest body", func(p *peer) {
			p.headers(1, false, ":status", "200")
			p.must(p.fr.WriteData(1, true, body(5000)))
		}, 200, string(body(5000)), "", ""},
		{"body too large", func(p *peer) {
			p.headers(1, false, ":status", "200")
			p.must(p.fr.WriteData(1, false, body(4000)))
			p.must(p.fr.WriteData(1, false, body(1001)))
			p.must(p.fr.WriteData(1, true, body(4000))) // on its way when we gave up
		}, 200, string(body(4000)), ErrResponseTooLarge.Error(), "CANCEL"},
		{"header too large", func(p *peer) {
			long := strings.Repeat("v", 6000)
			p.headers(1, true, ":status", "200", "a", long, "b", long, "c", long, "d", "last")
		}, 0, "", ErrResponseTooLarge.Error(), "CANCEL"},
		{"PRIORITY of a wrong length", func(p *peer) { p.raw(http2.FramePriority, 0, 1, "1234") },
			0, "", "h2: malformed answer: PRIORITY of a wrong length (FRAME_SIZE_ERROR)", "FRAME_SIZE_ERROR"},
		{"stream window by nothing", func(p *peer) { p.raw(http2.FrameWindowUpdate, 0, 1, "\x00\x00\x00\x00") },
			0, "", "h2: malformed answer: WINDOW_UPDATE by nothing (PROTOCOL_ERROR)", "PROTOCOL_ERROR"},
		{"stream window too large", func(p *peer) { p.must(p.fr.WriteWindowUpdate(1, maxWindow)) },
			0, "", "h2: malformed answer: WINDOW_UPDATE beyond the largest window (FLOW_CONTROL_ERROR)", "FLOW_CONTROL_ERROR"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script(t, Config{MaxResponseBody: 5000}, func(c *Conn, p *peer, l *ledger) {
				p.greet()
				call := l.start("/a", "body")
				p.want("HEADERS 1 :path=/a", "DATA 1 end body")
				tc.answer(p)
				l.ended(call)
				got := ""
				if call.Err != nil {
					got = call.Err.Error()
				}
				if got != tc.err || call.Status != tc.status || string(call.ResponseBody) != tc.body {
					t.Errorf("status %d, body %q, error %q", call.Status, call.ResponseBody, got)
				}
				if tc.reset != "" {
					p.want("RST_STREAM 1 "+tc.reset, "PING 0000000000000001")
					p.must(p.fr.WritePing(true, [8]byte{7: 1}))
				}
				next := l.start("/next", "")
				p.want("HEADERS 3 end :path=/next")
				p.ok(3)
				if l.ended(next); next.Err != nil || next.Status != 200 {
					t.Errorf("the next call: %+v", next)
				}
			})
		})
	}
}

func TestAnswerFieldsAndTrailer(t *testing.T) {
	script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		call := l.start("/a", "")
		p.want("HEADERS 1 end :path=/a")
		p.headers(1, false, ":status", "200", "a", "1", "b", "2", "a", "3")
		p.headers(1, true, "t", "4")
		l.ended(call)
		want := []hpack.HeaderField{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "a", Value: "3"}}
		if d := cmp.Diff(want, call.Response); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]hpack.HeaderField{{Name: "t", Value: "4"}}, call.Trailer); d != "" {
			t.Error(d)
		}
	})
}

// A HEAD and a 304 have the length of a body that does not come.
func TestLengthWithoutBody(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		head, unchanged := l.call("/head", ""), l.call("/304", "")
		head.Fields[0].Value = "HEAD"
		p.must(c.Start(head))
		p.must(c.Start(unchanged))
		p.headers(1, true, ":status", "200", "content-length", "99")
		p.headers(3, true, ":status", "304", "content-length", "99")
		l.ended(head)
		l.ended(unchanged)
		if head.Err != nil || unchanged.Err != nil {
			t.Error(head.Err, unchanged.Err)
		}
	})
}

// The compression state survives headers that nobody waits for.
func TestHeadersOfEndedCallsAreDecoded(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		a, b := l.start("/a", ""), l.start("/b", "")
		c.Cancel(a)
		p.headers(1, true, ":status", "200", "custom", "indexed by this header")
		p.headers(3, true, ":status", "200", "custom", "indexed by this header")
		l.ended(b)
		if !errors.Is(a.Err, ErrCanceled) || b.Header("custom") != "indexed by this header" {
			t.Errorf("a: %v, b: %v", a.Err, b.Response)
		}
	})
}

func TestRefusedStreamIsUnprocessed(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		a, b := l.start("/a", ""), l.start("/b", "")
		p.must(p.fr.WriteRSTStream(1, http2.ErrCodeRefusedStream))
		p.must(p.fr.WriteRSTStream(3, http2.ErrCodeCancel))
		l.ended(a)
		l.ended(b)
		if e, ok := errors.AsType[*StreamError](a.Err); !ok || e.Code != CodeRefusedStream || !Unprocessed(a.Err) {
			t.Errorf("a: %v", a.Err)
		}
		if Unprocessed(b.Err) {
			t.Errorf("b: %v", b.Err)
		}
	})
}

// The bound on a header is for each one, not for all of them together.
func TestManyLargeHeaders(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		for id := uint32(1); id < 40; id += 2 {
			call := l.start("/a", "")
			p.headers(id, true, ":status", "200", "large", strings.Repeat(fmt.Sprint(id%10), 8000))
			if l.ended(call); call.Err != nil || len(call.Header("large")) != 8000 {
				t.Fatal(call.Err)
			}
		}
	})
}
