package apnstest

import "math"

// limits knows which limit of concurrent streams binds the client: the highest of the last one it
// has acknowledged and those that are on the way.
type limits struct {
	early   bool  // the last one sent binds at once
	binding int   // that was acknowledged
	sent    []int // not acknowledged; every SETTINGS frame carries a limit
	last    int   // that was sent
	usual   int   // when nothing is wrong
	lowered bool  // after an error
}

// start sets the limit of a new connection, which binds nobody until it is acknowledged.
func (l *limits) start(n int, early bool) {
	l.early = early
	l.usual = n
	l.binding = math.MaxInt
}

// send notes that n was sent.
func (l *limits) send(n int) {
	l.sent = append(l.sent, n)
	l.last = n
	if l.early {
		l.binding = n
	}
}

// ack notes that the oldest one on the way was acknowledged. It reports false when there is none.
func (l *limits) ack() bool {
	if len(l.sent) == 0 {
		return false
	}
	if !l.early {
		l.binding = l.sent[0]
	}
	l.sent = l.sent[1:]
	return true
}

// allowed returns how many streams the client may have open.
func (l *limits) allowed() int {
	n := l.binding
	if l.early {
		return n
	}
	for _, sent := range l.sent {
		n = max(n, sent)
	}
	return n
}
