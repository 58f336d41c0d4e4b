package vpptest

import (
	"slices"
	"strconv"
	"time"
)

// legacyAssociation is a VppAssociation: one entry of an answer of manageVPPLicensesByAdamIdSrv.
type legacyAssociation struct {
	ClientUserIDStr string         `json:"clientUserIdStr,omitzero"`
	SerialNumber    string         `json:"serialNumber,omitzero"`
	LicenseIDStr    string         `json:"licenseIdStr,omitzero"`
	ErrorNumber     int            `json:"errorNumber,omitzero"`
	ErrorMessage    string         `json:"errorMessage,omitzero"`
	AlreadyAssigned *legacyLicense `json:"licenseAlreadyAssigned,omitzero"`
	UsersAssigned   []legacyUser   `json:"regUsersAlreadyAssigned,omitempty"`
}

// failed makes the entry one of an error.
func (el *legacyAssociation) failed(number int) {
	el.ErrorNumber, el.ErrorMessage = number, errorText(number)
}

// legacyManage is manageVPPLicensesByAdamIdSrv. More than one array of a kind, which Apple leaves
// undefined, is refused with 9602. An asset that the location does not have has no licences.
func legacyManage(c *legacyCall) *reply {
	if c.text("adamIdStr") == "" {
		return c.fail(missingArgument)
	}
	lists := map[string][]string{}
	number := c.oneOf(lists, legacyAssociate, "associateClientUserIdStrs", "associateSerialNumbers")
	if number == 0 {
		number = c.oneOf(lists, legacyDisassociate, "disassociateClientUserIdStrs", "disassociateSerialNumbers", "disassociateLicenseIdStrs")
	}
	if number == 0 && len(lists) == 0 {
		number = missingArgument
	}
	if number != 0 {
		return c.fail(number)
	}
	ref := refOf(c.text("adamIdStr"), c.text("pricingParam"))
	a := c.loc.assets[ref]
	taken := c.legacyTake(a, ref, lists)
	given := c.legacyGive(a, ref, lists)
	c.loc.holdings.tidy()
	o := object{"adamIdStr": ref.AdamID, "pricingParam": ref.PricingParam, "status": legacyOutcome(slices.Concat(taken, given))}
	if a != nil {
		o["productTypeId"], o["productTypeName"] = legacyProduct(a)
		o["isIrrevocable"] = !a.revocable()
	}
	if taken != nil {
		o["disassociations"] = taken
	}
	if given != nil {
		o["associations"] = given
	}
	return c.ok(o)
}

// oneOf reads the one array of a kind that may be there, up to the length of a limit.
func (c *legacyCall) oneOf(lists map[string][]string, limit string, names ...string) int {
	found := 0
	for _, name := range names {
		if list := c.texts(name); len(list) > 0 {
			lists[name] = list
			found++
			if len(list) > c.s.legacy.limits[limit] {
				return invalidArgument
			}
		}
	}
	if found > 1 {
		c.note("more than one of %q", names)
		return invalidArgument
	}
	return 0
}

// legacyOutcome is the status of an answer: all done, all failed, or some.
func legacyOutcome(entries []legacyAssociation) int {
	failed := 0
	for _, el := range entries {
		if el.ErrorNumber != 0 {
			failed++
		}
	}
	switch failed {
	case 0:
		return 0
	case len(entries):
		return -1
	}
	return -3
}

// legacyTake ends associations.
func (c *legacyCall) legacyTake(a *asset, ref assetRef, lists map[string][]string) []legacyAssociation {
	var out []legacyAssociation
	for _, t := range targetsOf(lists["disassociateClientUserIdStrs"], lists["disassociateSerialNumbers"]) {
		el := legacyAssociation{ClientUserIDStr: t.ClientUserID, SerialNumber: t.SerialNumber}
		h, number := c.loc.holderOf(t)
		if number == 0 {
			number = c.loc.injected(&task{asset: ref, target: t})
		}
		if number != 0 {
			el.failed(number)
		} else {
			c.legacyFree(&el, c.loc.holdings.byKey[holdingKey{a, h}])
		}
		out = append(out, el)
	}
	for _, id := range lists["disassociateLicenseIdStrs"] {
		out = append(out, c.legacyTakeLicense(a, id))
	}
	return out
}

