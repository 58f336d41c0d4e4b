package vpp

import (
	"context"
	"errors"
	"fmt"
)

// Grant is a wish: every one of To shall have every one of Assets. An asset without a PricingParam
// is one of [PricingStandard].
//
// One half may be empty. Such a Grant wishes for nothing, but names assets or targets: whether
// something is taken back may depend on that. See [Scope].
type Grant struct {
	Assets []AssetKey
	To     Targets
}

// Scope says which assignments are taken back when nobody wishes for them. What is outside stays as
// it is. It goes by what the Grants name, on either side, so that nobody who is forgotten loses
// anything by mistake.
type Scope string

// The scopes, each wider than those before, but for ScopeAssets and ScopeTargets, which overlap.
const (
	ScopeNone     Scope = "nothing"                     // nothing is taken back, only given
	ScopeNamed    Scope = "named assets, named targets" // named assets from named targets
	ScopeAssets   Scope = "named assets, all targets"   // named assets, whoever has them
	ScopeTargets  Scope = "all assets, named targets"   // whatever named targets have
	ScopeLocation Scope = "all assets, all targets"     // everything
)

// byAsset and byTarget report whether what is not named on that side is outside.
func (s Scope) byAsset() bool  { return s == ScopeNone || s == ScopeNamed || s == ScopeAssets }
func (s Scope) byTarget() bool { return s == ScopeNone || s == ScopeNamed || s == ScopeTargets }

func (s Scope) check() error {
	switch s {
	case ScopeNone, ScopeNamed, ScopeAssets, ScopeTargets, ScopeLocation:
		return nil
	}
	return &InputError{Field: "scope", Rule: fmt.Sprintf("is %q; it must be one of the constants Scope…", string(s))}
}

// Plan is the difference between who has which asset and who shall. It is for [Client.RunPlan]; look
// at it, and take out what shall not be done. It is as old as what it was made from, which does no
// harm: to give what is there, or to take back what is not, changes nothing.
//
// The Grants of a Plan are cut so that few requests do it, and none gives or takes anything else.
type Plan struct {
	UID string // of the location; "" if that is not known

	Disassociate []Grant // to be taken back
	Associate    []Grant // to be given, with licences that are there
	Afterwards   []Grant // to be given when everything in Disassociate is done, for this frees licences for it

	// Impossible is what was wished for and cannot be: [StatusNotSent] because of [ErrUserNotFound]
	// for users who are not active, [ErrNotDeviceAssignable], or [ErrNotEnoughLicenses]. Where
	// licences are short, those who come first in the wishes get them.
	Impossible Outcomes

	// Irrevocable is what should be taken back and cannot: [StatusNotSent] because of
	// [ErrNotRevocable].
	Irrevocable Outcomes

	Shortages []Shortage // of which licences there are not enough, also after Disassociate
	Fulfilled int        // wishes that need nothing: they are as they should be
}

// Shortage says how many licences of an asset are to be bought before all wishes can be fulfilled.
type Shortage struct {
	Asset   AssetKey
	Missing int
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Disassociate)+len(p.Associate)+len(p.Afterwards) == 0 }

// String counts what the plan is about, for logs.
func (p *Plan) String() string {
	text := fmt.Sprintf("take back %d, give %d, and %d more afterwards; %d wishes are fulfilled",
		pairsOf(p.Disassociate), pairsOf(p.Associate), pairsOf(p.Afterwards), p.Fulfilled)
	if n := len(p.Impossible); n > 0 {
		text += fmt.Sprintf("; %d cannot be given", n)
	}
	if n := len(p.Irrevocable); n > 0 {
		text += fmt.Sprintf("; %d cannot be taken back", n)
	}
	return text
}

func pairsOf(grants []Grant) (pairs int) {
	for _, g := range grants {
		pairs += len(g.Assets) * (len(g.To.ClientUserIDs) + len(g.To.SerialNumbers))
	}
	return pairs
}

