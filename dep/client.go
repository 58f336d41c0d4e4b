package dep

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/time/rate"

	"github.com/applemdm/applemdm/internal/edge"
	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/lease"
	"github.com/applemdm/applemdm/internal/rest"
)

const (
	// DefaultBaseURL is the service itself.
	DefaultBaseURL = "https://mdmenrollment.apple.com"

	// DefaultUserAgent names this SDK. Set [Options.UserAgent] to the name of your product: Apple
	// refuses some User-Agents and asks for one that tells who calls.
	DefaultUserAgent = "applemdm/0.1 (device assignment client)"

	// ProtocolVersion is the highest X-Server-Protocol-Version known.
	ProtocolVersion = 10

	// MaxBatch is the most serial numbers that one request carries, as Apple advises.
	MaxBatch = 1000
)

// Options of a [Client]. The zero value of each field means its default, and a nil *Options the
// defaults of all.
type Options struct {
	// HTTPClient sends the requests. It is copied, and the copy follows no redirect: the session
	// would follow to another host. A client without a Timeout gets one of a minute for each
	// attempt. By default all clients share net/http's transport, which honours the proxy settings
	// of the environment.
	HTTPClient *http.Client

	// BaseURL is where the service is, for simulators and proxies: [DefaultBaseURL] by default.
	BaseURL string

	// UserAgent is sent with every request, the login included: [DefaultUserAgent] by default.
	UserAgent string

	// Logger is told of every attempt, failures at level Warn and the rest at Debug, with method,
	// path, status, duration and Apple's request id; never with a header, a query or a body. By
	// default nothing is logged.
	Logger *slog.Logger

	// Trace is told of every attempt, for metrics and tracing. It is called on the goroutine of
	// the attempt, of several at once where attempts overlap, and must be quick.
	Trace func(Attempt)

	// Retry says how often and how patiently one call is repeated.
	Retry Retry

	// Limiter, if set, is waited for before each request. It may be shared by many clients. Apple
	// publishes no quota for this service, so by default there is none.
	Limiter *rate.Limiter

	// MaxBody is the largest answer accepted, in bytes after decompression: 32 MiB by default.
	MaxBody int64

	// ProtocolVersion is sent as X-Server-Protocol-Version and decides which members Apple sends:
	// [ProtocolVersion] by default.
	ProtocolVersion int

	// PageSize is the limit sent with fetches and syncs, between 1 and 1000: 1000 by default.
	// Once [Client.Account] has been read, no call exceeds what it publishes.
	PageSize int

	// AssignMethod is the HTTP method of [Client.AssignProfile]: POST, as Apple documents it
	// today, by default; PUT, which older pages name and depsim demands.
	AssignMethod string

	// Sessions, if set, shares the session among the replicas of a service that use the same
	// token. By default each client has its own.
	Sessions SessionStore

	// OnState is called when the account goes from one [State] to another, and only then: see
	// there. Calls do not overlap, come in order, and run on the goroutine of the call that noticed.
	OnState func(State)

	// ExpiryWarning is how long before its expiry a token counts as [StateTokenExpiring]: 30 days
	// by default.
	ExpiryWarning time.Duration
}

// Retry says how often and how patiently one call is repeated. Its fields, of which zero means the
// default:
//
//   - Tries int: the most attempts of one call, the first one included; 4 by default, and 1 to
//     repeat nothing
//   - MinWait time.Duration: the first pause, 500 ms by default; it doubles each time, and chance
//     takes up to half of it away
//   - MaxWait time.Duration: the longest pause, 30 s by default. When Apple asks for a longer
//     one, the call ends at once with that answer
//
// Whatever only reads, and whatever may be done twice without harm, is repeated after 429, 5xx and
// lost connections; the rest only when Apple surely did not process it.
type Retry = rest.Retry

// Attempt is what [Options.Trace] is told of each attempt of a call. It carries neither headers nor
// bodies. Its fields:
//
//   - Op, Method, Path string: what the call was for, in words, and where it went
//   - Number int: counted from 1 within the call
//   - Status int: of HTTP; 0 without an answer
//   - RequestID string: Apple's number for the answer, if it has one
//   - Bytes int: of the body of the answer
//   - Duration time.Duration: from sending to the end of the body
//   - Wait time.Duration: until the next attempt; 0 if there is none
//   - Err error: why there is no answer
type Attempt = rest.Attempt

// Time is a point in time, kept as the text in which Apple wrote it; "" is none. Its method Time
// gives the time.Time.
type Time = field.Time

// Unknown holds members that this package has no field for, by name, as raw JSON. They survive
// decoding and encoding.
type Unknown = map[string]jsontext.Value

func (o *Options) withDefaults() (Options, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	opts.BaseURL = cmp.Or(opts.BaseURL, DefaultBaseURL)
	opts.UserAgent = cmp.Or(opts.UserAgent, DefaultUserAgent)
	opts.ProtocolVersion = cmp.Or(opts.ProtocolVersion, ProtocolVersion)
	opts.PageSize = cmp.Or(opts.PageSize, 1000)
	opts.AssignMethod = cmp.Or(opts.AssignMethod, http.MethodPost)
	opts.ExpiryWarning = cmp.Or(opts.ExpiryWarning, 30*24*time.Hour)
	return opts, opts.check()
}

