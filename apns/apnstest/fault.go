package apnstest

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind says what a [Fault] does. The kinds up to Stall are met by pushes, those from RefuseConn on
// by connections. A push that meets a fault is "processed" when what it asks for is done, so that
// only its answer suffers; otherwise nothing has happened.
type Kind int

const (
	// Answer gives the scripted Status (0 is 200), Reason or Body, and Header. Not processed.
	Answer Kind = iota

	// Late gives the right answer after Delay. Processed at once.
	Late

	// Swallow never answers. Not processed.
	Swallow

	// Lose never answers. Processed.
	Lose

	// RefuseStream says RST_STREAM with REFUSED_STREAM. Not processed.
	RefuseStream

	// ResetStream says RST_STREAM with Code. Not processed.
	ResetStream

	// ResetBody sends the header of the right answer and half of its body, then RST_STREAM with
	// Code. Processed.
	ResetBody

	// Padded answers rightly with padding in HEADERS and DATA. Processed.
	Padded

	// Continued answers rightly with the header block split into one byte in HEADERS and the rest in
	// four CONTINUATION frames. Processed.
	Continued

	// SplitBody answers rightly with DATA frames of one byte each, empty ones between. Processed.
	SplitBody

	// Drip answers rightly with the body byte by byte, with Delay (0 is 1 s) before each. Processed.
	Drip

	// Trailers answers rightly with trailers behind. Processed.
	Trailers

	// UnknownFrames answers rightly among frames and settings of unknown types. Processed.
	UnknownFrames

	// Informational answers rightly after an answer with status 103. Processed.
	Informational

	// EmptyData answers rightly with END_STREAM on an empty DATA frame of its own. Processed.
	EmptyData

	// HTML answers as a gateway does: a page of HTML with Status (0 is 502). Not processed.
	HTML

	// Empty answers with Status (0 is 500) and no body. Not processed.
	Empty

	// GoAwayBefore says GOAWAY with Code and Reason, and the stream before that of the push as the
	// last one. Those below are answered, then the connection is closed. Not processed.
	GoAwayBefore

	// GoAwayAfter says GOAWAY with Code and Reason, and the stream of the push as the last one. The
	// connection is closed when it and those below are answered. Processed.
	GoAwayAfter

	// GoAwayLost says the same, but closes the connection without an answer to any stream that is
	// open. Processed.
	GoAwayLost

	// Reject says GOAWAY as APNs does to certificates of the wrong environment: last stream 0, Code,
	// Reason (empty is BadCertificateEnvironment), a second one without data if Twice. Then it closes
	// the connection without an answer to any stream that is open. Not processed.
	Reject

	// Disconnect closes the connection without GOAWAY or any further answer. Not processed.
	Disconnect

	// ResetConn resets the connection. Not processed.
	ResetConn

	// Silence lets the connection die without a sign: everything is read, nothing answered, PINGs
	// included, until the client closes it. Not processed.
	Silence

	// Stall is Silence without reading, so that in the end the client cannot write either. The
	// connection lasts until [Server.Close]. Not processed. Met by a push only.
	Stall

	// RefuseConn refuses the connection; one over TCP is accepted and reset.
	RefuseConn

	// DropConn closes the connection before the TLS handshake.
	DropConn

	// HangHandshake never answers in the TLS handshake.
	HangHandshake

	// LateHandshake begins the TLS handshake after Delay.
	LateHandshake

	// RejectCertificate ends the TLS handshake with the alert "bad certificate", whatever the
	// certificate, and whether there is one.
	RejectCertificate

	// NoALPN ignores ALPN, as a middlebox would. Clients that go on get an answer in HTTP/1.1.
	NoALPN

	// HTTP1Only offers nothing but http/1.1.
	HTTP1Only

	// LateSettings holds back SETTINGS and everything behind it for Delay. Pushes are processed.
	LateSettings

	// RejectConn does what Reject does, Delay after the handshake, without waiting for a push.
	RejectConn

	// DropFirst closes the connection when the first push begins. Not processed.
	DropFirst

	// SilentConn lets the connection die like Silence, right after the handshake.
	SilentConn
)

