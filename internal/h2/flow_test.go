package h2

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
)

func TestBodyIsSplitByFrameSize(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		synctest.Wait()
		l.start("/a", strings.Repeat("x", 40_000))
		p.want("HEADERS 1 :path=/a", "DATA 1, 16384 bytes", "DATA 1, 16384 bytes", "DATA 1 end, 7232 bytes")
		p.settings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 20_000})
		l.start("/b", strings.Repeat("x", 25_000))
		p.want("HEADERS 3 :path=/b", "DATA 3, 20000 bytes", "DATA 3 end, 5000 bytes")
	})
}

func TestBodiesWaitForTheStreamWindow(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3})
		synctest.Wait()
		l.start("/a", "abcdefghij")
		p.want("HEADERS 1 :path=/a", "DATA 1 abc")
		p.must(p.fr.WriteWindowUpdate(1, 2))
		p.want("DATA 1 de")
		l.start("/b", "12345")
		p.want("HEADERS 3 :path=/b", "DATA 3 123")
		p.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}) // both are at -2 now
		p.must(p.fr.WriteWindowUpdate(3, 2))
		p.wantSilence()
		p.must(p.fr.WriteWindowUpdate(3, 1))
		p.want("DATA 3 4")
		p.settings2(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 5})
		p.want("SETTINGS ack", "DATA 1 fg", "DATA 3 end 5")
		p.must(p.fr.WriteWindowUpdate(1, 100))
		p.want("DATA 1 end hij")
	})
}

func TestBodiesWaitForTheConnectionWindow(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		synctest.Wait()
		l.start("/a", strings.Repeat("x", defaultWindow-5))
		b := l.start("/b", "1234567890")
		d := l.start("/d", "abc")
		p.want("HEADERS 1 :path=/a", "DATA 1, 16384 bytes", "DATA 1, 16384 bytes", "DATA 1, 16384 bytes", "DATA 1 end, 16378 bytes",
			"HEADERS 3 :path=/b", "DATA 3 12345", "HEADERS 5 :path=/d")
		p.must(p.fr.WriteWindowUpdate(0, 4))
		p.want("DATA 3 6789")
		c.Cancel(b)
		p.want("RST_STREAM 3 CANCEL", "PING 0000000000000001")
		p.must(p.fr.WriteWindowUpdate(0, 100)) // the cancelled call does not take its turn
		p.want("DATA 5 end abc")
		p.ok(5)
		l.ended(d)
	})
}

// What waits is kept small also for a server with vast windows that does not read.
func TestLargeBodiesWaitForTheWriter(t *testing.T) {
	const size = 2 << 20
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet(http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxWindow})
		p.must(p.fr.WriteWindowUpdate(0, 1<<30))
		synctest.Wait()
		l.start("/large", strings.Repeat("x", size))
		l.start("/large", strings.Repeat("x", size))
		synctest.Wait()
		c.mu.Lock()
		if n := len(c.out.b); n > highWater+2*maxFrameSize {
			t.Errorf("%d bytes are waiting", n)
		}
		c.mu.Unlock()
		got := map[uint32]int{}
		for got[1]+got[3] < 2*size {
			f, err := p.fr.ReadFrame()
			p.must(err)
			if f.Header().Type == http2.FrameData {
				got[f.Header().StreamID] += int(f.Header().Length)
			}
		}
		if got[1] != size || got[3] != size {
			t.Error(got)
		}
	})
}

func TestEarlyAnswerStopsTheBody(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3})
		synctest.Wait()
		call := l.start("/a", "abcdef")
		p.want("HEADERS 1 :path=/a", "DATA 1 abc")
		p.headers(1, true, ":status", "413")
		if l.ended(call); call.Err != nil || call.Status != 413 {
			t.Error(call.Status, call.Err)
		}
		p.want("RST_STREAM 1 CANCEL")
		p.must(p.fr.WriteRSTStream(1, http2.ErrCodeNo)) // as RFC 9113, section 8.1 suggests
		p.must(p.fr.WriteWindowUpdate(1, 3))
		p.wantSilence()
	})
}

