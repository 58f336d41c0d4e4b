package apnstest

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// latency returns how long the next answer takes.
func (s *Server) latency() time.Duration {
	if !s.opts.delayed() {
		return 0
	}
	d := s.opts.Latency
	if s.opts.Jitter > 0 {
		d += rand.N(s.opts.Jitter)
	}
	return d
}

// arrived deals with a complete request. The caller holds the connection's mu.
func (c *conn) arrived(st *stream) {
	r := &st.request
	r.finish(st.body, st.size)
	if r.broken != "" {
		c.violation("stream %d: %s", st.id, r.broken)
		c.resetStream(st.id, http2.ErrCodeProtocol)
		return
	}
	no := c.check(r, st, func(text string) { c.violation("stream %d: %s", st.id, text) })
	a := answer{id: r.id}
	if ok, _ := isUUID(r.id); !ok {
		a.id = upperUUID()
	}
	a.fault = c.srv.process(c, st, r, no, &a)
	c.meet(st, &a)
}

// process carries out a push that was not refused for its form, unless a fault prevents that, and
// fills in the answer. It returns the fault.
func (s *Server) process(c *conn, st *stream, r *request, no *refusal, a *answer) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.script.nextPush(r.token)
	s.stats.Pushes++
	if f.processed() {
		if no == nil && len(s.revoked) > 0 && s.revoked[c.serial] {
			no = &refusal{status: http.StatusForbidden, reason: "BadCertificate"}
		}
		if no == nil {
			no = s.deliver(r, a.id)
		}
		a.status = http.StatusOK
		if no != nil {
			a.status, a.reason, a.stamp = no.status, no.reason, no.stamp
			s.stats.Reasons[no.reason]++
		} else {
			s.stats.Accepted++
		}
	}
	if s.pushes.keep > 0 {
		s.pushes.add(c.record(st, r, a, f))
	}
	return f
}

func (c *conn) record(st *stream, r *request, a *answer, f *Fault) Push {
	p := Push{
		Time:       time.Now(),
		Connection: c.number,
		Stream:     st.id,
		Topic:      r.topic,
		Token:      r.token,
		Magic:      r.magic,
		ID:         a.id,
		Header:     fields(st.fields),
		Body:       slices.Clone(st.body),
		Status:     a.status,
		Reason:     a.reason,
	}
	if f != nil {
		p.Fault = f.Kind.String()
	}
	return p
}

func fields(list []hpack.HeaderField) []Field {
	header := make([]Field, len(list))
	for i, f := range list {
		header[i] = Field{Name: f.Name, Value: f.Value}
	}
	return header
}

// String returns the name of the constant.
func (k Kind) String() string {
	names := [...]string{
		"Answer", "Late", "Swallow", "Lose", "RefuseStream", "ResetStream", "ResetBody", "Padded",
		"Continued", "SplitBody", "Drip", "Trailers", "UnknownFrames", "Informational", "EmptyData",
		"HTML", "Empty", "GoAwayBefore", "GoAwayAfter", "GoAwayLost", "Reject", "Disconnect",
		"ResetConn", "Silence", "Stall", "RefuseConn", "DropConn", "HangHandshake", "LateHandshake",
		"RejectCertificate", "NoALPN", "HTTP1Only", "LateSettings", "RejectConn", "DropFirst",
		"SilentConn",
	}
	if k < 0 || int(k) >= len(names) {
		return "Kind(" + strconv.Itoa(int(k)) + ")"
	}
	return names[k]
}
