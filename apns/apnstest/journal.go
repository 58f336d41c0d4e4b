package apnstest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const keepLines = 1000

// ring keeps the last values that were added.
type ring[T any] struct {
	keep int // negative or 0 is none
	list []T
}

func (r *ring[T]) add(v T) {
	if r.keep <= 0 {
		return
	}
	if len(r.list) >= 2*r.keep {
		n := copy(r.list, r.list[len(r.list)-r.keep:])
		clear(r.list[n:])
		r.list = r.list[:n]
	}
	r.list = append(r.list, v)
}

// last returns a copy of what is kept.
func (r *ring[T]) last() []T { return slices.Clone(r.list[max(0, len(r.list)-max(0, r.keep)):]) }

// journal keeps lines of text: what happened, and what the client should not have done.
type journal struct {
	mu         sync.Mutex
	events     ring[string]
	violations ring[string]
}

func (j *journal) log(format string, args ...any) {
	line := time.Now().Format("15:04:05.000 ") + fmt.Sprintf(format, args...)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events.keep = keepLines
	j.events.add(line)
}

func (j *journal) violation(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.violations.keep = keepLines
	j.violations.add(line)
}

// Violations returns what clients did that Apple tolerates, forbids in its documents, or answers
// with an error that only a defect of the client can bring about; the last 1000 of them. Tokens and
// push magics are not quoted. A test of a client should end with no violation.
func (s *Server) Violations() []string {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return s.journal.violations.last()
}

// Log returns the last 1000 events of all connections, line by line, for a test that has to explain
// its failure. Single pushes are not among them; [Server.Received] has those.
func (s *Server) Log() string {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return strings.Join(s.journal.events.last(), "\n")
}

// Push is a push as it was received. Of fields that came twice it has the first.
type Push struct {
	Time       time.Time
	Connection int // number of the connection, from 1
	Stream     uint32
	Topic      string // apns-topic, or that of the certificate
	Token      string // as it was in the path
	Magic      string // of the body, if it was {"mdm":"..."}
	ID         string // apns-id of the answer
	Header     []Field
	Body       []byte // at most 4097 bytes

	// Status and Reason are the answer that was meant to be given, Reason is "" for an accepted
	// push. Fault tells what a fault did to it; Status is 0 when the push was not processed.
	Status int
	Reason string
	Fault  string
}

// Field is a header field, pseudo header fields included, in the order of arrival.
type Field struct{ Name, Value string }

// Get returns the value of the first field of that lower-case name, or "".
func (p *Push) Get(name string) string {
	for _, f := range p.Header {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// Received returns the last pushes, in the order they were complete.
func (s *Server) Received() []Push {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pushes.last()
}

// ResetReceived forgets pushes and violations so far, but no deliveries and statistics.
func (s *Server) ResetReceived() {
	s.mu.Lock()
	s.pushes.list = nil
	s.mu.Unlock()
	s.journal.mu.Lock()
	s.journal.violations.list = nil
	s.journal.mu.Unlock()
}
