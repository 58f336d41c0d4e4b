package h2

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

func TestGoAway(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		a, b, d := l.start("/a", ""), l.start("/b", ""), l.start("/d", "")
		p.want("HEADERS 1 end :path=/a", "HEADERS 3 end :path=/b", "HEADERS 5 end :path=/d")
		p.must(p.fr.WriteGoAway(3, http2.ErrCodeEnhanceYourCalm, []byte("Maximum active streams violated")))
		l.ended(d)
		l.open(a)
		l.open(b)
		if e, ok := errors.AsType[*GoAwayError](d.Err); !ok || e.LastStreamID != 3 || e.Code != CodeEnhanceYourCalm ||
			string(e.Debug) != "Maximum active streams violated" || !Unprocessed(d.Err) {
			t.Errorf("above the last stream: %v", d.Err)
		}
		l.refused(ErrDraining)
		wantRoom(t, c, 0)
		if c.Err() != nil || !c.Stats().Draining || c.Stats().GoAway == nil {
			t.Error("Err before the end:", c.Err())
		}
		p.ok(1)
		if l.ended(a); a.Err != nil || a.Status != 200 {
			t.Errorf("below the last stream: %v", a.Err)
		}
		_ = p.conn.Close() // without an answer to b
		l.ended(b)
		if e, ok := errors.AsType[*GoAwayError](b.Err); !ok || e.Code != CodeEnhanceYourCalm || Unprocessed(b.Err) {
			t.Errorf("the last stream: %v", b.Err)
		}
		<-c.Done()
		if _, ok := errors.AsType[*GoAwayError](c.Err()); !ok {
			t.Error(c.Err())
		}
		l.refused(ErrClosed)
	})
}

// A rejected push certificate: GOAWAY without an answer, even before SETTINGS, the reason as JSON.
func TestGoAwayBeforeAnything(t *testing.T) {
	const reason = `{"reason":"BadCertificateEnvironment"}`
	for name, greet := range map[string]func(p *peer){
		"after SETTINGS":  func(p *peer) { p.greet() },
		"before SETTINGS": func(p *peer) { p.preface() },
	} {
		t.Run(name, func(t *testing.T) {
			script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
				greet(p)
				call := l.start("/a", "body")
				p.want("HEADERS 1 :path=/a", "DATA 1 end body")
				p.must(p.fr.WriteGoAway(0, http2.ErrCodeNo, []byte(reason)))
				l.ended(call)
				e, ok := errors.AsType[*GoAwayError](call.Err)
				if !ok || string(e.Debug) != reason || !Unprocessed(call.Err) || !strings.Contains(call.Err.Error(), "BadCertificateEnvironment") {
					t.Errorf("%v", call.Err)
				}
				p.want("GOAWAY 0 NO_ERROR")
				p.wantEnd()
				<-c.Done()
			})
		})
	}
}

func TestTwoGoAways(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		a, b := l.start("/a", ""), l.start("/b", "")
		p.must(p.fr.WriteGoAway(maxStreamID, http2.ErrCodeInternal, []byte(`{"reason":"Shutdown"}`)))
		l.open(a)
		l.open(b)
		p.must(p.fr.WriteGoAway(1, http2.ErrCodeNo, nil))
		p.must(p.fr.WriteGoAway(7, http2.ErrCodeNo, nil)) // may not rise again
		l.ended(b)
		l.open(a)
		e, ok := errors.AsType[*GoAwayError](b.Err)
		if !ok || e.LastStreamID != 1 || e.Code != CodeInternal || string(e.Debug) != `{"reason":"Shutdown"}` || !Unprocessed(b.Err) {
			t.Errorf("%v", b.Err)
		}
		if g := c.Stats().GoAway; g.LastStreamID != 1 {
			t.Errorf("%v", g)
		}
		p.ok(1)
		l.ended(a)
		<-c.Done()
	})
}

func TestGoAwayOnAnIdleConnection(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		p.must(p.fr.WriteGoAway(0, http2.ErrCodeNo, nil))
		p.want("GOAWAY 0 NO_ERROR")
		p.wantEnd()
		<-c.Done()
		if got := c.Err().Error(); got != "h2: the server sent GOAWAY (NO_ERROR, last stream 0)" {
			t.Error(got)
		}
	})
}

