package apnstest

import "golang.org/x/net/http2"

// quota is the flow control window of what a client sends on a connection. Bytes that are given back
// count only when the client can have heard of them.
type quota struct {
	left  int // what the client may send as far as it knows
	owed  int // received and not yet given back
	given int // given back, not yet sent
}

// sent notes that everything written so far is on its way.
func (q *quota) sent() {
	q.left += q.given
	q.given = 0
}

// allow counts received bytes against the window of the connection, and gives them back in large
// portions. It reports false when the client has sent too much, which ends the connection.
func (c *conn) allow(n int) bool {
	q := &c.quota
	q.left -= n
	if q.left < 0 {
		c.connError(http2.ErrCodeFlowControl, "more was sent than the window of the connection allows")
		return false
	}
	q.owed += n
	if q.owed >= allowMore {
		c.must(c.fr.WriteWindowUpdate(0, uint32(q.owed)))
		q.given += q.owed
		q.owed = 0
	}
	return true
}
