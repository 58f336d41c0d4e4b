package deptest

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// Manner is whose behaviour the server shows where Apple's service and its own simulator differ.
type Manner int

const (
	// Apple is the manner of the production service: bare error words, 401 for a session that is
	// not valid, POST and PUT to assign, profile identifiers of 32 hex digits.
	Apple Manner = iota

	// Depsim is the manner of Apple's simulator for vendors: error words in double quotes, the
	// exact Content-Type demanded on /session, only PUT to assign, 403 FORBIDDEN for a session that
	// is not known, profile identifiers of 16 hex digits, and GET /token.
	Depsim
)

// Options configures a [Server]. The zero value of each field gives the documented default; nil
// Options are zero Options. They are copied.
type Options struct {
	Manner Manner

	// TLS makes the in-memory server speak TLS, with HTTP/2, under any host name, so that a client
	// can keep its real base URL.
	TLS bool

	// ExternalURL is the base URL that clients see, for a server behind a proxy. It is what the
	// OAuth signature covers. The default is derived from each request.
	ExternalURL string

	// Account is what GET /account tells. Empty fields get invented values.
	Account Account

	// Token is the first server token. Empty fields get random values.
	Token Token

	// TokenLife is how long issued tokens are valid; 0 is a year.
	TokenLife time.Duration

	// TimestampWindow is how far oauth_timestamp may be off; 0 is 5 minutes.
	TimestampWindow time.Duration

	// SessionLife ends sessions after that time, SessionCalls after so many calls; 0 is never.
	SessionLife  time.Duration
	SessionCalls int

	// SingleSession ends the earlier sessions of a token at each login.
	SingleSession bool

	// DropRotated makes a session stop working once another was handed out in its place; without
	// it the old one stays valid. See [Server.RotateSessions].
	DropRotated bool

	// RefuseUserAgent reports whether a User-Agent is answered with USER_AGENT_INVALID. The
	// default refuses those that contain "godep".
	RefuseUserAgent func(userAgent string) bool

	// DefaultLimit and MaxLimit are the page sizes of fetch and sync: without a limit, and at most.
	// 0 is 100 and 1000. For rosters the default is MaxLimit.
	DefaultLimit, MaxLimit int

	// CursorLife is how old a cursor of devices may be, RosterCursorLife one of rosters; 0 is 7
	// days.
	CursorLife, RosterCursorLife time.Duration

	// MaxSerials is how many serial numbers the calls that assign and clear accept before they
	// answer MALFORMED_REQUEST_BODY; 0 is 1000, a negative number is no limit. Apple gives 1000 as
	// advice for assigning.
	MaxSerials int

	// LaxBodies accepts unknown members in request bodies.
	LaxBodies bool

	// ProfileNotFound404 makes GET /profile answer 404 PROFILE_NOT_FOUND for an unknown profile, as
	// older documents have it, instead of 400 NOT_FOUND.
	ProfileNotFound404 bool

	// HideThrottled leaves devices out of sync while they are throttled; what happened to them in
	// the meantime is never told.
	HideThrottled bool

	// EmptyTimes writes "" for times that are not set instead of leaving them out.
	EmptyTimes bool

	// BetaTokens is what GET /os-beta-enrollment/tokens lists, under BetaKey, by default
	// "betaEnrollmentTokens"; another source has "seedBuildTokens".
	BetaTokens []BetaToken
	BetaKey    string

	// CoursePath is where course rosters are: "/roster/class/course", the default, or
	// "/roster/course". Only one of them exists, and GET /account tells which.
	CoursePath string

	// Quota limits the resource calls; beyond it they get 429 with Retry-After.
	Quota Quota

	// KeepRequests is how many requests [Server.Received] remembers; 0 is 10,000.
	KeepRequests int
}

// Quota allows so many calls in each span of time, counted from the first call of the span. The
// zero Quota allows all.
type Quota struct {
	Calls int
	Per   time.Duration
}

// Account is what GET /account tells, besides the list of URLs, which the server makes itself.
type Account struct {
	ServerName    string
	ServerUUID    string
	AdminID       string
	FacilitatorID string // default AdminID
	OrgName       string
	OrgEmail      string
	OrgPhone      string
	OrgAddress    string
	OrgID         string
	OrgIDHash     string
	OrgType       string // "org" (default) or "edu"; rosters are for "edu"
	OrgVersion    string // "v2" (default) or "v1"; v1 has no activation lock
}

