package vpptest

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/sim"
)

// Server is a simulated Apps and Books service with any number of locations. It is an
// [http.Handler], to be mounted on any listener, and carries an in-memory server of its own. All
// methods are safe for concurrent use. Close it when done.
type Server struct {
	// URL is the base URL of the in-memory server; only the clients of [Server.Client] reach it.
	// Version 2 is at URL + "/mdm/v2".
	URL string

	front  sim.Front
	routes map[string]map[string]endpoint
	post   postOffice
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	clock  timers

	mu        sync.Mutex // guards what follows, and everything in the locations
	opts      Options
	limits    map[string]int
	locations []*Location
	tokens    map[string]*token // by the text of the file
	serial    int               // of everything that needs a number
	removed   map[string]bool   // paths of services that answer 9634
	state     serviceState
	catalog   catalog
	legacy    legacyState
}

// serviceState is what can be wrong with the service as a whole.
type serviceState struct {
	maintenance bool
	unavailable bool
	retryAt     map[string]time.Time // until when a client was asked to wait, by Authorization
}

// NewServer starts a simulator without locations.
func NewServer(opts *Options) *Server {
	s := &Server{
		opts:    opts.withDefaults(),
		limits:  defaultLimits(),
		tokens:  make(map[string]*token),
		removed: make(map[string]bool),
		routes:  routes(),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.front.Log.Keep = s.opts.KeepRequests
	s.post.client = s.opts.NotifyClient
	s.catalog.init()
	s.legacy.init()
	s.state.retryAt = make(map[string]time.Time)
	s.front.Open(http.HandlerFunc(s.serve), s.watch, s.opts.TLS)
	s.URL = s.front.URL()
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.front.ServeHTTP(w, r) }

// Client returns a client with a transport of its own that reaches the in-memory server, whatever
// host a URL names.
func (s *Server) Client() *http.Client { return s.front.Client() }

// Close stops the in-memory server, events and notifications, and leaves no goroutine behind.
func (s *Server) Close() {
	s.cancel()
	s.clock.stop()
	s.front.Close()
	s.post.close()
}

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

// SetErrorsIn200 makes the errors for whose numbers in returns true arrive with status 200, as
// Apple is known to do at times; nil ends it.
func (s *Server) SetErrorsIn200(in func(number int) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in == nil {
		in = func(int) bool { return false }
	}
	s.opts.ErrorsIn200 = in
}

// SetPageSize changes how many records a page holds, and so the number of pages, also for clients
// in the middle of a list.
func (s *Server) SetPageSize(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.PageSize = max(n, 1)
}

// SetLatency changes [Options.Latency].
func (s *Server) SetLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.Latency = d
}

// SetUnavailable makes every call answer 503 with error 9729 and a Retry-After in seconds.
func (s *Server) SetUnavailable(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.unavailable = is
}

// SetMaintenance makes the tasks of events, and every call of version 1, fail with 9644.
func (s *Server) SetMaintenance(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.maintenance = is
}

// RemoveService makes the service at path answer 9634 for ever, with status 410.
func (s *Server) RemoveService(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removed[path] = true
}

// Locations returns the locations in the order in which they were added.
func (s *Server) Locations() []*Location {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.locations)
}

// timers are the waits of a server, all of which end with it.
type timers struct {
	mu      sync.Mutex
	stopped bool
	live    map[*time.Timer]bool
	running sync.WaitGroup
}

// after calls f after d unless stop comes first.
func (t *timers) after(d time.Duration, f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return
	}
	if t.live == nil {
		t.live = make(map[*time.Timer]bool)
	}
	var timer *time.Timer
	t.running.Add(1)
	timer = time.AfterFunc(d, func() {
		defer t.running.Done()
		t.mu.Lock()
		delete(t.live, timer)
		t.mu.Unlock()
		f()
	})
	t.live[timer] = true
}

// stop ends all waits and returns when no f is running.
func (t *timers) stop() {
	t.mu.Lock()
	t.stopped = true
	for timer := range t.live {
		if timer.Stop() {
			t.running.Done()
		}
	}
	t.live = nil
	t.mu.Unlock()
	t.running.Wait()
}
