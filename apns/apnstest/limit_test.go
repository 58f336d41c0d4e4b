package apnstest

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const tooMany = "goaway %d REFUSED_STREAM Maximum active streams violated for this endpoint."

func TestStreamLimit(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		c.noAck = true
		srv.SetStreamLimit(2)
		c.want("settings 2")
		for range 3 { // allowed: the limit is not acknowledged
			c.headers(good(), false)
		}
		c.settle()
		c.try(c.fr.WriteSettingsAck())
		c.settle() // allowed: these streams were there before
		c.headers(good(), false)
		c.want(fmt.Sprintf(tooMany, 5), "closed")
		checkViolation(t, srv, "stream 7: more than 2 concurrent streams")
		if n := srv.Stats().MostStreams; n != 3 {
			t.Errorf("most streams = %d", n)
		}

		c = dialRaw(t, srv)
		c.want("settings 2", "settings ack")
		srv.SetStreamLimit(5)
		for range 5 { // allowed as soon as it is sent
			c.headers(good(), false)
		}
		c.settleAfter("settings 5")
	})
}

// settleAfter is settle with other frames before.
func (c *raw) settleAfter(frames ...string) {
	c.t.Helper()
	c.want(frames...)
	c.settle()
}

func TestEnforceEarly(t *testing.T) {
	bubble(t, Options{EnforceEarly: true, MaxStreams: 1000}, func(t *testing.T, srv *Server, c *raw) {
		c.headers(good(), false)
		c.headers(good(), false)
		c.settle()
		srv.SetStreamLimit(2)
		c.headers(good(), false)
		c.want("settings 2", fmt.Sprintf(tooMany, 3), "closed")
	})
}

func TestLimitAfterError(t *testing.T) {
	bubble(t, Options{LimitAfterError: 1}, func(t *testing.T, srv *Server, c *raw) {
		bad := with(good(), ":path", "/3/device/abcd")
		refused := `{"reason":"BadDeviceToken"} end`
		srv.AddToken(topic, "dead", magic)
		srv.Unregister("dead", time.UnixMilli(1))
		c.push(with(good(), ":path", "/3/device/dead"), body(magic))
		c.want("headers 1 410", `data 1 {"reason":"Unregistered","timestamp":1} end`)
		c.push(bad, body(magic))
		c.want("headers 3 400", "data 3 "+refused, "settings 1")
		c.push(bad, body(magic))
		c.want("headers 5 400", "data 5 "+refused)
		c.goodPush()
		c.want("headers 7 200 end", "settings 1000")
		c.goodPush()
		c.want("headers 9 200 end")
		c.push(bad, body(magic))
		c.want("headers 11 400", "data 11 "+refused, "settings 1")
		c.settle()
		c.headers(good(), false)
		c.headers(good(), false)
		c.want(fmt.Sprintf(tooMany, 13), "closed")
	})
}

func TestMaxErrors(t *testing.T) {
	bubble(t, Options{MaxErrors: 2}, func(t *testing.T, srv *Server, c *raw) {
		bad := with(good(), ":path", "/3/device/abcd")
		waiting := c.headers(good(), false)
		c.reply(bad, body(magic))
		c.goodPush()
		c.want("headers 5 200 end")
		c.push(bad, body(magic))
		c.want("headers 7 400", `data 7 {"reason":"BadDeviceToken"} end`, "goaway 7 NO_ERROR ")
		c.goodPush() // too late
		c.try(c.fr.WriteData(waiting, true, []byte(body(magic))))
		c.want("headers 1 200 end", "closed")
	})
}

func TestGoAwayCommand(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		idle := dialRaw(t, srv).hello()
		c.headers(good(), false)
		c.settle()
		srv.GoAway("Shutdown")
		c.want(`goaway 1 NO_ERROR {"reason":"Shutdown"}`)
		idle.want(`goaway 0 NO_ERROR {"reason":"Shutdown"}`, "silence") // not closed
		c.goodPush()                                                    // ignored, but decoded
		c.try(c.fr.WriteData(1, true, []byte(body(magic))))
		c.want("headers 1 200 end")
		c.settle()
		if n := srv.Stats().Pushes; n != 1 {
			t.Errorf("%d pushes", n)
		}
		fresh := dialRaw(t, srv).hello()
		fresh.goodPush()
		fresh.want("headers 1 200 end")
	})
}

