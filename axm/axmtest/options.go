package axmtest

import (
	"strings"
	"time"
)

// Options configures a [Server]. The zero value of each field gives the documented default; nil
// Options are zero Options. They are copied. Most can be changed later with
// [Server.UpdateOptions].
type Options struct {
	// TLS makes the in-memory server speak TLS, with HTTP/2, under any host name, so that a client
	// can keep its real base URLs.
	TLS bool

	// ExternalURL is the base URL that clients see, for a server behind a proxy. It begins all
	// links. The default is derived from each request.
	ExternalURL string

	// LogURL is the base URL of the logs of activities, which are on another host than the API. The
	// default is Apple's, https://store.blobstore.apple.com, or http without TLS, which the clients
	// of [Server.Client] reach. Clients that came to localhost are sent to 127.0.0.1 and the other way
	// round, on the same port. A server on any other listener needs a second name for it here.
	LogURL string

	// Latency is how long each request takes before it is looked at.
	Latency time.Duration

	// TokenLife is how long access tokens are valid; 0 is an hour.
	TokenLife time.Duration

	// TokenQuota is how many access tokens an API account gets; beyond it the answer is 400. Apple
	// is known to do this, the figure is not. The zero Quota allows all.
	TokenQuota Quota

	// ClockSkew is how far in the future the iat of an assertion, and how long over its exp, may be;
	// 0 is a minute.
	ClockSkew time.Duration

	// TokenErrorDescription puts the reason into the errors of the token service, which Apple does
	// not do: error_description is optional.
	TokenErrorDescription bool

	// RefuseReplay accepts each assertion once. Apple lets a client use one until it expires.
	RefuseReplay bool

	// Unauthorized is what the body of a 401 is.
	Unauthorized UnauthorizedBody

	// Budget is how many requests of a method an API account may send; beyond it they get 429. A
	// method that is missing is not limited. See [ObservedBudget].
	Budget map[string]Quota

	// RetryAfter is how a 429 says when to come back.
	RetryAfter RetryAfterForm

	// MaxStreams drops requests, without an answer, that come while so many others are under way;
	// 0 drops none. Clients with more than four at once have seen it. Set Latency too, or hardly
	// any two requests meet.
	MaxStreams int

	// PagesPerConnection closes the connection in place of the page after so many pages of lists,
	// counted over all clients, and begins to count anew; 0 closes none. With HTTP/2 it resets the
	// stream. Clients have seen it after about 20.
	PagesPerConnection int

	// PageSize bounds the records on a page, whatever limit a client asks for, so that few records
	// make many pages; 0 is no such bound.
	PageSize int

	// Paging says how pages are linked.
	Paging Paging

	// CursorLife ends cursors after that time; 0 is never. StaleCursor is the status that a client
	// gets for such a cursor, and for those of [Org.ExpireCursors]: 400, the default, or 410.
	CursorLife  time.Duration
	StaleCursor int

	// Lag is how long a change of a device's server stays invisible in everything that tells it.
	Lag time.Duration

	// Unassigned is what the assigned server of a device without one looks like.
	Unassigned UnassignedAnswer

	// NoCoverage404 answers 404 for a device without AppleCare coverage instead of an empty list.
	NoCoverage404 bool

	// ActivityStep is how long an activity stays in each of its five states of progress. With 0 it
	// is complete as soon as somebody looks.
	ActivityStep time.Duration

	// MaxActivityDevices refuses, with 422, activities for more devices; 0 refuses none. Apple
	// publishes no figure.
	MaxActivityDevices int

	// StrictSerials refuses, with 409, activities for devices that the organisation does not have,
	// instead of leaving those out silently.
	StrictSerials bool

	// LogLife is how long the URL of a log is good after the activity was read; 0 is 15 minutes.
	// Apple publishes no figure.
	LogLife time.Duration

	// LogStyle is how logs are written.
	LogStyle LogStyle

	// KeepRequests is how many requests [Server.Received] remembers; 0 is 10,000.
	KeepRequests int
}

// Quota allows so many calls in any span of that length; those refused do not count. The zero Quota
// allows all.
type Quota struct {
	Calls int
	Per   time.Duration
}

// ObservedBudget is what a client of the live service met: about 20 GETs in a minute and about 10
// POSTs in an hour. Others report more.
func ObservedBudget() map[string]Quota {
	return map[string]Quota{"GET": {20, time.Minute}, "POST": {10, time.Hour}}
}

// UnauthorizedBody is what comes with 401.
type UnauthorizedBody int

const (
	UnauthorizedEmpty UnauthorizedBody = iota // nothing
	UnauthorizedHTML                          // a page of HTML
	UnauthorizedJSON                          // an error document
)

// RetryAfterForm is how the header Retry-After is written.
type RetryAfterForm int

const (
	RetryAfterSeconds RetryAfterForm = iota
	RetryAfterDate
	RetryAfterAbsent
)

// UnassignedAnswer is an answer to the question for the server of a device that has none.
type UnassignedAnswer int

const (
	UnassignedNotFound UnassignedAnswer = iota // 404
	UnassignedNull                             // 200 with data null
	UnassignedNullID                           // 200 with an id that is null
	UnassignedEmptyID                          // 200 with an empty id
)

// Paging says how a page tells of the next one. The zero value is links.next, nextCursor and total.
type Paging struct {
	NoTotal      bool // meta.paging has no total
	NoNextLink   bool // no links.next, only nextCursor
	NoNextCursor bool // no nextCursor, only links.next

	// WithoutCom writes links.next to Apple's host without its .com, as in some of Apple's examples.
	// The link leads nowhere.
	WithoutCom bool

	// WithoutFields leaves the fields out of links.next.
	WithoutFields bool

	// OtherHost writes links.next to that host.
	OtherHost string
}

// LogStyle is how the CSV log of an activity is written. The zero value is the plain form.
type LogStyle struct {
	Sections bool // further sections of other columns before and after the one of the devices
	Ragged   bool // rows with too many and too few fields and with bare quotes
	CRLF     bool
	BOM      bool // a byte order mark first
}

const (
	defaultTokenLife = time.Hour
	defaultClockSkew = time.Minute
	defaultLogLife   = 15 * time.Minute
)

// or replaces *v by d if it is the zero value.
func or[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// withDefaults returns a copy of o, or of nothing, with every default filled in.
func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	or(&out.TokenLife, defaultTokenLife)
	or(&out.ClockSkew, defaultClockSkew)
	or(&out.LogLife, defaultLogLife)
	or(&out.StaleCursor, 400)
	out.ExternalURL = strings.TrimRight(out.ExternalURL, "/")
	out.LogURL = strings.TrimRight(out.LogURL, "/")
	return out
}

// UpdateOptions changes options while the server runs; TLS and KeepRequests stay as they are. change
// must not call methods of the server.
func (s *Server) UpdateOptions(change func(*Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.opts)
	s.opts = s.opts.withDefaults()
	for _, o := range s.orgs {
		o.census.counts = nil // which depend on the lag
	}
}
