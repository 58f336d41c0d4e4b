package h2

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
)

// Each case breaks a rule for which RFC 9113 ends the connection. The call fails with the code, the
// server gets a GOAWAY with it, and then the end of the connection.
func TestConnectionErrors(t *testing.T) {
	for _, tc := range []struct {
		name  string
		code  ErrCode
		wrong func(p *peer)
	}{
		{"push", CodeProtocol, func(p *peer) {
			p.must(p.fr.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true}))
		}},
		{"ENABLE_PUSH", CodeProtocol, func(p *peer) {
			p.must(p.fr.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 1}))
		}},
		{"small MAX_FRAME_SIZE", CodeProtocol, func(p *peer) {
			p.must(p.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 16383}))
		}},
		{"large MAX_FRAME_SIZE", CodeProtocol, func(p *peer) {
			p.must(p.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 24}))
		}},
		{"large INITIAL_WINDOW_SIZE", CodeFlowControl, func(p *peer) {
			p.must(p.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31}))
		}},
		{"INITIAL_WINDOW_SIZE on top of updates", CodeFlowControl, func(p *peer) {
			p.must(p.fr.WriteWindowUpdate(1, 100_000))
			p.must(p.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxWindow}))
		}},
		{"SETTINGS on a stream", CodeProtocol, func(p *peer) { p.raw(http2.FrameSettings, 0, 1, "") }},
		{"SETTINGS of five bytes", CodeFrameSize, func(p *peer) { p.raw(http2.FrameSettings, 0, 0, "12345") }},
		{"SETTINGS ack with content", CodeFrameSize, func(p *peer) { p.raw(http2.FrameSettings, 1, 0, "123456") }},
		{"PING on a stream", CodeProtocol, func(p *peer) { p.raw(http2.FramePing, 0, 1, "12345678") }},
		{"PING of seven bytes", CodeFrameSize, func(p *peer) { p.raw(http2.FramePing, 0, 0, "1234567") }},
		{"GOAWAY on a stream", CodeProtocol, func(p *peer) { p.raw(http2.FrameGoAway, 0, 1, "12345678") }},
		{"short GOAWAY", CodeFrameSize, func(p *peer) { p.raw(http2.FrameGoAway, 0, 0, "1234567") }},
		{"window by nothing", CodeProtocol, func(p *peer) { p.raw(http2.FrameWindowUpdate, 0, 0, "\x00\x00\x00\x00") }},
		{"window too large", CodeFlowControl, func(p *peer) { p.must(p.fr.WriteWindowUpdate(0, maxWindow)) }},
		{"short WINDOW_UPDATE", CodeFrameSize, func(p *peer) { p.raw(http2.FrameWindowUpdate, 0, 0, "123") }},
		{"WINDOW_UPDATE of an idle stream", CodeProtocol, func(p *peer) { p.must(p.fr.WriteWindowUpdate(3, 1)) }},
		{"short RST_STREAM", CodeFrameSize, func(p *peer) { p.raw(http2.FrameRSTStream, 0, 1, "123") }},
		{"RST_STREAM of stream 0", CodeProtocol, func(p *peer) { p.raw(http2.FrameRSTStream, 0, 0, "1234") }},
		{"RST_STREAM of an idle stream", CodeProtocol, func(p *peer) { p.must(p.fr.WriteRSTStream(3, 0)) }},
		{"PRIORITY of stream 0", CodeProtocol, func(p *peer) { p.raw(http2.FramePriority, 0, 0, "12345") }},
		{"HEADERS of stream 0", CodeProtocol, func(p *peer) { p.headers(0, true, ":status", "200") }},
		{"HEADERS of an idle stream", CodeProtocol, func(p *peer) { p.headers(3, true, ":status", "200") }},
		{"HEADERS of a server's stream", CodeProtocol, func(p *peer) { p.headers(2, true, ":status", "200") }},
		{"HEADERS shorter than its priority", CodeFrameSize, func(p *peer) {
			p.raw(http2.FrameHeaders, http2.FlagHeadersPriority|http2.FlagHeadersEndHeaders, 1, "1234")
		}},
		{"HEADERS shorter than its padding", CodeProtocol, func(p *peer) {
			p.raw(http2.FrameHeaders, http2.FlagHeadersPadded|http2.FlagHeadersEndHeaders, 1, "\x05123")
		}},
		{"DATA of stream 0", CodeProtocol, func(p *peer) { p.raw(http2.FrameData, 0, 0, "x") }},
		{"DATA of an idle stream", CodeProtocol, func(p *peer) { p.raw(http2.FrameData, 0, 3, "x") }},
		{"DATA all padding", CodeProtocol, func(p *peer) { p.raw(http2.FrameData, http2.FlagDataPadded, 1, "\x01") }},
		{"DATA without its pad length", CodeFrameSize, func(p *peer) { p.raw(http2.FrameData, http2.FlagDataPadded, 1, "") }},
		{"CONTINUATION alone", CodeProtocol, func(p *peer) { p.must(p.fr.WriteContinuation(1, true, nil)) }},
		{"CONTINUATION of another stream", CodeProtocol, func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "")
			p.must(p.fr.WriteContinuation(3, true, nil))
		}},
		{"unknown frame inside a header", CodeProtocol, func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "")
			p.raw(0x40, 0, 1, "")
		}},
		{"index beyond the table", CodeCompression, func(p *peer) {
			p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\xff\x20")
		}},
		{"header that stops in a field", CodeCompression, func(p *peer) {
			p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x40\x05ab")
		}},
		{"table larger than ours", CodeCompression, func(p *peer) {
			p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x3f\xe2\x1f")
		}},
		{"field of more than 16 KiB", CodeEnhanceYourCalm, func(p *peer) {
			p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x00\x01a\x7f\xff\xff\x00")
		}},
		{"endless header", CodeEnhanceYourCalm, func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "")
			for range 3 {
				p.raw(http2.FrameContinuation, 0, 1, strings.Repeat("\x88", 16_000))
			}
		}},
		{"frame too large", CodeFrameSize, func(p *peer) { p.raw(0x40, 0, 0, strings.Repeat("x", maxFrameSize+1)) }},
		{"flood of PING", CodeEnhanceYourCalm, func(p *peer) {
			go func() {
				for p.fr.WritePing(false, [8]byte{}) == nil {
				}
			}()
			p.skip("PING ack 0000000000000000")
		}},
		{"flood of SETTINGS", CodeEnhanceYourCalm, func(p *peer) {
			go func() {
				for p.fr.WriteSettings() == nil {
				}
			}()
			p.skip("SETTINGS ack")
		}},
		{"flood of empty DATA", CodeEnhanceYourCalm, func(p *peer) {
			p.headers(1, false, ":status", "200")
			for p.fr.WriteData(1, false, nil) == nil {
			}
		}},
		{"flood of interim answers", CodeEnhanceYourCalm, func(p *peer) {
			for p.fr.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, p.block(":status", "103")) == nil {
			}
		}},
		{"flood of CONTINUATION", CodeEnhanceYourCalm, func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "")
			for p.fr.WriteContinuation(1, false, nil) == nil {
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
				p.greet()
				call := l.start("/a", "")
				p.want("HEADERS 1 end :path=/a")
				p.failed(c, l, call, tc.code, func() { tc.wrong(p) })
			})
		})
	}
}

