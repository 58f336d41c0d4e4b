package vpptest

import (
	"net/http"
	"time"
)

// Options configures a [Server]. The zero value of each field gives the documented default; nil
// Options are zero Options. They are copied.
type Options struct {
	// TLS makes the in-memory server speak TLS, with HTTP/2, under any host name, so that a client
	// can keep its real base URLs.
	TLS bool

	// ExternalURL is the base URL that clients see, without a trailing slash, for a server behind a
	// proxy. It begins the URLs of the service configurations. The default is derived from each
	// request; requests to vpp.itunes.apple.com are told Apple's own addresses.
	ExternalURL string

	// PageSize is how many records a page of assets, assignments, users or subscriptions and a batch
	// of version 1 hold; 0 is 500. See [Server.SetPageSize].
	PageSize int

	// Latency is how long each request takes before it is looked at.
	Latency time.Duration

	// EventDelay is how long events stay PENDING before they are carried out; with 0 they are
	// complete when their eventId is told.
	EventDelay time.Duration

	// PendingPolls is how many times GET /status says PENDING of an event although it is done.
	PendingPolls int

	// EventLife is how long GET /status knows an event after it was asked for; 0 is for ever. Apple
	// does not publish the figure.
	EventLife time.Duration

	// FailureDetail is how the failures of events name what failed.
	FailureDetail FailureDetail

	// LateUserNotFound reports users that do not exist (9609) as failures of the event instead of
	// refusing the call. Apple's documents have both.
	LateUserNotFound bool

	// AccountCollision is the error of a user whose Managed Apple Account belongs to another active
	// user: 0 is 9641, as documented; 9635 was observed too.
	AccountCollision int

	// AlwaysTellExpiry puts tokenExpirationDate into every answer of version 2, as in Apple's
	// examples, and not only in the last 15 days, as in Apple's text.
	AlwaysTellExpiry bool

	// NullMdmInfo writes "mdmInfo":null while nobody has set it, instead of leaving it out. The
	// answers of subscriptions/enable and disable always do.
	NullMdmInfo bool

	// TrailingCursor gives a nextCursor on every page that is not empty, so that lists with cursors
	// end with an empty page.
	TrailingCursor bool

	// ErrorsIn200 reports whether the error of a number is answered with status 200; nil is never.
	// See [Server.SetErrorsIn200].
	ErrorsIn200 func(number int) bool

	// RetryAfter is what answers of status 5xx ask for; 0 is 120 s.
	RetryAfter time.Duration

	// BeforePage, if not nil, is called before each page of a list of version 2 is made. It may
	// change the location, which is what happens to clients that read slowly.
	BeforePage func(loc *Location, path string, pageIndex int)

	// NotifyClient sends the notifications; nil is a client of the server's own that trusts what
	// this machine trusts. [Server.DeliverTo] takes precedence. Its redirects are not followed.
	NotifyClient *http.Client

	// NotifyTimeout bounds each attempt to deliver; 0 is 10 s.
	NotifyTimeout time.Duration

	// NotifyRetry is how long after a failed attempt the second and third follow; 0 is one minute
	// for the second and two more for the third.
	NotifyRetry time.Duration

	// KeepRequests is how many requests [Server.Received] remembers; 0 is 10,000.
	KeepRequests int
}

// FailureDetail is how much the failures of an event tell.
type FailureDetail int

const (
	DetailByAsset FailureDetail = iota // one failure for each number and asset
	DetailMerged                       // one failure for each number, with all assets and targets
	DetailNone                         // one failure for each number, with an empty errorInfo
)

const (
	defaultPageSize   = 500
	defaultRetryAfter = 120 * time.Second
	defaultTimeout    = 10 * time.Second
)

func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.PageSize <= 0 {
		out.PageSize = defaultPageSize
	}
	if out.RetryAfter <= 0 {
		out.RetryAfter = defaultRetryAfter
	}
	if out.NotifyTimeout <= 0 {
		out.NotifyTimeout = defaultTimeout
	}
	if out.AccountCollision == 0 {
		out.AccountCollision = accountTaken
	}
	if out.ErrorsIn200 == nil {
		out.ErrorsIn200 = func(int) bool { return false }
	}
	return out
}
