package legacy

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/internal/lease"
	"github.com/applemdm/applemdm/internal/pace"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

const (
	// DefaultBaseURL is where the service configuration is, which publishes the other addresses.
	DefaultBaseURL = "https://vpp.itunes.apple.com/mdm"

	// DefaultUserAgent names this SDK. Set [Options.UserAgent] to the name of your product.
	DefaultUserAgent = "applemdm/0.1 (apps and books legacy client)"
)

// Options of a [Client]. The zero value of each field means its default, and a nil *Options the
// defaults of all.
type Options struct {
	// HTTPClient sends the requests. It is copied, and the copy follows no redirect: the token is in
	// the body, and must not follow to another host. A client without a Timeout gets one of a minute
	// for each attempt. By default all clients share net/http's transport, which honours the proxy
	// settings of the environment.
	HTTPClient *http.Client

	// BaseURL is where the service is, for simulators and proxies: [DefaultBaseURL] by default. The
	// URLs that the service publishes are followed to this host only; if it is one of Apple's,
	// also to others of Apple's. In the place of the rest, the documented addresses are used.
	BaseURL string

	// UserAgent is sent with every request: [DefaultUserAgent] by default.
	UserAgent string

	// Logger is told of every attempt, failures at level Warn and the rest at Debug, with method,
	// path, status, duration and Apple's request id; never with a header or a body. By default
	// nothing is logged. All answers have status 200, failures of the service too.
	Logger *slog.Logger

	// Trace is told of every attempt, for metrics and tracing. It is called on the goroutine of
	// the attempt, of several at once where attempts overlap, and must be quick.
	Trace func(vpp.Attempt)

	// Retry says how often and how patiently one call is repeated. All calls of this service bear
	// repetition but one: see [Management.DisassociateLicenseIDs].
	Retry vpp.Retry

	// MaxBody is the largest answer accepted, in bytes after decompression: 32 MiB by default.
	MaxBody int64

	// MDM is who you are: both fields, or none. The first call then looks who has claimed the
	// account, and every answer is compared with it: see [Client.Claim]. Without it nobody's claim
	// is noticed, which is right for those who manage the location with version 2 and call this
	// one on the side.
	MDM MDMInfo

	// UID, if set, is the location that the token must be of: see [Client.UID]. Without it, the
	// first answer decides. A token of another location makes calls fail with
	// [vpp.ErrOtherLocation].
	UID string
}

func (o *Options) withDefaults() (Options, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	opts.BaseURL = cmp.Or(opts.BaseURL, DefaultBaseURL)
	opts.UserAgent = cmp.Or(opts.UserAgent, DefaultUserAgent)
	return opts, opts.check()
}

func (o *Options) check() error {
	switch {
	case strings.ContainsFunc(o.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }):
		return &vpp.InputError{Field: "Options.UserAgent", Rule: "must be printable ASCII"}
	case o.MaxBody < 0:
		return &vpp.InputError{Field: "Options.MaxBody", Rule: "must not be negative"}
	case (o.MDM.Hostname == "") != (o.MDM.GUID == ""):
		return &vpp.InputError{Field: "Options.MDM", Rule: "must have Hostname and GUID, or none of them"}
	case len(contextOf(o.MDM, "")) > maxContext:
		return &vpp.InputError{Field: "Options.MDM", Rule: fmt.Sprintf("is too long: Apple keeps %d bytes of it as JSON", maxContext)}
	}
	return nil
}

// Client talks to version 1 of the service on behalf of one account. It is cheap, and it is safe for
// concurrent use: its calls share one token, one pace and one service configuration. Make one Client
// for each account and keep it.
type Client struct {
	opts    Options
	tokens  vpp.TokenSource
	engine  *rest.Engine // for the base URL
	pace    *pace.Pacer[*vpp.Error]
	token   *lease.Lease[*vpp.Token]
	config  *lease.Lease[*publishedConfig]
	session *lease.Lease[*ClientConfig] // the look at the claim before the first call
	account account
	pages   chan struct{} // holds one for each page of a list that is being asked for

	internal atomic.Int32 // internal errors of Apple's (9603) in a row
}

// New returns a Client that uses the token that tokens holds: a [*vpp.Token] is a TokenSource of
// itself. A nil opts means defaults.
//
// New does no I/O. Its errors are [*vpp.InputError].
func New(tokens vpp.TokenSource, opts *Options) (*Client, error) {
	if tokens == nil {
		return nil, &vpp.InputError{Field: "tokens", Rule: "must not be nil"}
	}
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{opts: o, tokens: tokens, pace: pace.New[*vpp.Error](), pages: make(chan struct{}, pagesInFlight)}
	c.account.uid = o.UID
	if c.engine, err = c.newEngine(o.BaseURL); err != nil {
		return nil, err
	}
	c.token = lease.New(c.readToken)
	c.config = lease.New(c.readConfig)
	c.session = lease.New(func(ctx context.Context, _ *ClientConfig) (*ClientConfig, error) { return c.ClientConfig(ctx) })
	return c, nil
}

// newEngine returns an engine for what is below baseURL. All engines of a client have one pace.
func (c *Client) newEngine(baseURL string) (*rest.Engine, error) {
	return rest.New(rest.Config{
		HTTPClient:      c.opts.HTTPClient,
		BaseURL:         baseURL,
		Header:          http.Header{"Accept": {mediaType}, "Content-Type": {mediaType}, "User-Agent": {c.opts.UserAgent}},
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

// request is one call of a service with the token. Its answer counts as a success with status 200
// only, and only if it holds no error.
type request struct {
	op      string // what the call is for, for errors and logs
	service string // by Apple's name
	body    any    // a struct, encoded as JSON without the token
	always  bool   // sent whoever has claimed the account, for that is what it is about
	secret  bool   // the answer holds one, so it stays out of errors
	once    bool   // must not be processed twice
}

// call sends r and decodes the answer into v, unless the account is another server's.
func (c *Client) call(ctx context.Context, r request, v answer) error {
	if !r.always {
		if err := c.mayCall(ctx); err != nil {
			return fmt.Errorf("%s: %w", r.op, err)
		}
	}
	members, err := json.Marshal(r.body)
	if err != nil {
		return &vpp.InputError{Field: r.op, Rule: "cannot be encoded: " + err.Error()}
	}
	era := c.account.now()
	resp, token, err := c.find(ctx, r, members)
	if err != nil {
		return err
	}
	if err := decodeAnswer(r.op, resp, v); err != nil {
		return redacted(err, token, r.secret)
	}
	if err := c.account.note(v.common(), era); err != nil {
		c.token.Drop(token) // until the right one is back where tokens come from
		return fmt.Errorf("%s: %w", r.op, err)
	}
	return nil
}

// envelope is what every answer to a call with the token carries beside its own members.
type envelope struct {
	Status        count          `json:"status"`
	UID           string         `json:"uId"`
	ClientContext *ClientContext `json:"clientContext"`
}

func (e *envelope) common() envelope { return *e }
func (e *envelope) partial() bool    { return false }

// answer is the value that an answer is decoded into.
type answer interface {
	common() envelope
	partial() bool // an answer of another status than 0 is understood too
}