// PlanAssignments reads what there is and returns what is to be done so that wishes are fulfilled and
// nothing else is left within scope. It changes nothing.
//
// It costs the pages of the assets, those of the active users or a request for each named one, and of
// the assignments those that may matter: of the named targets, of the named assets, or all, whichever
// are the fewest requests. With a [Snapshot] at hand, [Snapshot.Plan] costs none. Memory is some 300
// bytes for each wish, for each assignment that is read, and for each that is to be taken back.
//
// At least one Grant is needed: an empty list is more often a mistake than the wish to take
// everything back, which a Grant that only names something expresses, or [Client.Revoke].
//
// Errors are as with [Client.Assets], and [*InputError].
func (c *Client) PlanAssignments(ctx context.Context, wishes []Grant, scope Scope) (*Plan, error) {
	w, err := newWishes(wishes, scope)
	if err != nil {
		return nil, err
	}
	config, err := c.currentConfig(ctx)
	if err != nil {
		return nil, err
	}
	known := supply{}
	if known.assets, err = whole(c.AssetPages(ctx, AssetFilter{})); err != nil {
		return nil, err
	}
	if users := w.namedUsers(); len(users) > 0 {
		active, err := c.activeOf(ctx, users)
		if err != nil {
			return nil, err
		}
		known.isActive = func(id string) bool { _, is := active[id]; return is }
	}
	filters, err := c.filtersFor(ctx, w)
	if err != nil {
		return nil, err
	}
	if err := c.readFiltered(ctx, filters, w.see); err != nil {
		return nil, err
	}
	plan := w.plan(known, config.config.Limits)
	plan.UID = c.UID()
	return plan, nil
}

// filtersFor returns the cheapest way to read the assignments that matter to w.
func (c *Client) filtersFor(ctx context.Context, w *wishes) ([]AssignmentFilter, error) {
	holders, products := make(map[holder]bool), make(map[AssetKey]bool)
	for _, h := range w.holders.items {
		holders[h] = true
	}
	for _, key := range w.assets.items {
		products[key] = true
	}
	switch w.scope {
	case ScopeLocation:
		return []AssignmentFilter{{ExcludeInactiveUsers: true}}, nil
	case ScopeAssets:
		return c.filtersByProduct(ctx, products)
	case ScopeTargets:
		products = nil
	}
	return c.assignmentFilters(ctx, holders, products)
}

// filtersByProduct returns the cheapest way to read the assignments of the products to anybody.
func (c *Client) filtersByProduct(ctx context.Context, products map[AssetKey]bool) ([]AssignmentFilter, error) {
	byProduct := productFilters(products)
	if len(byProduct) <= 1 {
		return byProduct, nil
	}
	everything := AssignmentFilter{ExcludeInactiveUsers: true}
	most, err := pageCount(ctx, c, assignmentList(everything))
	if err != nil || most <= len(byProduct) {
		return []AssignmentFilter{everything}, err
	}
	pages, err := c.countUpTo(ctx, byProduct, most)
	if err != nil || pages >= most {
		return []AssignmentFilter{everything}, err
	}
	return byProduct, nil
}

// Plan is [Client.PlanAssignments] from what was read before, without a request. It goes by the
// documented limits in its choice of requests.
func (s *Snapshot) Plan(wishes []Grant, scope Scope) (*Plan, error) {
	w, err := newWishes(wishes, scope)
	if err != nil {
		return nil, err
	}
	active := make(map[string]bool, len(s.Users))
	for i := range s.Users {
		active[s.Users[i].ClientUserID] = s.Users[i].Status.Active()
	}
	for i := range s.Assignments {
		if a := &s.Assignments[i]; a.ClientUserID == "" || a.UserStatus == "" || a.UserStatus.Active() {
			w.see(a)
		}
	}
	plan := w.plan(supply{s.Assets, func(id string) bool { return active[id] }}, Limits{}.withDefaults())
	plan.UID = s.UID
	return plan, nil
}

// within says in an InputError what its field is a part of.
func within(whole string, err error) error {
	if e, ok := errors.AsType[*InputError](err); ok {
		err = &InputError{Field: whole + "." + e.Field, Rule: e.Rule}
	}
	return err
}
