package apns

import (
	"errors"
	"fmt"
	"net"
	"strings"
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
	answered atomic.Bool  // it has brought an answer
	probing  atomic.Bool  // the probe is taken
	blamed   atomic.Bool  // its end before the first answer is noted
	doubted  atomic.Bool  // an answer is missing and the server has not given a sign of life since
	silent   atomic.Int32 // pushes in a row without an answer, those not counted that had little time
}

const (
	// answerTimeout is how long one connection has for the answer to one push. What gets none is
	// sent again elsewhere.
	answerTimeout = 15 * time.Second

	// maxMissed is how many pushes in a row may stay without an answer before a connection is
	// replaced.
	maxMissed = 5
)

// fairShare is the least time that a push must have had on a connection before its silence says
// something about the connection. A shorter patience is taken for fair, too.
const fairShare = 5 * time.Second

// isHurried reports whether the time of a job is nearly over.
func (j *job) isHurried(now time.Time) bool {
	return j.deadline.Sub(now) < min(fairShare, j.patience)
}

// start sends a job on the connection, if it has room. The job may have ended when it returns. The
// error is [h2.ErrNoRoom] while there may be room later.
func (c *conn) start(j *job) error {
	if c.doubted.Load() {
		return h2.ErrNoRoom
	}
	probe := !c.answered.Load()
	if probe && !c.probing.CompareAndSwap(false, true) {
		return h2.ErrNoRoom
	}
	now := time.Now()
	j.conn, j.call.Deadline = c, earlier(j.deadline, now.Add(j.patience))
	j.hurried = j.isHurried(now)
	j.tries++
	if err := c.h2.Start(&j.call); err != nil {
		j.tries--
		if probe {
			c.probing.Store(false)
		}
		return err
	}
	return nil
}

// wantsProbe reports whether the connection waits for its first push.
func (c *conn) wantsProbe() bool { return !c.answered.Load() && !c.probing.Load() }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// missed notes that a push got no answer on the connection. That of a hurried one, whose own time was
// nearly over, says nothing.
func (c *conn) missed(err error, hurried bool) {
	switch {
	case errors.Is(err, h2.ErrTimeout) && !hurried:
		// The server is asked for a sign of life (h2 sends a PING with the reset). Until it comes,
		// pushes go elsewhere.
		c.doubted.Store(true)
		c.silent.Add(1)
		if !c.answered.Load() {
			c.h2.Drain()
		}
	case !c.answered.Load():
		c.probing.Store(false) // if the connection lives, the next push is the probe
	}
}

// trust takes the doubt off when an answer came. Most find none.
func (c *conn) trust() {
	if c.doubted.Load() {
		c.doubted.Store(false)
	}
	if c.silent.Load() > 0 {
		c.silent.Store(0)
	}
}

// review takes the doubt off when the server has confirmed all resets, which is its sign of life.
func (c *conn) review(stats h2.Stats) {
	if c.doubted.Load() && stats.Resetting == 0 {
		c.doubted.Store(false)
	}
}

// failure says why a connection is of no more use, or nil while it is, or when it ended for good.
func (c *conn) failure() error {
	err := c.h2.Err()
	if err == nil || errors.Is(err, h2.ErrClosed) {
		return nil
	}
	return explain(err, !c.answered.Load())
}

// explain gives the end of a connection, or of a call on it, the sentinel of its cause, where it has
// one. A fresh connection has not brought an answer yet.
func explain(err error, fresh bool) error {
	if e, ok := errors.AsType[*h2.GoAwayError](err); ok {
		if sentinel := goAwaySentinel(parseRefusal(e.Debug).Reason); sentinel != nil {
			return closedError(sentinel, err)
		}
	}
	if isCertificateAlert(err, fresh) {
		return closedError(ErrCertificate, err)
	}
	return err
}

// goAwaySentinel returns the sentinel of the reason for which a connection was ended, if there is one.
// What is said of a token or a request, of which there may have been too many, is not true of whatever
// else was under way.
func goAwaySentinel(reason Reason) error {
	switch sentinel := rule(0, reason).err; sentinel {
	case ErrUnregistered, ErrBadDeviceToken, ErrTokenNotForTopic, ErrTooManyRequests, ErrRequest:
		return nil
	default:
		return sentinel
	}
}

// isCertificateAlert reports whether err is an alert with which servers end TLS because of the
// client's certificate, in TLS 1.3 after the handshake. On fresh connections "internal error" and
// "error decrypting message" are taken for that, too: they were seen from APNs for an expired
// certificate and for one that did not fit its key.
func isCertificateAlert(err error, fresh bool) bool {
	e, ok := errors.AsType[*net.OpError](err)
	if !ok || e.Op != "remote error" {
		return false
	}
	alert := e.Err.Error()
	return strings.Contains(alert, "certificate") || strings.HasSuffix(alert, "access denied") ||
		fresh && (strings.HasSuffix(alert, "internal error") || strings.HasSuffix(alert, "error decrypting message"))
}

// closedError says that the service ended a connection, and why.
func closedError(sentinel, cause error) error {
	return fmt.Errorf("the service closed the connection: %w: %w", sentinel, cause)
}
