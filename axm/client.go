package axm

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/oauth2"

	"github.com/applemdm/applemdm/internal/edge"
	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/lease"
	"github.com/applemdm/applemdm/internal/rest"
)

const (
	// DefaultUserAgent names this SDK. Set [Options.UserAgent] to the name of your product.
	DefaultUserAgent = "applemdm/0.1 (school and business manager client)"

	// DefaultMaxInFlight is how many requests are under way at once: with more of them on one
	// connection the service has been seen to drop some.
	DefaultMaxInFlight = 4
)

// Options of a [Client]. The zero value of each field means its default, and a nil *Options the
// defaults of all.
type Options struct {
	// HTTPClient sends the requests, those for tokens too. It is copied, and the copy follows no
	// redirect: the token must not follow to another host. A client without a Timeout gets one of a
	// minute for each attempt. By default all clients share net/http's transport, which honours the
	// proxy settings of the environment.
	HTTPClient *http.Client

	// BaseURL is where the service is, for simulators and proxies: [API.BaseURL] by default.
	BaseURL string

	// TokenURL is where access tokens come from: [DefaultTokenURL] by default.
	TokenURL string

	// UserAgent is sent with every request: [DefaultUserAgent] by default.
	UserAgent string

	// API is the service to talk to. By default that is what the client ID of the key says; with a
	// TokenSource, which says nothing, API must be set.
	API API

	// TokenSource, if set, supplies the access tokens in the place of a key, for processes that share
	// one: see [Client.TokenSource]. It is asked when there is no token yet, when the last one is
	// about to expire, and when Apple refused it; a token that is still the same then is not sent
	// again. It must be safe for concurrent use and return by itself: it knows nothing of the
	// contexts of calls, and one of them waits for it.
	TokenSource oauth2.TokenSource

	// Logger is told of every attempt, failures at level Warn and the rest at Debug, with method,
	// path, status, duration and Apple's request id; never with a header, a query or a body. By
	// default nothing is logged.
	Logger *slog.Logger

	// Trace is told of every attempt, for metrics and tracing. It is called on the goroutine of
	// the attempt, of several at once where attempts overlap, and must be quick.
	Trace func(Attempt)

	// Retry says how often and how patiently one call is repeated.
	Retry Retry

	// MaxInFlight is how many requests of this client are under way at once:
	// [DefaultMaxInFlight] by default.
	MaxInFlight int

	// Budget is how many requests this client sends in a while. By default there is no limit but
	// what Apple says: see [Budget].
	Budget Budget

	// ActivitySize is the most devices of one activity: [DefaultActivitySize] by default. Calls for
	// more begin several, each at the cost of a request; of these Apple has been seen to take 10 an hour.
	ActivitySize int

	// PollAfter is how long an [Operation] leaves an activity alone before it asks what has become of
	// it: 5 seconds by default.
	PollAfter time.Duration

	// LogHosts are further hosts, as in "logs.example.com:8443", from which logs of activities may be
	// read; [DefaultLogHost] always is one. The access token is not sent there.
	LogHosts []string

	// MaxBody is the largest answer accepted, in bytes after decompression: 32 MiB by default.
	MaxBody int64

	// OnState is called when the account goes from one [State] to another, and only then: see
	// there. Calls do not overlap, come in order, and run on the goroutine of the call that noticed.
	OnState func(State)
}

// Retry says how often and how patiently one call is repeated. Its fields, of which zero means the
// default:
//
//   - Tries int: the most attempts of one call, the first one included; 4 by default, and 1 to
//     repeat nothing
//   - MinWait time.Duration: the first pause, 500 ms by default; it doubles each time, and chance
//     takes up to half of it away
//   - MaxWait time.Duration: the longest pause, 2 minutes by default. When Apple asks for a longer
//     one, calls of the same kind (reading or writing) fail at once, for that long, with that
//     answer
//
// Whatever only reads, and whatever may be done twice without harm, is repeated after 429, 5xx and
// lost connections; the rest only when Apple surely did not process it, which is after 429 and when
// nothing was sent.
type Retry = rest.Retry

