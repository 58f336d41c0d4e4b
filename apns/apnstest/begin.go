package apnstest

import (
	"bufio"
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"time"

	"golang.org/x/net/http2"
)

// begin does what comes before the first frame of the client. It reports whether there will be one.
func (c *conn) begin() bool {
	if !c.beforeHandshake() {
		return false
	}
	if err := c.tls.HandshakeContext(context.Background()); err != nil {
		c.srv.count(func(st *Stats) { st.HandshakesFailed++ })
		c.log("handshake failed: %v", err)
		c.linger()
		return false
	}
	state := c.tls.ConnectionState()
	c.log("open, TLS %#x, ALPN %q", state.Version, state.NegotiatedProtocol)
	if state.NegotiatedProtocol != "h2" {
		c.serveHTTP1()
		return false
	}
	reject := c.judge(state.PeerCertificates)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = time.Now()
	c.sayHello(reject)
	return true
}

// beforeHandshake lets time pass and faults happen that come before TLS.
func (c *conn) beforeHandshake() bool {
	delay := c.srv.opts.HandshakeDelay
	if c.fault != nil {
		switch c.fault.Kind {
		case DropConn:
			c.log("dropped by a fault")
			c.linger()
			return false
		case HangHandshake:
			c.log("a fault keeps the handshake waiting")
			_, _ = io.Copy(io.Discard, c.raw)
			return false
		case LateHandshake:
			delay += c.fault.Delay
		}
	}
	return c.sleep(delay)
}

// sleep waits, and reports whether the connection is still there.
func (c *conn) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.gone:
		return false
	}
}

// judge looks at the client's certificate. It reports whether the connection is to be rejected with
// GOAWAY; otherwise it sets what pushes meet.
func (c *conn) judge(chain []*x509.Certificate) (reject bool) {
	if len(chain) == 0 {
		c.topic = c.srv.opts.Anonymous
		if c.topic == "" {
			c.bar = "MissingProviderToken"
		}
		return false
	}
	c.topic = topicOf(chain[0])
	c.serial = chain[0].SerialNumber.String()
	err := c.srv.verify(chain)
	if err == nil {
		return false
	}
	c.log("bad certificate: %v", err)
	c.bar = "BadCertificate"
	return c.srv.opts.BadCertificates == ByGoAway
}

// sayHello writes the first frames. The caller holds mu.
func (c *conn) sayHello(reject bool) {
	f := c.fault
	if f != nil && f.Kind == SilentConn {
		c.silent = true
		return
	}
	if f != nil && f.Kind == LateSettings {
		c.holdTo = time.Now().Add(f.Delay)
	}
	c.writeSettings(c.limits.usual)
	if reject {
		c.reject(&Fault{Reason: "BadCertificate"})
	}
	if f != nil && f.Kind == RejectConn {
		c.holdTo = time.Now().Add(f.Delay)
		c.reject(f)
	}
}

// reject says GOAWAY as APNs does to a certificate of the other environment: no stream is answered.
// The caller holds mu.
func (c *conn) reject(f *Fault) {
	c.writeGoAway(0, http2.ErrCode(f.Code), f.debug())
	if f.Twice {
		c.writeGoAway(0, http2.ErrCode(f.Code), "")
	}
	c.ending = true
}

// serveHTTP1 is for clients that did not insist on HTTP/2: they get an answer in HTTP/1.1.
func (c *conn) serveHTTP1() {
	c.srv.journal.violation("connection %d: the client went on without ALPN h2", c.number)
	_, err := http.ReadRequest(bufio.NewReader(c.tls))
	c.log("not HTTP/2: %v", err)
	_, _ = io.WriteString(c.tls, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	c.linger()
}

// linger closes the connection so that what was sent reaches the client: TCP would lose it if the
// socket were closed with something unread.
func (c *conn) linger() {
	c.closeWrite()
	_, _ = io.Copy(io.Discard, c.raw)
	_ = c.raw.Close()
}

// closeWrite ends the sending side, so that the client finds the end behind all that was sent. It
// has a second to go, too.
func (c *conn) closeWrite() {
	if half, ok := c.raw.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.raw.SetReadDeadline(time.Now().Add(lingerTime))
}
