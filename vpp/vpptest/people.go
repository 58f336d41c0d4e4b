package vpptest

import (
	"net/mail"
	"strings"
)

type userElement struct {
	ClientUserID string `json:"clientUserId"`
	Email        string `json:"email,omitzero"`
	IDHash       string `json:"idHash,omitzero"`
	InviteCode   string `json:"inviteCode,omitzero"`
	Status       string `json:"status,omitzero"`
}

func userElementOf(u *user) userElement {
	return userElement{u.clientID, u.email, u.hash(), u.invite, u.status}
}

// listUsers is GET /users. The filter managedAppleId is not documented, but used.
func listUsers(c *call) *reply {
	active, ok1 := c.is("activeOnly")
	retired, ok2 := c.is("retiredOnly")
	if !ok1 || !ok2 {
		return c.fail(invalidArgument, nil)
	}
	since, rep := c.sinceVersion(userSet)
	if rep != nil {
		return rep
	}
	clientID, account := c.query.Get("clientUserId"), c.query.Get("managedAppleId")
	build := func() []userElement {
		list := []userElement{}
		for _, u := range c.loc.roster.records {
			switch {
			case u.rev <= since, active && !u.active(), retired && u.active(),
				clientID != "" && u.clientID != clientID, account != "" && !strings.EqualFold(u.account, account):
			default:
				list = append(list, userElementOf(u))
			}
		}
		return list
	}
	return page(c, userSet, "users", listOf(c, userSet, build))
}

type userRequest struct {
	ClientUserID   string    `json:"clientUserId"`
	Email          string    `json:"email"`
	ManagedAppleID string    `json:"managedAppleId"`
	Rest           strangers `json:",embed"`
}

type usersRequest struct {
	Users []userRequest `json:"users"`
	Rest  strangers     `json:",embed"`
}

// createUsers is POST /users/create.
func createUsers(c *call) *reply { return manageUsers(c, Create, c.loc.createTask) }

// updateUsers is POST /users/update. An email or a managedAppleId that is not given stays.
func updateUsers(c *call) *reply { return manageUsers(c, Update, c.loc.updateTask) }

// retireUsers is POST /users/retire.
func retireUsers(c *call) *reply { return manageUsers(c, Retire, c.loc.retireTask) }

func manageUsers(c *call, kind string, exec func(*task) int) *reply {
	var req usersRequest
	if rep := c.decode(&req, &req.Rest); rep != nil {
		return rep
	}
	ids := make([]string, 0, len(req.Users))
	for _, u := range req.Users {
		ids = append(ids, u.ClientUserID)
	}
	if rep := c.checkUserList(req.Users, ids); rep != nil {
		return rep
	}
	if kind != Create {
		if rep := c.checkUsers(ids); rep != nil {
			return rep
		}
	}
	e := &event{kind: kind, topic: UserManagement, exec: exec}
	for _, u := range req.Users {
		for name := range u.Rest {
			c.note("unknown member %q of a user", name)
		}
		e.tasks = append(e.tasks, task{user: u})
	}
	return c.started(e)
}

func (c *call) checkUserList(users []userRequest, ids []string) *reply {
	switch {
	case len(users) == 0:
		return c.fail(usersMissing, nil)
	case len(users) > c.s.limit(maxUsers):
		return c.fail(tooManyUsers, nil)
	}
	if dup := duplicates(ids); len(dup) > 0 {
		return c.fail(duplicateUsers, &errorInfo{ClientUserIDs: dup})
	}
	var badMail []string
	for _, u := range users {
		if u.ClientUserID == "" {
			return c.fail(invalidArgument, nil)
		}
		if !isEmail(u.Email) || !isEmail(u.ManagedAppleID) {
			badMail = append(badMail, u.ClientUserID)
		}
	}
	if len(badMail) > 0 {
		return c.fail(badEmail, &errorInfo{ClientUserIDs: badMail})
	}
	return nil
}

// isEmail reports whether text is an address or nothing.
func isEmail(text string) bool {
	if text == "" {
		return true
	}
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text && strings.Contains(text[strings.LastIndex(text, "@"):], ".")
}

func (l *Location) createTask(t *task) int {
	if l.roster.active[t.user.ClientUserID] != nil {
		return userExists
	}
	if number := l.accountRefusal(nil, t.user.ManagedAppleID); number != 0 {
		return number
	}
	t.record = l.register(t.user.ClientUserID, t.user.Email, t.user.ManagedAppleID)
	return 0
}

func (l *Location) updateTask(t *task) int {
	u := l.roster.active[t.user.ClientUserID]
	if u == nil {
		return userNotFound
	}
	if number := l.accountRefusal(u, t.user.ManagedAppleID); number != 0 {
		return number
	}
	l.edit(u, t.user.Email, t.user.ManagedAppleID)
	t.record = u
	return 0
}

// edit changes what is given.
func (l *Location) edit(u *user, email, account string) {
	if email != "" {
		u.email = email
	}
	u.rev = l.bump(userSet)
	if account != "" {
		l.link(u, account)
	}
}

func (l *Location) retireTask(t *task) int {
	u := l.roster.active[t.user.ClientUserID]
	if u == nil {
		return userNotFound
	}
	l.retire(u)
	t.record = u
	return 0
}
