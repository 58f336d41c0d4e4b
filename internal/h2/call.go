package h2

import (
	"fmt"
	"time"

	"golang.org/x/net/http2/hpack"
)

// Call is one request and its answer. The caller fills in the first group of fields, hands the
// call to [Conn.Start], and owns it again when Done is called. In between it must not touch
// anything, nor change what Fields and Body refer to.
//
// A Call may be used again, also from within Done and on another connection: Start resets the
// outcome but keeps the memory of Response, Trailer and ResponseBody. Take copies of what must
// outlive the next use, or set these fields to nil.
type Call struct {
	// Fields is the request: pseudo fields first, names in lower case. Values that stay the same
	// from call to call are sent in full once and take a byte afterwards. Fields marked Sensitive
	// are never put into the compression table: mark secrets, and also values that differ in each
	// call (path, ids), which would only push the others out. Nothing is checked but the size.
	Fields []hpack.HeaderField
	// Body is sent as it is. Without one the request ends with its header.
	Body []byte
	// Deadline ends the call with [ErrTimeout] at the latest 100 ms after it passed. Zero: never.
	Deadline time.Time
	// Done is called exactly once for a call that was accepted, on whatever goroutine finds it
	// ended, mostly the connection's reader. It must not block: everything else waits for it.
	// It may call any method of the connection.
	Done func(*Call)
	// Data is the caller's own.
	Data any

	// The outcome, valid in Done and later. With an error the rest is what came until then.
	Err          error
	Status       int
	Response     []hpack.HeaderField // without the pseudo field
	Trailer      []hpack.HeaderField
	ResponseBody []byte

	state      callState
	id         uint32
	sentAt     int64  // where in the connection's output the header ends
	unsent     []byte // the rest of Body
	sendWindow int64
	recvWindow int64
	consumed   int64 // received and not yet given back to the server's window
	length     int64 // content-length of the answer, or -1
	next       *Call // in the list of calls whose Done is due
}

type callState uint8

const (
	callIdle     callState = iota // the caller's
	callOpen                      // in Conn.streams
	callAnswered                  // as callOpen, and the final header of the answer is there
)

// Format writes how the call ended, whatever the verb. What it asks for stays out of logs: for APNs
// that is a device token and a secret.
func (c *Call) Format(f fmt.State, _ rune) {
	if c.Err != nil {
		fmt.Fprintf(f, "call: %v", c.Err)
		return
	}
	fmt.Fprintf(f, "call: status %d", c.Status)
}

// Header returns the value of the first field of the answer with that name (in lower case), or "".
func (c *Call) Header(name string) string {
	for i := range c.Response {
		if c.Response[i].Name == name {
			return c.Response[i].Value
		}
	}
	return ""
}

// resetOutcome prepares the call for its next use.
func (c *Call) resetOutcome() {
	c.Err, c.Status = nil, 0
	c.Response, c.Trailer, c.ResponseBody = c.Response[:0], c.Trailer[:0], c.ResponseBody[:0]
	c.unsent = c.Body
	c.consumed = 0
	c.length = -1
}

// fieldsSize is the size of the request's header as SETTINGS_MAX_HEADER_LIST_SIZE counts it.
func (c *Call) fieldsSize() int64 {
	var n int64
	for i := range c.Fields {
		n += int64(c.Fields[i].Size())
	}
	return n
}
