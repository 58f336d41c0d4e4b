package apns

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats counts what a client has done since it was made, and shows what it is doing.
type Stats struct {
	Connections int // open
	InFlight    int // pushes sent and not answered
	Queued      int // pushes that wait for room or for another push to the same device, or share its outcome

	Accepted uint64            // pushes
	Refused  map[Reason]uint64 // pushes, by reason; "" is no reason given
	Lost     uint64            // tries that got no answer
	Retried  uint64            // tries made again

	Dials       uint64 // connections tried
	DialsFailed uint64 // failed or ended before the first answer, or not tried for want of a valid certificate
	GoAways     uint64 // connections that the service ended
}

// counters are the sums behind Stats.
type counters struct {
	accepted, lost, retried, dials, dialsFailed, goAways atomic.Uint64

	mu      sync.Mutex
	refused map[Reason]uint64
}

// count notes the end of a try.
func (c *counters) count(j *job) {
	switch err := j.err.(type) {
	case nil:
		c.accepted.Add(1)
	case *Error:
		c.mu.Lock()
		if c.refused == nil {
			c.refused = map[Reason]uint64{}
		}
		c.refused[err.Reason]++
		c.mu.Unlock()
	default:
		c.lost.Add(1)
	}
}

// Stats returns a snapshot. It does no I/O.
func (c *Client) Stats() Stats {
	p := c.pool
	s := Stats{
		Accepted: p.stats.accepted.Load(), Lost: p.stats.lost.Load(), Retried: p.stats.retried.Load(),
		Dials: p.stats.dials.Load(), DialsFailed: p.stats.dialsFailed.Load(), GoAways: p.stats.goAways.Load(),
	}
	p.stats.mu.Lock()
	s.Refused = maps.Clone(p.stats.refused)
	p.stats.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Connections = len(p.live)
	for _, conn := range p.live {
		s.InFlight += conn.h2.Stats().InFlight
	}
	s.Queued = max(p.open-s.InFlight, 0)
	return s
}
