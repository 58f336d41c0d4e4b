package vpptest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// LocationOptions says what a location is like. Zero fields get the documented default.
type LocationOptions struct {
	UID      string // digits; default counted up
	Name     string // default "Location 1" and so on
	OrgName  string // default "Example Organization"
	Country  string // ISO 3166-1 alpha-2 in capitals; default "US"
	Platform string // "enterprisestore" (default) or "volumestore"

	// LocationID and OrganizationID are numbers that only version 1 tells; default counted up.
	LocationID, OrganizationID int64

	// Token is the first token.
	Token TokenOptions

	// Accounts are the Managed Apple Accounts of the organization: addresses, or domains that begin
	// with "@". Others get error 9635. Without any, every address is one of the organization.
	Accounts []string
}

// Location is an organizational unit of a [Server]: what one token is for. All methods are safe for
// concurrent use.
type Location struct {
	s    *Server
	opts LocationOptions

	tokens   []*token
	revs     [setCount]int
	versions map[string]version
	lists    [setCount]cachedList

	assets     map[assetRef]*asset
	assetOrder []*asset
	roster     roster
	holdings   holdings
	seats      seats
	events     eventLine
	client     clientState
	outcomes   map[string]int
	delivery   Delivery
	sent       []*delivery
	traffic    traffic
	batches    batchState
	requests   map[string]*assignmentRequest // paged getAssignments of version 1
	cloudMDM   bool
}

// clientState is what the MDM has told about itself.
type clientState struct {
	mdm       *mdmInfo
	foreign   bool // mdm was set by ClaimByOther
	told      bool // and an answer has said so
	hookURL   string
	hookToken string
	hookTypes []string

	context  string // version 1's clientContext
	apnToken string
}

// AddLocation adds a location with one token and nothing else in it.
func (s *Server) AddLocation(opts LocationOptions) *Location {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.locations) + 1
	setDefault(&opts.UID, strconv.Itoa(2049000000000000+n))
	setDefault(&opts.Name, "Location "+strconv.Itoa(n))
	setDefault(&opts.OrgName, "Example Organization")
	setDefault(&opts.Country, "US")
	setDefault(&opts.Platform, "enterprisestore")
	if opts.LocationID == 0 {
		opts.LocationID = int64(11111111110 + n)
	}
	if opts.OrganizationID == 0 {
		opts.OrganizationID = int64(2000000000000 + n)
	}
	l := &Location{
		s: s, opts: opts,
		versions: make(map[string]version),
		assets:   make(map[assetRef]*asset),
		outcomes: make(map[string]int),
		requests: make(map[string]*assignmentRequest),
	}
	l.roster.init()
	l.holdings.init()
	l.seats.init()
	l.events.init()
	l.issue(opts.Token)
	s.locations = append(s.locations, l)
	return l
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// UID returns the identifier of the location.
func (l *Location) UID() string { return l.opts.UID }

// dataset is something that has a versionId of its own.
type dataset int

const (
	assetSet dataset = iota
	assignmentSet
	userSet
	seatSet
	adminSet
	setCount
)

// version is the state of a dataset that a versionId names.
type version struct {
	set dataset
	rev int
}

// bump makes a new version of a dataset and returns its number, for what has changed.
func (l *Location) bump(set dataset) int {
	l.revs[set]++
	return l.revs[set]
}

// versionID names the present state of a dataset.
func (l *Location) versionID(set dataset) string {
	v := version{set, l.revs[set]}
	id := uuidOf("version", l.opts.UID, set, v.rev)
	l.versions[id] = v
	return id
}

// since returns the revision that a versionId of a dataset names.
func (l *Location) since(set dataset, id string) (rev int, ok bool) {
	v, ok := l.versions[id]
	return v.rev, ok && v.set == set
}

// Touch gives every list a new versionId although nothing in it has changed.
func (l *Location) Touch() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	for set := range setCount {
		l.bump(set)
	}
}

// SetManagedByApple makes the location one of Apple's built-in device management: writes get 9645,
// which is documented for version 1 only, and here come from version 2 with status 403 as well.
func (l *Location) SetManagedByApple(is bool) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.cloudMDM = is
}

// hashOf is the source of everything that looks random and must be the same in every run.
func hashOf(parts ...any) [32]byte { return sha256.Sum256(fmt.Append(nil, parts...)) }

func uuidOf(parts ...any) string {
	h := hashOf(parts...)
	text := hex.EncodeToString(h[:16])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

func hexOf(n int, parts ...any) string {
	h := hashOf(parts...)
	return hex.EncodeToString(h[:n])
}

// idHash is the same for the same Apple Account wherever it appears.
func idHash(account string) string {
	h := hashOf("account", account)
	return base64.StdEncoding.EncodeToString(h[:20])
}

// next counts whatever needs a number.
func (s *Server) next() int {
	s.serial++
	return s.serial
}

// after is for waits of the service; f runs under the lock.
func (s *Server) after(d time.Duration, f func()) {
	s.clock.after(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	})
}
