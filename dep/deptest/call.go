package deptest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	sessionHeader = "X-ADM-Auth-Session"
	versionHeader = "X-Server-Protocol-Version"
	topVersion    = 10
)

// call is one request on its way through the service.
type call struct {
	s       *Server
	r       *http.Request
	body    []byte
	version int       // of the protocol, 1 to 10
	now     time.Time // one time for all that the request changes
	rotated string    // the session that the answer hands out instead of the request's
}

// endpoint answers a call whose session is valid. It runs under Server.mu.
type endpoint func(c *call) *reply

// routes maps a path and a method to what answers it.
type routes map[string]map[string]endpoint

func (s *Server) makeRoutes() routes {
	assign := map[string]endpoint{"PUT": assignProfile, "POST": assignProfile, "DELETE": clearProfile}
	if s.opts.Manner == Depsim {
		delete(assign, "POST")
	}
	rt := routes{
		"/session":                           {"GET": nil}, // answered without a session
		"/account":                           {"GET": account},
		"/server/devices":                    {"POST": fetchDevices},
		"/devices/sync":                      {"POST": syncDevices},
		"/devices":                           {"POST": deviceDetails},
		"/devices/disown":                    {"POST": disownDevices},
		"/device/replacementDetails":         {"GET": replacementDetails},
		"/device/activationlock":             {"POST": activationLock},
		"/os-beta-enrollment/tokens":         {"GET": betaTokens},
		"/profile":                           {"POST": defineProfile, "GET": fetchProfile},
		"/profile/devices":                   assign,
		"/account-driven-enrollment/profile": {"POST": assignDiscovery, "GET": fetchDiscovery, "DELETE": removeDiscovery},
	}
	for path, kind := range s.rosterPaths() {
		rt[path] = map[string]endpoint{"POST": fetchRoster(kind)}
		rt[path+"/sync"] = map[string]endpoint{"POST": syncRoster(kind)}
	}
	return rt
}

func (s *Server) newCall(r *http.Request) *call {
	body, _ := io.ReadAll(r.Body) // the log has read it; this cannot fail
	c := &call{s: s, r: r, body: body, now: time.Now(), version: 1}
	v, err := strconv.Atoi(r.Header.Get(versionHeader))
	if err == nil {
		c.version = min(max(v, 1), topVersion)
	}
	return c
}

// answer takes the call through the checks that come before any endpoint.
func (s *Server) answer(c *call) *reply {
	if s.opts.Manner == Depsim && c.r.URL.Path == "/token" && c.r.Method == http.MethodGet {
		return s.plainToken()
	}
	methods, known := s.routes[c.r.URL.Path]
	if !known {
		c.note("unknown path")
		return &reply{status: http.StatusNotFound}
	}
	ep, known := methods[c.r.Method]
	if !known {
		c.note("method is not one of this path")
		return &reply{status: http.StatusMethodNotAllowed}
	}
	if rep := c.checkUserAgent(); rep != nil {
		return rep
	}
	c.checkHeaders()

	s.mu.Lock()
	defer s.mu.Unlock()
	if c.r.URL.Path == "/session" {
		return s.login(c)
	}
	if rep := s.admit(c); rep != nil {
		return rep
	}
	return ep(c)
}

// admit checks what every resource call needs: a session, the state of the organisation, a quota.
func (s *Server) admit(c *call) *reply {
	if rep := s.checkSession(c); rep != nil {
		return rep
	}
	if rep := s.stateRefusal(); rep != nil {
		return rep
	}
	return s.checkQuota(c.now)
}

func (c *call) checkUserAgent() *reply {
	switch ua := c.r.UserAgent(); {
	case ua == "":
		return badRequest("USER_AGENT_MISSING")
	case c.s.opts.RefuseUserAgent(ua):
		return badRequest("USER_AGENT_INVALID")
	}
	return nil
}

// checkHeaders notes what the service tolerates although clients should not do it.
func (c *call) checkHeaders() {
	h := c.r.Header
	switch v := h.Get(versionHeader); {
	case v == "":
		c.note("%s is missing", versionHeader)
	case v != strconv.Itoa(c.version):
		c.note("%s is %q", versionHeader, v)
	}
	isSession := c.r.URL.Path == "/session"
	if ct := h.Get("Content-Type"); ct != jsonType && (isSession || len(c.body) > 0) {
		c.note("Content-Type is %q, not %q", ct, jsonType)
	}
	if isSession && h.Get(sessionHeader) != "" {
		c.note("%s is sent to /session", sessionHeader)
	}
	if c.r.Method == http.MethodGet && len(c.body) > 0 {
		c.note("GET with a body")
	}
	if !slices.Contains([]string{"/profile", "/device/replacementDetails"}, c.r.URL.Path) && c.r.URL.RawQuery != "" {
		// Values stay out: some libraries sign in the query, access token and all.
		c.note("query parameters %q on a path that has none", slices.Sorted(maps.Keys(c.r.URL.Query())))
	}
}

// decode reads the body into v, a pointer to a struct: strictly, because a misspelt member in a
// client must not go unnoticed.
func (c *call) decode(v any) *reply {
	if !bytes.HasPrefix(bytes.TrimLeft(c.body, " \t\r\n"), []byte("{")) {
		c.note("the body is not a JSON object")
		return errMalformed
	}
	strict := json.RejectUnknownMembers(!c.s.opts.LaxBodies)
	if err := json.Unmarshal(c.body, v, strict); err != nil {
		c.note("body: %v", err)
		return errMalformed
	}
	return nil
}

// appendString appends "name":"value", with what separates it from the member before.
func appendString(b []byte, name, value string) []byte {
	b = appendName(b, name)
	b, _ = jsontext.AppendQuote(b, value) // complains of invalid UTF-8, but makes it valid
	return b
}

// appendQuotedName is appendName for a name that came from a client.
func appendQuotedName(b []byte, name string) []byte {
	if last := b[len(b)-1]; last != '{' {
		b = append(b, ',')
	}
	b, _ = jsontext.AppendQuote(b, name)
	return append(b, ':')
}

// appendName appends "name": with a comma unless it is the first member.
func appendName(b []byte, name string) []byte {
	if last := b[len(b)-1]; last != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

func appendBool(b []byte, name string, value bool) []byte {
	return strconv.AppendBool(appendName(b, name), value)
}

func appendTime(b []byte, name string, t time.Time) []byte {
	b = append(appendName(b, name), '"')
	b = t.UTC().AppendFormat(b, time.RFC3339)
	return append(b, '"')
}

func (c *call) note(format string, args ...any) { c.s.front.Notes.Add(c.r, format, args...) }

// Violations returns what clients did that Apple tolerates, or that has failed for a reason not
// visible in the answer, each as "METHOD /path: what". A test of a client should end with none.
func (s *Server) Violations() []string { return s.front.Notes.List() }

// quotaUse counts the calls of the current span.
type quotaUse struct {
	since time.Time
	calls int
}

func (s *Server) checkQuota(now time.Time) *reply {
	q := s.opts.Quota
	if q.Calls <= 0 {
		return nil
	}
	if end := s.spent.since.Add(q.Per); !now.Before(end) {
		s.spent = quotaUse{since: now}
	}
	if s.spent.calls >= q.Calls {
		rep := refusal(http.StatusTooManyRequests, "TOO_MANY_REQUESTS")
		rep.header = map[string]string{"Retry-After": strconv.Itoa(secondsUp(s.spent.since.Add(q.Per).Sub(now)))}
		return rep
	}
	s.spent.calls++
	return nil
}

// secondsUp is d in seconds, rounded up.
func secondsUp(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
