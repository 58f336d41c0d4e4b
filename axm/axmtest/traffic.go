package axmtest

import (
	"maps"
	"net/http"
	"strconv"
	"time"
)

// traffic measures what clients do, under Server.mu.
type traffic struct {
	current, peak int // requests under way
	dropped       int
	throttled     int
	pages         int // since a connection was closed
	repeat        int // pages that will hand back their own cursor
}

// enter counts the call as under way until leave is called. It reports whether it is one too many.
func (s *Server) enter(c *call) (leave func(), dropped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.traffic
	limit := s.opts.MaxStreams
	if dropped = limit > 0 && t.current >= limit; dropped {
		t.dropped++
		c.note("dropped: %d requests are under way", t.current)
	}
	t.current++
	t.peak = max(t.peak, t.current)
	if wait := s.waiting.left(c.r, time.Now()); wait > 0 {
		c.note("sent %v before Retry-After is over", wait)
	}
	return func() { s.set(func() { t.current-- }) }, dropped
}

// Traffic is what clients have done to the service.
type Traffic struct {
	Peak      int // the most requests that were under way at once
	Dropped   int // requests without an answer because of [Options.MaxStreams]
	Throttled int // requests answered with 429 because of [Options.Budget]
}

// Traffic returns the measurements since the start. To see how many requests are under way at once
// they have to take some time: set [Options.Latency].
func (s *Server) Traffic() Traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Traffic{s.traffic.peak, s.traffic.dropped, s.traffic.throttled}
}

// use is the times of the calls that a quota has let through.
type use struct{ times []time.Time }

// take reports whether q allows one more call, and if not after how long it will.
func (u *use) take(q Quota, now time.Time) (wait time.Duration, ok bool) {
	if q.Calls <= 0 {
		return 0, true
	}
	for len(u.times) > 0 && now.Sub(u.times[0]) >= q.Per {
		u.times = u.times[1:]
	}
	if n := len(u.times); n >= q.Calls {
		return u.times[n-q.Calls].Add(q.Per).Sub(now), false
	}
	u.times = append(u.times, now)
	return 0, true
}

// throttle answers 429 when the account has used up its budget.
func (c *call) throttle() *reply {
	s := c.s
	uses := c.account.used
	if uses[c.r.Method] == nil {
		uses[c.r.Method] = new(use)
	}
	wait, ok := uses[c.r.Method].take(s.opts.Budget[c.r.Method], c.now)
	if ok {
		return nil
	}
	s.traffic.throttled++
	rep := fail(http.StatusTooManyRequests, problem{code: codeRate, detail: "The request rate is above its limit."})
	switch s.opts.RetryAfter {
	case RetryAfterSeconds:
		rep.header = map[string]string{"Retry-After": strconv.Itoa(int((wait + time.Second - 1) / time.Second))}
	case RetryAfterDate:
		at := c.now.Add(wait + time.Second - 1).UTC() // a date has no fractions
		rep.header = map[string]string{"Retry-After": at.Format(http.TimeFormat)}
	}
	return rep
}

// waiting is until when clients were asked to wait, by what they said they are.
type waiting struct{ until map[string]time.Time }

// waiter is one line that is asked to wait: a credential and, as budgets are, one method.
func waiter(r *http.Request) string { return r.Method + " " + r.Header.Get("Authorization") }

// note remembers one, and forgets those whose time is over.
func (w *waiting) note(who string, until, now time.Time) {
	maps.DeleteFunc(w.until, func(_ string, t time.Time) bool { return t.Before(now) })
	w.until[who] = until
}

func (w *waiting) left(r *http.Request, now time.Time) time.Duration {
	return w.until[waiter(r)].Sub(now)
}

// watch remembers which clients were told by the service, or by a scripted fault, to wait. Who asks
// for a token shows no credential here, and is taken for somebody else each time.
func (s *Server) watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		until, ok := retryTime(w.Header().Get("Retry-After"))
		if ok && r.Header.Get("Authorization") != "" {
			s.set(func() { s.waiting.note(waiter(r), until, time.Now()) })
		}
	})
}

// retryTime reads a Retry-After.
func retryTime(text string) (time.Time, bool) {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Now().Add(time.Duration(seconds) * time.Second), true
	}
	at, err := http.ParseTime(text)
	return at, err == nil
}
