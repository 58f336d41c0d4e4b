// Package rest is the one HTTP engine of the service packages: it builds a request, sends it,
// repeats it where that is safe, reads the answer within bounds and reports each attempt. It knows
// no service. Nobody else in this module touches a response body.
package rest

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/applemdm/applemdm/internal/field"
)

// Defaults for the zero values of [Config].
const (
	DefaultTimeout = time.Minute // for one attempt, the body included
	DefaultMaxBody = 32 << 20    // bytes, after decompression
)

// Config says how an [Engine] sends.
type Config struct {
	HTTPClient *http.Client  // copied; nil means net/http's shared transport
	BaseURL    string        // scheme, host and perhaps a path
	Header     http.Header   // sent with every request; not modified
	Logger     *slog.Logger  // nil is silent
	Retry      Retry         // the zero value has defaults
	Limiter    *rate.Limiter // waited for before each attempt; nil is none
	MaxBody    int64         // bytes of an answer; 0 means DefaultMaxBody
	Trace      func(Attempt) // told of each attempt; nil is nobody

	// RequestIDHeader names the header in which the service numbers its answers.
	RequestIDHeader string

	// Turn, if set, is waited for before each attempt, in the place of Limiter.
	Turn func(context.Context) error

	// Slots, if set, has room for as many attempts as may be under way at once; one that waits for
	// its turn or pauses is not. Engines may share it.
	Slots chan struct{}

	// TurnOff, if set, is asked by an attempt that has its turn and its slot, and reports whether the
	// turn is off: the attempt then leaves the slot and waits for another one. It must be quick.
	TurnOff func() bool

	// Judge, if set, is shown each answer and returns the status that it stands for, which decides
	// whether the call is repeated: some services tell of failures in answers of status 200. It must
	// be quick, and must not keep the answer.
	Judge func(*Response) int
}

// Engine sends requests to one service. It is safe for concurrent use.
type Engine struct {
	Config
	base    *url.URL
	http    *http.Client
	buffers sync.Pool // of *bytes.Buffer
}

// New checks config and returns an Engine. It does no I/O; its errors are [*field.InputError].
//
// The Engine works on a copy of the HTTP client that follows no redirect: the credentials of these
// services travel in headers of their own, which net/http would carry to another host. A client
// without a timeout gets [DefaultTimeout] for each attempt.
func New(config Config) (*Engine, error) {
	base, err := parseBaseURL(config.BaseURL)
	if err != nil {
		return nil, err
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	client := http.Client{}
	if config.HTTPClient != nil {
		client = *config.HTTPClient
	}
	if client.Timeout == 0 {
		client.Timeout = DefaultTimeout
	}
	client.Transport = transport{cmp.Or[http.RoundTripper](client.Transport, http.DefaultTransport)}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if config.MaxBody == 0 {
		config.MaxBody = DefaultMaxBody
	}
	config.MaxBody = min(config.MaxBody, math.MaxInt64-1) // one more is read, to see that it is there
	config.Retry = config.Retry.withDefaults()
	return &Engine{Config: config, base: base, http: &client}, nil
}

func (c Config) check() error {
	switch limiter := c.Limiter; {
	case c.MaxBody < 0:
		return &field.InputError{Field: "MaxBody", Rule: "must not be negative"}
	case limiter != nil && limiter.Burst() < 1 && limiter.Limit() != rate.Inf:
		return &field.InputError{Field: "Limiter", Rule: "must have a burst of at least 1, or it lets nothing through"}
	}
	return c.Retry.check()
}

// transport hides every method but RoundTrip: go-retryablehttp closes idle connections after a
// failure, and these are shared with everyone else who uses the transport.
type transport struct{ http.RoundTripper }

func parseBaseURL(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, &field.InputError{Field: "BaseURL", Rule: "is no URL"}
	case base.Scheme != "https" && base.Scheme != "http":
		return nil, &field.InputError{Field: "BaseURL", Rule: "must begin with https:// or http://"}
	case base.Hostname() == "":
		return nil, &field.InputError{Field: "BaseURL", Rule: "must name a host"}
	case base.User != nil || base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, &field.InputError{Field: "BaseURL", Rule: "must not have a user, a query or a fragment"}
	}
	return base, nil
}

