package apnstest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	windowSize   = 65535 // initial flow control window, and what a full one is
	frameSize    = 16384
	headerList   = 8000
	tableSize    = 4096
	readBuffer   = 32 << 10
	flushAt      = 16 << 10 // bytes of answers that are sent though more frames are there to be read
	lingerTime   = time.Second
	maxBody      = 4096
	allowMore    = windowSize / 2 // received bytes after which the peer gets new window
	goAwayTooBig = "Maximum active streams violated for this endpoint."
)

// conn is one connection. One goroutine reads frames and answers them into out, one sends out; that
// way the server goes on reading when the client does not, and many answers share a TLS record.
type conn struct {
	srv    *Server
	number int
	fault  *Fault // of the connection, or nil
	raw    net.Conn
	tls    *tls.Conn
	topic  string // of the client's certificate
	serial string
	bar    string // reason with which every push is refused, or ""

	in    *bufio.Reader
	read  *http2.Framer
	hdec  *hpack.Decoder
	block []byte        // header block that CONTINUATION frames go on with
	open  *stream       // whose header block is being read
	waste stream        // takes in what nobody wants
	wake  chan struct{} // tells the writer that there is something to do
	gone  chan struct{} // closed when the connection ends
	once  sync.Once     // closes gone

	mu       sync.Mutex // guards what follows
	out      []byte     // frames to be sent
	fr       *http2.Framer
	henc     *hpack.Encoder
	hbuf     bytes.Buffer
	ids      uint // apns-ids encoded
	streams  map[uint32]*stream
	spare    []*stream
	most     int    // streams that were open at once
	lastID   uint32 // highest stream the client has opened
	barID    uint32 // streams above are ignored since GOAWAY; 0 before it
	leaving  bool   // GOAWAY was sent
	doneEnds bool   // the connection ends with its last stream
	ending   bool   // nothing more is said; the writer hangs up
	silent   bool   // nothing more is said
	stalled  bool   // nothing more is read
	limits   limits
	errors   int   // refused pushes
	window   int64 // what may be sent on the connection
	initial  int64 // what may be sent on a new stream
	maxFrame int
	quota    quota
	later    delays
	holdTo   time.Time // nothing is sent before
	heard    time.Time // when something arrived; only kept with IdleTimeout
}

func newConn(s *Server, raw net.Conn, number int, f *Fault) *conn {
	c := &conn{
		srv:      s,
		number:   number,
		fault:    f,
		raw:      raw,
		tls:      tls.Server(raw, s.tlsConfig(f)),
		wake:     make(chan struct{}, 1),
		gone:     make(chan struct{}),
		streams:  make(map[uint32]*stream),
		window:   windowSize,
		quota:    quota{left: windowSize},
		initial:  windowSize,
		maxFrame: frameSize,
	}
	c.in = bufio.NewReaderSize(c.tls, readBuffer)
	c.read = http2.NewFramer(nil, c.in)
	c.read.SetReuseFrames()
	c.read.SetMaxReadFrameSize(frameSize)
	c.hdec = hpack.NewDecoder(tableSize, c.field)
	c.fr = http2.NewFramer((*outbox)(c), nil)
	c.henc = hpack.NewEncoder(&c.hbuf)
	c.limits.start(s.limit, s.opts.EnforceEarly)
	return c
}

// outbox appends frames to a connection's out.
type outbox conn

func (o *outbox) Write(p []byte) (int, error) {
	o.out = append(o.out, p...)
	return len(p), nil
}

// serve does everything from the handshake to the end.
func (c *conn) serve() {
	defer c.srv.forget(c)
	defer c.kill()
	if !c.begin() {
		return
	}
	var writer sync.WaitGroup
	writer.Go(c.writeLoop)
	c.readLoop()
	c.kill()
	writer.Wait()
}

// kill ends the connection at once.
func (c *conn) kill() {
	c.once.Do(func() { close(c.gone) })
	_ = c.raw.Close()
}

// log notes something about the connection.
func (c *conn) log(format string, args ...any) {
	c.srv.journal.log("connection %d: "+format, append([]any{c.number}, args...)...)
}

// violation notes what the client should not have done.
func (c *conn) violation(format string, args ...any) {
	c.srv.journal.violation("connection %d: "+format, append([]any{c.number}, args...)...)
}

// readLoop reads and answers frames until the connection ends.
func (c *conn) readLoop() {
	if !c.preface() {
		return
	}
	for {
		frame, err := c.read.ReadFrame()
		if err != nil && !c.badFrame(err) {
			return
		}
		c.mu.Lock()
		if err == nil && !c.silent && !c.ending {
			c.take(frame)
		}
		if c.srv.opts.IdleTimeout > 0 {
			c.heard = time.Now()
		}
		deaf := c.silent || c.ending
		send := len(c.out) >= flushAt || c.in.Buffered() == 0
		c.mu.Unlock()
		if send || deaf {
			c.nudge()
		}
		if deaf {
			c.swallow()
			return
		}
	}
}

// preface reads what a client says first.
func (c *conn) preface() bool {
	buf := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.in, buf); err != nil {
		c.log("ended before the preface: %v", err)
		return false
	}
	if string(buf) != http2.ClientPreface {
		c.violation("the client did not begin with the preface of HTTP/2")
		return false
	}
	return true
}

// swallow reads until the client goes, and does nothing about it. A connection that stalls does not
// even read.
func (c *conn) swallow() {
	c.mu.Lock()
	stalled := c.stalled
	c.mu.Unlock()
	if stalled {
		<-c.gone
		return
	}
	_, _ = io.Copy(io.Discard, c.raw)
}

// badFrame deals with an error of reading. It reports whether the connection goes on.
func (c *conn) badFrame(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := errors.AsType[http2.StreamError](err); ok {
		if !c.silent && !c.ending {
			c.violation("stream %d: %v", e.StreamID, err)
			c.resetStream(e.StreamID, e.Code)
		}
		return true
	}
	if e, ok := errors.AsType[http2.ConnectionError](err); ok {
		c.connError(http2.ErrCode(e), err.Error())
		return true
	}
	if errors.Is(err, http2.ErrFrameTooLarge) {
		c.connError(http2.ErrCodeFrameSize, err.Error())
		return true
	}
	c.log("ended: %v", err)
	return false
}

// connError ends the connection because of what the client did. The caller holds mu.
func (c *conn) connError(code http2.ErrCode, text string) {
	if c.silent || c.ending {
		return
	}
	c.violation("%s", text)
	c.writeGoAway(c.lastID, code, text)
	c.ending = true
}

// command runs do under the lock, unless the connection has fallen silent, and sends the result.
func (c *conn) command(do func(c *conn)) {
	c.mu.Lock()
	if !c.silent && !c.ending {
		do(c)
	}
	c.mu.Unlock()
	c.nudge()
}

// nudge makes the writer look.
func (c *conn) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
