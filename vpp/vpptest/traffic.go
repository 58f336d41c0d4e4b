package vpptest

import (
	"net/http"
	"strconv"
	"time"
)

// traffic measures what the client of one location does, under Server.mu.
type traffic struct {
	pages, cursors int // requests for pages under way
	peakPages      int
	admitted       []time.Time // the requests of the last second that were let through
	arrived        []time.Time // all of them
	peakRate       int
	refused        int
}

// maxPagesAtOnce is how many pages of lists may be asked for at once.
const maxPagesAtOnce = 5

// second is a little less than its name, so that clients which keep the rate are not refused for
// a delay of the line.
const second = 950 * time.Millisecond

func (t *traffic) enter(c *call, list listKind) {
	t.arrived = append(newer(t.arrived, c.now), c.now)
	t.peakRate = max(t.peakRate, len(t.arrived))
	switch list {
	case pageList:
		t.pages++
		t.peakPages = max(t.peakPages, t.pages)
		if t.pages > maxPagesAtOnce {
			c.note("%d page requests at once", t.pages)
		}
	case cursorList:
		t.cursors++
		if t.cursors > 1 {
			c.note("%d cursor requests at once", t.cursors)
		}
	}
}

func (t *traffic) leave(list listKind) {
	switch list {
	case pageList:
		t.pages--
	case cursorList:
		t.cursors--
	}
}

// newer returns the times of the second that ends now.
func newer(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) >= second {
		times = times[1:]
	}
	return times
}

// allow reports whether the call keeps maxRequestPerSecond. Those that are refused do not count.
func (t *traffic) allow(c *call) bool {
	limit := c.s.limit(maxRequestPerSecond)
	t.admitted = newer(t.admitted, c.now)
	if limit > 0 && len(t.admitted) >= limit {
		t.refused++
		c.note("more than %d requests in a second", limit)
		return false
	}
	t.admitted = append(t.admitted, c.now)
	return true
}

// Traffic is what the clients of a location have done to the service.
type Traffic struct {
	PeakRate  int // the most requests that arrived within a second
	PeakPages int // the most page requests that were under way at once
	Throttled int // requests refused with 9646
}

// Traffic returns the measurements since the start. To see how many requests are under way at once
// they have to take some time: set [Options.Latency], as faults delay only answers. A second is
// taken as 950 ms, in favour of clients.
func (l *Location) Traffic() Traffic {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	t := &l.traffic
	return Traffic{PeakRate: t.peakRate, PeakPages: t.peakPages, Throttled: t.refused}
}

// watch remembers which clients were told by the service, or by a scripted fault, to wait.
func (s *Server) watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		until, ok := retryTime(w.Header().Get("Retry-After"))
		if !ok {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.state.retryAt[r.Header.Get("Authorization")] = until
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