// GOAWAY in the middle of a burst: those below are answered, those above are not.
func TestGoAwayInBurst(t *testing.T) {
	for kind, answered := range map[Kind]int{GoAwayBefore: 3, GoAwayAfter: 4} {
		t.Run(kind.String(), func(t *testing.T) {
			bubble(t, Options{Latency: time.Second}, func(t *testing.T, srv *Server, c *raw) {
				srv.Fail(Fault{Kind: kind, Skip: 3})
				for range 10 {
					c.goodPush()
				}
				c.want(fmt.Sprintf("goaway %d NO_ERROR ", 2*answered-1))
				for i := range answered {
					c.want(fmt.Sprintf("headers %d 200 end", 2*i+1))
				}
				c.want("closed")
				if n := srv.Stats().Accepted; n != answered {
					t.Errorf("accepted %d", n)
				}
			})
		})
	}
}

func TestDisconnectAndReset(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		srv.Disconnect()
		c.want("closed")
		other := dialRaw(t, srv).hello()
		srv.Reset()
		other.want("reset")
		_ = c.conn.NetConn().Close()
		synctest.Wait()
		if st := srv.Stats(); st.Open != 0 || st.Dials != 2 {
			t.Errorf("stats = %+v", st)
		}
	})
}

func TestIdleTimeout(t *testing.T) {
	bubble(t, Options{IdleTimeout: time.Hour}, func(t *testing.T, srv *Server, c *raw) {
		time.Sleep(59 * time.Minute)
		c.settle()
		time.Sleep(59 * time.Minute)
		c.settle()
		time.Sleep(time.Hour + time.Second)
		c.want(`goaway 0 NO_ERROR {"reason":"IdleTimeout"}`, "closed")
	})
}

// An answer larger than the client's windows comes as they open.
func TestFlowControlOfAnswers(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		text := strings.Repeat("x", 100_000)
		srv.Fail(Fault{Status: 500, Body: text})
		srv.Fail(Fault{Status: 500, Body: text, Kind: Padded})
		srv.Fail(Fault{Status: 500, Body: "drop by drop", Kind: Drip})
		c.goodPush()
		got := c.receive(65535)
		c.want("silence")
		c.try(c.fr.WriteWindowUpdate(0, 40_000))
		c.want("silence")
		c.try(c.fr.WriteWindowUpdate(1, 10_000))
		got += c.receive(10_000)
		// A setting changes the windows of open streams.
		c.setting(4, 65535+30_000)
		c.want("settings ack")
		got += c.receive(100_000 - 75_535)
		if got != text {
			t.Errorf("%d bytes", len(got))
		}
		c.try(c.fr.WriteWindowUpdate(0, 1_000_000))
		c.setting(5, 20_000)
		c.want("settings ack")
		srv.AddToken(topic, "dead", magic)
		c.goodPush()
		n := 0
		for n < 90_000 {
			frame := c.next()
			if strings.HasPrefix(frame, "data 3 ") {
				n += len(frame) - len("data 3 ")
			}
			if strings.HasSuffix(frame, " end") {
				break
			}
		}
		// No window at all: a body that drips waits for it.
		c.setting(4, 0)
		c.goodPush()
		for frame := c.next(); frame != "headers 5 200"; frame = c.next() {
			if strings.HasPrefix(frame, "closed") {
				t.Fatal(frame)
			}
		}
		c.want("silence")
		c.setting(4, 1000)
		c.want("settings ack")
		c.want("data 5 d", "data 5 r")
	})
}

// setting sends SETTINGS with one value.
func (c *raw) setting(id byte, value uint32) {
	c.try(c.fr.WriteRawFrame(4, 0, 0, []byte{0, id, byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}))
}

// receive reads n bytes of the body on stream 1.
func (c *raw) receive(n int) string {
	c.t.Helper()
	var all strings.Builder
	for all.Len() < n {
		frame := c.next()
		if text, ok := strings.CutPrefix(frame, "data 1 "); ok {
			all.WriteString(strings.TrimSuffix(text, " end"))
		} else if !strings.HasPrefix(frame, "headers 1") {
			c.t.Fatalf("after %d bytes: %q", all.Len(), frame)
		}
	}
	return all.String()
}

// A client that has no room for the dynamic table gets none of it.
func TestHeaderTableSize(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		c.dec.SetAllowedMaxDynamicTableSize(0)
		c.setting(1, 0)
		c.want("settings ack")
		for i := range 20 {
			c.goodPush()
			c.want(fmt.Sprintf("headers %d 200 end", 2*i+1))
		}
	})
}
