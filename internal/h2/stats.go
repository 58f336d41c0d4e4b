package h2

import "time"

// Stats is a snapshot of a connection, for those who watch or choose among connections.
type Stats struct {
	InFlight  int    // calls under way
	Resetting int    // calls that ended from our side, which the server has not confirmed
	Streams   uint64 // calls accepted so far
	Missed    uint64 // calls that ended by their deadline

	FramesIn  uint64
	FramesOut uint64 // HEADERS and DATA
	BytesIn   int64
	BytesOut  int64
	Writes    uint64        // calls of Write on the connection
	Pings     uint64        // sent by us
	RTT       time.Duration // of the last PING that was answered; 0 before

	SettingsSeen bool         // the server's SETTINGS have arrived
	StreamLimit  uint32       // its MAX_CONCURRENT_STREAMS; the largest uint32 when it names none
	Draining     bool         // no new calls are taken
	GoAway       *GoAwayError // the GOAWAY that was received, or nil
}

// Stats returns a snapshot.
func (c *Conn) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.InFlight = len(c.streams)
	s.Resetting = c.ping.resets()
	s.BytesOut = c.handed
	s.SettingsSeen = c.peer.seen
	s.StreamLimit = c.peer.maxStreams
	s.Draining = c.draining != nil || c.closing
	s.GoAway = c.goAway
	return s
}
