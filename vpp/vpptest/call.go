package vpptest

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/poll"
)

const (
	jsonType = "application/json"
	base2    = "/mdm/v2" // of version 2
)

// call is one request on its way through the service.
type call struct {
	s     *Server
	r     *http.Request
	body  []byte
	query url.Values
	path  string // below the base of its API
	now   time.Time
	tok   *token
	loc   *Location // whose token it is; nil without one
}

// object is a JSON object that is put together here.
type object map[string]any

// reply is what a service answers.
type reply struct {
	status int
	header map[string]string
	body   []byte
}

// serve answers a request that no fault has met.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // the log has read it; this cannot fail
	c := &call{s: s, r: r, body: body, query: r.URL.Query()}
	rep := s.dispatch(c)
	for name, value := range rep.header {
		w.Header().Set(name, value)
	}
	w.Header()["Content-Type"] = nil // an empty body has no type; net/http must not guess one
	if len(rep.body) > 0 {
		w.Header().Set("Content-Type", jsonType)
	}
	w.WriteHeader(rep.status)
	_, _ = w.Write(rep.body)
}

// dispatch finds out whose request it is: of version 2, of version 1, or of the metadata services.
func (s *Server) dispatch(c *call) *reply {
	path := c.r.URL.Path
	if !hostServes(c.r.Host, path) {
		c.note("not a path of host %s", c.r.Host)
		return &reply{status: http.StatusNotFound}
	}
	switch rest, is2 := strings.CutPrefix(path, base2); {
	case is2 && strings.HasPrefix(rest, "/"):
		c.path = rest
		return s.answer2(c)
	case path == lookupPath || strings.HasPrefix(path, catalogBase):
		s.pause(c)
		return s.answerCatalog(c)
	default:
		return s.answer1(c)
	}
}

// pause is the time that the service takes.
func (s *Server) pause(c *call) {
	s.mu.Lock()
	d := s.opts.Latency
	s.mu.Unlock()
	_ = poll.Wait(c.r.Context(), d) // a client that leaves gets its answer at once
	c.now = time.Now()
}

// answer2 answers a request of version 2.
func (s *Server) answer2(c *call) *reply {
	methods, known := s.routes[c.path]
	if !known {
		c.note("unknown path")
		return &reply{status: http.StatusNotFound}
	}
	ep, known := methods[c.r.Method]
	if !known {
		return c.fail(badMethod, nil)
	}
	defer c.enter(ep)()
	s.pause(c)
	if c.loc != nil && ep.list != noList && s.opts.BeforePage != nil {
		index, _ := strconv.Atoi(c.query.Get("pageIndex"))
		s.opts.BeforePage(c.loc, c.path, index)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if rep := c.admit(ep); rep != nil {
		return rep
	}
	return ep.run(c)
}

// enter finds the token of the call and counts the call as under way until the returned function is
// called.
func (c *call) enter(ep endpoint) (leave func()) {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = time.Now()
	if wait := s.state.retryAt[c.r.Header.Get("Authorization")].Sub(c.now); wait > 0 {
		c.note("sent %v before Retry-After is over", wait)
	}
	if ep.open {
		return func() {}
	}
	bearer, _ := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	c.tok = s.tokens[bearer]
	if c.tok == nil {
		return func() {}
	}
	c.loc = c.tok.loc
	c.loc.traffic.enter(c, ep.list)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.loc.traffic.leave(ep.list)
	}
}

// fail answers with an error.
func (c *call) fail(number int, info *errorInfo) *reply {
	rep := &reply{status: errorStatus(number), body: errorBody(number, info)}
	if rep.status >= 500 {
		after := c.s.opts.RetryAfter
		rep.header = map[string]string{"Retry-After": strconv.Itoa(int((after + time.Second - 1) / time.Second))}
	}
	if c.s.opts.ErrorsIn200(number) {
		rep.status = http.StatusOK
	}
	return rep
}

// ok answers with o and what every answer carries.
func (c *call) ok(o object) *reply {
	o["uId"] = c.loc.opts.UID
	if c.s.opts.AlwaysTellExpiry || c.tok.warnsAt(c.now) {
		o["tokenExpirationDate"] = formatTime(c.tok.opts.Expires)
	}
	switch st := &c.loc.client; {
	case st.mdm != nil:
		o["mdmInfo"] = st.mdm
		st.told = st.foreign
	case c.s.opts.NullMdmInfo:
		o["mdmInfo"] = nil
	}
	return &reply{status: http.StatusOK, body: encode(o)}
}

// strangers are the members of a body that no field takes.
type strangers = map[string]jsontext.Value

// decode reads the body into v, a pointer to a struct whose strangers are at rest. Members that do
// not exist are ignored, as the service does, but noted: a misspelt one must not go unnoticed.
func (c *call) decode(v any, rest *strangers) *reply {
	if err := json.Unmarshal(c.body, v); err != nil {
		c.note("body: %v", err)
		return c.fail(invalidArgument, nil)
	}
	for _, name := range slices.Sorted(maps.Keys(*rest)) {
		c.note("unknown member %q", name)
	}
	return nil
}
