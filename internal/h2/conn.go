package h2

import (
	"bufio"
	"net"
	"sync"
	"time"
)

// Config holds the limits of a connection. The zero value is usable.
type Config struct {
	// MaxStreams is how many calls may be under way at most; the server's limit may be lower.
	// 0 means 1000.
	MaxStreams int
	// EarlyStreams is how many calls may be under way before the server's SETTINGS are here. Until
	// then its limit is not known, and to exceed it may end the connection. 0 means 1, a probe.
	EarlyStreams int
	// PingAfter sends a PING when nothing was received for so long. 0 means never.
	PingAfter time.Duration
	// PingTimeout is how long the server may be silent after a PING before the connection is given
	// up with [ErrPingTimeout]. 0 means 15 s.
	PingTimeout time.Duration
	// WriteTimeout ends the connection when it takes none of the output for so long. 0 means 15 s.
	WriteTimeout time.Duration
	// MaxResponseBody bounds the body of an answer, in bytes. 0 means 64 KiB.
	MaxResponseBody int
	// OnChange is called after something changed that a pool of connections looks at: room grew or
	// shrank by other means than Start, the connection drains, is closed. It must be cheap, may be
	// called on several goroutines at a time and before New has returned, and is never called with
	// a lock held.
	OnChange func()
}

const (
	defaultMaxStreams      = 1000
	defaultPingTimeout     = 15 * time.Second
	defaultWriteTimeout    = 15 * time.Second
	defaultMaxResponseBody = 64 << 10
)

func (cfg Config) withDefaults() Config {
	orElse(&cfg.MaxStreams, defaultMaxStreams)
	orElse(&cfg.EarlyStreams, 1)
	orElse(&cfg.PingTimeout, defaultPingTimeout)
	orElse(&cfg.WriteTimeout, defaultWriteTimeout)
	orElse(&cfg.MaxResponseBody, defaultMaxResponseBody)
	return cfg
}

func orElse[T int | time.Duration](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

// Conn is the client's end of one HTTP/2 connection. All methods are safe for concurrent use, and
// none of them waits for the network.
type Conn struct {
	conn net.Conn
	cfg  Config
	done chan struct{}

	// The reader's own.
	in    *bufio.Reader
	block headerBlock

	// The writer's own.
	wake       chan struct{} // holds one
	readerDone chan struct{}

	mu sync.Mutex // guards all that follows, and the calls that are under way

	out      outBuffer // what the writer has not taken yet
	spare    []byte    // the other buffer, empty or being written
	queued   int64     // bytes ever appended to out and taken from it
	handed   int64     // of these, bytes given to conn.Write
	woken    bool      // the writer is awake or about to be
	corked   bool      // the reader is delivering answers: collect what the callers start
	writeErr error

	enc     encoder // writes to out
	streams map[uint32]*Call
	nextID  uint32
	blocked []uint32 // streams with a body that waits for a window, in turn
	ready   bool     // some window grew
	flow    flow
	peer    peerSettings
	goAway  *GoAwayError

	clock clock
	ping  pinger
	flood flood
	stats Stats

	draining   error // why no new calls are taken
	closing    bool
	err        error // once closing
	changed    bool  // OnChange is due
	ended      callList
	goroutines int // of ours that run
	delivering int // goroutines that are calling Done or OnChange
	doneClosed bool
}

// New takes over conn, on which HTTP/2 has been agreed upon, and starts its reader and its writer.
// The connection is closed by [Conn.Close], by [Conn.Drain], by the server, or by a failure; its
// Done channel tells when nothing of it is left.
//
// A *tls.Conn should have been made with DynamicRecordSizingDisabled, or the first 128 KiB travel
// in records of one packet each.
func New(conn net.Conn, cfg Config) *Conn {
	c := &Conn{
		conn:       conn,
		cfg:        cfg.withDefaults(),
		done:       make(chan struct{}),
		in:         bufio.NewReaderSize(conn, frameHeaderLen+maxFrameSize),
		wake:       make(chan struct{}, 1),
		readerDone: make(chan struct{}),
		streams:    make(map[uint32]*Call),
		nextID:     1,
		flow:       newFlow(),
		peer:       newPeerSettings(),
		goroutines: 2,
	}
	c.enc.init(&c.out)
	c.block.init()
	c.mu.Lock()
	c.greet()
	c.startClock()
	c.unlock()
	go c.readLoop()
	go c.writeLoop()
	return c
}

// greet queues the connection preface. The server may not push, and gets one generous window for
// the connection, so that small answers never wait for it.
func (c *Conn) greet() {
	c.out.b = append(c.out.b, preface...)
	c.out.b = appendSettings(c.out.b,
		setting{settingEnablePush, 0},
		setting{settingMaxHeaderListSize, maxResponseFields})
	c.out.b = appendWindowUpdate(c.out.b, 0, connWindow-defaultWindow)
	c.wakeWriter()
}

// Start accepts the call or fails at once; it never waits for the network. After an error nothing
// was sent and Done is not called. After nil the call belongs to the connection until Done.
func (c *Conn) Start(call *Call) error {
	c.mu.Lock()
	err := c.open(call)
	c.unlock()
	return err
}

// Cancel ends the call with [ErrCanceled], unless it has ended before, and tells the server. Done
// is called before Cancel returns, unless another goroutine is calling it. The caller must know
// that the call has not been started again since.
func (c *Conn) Cancel(call *Call) {
	c.mu.Lock()
	if c.streams[call.id] == call {
		c.reset(call, CodeCancel, ErrCanceled)
	}
	c.unlock()
}

// Room returns how many calls may be started now. It grows when calls end, when the server raises
// its limit, and when the server confirms that it has seen the end of cancelled calls.
func (c *Conn) Room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.room(), 0)
}

// Drain refuses new calls and closes the connection when the last one has ended.
func (c *Conn) Drain() {
	c.mu.Lock()
	c.drain(ErrClosed)
	c.unlock()
}

// Close ends the connection and all calls on it, without waiting for the network. Done of each
// call is called before Close returns, unless another goroutine is calling it. It always
// returns nil.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.fail(ErrClosed, CodeNo, "")
	c.unlock()
	return nil
}

// Done returns a channel that is closed when the connection has ended, Done of every call was
// called, and no goroutine of the connection is left.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns nil while the connection is of use, then why it is not: [ErrClosed],
// [ErrPingTimeout], a [*GoAwayError], a [*ProtocolError] or a [*LostError].
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// unlock releases the mutex and then tells everybody what happened meanwhile. Calls that ended are
// taken from the list before their Done is called, so they may be started again in it.
func (c *Conn) unlock() {
	ended, changed := c.ended, c.changed && c.cfg.OnChange != nil
	c.ended, c.changed = callList{}, false
	if ended.first == nil && !changed {
		c.mu.Unlock()
		return
	}
	c.delivering++
	c.mu.Unlock()
	for call := ended.first; call != nil; {
		next := call.next
		call.next = nil
		call.Done(call)
		call = next
	}
	if changed {
		c.cfg.OnChange()
	}
	c.mu.Lock()
	c.delivering--
	c.checkDone()
	c.mu.Unlock()
}

// checkDone closes the Done channel when there is nothing left to wait for.
func (c *Conn) checkDone() {
	if c.goroutines == 0 && c.delivering == 0 && !c.doneClosed {
		c.doneClosed = true
		close(c.done)
	}
}

// exit notes the end of the reader or the writer.
func (c *Conn) exit() {
	c.mu.Lock()
	c.goroutines--
	c.checkDone()
	c.mu.Unlock()
}