func TestDrain(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		a := l.start("/a", "")
		p.want("HEADERS 1 end :path=/a")
		c.Drain()
		c.Drain()
		l.refused(ErrDraining)
		wantRoom(t, c, 0)
		l.open(a)
		p.ok(1)
		if l.ended(a); a.Err != nil {
			t.Error(a.Err)
		}
		p.want("GOAWAY 0 NO_ERROR")
		p.wantEnd()
		<-c.Done()
		if c.Err() != ErrClosed {
			t.Error(c.Err())
		}
		c.Drain()
	})
}

func TestDrainOfAnIdleConnection(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		c.Drain()
		p.want("GOAWAY 0 NO_ERROR")
		p.wantEnd()
		<-c.Done()
	})
}

func TestClose(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		a := l.start("/a", "")
		p.want("HEADERS 1 end :path=/a")
		b := l.call("/b", "")
		p.must(c.Start(b))
		p.must(c.Close())
		l.ended(a)
		l.ended(b)
		if !errors.Is(a.Err, ErrClosed) || Unprocessed(a.Err) {
			t.Errorf("written: %v", a.Err)
		}
		if !errors.Is(b.Err, ErrClosed) {
			t.Error(b.Err)
		}
		p.want("HEADERS 3 end :path=/b", "GOAWAY 0 NO_ERROR")
		p.wantEnd()
		<-c.Done()
		l.refused(ErrClosed)
		p.must(c.Close())
	})
}

func TestCloseWithinDone(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		a := l.call("/a", "")
		a.Done = func(call *Call) {
			l.done(call)
			p.must(c.Close())
		}
		p.must(c.Start(a))
		b := l.start("/b", "")
		p.ok(1, 3)
		l.ended(a)
		l.ended(b)
		<-c.Done()
	})
}

// A connection whose peer takes nothing closes all the same.
func TestCloseWhileAWriteIsStuck(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		p.must(p.fr.WriteWindowUpdate(0, 1<<30))
		synctest.Wait()
		for range 3 {
			l.start("/a", strings.Repeat("x", 60_000))
		}
		synctest.Wait()
		begin := time.Now()
		p.must(c.Close())
		<-c.Done()
		if d := time.Since(begin); d > 2*closeGrace {
			t.Errorf("took %v", d)
		}
	})
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		`h2: the server sent GOAWAY (NO_ERROR, last stream 5): "{\"reason\":\"Shutdown\"}" (the call was not processed)`: &unprocessed{
			&GoAwayError{LastStreamID: 5, Debug: []byte(`{"reason":"Shutdown"}`)}},
		"h2: protocol error of the server: a push (PROTOCOL_ERROR)": protocolError(CodeProtocol, "a push"),
		"h2: connection lost: broken pipe":                          &LostError{syscall.EPIPE},
	} {
		if got := err.Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for code, want := range map[ErrCode]string{0: "NO_ERROR", 13: "HTTP_1_1_REQUIRED", 14: "error code 0xe"} {
		if got := code.String(); got != want {
			t.Errorf("code %d: %s", code, got)
		}
	}
	for _, err := range []error{nil, io.EOF, ErrClosed, ErrTimeout, ErrCanceled, &StreamError{Code: CodeRefusedStream}} {
		if Unprocessed(err) {
			t.Errorf("%v is not surely unprocessed", err)
		}
	}
}

func TestCallsDoNotPrintWhatTheyAskFor(t *testing.T) {
	call := &Call{Fields: request("/3/device/0011secret"), Body: []byte(`{"mdm":"secret"}`), Status: 200}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if got := fmt.Sprintf(verb, call); got != "call: status 200" {
			t.Errorf("%s: %s", verb, got)
		}
	}
	call.Err = ErrTimeout
	if got := fmt.Sprint(call); got != "call: "+ErrTimeout.Error() {
		t.Error(got)
	}
}

// farewell is a connection as TLS over one that takes nothing any more: Close says goodbye first, and
// gets stuck with it.
type farewell struct {
	net.Conn
	closed chan struct{}
}

type floor struct {
	net.Conn
	closed chan struct{}
}

func (f floor) Close() error {
	close(f.closed)
	return f.Conn.Close()
}

func (f farewell) NetConn() net.Conn { return floor(f) }

func (f farewell) Close() error {
	<-f.closed
	return nil
}

func TestASlowFarewellIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c := New(farewell{near, make(chan struct{})}, Config{})
		start := time.Now()
		c.Close()
		<-c.Done()
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}