// The server's windows open again in few, large steps.
func TestWindowsAreGivenBack(t *testing.T) {
	script(t, Config{EarlyStreams: 100, MaxResponseBody: 1 << 20}, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		part := make([]byte, 16_000)
		frames := 0
		ends := 0
		call := &Call{Fields: request("/a"), Done: func(*Call) { ends++ }} // used again and again
		for id := uint32(1); id < 80; id += 2 {
			p.must(c.Start(call))
			p.want(fmt.Sprintf("HEADERS %d end :path=/a", id))
			p.headers(id, false, ":status", "200")
			for i := range 4 {
				p.must(p.fr.WriteDataPadded(id, i == 3, part, make([]byte, 100)))
				if frames++; frames%33 == 0 { // 33 frames are just over half of the window
					p.want("WINDOW_UPDATE 0 +531333")
				}
				if i == 2 {
					p.want(fmt.Sprintf("WINDOW_UPDATE %d +48303", id))
				}
			}
			synctest.Wait()
			if call.Err != nil || len(call.ResponseBody) != 64_000 || ends != int(id+1)/2 {
				t.Fatal(call.Err, ends)
			}
		}
		p.must(c.Start(call))
		p.want("HEADERS 81 end :path=/a")
		p.headers(81, false, ":status", "200")
		for i := range 3 { // the third one would be due, but is the last
			p.must(p.fr.WriteDataPadded(81, i == 2, part, make([]byte, 100)))
		}
		p.wantSilence()
	})
}

func TestServerOverrunsAWindow(t *testing.T) {
	for name, shrink := range map[string]func(*Conn, *Call){
		"of the stream":     func(_ *Conn, call *Call) { call.recvWindow = 10 },
		"of the connection": func(c *Conn, _ *Call) { c.flow.recv = 10 },
	} {
		t.Run(name, func(t *testing.T) {
			script(t, many, func(c *Conn, p *peer, l *ledger) {
				p.greet()
				call := l.start("/a", "")
				p.want("HEADERS 1 end :path=/a")
				p.headers(1, false, ":status", "200")
				synctest.Wait()
				c.mu.Lock()
				shrink(c, call)
				c.mu.Unlock()
				p.must(p.fr.WriteData(1, false, make([]byte, 10)))
				l.open(call)
				p.failed(c, l, call, CodeFlowControl, func() { p.must(p.fr.WriteData(1, true, []byte("x"))) })
			})
		})
	}
}

// DATA of calls that have ended still uses up the window of the connection.
func TestWindowOfEndedCallsIsGivenBack(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		call := l.start("/a", "")
		c.Cancel(call)
		p.want("HEADERS 1 end :path=/a", "RST_STREAM 1 CANCEL", "PING 0000000000000001")
		for range 32 {
			p.must(p.fr.WriteData(1, false, make([]byte, maxFrameSize)))
		}
		p.want("WINDOW_UPDATE 0 +524288")
		if !errors.Is(call.Err, ErrCanceled) {
			t.Error(call.Err)
		}
	})
}

// A large body against small windows takes many WINDOW_UPDATEs, which are no flood.
func TestBodyThroughATinyWindow(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
		synctest.Wait()
		call := l.start("/a", strings.Repeat("x", floodLimit+100))
		p.want("HEADERS 1 :path=/a", "DATA 1 x")
		for range floodLimit + 98 {
			p.must(p.fr.WriteWindowUpdate(1, 1))
			p.want("DATA 1 x")
		}
		p.must(p.fr.WriteWindowUpdate(1, 1))
		p.want("DATA 1 end x")
		p.ok(1)
		if l.ended(call); call.Err != nil {
			t.Error(call.Err)
		}
	})
}
