package cassette

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
)

// Replay returns a client that takes its answers from a recording, without any pause. It is safe for
// concurrent use.
//
// A request gets the first answer, not given yet, to a request of the same method, path, query and
// body, whatever the order of parameters and members, and the secrets. Host and headers do not
// count. Failures of the line that were recorded fail again.
func Replay(file string, rules *Rules) (*http.Client, error) {
	c, err := load(file)
	if err != nil {
		return nil, fmt.Errorf("read the recording: %w", err)
	}
	p := &player{
		redactor: redactor{book: rules.index()}, file: file,
		answers: make(map[string][]*cassette.Interaction), targets: make(map[string]bool),
	}
	for _, record := range c.Interactions {
		u, err := url.Parse(record.Request.URL)
		if err != nil {
			return nil, fmt.Errorf("%s: request %d: %w", file, record.ID, err)
		}
		key := p.key(record.Request.Method, u, record.Request.Body)
		p.answers[key] = append(p.answers[key], record)
		p.targets[record.Request.Method+" "+u.Path] = true
	}
	return &http.Client{Transport: p}, nil
}

// player is the transport of a replay.
type player struct {
	redactor
	file    string
	targets map[string]bool // methods and paths that are in the recording

	mu      sync.Mutex
	answers map[string][]*cassette.Interaction // still to be given, by what key returns
}

// key returns what requests that are the same have in common.
func (p *player) key(method string, u *url.URL, body string) string {
	canonical := jsontext.Value(body)
	if canonical.Canonicalize(jsontext.AllowDuplicateNames(true)) == nil {
		body = string(canonical)
	}
	return strings.Join([]string{method, u.Path, p.query(u.Query()).Encode(), body}, "\n")
}

// RoundTrip answers a request.
func (p *player) RoundTrip(req *http.Request) (*http.Response, error) {
	req, body, err := readRequest(req)
	if err != nil {
		return nil, err
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	record := p.take(p.key(req.Method, req.URL, p.body(req.Header, body)), req.URL.Path)
	if record == nil {
		return nil, p.missing(req)
	}
	why := record.Response.Headers.Get(breakHeader)
	if why != "" && record.Response.Code == 0 {
		return nil, broken(req, why)
	}
	resp, err := record.GetHTTPResponse()
	if err != nil {
		return nil, err
	}
	resp.Request, resp.Close = req, false
	resp.Header = resp.Header.Clone()
	resp.Header.Del(breakHeader)
	if why != "" {
		resp.ContentLength = -1
		resp.Body = io.NopCloser(io.MultiReader(resp.Body, endOf(req, record, why)))
	}
	return resp, nil
}

// endOf returns what comes after the recorded part of a body: an error, or blanks up to where the
// client had enough.
func endOf(req *http.Request, record *cassette.Interaction, why string) io.Reader {
	number, unread := strings.CutPrefix(why, unreadBeyond)
	if !unread {
		return breaking{broken(req, why)}
	}
	size, _ := strconv.Atoi(number)
	return strings.NewReader(strings.Repeat(" ", max(size-len(record.Response.Body), 0)))
}

// take returns the next answer, or nil.
func (p *player) take(key, path string) *cassette.Interaction {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.answers[key]
	if len(left) == 0 {
		return nil
	}
	if len(left) > 1 || !p.repeats(path) {
		p.answers[key] = left[1:]
	}
	return left[0]
}

func (p *player) repeats(path string) bool {
	for suffix := range p.repeat {
		if strings.HasSuffix(path, suffix) {
			return true
		}
	}
	return false
}

// missing tells what is not in the recording, without the query and the body, which may be anything.
func (p *player) missing(req *http.Request) error {
	target := req.Method + " " + req.URL.Path
	if p.targets[target] {
		return fmt.Errorf("%s has no answer left to %s with this query and body", p.file, target)
	}
	return fmt.Errorf("%s has no answer to %s", p.file, target)
}

// breaking is the end of a body that breaks off.
type breaking struct{ err error }

func (b breaking) Read([]byte) (int, error) { return 0, b.err }

// broken returns the error of a line that broke as it was recorded.
func broken(req *http.Request, why string) error {
	switch why {
	case brokenRefused:
		// Whoever traces the request learns that it was not sent.
		if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.GetConn != nil {
			trace.GetConn(net.JoinHostPort(req.URL.Hostname(), cmp.Or(req.URL.Port(), "443")))
		}
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case brokenTimeout:
		return fmt.Errorf("as recorded: %w", context.DeadlineExceeded)
	case brokenCanceled:
		return fmt.Errorf("as recorded: %w", context.Canceled)
	}
	return errors.New("as recorded: " + brokenLost)
}
