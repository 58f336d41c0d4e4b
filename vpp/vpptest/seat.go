package vpptest

import (
	"errors"
	"slices"
	"time"
)

// Subscription is a subscription that the organization has bought seats of, for
// [Location.BuySubscription] and as [Location.Subscriptions] tells it.
type Subscription struct {
	AdamID       int64
	ParentAdamID int64     // the app; 0 is told as null
	Status       string    // "ACTIVE" (default), "INACTIVE" or "PAUSED"
	PeriodEnd    time.Time // default one month from now

	// Renewing and Expiring are the seats owned.
	Renewing, Expiring int

	// The rest is told, not given. A renewing seat that was assigned without renewal counts in
	// AssignedExpiring but stays in Renewing.
	AssignedRenewing, AssignedExpiring   int
	AvailableRenewing, AvailableExpiring int
}

// subscription is a subscription with its seats.
type subscription struct {
	adamID, parent     int64
	status             string
	end                time.Time
	renewing, expiring int // seats owned
	usedRen, usedExp   int // of these, in use
}

// seat is an assignment of a subscription.
type seat struct {
	sub      *subscription
	user     *user
	expiring bool // the seat in use is one of the expiring ones
	renewing bool // what the assignment says
	deferred *event
}

// seats are the subscriptions of a location.
type seats struct {
	enabled bool
	subs    []*subscription
	taken   []*seat
	groups  map[seatKey]bool // who has a subscription through a group
	admins  []seatKey
	cursors map[string]cursor
}

type seatKey struct {
	adamID   int64
	clientID string
}

func (q *seats) init() {
	q.groups = make(map[seatKey]bool)
	q.cursors = make(map[string]cursor)
}

func (q *seats) find(adamID int64) *subscription {
	i := slices.IndexFunc(q.subs, func(s *subscription) bool { return s.adamID == adamID })
	if i < 0 {
		return nil
	}
	return q.subs[i]
}

func (q *seats) of(sub *subscription, u *user) *seat {
	i := slices.IndexFunc(q.taken, func(t *seat) bool { return t.sub == sub && t.user == u })
	if i < 0 {
		return nil
	}
	return q.taken[i]
}

// ErrNotEnabled is what buying subscriptions meets before the MDM has enabled them with
// POST /subscriptions/enable.
var ErrNotEnabled = errors.New("vpptest: subscription management is not enabled in this location")

// BuySubscription adds sub.Renewing and sub.Expiring seats. Subscribers get SUBSCRIPTION_COUNT. It
// fails with [ErrNotEnabled] before the MDM has enabled subscriptions.
func (l *Location) BuySubscription(sub Subscription) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if !l.seats.enabled {
		return ErrNotEnabled
	}
	own := l.seats.find(sub.AdamID)
	if own == nil {
		setDefault(&sub.Status, "ACTIVE")
		if sub.PeriodEnd.IsZero() {
			sub.PeriodEnd = time.Now().AddDate(0, 1, 0)
		}
		own = &subscription{adamID: sub.AdamID, parent: sub.ParentAdamID, status: sub.Status, end: sub.PeriodEnd}
		l.seats.subs = append(l.seats.subs, own)
	}
	own.renewing += sub.Renewing
	own.expiring += sub.Expiring
	l.bump(seatSet)
	l.seatCount(own)
	return nil
}

// GrantByGroup gives a user a subscription through a group, which this API does not see except that
// it cannot be assigned again (9817).
func (l *Location) GrantByGroup(adamID int64, clientUserID string) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.seats.groups[seatKey{adamID, clientUserID}] = true
}

