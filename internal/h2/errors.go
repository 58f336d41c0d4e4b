package h2

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

var (
	// ErrNoRoom is returned by [Conn.Start] when as many calls are under way as the server or
	// [Config.MaxStreams] allows. Nothing was sent.
	ErrNoRoom = errors.New("h2: no room for another call on this connection")

	// ErrDraining is returned by [Conn.Start] once the connection takes no new calls: after
	// [Conn.Drain], after a GOAWAY, and when the stream ids are used up. Nothing was sent.
	ErrDraining = errors.New("h2: the connection takes no new calls")

	// ErrClosed is in the error of [Conn.Start] on a connection that is closed or lost, with
	// nothing sent (ask errors.Is, then Unprocessed), and is the error of the calls that
	// [Conn.Close] cuts off.
	ErrClosed = errors.New("h2: the connection is closed")

	// ErrFieldsTooLarge is returned by [Conn.Start] when the server has announced that it takes
	// fewer header bytes than the call has. Nothing was sent.
	ErrFieldsTooLarge = errors.New("h2: the header fields exceed what the server accepts")

	// ErrBusy is returned by [Conn.Start] for a call that is under way already.
	ErrBusy = errors.New("h2: the call is already under way")

	// ErrCanceled is the error of a call that [Conn.Cancel] ended.
	ErrCanceled = errors.New("h2: the call was cancelled")

	// ErrTimeout is the error of a call whose deadline passed. The server may have acted on it.
	ErrTimeout = fmt.Errorf("h2: no answer before the deadline of the call: %w", os.ErrDeadlineExceeded)

	// ErrPingTimeout is the error of a connection on which nothing came back, not even the answer
	// to a PING.
	ErrPingTimeout = fmt.Errorf("h2: the server does not answer, not even a PING: %w", os.ErrDeadlineExceeded)

	// ErrResponseTooLarge is the error of a call whose answer exceeds [Config.MaxResponseBody], or
	// whose header fields exceed 16 KiB.
	ErrResponseTooLarge = errors.New("h2: the answer is larger than allowed")
)

// errNotStarted is the ErrClosed of Start.
var errNotStarted = &unprocessed{ErrClosed}

// ErrCode is an error code of RFC 9113, section 7.
type ErrCode uint32

// The error codes of RFC 9113.
const (
	CodeNo                 ErrCode = 0x0
	CodeProtocol           ErrCode = 0x1
	CodeInternal           ErrCode = 0x2
	CodeFlowControl        ErrCode = 0x3
	CodeSettingsTimeout    ErrCode = 0x4
	CodeStreamClosed       ErrCode = 0x5
	CodeFrameSize          ErrCode = 0x6
	CodeRefusedStream      ErrCode = 0x7
	CodeCancel             ErrCode = 0x8
	CodeCompression        ErrCode = 0x9
	CodeConnect            ErrCode = 0xa
	CodeEnhanceYourCalm    ErrCode = 0xb
	CodeInadequateSecurity ErrCode = 0xc
	CodeHTTP11Required     ErrCode = 0xd
)

// String returns the name that RFC 9113 gives the code.
func (e ErrCode) String() string {
	names := [...]string{"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR",
		"SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL",
		"COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY",
		"HTTP_1_1_REQUIRED"}
	if int64(e) < int64(len(names)) {
		return names[e]
	}
	return fmt.Sprintf("error code %#x", uint32(e))
}

// GoAwayError says that the server ended the connection with a GOAWAY. When there were several, it
// holds the lowest LastStreamID, and the first code and debug data that say something.
type GoAwayError struct {
	LastStreamID uint32
	Code         ErrCode
	Debug        []byte // at most 16 KiB; Apple sends JSON, text or nothing
}

func (e *GoAwayError) Error() string {
	s := fmt.Sprintf("h2: the server sent GOAWAY (%v, last stream %d)", e.Code, e.LastStreamID)
	if len(e.Debug) > 0 {
		s += fmt.Sprintf(": %.200q", e.Debug)
	}
	return s
}

// StreamError says that one call was reset: by the server when Remote, else by us because the
// answer was malformed, and Reason says in what way.
type StreamError struct {
	Code   ErrCode
	Remote bool
	Reason string
}

func (e *StreamError) Error() string {
	if e.Remote {
		return fmt.Sprintf("h2: the server reset the call: %v", e.Code)
	}
	return fmt.Sprintf("h2: malformed answer: %s (%v)", e.Reason, e.Code)
}

// ProtocolError says that the server broke the rules of HTTP/2 in a way that ends the connection.
// The server was sent a GOAWAY with the same code.
type ProtocolError struct {
	Code   ErrCode
	Reason string
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("h2: protocol error of the server: %s (%v)", e.Reason, e.Code)
}

func protocolError(code ErrCode, reason string) error {
	return &ProtocolError{Code: code, Reason: reason}
}

// LostError says that the connection ended without a word of HTTP/2. Err is the best known cause;
// a TLS alert is a *[net.OpError] with the Op "remote error".
type LostError struct{ Err error }

func (e *LostError) Error() string {
	if e.Err == io.EOF {
		return "h2: the server closed the connection"
	}
	return "h2: connection lost: " + e.Err.Error()
}

func (e *LostError) Unwrap() error { return e.Err }

// unprocessed marks the error of a call on which the server surely did not act.
type unprocessed struct{ cause error }

func (e *unprocessed) Error() string { return e.cause.Error() + " (the call was not processed)" }
func (e *unprocessed) Unwrap() error { return e.cause }

// Unprocessed reports whether err, of a call or of [Conn.Start], means that the server surely did
// not act on the call, so that it may be sent again at once on another connection: it was never
// written, the server refused it (REFUSED_STREAM), or it lies above the last stream of a GOAWAY.
func Unprocessed(err error) bool {
	if _, ok := errors.AsType[*unprocessed](err); ok {
		return true
	}
	if e, ok := errors.AsType[*StreamError](err); ok {
		return e.Remote && e.Code == CodeRefusedStream
	}
	for _, never := range []error{ErrNoRoom, ErrDraining, ErrFieldsTooLarge, ErrBusy} {
		if err == never {
			return true
		}
	}
	return false
}

// lostCause picks what explains best that a connection broke: the error of reading, unless that is
// only our own deadline, set after writing had failed. Reading is where a TLS alert turns up;
// writing merely finds the pipe broken.
func lostCause(readErr, writeErr error) error {
	if writeErr != nil && isTimeout(readErr) {
		return &LostError{writeErr}
	}
	return &LostError{readErr}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
