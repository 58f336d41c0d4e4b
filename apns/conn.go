package apns

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/applemdm/applemdm/internal/h2"
)

// conn is one connection of a pool. Until its first answer it carries one push only, the probe: the
// server judges the certificate after the handshake, and tells its limits.
type conn struct {
	h2       *h2.Conn
	cert     *Certificate
	opened   time.Time
	answered atomic.Bool // it has brought an answer
	probing  atomic.Bool // the probe is taken
}

// answerTimeout is how long one connection has for the answer to one push. What gets none is sent
// again elsewhere.
const answerTimeout = 15 * time.Second

// maxMissed is how many pushes in a row may stay without an answer before a connection is replaced.
const maxMissed = 5

// start sends a job on the connection, if it has room.
func (c *conn) start(j *job) bool {
	probe := !c.answered.Load()
	if probe && !c.probing.CompareAndSwap(false, true) {
		return false
	}
	j.conn, j.call.Deadline = c, earlier(j.deadline, time.Now().Add(answerTimeout))
	j.tries++
	if err := c.h2.Start(&j.call); err != nil {
		j.tries--
		if probe {
			c.probing.Store(false)
		}
		return false
	}
	return true
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// failure says why a connection is of no more use, or nil while it is, or when it ended for good.
func (c *conn) failure() error {
	err := c.h2.Err()
	if err == nil || errors.Is(err, h2.ErrClosed) {
		return nil
	}
	return explain(err)
}

// explain gives the end of a connection the sentinel of its cause, where it is one.
func explain(err error) error {
	if e, ok := errors.AsType[*h2.GoAwayError](err); ok {
		if r := parseRefusal(e.Debug); r.Reason != "" {
			ruled := rule(0, r.Reason)
			return &closedError{reason: r.Reason, sentinel: ruled.err, cause: err}
		}
	}
	// A certificate that the server does not like ends a TLS 1.3 connection after the handshake, with
	// an alert.
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "remote error" {
		return &closedError{sentinel: ErrCertificate, cause: err}
	}
	return err
}

// closedError is a connection that the service ended for a reason.
type closedError struct {
	reason   Reason
	sentinel error
	cause    error
}

func (e *closedError) Error() string {
	if e.sentinel == nil {
		return "the service closed the connection: " + string(e.reason)
	}
	return "the service closed the connection: " + e.sentinel.Error() + ": " + e.cause.Error()
}

func (e *closedError) Unwrap() []error { return []error{e.sentinel, e.cause} }
