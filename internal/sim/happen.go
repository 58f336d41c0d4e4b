package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"strconv"
	"time"
)

// happen answers r as the fault wants it, with the help of h where the request is processed.
func (f *Fault) happen(w http.ResponseWriter, r *http.Request, h http.Handler) {
	if f.Kind != Drip && f.Kind != Late && !sleep(r.Context(), f.Delay) {
		noAnswer(w)
		return
	}
	switch f.Kind {
	case Reset:
		reset(w)
	case Silence:
		noAnswer(w)
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // or net/http would answer 200 to a server that is closing
	case Answer, HTML, Empty, Busy, BusySeconds, BusyDate, Redirect:
		f.scripted(r).send(w)
	default:
		f.mangle(w, r, process(h, r))
	}
}

// answer is a whole answer, held back.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func newAnswer(status int) *answer { return &answer{status: status, header: make(http.Header)} }

// process lets h answer r and returns the answer instead of sending it.
func process(h http.Handler, r *http.Request) *answer {
	a := newAnswer(0)
	h.ServeHTTP(a, r)
	a.WriteHeader(http.StatusOK)
	return a
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// addHeader overrides the header of the answer with h.
func (a *answer) addHeader(h http.Header) {
	for name, values := range h {
		a.header[http.CanonicalHeaderKey(name)] = values
	}
}

// begin sends the header, with the length of the body that is to follow; -1 leaves it open.
func (a *answer) begin(w http.ResponseWriter, length int64) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if length >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	} else {
		w.Header().Del("Content-Length")
	}
	w.WriteHeader(a.status)
}

func (a *answer) send(w http.ResponseWriter) {
	a.begin(w, int64(a.body.Len()))
	_, _ = w.Write(a.body.Bytes())
}

const gatewayPage = "<html>\r\n<head><title>Bad Gateway</title></head>\r\n" +
	"<body><center><h1>Bad Gateway</h1></center></body>\r\n</html>\r\n"

// scripted returns the answer of a kind that needs no service.
func (f *Fault) scripted(r *http.Request) *answer {
	a := newAnswer(f.Status)
	body := f.Body
	switch f.Kind {
	case Answer:
		a.WriteHeader(http.StatusOK)
	case HTML:
		a.WriteHeader(http.StatusBadGateway)
		a.header.Set("Content-Type", "text/html")
		if body == "" {
			body = gatewayPage
		}
	case Empty:
		a.WriteHeader(http.StatusInternalServerError)
		body = ""
	case Redirect:
		a.WriteHeader(http.StatusTemporaryRedirect)
		a.header.Set("Location", "https://elsewhere.test"+r.URL.RequestURI())
	case BusySeconds:
		seconds := (f.RetryAfter + time.Second - 1) / time.Second
		a.header.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	case BusyDate:
		a.header.Set("Retry-After", time.Now().Add(f.RetryAfter).UTC().Format(http.TimeFormat))
	}
	a.WriteHeader(http.StatusServiceUnavailable) // the rest are busy
	a.addHeader(f.Header)
	a.body.WriteString(body)
	return a
}

// mangle sends the right answer a, spoilt.
func (f *Fault) mangle(w http.ResponseWriter, r *http.Request, a *answer) {
	a.addHeader(f.Header)
	switch f.Kind {
	case Lose:
		reset(w)
	case ResetBody:
		half := a.body.Bytes()[:a.body.Len()/2]
		a.begin(w, int64(a.body.Len()))
		_, _ = w.Write(half)
		_ = http.NewResponseController(w).Flush()
		reset(w)
	case Truncate:
		a.body.Truncate(a.body.Len() / 2)
		a.send(w)
	case Drip:
		f.drip(w, r, a)
	case Late:
		if sleep(r.Context(), f.Delay) {
			a.send(w)
		} else {
			noAnswer(w)
		}
	case Oversize:
		f.oversize(w, a)
	case Gzip:
		a.header.Set("Content-Encoding", "gzip")
		compress(&a.body)
		a.send(w)
	case WrongType:
		a.header.Set("Content-Type", "text/html")
		a.send(w)
	case Duplicate:
		duplicateMembers(&a.body)
		a.send(w)
	case Unknown:
		unknownMembers(&a.body)
		a.send(w)
	}
}

func (f *Fault) drip(w http.ResponseWriter, r *http.Request, a *answer) {
	pause := f.Delay
	if pause == 0 {
		pause = time.Second
	}
	a.begin(w, int64(a.body.Len()))
	rc := http.NewResponseController(w)
	_ = rc.Flush()
	for _, b := range a.body.Bytes() {
		if !sleep(r.Context(), pause) {
			return
		}
		if _, err := w.Write([]byte{b}); err != nil {
			return
		}
		_ = rc.Flush()
	}
}

// oversize streams, so that a large Size costs the simulator no memory.
func (f *Fault) oversize(w http.ResponseWriter, a *answer) {
	size := f.Size
	if size == 0 {
		size = 64 << 20
	}
	head, filler, tail := padding(a.body.Bytes())
	a.begin(w, int64(len(head))+size+int64(len(tail)))
	_, _ = w.Write(head)
	chunk := bytes.Repeat([]byte{filler}, 32<<10)
	for size > 0 {
		n := min(size, int64(len(chunk)))
		if _, err := w.Write(chunk[:n]); err != nil {
			return // the client has had enough, which is what it should do
		}
		size -= n
	}
	_, _ = w.Write(tail)
}

// reset breaks the connection of w without a goodbye: an RST where the transport has one. On
// HTTP/2 only the stream is reset.
func reset(w http.ResponseWriter) {
	noAnswer(w)
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's way to abort; it is not logged
	}
	raw := c
	if t, ok := c.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	if l, ok := raw.(interface{ SetLinger(int) error }); ok {
		_ = l.SetLinger(0)
	}
	_ = raw.Close()
}

// sleep waits, and reports false when the client went away first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
