package h2

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func limit(n uint32) http2.Setting {
	return http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: n}
}

func wantRoom(t testing.TB, c *Conn, want int) {
	t.Helper()
	synctest.Wait()
	if got := c.Room(); got != want {
		t.Errorf("room %d, want %d", got, want)
	}
}

func TestRoomBeforeAndAfterSettings(t *testing.T) {
	script(t, Config{MaxStreams: 7}, func(c *Conn, p *peer, l *ledger) {
		wantRoom(t, c, 1)
		l.start("/probe", "")
		wantRoom(t, c, 0)
		l.refused(ErrNoRoom)
		p.preface()
		p.want("HEADERS 1 end :path=/probe")
		p.settings(limit(5))
		wantRoom(t, c, 4)
		p.settings(http2.Setting{ID: 0x99, Val: 1}) // unknown, and no word of the limit
		wantRoom(t, c, 4)
		p.settings(limit(1000))
		wantRoom(t, c, 6)
		p.ok(1)
		wantRoom(t, c, 7)
		if s := c.Stats(); !s.SettingsSeen || s.StreamLimit != 1000 || s.Streams != 1 || s.InFlight != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestNoLimitInSettings(t *testing.T) {
	script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		wantRoom(t, c, 1000)
	})
}

// APNs lowers the limit to 1 after a rejected push and restores it after an accepted one.
func TestLimitLoweredToOneAndRaised(t *testing.T) {
	script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
		p.greet(limit(4))
		synctest.Wait()
		for i := range 4 {
			l.start(fmt.Sprint("/", i), "")
		}
		p.want("HEADERS 1 end :path=/0", "HEADERS 3 end :path=/1", "HEADERS 5 end :path=/2", "HEADERS 7 end :path=/3")
		p.settings(limit(1))
		wantRoom(t, c, 0)
		p.ok(1, 3, 5)
		wantRoom(t, c, 0)
		l.refused(ErrNoRoom)
		p.ok(7)
		wantRoom(t, c, 1)
		p.settings(limit(0))
		wantRoom(t, c, 0)
		p.settings(limit(1))
		l.start("/alone", "")
		p.want("HEADERS 9 end :path=/alone")
		wantRoom(t, c, 0)
		p.settings(limit(500))
		wantRoom(t, c, 499)
		p.ok(9)
		wantRoom(t, c, 500)
	})
}

// A waiter that only listens to OnChange misses nothing.
func TestOnChange(t *testing.T) {
	var c *Conn
	var changes atomic.Int32
	cfg := Config{OnChange: func() {
		changes.Add(1)
		_ = c.Room() // needs the lock
	}}
	synctest.Test(t, func(t *testing.T) {
		var p *peer
		c, p = newPair(t, cfg)
		l := &ledger{t: t, c: c}
		changed := func(what string) {
			t.Helper()
			synctest.Wait()
			if changes.Swap(0) == 0 {
				t.Errorf("OnChange was not called after %s", what)
			}
		}
		p.greet(limit(4))
		changed("SETTINGS")
		l.start("/a", "")
		l.start("/b", "")
		b := l.start("/c", "")
		synctest.Wait()
		if n := changes.Load(); n != 0 {
			t.Errorf("OnChange was called %d times after Start", n)
		}
		p.ok(1)
		changed("an answer")
		p.settings2(limit(9))
		changed("a new limit")
		c.Cancel(b)
		changed("Cancel")
		p.must(p.fr.WritePing(true, [8]byte{7: 1}))
		changed("the answer to the PING after a reset")
		p.must(p.fr.WriteGoAway(3, 0, nil))
		changed("GOAWAY")
		p.ok(3)
		changed("the end")
		<-c.Done()
		l.check()
	})
}

// settings2 sends SETTINGS and does not wait for the acknowledgement.
func (p *peer) settings2(settings ...http2.Setting) { p.must(p.fr.WriteSettings(settings...)) }

// A call that we reset counts until the server has answered the PING after it.
func TestResetCallsCountUntilConfirmed(t *testing.T) {
	script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
		p.greet(limit(3))
		synctest.Wait()
		a, b, d := l.start("/a", ""), l.start("/b", ""), l.start("/d", "")
		p.want("HEADERS 1 end :path=/a", "HEADERS 3 end :path=/b", "HEADERS 5 end :path=/d")
		c.Cancel(a)
		p.want("RST_STREAM 1 CANCEL", "PING 0000000000000001")
		c.Cancel(b)
		c.Cancel(d)
		c.Cancel(d) // has ended: nothing happens
		p.want("RST_STREAM 3 CANCEL", "RST_STREAM 5 CANCEL")
		wantRoom(t, c, 0)
		if s := c.Stats(); s.InFlight != 0 || s.Resetting != 3 {
			t.Errorf("%+v", s)
		}
		p.must(p.fr.WritePing(true, [8]byte{7: 99})) // not ours
		wantRoom(t, c, 0)
		p.must(p.fr.WritePing(true, [8]byte{7: 1}))
		p.want("PING 0000000000000002")
		wantRoom(t, c, 1)
		p.must(p.fr.WritePing(true, [8]byte{7: 2}))
		wantRoom(t, c, 3)
		p.ok(1) // too late, and harmless
		if l.ended(a); !errors.Is(a.Err, ErrCanceled) {
			t.Error(a.Err)
		}
	})
}

func TestHeaderListLimit(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		// method 43, scheme 44, authority 51, path 39: as RFC 9113 counts them
		p.greet(http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 177})
		synctest.Wait()
		fits := l.start("/a", "")
		p.want("HEADERS 1 end :path=/a")
		err := c.Start(&Call{Fields: append(request("/a"), hpack.HeaderField{Name: "x"})})
		if err != ErrFieldsTooLarge || !Unprocessed(err) {
			t.Error(err)
		}
		p.ok(1)
		l.ended(fits)
	})
}

func TestStreamIDsRunOut(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet(limit(10))
		synctest.Wait()
		c.mu.Lock()
		c.nextID = maxStreamID - 2
		c.mu.Unlock()
		a, b := l.start("/a", ""), l.start("/b", "")
		p.want("HEADERS 2147483645 end :path=/a", "HEADERS 2147483647 end :path=/b")
		wantRoom(t, c, 0)
		l.refused(ErrDraining)
		p.ok(maxStreamID, maxStreamID-2)
		l.ended(a)
		l.ended(b)
		p.want("GOAWAY 0 NO_ERROR")
		p.wantEnd()
		if a.Err != nil || b.Err != nil || c.Err() != ErrClosed {
			t.Error(a.Err, b.Err, c.Err())
		}
	})
}
