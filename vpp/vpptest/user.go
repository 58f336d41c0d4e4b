package vpptest

import (
	"slices"
	"strings"
)

// States of a user.
const (
	Registered = "Registered"
	Associated = "Associated"
	Retired    = "Retired"
	Deleted    = "Deleted"
)

// User is a record of a user.
type User struct {
	ClientUserID   string
	Email          string
	ManagedAppleID string // the Apple Account, managed or not, that the record is linked to or was
	IDHash         string
	InviteCode     string
	Status         string
	UserID         int64 // only version 1 tells it
}

// user is a record of a user. There can be many of one clientUserId, at most one of them active.
type user struct {
	id       int64
	clientID string
	email    string
	account  string // the Apple Account that it is linked to; retired records remember theirs
	invite   string
	status   string
	rev      int // of userSet
}

func (u *user) active() bool { return u.status == Registered || u.status == Associated }

func (u *user) hash() string {
	if u.account == "" {
		return ""
	}
	return idHash(u.account)
}

func (u *user) public() User {
	return User{u.clientID, u.email, u.account, u.hash(), u.invite, u.status, u.id}
}

// roster is the users of a location.
type roster struct {
	records []*user
	active  map[string]*user // by clientUserId
	linked  map[string]*user // associated records by Apple Account
}

func (r *roster) init() {
	r.active = make(map[string]*user)
	r.linked = make(map[string]*user)
}

// newest returns the youngest record of a clientUserId that f accepts.
func (r *roster) newest(clientID string, f func(*user) bool) *user {
	for _, u := range slices.Backward(r.records) {
		if u.clientID == clientID && f(u) {
			return u
		}
	}
	return nil
}

// knowsAccount reports whether a Managed Apple Account is one of the organization.
func (l *Location) knowsAccount(account string) bool {
	if len(l.opts.Accounts) == 0 {
		return true
	}
	return slices.ContainsFunc(l.opts.Accounts, func(known string) bool {
		if strings.HasPrefix(known, "@") {
			return strings.HasSuffix(strings.ToLower(account), strings.ToLower(known))
		}
		return strings.EqualFold(account, known)
	})
}

// accountRefusal returns why u, which may be nil, cannot be linked to a Managed Apple Account, or 0.
func (l *Location) accountRefusal(u *user, account string) int {
	if account == "" {
		return 0
	}
	if !l.knowsAccount(account) {
		return accountForeign
	}
	if other := l.roster.linked[strings.ToLower(account)]; other != nil && other != u {
		return l.s.opts.AccountCollision
	}
	return 0
}

// register makes an active record for a clientUserId that has none: the retired one of it if that
// was never linked to an Apple Account, else a new one.
func (l *Location) register(clientID, email, account string) *user {
	u := l.roster.newest(clientID, func(u *user) bool { return u.status == Retired && u.account == "" })
	if u == nil {
		u = &user{id: int64(100_000 + l.s.next()), clientID: clientID}
		l.roster.records = append(l.roster.records, u)
	} else {
		l.revive(u)
	}
	if email != "" {
		u.email = email
	}
	u.status = Registered
	u.invite = hexOf(16, "invite", l.opts.UID, u.id, l.s.next())
	u.rev = l.bump(userSet)
	l.roster.active[clientID] = u
	if account != "" {
		l.link(u, account)
	}
	return u
}

// link associates an active record with an Apple Account. Retired records of the same clientUserId
// and account become Deleted, and what they could not give back goes to the new one.
func (l *Location) link(u *user, account string) {
	account = strings.ToLower(account)
	if u.account != "" && u.account != account {
		delete(l.roster.linked, u.account)
	}
	u.account, u.invite, u.status = account, "", Associated
	u.rev = l.bump(userSet)
	l.roster.linked[account] = u
	for _, old := range l.roster.records {
		if old != u && old.status == Retired && old.clientID == u.clientID && old.account == account {
			old.status = Deleted
			old.rev = u.rev
			l.inherit(old, u)
		}
	}
}

// inherit moves the irrevocable licences of a record to its successor.
func (l *Location) inherit(from, to *user) {
	l.holdings.all(func(as *assignment) {
		if as.holder.user == from && l.move(as, holder{user: to}) {
			as.asset.retired--
			as.asset.assigned++
			as.asset.rev = l.bump(assetSet)
		}
	})
}

// revive counts the licences of a record that is active again as assigned.
func (l *Location) revive(u *user) {
	l.holdings.all(func(as *assignment) {
		if as.holder.user == u {
			as.asset.retired--
			as.asset.assigned++
			as.asset.rev = l.bump(assetSet)
		}
	})
}

// retire ends an active record: its licences are freed, but for books, which are lost with it.
func (l *Location) retire(u *user) {
	l.holdings.all(func(as *assignment) {
		switch {
		case as.holder.user != u:
		case as.asset.revocable():
			l.unassign(as)
		default:
			as.asset.assigned--
			as.asset.retired++
			as.asset.rev = l.bump(assetSet)
		}
	})
	l.holdings.tidy()
	l.dropSeats(u)
	u.status, u.invite = Retired, ""
	u.rev = l.bump(userSet)
	delete(l.roster.active, u.clientID)
	if l.roster.linked[u.account] == u {
		delete(l.roster.linked, u.account)
	}
}

// AcceptInvitation is what a person does who follows the invitation of a registered user, with an
// Apple Account that is not managed; an empty account is one of this user alone. If an earlier
// record of the same clientUserId had that account, it comes back, and the invited one is retired.
// Subscribers get USER_ASSOCIATED. It reports whether there was such an invitation.
func (l *Location) AcceptInvitation(clientUserID, account string) bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	u := l.roster.active[clientUserID]
	if u == nil || u.status != Registered {
		return false
	}
	account = strings.ToLower(account)
	setDefault(&account, strings.ToLower(clientUserID)+"@personal.example")
	if other := l.roster.linked[account]; other != nil {
		return false
	}
	code := u.invite
	earlier := l.roster.newest(clientUserID, func(old *user) bool { return old.status == Retired && old.account == account })
	if earlier != nil {
		l.retire(u)
		earlier.status = Registered
		l.roster.active[clientUserID] = earlier
		l.revive(earlier)
		u = earlier
	}
	l.link(u, account)
	l.associatedNotification(u, code)
	return true
}

// Users returns all records of users as they are now, retired ones included, in the order in which
// they were made.
func (l *Location) Users() []User {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	out := make([]User, 0, len(l.roster.records))
	for _, u := range l.roster.records {
		out = append(out, u.public())
	}
	return out
}

// User returns the active record of a clientUserId.
func (l *Location) User(clientUserID string) (User, bool) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if u := l.roster.active[clientUserID]; u != nil {
		return u.public(), true
	}
	return User{}, false
}
