package axmtest

import (
	"maps"
	"slices"
	"time"
)

// Kinds of people and what they belong to.
const (
	users               = "users"
	userGroups          = "userGroups"
	organizationalUnits = "organizationalUnits"
)

// User is a person of an organisation.
type User struct {
	ID                              string // default invented
	FirstName, MiddleName, LastName string
	Status                          string // NEW, RELEASED, ACTIVE (default), DEACTIVATED, LOCKED, LOCKED_FOR_SHARED_IPAD
	ManagedAppleAccount             string
	External                        bool
	Roles                           []Role
	Email, EmployeeNumber           string
	CostCenter, Division            string
	Department, JobTitle            string
	Phones                          []Phone
	Started                         time.Time // null if zero
	Created                         time.Time // default now
	Updated                         time.Time // default Created
	Extra                           map[string]any
}

// Role is a role of a user in an organizational unit.
type Role struct {
	Name string `json:"roleName"`
	OUID string `json:"ouId"`
}

// Phone is a phone number of a user.
type Phone struct {
	Number string `json:"phoneNumber"`
	Type   string `json:"type"` // WORK, HOME, MOBILE
}

func (u *User) ident() *string { return &u.ID }

func (u *User) complete(now time.Time) {
	or(&u.Status, "ACTIVE")
	or(&u.Created, now)
	or(&u.Updated, u.Created)
}

func (u *User) clone() User {
	out := *u
	out.Roles, out.Phones, out.Extra = slices.Clone(u.Roles), slices.Clone(u.Phones), maps.Clone(u.Extra)
	return out
}

func (u *User) resource(*call, bool) resource {
	return resource{kind: users, id: u.ID, extra: u.Extra, attributes: object{
		{"firstName", u.FirstName},
		{"middleName", u.MiddleName},
		{"lastName", u.LastName},
		{"status", u.Status},
		{"managedAppleAccount", u.ManagedAppleAccount},
		{"isExternalUser", u.External},
		{"roleOuList", list(u.Roles)},
		{"email", u.Email},
		{"employeeNumber", u.EmployeeNumber},
		{"costCenter", u.CostCenter},
		{"division", u.Division},
		{"department", u.Department},
		{"jobTitle", u.JobTitle},
		{"phoneNumbers", list(u.Phones)},
		{"startDateTime", timeOrNull(u.Started)},
		{"createdDateTime", formatTime(u.Created)},
		{"updatedDateTime", formatTime(u.Updated)},
	}}
}

// UserGroup is a group of users.
type UserGroup struct {
	ID      string // default invented
	OUID    string
	Name    string
	Type    string // STANDARD (default), SMART
	Status  string // ACTIVE
	Users   []string
	Created time.Time // default now
	Updated time.Time // default Created
	Extra   map[string]any
}

func (g *UserGroup) ident() *string { return &g.ID }

func (g *UserGroup) complete(now time.Time) {
	or(&g.Type, "STANDARD")
	or(&g.Status, "ACTIVE")
	or(&g.Created, now)
	or(&g.Updated, g.Created)
}

func (g *UserGroup) clone() UserGroup {
	out := *g
	out.Users, out.Extra = slices.Clone(g.Users), maps.Clone(g.Extra)
	return out
}

func (g *UserGroup) resource(c *call, _ bool) resource {
	return resource{kind: userGroups, id: g.ID, extra: g.Extra, attributes: object{
		{"ouId", g.OUID},
		{"name", g.Name},
		{"type", g.Type},
		{"status", g.Status},
		{"totalMemberCount", len(g.Users)},
		{"createdDateTime", formatTime(g.Created)},
		{"updatedDateTime", formatTime(g.Updated)},
	}, relationships: c.selfLink(userGroups, g.ID, users)}
}

// OrgUnit is an organizational unit.
type OrgUnit struct {
	ID          string // default invented
	Name        string
	Description string
	Users       []string
	Created     time.Time // default now
	Updated     time.Time // default Created
	Extra       map[string]any
}

func (u *OrgUnit) ident() *string { return &u.ID }

func (u *OrgUnit) complete(now time.Time) {
	or(&u.Created, now)
	or(&u.Updated, u.Created)
}

func (u *OrgUnit) clone() OrgUnit {
	out := *u
	out.Users, out.Extra = slices.Clone(u.Users), maps.Clone(u.Extra)
	return out
}

func (u *OrgUnit) resource(c *call, _ bool) resource {
	return resource{kind: organizationalUnits, id: u.ID, extra: u.Extra, attributes: object{
		{"name", u.Name},
		{"description", u.Description},
		{"createdDateTime", formatTime(u.Created)},
		{"updatedDateTime", formatTime(u.Updated)},
	}, relationships: c.selfLink(organizationalUnits, u.ID, users)}
}

// selfLink is a relationship that has no other link.
func (c *call) selfLink(kind, id, name string) object {
	return object{{name, object{{"links", object{{"self", c.url(kind, id, "relationships", name)}}}}}}
}
