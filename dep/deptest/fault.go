package deptest

import (
	"net/http"
	"strings"

	"github.com/applemdm/applemdm/internal/sim"
)

// Fault is one scripted fault; see the kinds for what can go wrong. Its fields:
//
//   - Method, Path string: the requests to meet; empty is any, and Path may be a pattern as of
//     [path.Match]
//   - Skip int: so many of these pass first
//   - Count int: so many meet it; 0 is 1, less than 0 is all for ever
//   - Kind [Kind]: what happens
//   - Status int, Header http.Header, Body string: of the answer, where it is scripted; Header is
//     added to every other answer too
//   - Delay time.Duration: what Drip waits before each byte (0 is 1 s), Late before its answer, and
//     any other kind before it happens
//   - RetryAfter time.Duration: of BusySeconds and BusyDate
//   - Size int64: of Oversize, in bytes
type Fault = sim.Fault

// Kind says what a [Fault] does.
type Kind = sim.Kind

// The kinds of faults. A fault that is "processed" spoils or loses the answer to a request that was
// carried out; after one that is "not processed" nothing has happened.
const (
	Answer      = sim.Answer      // scripted Status, Header, Body; not processed
	Refuse      = sim.Refuse      // connection refused
	Reset       = sim.Reset       // reset before headers; not processed
	Lose        = sim.Lose        // processed, then reset before headers
	ResetBody   = sim.ResetBody   // processed, reset inside the body
	Truncate    = sim.Truncate    // processed, half of the body
	Drip        = sim.Drip        // processed, one byte per Delay
	Late        = sim.Late        // processed, answered after Delay
	Silence     = sim.Silence     // no answer until the client goes; not processed
	HTML        = sim.HTML        // a gateway's page, 502; not processed
	Empty       = sim.Empty       // 500 without a body; not processed
	Busy        = sim.Busy        // 503 without Retry-After; not processed
	BusySeconds = sim.BusySeconds // 503 with RetryAfter in seconds; not processed
	BusyDate    = sim.BusyDate    // 503 with RetryAfter as a date; not processed
	Redirect    = sim.Redirect    // to another host; not processed
	Oversize    = sim.Oversize    // processed, padded to more than Size bytes
	Gzip        = sim.Gzip        // processed, compressed
	WrongType   = sim.WrongType   // processed, as text/html
	Duplicate   = sim.Duplicate   // processed, members twice
	Unknown     = sim.Unknown     // processed, unknown members
)

// Request is one request as it was received. Its fields:
//
//   - Time time.Time: when it came
//   - Method, Host, Path string; Query url.Values; Header http.Header; Body []byte
//   - Status int: what was answered; 0 while it is under way, and when a fault cut the line
type Request = sim.Request

// Fail adds f to the script of faults. Faults happen in the order they were added; f alone, with
// its zero Method and Path, meets the next request. An Answer without a Content-Type gets the one
// that Apple would give, and a Busy with status 429 Apple's body.
func (s *Server) Fail(f Fault) {
	busy := sim.IsBusy(f)
	if busy && f.Status == http.StatusTooManyRequests && f.Body == "" {
		f.Body = "TOO_MANY_REQUESTS"
	}
	switch {
	case f.Body == "" || !busy && f.Kind != Answer:
	case strings.HasPrefix(f.Body, "{"):
		f = sim.WithType(f, jsonType)
	default:
		f = sim.WithType(f, textType)
	}
	s.front.Faults.Add(f)
}

// ResetFaults forgets the faults that have not happened.
func (s *Server) ResetFaults() { s.front.Faults.Reset() }

// PendingFaults returns how many faults have not happened yet.
func (s *Server) PendingFaults() int { return s.front.Faults.Pending() }
