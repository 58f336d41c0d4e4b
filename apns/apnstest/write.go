package apnstest

import (
	"time"

	"golang.org/x/net/http2"
)

// writeLoop sends what the reader and others have put into out, and answers that were delayed.
func (c *conn) writeLoop() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var buf []byte
	for {
		c.mu.Lock()
		now := time.Now()
		wait := c.dueNow(now)
		if hold := c.holdTo.Sub(now); hold > 0 {
			buf, wait = buf[:0], hold
		} else {
			buf, c.out = c.out, buf[:0]
			c.quota.sent()
		}
		hangUp := c.ending && len(c.out) == 0
		c.mu.Unlock()
		if len(buf) > 0 {
			if _, err := c.tls.Write(buf); err != nil {
				c.kill()
				return
			}
		}
		if hangUp {
			c.closeWrite() // the reader sees to the rest
			return
		}
		timer.Reset(wait)
		select {
		case <-c.wake:
		case <-timer.C:
		case <-c.gone:
			return
		}
	}
}

// dueNow does what was to be done by now, and returns how long there is nothing to do. The caller
// holds mu.
func (c *conn) dueNow(now time.Time) time.Duration {
	wait := time.Hour
	for !c.silent && !c.ending {
		item, in, ok := c.later.next(now)
		if !ok {
			wait = min(wait, in)
			break
		}
		c.isDue(item)
	}
	if idle := c.srv.opts.IdleTimeout; idle > 0 && !c.leaving && !c.silent && !c.ending {
		left := idle - now.Sub(c.heard)
		if left <= 0 {
			c.goAway(c.lastID, http2.ErrCodeNo, "IdleTimeout")
			c.doneEnds = true
			c.endWhenDone()
			return wait
		}
		wait = min(wait, left)
	}
	return wait
}

// writeSettings tells a limit of concurrent streams with everything else that APNs tells.
func (c *conn) writeSettings(limit int) {
	c.limits.send(limit)
	c.must(c.fr.WriteSettings(
		http2.Setting{ID: http2.SettingHeaderTableSize, Val: tableSize},
		http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: uint32(limit)},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: windowSize},
		http2.Setting{ID: http2.SettingMaxFrameSize, Val: frameSize},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: headerList},
	))
}

// writeLimit tells a changed limit, if it is one.
func (c *conn) writeLimit(limit int) {
	c.limits.send(limit)
	c.must(c.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: uint32(limit)}))
	c.log("the limit of streams is %d", limit)
}

// goAway says GOAWAY with a reason in JSON, or with nothing.
func (c *conn) goAway(last uint32, code http2.ErrCode, reason string) {
	c.writeGoAway(last, code, goAwayBody(reason))
}

// writeGoAway says GOAWAY. Streams above last are dropped, also those yet to come.
func (c *conn) writeGoAway(last uint32, code http2.ErrCode, debug string) {
	c.leaving = true
	c.barID = last
	c.forgetAbove(last)
	c.must(c.fr.WriteGoAway(last, code, []byte(debug)))
	c.srv.count(func(st *Stats) { st.GoAways++ })
	c.log("GOAWAY last=%d code=%v %q", last, code, debug)
}

// resetStream says RST_STREAM and closes the stream.
func (c *conn) resetStream(id uint32, code http2.ErrCode) {
	c.must(c.fr.WriteRSTStream(id, code))
	if st := c.streams[id]; st != nil {
		c.endStream(st)
	}
}
