package axmtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// notes collects violations. It has a lock of its own because some come before Server.mu is held.
type notes struct {
	mu   sync.Mutex
	list []string
}

// maxNotes bounds the memory that a client which never does right can cost.
const maxNotes = 10_000

func (c *call) note(format string, args ...any) {
	c.s.notes.add(c.r.Method + " " + c.r.URL.Path + ": " + fmt.Sprintf(format, args...))
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) < maxNotes {
		n.list = append(n.list, strings.ToValidUTF8(text, "?"))
	}
}

func (n *notes) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = nil
}

// Violations returns what clients did that Apple tolerates although its documents ask otherwise, or
// that has failed for a reason not visible in the answer, each as "METHOD /path: what". A test of a
// client should end with none. They never contain tokens or assertions.
//
// Noted are: why an assertion or a token request was refused, and an assertion without iss; a token
// that is unknown, has expired, or is used at the host of the other API; an Accept that is not
// application/json; a body of another type; unknown members of a body; requests dropped by
// [Options.MaxStreams]; requests before a Retry-After is over; an access token sent along when a log
// is fetched; paths, methods and hosts that do not exist; writes that change nothing.
func (s *Server) Violations() []string {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	return slices.Clone(s.notes.list)
}
