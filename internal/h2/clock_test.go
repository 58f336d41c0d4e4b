package h2

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

func TestDeadlines(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		begin := time.Now()
		after := make([]time.Duration, 10)
		for i := range after {
			deadline := begin.Add(time.Second + time.Duration(9-i)*20*time.Millisecond)
			call := l.call(fmt.Sprint("/", i), "")
			call.Deadline = deadline
			call.Done = func(call *Call) {
				l.done(call)
				after[i] = time.Since(deadline)
				if !errors.Is(call.Err, ErrTimeout) || !errors.Is(call.Err, os.ErrDeadlineExceeded) || Unprocessed(call.Err) {
					t.Errorf("call %d: %v", i, call.Err)
				}
			}
			p.must(c.Start(call))
			p.want(fmt.Sprintf("HEADERS %d end :path=/%d", 2*i+1, i))
		}
		forever := l.start("/forever", "")
		answered := l.call("/answered", "")
		answered.Deadline = begin.Add(time.Second)
		p.must(c.Start(answered))
		p.want("HEADERS 21 end :path=/forever", "HEADERS 23 end :path=/answered")
		p.ok(23)
		time.Sleep(999 * time.Millisecond)
		l.open(l.calls[9])
		time.Sleep(time.Second)
		synctest.Wait()
		for i, late := range after {
			if late < 0 || late > 100*time.Millisecond {
				t.Errorf("call %d ended %v after its deadline", i, late)
			}
		}
		l.open(forever)
		if l.ended(answered); answered.Err != nil {
			t.Error(answered.Err)
		}
		if s := c.Stats(); s.Missed != 10 {
			t.Errorf("%+v", s)
		}
		p.want("RST_STREAM 19 CANCEL", "PING 0000000000000001", "RST_STREAM 15 CANCEL", "RST_STREAM 17 CANCEL")
		p.ok(21)
		if l.ended(forever); c.Stats().Missed != 10 {
			t.Errorf("%+v", c.Stats())
		}
	})
}

func TestEarlierDeadlineMovesTheTimer(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		late, early, past := l.call("/late", ""), l.call("/early", ""), l.call("/past", "")
		late.Deadline = time.Now().Add(time.Hour)
		early.Deadline = time.Now().Add(time.Minute)
		past.Deadline = time.Now().Add(-time.Hour)
		for _, call := range []*Call{late, early, past} {
			p.must(c.Start(call))
		}
		l.ended(past)
		p.want("HEADERS 1 end :path=/late", "HEADERS 3 end :path=/early", "HEADERS 5 end :path=/past", "RST_STREAM 5 CANCEL",
			"PING 0000000000000001")
		p.must(p.fr.WritePing(true, [8]byte{7: 1}))
		time.Sleep(time.Minute)
		l.ended(early)
		l.open(late)
		p.want("RST_STREAM 3 CANCEL", "PING 0000000000000002")
		p.must(p.fr.WritePing(true, [8]byte{7: 2}))
		time.Sleep(time.Hour)
		l.ended(late)
	})
}

func TestKeepAlive(t *testing.T) {
	script(t, Config{PingAfter: time.Minute, PingTimeout: 5 * time.Second}, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		for i := range 3 {
			p.want(fmt.Sprintf("PING %016x", i+1))
			time.Sleep(30 * time.Millisecond)
			p.must(p.fr.WritePing(true, [8]byte{7: byte(i + 1)}))
		}
		synctest.Wait()
		if s := c.Stats(); s.Pings != 3 || s.RTT != 30*time.Millisecond {
			t.Errorf("%+v", s)
		}
		// Whatever is received puts the next one off.
		time.Sleep(50 * time.Second)
		p.must(p.fr.WritePing(false, [8]byte{1}))
		p.want("PING ack 0100000000000000")
		time.Sleep(50 * time.Second)
		p.wantSilence()
		time.Sleep(10 * time.Second)
		p.want("PING 0000000000000004")
		// Silence ends the connection and all that is on it.
		call := l.start("/a", "")
		p.want("HEADERS 1 end :path=/a")
		sent := time.Now()
		<-c.Done()
		if d := time.Since(sent); d.Round(time.Millisecond) != 5*time.Second {
			t.Errorf("given up after %v", d)
		}
		if l.ended(call); !errors.Is(call.Err, ErrPingTimeout) || c.Err() != ErrPingTimeout || Unprocessed(call.Err) {
			t.Error(call.Err, c.Err())
		}
		p.want("GOAWAY 0 NO_ERROR")
	})
}

func TestNoPingUnlessWanted(t *testing.T) {
	script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		time.Sleep(24 * time.Hour)
		p.wantSilence()
	})
}

// A missed deadline finds out whether the connection is dead, also without PingAfter.
func TestSilentDeathIsFoundAfterAMissedDeadline(t *testing.T) {
	script(t, Config{PingTimeout: 7 * time.Second}, func(c *Conn, p *peer, l *ledger) {
		p.greet(limit(10))
		synctest.Wait()
		late, other := l.call("/late", ""), l.start("/other", "")
		late.Deadline = time.Now().Add(10 * time.Second)
		p.must(c.Start(late))
		begin := time.Now()
		<-c.Done()
		if d := time.Since(begin); d != 17*time.Second {
			t.Errorf("found after %v", d)
		}
		if !errors.Is(late.Err, ErrTimeout) || !errors.Is(other.Err, ErrPingTimeout) {
			t.Error(late.Err, other.Err)
		}
	})
}

// A server that answers calls but no PING is odd, not dead, and gets back the room of reset calls.
func TestServerWithoutPing(t *testing.T) {
	script(t, Config{PingTimeout: time.Second}, func(c *Conn, p *peer, l *ledger) {
		p.greet(limit(2))
		synctest.Wait()
		a, b := l.start("/a", ""), l.start("/b", "")
		c.Cancel(a)
		time.Sleep(500 * time.Millisecond)
		p.ok(3)
		l.ended(b)
		wantRoom(t, c, 1)
		time.Sleep(501 * time.Millisecond)
		wantRoom(t, c, 2)
		if c.Err() != nil {
			t.Error(c.Err())
		}
	})
}

func TestWriteTimeout(t *testing.T) {
	script(t, Config{EarlyStreams: 1000, WriteTimeout: 3 * time.Second}, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		body := make([]byte, 60_000)
		p.must(p.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30}))
		p.must(p.fr.WriteWindowUpdate(0, 1<<30))
		synctest.Wait()
		begin := time.Now()
		for range 3 { // more than the line holds
			l.start("/a", string(body))
		}
		synctest.Wait()
		late := l.start("/late", "")
		<-c.Done()
		if d := time.Since(begin); d < 3*time.Second || d > 3*time.Second+closeGrace {
			t.Errorf("given up after %v", d)
		}
		if e, ok := errors.AsType[*LostError](c.Err()); !ok || !errors.Is(e, os.ErrDeadlineExceeded) {
			t.Error(c.Err())
		}
		if l.ended(late); !Unprocessed(late.Err) {
			t.Errorf("a call that was never written: %v", late.Err)
		}
		if first := l.ended(l.calls[0]); Unprocessed(first.Err) {
			t.Errorf("a call that may have been written: %v", first.Err)
		}
	})
}
