package axmtest

import (
	"maps"
	"slices"
	"time"
)

const blueprints = "blueprints"

// Blueprint is a blueprint of an organisation: what is given to whom.
type Blueprint struct {
	ID               string // default invented
	Name             string
	Description      string
	Status           string // ACTIVE (default), TO_BE_DELETED
	LicenseDeficient bool
	Created          time.Time // default now
	Updated          time.Time // default Created

	Apps, Packages, Configurations []string // ids
	Devices                        []string // serial numbers
	Users, UserGroups              []string // ids

	Extra map[string]any
}

func (b *Blueprint) ident() *string { return &b.ID }

func (b *Blueprint) complete(now time.Time) {
	or(&b.Status, "ACTIVE")
	or(&b.Created, now)
	or(&b.Updated, b.Created)
}

func (b *Blueprint) clone() Blueprint {
	out := *b
	out.Extra = maps.Clone(b.Extra)
	for _, name := range relationNames() {
		ids := out.related(name)
		*ids = slices.Clone(*ids)
	}
	return out
}

// relationNames are the relationships of a blueprint: first the resources, then the members.
func relationNames() []string { return append(resourceNames(), memberNames()...) }

func resourceNames() []string { return []string{apps, packages, configurations} }
func memberNames() []string   { return []string{orgDevices, users, userGroups} }

// related is the ids in a relationship.
func (b *Blueprint) related(name string) *[]string {
	return map[string]*[]string{
		apps: &b.Apps, packages: &b.Packages, configurations: &b.Configurations,
		orgDevices: &b.Devices, users: &b.Users, userGroups: &b.UserGroups,
	}[name]
}

// relatedResource finds what a relationship of a blueprint names.
func (o *Org) relatedResource(c *call, kind, id string) (resource, bool) {
	switch kind {
	case apps:
		return found(&o.Apps.table, id, func(v *App) resource { return v.resource(c, false) })
	case packages:
		return found(&o.Packages.table, id, func(v *Package) resource { return v.resource(c, false) })
	case configurations:
		return found(&o.Configurations.table, id, func(v *Configuration) resource { return v.resource(c, false) })
	case users:
		return found(&o.Users.table, id, func(v *User) resource { return v.resource(c, false) })
	case userGroups:
		return found(&o.UserGroups.table, id, func(v *UserGroup) resource { return v.resource(c, false) })
	}
	if d, ours := o.ours(id); ours {
		return d.resource(c), true
	}
	return resource{}, false
}

func found[T any](t *table[T], id string, show func(T) resource) (r resource, ok bool) {
	v, ok := t.get(id)
	if ok {
		r = show(v)
	}
	return r, ok
}

// connect adds ids to a relationship. Those that do not exist are left out silently.
func (b *Blueprint) connect(c *call, name string, refs []ref) {
	ids := b.related(name)
	for _, r := range refs {
		_, exists := c.org.relatedResource(c, name, r.ID)
		if exists && !slices.Contains(*ids, r.ID) {
			*ids = append(*ids, r.ID)
		}
	}
}

func (b *Blueprint) disconnect(name string, refs []ref) {
	ids := b.related(name)
	*ids = slices.DeleteFunc(*ids, func(id string) bool {
		return slices.ContainsFunc(refs, func(r ref) bool { return r.ID == id })
	})
}

// forget takes what does not exist any more out of the blueprints, and a device also out of the
// built-in device management.
func (o *Org) forget(kind, id string) {
	for _, b := range o.Blueprints.table.values() {
		b.disconnect(kind, []ref{{kind, id}})
	}
	if kind == orgDevices {
		for _, d := range o.MDMDevices.table.values() {
			if d.SerialNumber == id {
				o.MDMDevices.table.remove(d.ID)
			}
		}
	}
}

// resource is the blueprint as the API tells it. What the client wants included is linked with its
// data.
func (b *Blueprint) resource(c *call, _ bool) resource {
	rels := object{}
	for _, name := range relationNames() {
		rel := object{{"links", object{
			{"self", c.url(blueprints, b.ID, "relationships", name)},
			{"include", c.url(blueprints, b.ID) + "?include=" + name},
		}}}
		if slices.Contains(c.include, name) {
			ids, limit := c.includedIDs(b, name)
			links := make([]object, 0, len(ids))
			for _, id := range ids {
				links = append(links, linkage(name, id))
			}
			rel = append(rel, member{"data", links}, member{"meta", object{{"paging", object{
				{"total", len(*b.related(name))}, {"limit", limit},
			}}}})
		}
		rels = append(rels, member{name, rel})
	}
	return resource{kind: blueprints, id: b.ID, extra: b.Extra, attributes: object{
		{"name", b.Name},
		{"description", b.Description},
		{"status", b.Status},
		{"appLicenseDeficient", b.LicenseDeficient},
		{"createdDateTime", formatTime(b.Created)},
		{"updatedDateTime", formatTime(b.Updated)},
	}, relationships: rels}
}

// includedIDs is the part of a relationship that comes with the blueprint, and how much may.
func (c *call) includedIDs(b *Blueprint, name string) (ids []string, limit int) {
	limit = c.includeLimits[name]
	ids = *b.related(name)
	return ids[:min(limit, len(ids))], limit
}
