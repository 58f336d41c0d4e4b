package vpp

import (
	"cmp"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/edge"
	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/lease"
	"github.com/applemdm/applemdm/internal/pace"
	"github.com/applemdm/applemdm/internal/rest"
)

const (
	// DefaultBaseURL is the service itself.
	DefaultBaseURL = "https://vpp.itunes.apple.com/mdm/v2"

	// DefaultUserAgent names this SDK. Set [Options.UserAgent] to the name of your product.
	DefaultUserAgent = "applemdm/0.1 (apps and books client)"
)

// Options of a [Client]. The zero value of each field means its default, and a nil *Options the
// defaults of all.
type Options struct {
	// HTTPClient sends the requests. It is copied, and the copy follows no redirect: the token
	// must not follow to another host. A client without a Timeout gets one of a minute for each
	// attempt. By default all clients share net/http's transport, which honours the proxy settings
	// of the environment.
	HTTPClient *http.Client

	// BaseURL is where the service is, for simulators and proxies: [DefaultBaseURL] by default. The
	// URLs that the service publishes are followed to this host only; if it is one of Apple's,
	// also to others of Apple's. In the place of the rest, the documented paths are used.
	BaseURL string

	// UserAgent is sent with every request: [DefaultUserAgent] by default.
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

	// MaxBody is the largest answer accepted, in bytes after decompression: 32 MiB by default.
	MaxBody int64

	// MDM is who you are: all three fields, or none. The ID must be your own and stay the same, a
	// UUID that you make once for each token, say. It is what [Client.Claim] claims the location
	// for, and what every answer is compared with; a Client that has had no answer yet reads the
	// client configuration before it first writes. Without it, nobody's claim is noticed.
	MDM MDMInfo

	// UID, if set, is the location that the token must be of: see [Client.UID]. Without it, the
	// first answer decides. A token of another location makes calls fail with [ErrOtherLocation].
	UID string

	// OnState is called when the location goes from one [State] to another, and only then: see
	// there. Calls do not overlap, come in order, and run on the goroutine of the call that noticed.
	OnState func(State)

	// ExpiryWarning is how long before its expiry a token counts as [StateTokenExpiring]: 30 days
	// by default.
	ExpiryWarning time.Duration

	// PollAfter is how long an [Operation] waits for a notification before it asks Apple what became
	// of an event. By default it is 5 minutes, as Apple advises, while notifications about such
	// events reach this client, and 5 seconds otherwise. Set it where notifications go to several
	// processes, of which only one waits.
	PollAfter time.Duration
}

// Retry says how often and how patiently one call is repeated. Its fields, of which zero means the
// default:
//
//   - Tries int: the most attempts of one call, the first one included; 4 by default, and 1 to
//     repeat nothing
//   - MinWait time.Duration: the first pause, 500 ms by default; it doubles each time, and chance
//     takes up to half of it away
//   - MaxWait time.Duration: the longest pause, 30 s by default. When Apple asks for a longer
//     one, all calls fail at once, for that long, with that answer
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
	opts.ExpiryWarning = cmp.Or(opts.ExpiryWarning, 30*24*time.Hour)
	return opts, opts.check()
}

func (o *Options) check() error {
	switch m := o.MDM; {
	case strings.ContainsFunc(o.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }):
		return &InputError{Field: "Options.UserAgent", Rule: "must be printable ASCII"}
	case o.MaxBody < 0:
		return &InputError{Field: "Options.MaxBody", Rule: "must not be negative"}
	case o.ExpiryWarning < 0:
		return &InputError{Field: "Options.ExpiryWarning", Rule: "must not be negative"}
	case o.PollAfter < 0:
		return &InputError{Field: "Options.PollAfter", Rule: "must not be negative"}
	case !m.IsZero() && (m.ID == "" || m.Name == "" || m.Metadata == ""):
		return &InputError{Field: "Options.MDM", Rule: "must have ID, Name and Metadata, or none of them"}
	}
	return nil
}

// Client talks to the service on behalf of one location. It is cheap, and it is safe for concurrent
// use: its calls share one token, one pace and one service configuration. Make one Client for each
// location and keep it; two of them would each use the whole rate that Apple allows.
type Client struct {
	opts   Options
	tokens TokenSource
	engine *rest.Engine // for the base URL
	pace   *pace.Pacer[*Error]
	token  *lease.Lease[*Token]
	config *lease.Lease[*publishedConfig]
	state  *edge.Watch[State]
	pages  chan struct{} // holds one for each page that is being asked for

	location *location
	notices  *notices
}

// New returns a Client that uses the token that tokens holds: a [*Token] is a TokenSource of itself.
// A nil opts means defaults.
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
	c := &Client{opts: o, tokens: tokens, pace: pace.New[*Error](), pages: make(chan struct{}, pagesInFlight)}
	c.location, c.notices = &location{uid: o.UID}, new(notices)
	if c.engine, err = c.newEngine(o.BaseURL); err != nil {
		return nil, err
	}
	c.token = lease.New(c.readToken)
	c.config = lease.New(c.readConfig)
	c.state = edge.NewWatch(sameState, o.OnState)
	return c, nil
}

// newEngine returns an engine for what is below baseURL. All engines of a client have one pace.
func (c *Client) newEngine(baseURL string) (*rest.Engine, error) {
	return rest.New(rest.Config{
		HTTPClient:      c.opts.HTTPClient,
		BaseURL:         baseURL,
		Header:          http.Header{"Accept": {mediaType}, "User-Agent": {c.opts.UserAgent}},
		Logger:          c.opts.Logger,
		Retry:           c.opts.Retry,
		MaxBody:         c.opts.MaxBody,
		Trace:           c.opts.Trace,
		RequestIDHeader: "X-Apple-Request-UUID",
		Turn:            c.pace.Wait,
		Judge:           c.judge,
	})
}

const mediaType = "application/json"

// judge says what an answer stands for, and keeps to what it asks for: it slows down all calls, or
// holds them.
func (c *Client) judge(resp *rest.Response) int {
	status := resp.Status
	if r, found := readReported(resp.Body); found {
		if said := r.status(); said >= http.StatusTooManyRequests || status < 400 {
			status = said
		}
	}
	c.pace.Heed(status, resp.RetryAfter, func() *Error { return refusal("", resp) })
	return status
}
