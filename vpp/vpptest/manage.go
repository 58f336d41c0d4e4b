package vpptest

import (
	"slices"
	"strings"
)

type manageRequest struct {
	Assets []struct {
		AdamID       string    `json:"adamId"`
		PricingParam string    `json:"pricingParam"`
		Rest         strangers `json:",embed"`
	} `json:"assets"`
	ClientUserIDs []string  `json:"clientUserIds"`
	SerialNumbers []string  `json:"serialNumbers"`
	Rest          strangers `json:",embed"`
}

// assets returns the assets of the request.
func (req *manageRequest) assets(c *call) []assetRef {
	refs := make([]assetRef, 0, len(req.Assets))
	for _, a := range req.Assets {
		if a.PricingParam == "" {
			c.note("asset %q without pricingParam", a.AdamID)
		}
		for name := range a.Rest {
			c.note("unknown member %q of an asset", name)
		}
		refs = append(refs, refOf(a.AdamID, a.PricingParam))
	}
	return refs
}

// associate is POST /assets/associate. Serial numbers are not checked, as Apple does not either: an
// invented one gets a licence like any other. Assets that the location does not own fail with
// 9709.
func associate(c *call) *reply { return manageAssets(c, Associate) }

// disassociate is POST /assets/disassociate. What is not assigned counts as done.
func disassociate(c *call) *reply { return manageAssets(c, Disassociate) }

func manageAssets(c *call, kind string) *reply {
	var req manageRequest
	if rep := c.decode(&req, &req.Rest); rep != nil {
		return rep
	}
	refs := req.assets(c)
	targets := targetsOf(req.ClientUserIDs, req.SerialNumbers)
	if rep := c.checkManage(&req, refs, kind); rep != nil {
		return rep
	}
	if rep := c.checkUsers(req.ClientUserIDs); rep != nil {
		return rep
	}
	if len(req.ClientUserIDs) > 0 && len(req.SerialNumbers) > 0 {
		c.note("clientUserIds and serialNumbers in one call")
	}
	return c.started(c.loc.assetEvent(kind, refs, targets))
}

// assetEvent makes the event of an association or its end.
func (l *Location) assetEvent(kind string, refs []assetRef, targets []Target) *event {
	e := &event{kind: kind, topic: AssetManagement, exec: l.associateTask}
	if kind != Associate {
		e.exec = l.disassociateTask
	}
	e.tasks = make([]task, 0, len(refs)*len(targets))
	for _, ref := range refs {
		for _, t := range targets {
			e.tasks = append(e.tasks, task{asset: ref, target: t})
		}
	}
	return e
}

// started starts the event and answers with its identifier.
func (c *call) started(e *event) *reply {
	c.loc.start(e)
	return c.ok(object{"eventId": e.id})
}

func targetsOf(users, serials []string) []Target {
	targets := make([]Target, 0, len(users)+len(serials))
	for _, id := range users {
		targets = append(targets, ToUser(id))
	}
	for _, serial := range serials {
		targets = append(targets, ToDevice(serial))
	}
	return targets
}

// checkManage applies the rules that need no users.
func (c *call) checkManage(req *manageRequest, refs []assetRef, kind string) *reply {
	isBad := func(ref assetRef) bool {
		return ref.AdamID == "" || strings.Trim(ref.AdamID, "0123456789") != "" ||
			ref.PricingParam != Standard && ref.PricingParam != Plus
	}
	switch {
	case len(refs) == 0:
		return c.fail(assetsMissing, nil)
	case len(req.ClientUserIDs) == 0 && len(req.SerialNumbers) == 0:
		return c.fail(targetsMissing, nil)
	case len(refs) > c.s.limit(maxAssets):
		return c.fail(tooManyAssets, nil)
	case len(req.ClientUserIDs) > c.s.limit(maxClientUserIDs):
		return c.fail(tooManyUserIDs, nil)
	case len(req.SerialNumbers) > c.s.limit(maxSerialNumbers):
		return c.fail(tooManySerials, nil)
	case slices.ContainsFunc(refs, isBad):
		return c.fail(invalidArgument, nil)
	}
	if dup := duplicates(refs); len(dup) > 0 {
		return c.fail(duplicateAssets, &errorInfo{Assets: dup})
	}
	if rep := c.checkTargets(req.ClientUserIDs, req.SerialNumbers); rep != nil {
		return rep
	}
	if unfit, number := c.loc.unfit(refs, kind, len(req.SerialNumbers) > 0); number != 0 {
		return c.fail(number, &errorInfo{Assets: unfit})
	}
	return nil
}

