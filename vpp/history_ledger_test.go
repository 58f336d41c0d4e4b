package vpp_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// A thing is what can be or not be: "1000000001 D1" is an asset in somebody's hands, "u-1" a user
// who is active, "-D1" a device or user that has nothing which could be taken back.

func pairThings(assets []vpp.AssetKey, to vpp.Targets) (things []string) {
	for _, a := range assets {
		for _, holder := range slices.Concat(to.ClientUserIDs, to.SerialNumbers) {
			things = append(things, string(a.AdamID)+" "+holder)
		}
	}
	return things
}

func holderThings(to vpp.Targets) []string { return slices.Concat(to.ClientUserIDs, to.SerialNumbers) }

func grantThings(lists ...[]vpp.Grant) (things []string) {
	for _, g := range slices.Concat(lists...) {
		things = append(things, pairThings(g.Assets, g.To)...)
	}
	return things
}

func outcomeThing(o vpp.Outcome) string {
	holder := o.ClientUserID + o.SerialNumber
	if o.Asset.AdamID != "" {
		return string(o.Asset.AdamID) + " " + holder
	}
	return holder
}

// holderOf returns whom a thing is about.
func holderOf(thing string) string {
	if len(thing) > 11 && thing[10] == ' ' {
		return thing[11:]
	}
	return thing
}

// deal is an operation of the backend as the ledger has it.
type deal struct {
	kind   vpp.EventType
	op     *vpp.Operation // nil if it was refused, or is part of a plan
	things map[string]bool
	was    map[string]bool // what was true when it began
	from   time.Time
	until  time.Time // nothing more comes of it; zero while something may
	result *vpp.Result
	waits  int
}

// ledger is what was done to which thing and when.
type ledger struct {
	deals   []*deal
	touched map[string]time.Time // by others, last
	given   map[string]bool      // by others, ever
}

func (l *ledger) init() { l.touched, l.given = map[string]time.Time{}, map[string]bool{} }

// enter enters what is about to begin.
func (h *history) enter(kind vpp.EventType, things []string) *deal {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := &deal{kind: kind, things: map[string]bool{}, was: h.truth(), from: time.Now()}
	for _, thing := range things {
		d.things[thing] = true
	}
	h.ledger.deals = append(h.ledger.deals, d)
	return d
}

func (l *ledger) drop(d *deal) {
	l.deals = slices.DeleteFunc(l.deals, func(other *deal) bool { return other == d })
}

// open returns the deals that can be waited for.
func (l *ledger) open() (open []*deal) {
	for _, d := range l.deals {
		if d.op != nil && d.until.IsZero() {
			open = append(open, d)
		}
	}
	return open
}

// close ends what is open: nothing more comes of it.
func (l *ledger) close() {
	for _, d := range l.deals {
		if d.until.IsZero() {
			d.until = time.Now()
		}
		if d.op != nil {
			d.result = d.op.Result()
		}
	}
}

// begun notes what came of the call.
func (d *deal) begun(op *vpp.Operation, err error, delay time.Duration) {
	if err != nil { // nothing was queued
		d.until, d.result = time.Now(), new(vpp.Result)
		for thing := range d.things {
			d.result.Outcomes = append(d.result.Outcomes, vpp.Outcome{ClientUserID: thing, Status: vpp.StatusNotSent, Err: err})
		}
		return
	}
	d.op = op
}

// ran notes what came of the half of a plan, without what the plan said beforehand.
func (d *deal) ran(r *vpp.Result, beforehand int, delay time.Duration) {
	d.ended(&vpp.Result{Outcomes: r.Outcomes[:len(r.Outcomes)-beforehand]}, delay)
}

// ended notes outcomes. What is open may still come true, and what was sent twice may once more.
func (d *deal) ended(r *vpp.Result, delay time.Duration) {
	d.result = r
	if d.waits++; len(r.Outcomes.With(vpp.StatusPending))+len(r.Outcomes.With(vpp.StatusUncertain)) == 0 || d.waits > 2 {
		d.until = time.Now().Add(delay + time.Minute)
	}
}

// restart makes of a deal what another process makes of its record.
func (d *deal) restart(t *testing.T, client *vpp.Client) {
	if d.op == nil {
		return
	}
	text, err := json.Marshal(d.op.Record())
	if err != nil {
		t.Fatal(err)
	}
	var record vpp.OperationRecord
	if err := json.Unmarshal(text, &record); err != nil {
		t.Fatal(err)
	}
	if d.op, err = client.ResumeOperation(&record); err != nil {
		t.Fatalf("%v of %s", err, text)
	}
}

