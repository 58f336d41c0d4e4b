package h2

import (
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// Time: one timer for each connection, for the deadlines of its calls and for PINGs. An idle
// connection without PingAfter has none running. All of it needs the lock.

// sweepEvery is the least time between two looks at the deadlines of all calls.
const sweepEvery = 50 * time.Millisecond

type clock struct {
	timer     *time.Timer
	at        time.Time // when the timer fires; zero when it does not
	sweepAt   time.Time // when to look at the deadlines; zero while no call has one
	lastFrame time.Time
}

// pinger knows the PING that is under way. There is one at a time.
type pinger struct {
	out       bool
	sentAt    time.Time
	serial    uint64 // its content
	newResets int    // streams reset after it was sent,
	oldResets int    // and before
}

// resets is the number of streams that the server may still be working on after we reset them.
func (p *pinger) resets() int { return p.newResets + p.oldResets }

func (c *Conn) startClock() {
	c.clock.lastFrame = time.Now()
	c.clock.timer = time.AfterFunc(math.MaxInt64, c.tick)
	c.clock.timer.Stop()
	if c.cfg.PingAfter > 0 {
		c.clock.arm(c.clock.lastFrame.Add(c.cfg.PingAfter))
	}
}

// arm makes the timer fire at t, or earlier.
func (k *clock) arm(t time.Time) {
	if k.at.IsZero() || t.Before(k.at) {
		k.at = t
		k.timer.Reset(time.Until(t))
	}
}

func (k *clock) stop() { k.timer.Stop() }

// watch sees to it that a call is looked at when its deadline has passed.
func (c *Conn) watch(deadline time.Time) {
	if deadline.IsZero() {
		return
	}
	if c.clock.sweepAt.IsZero() || deadline.Before(c.clock.sweepAt) {
		c.clock.sweepAt = deadline
		c.clock.arm(deadline)
	}
}

// tick runs when the timer fires, on a goroutine of its own.
func (c *Conn) tick() {
	c.mu.Lock()
	defer c.unlock()
	if c.closing {
		return
	}
	now := time.Now()
	c.clock.at = time.Time{}
	if at := c.clock.sweepAt; !at.IsZero() && !now.Before(at) {
		c.sweep(now)
	}
	if c.keepAlive(now); c.closing {
		return
	}
	if !c.clock.sweepAt.IsZero() {
		c.clock.arm(c.clock.sweepAt)
	}
}

// sweep ends the calls whose deadline has passed.
func (c *Conn) sweep(now time.Time) {
	var earliest time.Time
	var late []uint32
	for id, call := range c.streams {
		switch {
		case call.Deadline.IsZero():
		case !call.Deadline.After(now):
			late = append(late, id)
		case earliest.IsZero() || call.Deadline.Before(earliest):
			earliest = call.Deadline
		}
	}
	slices.Sort(late)
	for _, id := range late {
		c.stats.Missed++
		c.reset(c.streams[id], CodeCancel, ErrTimeout)
	}
	if soonest := now.Add(sweepEvery); !earliest.IsZero() && earliest.Before(soonest) {
		earliest = soonest
	}
	c.clock.sweepAt = earliest
}

// keepAlive sends a PING when it is due and gives the connection up when nothing followed one.
func (c *Conn) keepAlive(now time.Time) {
	if c.ping.out {
		c.checkPing(now)
	}
	if c.ping.out || c.cfg.PingAfter <= 0 || c.closing {
		return
	}
	if due := c.clock.lastFrame.Add(c.cfg.PingAfter); now.Before(due) {
		c.clock.arm(due)
	} else {
		c.sendPing()
	}
}

// checkPing looks at a PING that is not answered. A server that sends other frames is alive, if
// odd: then the PING is forgotten, and what its answer would have confirmed is taken for granted.
func (c *Conn) checkPing(now time.Time) {
	due := c.ping.sentAt.Add(c.cfg.PingTimeout)
	switch {
	case now.Before(due):
		c.clock.arm(due)
	case c.clock.lastFrame.After(c.ping.sentAt):
		c.pingAnswered()
	default:
		c.fail(ErrPingTimeout, CodeNo, "")
	}
}

func (c *Conn) sendPing() {
	c.ping.out = true
	c.ping.sentAt = time.Now()
	c.ping.serial++
	c.ping.oldResets, c.ping.newResets = c.ping.newResets, 0
	var data [8]byte
	binary.BigEndian.PutUint64(data[:], c.ping.serial)
	c.out.b = appendPing(c.out.b, data[:], 0)
	c.stats.Pings++
	c.clock.arm(c.ping.sentAt.Add(c.cfg.PingTimeout))
	c.wakeWriter()
}

// pingForResets asks the server to confirm that it has seen our resets.
func (c *Conn) pingForResets() {
	if !c.ping.out && c.ping.newResets > 0 && !c.closing {
		c.sendPing()
	}
}

// pingAnswered frees the room of the streams that were reset before the PING was sent.
func (c *Conn) pingAnswered() {
	c.ping.out = false
	if c.ping.oldResets > 0 {
		c.ping.oldResets = 0
		c.changed = true
	}
	c.pingForResets()
}

func (c *Conn) onPing(h frameHeader, p []byte) error {
	switch {
	case h.stream != 0:
		return protocolError(CodeProtocol, "PING on a stream")
	case len(p) != 8:
		return protocolError(CodeFrameSize, "PING of a wrong length")
	case !h.has(flagAck):
		c.out.b = appendPing(c.out.b, p, flagAck)
		c.wakeWriter()
	case c.ping.out && binary.BigEndian.Uint64(p) == c.ping.serial:
		c.stats.RTT = time.Since(c.ping.sentAt)
		c.pingAnswered()
	}
	return nil
}
