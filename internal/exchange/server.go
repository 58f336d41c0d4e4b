package exchange

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// Server answers with the pairs of one exchange, in order, and reports every request that is not
// the expected one. Set its fields before the first request. Its functions are called one at a
// time.
type Server struct {
	Exchange Exchange

	// Headers returns the headers that r has to carry, without those that net/http adds by itself
	// (Content-Length, Accept-Encoding). It may take what changes from one request to the next
	// out of got, which is a copy, and check it by itself.
	Headers func(r *http.Request, got http.Header) http.Header

	// Aside, if set, may answer a request that is no part of the exchange, such as a login before
	// it, and reports whether it did.
	Aside func(w http.ResponseWriter, r *http.Request) bool

	// Answered, if set, is told of each answer of the exchange before it is sent.
	Answered func(Pair)

	// Body compares the bodies of requests: CompareJSON unless set.
	Body func(t testing.TB, want, got string)

	t    testing.TB
	mu   sync.Mutex
	next int
}

// NewServer returns a Server that reports to t.
func NewServer(t testing.TB, e Exchange) *Server {
	return &Server{Exchange: e, Body: CompareJSON, t: t}
}

// BeginsWith reports whether the first request of the exchange is for target.
func (s *Server) BeginsWith(target string) bool { return s.Exchange.Pairs[0].Target == target }

// Finish reports requests that have not come, and returns the pair that was answered last.
func (s *Server) Finish() Pair {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != len(s.Exchange.Pairs) {
		s.t.Errorf("%d requests, want %d", s.next, len(s.Exchange.Pairs))
	}
	return s.Exchange.Pairs[max(s.next, 1)-1]
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("read the request: %v", err)
	}
	s.compareHeaders(r)
	if s.Aside != nil && s.Aside(w, r) {
		return
	}
	if s.next == len(s.Exchange.Pairs) {
		s.t.Errorf("one request too many: %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	pair := s.Exchange.Pairs[s.next]
	s.next++
	if got, want := r.Method+" "+r.RequestURI, pair.Method+" "+pair.Target; got != want {
		s.t.Errorf("request %d is %s, want %s", s.next, got, want)
	}
	s.Body(s.t, pair.RequestBody, string(body))
	s.answer(w, pair)
}

func (s *Server) compareHeaders(r *http.Request) {
	got := r.Header.Clone()
	got.Del("Content-Length")
	got.Del("Accept-Encoding")
	if diff := cmp.Diff(s.Headers(r, got), got); diff != "" {
		s.t.Errorf("headers of %s %s (-want +got):\n%s", r.Method, r.URL, diff)
	}
}

func (s *Server) answer(w http.ResponseWriter, pair Pair) {
	if s.Answered != nil {
		s.Answered(pair)
	}
	for name, values := range pair.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(pair.Status)
	_, _ = io.WriteString(w, pair.Body)
}

// CompareJSON reports two texts of JSON that do not mean the same, or are not JSON; "" is only
// like itself.
func CompareJSON(t testing.TB, want, got string) {
	t.Helper()
	if diff := cmp.Diff(canonical(t, want), canonical(t, got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

// canonical makes JSON comparable; what is no JSON stays as it is.
func canonical(t testing.TB, text string) string {
	t.Helper()
	if text == "" {
		return ""
	}
	value := jsontext.Value(text)
	if err := value.Canonicalize(); err != nil {
		t.Errorf("%v in %s", err, text)
	}
	return string(value)
}