// Path is the elements of a path, unescaped. The Engine escapes each one, so an identifier cannot
// reach another resource.
type Path []string

// ParsePath returns the elements of a path that a service published, such as "/roster/class".
func ParsePath(path string) Path { return strings.Split(strings.Trim(path, "/"), "/") }

// String returns the path unescaped, for logs and messages.
func (p Path) String() string { return "/" + strings.Join(p, "/") }

// Request is one call. The zero values of the optional fields mean "none".
type Request struct {
	Op     string // what the call is for, in words, for errors and logs: "fetch devices"
	Method string
	Path   Path
	Query  url.Values
	Header http.Header // beside that of the Config; not modified
	Body   []byte      // not modified; must not change, for net/http may read it even after Do has returned

	// Repeatable marks a call that may be processed twice without harm. Others are repeated only
	// when the service surely did not process them.
	Repeatable bool

	// Sign completes each attempt just before it is sent, for signatures that are good once.
	Sign func(*http.Request) error

	// Answered is told the header of each answer, whether it counts, is to be repeated after, or
	// loses its body, before the next attempt is signed. It runs on the goroutine of Do.
	Answered func(http.Header)

	// Doubt is told, before the call is repeated, that the last attempt may have been processed: it
	// was sent, and its answer got lost or is a failure of the service, though none that says that
	// it is unavailable. What comes of the call then is not all that may have come of it. It runs
	// on the goroutine of Do.
	Doubt func()
}

// Response is an answer of the service, whatever its status. The receiver owns all of it, until it
// calls Release.
type Response struct {
	Status     int
	Header     http.Header
	Body       []byte
	RequestID  string        // the service's number for this answer, or ""
	RetryAfter time.Duration // how long the service asked to wait, or 0

	buffer *bytes.Buffer // behind Body
	pool   *sync.Pool    // to give it back to
}

// Release lets another call read into the memory of Body, which must no longer be used, not even
// by values that point into it. Calling it is optional, and saves the memory of one page in
// [Engine]s that read many.
func (r *Response) Release() {
	if r.buffer != nil {
		r.buffer.Reset()
		r.pool.Put(r.buffer)
	}
	r.Body, r.buffer = nil, nil
}

// Do sends req until there is an answer that counts, and returns it. The error is a
// [*TransportError] when none came, or a [*field.InputError] for a request that cannot be sent.
//
// An answer of 429 or 503 counts as not processed, so every request is repeated after it; one of
// another 5xx, or a line that failed, repeats what is Repeatable and what was not yet sent. The
// pause is what Retry-After asks for, otherwise the back-off of [Retry]. A pause that Retry.MaxWait
// or the deadline of ctx does not allow ends the call with what the service said last.
func (e *Engine) Do(ctx context.Context, req Request) (*Response, error) {
	target, err := e.url(req)
	if err != nil {
		return nil, err
	}
	c := &call{engine: e, req: req}
	return c.run(ctx, target)
}

func (e *Engine) url(req Request) (string, error) {
	for _, element := range req.Path {
		if element == "" || element == "." || element == ".." {
			return "", &field.InputError{Field: "path of " + req.Op, Rule: "must not have an empty or a dot element: " + req.Path.String()}
		}
	}
	target := *e.base
	escaped := strings.TrimSuffix(target.EscapedPath(), "/")
	plain := strings.TrimSuffix(target.Path, "/")
	for _, element := range req.Path {
		escaped += "/" + url.PathEscape(element)
		plain += "/" + element
	}
	target.Path, target.RawPath = plain, escaped
	target.RawQuery = req.Query.Encode()
	return target.String(), nil
}
