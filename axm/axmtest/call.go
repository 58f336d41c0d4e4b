package axmtest

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/internal/poll"
)

const jsonType = "application/json"

// Apple's hosts.
const (
	accountHost  = "account.apple.com"
	oldHost      = "appleid.apple.com" // not one for API accounts
	businessHost = "api-business.apple.com"
	schoolHost   = "api-school.apple.com"
	logHost      = "store.blobstore.apple.com"
)

// call is one request on its way through the service.
type call struct {
	s       *Server
	r       *http.Request
	body    []byte
	query   url.Values
	now     time.Time
	account *Account // whose token it is
	org     *Org     // of the account

	// What the path and the query say, for the endpoints of an API.
	id       string // of the resource
	related  string // the name of the relationship
	endpoint endpoint
	views    map[string]view // by kind
	limit    int

	include       []string       // of blueprints: the relationships that come along
	includeLimits map[string]int // and how much of each
}

// reply is what a service answers.
type reply struct {
	status int
	header map[string]string
	body   []byte
	kind   string // media type; "" is JSON
	drop   bool   // no answer, the connection is closed
}

func success(o object) *reply { return &reply{status: http.StatusOK, body: encode(o)} }

// serve answers a request that no fault has met.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // the log has read it; this cannot fail
	c := &call{s: s, r: r, body: body, query: r.URL.Query()}
	rep := s.answer(c)
	if rep.drop {
		panic(http.ErrAbortHandler) // net/http's way to close the connection or the stream
	}
	for name, value := range rep.header {
		w.Header().Set(name, value)
	}
	w.Header()["Content-Type"] = nil // an empty body has no type; net/http must not guess one
	if len(rep.body) > 0 {
		kind := rep.kind
		or(&kind, jsonType)
		w.Header().Set("Content-Type", kind)
	}
	w.WriteHeader(rep.status)
	_, _ = w.Write(rep.body)
}

// answer finds out whose request it is: of the token service, of an API, or of the logs.
func (s *Server) answer(c *call) *reply {
	leave, dropped := s.enter(c)
	defer leave()
	s.pause(c)
	if dropped {
		return &reply{drop: true}
	}
	path := c.r.URL.Path
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.orgs {
		o.settle(c.now)
	}
	switch {
	case !hostServes(c.host(), path):
		c.note("not a path of host %s", c.r.Host)
		return &reply{status: http.StatusNotFound}
	case path == tokenPath || path == tokenPathV2:
		return s.token(c)
	case strings.HasPrefix(path, logPath):
		return s.serveLog(c)
	case strings.HasPrefix(path, "/v1/"):
		return s.answerAPI(c)
	}
	c.note("unknown path")
	return notFound("path", path)
}

// pause is the time that the service takes.
func (s *Server) pause(c *call) {
	s.mu.Lock()
	d := s.opts.Latency
	s.mu.Unlock()
	_ = poll.Wait(c.r.Context(), d) // a client that leaves gets its answer at once
	c.now = time.Now()
}

// host is the name that the client used, without port.
func (c *call) host() string {
	name, _, _ := strings.Cut(c.r.Host, ":")
	return strings.ToLower(name)
}

// hostServes reports whether a path is one of a host, as far as that is one of Apple's. Under any
// other name this server answers all paths.
func hostServes(host, path string) bool {
	prefix, known := map[string]string{
		accountHost: "/auth/", oldHost: "/auth/", businessHost: "/v1/", schoolHost: "/v1/", logHost: logPath,
	}[host]
	return !known || strings.HasPrefix(path, prefix)
}

// baseURL is where the client finds this server.
func (c *call) baseURL() string {
	if c.s.opts.ExternalURL != "" {
		return c.s.opts.ExternalURL
	}
	return c.scheme() + "://" + c.r.Host
}

func (c *call) scheme() string {
	if c.r.TLS != nil {
		return "https"
	}
	return "http"
}

// url is an address of the API, from the elements of its path.
func (c *call) url(elements ...string) string {
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	return c.baseURL() + "/v1/" + strings.Join(elements, "/")
}

// decode reads the body. Members that do not exist are ignored, as the service does, but noted: a
// misspelt one must not go unnoticed.
func decode[T any](c *call) (v T, rep *reply) {
	if err := json.Unmarshal(c.body, &v); err != nil {
		c.note("body: %v", err)
		return v, badBody("The request body is not a valid document.")
	}
	var strict T
	if err := json.Unmarshal(c.body, &strict, json.RejectUnknownMembers(true)); err != nil {
		c.note("body: %v", err)
	}
	return v, nil
}
