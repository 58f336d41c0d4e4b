package sim

import (
	"net/http"
	"path"
	"sync"
	"time"
)

// Kind says what a [Fault] does. For each kind the comment says whether the service processes the
// request: "processed" faults happen to the answer, so that what the request asked for is done.
type Kind int

const (
	// Answer gives the scripted Status (0 is 200), Header and Body. Not processed.
	Answer Kind = iota

	// Refuse refuses the next Count connections of the simulator's in-memory server and closes its
	// idle connections. It happens before there is a request, so Method and Path select only the
	// Skip requests that have to come first. A simulator mounted elsewhere cannot refuse
	// connections. Not processed.
	Refuse

	// Reset resets the connection before the answer begins. Not processed.
	Reset

	// Lose resets the connection before the answer begins, but processed: the answer is lost.
	Lose

	// ResetBody sends the header and half of the body, then resets the connection. Processed.
	ResetBody

	// Truncate sends half of the body, correctly framed: a right answer that is cut JSON.
	// Processed.
	Truncate

	// Drip sends the body byte by byte, with Delay (0 is 1 s) before each byte. Processed.
	Drip

	// Late gives the right answer after Delay. Processed at once.
	Late

	// Silence gives no answer until the client goes away or the server is closed. Not processed.
	Silence

	// HTML answers as a gateway does: a page of HTML with Status (0 is 502). Not processed.
	HTML

	// Empty answers with Status (0 is 500) and no body. Not processed.
	Empty

	// Busy answers with Status (0 is 503) and Body without a Retry-After header. Not processed.
	Busy

	// BusySeconds is Busy with a Retry-After header of RetryAfter in seconds. Not processed.
	BusySeconds

	// BusyDate is Busy with a Retry-After header that is a date, RetryAfter from now. Not processed.
	BusyDate

	// Redirect answers with Status (0 is 307) and the Location in Header, by default the same path
	// on https://elsewhere.test. Not processed.
	Redirect

	// Oversize puts an unknown member of Size bytes (0 is 64 MiB) into the JSON object of the
	// answer, or that many blanks before any other body: valid, only too large. Processed.
	Oversize

	// Gzip compresses the body whether the client accepts that or not. Processed.
	Gzip

	// WrongType gives the right answer as text/html. Processed.
	WrongType

	// Duplicate repeats every member of the JSON object of the answer. Processed.
	Duplicate

	// Unknown adds unknown members of every JSON type to the JSON object of the answer and to the
	// objects in its arrays. Processed.
	Unknown
)

// Fault is one line of a script: what goes wrong, for which requests, how often. Delay comes
// before anything else happens, except for the kinds that say otherwise.
type Fault struct {
	// Method and Path select requests; empty is any. Path may be a pattern of [path.Match].
	Method, Path string

	Skip  int // so many matching requests pass first
	Count int // so many meet the fault; 0 is 1, negative is all for ever

	Kind       Kind
	Status     int
	Header     http.Header // added to the answer for all kinds that give one
	Body       string
	Delay      time.Duration
	RetryAfter time.Duration // for BusySeconds and BusyDate
	Size       int64         // for Oversize
}

// IsBusy reports whether f asks the client to come back later.
func IsBusy(f Fault) bool { return f.Kind == Busy || f.Kind == BusySeconds || f.Kind == BusyDate }

// WithType returns f with the media type of its body, unless its header names one.
func WithType(f Fault, mediaType string) Fault {
	if f.Header.Get("Content-Type") != "" {
		return f
	}
	f.Header = f.Header.Clone()
	if f.Header == nil {
		f.Header = make(http.Header)
	}
	f.Header.Set("Content-Type", mediaType)
	return f
}

// Refuser is a server that can refuse connections; package memhttp has one.
type Refuser interface{ Refuse(n int) }

// Faults is a script: the faults in the order they were added. For each request the first fault
// that matches decides, by letting it pass (Skip) or by happening; when its Count is used up, the
// next one has its turn. The zero value is an empty script; it is safe for concurrent use.
type Faults struct {
	// Refuser makes Refuse possible. Set it before the first request.
	Refuser Refuser

	mu    sync.Mutex
	queue []*Fault
}

// Add appends f to the script. The header is cloned.
func (s *Faults) Add(f Fault) {
	if f.Count == 0 {
		f.Count = 1
	}
	f.Header = f.Header.Clone()
	if f.Kind == Refuse && f.Skip <= 0 {
		s.refuse(f.Count)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, &f)
}

// Reset empties the script and ends all refusals.
func (s *Faults) Reset() {
	s.mu.Lock()
	s.queue = nil
	s.mu.Unlock()
	s.refuse(0)
}

// Pending returns how many faults are still to happen, those for ever not counted. A test that
// ends with some left did not do what its author thought.
func (s *Faults) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, f := range s.queue {
		n += max(f.Count, 0)
	}
	return n
}

// Wrap returns h with the script applied.
func (s *Faults) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, happens := s.next(r)
		switch {
		case !happens:
			h.ServeHTTP(w, r)
		case f.Kind == Refuse:
			w.Header().Set("Connection", "close") // the next request has to dial, and is refused
			s.refuse(f.Count)                     // before the answer, after which a test may reset it
			h.ServeHTTP(w, r)
		default:
			f.happen(w, r, h)
		}
	})
}

// next returns the fault that happens to r, if one does, and advances the script. A fault that
// refuses connections happens with the last of the requests that it lets pass.
func (s *Faults) next(r *http.Request) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.queue {
		if !matches(f.Method, f.Path, r.Method, r.URL.Path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			if f.Kind != Refuse || f.Skip > 0 {
				return Fault{}, false
			}
		}
		found := *f
		if f.Count > 0 {
			f.Count--
		}
		if f.Count == 0 || f.Kind == Refuse {
			s.queue = append(s.queue[:i:i], s.queue[i+1:]...)
		}
		return found, true
	}
	return Fault{}, false
}

func (s *Faults) refuse(n int) {
	if s.Refuser != nil {
		s.Refuser.Refuse(n)
	}
}

// matches reports whether a request is one that the given method and path select.
func matches(wantMethod, wantPath, method, requestPath string) bool {
	if wantMethod != "" && wantMethod != method {
		return false
	}
	if wantPath == "" || wantPath == requestPath {
		return true
	}
	ok, err := path.Match(wantPath, requestPath)
	return err == nil && ok
}
