package cassette

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
)

// breakHeader is put into an answer that did not come, or did not come whole, and says why.
const breakHeader = "X-Recorded-Break"

// What can break, as it is written.
const (
	brokenRefused  = "connection refused"
	brokenTimeout  = "timeout"
	brokenCanceled = "canceled"
	brokenLost     = "connection lost"

	unreadBeyond = "not read beyond byte " // with a number: the client had enough
)

// breakOf returns what err is called, of a request whose context ctx was.
func breakOf(ctx context.Context, err error) string {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return brokenTimeout // the transport may say less, and ctx a moment later
	}
	timeout, isTimeout := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return brokenRefused
	case errors.Is(err, context.Canceled):
		return brokenCanceled
	case errors.Is(err, context.DeadlineExceeded), isTimeout && timeout.Timeout():
		return brokenTimeout
	}
	return brokenLost
}

// Recorder records what a client sends and receives. It keeps all of it, redacted, in memory until
// it is saved. It is safe for concurrent use.
type Recorder struct {
	redactor
	file   string
	client http.Client
	base   http.RoundTripper

	mu      sync.Mutex
	begun   int
	records []*cassette.Interaction
}

// Record returns a Recorder of a copy of base, or of a plain client if base is nil. It makes the
// file, which only its owner may read. Stand-ins depend on key; if that is empty, on a random one.
func Record(file string, base *http.Client, rules *Rules, key []byte) (*Recorder, error) {
	if err := write(file, nil); err != nil {
		return nil, fmt.Errorf("make the recording: %w", err)
	}
	r := &Recorder{redactor: redactor{book: rules.index(), names: newStandIns(key)}, file: file, base: http.DefaultTransport}
	if base != nil {
		r.client = *base
	}
	if r.client.Transport != nil {
		r.base = r.client.Transport
	}
	r.client.Transport = r
	return r, nil
}

// Client returns the client that is recorded.
func (r *Recorder) Client() *http.Client { return new(r.client) }

// StandIn returns what stands in the recording for a value that has been seen so far, or the value
// itself if it was not hidden.
func (r *Recorder) StandIn(value string) string {
	switch {
	case r.isURL(value):
		return r.url(value)
	case isJSON(value):
		return string(r.json([]byte(value)))
	}
	if standIn, ok := r.names.known(value); ok {
		return standIn
	}
	return value
}

// Save writes what was recorded so far into the file, in the order in which the requests were made.
// Requests whose answers were not read to the end, or closed, are not part of it yet.
func (r *Recorder) Save() error {
	c := cassette.New(r.file)
	r.mu.Lock()
	c.Interactions = slices.SortedFunc(slices.Values(r.records), func(a, b *cassette.Interaction) int { return cmp.Compare(a.ID, b.ID) })
	c.Interactions = slices.Clone(c.Interactions)
	r.mu.Unlock()
	for i, record := range c.Interactions {
		c.Interactions[i] = new(*record) // saving numbers them anew
	}
	return save(c, r.file)
}

// RoundTrip sends a request of the client.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	req, body, err := readRequest(req)
	if err != nil {
		return nil, err
	}
	e := r.begin(req, body)
	start := time.Now()
	resp, err := r.base.RoundTrip(req)
	if err != nil {
		e.Response.Headers = http.Header{breakHeader: {breakOf(req.Context(), err)}}
		e.Response.Duration = time.Since(start)
		r.end(e)
		return nil, err
	}
	e.Response.Code = resp.StatusCode
	e.Response.Status = strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode) // the server's may be any text
	e.Response.Proto, e.Response.ProtoMajor, e.Response.ProtoMinor = resp.Proto, resp.ProtoMajor, resp.ProtoMinor
	e.Response.Headers = r.header(resp.Header)
	encoding := resp.Header.Clone()
	resp.Body = &tap{ReadCloser: resp.Body, ended: func(seen []byte, err error) {
		e.Response.Body = r.body(encoding, seen)
		e.Response.Duration = time.Since(start)
		switch {
		case err == nil:
			e.Response.Headers.Set(breakHeader, unreadBeyond+strconv.Itoa(len(seen)))
		case err != io.EOF:
			e.Response.Headers.Set(breakHeader, breakOf(req.Context(), err))
		}
		r.end(e)
	}}
	return resp, nil
}

// Add records what was sent and received by other means than the client. err says why there is no
// answer.
func (r *Recorder) Add(req *http.Request, body []byte, status int, answer []byte, err error) {
	e := r.begin(req, body)
	e.Response.Code, e.Response.Headers = status, http.Header{}
	if err != nil {
		e.Response.Headers.Set(breakHeader, breakOf(req.Context(), err))
	} else {
		e.Response.Body = r.body(nil, answer)
	}
	r.end(e)
}

// CloseIdleConnections closes those of the client that is recorded.
func (r *Recorder) CloseIdleConnections() { (&http.Client{Transport: r.base}).CloseIdleConnections() }

// readRequest returns a copy of req, which may be sent in its place, and its body.
func readRequest(req *http.Request) (*http.Request, []byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil, nil
	}
	defer req.Body.Close()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, nil, err
	}
	out := req.Clone(req.Context())
	out.Body = io.NopCloser(bytes.NewReader(body))
	return out, body, nil
}

// begin returns the record of a request.
func (r *Recorder) begin(req *http.Request, body []byte) *cassette.Interaction {
	r.mu.Lock()
	id := r.begun
	r.begun++
	r.mu.Unlock()
	location, text := r.location(req.URL), r.body(req.Header, body)
	return &cassette.Interaction{ID: id, Request: cassette.Request{
		Proto: req.Proto, ProtoMajor: req.ProtoMajor, ProtoMinor: req.ProtoMinor,
		Host: location.Host, URL: location.String(), Method: req.Method,
		Headers: r.header(req.Header), Body: text, ContentLength: int64(len(text)),
	}}
}

func (r *Recorder) end(e *cassette.Interaction) {
	e.Response.ContentLength = int64(len(e.Response.Body))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, e)
}

// tap keeps what is read of a body.
type tap struct {
	io.ReadCloser
	seen  []byte
	once  sync.Once
	ended func(seen []byte, err error) // err is io.EOF at the end, nil if the body was closed before
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.seen = append(t.seen, p[:n]...)
	if err != nil {
		t.end(err)
	}
	return n, err
}

func (t *tap) Close() error {
	err := t.ReadCloser.Close()
	t.end(nil)
	return err
}

func (t *tap) end(err error) {
	t.once.Do(func() { t.ended(t.seen, err) })
}
