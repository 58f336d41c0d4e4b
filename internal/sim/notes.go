package sim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// maxNotes bounds the memory that a client which never does right can cost.
const maxNotes = 10_000

// Notes collects what clients did that is tolerated although it is wrong. The zero value is ready;
// it is safe for concurrent use.
type Notes struct {
	mu   sync.Mutex
	list []string
}

// Add notes something about a request, as "METHOD /path: what".
func (n *Notes) Add(r *http.Request, format string, args ...any) {
	text := r.Method + " " + r.URL.Path + ": " + fmt.Sprintf(format, args...)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) < maxNotes {
		n.list = append(n.list, strings.ToValidUTF8(text, "?"))
	}
}

// List returns the notes so far, in order.
func (n *Notes) List() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.list)
}

// Reset forgets all notes.
func (n *Notes) Reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = nil
}