// legacyFree ends one association, if it can be ended.
func (c *legacyCall) legacyFree(el *legacyAssociation, as *assignment) {
	switch {
	case as == nil:
		el.failed(notAssociated)
	case !as.asset.revocable():
		el.failed(irrevocable)
	default:
		c.loc.unassign(as)
		el.LicenseIDStr = strconv.FormatInt(as.asset.free[0].id, 10) // any free one, as Apple does
	}
}

func (c *legacyCall) legacyTakeLicense(a *asset, id string) legacyAssociation {
	el := legacyAssociation{LicenseIDStr: id}
	has := func(lic *licence) bool { return strconv.FormatInt(lic.id, 10) == id }
	switch {
	case a == nil:
		el.failed(noLicence)
	case slices.ContainsFunc(a.refunded, has):
		el.failed(9624)
	default:
		if i := slices.IndexFunc(a.licences, has); i >= 0 {
			c.legacyFree(&el, a.licences[i].holder)
		} else {
			el.failed(noLicence)
		}
	}
	return el
}

// legacyGive makes associations.
func (c *legacyCall) legacyGive(a *asset, ref assetRef, lists map[string][]string) []legacyAssociation {
	var out []legacyAssociation
	for _, t := range targetsOf(lists["associateClientUserIdStrs"], lists["associateSerialNumbers"]) {
		el := legacyAssociation{ClientUserIDStr: t.ClientUserID, SerialNumber: t.SerialNumber}
		if number := c.legacyGiveOne(&el, a, ref, t); number != 0 {
			el.failed(c.repeated(number, ref, t))
		}
		out = append(out, el)
	}
	return out
}

func (c *legacyCall) legacyGiveOne(el *legacyAssociation, a *asset, ref assetRef, t Target) int {
	h, number := c.loc.holderOf(t)
	if number == 0 {
		number = c.loc.injected(&task{asset: ref, target: t})
	}
	switch {
	case number != 0:
		return number
	case a == nil:
		return noLicence
	case h.user == nil && !a.onDevices:
		return notForDevices
	}
	if as := c.loc.holdings.byKey[holdingKey{a, h}]; as != nil {
		el.AlreadyAssigned = new(legacyLicenseOf(as.lic).withHolder(as.lic, false))
		return alreadyHas
	}
	if el.UsersAssigned = c.loc.sameAccount(a, h.user); el.UsersAssigned != nil {
		return alreadyHas
	}
	if c.loc.assign(a, h) != 0 {
		return noLicence
	}
	el.LicenseIDStr = strconv.FormatInt(c.loc.holdings.byKey[holdingKey{a, h}].lic.id, 10)
	return 0
}

// sameAccount returns the other records of a user's Apple Account that have the asset.
func (l *Location) sameAccount(a *asset, u *user) []legacyUser {
	if u == nil || u.account == "" {
		return nil
	}
	var out []legacyUser
	for _, other := range l.roster.records {
		if other != u && other.account == u.account && l.holdings.byKey[holdingKey{a, holder{user: other}}] != nil {
			out = append(out, legacyUser{
				UserID: other.id, ClientUserIDStr: other.clientID, Email: other.email, ITSIDHash: other.hash(), Status: other.status,
			})
		}
	}
	return out
}

// repeat counts an error that comes again and again.
type repeat struct {
	times int
	last  time.Time
}

// repeatSpan is how long a failure is remembered.
const repeatSpan = 5 * time.Minute

// repeated returns the number for a failure that a client repeats: from the third time within five
// minutes 9616 becomes 9630, and 9610 becomes 9631.
func (c *legacyCall) repeated(number int, ref assetRef, t Target) int {
	if number != alreadyHas && number != noLicence {
		return number
	}
	key := uuidOf("repeat", c.loc.opts.UID, number, ref, t)
	r := c.s.legacy.repeats[key]
	if c.now.Sub(r.last) >= repeatSpan {
		r.times = 0
	}
	r.times++
	r.last = c.now
	c.s.legacy.repeats[key] = r
	switch {
	case r.times < 3:
		return number
	case number == alreadyHas:
		return 9630
	}
	return 9631
}
