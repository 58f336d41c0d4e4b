package vpptest

import (
	"slices"
)

// failureGroup is failures that are told as one.
type failureGroup struct {
	number int
	tasks  []*task
	detail FailureDetail
}

// failures groups what has failed as [Options.FailureDetail] wants it, in the order of the tasks.
func (e *event) failures() []*failureGroup {
	type key struct {
		number int
		asset  assetRef
	}
	var groups []*failureGroup
	byKey := make(map[key]*failureGroup)
	for _, f := range e.failed {
		k := key{number: f.number}
		if e.loc.s.opts.FailureDetail == DetailByAsset {
			k.asset = f.task.asset
		}
		g := byKey[k]
		if g == nil {
			g = &failureGroup{number: f.number, detail: e.loc.s.opts.FailureDetail}
			byKey[k] = g
			groups = append(groups, g)
		}
		g.tasks = append(g.tasks, f.task)
	}
	return groups
}

// error tells the group as an error.
func (g *failureGroup) error() errorObject {
	info := &errorInfo{}
	if g.detail == DetailNone {
		return errorOf(g.number, info)
	}
	seen := make(map[any]bool)
	isNew := func(k any) bool {
		was := seen[k]
		seen[k] = true
		return !was
	}
	for _, t := range g.tasks {
		if t.asset.AdamID != "" && isNew(t.asset) {
			info.Assets = append(info.Assets, t.asset)
		}
		if id := t.target.ClientUserID + t.user.ClientUserID; id != "" && isNew("user "+id) {
			info.ClientUserIDs = append(info.ClientUserIDs, id)
		}
		if serial := t.target.SerialNumber; serial != "" && isNew("serial "+serial) {
			info.SerialNumbers = append(info.SerialNumbers, serial)
		}
	}
	return errorOf(g.number, info)
}

// report sends the notifications of an event that is finished.
func (e *event) report() {
	for tasks := range slices.Chunk(e.passed, maxElements) {
		o := e.told(tasks)
		o["result"] = "SUCCESS"
		e.loc.notify(e.topic, e.id, o)
	}
	for _, g := range e.failures() {
		for tasks := range slices.Chunk(g.tasks, maxElements) {
			o := e.told(tasks)
			o["result"] = "FAILURE"
			o["error"] = g.error()
			e.loc.notify(e.topic, e.id, o)
		}
	}
}

// told is what a notification tells of some tasks.
func (e *event) told(tasks []*task) object {
	o := object{"eventId": e.id, "type": e.kind}
	switch e.topic {
	case UserManagement:
		users := make([]userElement, 0, len(tasks))
		for _, t := range tasks {
			if t.record == nil {
				users = append(users, userElement{ClientUserID: t.user.ClientUserID, Email: t.user.Email})
				continue
			}
			users = append(users, userElementOf(t.record))
		}
		o["users"] = users
	case SubscriptionManagement:
		list := make([]seatElement, 0, len(tasks))
		for _, t := range tasks {
			list = append(list, seatElement{t.adamID, t.target.ClientUserID, t.flag})
		}
		o["assignments"] = list
	default:
		list := make([]assignmentElement, 0, len(tasks))
		for _, t := range tasks {
			list = append(list, assignmentElement{
				AdamID: t.asset.AdamID, PricingParam: t.asset.PricingParam,
				ClientUserID: t.target.ClientUserID, SerialNumber: t.target.SerialNumber,
			})
		}
		o["assignments"] = list
	}
	return o
}

// countNotification tells that licences were bought, refunded or transferred.
func (l *Location) countNotification(ref assetRef, delta int) {
	if delta == 0 {
		return
	}
	l.notify(AssetCount, "", object{
		"adamId": ref.AdamID, "pricingParam": ref.PricingParam, "countDelta": delta,
	})
}

// associatedNotification tells that a user has accepted an invitation. Apple's sample shows the
// code that the user does not have any more.
func (l *Location) associatedNotification(u *user, code string) {
	el := userElementOf(u)
	el.InviteCode = code
	l.notify(UserAssociated, "", object{"associatedUsers": []userElement{el}})
}
