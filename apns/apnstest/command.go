package apnstest

import "golang.org/x/net/http2"

// GoAway says GOAWAY on every connection, without an error: streams opened so far are answered,
// later ones are ignored, and the connections stay open until the clients close them. A reason
// such as "Shutdown" comes as JSON; an empty one is no data.
func (s *Server) GoAway(reason string) {
	s.each(func(c *conn) { c.goAway(c.lastID, http2.ErrCodeNo, reason) })
}

// SetStreamLimit tells every connection that n streams may be open at once, and tells new ones the
// same. n may be 0.
func (s *Server) SetStreamLimit(n int) {
	s.mu.Lock()
	s.limit = n
	s.mu.Unlock()
	s.each(func(c *conn) {
		c.limits.usual, c.limits.lowered = n, false
		c.writeLimit(n)
	})
}

// Silence lets every connection die without a sign, like the fault of that name.
func (s *Server) Silence() {
	s.each(func(c *conn) {
		c.silent = true
		c.log("falls silent")
	})
}

// Disconnect closes every connection without GOAWAY.
func (s *Server) Disconnect() { s.each(func(c *conn) { c.ending = true }) }

// Reset resets every connection.
func (s *Server) Reset() {
	s.each(func(c *conn) {
		c.ending = true
		reset(c.raw)
	})
}