// Fault is one scripted fault: what goes wrong, for which pushes or connections, how often. Delay
// comes before the answer, or before what comes in its place, except for the kinds that say otherwise.
type Fault struct {
	Kind Kind

	// Token (hex) selects pushes to it; empty is any. Only for kinds met by pushes.
	Token string

	Skip  int // so many selected pushes, or connections, pass first
	Count int // so many meet the fault; 0 is 1, negative is all for ever

	Status    int
	Reason    string    // of the JSON body or GOAWAY
	Timestamp time.Time // told in the JSON body unless zero
	Body      string    // verbatim, in place of the JSON; also as the data of GOAWAY
	Header    []Field   // further fields of the answer; a content-type replaces the usual one
	Code      uint32    // error code of HTTP/2 in RST_STREAM and GOAWAY
	Delay     time.Duration
	Twice     bool // see Reject
}

// Fail adds f to the script. The first fault that selects a push, or a connection, decides about it,
// by letting it pass or by happening; when its Count is used up, the next one has its turn.
func (s *Server) Fail(f Fault) {
	if f.Count == 0 {
		f.Count = 1
	}
	f.Token = strings.ToLower(f.Token)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Kind >= RefuseConn {
		s.script.conns = append(s.script.conns, &f)
	} else {
		s.script.pushes = append(s.script.pushes, &f)
	}
}

// ResetFaults forgets the faults that have not happened.
func (s *Server) ResetFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script{}
}

// PendingFaults returns how many faults have not happened yet, those for ever not counted. A test
// that ends with some left did not do what its author thought.
func (s *Server) PendingFaults() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, f := range append(s.script.pushes[:len(s.script.pushes):len(s.script.pushes)], s.script.conns...) {
		n += max(f.Count, 0)
	}
	return n
}

// script is the faults in the order they were added. The server's mu guards it.
type script struct{ pushes, conns []*Fault }

func (s *script) nextPush(token string) *Fault { return next(&s.pushes, token) }
func (s *script) nextConn() *Fault             { return next(&s.conns, "") }

// next returns the fault that happens, or nil, and advances the queue.
func next(queue *[]*Fault, token string) *Fault {
	for i, f := range *queue {
		if f.Token != "" && f.Token != token {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			return nil
		}
		if f.Count > 0 {
			f.Count--
		}
		if f.Count == 0 {
			*queue = append((*queue)[:i:i], (*queue)[i+1:]...)
		}
		return f
	}
	return nil
}

// processed reports whether the push that meets f is carried out.
func (f *Fault) processed() bool {
	if f == nil {
		return true
	}
	switch f.Kind {
	case Answer, Swallow, RefuseStream, ResetStream, HTML, Empty, GoAwayBefore, Reject, Disconnect,
		ResetConn, Silence, Stall:
		return false
	}
	return true
}

// debug is the data of a GOAWAY.
func (f *Fault) debug() string {
	if f.Body != "" {
		return f.Body
	}
	if f.Reason == "" && (f.Kind == Reject || f.Kind == RejectConn) {
		return goAwayBody("BadCertificateEnvironment")
	}
	return goAwayBody(f.Reason)
}

// goAwayBody is the JSON for a reason; no reason is no data.
func goAwayBody(reason string) string {
	if reason == "" {
		return ""
	}
	return string(appendReason(nil, reason, 0))
}

// appendReason appends the JSON body of an answer. The timestamp is in milliseconds; 0 is none.
func appendReason(to []byte, reason string, stamp int64) []byte {
	to = append(to, `{"reason":`...)
	to, _ = jsontext.AppendQuote(to, reason) // invalid UTF-8 is replaced
	if stamp != 0 {
		to = append(to, `,"timestamp":`...)
		to = appendInt(to, stamp)
	}
	return append(to, '}')
}