// maxWait is the default of Retry.MaxWait: pauses of more than a minute have been seen.
const maxWait = 2 * time.Minute

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

// NewTime returns t as Apple writes it; the zero time is "".
func NewTime(t time.Time) Time { return field.NewTime(t) }

// Unknown holds members that this package has no field for, by name, as raw JSON. They survive
// decoding and encoding.
type Unknown = map[string]jsontext.Value

func (o *Options) withDefaults() (Options, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	opts.TokenURL = cmp.Or(opts.TokenURL, DefaultTokenURL)
	opts.UserAgent = cmp.Or(opts.UserAgent, DefaultUserAgent)
	opts.MaxInFlight = cmp.Or(opts.MaxInFlight, DefaultMaxInFlight)
	opts.ActivitySize = cmp.Or(opts.ActivitySize, DefaultActivitySize)
	opts.PollAfter = cmp.Or(opts.PollAfter, firstPoll)
	opts.LogHosts = slices.Clone(opts.LogHosts)
	opts.Retry.MaxWait = cmp.Or(opts.Retry.MaxWait, maxWait)
	return opts, opts.check()
}

func (o *Options) check() error {
	switch {
	case strings.ContainsFunc(o.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }):
		return &InputError{Field: "Options.UserAgent", Rule: "must be printable ASCII"}
	case o.MaxBody < 0:
		return &InputError{Field: "Options.MaxBody", Rule: "must not be negative"}
	case o.MaxInFlight < 0:
		return &InputError{Field: "Options.MaxInFlight", Rule: "must not be negative"}
	case o.ActivitySize < 0:
		return &InputError{Field: "Options.ActivitySize", Rule: "must not be negative"}
	case o.PollAfter < 0:
		return &InputError{Field: "Options.PollAfter", Rule: "must not be negative"}
	case o.API != "" && !o.API.known():
		return &InputError{Field: "Options.API", Rule: "must be APIBusiness or APISchool"}
	case o.TokenSource != nil && o.API == "":
		return &InputError{Field: "Options.API", Rule: "must be set beside Options.TokenSource"}
	}
	if err := checkLogHosts(o.LogHosts); err != nil {
		return err
	}
	return o.Budget.check("Options.Budget")
}

// Client talks to one of the two services on behalf of one API account. It is cheap, and it is safe
// for concurrent use: its calls share one access token and one budget. Make one Client for each
// account and keep it.
type Client struct {
	opts        Options
	keys        KeySource // nil beside a TokenSource
	tokenEngine *rest.Engine
	services    map[API]*service
	reads       *budget
	writes      *budget
	polls       *budget       // the share of activities in reads
	pollLine    chan struct{} // holds a value while nobody waits for polls
	access      *lease.Lease[*access]
	state       *edge.Watch[State]
	refusal     atomic.Pointer[loginRefusal] // of the key that was refused last
	lastKey     atomic.Pointer[Key]          // that was read
}

// service is the way to one of the two. What reads and what writes are paced apart, for Apple counts
// them apart.
type service struct{ reads, writes *rest.Engine }

// New returns a Client that uses the key that keys holds: a [*Key] is a KeySource of itself. With
// [Options.TokenSource], keys must be nil. A nil opts means defaults.
//
// New does no I/O. Its errors are [*InputError].
func New(keys KeySource, opts *Options) (*Client, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if (keys == nil) == (o.TokenSource == nil) {
		return nil, &InputError{Field: "keys", Rule: "must be set, unless Options.TokenSource is"}
	}
	c := &Client{opts: o, keys: keys, polls: newBudget(Rate{}, 0)}
	c.reads = newBudget(o.Budget.Reads, o.Retry.MaxWait)
	c.writes = newBudget(o.Budget.Writes, o.Retry.MaxWait)
	c.pollLine = make(chan struct{}, 1)
	c.pollLine <- struct{}{}
	if err := c.newEngines(); err != nil {
		return nil, err
	}
	c.access = lease.New(c.fetchAccess)
	c.state = edge.NewWatch(sameState, o.OnState)
	return c, nil
}

