package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// someone returns a few targets, and at times somebody who does not exist.
func (h *history) someone() (to vpp.Targets) {
	for range h.rng.IntN(3) {
		to.ClientUserIDs = append(to.ClientUserIDs, userID(h.rng.IntN(6)))
	}
	for range h.rng.IntN(6) {
		to.SerialNumbers = append(to.SerialNumbers, fmt.Sprint("D", h.rng.IntN(12)))
	}
	if len(to.ClientUserIDs)+len(to.SerialNumbers) == 0 {
		to.SerialNumbers = []string{"D0"}
	}
	return to
}

func (h *history) something() (assets []vpp.AssetKey) {
	for range 1 + h.rng.IntN(3) {
		assets = append(assets, vpp.AssetKey{AdamID: vpp.AdamID(appID(h.rng.IntN(5)))})
	}
	return assets
}

// patience returns a context that ends at any time, mostly late.
func (h *history) patience() (context.Context, context.CancelFunc) {
	limit := time.Hour
	if h.chance(4) && !h.calm {
		limit = time.Duration(h.rng.IntN(2000)) * time.Millisecond
		h.cutOff = true
	}
	return context.WithTimeout(h.t.Context(), limit)
}

// work is what the backend does.
func (h *history) work() {
	ctx, cancel := h.patience()
	defer cancel()
	switch h.rng.IntN(12) {
	case 0, 1, 2, 3:
		assets, to := h.something(), h.someone()
		h.begin(vpp.EventAssociate, pairThings(assets, to), func() (*vpp.Operation, error) { return h.client.Associate(ctx, assets, to) })
	case 4, 5:
		assets, to := h.something(), h.someone()
		h.begin(vpp.EventDisassociate, pairThings(assets, to), func() (*vpp.Operation, error) { return h.client.Disassociate(ctx, assets, to) })
	case 6:
		to := h.someone()
		h.begin(vpp.EventRevoke, holderThings(to), func() (*vpp.Operation, error) { return h.client.Revoke(ctx, to) })
	case 7:
		users, to := h.newUsers()
		h.begin(vpp.EventCreate, holderThings(to), func() (*vpp.Operation, error) { return h.client.CreateUsers(ctx, users) })
	case 8:
		users, to := h.newUsers()
		h.begin(vpp.EventUpdate, holderThings(to), func() (*vpp.Operation, error) { return h.client.UpdateUsers(ctx, users) })
	case 9:
		_, to := h.newUsers()
		h.begin(vpp.EventRetire, holderThings(to), func() (*vpp.Operation, error) { return h.client.RetireUsers(ctx, to.ClientUserIDs) })
	case 10, 11:
		h.reconcile(ctx)
	}
}

func (h *history) newUsers() (users []vpp.UserRequest, to vpp.Targets) {
	for range 1 + h.rng.IntN(3) {
		n := h.rng.IntN(6)
		u := vpp.UserRequest{ClientUserID: userID(n)}
		if h.chance(3) {
			u.ManagedAppleAccount = account(n)
		}
		users, to.ClientUserIDs = append(users, u), append(to.ClientUserIDs, u.ClientUserID)
	}
	return users, to
}

// begin begins an operation and enters it into the ledger.
func (h *history) begin(kind vpp.EventType, things []string, call func() (*vpp.Operation, error)) {
	d := h.enter(kind, things)
	op, err := call()
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, bad := errors.AsType[*vpp.InputError](err); bad { // the same user twice, differently
		h.ledger.drop(d)
		return
	}
	h.tally.Operations++
	if err != nil {
		h.tally.Refused++
	}
	d.begun(op, err, h.delay)
}

// wishes returns a random wish for everything, and the things in it.
func (h *history) wishes() (wishes []vpp.Grant, wanted map[string]bool) {
	wanted = map[string]bool{}
	for range 1 + h.rng.IntN(4) {
		g := vpp.Grant{Assets: h.something(), To: h.someone()}
		if h.chance(6) {
			g.Assets = nil
		}
		wishes = append(wishes, g)
		for _, thing := range pairThings(g.Assets, g.To) {
			wanted[thing] = true
		}
	}
	return wishes, wanted
}

