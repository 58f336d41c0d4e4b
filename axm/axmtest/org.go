package axmtest

import (
	"fmt"
	"time"
)

// OrgKind is which of the two APIs an organisation has.
type OrgKind int

const (
	Business OrgKind = iota // Apple Business API
	School                  // Apple School Manager API: a part of the other
)

func (k OrgKind) scope() string {
	if k == School {
		return "school.api"
	}
	return "business.api"
}

func (k OrgKind) clientPrefix() string {
	if k == School {
		return "SCHOOLAPI."
	}
	return "BUSINESSAPI."
}

// host is the host of the API, otherHost the one of the other.
func (k OrgKind) host() string {
	if k == School {
		return schoolHost
	}
	return businessHost
}

func (k OrgKind) otherHost() string {
	if k == School {
		return Business.host()
	}
	return School.host()
}

// OrgOptions says what an organisation is like. Zero fields get the documented default.
type OrgOptions struct {
	Kind OrgKind
	Name string // default "Organization 1" and so on

	// Account is the first API account.
	Account AccountOptions
}

// Org is an organisation of a [Server]. All methods are safe for concurrent use. The collections are
// for organisations that have the Apple Business API; the School API does not tell what is in them.
type Org struct {
	Users          *Collection[User]
	UserGroups     *Collection[UserGroup]
	OrgUnits       *Collection[OrgUnit]
	Apps           *Collection[App]
	Packages       *Collection[Package]
	MDMDevices     *Collection[MDMDevice]
	Configurations *Collection[Configuration]
	Blueprints     *Collection[Blueprint]
	AuditEvents    *Collection[AuditEvent] // those that this server makes by itself included

	s    *Server
	id   string
	kind OrgKind
	name string

	accounts  []*Account
	cursorAge int // cursors of an earlier age are stale

	devices    table[*device]
	census     census
	servers    table[*mdmServer]
	activities table[*activity]
	line       activityLine
	actor      *Account // who causes what happens now; nil is nobody
}

// AddOrg adds an organisation with one API account and nothing else in it.
func (s *Server) AddOrg(opts OrgOptions) *Org {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.orgs) + 1
	or(&opts.Name, fmt.Sprint("Organization ", n))
	o := &Org{s: s, id: uuidOf("org", n), kind: opts.Kind, name: opts.Name}
	o.line.outcomes = make(map[string]Outcome)
	o.collect()
	s.orgs = append(s.orgs, o)
	o.addAccount(opts.Account, time.Now())
	return o
}

// Name returns the name of the organisation.
func (o *Org) Name() string { return o.name }

// settle brings everything that happens by itself up to date. Nothing happens in the background:
// whoever looks finds what should have happened by then.
func (o *Org) settle(now time.Time) {
	o.runActivities(now)
}

// look runs f under the lock, with everything up to date.
func (o *Org) look(f func(now time.Time)) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	now := time.Now()
	o.settle(now)
	f(now)
}

// collect makes the collections.
func (o *Org) collect() {
	o.Users = newCollection[User](o)
	o.UserGroups = newCollection[UserGroup](o)
	o.OrgUnits = newCollection[OrgUnit](o)
	o.Apps = newCollection[App](o)
	o.Packages = newCollection[Package](o)
	o.MDMDevices = newCollection[MDMDevice](o)
	o.Configurations = newCollection[Configuration](o)
	o.Blueprints = newCollection[Blueprint](o)
	o.AuditEvents = newCollection[AuditEvent](o)
}