// newEngines makes the engines for both services: which one a key is for, only the key tells.
func (c *Client) newEngines() error {
	slots := make(chan struct{}, c.opts.MaxInFlight)
	c.services = make(map[API]*service)
	for _, api := range []API{APIBusiness, APISchool} {
		reads, err := c.newEngine(api, slots, c.reads)
		if err != nil {
			return err
		}
		writes, err := c.newEngine(api, slots, c.writes)
		if err != nil {
			return err
		}
		c.services[api] = &service{reads: reads, writes: writes}
	}
	to, err := url.Parse(c.opts.TokenURL)
	if err != nil || to.Scheme == "" || to.Host == "" || strings.Trim(to.Path, "/") == "" || to.RawQuery != "" {
		return &InputError{Field: "Options.TokenURL", Rule: "must be a URL with a host, a path and no query"}
	}
	c.tokenEngine, err = rest.New(c.config(to.Scheme + "://" + to.Host))
	return err
}

func (c *Client) newEngine(api API, slots chan struct{}, b *budget) (*rest.Engine, error) {
	config := c.config(cmp.Or(c.opts.BaseURL, api.BaseURL()))
	config.Slots, config.Turn, config.TurnOff, config.Judge = slots, b.wait, b.off, b.judge
	return rest.New(config)
}

func (c *Client) config(baseURL string) rest.Config {
	return rest.Config{
		HTTPClient:      c.opts.HTTPClient,
		BaseURL:         baseURL,
		Header:          http.Header{"Accept": {mediaType}, "User-Agent": {c.opts.UserAgent}},
		Logger:          c.opts.Logger,
		Retry:           c.opts.Retry,
		MaxBody:         c.opts.MaxBody,
		Trace:           c.opts.Trace,
		RequestIDHeader: "X-Apple-Request-Uuid",
	}
}

// mediaType is the only one that the service takes and gives: another Accept is answered with 406.
const mediaType = "application/json"

// API returns the service that the client talks to. It asks the [KeySource] if no call has done so
// yet, and does no other I/O.
func (c *Client) API(ctx context.Context) (API, error) {
	if c.opts.API != "" {
		return c.opts.API, nil
	}
	key := c.lastKey.Load()
	if key == nil {
		var err error
		if key, err = c.readKey(ctx); err != nil {
			return "", err
		}
	}
	return key.API(), nil
}

// apiOf returns the service that key is used for.
func (c *Client) apiOf(key *Key) API { return cmp.Or(c.opts.API, key.API()) }

// request is one call of the service. Its answer counts as a success with any status of 2xx.
type request struct {
	op           string // what the call is for, for errors and logs
	method       string
	path         rest.Path // without the version
	query        url.Values
	body         any  // encoded as JSON; nil is none
	once         bool // must not be processed twice, although its method allows that
	businessOnly bool
}

// repeatable reports whether r may be processed twice without harm. What makes something may not.
func (r *request) repeatable() bool { return r.method != http.MethodPost && !r.once }

// send sends r and returns the success that comes back. What comes of it also decides the state of
// the account.
func (c *Client) send(ctx context.Context, r request) (*rest.Response, error) {
	if err := c.allows(ctx, r); err != nil {
		return nil, err
	}
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, &InputError{Field: r.op, Rule: "cannot be encoded: " + err.Error()}
		}
	}
	resp, err := c.withToken(ctx, rest.Request{
		Op: r.op, Method: r.method, Path: append(rest.Path{"v1"}, r.path...), Query: r.query, Body: body,
		Repeatable: r.repeatable(),
	})
	c.noteOutcome(err)
	return resp, err
}

// allows returns why r is not for this service, before anything is sent.
func (c *Client) allows(ctx context.Context, r request) error {
	if !r.businessOnly {
		return nil
	}
	api, err := c.API(ctx)
	if err == nil && api != APIBusiness {
		err = &NotInThisAPIError{Op: r.op, API: api}
	}
	return err
}
