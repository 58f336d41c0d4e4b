package content

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

const (
	// BusinessBaseURL is the service for the customers of Apple Business.
	BusinessBaseURL = "https://api.ent.apple.com/v1"

	// EducationBaseURL is the service for the customers of Apple School Manager.
	EducationBaseURL = "https://api.edu.apple.com/v1"

	// DefaultUserAgent names this SDK. Set [Options.UserAgent] to the name of your product.
	DefaultUserAgent = "applemdm/0.1 (apps and books metadata client)"
)

// Options of a [Client] or a [Lookup]. The zero value of each field means its default, and a nil
// *Options the defaults of all.
type Options struct {
	// HTTPClient sends the requests. It is copied, and the copy follows no redirect and has no
	// cookie jar: the content token travels in a cookie and must not follow to another host, nor
	// stay behind for another location. A client without a Timeout gets one of a minute for each
	// attempt. By default all clients share net/http's transport, which honours the proxy settings
	// of the environment.
	HTTPClient *http.Client

	// BaseURL is where the service is, for simulators and proxies. The default of a Client is
	// [BusinessBaseURL], or [EducationBaseURL] if Location is a school's; that of a Lookup is
	// [LookupBaseURL].
	BaseURL string

	// UserAgent is sent with every request: [DefaultUserAgent] by default.
	UserAgent string

	// Logger is told of every attempt, failures at level Warn and the rest at Debug, with method,
	// path, status, duration and Apple's request id; never with a header, a query or a body. By
	// default nothing is logged.
	Logger *slog.Logger

	// Trace is told of every attempt, for metrics and tracing. It is called on the goroutine of
	// the attempt, of several at once where attempts overlap, and must be quick.
	Trace func(vpp.Attempt)

	// Retry says how often and how patiently one call is repeated. All calls only read, so all are
	// repeated after 429, 5xx and lost connections.
	Retry vpp.Retry

	// MaxBody is the largest answer accepted, in bytes after decompression: 32 MiB by default.
	MaxBody int64

	// Location, if set, says what the client configuration and the service configuration of a
	// location say: in which storefront to look, and whether it is a school's. They are read when
	// first needed; the former is read anew after an hour.
	Location *vpp.Client

	// Storefront is the country in whose store to look: two letters such as "us". It comes before
	// what Location says; one of the two is needed by most calls. A [Query] may name another one.
	Storefront string

	// Fallbacks are the storefronts in which to look, in this order, for what the first one does not
	// have. Each costs further requests, and only then. By default there are none.
	Fallbacks []string

	// Language is the tag of the language to answer in, one of the first storefront's
	// [StorefrontAttributes.SupportedLanguageTags]. The default, and what the Fallbacks answer in, is
	// that of the storefront; for a Lookup it is "en".
	Language string
}

func (o *Options) withDefaults() (Options, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	opts.UserAgent = cmp.Or(opts.UserAgent, DefaultUserAgent)
	opts.Fallbacks = append([]string(nil), opts.Fallbacks...)
	if opts.HTTPClient != nil {
		own := *opts.HTTPClient
		own.Jar = nil
		opts.HTTPClient = &own
	}
	return opts, opts.check()
}

// check also writes countries in small letters.
func (o *Options) check() error {
	switch {
	case strings.ContainsFunc(o.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }):
		return &vpp.InputError{Field: "Options.UserAgent", Rule: "must be printable ASCII"}
	case o.MaxBody < 0:
		return &vpp.InputError{Field: "Options.MaxBody", Rule: "must not be negative"}
	}
	err := checkCountry("Options.Storefront", &o.Storefront)
	for i := range o.Fallbacks {
		err = cmp.Or(err, checkCountry("Options.Fallbacks", &o.Fallbacks[i]))
		if o.Fallbacks[i] == "" {
			err = cmp.Or(err, error(&vpp.InputError{Field: "Options.Fallbacks", Rule: "must not have an empty element"}))
		}
	}
	return err
}

// inFlight is how many requests of one call are under way at once. Apple limits the rate without
// saying to what.
const inFlight = 4

// Client reads the metadata of apps and books on behalf of one location. It is cheap, and it is safe
// for concurrent use: its calls share the credentials. Each call that takes a list of identifiers
// has up to 4 requests under way at once, at most 15 a second leave, and fewer after Apple has said
// that there were too many. Apple limits the rate of all clients of a vendor together, and does not
// tell to what.
type Client struct {
	opts      Options
	developer held[*DeveloperToken]
	tokens    *held[*vpp.Token] // nil without a content token
	home      *homeReader
	line      *line
	engine    *rest.Engine // for Options.BaseURL, or for businesses
	education *rest.Engine
}