// EndPeriod ends the billing period of a subscription: assignments that do not renew end, which
// subscribers learn as far as a disassociation had been deferred, expiring seats vanish, and the
// next period begins.
func (l *Location) EndPeriod(adamID int64) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	sub := l.seats.find(adamID)
	if sub == nil {
		return
	}
	var ended []*event
	for _, t := range slices.Clone(l.seats.taken) {
		if t.sub == sub && !t.renewing {
			if t.deferred != nil && !slices.Contains(ended, t.deferred) {
				ended = append(ended, t.deferred)
			}
			l.leaveSeat(t)
		}
	}
	sub.expiring, sub.usedExp = 0, 0
	sub.end = sub.end.AddDate(0, 1, 0)
	l.bump(seatSet)
	for _, e := range ended {
		e.report()
	}
	l.seatCount(sub)
}

// takeSeat assigns a seat of the kind asked for. Without renewal an expiring seat is taken first.
func (l *Location) takeSeat(sub *subscription, u *user, renewing bool) *seat {
	if own := l.seats.of(sub, u); own != nil {
		own.renewing, own.deferred = renewing, nil
		l.bump(seatSet)
		return own
	}
	t := &seat{sub: sub, user: u, renewing: renewing}
	switch {
	case !renewing && sub.usedExp < sub.expiring:
		t.expiring = true
		sub.usedExp++
	case sub.usedRen < sub.renewing:
		sub.usedRen++
	default:
		return nil
	}
	l.seats.taken = append(l.seats.taken, t)
	l.bump(seatSet)
	return t
}

// leaveSeat returns a seat to the pool it came from.
func (l *Location) leaveSeat(t *seat) {
	if t.expiring {
		t.sub.usedExp--
	} else {
		t.sub.usedRen--
	}
	l.seats.taken = slices.DeleteFunc(l.seats.taken, func(other *seat) bool { return other == t })
	l.bump(seatSet)
}

// dropSeats takes everything from a user who is being retired.
func (l *Location) dropSeats(u *user) {
	for _, t := range slices.Clone(l.seats.taken) {
		if t.user == u {
			l.leaveSeat(t)
		}
	}
	n := len(l.seats.admins)
	l.seats.admins = slices.DeleteFunc(l.seats.admins, func(k seatKey) bool { return k.clientID == u.clientID })
	if len(l.seats.admins) < n {
		l.bump(adminSet)
	}
}

// counts returns the subscription as tests see it.
func (l *Location) counts(sub *subscription) Subscription {
	out := Subscription{
		AdamID: sub.adamID, ParentAdamID: sub.parent, Status: sub.status, PeriodEnd: sub.end,
		Renewing: sub.renewing, Expiring: sub.expiring,
		AvailableRenewing: sub.renewing - sub.usedRen, AvailableExpiring: sub.expiring - sub.usedExp,
	}
	for _, t := range l.seats.taken {
		switch {
		case t.sub != sub:
		case t.renewing:
			out.AssignedRenewing++
		default:
			out.AssignedExpiring++
		}
	}
	return out
}

// Subscriptions returns the subscriptions as they are now.
func (l *Location) Subscriptions() []Subscription {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	out := make([]Subscription, 0, len(l.seats.subs))
	for _, sub := range l.seats.subs {
		out = append(out, l.counts(sub))
	}
	return out
}

type pair struct {
	Renewing int `json:"renewing"`
	Expiring int `json:"expiring"`
}

// countObject is the counts of a subscription, without those assigned in notifications.
func (l *Location) countObject(sub *subscription, assigned bool) object {
	n := l.counts(sub)
	o := object{"available": pair{n.AvailableRenewing, n.AvailableExpiring}, "total": pair{n.Renewing, n.Expiring}}
	if assigned {
		o["assigned"] = pair{n.AssignedRenewing, n.AssignedExpiring}
	}
	return o
}

func (l *Location) seatCount(sub *subscription) {
	l.notify(SubscriptionCount, "", object{
		"parentAdamId": parentOf(sub), "adamId": sub.adamID, "counts": l.countObject(sub, false),
	})
}

// parentOf is null for a subscription without an app.
func parentOf(sub *subscription) any {
	if sub.parent == 0 {
		return nil
	}
	return sub.parent
}