// checkTargets refuses targets that are empty or come twice.
func (c *call) checkTargets(users, serials []string) *reply {
	if slices.Contains(users, "") || slices.Contains(serials, "") {
		return c.fail(invalidArgument, nil)
	}
	if dup := duplicates(users); len(dup) > 0 {
		return c.fail(duplicateUserIDs, &errorInfo{ClientUserIDs: dup})
	}
	if dup := duplicates(serials); len(dup) > 0 {
		return c.fail(duplicateSerials, &errorInfo{SerialNumbers: dup})
	}
	return nil
}

// unfit returns the assets that a call of this kind cannot be about, and the error that says so.
func (l *Location) unfit(refs []assetRef, kind string, toDevices bool) (unfit []assetRef, number int) {
	for _, ref := range refs {
		a := l.assets[ref]
		switch {
		case a == nil:
		case kind == Disassociate && !a.revocable():
			unfit, number = append(unfit, ref), notRevocable
		case kind == Associate && toDevices && !a.onDevices:
			unfit, number = append(unfit, ref), notAssignable
		}
	}
	return unfit, number
}

// checkUsers refuses users who do not exist, unless the event is to say so.
func (c *call) checkUsers(ids []string) *reply {
	if c.s.opts.LateUserNotFound {
		return nil
	}
	var unknown []string
	for _, id := range ids {
		if c.loc.roster.active[id] == nil {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 {
		return c.fail(userNotFound, &errorInfo{ClientUserIDs: unknown})
	}
	return nil
}

// duplicates returns what is more than once in a list, every occurrence of it, as Apple does.
func duplicates[T comparable](list []T) []T {
	count := make(map[T]int, len(list))
	for _, v := range list {
		count[v]++
	}
	if len(count) == len(list) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return count[v] < 2 })
}

// holderOf finds whom a target means.
func (l *Location) holderOf(t Target) (holder, int) {
	if t.ClientUserID == "" {
		return holder{serial: t.SerialNumber}, 0
	}
	u := l.roster.active[t.ClientUserID]
	if u == nil {
		return holder{}, userNotFound
	}
	return holder{user: u}, 0
}

func (l *Location) associateTask(t *task) int {
	a := l.assets[t.asset]
	if a == nil {
		return notEnough
	}
	to, number := l.holderOf(t.target)
	if number != 0 {
		return number
	}
	return l.assign(a, to)
}

func (l *Location) disassociateTask(t *task) int {
	from, number := l.holderOf(t.target)
	if number != 0 {
		return number
	}
	as := l.holdings.byKey[holdingKey{l.assets[t.asset], from}]
	if as != nil && as.asset.revocable() {
		l.unassign(as)
	}
	return 0
}

type revokeRequest struct {
	ClientUserIDs []string  `json:"clientUserIds"`
	SerialNumbers []string  `json:"serialNumbers"`
	Rest          strangers `json:",embed"`
}

// revoke is POST /assets/revoke. Its tasks are the assignments that there are when it is called.
func revoke(c *call) *reply {
	var req revokeRequest
	if rep := c.decode(&req, &req.Rest); rep != nil {
		return rep
	}
	switch {
	case len(req.ClientUserIDs) == 0 && len(req.SerialNumbers) == 0:
		return c.fail(targetsMissing, nil)
	case len(req.ClientUserIDs) > c.s.limit(maxRevokeUserIDs):
		return c.fail(tooManyUserIDs, nil)
	case len(req.SerialNumbers) > c.s.limit(maxRevokeSerials):
		return c.fail(tooManySerials, nil)
	}
	if rep := c.checkTargets(req.ClientUserIDs, req.SerialNumbers); rep != nil {
		return rep
	}
	if rep := c.checkUsers(req.ClientUserIDs); rep != nil {
		return rep
	}
	if len(req.ClientUserIDs) > 0 && len(req.SerialNumbers) > 0 {
		c.note("clientUserIds and serialNumbers in one call")
	}
	return c.started(c.loc.revokeEvent(targetsOf(req.ClientUserIDs, req.SerialNumbers)))
}

func (l *Location) revokeEvent(targets []Target) *event {
	e := &event{kind: Revoke, topic: AssetManagement, exec: l.disassociateTask}
	wanted := make(map[holder]bool, len(targets))
	for _, t := range targets {
		h, number := l.holderOf(t)
		if number != 0 {
			e.tasks = append(e.tasks, task{target: t}) // fails when it is its turn
			continue
		}
		wanted[h] = true
	}
	l.holdings.all(func(as *assignment) {
		if wanted[as.holder] && as.asset.revocable() {
			e.tasks = append(e.tasks, task{asset: as.asset.ref, target: as.holder.target()})
		}
	})
	return e
}
