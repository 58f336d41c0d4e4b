package vpptest

// legacyUser is a VppUser.
type legacyUser struct {
	UserID          int64           `json:"userId"`
	ClientUserIDStr string          `json:"clientUserIdStr"`
	Email           string          `json:"email,omitzero"`
	Status          string          `json:"status"`
	ITSIDHash       string          `json:"itsIdHash,omitzero"`
	InviteCode      string          `json:"inviteCode,omitzero"`
	InviteURL       string          `json:"inviteUrl,omitzero"`
	Licenses        []legacyLicense `json:"licenses,omitempty"`
}

func (l *Location) legacyUserOf(u *user, licences bool) legacyUser {
	el := legacyUser{UserID: u.id, ClientUserIDStr: u.clientID, Email: u.email, Status: u.status, InviteCode: u.invite}
	if u.status == Associated {
		el.ITSIDHash = u.hash()
	}
	if u.invite != "" {
		el.InviteURL = invitationURL + "?cc=us&inviteCode=" + u.invite + "&mt=8"
	}
	if licences {
		l.holdings.all(func(as *assignment) {
			if as.holder.user == u {
				el.Licenses = append(el.Licenses, legacyLicenseOf(as.lic))
			}
		})
	}
	return el
}

// user answers with a record and its licences.
func (c *legacyCall) user(u *user) *reply { return c.ok(object{"user": c.loc.legacyUserOf(u, true)}) }

// legacyRegister is registerVPPUserSrv. A user who is there already is returned; if only registered,
// and the call has a Managed Apple Account, linked to it first. Writes of version 1 are not
// notified.
func legacyRegister(c *legacyCall) *reply {
	id, account := c.text("clientUserIdStr"), c.text("managedAppleIDStr")
	if id == "" {
		return c.fail(missingArgument)
	}
	if number := c.loc.injected(&task{user: userRequest{ClientUserID: id}}); number != 0 {
		return c.fail(number)
	}
	u := c.loc.roster.active[id]
	if u != nil && u.status == Associated {
		return c.user(u)
	}
	if number := c.loc.accountRefusal(u, account); number != 0 {
		return c.fail(number)
	}
	switch {
	case u == nil:
		u = c.loc.register(id, c.text("email"), account)
	case account != "":
		c.loc.link(u, account)
	}
	return c.user(u)
}

// find returns the record that userId or clientUserIdStr mean. By clientUserIdStr only an active one
// is found, or with a hash the youngest of that Apple Account.
func (c *legacyCall) find(notThere int) (*user, int) {
	id, hash := c.text("clientUserIdStr"), c.text("itsIdHash")
	switch {
	case c.has("userId"):
		for _, u := range c.loc.roster.records {
			if u.id == c.integer("userId") {
				return u, 0
			}
		}
		return nil, notThere
	case id == "":
		return nil, missingArgument
	}
	u := c.loc.roster.active[id]
	if hash != "" {
		u = c.loc.roster.newest(id, func(u *user) bool { return u.hash() == hash })
	}
	if u == nil {
		return nil, notThere
	}
	return u, 0
}

// findActive is find for calls that change the record.
func (c *legacyCall) findActive() (*user, int) {
	u, number := c.find(userNotFound)
	switch {
	case number != 0:
	case u.status == Retired:
		number = alreadyRetired
	case u.status == Deleted:
		number = userDeleted
	default:
		number = c.loc.injected(&task{user: userRequest{ClientUserID: u.clientID}})
	}
	return u, number
}

// legacyGetUser is getVPPUserSrv.
func legacyGetUser(c *legacyCall) *reply {
	u, number := c.find(nothingFound)
	if number != 0 {
		return c.fail(number)
	}
	return c.user(u)
}

// legacyEdit is editVPPUserSrv.
func legacyEdit(c *legacyCall) *reply {
	u, number := c.findActive()
	account := c.text("managedAppleIDStr")
	if number == 0 {
		number = c.loc.accountRefusal(u, account)
	}
	if number != 0 {
		return c.fail(number)
	}
	c.loc.edit(u, c.text("email"), account)
	return c.ok(object{"user": c.loc.legacyUserOf(u, false)})
}

// legacyRetire is retireVPPUserSrv.
func legacyRetire(c *legacyCall) *reply {
	u, number := c.findActive()
	if number != 0 {
		return c.fail(number)
	}
	c.loc.retire(u)
	return c.user(u)
}

// legacyGetUsers is getVPPUsersSrv. Deleted records are not listed.
func legacyGetUsers(c *legacyCall) *reply {
	params := map[string]string{
		"includeRetired": c.text("includeRetired"), "includeRetiredOnly": c.text("includeRetiredOnly"),
	}
	yes := func(text string) bool { return text == "true" || text == "1" }
	build := func(params map[string]string, since int) []any {
		list := []any{}
		only := yes(params["includeRetiredOnly"])
		for _, u := range c.loc.roster.records {
			wanted := u.active() && !only || u.status == Retired && (only || yes(params["includeRetired"]))
			if wanted && u.rev > since {
				list = append(list, c.loc.legacyUserOf(u, false))
			}
		}
		return list
	}
	o, number := c.batch(batchKind{"users", userSet}, params, build)
	if number != 0 {
		return c.fail(number)
	}
	return c.ok(o)
}