// foreign lets somebody else do something to things, and enters it.
func (h *history) foreign(things []string, gives bool, do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
	for _, thing := range things {
		h.ledger.touched[thing] = time.Now()
		if gives {
			h.ledger.given[thing] = true
		}
	}
}

// truth returns what is true of assignments and users.
func (h *history) truth() map[string]bool {
	is := map[string]bool{}
	for _, a := range h.Assignments() {
		if a.UserStatus == "" || a.UserStatus == vpptest.Registered || a.UserStatus == vpptest.Associated {
			holder := a.ClientUserID + a.SerialNumber
			is[a.AdamID+" "+holder] = true
		}
	}
	for _, u := range h.Users() {
		if u.Status == vpptest.Registered || u.Status == vpptest.Associated {
			is[u.ClientUserID] = true
		}
	}
	return is
}

// everything renders all that a snapshot should know.
func (h *history) everything() string { return fmt.Sprint(h.Assets(), h.Assignments(), h.Users()) }

func (h *history) people() []string {
	var people []string
	for i := range 6 {
		people = append(people, userID(i))
	}
	return people
}

func (h *history) same(before map[string]bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Equal(before, h.truth())
}

// disturbed reports whether anybody but d may have changed a thing since d began.
func (l *ledger) disturbed(d *deal, thing string) bool {
	holder := holderOf(thing)
	for _, t := range []string{thing, holder} {
		if at, ok := l.touched[t]; ok && !at.Before(d.from) {
			return true
		}
	}
	for _, other := range l.deals {
		over := !other.until.IsZero() && other.until.Before(d.from)
		if other != d && !over && (other.things[thing] || other.things[holder]) {
			return true
		}
	}
	return false
}

func (h *history) check(d *deal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checkLocked(d)
}

// checkLocked compares the outcomes of a deal with what is true, for things that nobody else has
// touched: what is done is as it was asked for, what failed or was not sent is as it was.
func (h *history) checkLocked(d *deal) {
	if d.result == nil || d.kind == vpp.EventUpdate {
		return
	}
	is := h.truth()
	for _, o := range d.result.Outcomes {
		thing := outcomeThing(o)
		h.tally.Outcomes++
		if h.ledger.disturbed(d, thing) || d.kind == vpp.EventRevoke && h.holderDisturbed(d, thing) {
			continue
		}
		h.tally.Checked++
		got, was := is[thing], d.was[thing]
		if d.kind == vpp.EventRevoke {
			got, was = h.hasRevocable(is, thing), h.hasRevocable(d.was, thing)
		}
		want := d.kind == vpp.EventAssociate || d.kind == vpp.EventCreate
		switch o.Status {
		case vpp.StatusDone:
			if got != want {
				h.t.Errorf("%s %v, and is %v; was %v", d.kind, o, got, was)
			}
		case vpp.StatusFailed, vpp.StatusNotSent:
			if got != was || o.Err == nil {
				h.t.Errorf("%s %v (%v), and is %v; was %v", d.kind, o, o.Err, got, was)
			}
		case vpp.StatusPending, vpp.StatusUncertain:
		default:
			h.t.Errorf("%s %v", d.kind, o)
		}
	}
}

// holderDisturbed reports whether anything of a holder may have been changed by others.
func (h *history) holderDisturbed(d *deal, holder string) bool {
	for i := range 5 {
		if h.ledger.disturbed(d, appID(i)+" "+holder) {
			return true
		}
	}
	return false
}

func (h *history) hasRevocable(is map[string]bool, holder string) bool {
	for i := range 5 {
		if i != 3 && is[appID(i)+" "+holder] {
			return true
		}
	}
	return false
}

// nothingUnexplained finds what nobody has given: neither others, nor an operation of which it is an
// outcome that it was or may have been. Books come back with users who do.
func (h *history) nothingUnexplained() {
	explained := maps.Clone(h.ledger.given)
	for i := range 4 {
		explained[userID(i)] = true
	}
	for _, d := range h.ledger.deals {
		for _, o := range d.result.Outcomes {
			switch o.Status {
			case vpp.StatusDone, vpp.StatusPending, vpp.StatusUncertain:
				explained[outcomeThing(o)] = true
			}
			if errors.Is(o.Err, vpp.ErrUserExists) {
				explained[outcomeThing(o)] = true
			}
		}
	}
	for thing := range h.truth() {
		if !explained[thing] {
			h.t.Errorf("nobody gave %s", thing)
		}
	}
}