// reconcile plans, looks at the plan, and runs it, after a while perhaps.
func (h *history) reconcile(ctx context.Context) {
	wishes, _ := h.wishes()
	scope := pick(h.rng, vpp.ScopeNone, vpp.ScopeNamed, vpp.ScopeAssets, vpp.ScopeTargets, vpp.ScopeLocation)
	before := h.truth()
	plan, err := h.plan(ctx, wishes, scope)
	if err != nil {
		h.tally.Refused++
		return
	}
	if quiet := h.same(before); quiet && !h.mirror.used {
		h.checkPlan(plan, wishes, scope, before)
	}
	if h.chance(4) {
		h.others()
	}
	h.tally.Plans++
	back := h.enter(vpp.EventDisassociate, grantThings(plan.Disassociate))
	given := h.enter(vpp.EventAssociate, grantThings(plan.Associate, plan.Afterwards))
	r, err := h.client.RunPlan(ctx, plan)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.tally.Refused++
		back.begun(nil, err, h.delay)
		given.begun(nil, err, h.delay)
		return
	}
	back.ran(r.Disassociated, len(plan.Irrevocable), h.delay)
	given.ran(r.Associated, len(plan.Impossible), h.delay)
	h.checkLocked(back)
	h.checkLocked(given)
}

// plan makes a plan from what is read now or, at times, from what was read before.
func (h *history) plan(ctx context.Context, wishes []vpp.Grant, scope vpp.Scope) (*vpp.Plan, error) {
	h.mirror.used = h.mirror.last != nil && h.chance(3)
	if h.mirror.used {
		return h.mirror.last.Plan(wishes, scope)
	}
	return h.client.PlanAssignments(ctx, wishes, scope)
}

// waitFor waits for up to n operations at once, while others do what they do.
func (h *history) waitFor(n int) {
	var wg sync.WaitGroup
	for _, d := range h.ledger.open() {
		if n--; n < 0 {
			break
		}
		limit := time.Duration(1+h.rng.IntN(60)) * time.Minute
		if h.chance(4) {
			limit = time.Duration(h.rng.IntN(20)) * time.Second
			h.cutOff = true
		}
		if h.calm {
			limit = 5 * time.Hour
		}
		wg.Go(func() { h.wait(d, limit) })
	}
	if h.chance(3) && !h.calm {
		time.Sleep(time.Duration(h.rng.IntN(20)) * time.Second)
		h.others()
	}
	wg.Wait()
}

func (h *history) wait(d *deal, limit time.Duration) {
	ctx, cancel := context.WithTimeout(h.t.Context(), limit)
	defer cancel()
	r, err := d.op.Wait(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		if h.calm {
			h.t.Errorf("%s: %v", d.kind, err)
		}
		return
	}
	d.ended(r, h.delay)
	h.checkLocked(d)
}

// look keeps the mirror up to date.
func (h *history) look() {
	if !h.isStale() && !h.chance(4) {
		return
	}
	before := h.everything()
	if h.mirror.refresh(h); !h.isStale() && h.everything() == before {
		h.compare(h.t, h.mirror.last)
	}
}

func (h *history) isStale() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mirror.stale
}

// others lets content managers, people or another manager do something.
func (h *history) others() {
	user, n := h.rng.IntN(6), h.rng.IntN(5)
	asset, app := vpp.AssetKey{AdamID: vpp.AdamID(appID(n))}, appID(n)
	to, target := vpp.Users(userID(user)), vpptest.ToUser(userID(user))
	if h.chance(2) {
		serial := fmt.Sprint("D", h.rng.IntN(12))
		to, target = vpp.Devices(serial), vpptest.ToDevice(serial)
	}
	if _, owned := h.Asset(app, ""); !owned && app == appID(4) {
		app = appID(0)
	}
	switch h.rng.IntN(12) {
	case 0, 1:
		if app != appID(4) {
			h.Buy(vpptest.Asset{AdamID: app, Total: 1 + h.rng.IntN(6)})
		}
	case 2:
		h.Refund(app, "", 1+h.rng.IntN(4))
	case 3:
		h.TransferTo(h.other, app, "", 1+h.rng.IntN(4))
	case 4:
		if app != appID(4) {
			h.other.TransferTo(h.Location, app, "", 1+h.rng.IntN(4))
		}
	case 5, 6:
		h.foreign(pairThings([]vpp.AssetKey{asset}, to), true, func() { h.AssignByOther(string(asset.AdamID), "", target) })
	case 7:
		h.foreign(pairThings([]vpp.AssetKey{asset}, to), false, func() { h.UnassignByOther(string(asset.AdamID), "", target) })
	case 8:
		h.foreign(holderThings(to), false, func() { h.RevokeByOther(target) })
	case 9:
		h.foreign([]string{userID(user)}, true, func() { h.CreateUserByOther(userID(user), "", pick(h.rng, "", account(user))) })
	case 10:
		h.foreign([]string{userID(user)}, true, func() { h.AcceptInvitation(userID(user), pick(h.rng, "", account(user))) })
	case 11:
		h.foreign([]string{userID(user)}, false, func() { h.RetireUserByOther(userID(user)) })
	}
}