// failed provokes a connection error and checks all that must follow.
func (p *peer) failed(c *Conn, l *ledger, call *Call, code ErrCode, provoke func()) {
	p.t.Helper()
	provoke()
	synctest.Wait()
	for p.next == nil || p.next.Header().Type != http2.FrameGoAway {
		f, err := p.fr.ReadFrame()
		p.must(err)
		p.next = f
	}
	if f := p.next.(*http2.GoAwayFrame); ErrCode(f.ErrCode) != code || len(f.DebugData()) == 0 {
		p.t.Errorf("GOAWAY %v %s, want %v with a reason", f.ErrCode, f.DebugData(), code)
	}
	p.wantEnd()
	l.ended(call)
	for _, err := range []error{call.Err, c.Err()} {
		e, ok := errors.AsType[*ProtocolError](err)
		if !ok || e.Code != code || !strings.Contains(err.Error(), code.String()) || Unprocessed(err) {
			p.t.Errorf("error %v, want %v", err, code)
		}
	}
	l.refused(ErrClosed)
	<-c.Done()
}

// skip reads frames as long as they are the one given, and keeps the other one.
func (p *peer) skip(line string) {
	p.t.Helper()
	for {
		f, err := p.fr.ReadFrame()
		p.must(err)
		if p.show(f) != line {
			p.next = f
			return
		}
	}
}

func TestServerMustBeginWithSettings(t *testing.T) {
	for name, first := range map[string]func(p *peer){
		"PING":         func(p *peer) { p.must(p.fr.WritePing(false, [8]byte{})) },
		"SETTINGS ack": func(p *peer) { p.must(p.fr.WriteSettingsAck()) },
		"HEADERS":      func(p *peer) { p.ok(1) },
	} {
		t.Run(name, func(t *testing.T) {
			script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
				p.preface()
				call := l.start("/a", "")
				p.want("HEADERS 1 end :path=/a")
				p.failed(c, l, call, CodeProtocol, func() { first(p) })
			})
		})
	}
}

func TestServerOfHTTP1(t *testing.T) {
	script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
		p.preface()
		call := l.start("/a", "")
		p.want("HEADERS 1 end :path=/a")
		p.failed(c, l, call, CodeHTTP11Required, func() {
			_, err := p.conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			p.must(err)
		})
	})
}

// What is not useful is not an attack as long as calls are answered, or it comes slowly.
func TestChattyServerIsTolerated(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		go func() { // take what we send
			for {
				if _, err := p.fr.ReadFrame(); err != nil {
					return
				}
			}
		}()
		fr := http2.NewFramer(p.conn, nil)
		for i := range 5 {
			call := l.start("/a", "")
			for range floodLimit * 9 / 10 {
				p.must(fr.WritePing(true, [8]byte{}))
			}
			p.must(fr.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), EndStream: true,
				EndHeaders: true, BlockFragment: p.block(":status", "200")}))
			if l.ended(call); call.Err != nil {
				t.Fatal(call.Err)
			}
		}
	})
}