func (o *Options) check() error {
	switch {
	case strings.ContainsFunc(o.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }):
		return &InputError{Field: "Options.UserAgent", Rule: "must be printable ASCII"}
	case o.MaxBody < 0:
		return &InputError{Field: "Options.MaxBody", Rule: "must not be negative"}
	case o.ProtocolVersion < 1:
		return &InputError{Field: "Options.ProtocolVersion", Rule: "must be at least 1"}
	case o.PageSize < 1 || o.PageSize > 1000:
		return &InputError{Field: "Options.PageSize", Rule: "must be between 1 and 1000"}
	case o.AssignMethod != http.MethodPost && o.AssignMethod != http.MethodPut:
		return &InputError{Field: "Options.AssignMethod", Rule: "must be POST or PUT"}
	case o.ExpiryWarning < 0:
		return &InputError{Field: "Options.ExpiryWarning", Rule: "must not be negative"}
	}
	return nil
}

// Client talks to the service on behalf of one server token. It is cheap, and it is safe for
// concurrent use: its calls share one session, and when Apple ends that, one login.
type Client struct {
	opts    Options
	tokens  TokenSource
	engine  *rest.Engine
	session *lease.Lease[*session]
	state   *edge.Watch[State]

	resets      atomic.Uint64                // calls of ResetSession
	obeyed      atomic.Uint64                // how many of them a login has followed
	refusal     atomic.Pointer[loginRefusal] // of the login that was refused last
	tokenExpiry atomic.Pointer[time.Time]    // of the token used last
	urls        atomic.Pointer[[]AccountURL] // of the account read last
}

// New returns a Client that logs in with the token that tokens holds at that time: a [*Token] is
// a TokenSource of itself. A nil opts means defaults.
//
// New does no I/O. Its errors are [*InputError].
func New(tokens TokenSource, opts *Options) (*Client, error) {
	if tokens == nil {
		return nil, &InputError{Field: "tokens", Rule: "must not be nil"}
	}
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{opts: o, tokens: tokens}
	c.engine, err = rest.New(rest.Config{
		HTTPClient:      o.HTTPClient,
		BaseURL:         o.BaseURL,
		Header:          c.header(),
		Logger:          o.Logger,
		Retry:           o.Retry,
		Limiter:         o.Limiter,
		MaxBody:         o.MaxBody,
		Trace:           o.Trace,
		RequestIDHeader: "X-Apple-Request-UUID",
	})
	if err != nil {
		return nil, err
	}
	c.session = lease.New(c.openSession)
	c.state = edge.NewWatch(sameState, o.OnState)
	return c, nil
}

// mediaType is spelled as Apple does: its own simulator refuses a login with any other spelling.
const mediaType = "application/json;charset=UTF8"

func (c *Client) header() http.Header {
	return http.Header{
		"Accept":                    {mediaType},
		"Content-Type":              {mediaType},
		"User-Agent":                {c.opts.UserAgent},
		"X-Server-Protocol-Version": {strconv.Itoa(c.opts.ProtocolVersion)},
	}
}

// request is one call of the service. Its answer counts as a success with status 200 only.
type request struct {
	op         string // what the call is for, for errors and logs
	method     string
	path       rest.Path
	query      url.Values
	body       any // encoded as JSON; nil is none
	repeatable bool
}

// call sends r and decodes the answer into a new T. It returns either a value or an error.
func call[T any](ctx context.Context, c *Client, r request) (*T, error) {
	v := new(T)
	if err := callInto(ctx, c, r, v); err != nil {
		return nil, err
	}
	return v, nil
}

// callInto is call for a value that the caller has prepared, such as one with room for a page.
func callInto(ctx context.Context, c *Client, r request, v any) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	return decodeAnswer(r.op, resp, v)
}

// decodeAnswer decodes the body of a success into v and gives its memory back.
func decodeAnswer(op string, resp *rest.Response, v any) error {
	if err := decode(resp.Body, v); err != nil {
		return misunderstood(op, resp, err)
	}
	resp.Release() // decoding copies what it keeps
	return nil
}

// send sends r within the session and returns an answer of status 200. What comes of it also
// decides the state of the account.
func (c *Client) send(ctx context.Context, r request) (*rest.Response, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, &InputError{Field: r.op, Rule: "cannot be encoded: " + err.Error()}
		}
	}
	resp, err := c.inSession(ctx, rest.Request{
		Op: r.op, Method: r.method, Path: r.path, Query: r.query, Body: body, Repeatable: r.repeatable,
	})
	if err == nil && resp.Status != http.StatusOK {
		err = refusal(r.op, resp)
	}
	c.noteOutcome(err)
	if err != nil {
		return nil, err
	}
	return resp, nil
}
