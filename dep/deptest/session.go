package deptest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// session is what a login gave.
type session struct {
	issued time.Time
	calls  int // it was used for
	since  int // of them, since the last rotation
}

// sessions holds the sessions that work and what /session has seen.
type sessions struct {
	live        map[string]*session
	logins      int
	rotateEvery int

	nonces map[string]time.Time // by time stamp and nonce, when they were used
}

func (ss *sessions) endAll() { clear(ss.live) }

// firstUse reports whether the nonce is new for its time stamp, and remembers it for as long as
// that time stamp can be used.
func (ss *sessions) firstUse(nonce string, stamp int64, now time.Time, window time.Duration) bool {
	for key, used := range ss.nonces {
		if now.Sub(used) > 2*window {
			delete(ss.nonces, key)
		}
	}
	key := strconv.FormatInt(stamp, 10) + " " + nonce
	if _, again := ss.nonces[key]; again {
		return false
	}
	if ss.nonces == nil {
		ss.nonces = make(map[string]time.Time)
	}
	ss.nonces[key] = now
	return true
}

// login answers GET /session.
func (s *Server) login(c *call) *reply {
	if s.opts.Manner == Depsim && c.r.Header.Get("Content-Type") != jsonType {
		return &reply{status: http.StatusBadRequest}
	}
	if rep := s.verifyOAuth(c); rep != nil {
		return rep
	}
	switch {
	case s.forbidden:
		return refusal(http.StatusForbidden, "FORBIDDEN")
	case s.inactive:
		return refusal(http.StatusForbidden, "SERVER_INACTIVE")
	}
	if rep := s.stateRefusal(); rep != nil {
		return rep
	}
	if s.opts.SingleSession {
		s.sessions.endAll()
	}
	s.sessions.logins++
	return success(append(appendString([]byte{'{'}, "auth_session_token", s.newSession(c.now)), '}'))
}

// newSession makes a session and returns its token.
func (s *Server) newSession(now time.Time) string {
	token := lowerHex(64)
	if s.opts.Manner == Apple {
		token = strconv.FormatInt(now.UnixMilli(), 10) + "O1O" + strings.ToUpper(lowerHex(40))
	}
	s.sessions.live[token] = &session{issued: now}
	return token
}

// checkSession finds the session of the call and counts the call on it.
func (s *Server) checkSession(c *call) *reply {
	name := c.r.Header.Get(sessionHeader)
	ses := s.sessions.live[name]
	if ses != nil && s.ended(ses, c.now) {
		delete(s.sessions.live, name)
		ses = nil
	}
	if ses == nil {
		if s.opts.Manner == Depsim && name != "" {
			return refusal(http.StatusForbidden, "FORBIDDEN")
		}
		return refusal(http.StatusUnauthorized, "UNAUTHORIZED")
	}
	ses.calls++
	ses.since++
	if s.sessions.rotateEvery > 0 && ses.since >= s.sessions.rotateEvery {
		s.rotate(c, name, ses)
	}
	return nil
}

// ended reports whether a session has run out: by itself, or with its token.
func (s *Server) ended(ses *session, now time.Time) bool {
	return s.opts.SessionLife > 0 && now.Sub(ses.issued) >= s.opts.SessionLife ||
		s.opts.SessionCalls > 0 && ses.calls >= s.opts.SessionCalls ||
		!now.Before(s.tokens.current.Expiry)
}

// rotate hands out another session with the answer of this call.
func (s *Server) rotate(c *call, name string, ses *session) {
	ses.since = 0
	c.rotated = s.newSession(c.now)
	if s.opts.DropRotated {
		delete(s.sessions.live, name)
	}
}

// ExpireSessions ends all sessions: the next call with one is refused and has to log in again.
func (s *Server) ExpireSessions() { s.set(s.sessions.endAll) }

// RotateSessions makes every n-th call of a session hand out another session in the header
// X-ADM-Auth-Session of its answer; 0 stops that. Whether the old one goes on working is
// [Options.DropRotated].
func (s *Server) RotateSessions(n int) { s.set(func() { s.sessions.rotateEvery = n }) }

// Logins returns how many sessions /session has given.
func (s *Server) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions.logins
}

// NewSession returns a session as a login gives it, without one. It does not count as a login.
func (s *Server) NewSession() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newSession(time.Now())
}