// New returns a Client. developer is who makes the device-management server; tokens is the content
// token of the location whose apps and books are read, a [*vpp.Token] for example, or nil if only
// what the stores show to everyone is wanted. A nil opts means defaults.
//
// New does no I/O. Its errors are [*vpp.InputError].
func New(developer DeveloperTokenSource, tokens vpp.TokenSource, opts *Options) (*Client, error) {
	if developer == nil {
		return nil, &vpp.InputError{Field: "developer", Rule: "must not be nil"}
	}
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{opts: o, developer: holdDeveloper(developer), tokens: holdTokens(tokens)}
	c.home, c.line = newHomeReader(&c.opts), newLine(&c.opts)
	c.engine, err = c.line.newEngine(cmp.Or(o.BaseURL, BusinessBaseURL))
	if err != nil {
		return nil, err
	}
	c.education, err = c.line.newEngine(EducationBaseURL)
	return c, err
}

// Test asks the service whether it takes the developer token: one request.
//
// https://developer.apple.com/documentation/devicemanagement/generating-developer-tokens
func (c *Client) Test(ctx context.Context) error {
	_, err := c.ask(ctx, request{op: "test the developer token", path: rest.Path{"test"}})
	return err
}

// request is one call of the service. Its answer counts as a success with status 200 only.
type request struct {
	op    string // what the call is for, for errors and logs
	path  rest.Path
	query url.Values
	owned bool // asks for what the location owns, with the content token, which there must be
}

// maxPages bounds how far an answer is followed that names a next one.
const maxPages = 100

// read sends r and returns the resources in the answer, and in those that it names as its next ones.
func read[T any](ctx context.Context, c *Client, r request) ([]T, error) {
	all := []T{}
	own := r.query
	for range maxPages {
		data, next, err := readPage[T](ctx, c, r)
		if err != nil {
			return nil, err
		}
		all = append(all, data...)
		if next == "" {
			return all, nil
		}
		if r.query, err = nextQuery(own, next); err != nil {
			return nil, &Error{Op: r.op, StatusCode: http.StatusOK, Err: err}
		}
	}
	err := fmt.Errorf("%w: more than %d pages", vpp.ErrUnexpectedAnswer, maxPages)
	return nil, &Error{Op: r.op, StatusCode: http.StatusOK, Err: err}
}

// nextQuery returns the parameters of the next page, whose relative URL may repeat only some of them.
func nextQuery(query url.Values, next string) (url.Values, error) {
	u, err := url.Parse(next)
	if err != nil || u.RawQuery == "" {
		return nil, fmt.Errorf("%w: no page is to be had at %.100q", vpp.ErrUnexpectedAnswer, next)
	}
	merged := maps.Clone(query)
	if merged == nil {
		merged = url.Values{}
	}
	maps.Copy(merged, u.Query())
	return merged, nil
}

func readPage[T any](ctx context.Context, c *Client, r request) (data []T, next string, err error) {
	var answer struct {
		Data []T    `json:"data"`
		Next string `json:"next"`
	}
	resp, err := c.ask(ctx, r)
	if err != nil {
		return nil, "", err
	}
	if err := decode(resp.Body, &answer); err != nil {
		return nil, "", misunderstood(r.op, resp, err)
	}
	if answer.Data == nil {
		return nil, "", misunderstood(r.op, resp, errors.New("it has no data"))
	}
	resp.Release() // decoding copies what it keeps
	return answer.Data, answer.Next, nil
}

// ask sends r with the credentials it needs and returns the success that comes back.
func (c *Client) ask(ctx context.Context, r request) (*rest.Response, error) {
	engine, err := c.engineFor(ctx)
	if err != nil {
		return nil, ownError(ctx, r.op, r.path, err)
	}
	resp, err := c.developer.use(ctx, ErrDeveloperToken, func(token *DeveloperToken) (*rest.Response, error) {
		header := http.Header{"Authorization": {"Bearer " + token.text.Reveal()}}
		if !r.owned {
			return c.line.send(ctx, engine, r, header)
		}
		return c.tokens.use(ctx, vpp.ErrTokenInvalid, func(token *vpp.Token) (*rest.Response, error) {
			return c.line.send(ctx, engine, r, withCookie(header, token))
		})
	})
	if err != nil {
		return nil, ownError(ctx, r.op, r.path, err)
	}
	return resp, nil
}

// engineFor returns the engine for businesses or the one for schools.
func (c *Client) engineFor(ctx context.Context) (*rest.Engine, error) {
	if c.opts.BaseURL != "" || c.opts.Location == nil {
		return c.engine, nil
	}
	home, err := c.home.read(ctx)
	if err != nil {
		return nil, err
	}
	if home.platform == PlatformVolumeStore {
		return c.education, nil
	}
	return c.engine, nil
}
