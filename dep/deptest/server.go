package deptest

import (
	"net/http"
	"sync"

	"github.com/applemdm/applemdm/internal/sim"
)

// Server is a simulated Device Assignment service for one organisation and one MDM server of it.
// It is an [http.Handler], to be mounted on any listener, and carries an in-memory server of its
// own. All methods are safe for concurrent use. Close it when done.
type Server struct {
	// URL is the base URL of the in-memory server; only the clients of [Server.Client] reach it.
	URL string

	front  sim.Front
	routes routes

	mu       sync.Mutex // guards what follows
	opts     Options
	tokens   tokens
	sessions sessions
	fleet    fleet
	profiles map[string]*profile
	outcomes outcomes
	locks    map[string]Lock
	rosters  rosters
	ade      serviceDiscovery
	spent    quotaUse

	termsUnsigned bool
	inactive      bool
	forbidden     bool
	denied        bool
	seedOff       bool
}

// NewServer starts a simulator. It holds a token ([Server.Token]) and no devices.
func NewServer(opts *Options) *Server {
	s := &Server{
		opts:     opts.withDefaults(),
		profiles: make(map[string]*profile),
		locks:    make(map[string]Lock),
	}
	s.front.Log.Keep = s.opts.KeepRequests
	s.tokens.start(s.opts.Token, s.opts.TokenLife)
	s.sessions.live = make(map[string]*session)
	s.fleet.init()
	s.outcomes.init()
	s.routes = s.makeRoutes()
	s.rosters = s.makeRosters()
	s.front.Open(http.HandlerFunc(s.serve), s.stamp, s.opts.TLS)
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

// stamp gives every answer, also those of faults, the identifier that Apple's answers carry.
func (s *Server) stamp(h http.Handler) http.Handler {
	if s.opts.Manner == Depsim {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Apple-Request-UUID", requestUUID())
		h.ServeHTTP(w, r)
	})
}

// Media types as Apple spells them.
const (
	jsonType = "application/json;charset=UTF8"
	textType = "text/plain;charset=UTF8"
)

// serve answers a request that no fault has met.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c := s.newCall(r)
	rep := s.answer(c)
	s.write(w, rep, c.rotated)
}

func (s *Server) write(w http.ResponseWriter, rep *reply, rotated string) {
	body := rep.body
	if rep.code != "" {
		body = []byte(rep.code)
		if s.opts.Manner == Depsim {
			body = []byte(`"` + rep.code + `"`)
		}
	}
	switch {
	case rep.code != "":
		w.Header().Set("Content-Type", textType)
	case len(body) > 0:
		w.Header().Set("Content-Type", jsonType)
	default:
		w.Header()["Content-Type"] = nil // an empty body has no type; net/http must not guess one
	}
	for name, value := range rep.header {
		w.Header().Set(name, value)
	}
	if rotated != "" {
		w.Header().Set(sessionHeader, rotated)
	}
	w.WriteHeader(rep.status)
	_, _ = w.Write(body)
}

// reply is what an endpoint answers: a body of JSON, or an error word.
type reply struct {
	status int
	body   []byte
	code   string
	header map[string]string
}

func success(body []byte) *reply { return &reply{status: http.StatusOK, body: body} }

func refusal(status int, code string) *reply { return &reply{status: status, code: code} }

func badRequest(code string) *reply { return refusal(http.StatusBadRequest, code) }

var errMalformed = badRequest("MALFORMED_REQUEST_BODY")

// Received returns the requests so far, those that met a fault included, in order.
func (s *Server) Received() []Request { return s.front.Log.Requests() }

// Count returns how many requests there were of a method to a path; empty stands for any.
func (s *Server) Count(method, path string) int { return s.front.Log.Count(method, path) }

// ResetReceived forgets the requests and violations so far.
func (s *Server) ResetReceived() { s.front.Forget() }