// BetaToken is an entry of GET /os-beta-enrollment/tokens.
type BetaToken struct{ Token, Title, OS string }

const (
	defaultLimit  = 100
	maxLimit      = 1000
	maxSerials    = 1000
	sevenDays     = 7 * 24 * time.Hour
	oauthWindow   = 5 * time.Minute
	betaKey       = "betaEnrollmentTokens"
	modernCourses = "/roster/class/course"
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
	or(&out.TimestampWindow, oauthWindow)
	or(&out.DefaultLimit, defaultLimit)
	or(&out.MaxLimit, maxLimit)
	or(&out.MaxSerials, maxSerials)
	or(&out.CursorLife, sevenDays)
	or(&out.RosterCursorLife, sevenDays)
	or(&out.BetaKey, betaKey)
	or(&out.CoursePath, modernCourses)
	out.ExternalURL = strings.TrimRight(out.ExternalURL, "/")
	if out.RefuseUserAgent == nil {
		out.RefuseUserAgent = containsGodep
	}
	if out.BetaTokens == nil {
		out.BetaTokens = []BetaToken{
			{"demo-beta-token-1", "iOS 27 AppleSeed Beta", "iOS"},
			{"demo-beta-token-2", "macOS 27 AppleSeed Beta", "OSX"},
		}
	}
	out.Account.fill()
	return out
}

func containsGodep(userAgent string) bool {
	return strings.Contains(strings.ToLower(userAgent), "godep")
}

func (a *Account) fill() {
	or(&a.ServerName, "Demo MDM")
	or(&a.ServerUUID, upperHex(16))
	or(&a.AdminID, "admin@example.org")
	or(&a.FacilitatorID, a.AdminID)
	or(&a.OrgName, "Example Org")
	or(&a.OrgEmail, "it@example.org")
	or(&a.OrgPhone, "+1 555 0100")
	or(&a.OrgAddress, "1 Demo Way, Cork")
	or(&a.OrgID, "4711")
	or(&a.OrgIDHash, lowerHex(32))
	or(&a.OrgType, "org")
	or(&a.OrgVersion, "v2")
}

// lowerHex returns n random bytes in hex.
func lowerHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func upperHex(n int) string { return strings.ToUpper(lowerHex(n)) }

// requestUUID is the value of X-Apple-Request-UUID.
func requestUUID() string {
	h := lowerHex(16)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// set changes state under the lock.
func (s *Server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// SetTermsSigned says whether the organisation has accepted the current terms. Until it has, every
// call is answered with 403 T_C_NOT_SIGNED.
func (s *Server) SetTermsSigned(signed bool) { s.set(func() { s.termsUnsigned = !signed }) }

// SetServerInactive says whether the server entry was deleted in the portal: sessions end, and
// /session answers 403 SERVER_INACTIVE.
func (s *Server) SetServerInactive(inactive bool) {
	s.set(func() { s.inactive = inactive; s.sessions.endAll() })
}

// SetForbidden says whether the person behind the token has lost the right to it: sessions end,
// and /session answers 403 FORBIDDEN.
func (s *Server) SetForbidden(forbidden bool) {
	s.set(func() { s.forbidden = forbidden; s.sessions.endAll() })
}

// SetAccessDenied says whether this server may use the service at all; every call is answered with
// 403 ACCESS_DENIED if not.
func (s *Server) SetAccessDenied(denied bool) { s.set(func() { s.denied = denied }) }

// SetSeedForIT says whether the organisation takes part in AppleSeed for IT, which it does at
// first. Without it there are no beta enrolment tokens.
func (s *Server) SetSeedForIT(on bool) { s.set(func() { s.seedOff = !on }) }

// SetOrgType sets the kind of organisation: "org" or "edu".
func (s *Server) SetOrgType(orgType string) { s.set(func() { s.opts.Account.OrgType = orgType }) }

// UpdateAccount changes what GET /account tells.
func (s *Server) UpdateAccount(change func(*Account)) { s.set(func() { change(&s.opts.Account) }) }

// stateRefusal is what the state of the organisation makes of any call, nil for nothing.
func (s *Server) stateRefusal() *reply {
	switch {
	case s.denied:
		return refusal(http.StatusForbidden, "ACCESS_DENIED")
	case s.termsUnsigned:
		return refusal(http.StatusForbidden, "T_C_NOT_SIGNED")
	}
	return nil
}
