package vpptest

import (
	"slices"
	"strconv"
	"strings"
)

// cursor is where the next page of a list begins.
type cursor struct {
	list   string // path and query that it belongs to
	offset int
}

// cursorPage answers with the page that the call's cursor begins. What changes between two pages
// moves records as it does with page indexes: Apple promises nothing.
func cursorPage[T any](c *call, set dataset, name string, items []T) *reply {
	query := c.query
	given := query.Get("cursor")
	query.Del("cursor")
	list := c.path + "?" + query.Encode()
	from := 0
	if given != "" {
		at, ok := c.loc.seats.cursors[given]
		if !ok || at.list != list {
			return c.fail(badCursor, nil)
		}
		from = min(at.offset, len(items))
	}
	to := min(from+c.s.opts.PageSize, len(items))
	o := object{name: items[from:to], "versionId": c.loc.versionID(set)}
	if to < len(items) || c.s.opts.TrailingCursor && to > from {
		id := hexOf(24, "cursor", c.loc.opts.UID, list, to)
		c.loc.seats.cursors[id] = cursor{list, to}
		o["nextCursor"] = id
	}
	return c.ok(o)
}

// ids reads a query parameter that is a list of identifiers: repeated, or separated by commas, as
// Apple does not say which.
func (c *call) ids(name string) ([]int64, bool) {
	var ids []int64
	for _, text := range c.texts(name) {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, true
}

func (c *call) texts(name string) []string {
	var out []string
	for _, value := range c.query[name] {
		out = append(out, strings.Split(value, ",")...)
	}
	if len(out) > 1 {
		c.note("a list of values for query parameter %q, for which Apple gives no syntax", name)
	}
	return out
}

// accepts reports whether a filter, all if it is empty, lets v through.
func accepts[T comparable](filter []T, v T) bool {
	return len(filter) == 0 || slices.Contains(filter, v)
}

// enableSubscriptions is POST /subscriptions/enable.
func enableSubscriptions(c *call) *reply { return c.setSubscriptions(true) }

// disableSubscriptions is POST /subscriptions/disable.
func disableSubscriptions(c *call) *reply {
	left := func(sub *subscription) bool { return sub.renewing+sub.expiring > 0 }
	if slices.ContainsFunc(c.loc.seats.subs, left) {
		return c.fail(subscriptionsLeft, nil)
	}
	return c.setSubscriptions(false)
}

func (c *call) setSubscriptions(on bool) *reply {
	c.loc.seats.enabled = on
	o := object{"subscriptionManagement": on}
	if c.loc.client.mdm == nil {
		o["mdmInfo"] = nil
	}
	return c.ok(o)
}

// listSubscriptions is GET /subscriptions.
func listSubscriptions(c *call) *reply {
	parents, ok1 := c.ids("parentAdamId")
	adamIDs, ok2 := c.ids("adamId")
	if !ok1 || !ok2 {
		return c.fail(badAdamID, nil)
	}
	list := []object{}
	for _, sub := range c.loc.seats.subs {
		if accepts(parents, sub.parent) && accepts(adamIDs, sub.adamID) {
			list = append(list, object{
				"parentAdamId": parentOf(sub), "adamId": sub.adamID, "status": sub.status,
				"periodEndDate": sub.end.UTC().Format("2006-01-02"), "counts": c.loc.countObject(sub, true),
			})
		}
	}
	return cursorPage(c, seatSet, "subscriptions", list)
}

type seatElement struct {
	AdamID       int64  `json:"adamId"`
	ClientUserID string `json:"clientUserId"`
	Renewing     bool   `json:"renewing"`
}

// listSeats is GET /subscriptions/assignments.
func listSeats(c *call) *reply {
	parents, ok1 := c.ids("parentAdamId")
	adamIDs, ok2 := c.ids("adamId")
	if !ok1 || !ok2 {
		return c.fail(badAdamID, nil)
	}
	users := c.texts("clientUserId")
	list := []seatElement{}
	for _, t := range c.loc.seats.taken {
		if accepts(parents, t.sub.parent) && accepts(adamIDs, t.sub.adamID) && accepts(users, t.user.clientID) {
			list = append(list, seatElement{t.sub.adamID, t.user.clientID, t.renewing})
		}
	}
	return cursorPage(c, seatSet, "assignments", list)
}

type seatsRequest struct {
	AdamIDs       []int64   `json:"adamIds"`
	ClientUserIDs []string  `json:"clientUserIds"`
	Renewing      *bool     `json:"renewing"`
	Deferred      *bool     `json:"deferred"`
	Rest          strangers `json:",embed"`
}

// check applies the rules that all calls about subscriptions have in common.
func (req *seatsRequest) check(c *call) int {
	switch {
	case len(req.AdamIDs) == 0 || len(req.ClientUserIDs) == 0 || slices.Contains(req.ClientUserIDs, "") ||
		len(duplicates(req.AdamIDs)) > 0 || len(duplicates(req.ClientUserIDs)) > 0:
		return badSubscription
	case len(req.AdamIDs) > c.s.limit(maxSubscriptions) || len(req.ClientUserIDs) > c.s.limit(maxSubscriptionIDs):
		return tooManySubs
	}
	for _, id := range req.AdamIDs {
		if c.loc.seats.find(id) == nil {
			return badAdamID
		}
	}
	for _, id := range req.ClientUserIDs {
		if u := c.loc.roster.active[id]; u == nil || u.status != Associated {
			return userNotAssociated
		}
	}
	return 0
}

// each calls f for every subscription and user of the request until it returns an error number.
func (req *seatsRequest) each(f func(seatKey) int) int {
	for _, adamID := range req.AdamIDs {
		for _, id := range req.ClientUserIDs {
			if number := f(seatKey{adamID, id}); number != 0 {
				return number
			}
		}
	}
	return 0
}

// associateSeats is POST /subscriptions/associate. Without renewing it is as with false. Too few
// seats fail the event with 9709.
func associateSeats(c *call) *reply {
	var req seatsRequest
	if rep := c.decode(&req, &req.Rest); rep != nil {
		return rep
	}
	number := req.check(c)
	if number == 0 {
		number = req.each(func(k seatKey) int {
			if c.loc.seats.groups[k] {
				return heldByGroup
			}
			return 0
		})
	}
	if number != 0 {
		return c.fail(number, nil)
	}
	if req.Deferred != nil {
		c.note("deferred in a call that associates")
	}
	return c.started(c.loc.seatEvent(&req, Associate, req.Renewing, c.loc.takeTask))
}

// disassociateSeats is POST /subscriptions/disassociate.
func disassociateSeats(c *call) *reply {
	var req seatsRequest
	if rep := c.decode(&req, &req.Rest); rep != nil {
		return rep
	}
	number := req.check(c)
	if number == 0 {
		number = req.each(func(k seatKey) int {
			if c.loc.seats.of(c.loc.seats.find(k.adamID), c.loc.roster.active[k.clientID]) == nil {
				return notHeld
			}
			return 0
		})
	}
	if number != 0 {
		return c.fail(number, nil)
	}
	if req.Renewing != nil {
		c.note("renewing in a call that disassociates")
	}
	e := c.loc.seatEvent(&req, Disassociate, req.Deferred, nil)
	e.quiet = req.Deferred != nil && *req.Deferred
	e.exec = func(t *task) int { return c.loc.leaveTask(e, t) }
	return c.started(e)
}

func (l *Location) seatEvent(req *seatsRequest, kind string, flag *bool, exec func(*task) int) *event {
	e := &event{kind: kind, topic: SubscriptionManagement, exec: exec}
	req.each(func(k seatKey) int {
		e.tasks = append(e.tasks, task{adamID: k.adamID, target: ToUser(k.clientID), flag: flag != nil && *flag})
		return 0
	})
	return e
}

func (l *Location) takeTask(t *task) int {
	u := l.roster.active[t.target.ClientUserID]
	if u == nil {
		return userNotFound
	}
	sub := l.seats.find(t.adamID)
	if l.takeSeat(sub, u, t.flag) == nil {
		return notEnough
	}
	l.seatCount(sub)
	return 0
}

func (l *Location) leaveTask(e *event, t *task) int {
	own := l.seats.of(l.seats.find(t.adamID), l.roster.active[t.target.ClientUserID])
	switch {
	case own == nil:
	case t.flag:
		own.renewing, own.deferred = false, e
		l.bump(seatSet)
	default:
		l.leaveSeat(own)
		l.seatCount(own.sub)
	}
	t.flag = false
	return 0
}