// disturb prepares something that goes wrong, or lets it go wrong now.
func (h *history) disturb() {
	switch h.rng.IntN(18) {
	case 16, 17: // whether a write was taken is not told, however often it is tried
		h.lostAnswers = true
		kind := pick(h.rng, vpptest.Lose, vpptest.ResetBody, vpptest.Truncate, vpptest.Oversize)
		path := pick(h.rng, "/mdm/v2/assets/*", "/mdm/v2/users/*")
		h.srv.Fail(vpptest.Fault{Path: path, Skip: h.rng.IntN(3), Count: pick(h.rng, 1, 4), Kind: kind, Size: 70 << 10})
		if h.chance(2) {
			h.srv.Fail(vpptest.Fault{Path: path, Count: 4, Kind: pick(h.rng, vpptest.Busy, vpptest.HTML, vpptest.Reset, vpptest.Truncate)})
		}
	case 0, 1, 2:
		h.NextEvents(pick(h.rng, vpptest.Forget, vpptest.ForgetRun, vpptest.Stall, vpptest.StallRun), vpptest.Run)
	case 3, 4, 5, 6:
		h.srv.Fail(h.fault())
	case 7:
		f := vpptest.ErrorFault(9646)
		f.Count = 1 + h.rng.IntN(3)
		h.srv.Fail(f)
	case 8:
		h.srv.SetMaintenance(h.chance(2))
	case 9:
		h.pause = max(h.pause, 3*time.Second)
		h.srv.SetUnavailable(true)
		time.AfterFunc(time.Duration(1+h.rng.IntN(90))*time.Second, func() { h.srv.SetUnavailable(false) })
	case 10:
		h.RevokeTokens()
		if h.chance(3) {
			h.work() // meets it
		}
		h.store(h.IssueToken(vpptest.TokenOptions{Pretty: h.chance(2)}))
	case 11:
		h.tighten()
	case 12:
		h.claimed()
	case 13:
		time.Sleep(time.Duration(h.rng.IntN(5*3600)) * time.Second)
	case 14:
		h.Touch()
	case 15:
		number := pick(h.rng, 0, 9603, 9644)
		h.SetOutcome(pick(h.rng, badNames()...), number)
	}
}

// claimed lets another manager claim the location. The backend notices, or does not, until an
// administrator takes the location over.
func (h *history) claimed() {
	h.ClaimByOther("o", "Other MDM", "other.example.test")
	if _, err := h.client.ClientConfig(h.t.Context()); err != nil {
		h.unheard = true
	}
	writes := h.writes()
	h.work()
	if n := h.writes() - writes; n > 0 && !h.unheard {
		h.t.Errorf("%d requests to a location of another manager", n)
	}
	h.srv.ResetFaults() // an administrator does not give up
	h.srv.SetUnavailable(false)
	time.Sleep(5 * time.Minute)
	if _, err := h.client.TakeOver(h.t.Context()); err != nil {
		h.t.Errorf("take over: %v", err)
	}
}

// writes counts the requests that change something.
func (h *history) writes() int {
	return h.srv.Count("POST", "/mdm/v2/assets/*") + h.srv.Count("POST", "/mdm/v2/users/*")
}

// badNames are those for whom tasks fail at times.
func badNames() []string { return []string{userID(0), "D0", "D1", appID(1)} }

// fault is any fault of the line.
func (h *history) fault() vpptest.Fault {
	path := pick(h.rng, associatePath, "/mdm/v2/assets/*", "/mdm/v2/users/*", statusPath, "/mdm/v2/assignments", "/mdm/v2/users", "/mdm/v2/*")
	kinds := []vpptest.Kind{
		vpptest.Refuse, vpptest.Reset, vpptest.Lose, vpptest.ResetBody, vpptest.Truncate, vpptest.Drip, vpptest.Late,
		vpptest.HTML, vpptest.Empty, vpptest.Busy, vpptest.BusySeconds, vpptest.BusyDate, vpptest.Redirect, vpptest.Oversize,
		vpptest.Gzip, vpptest.WrongType, vpptest.Duplicate, vpptest.Unknown, vpptest.Silence,
	}
	f := vpptest.Fault{
		Path: path, Skip: h.rng.IntN(4), Count: 1 + h.rng.IntN(4), Kind: pick(h.rng, kinds...),
		Delay: time.Millisecond, Size: 70 << 10, RetryAfter: time.Duration(h.rng.IntN(60)) * time.Second,
	}
	switch f.Kind {
	case vpptest.Lose, vpptest.ResetBody, vpptest.Truncate, vpptest.Oversize, vpptest.Duplicate, vpptest.Late, vpptest.Drip:
		h.lostAnswers = true
	case vpptest.BusySeconds, vpptest.BusyDate:
		h.pause = max(h.pause, f.RetryAfter+2*time.Second)
	}
	return f
}
