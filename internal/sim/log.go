package sim

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// DefaultKeep is how many requests a [Log] remembers unless told otherwise.
const DefaultKeep = 10_000

// Request is one request as it was received.
type Request struct {
	Time   time.Time
	Method string
	Host   string
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte

	// Status is what was answered. 0 says that no answer was begun: the request is still under
	// way, or a fault cut the line.
	Status int
}

// Log remembers requests. The zero value is ready; it is safe for concurrent use.
type Log struct {
	// Keep is how many requests are remembered, the newest ones; 0 means DefaultKeep, a negative
	// number none. Counts go on beyond it. Set it before the first request.
	Keep int

	mu      sync.Mutex
	entries []*Request // a ring once it is full: oldest is the index of the oldest
	oldest  int
	counts  map[[2]string]int // by method and path
}

// Wrap returns h with every request recorded before h sees it. The whole body is read first, so
// a client that never ends its body never reaches h.
func (l *Log) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		entry := l.add(r, body)
		if err != nil {
			return // the client went away in the middle of its request
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		sw := &statusWriter{ResponseWriter: w, log: l, entry: entry}
		h.ServeHTTP(sw, r)
		sw.note(http.StatusOK) // what net/http answers for a handler that wrote nothing
	})
}

func (l *Log) add(r *http.Request, body []byte) *Request {
	entry := &Request{
		Time:   time.Now(),
		Method: r.Method,
		Host:   r.Host,
		Path:   r.URL.Path,
		Query:  r.URL.Query(),
		Header: r.Header.Clone(),
		Body:   body,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = make(map[[2]string]int)
	}
	l.counts[[2]string{r.Method, r.URL.Path}]++
	l.remember(entry)
	return entry
}

// remember appends entry, over the oldest one when the log is full. The caller holds mu.
func (l *Log) remember(entry *Request) {
	keep := l.Keep
	if keep == 0 {
		keep = DefaultKeep
	}
	switch {
	case keep < 0:
	case len(l.entries) < keep:
		l.entries = append(l.entries, entry)
	default:
		l.entries[l.oldest] = entry
		l.oldest = (l.oldest + 1) % keep
	}
}

// Requests returns copies of the remembered requests in the order of their arrival. Headers and
// bodies are shared with the log: do not change them.
func (l *Log) Requests() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Request, 0, len(l.entries))
	for _, e := range slices.Concat(l.entries[l.oldest:], l.entries[:l.oldest]) {
		out = append(out, *e)
	}
	return out
}

// Count returns how many requests have arrived since the start or the last Reset, the forgotten
// ones included. An empty method or path stands for any; a path may be a pattern as in [Fault].
func (l *Log) Count(method, path string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for key, count := range l.counts {
		if matches(method, path, key[0], key[1]) {
			n += count
		}
	}
	return n
}

// Reset forgets all requests and counts.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries, l.oldest, l.counts = nil, 0, nil
}

// statusWriter notes the status when the answer begins.
type statusWriter struct {
	http.ResponseWriter
	log   *Log
	entry *Request
	done  bool // an answer has begun, or will never be
}

func (w *statusWriter) note(status int) {
	if w.done || status < 200 {
		return
	}
	w.done = true
	w.log.mu.Lock()
	w.entry.Status = status
	w.log.mu.Unlock()
}

func (w *statusWriter) WriteHeader(status int) {
	w.note(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	w.note(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController, which flushes and hijacks.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// silence is found by the faults that give no answer: nothing will be noted any more.
func (w *statusWriter) silence() { w.done = true }

// noAnswer tells the log, if one wraps w, that the request gets no answer.
func noAnswer(w http.ResponseWriter) {
	if s, ok := w.(interface{ silence() }); ok {
		s.silence()
	}
}