// arithmetic counts licences.
func (h *history) arithmetic() {
	counted := map[string]int{}
	twice := map[vpptest.Assignment]bool{}
	for _, a := range h.Assignments() {
		counted[a.AdamID]++
		active := a.UserStatus == "" || a.UserStatus == vpptest.Registered || a.UserStatus == vpptest.Associated
		if active && twice[a] {
			h.t.Errorf("twice: %+v", a)
		}
		twice[a] = true
	}
	for _, a := range h.Assets() {
		if counted[a.AdamID] != a.Assigned+a.Retired || !a.Unlimited && (a.Available < 0 || a.Assigned+a.Available+a.Retired != a.Total) {
			h.t.Errorf("%d assignments of %+v", counted[a.AdamID], a)
		}
	}
}

// checkPlan compares a plan with what was true while it was made.
func (h *history) checkPlan(plan *vpp.Plan, wishes []vpp.Grant, scope vpp.Scope, is map[string]bool) {
	wanted, within := map[string]bool{}, scopeOf(wishes, scope)
	for _, g := range wishes {
		for _, thing := range pairThings(g.Assets, g.To) {
			wanted[thing] = true
		}
	}
	planned := map[string]bool{}
	expect := func(things []string, there, wish bool, what string) {
		for _, thing := range things {
			if is[thing] != there || wanted[thing] != wish || planned[thing] || there && !within(thing) {
				h.t.Errorf("%s %s: is %v, wished for %v, again %v; %s", what, thing, is[thing], wanted[thing], planned[thing], scope)
			}
			planned[thing] = true
		}
	}
	expect(grantThings(plan.Disassociate), true, false, "take back")
	expect(outcomeThings(plan.Irrevocable), true, false, "leave")
	expect(grantThings(plan.Associate, plan.Afterwards), false, true, "give")
	expect(outcomeThings(plan.Impossible), false, true, "not give")
	fulfilled := 0
	for thing := range wanted {
		switch {
		case is[thing]:
			fulfilled++
		case !planned[thing]:
			h.t.Errorf("%s is wished for and not planned", thing)
		}
	}
	if fulfilled != plan.Fulfilled {
		h.t.Errorf("%d are fulfilled: %v", fulfilled, plan)
	}
	for thing := range is {
		if holderOf(thing) != thing && !wanted[thing] && within(thing) && !planned[thing] {
			h.t.Errorf("%s is not wished for, and stays: %s", thing, scope)
		}
	}
}

func outcomeThings(outcomes vpp.Outcomes) (things []string) {
	for _, o := range outcomes {
		things = append(things, outcomeThing(o))
	}
	return things
}

// scopeOf returns what may be taken back.
func scopeOf(wishes []vpp.Grant, scope vpp.Scope) (within func(thing string) bool) {
	named := map[string]bool{}
	for _, g := range wishes {
		for _, a := range g.Assets {
			named[string(a.AdamID)] = true
		}
		for _, holder := range holderThings(g.To) {
			named[holder] = true
		}
	}
	return func(thing string) bool {
		asset, holder := named[thing[:10]], named[holderOf(thing)]
		return map[vpp.Scope]bool{
			vpp.ScopeNone: false, vpp.ScopeNamed: asset && holder, vpp.ScopeAssets: asset, vpp.ScopeTargets: holder, vpp.ScopeLocation: true,
		}[scope]
	}
}

// mirror is how a backend keeps what there is: it reads when a notification has come, and now and
// then, at the cost of what has changed.
type mirror struct {
	last  *vpp.Snapshot
	stale bool
	used  bool // for the plan that was made last
}

// refresh reads what is new. After an error, what was read before stays.
func (m *mirror) refresh(h *history) {
	h.mu.Lock()
	m.stale = false
	h.mu.Unlock()
	ctx, cancel := h.patience()
	defer cancel()
	next, err := h.client.Snapshot(ctx, m.last)
	if err != nil {
		if h.calm {
			h.t.Fatal(err)
		}
		h.mu.Lock()
		m.stale = true
		h.mu.Unlock()
		return
	}
	m.last = next
}

// restart makes of a mirror what another process reads of it.
func (m *mirror) restart(t *testing.T) {
	if m.last == nil {
		return
	}
	text, err := json.Marshal(m.last)
	if err != nil {
		t.Fatal(err)
	}
	m.last = new(vpp.Snapshot)
	if err := json.Unmarshal(text, m.last); err != nil {
		t.Fatal(err)
	}
}
