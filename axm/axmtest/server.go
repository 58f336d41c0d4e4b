package axmtest

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/sim"
)

// Server is a simulation of Apple's token service, of both APIs and of the host that keeps the logs
// of activities, for any number of organisations. It is an [http.Handler], to be mounted on any
// listener, and carries an in-memory server of its own. All methods are safe for concurrent use.
// Close it when done.
type Server struct {
	// URL is the base URL of the in-memory server; only the clients of [Server.Client] reach it. The
	// APIs are at URL + "/v1", the token service at URL + "/auth/oauth2/v2/token" and
	// "/auth/oauth2/token". The clients also reach Apple's host names, each with its own paths.
	URL string

	front  sim.Front
	routes map[string]route

	mu       sync.Mutex // guards what follows, and everything in the organisations
	opts     Options
	orgs     []*Org
	accounts map[string]*Account // by client id
	access   map[string]*access  // by access token
	waiting  waiting
	traffic  traffic
	serial   int    // of everything that needs a number
	randoms  int    // random devices made so far
	secret   []byte // signs the URLs of logs
}

// NewServer starts a simulator without organisations.
func NewServer(opts *Options) *Server {
	s := &Server{
		opts:     opts.withDefaults(),
		routes:   routes(),
		accounts: make(map[string]*Account),
		access:   make(map[string]*access),
		secret:   randomBytes(32),
	}
	s.waiting.until = make(map[string]time.Time)
	s.front.Log.Keep = s.opts.KeepRequests
	around := func(h http.Handler) http.Handler { return s.stamp(s.watch(h)) }
	s.front.Open(http.HandlerFunc(s.serve), around, s.opts.TLS)
	s.URL = s.front.URL()
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.front.ServeHTTP(w, r) }

// Client returns a client with a transport of its own that reaches the in-memory server, whatever
// host a URL names.
func (s *Server) Client() *http.Client { return s.front.Client() }

// Close stops the in-memory server and leaves no goroutine behind.
func (s *Server) Close() { s.front.Close() }

// Dials returns how many connections the in-memory server has accepted.
func (s *Server) Dials() int { return s.front.Dials() }

// Received returns the requests so far, those that met a fault included, in order. They hold the
// tokens and bodies as they were sent.
func (s *Server) Received() []Request { return s.front.Log.Requests() }

// Count returns how many requests there were of a method to a path; empty stands for any, and the
// path may be a pattern of [path.Match].
func (s *Server) Count(method, path string) int { return s.front.Log.Count(method, path) }

// ResetReceived forgets the requests and violations so far.
func (s *Server) ResetReceived() { s.front.Forget() }

// Orgs returns the organisations in the order in which they were added.
func (s *Server) Orgs() []*Org {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.orgs)
}

// stamp gives every answer, also those of faults, the identifiers that Apple's answers carry.
func (s *Server) stamp(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := randomUUID()
		w.Header().Set("X-Apple-Request-Uuid", id)
		w.Header().Set("X-Apple-Jingle-Correlation-Key", jingle(id))
		h.ServeHTTP(w, r)
	})
}

// next counts up.
func (s *Server) next() int {
	s.serial++
	return s.serial
}

// set changes state under the lock.
func (s *Server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}
