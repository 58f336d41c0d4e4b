package vpp

import (
	"fmt"
	"math"
)

// numbered gives things numbers, in the order in which they are first seen.
type numbered[T comparable] struct {
	items []T
	at    map[T]int
}

func (n *numbered[T]) number(item T) int {
	if i, ok := n.at[item]; ok {
		return i
	}
	if n.at == nil {
		n.at = make(map[T]int)
	}
	n.at[item] = len(n.items)
	n.items = append(n.items, item)
	return len(n.items) - 1
}

// pair is one asset for one target, by their numbers.
type pair struct{ asset, holder int }

// wishes are what a [Plan] is made for, and what there is of it.
type wishes struct {
	scope   Scope
	assets  numbered[AssetKey] // the named ones, then others of which there is a surplus
	holders numbered[holder]   // likewise

	namedAssets, namedHolders int

	wanted  numbered[pair]
	there   []bool         // by the number of what is wanted
	surplus numbered[pair] // there and within the scope, but not wanted
}

// newWishes checks grants and scope.
func newWishes(grants []Grant, scope Scope) (*wishes, error) {
	if err := scope.check(); err != nil {
		return nil, err
	}
	if len(grants) == 0 {
		return nil, &InputError{Field: "wishes", Rule: "needs at least one Grant"}
	}
	w := &wishes{scope: scope}
	for i, g := range grants {
		if err := w.wish(g); err != nil {
			return nil, within(fmt.Sprintf("wishes[%d]", i), err)
		}
	}
	w.there = make([]bool, len(w.wanted.items))
	w.namedAssets, w.namedHolders = len(w.assets.items), len(w.holders.items)
	return w, nil
}

func (w *wishes) wish(g Grant) error {
	products, holders, err := g.members()
	if err != nil {
		return err
	}
	var assets, targets []int
	for _, p := range products {
		assets = append(assets, w.assets.number(p.asset))
	}
	for _, h := range holders {
		targets = append(targets, w.holders.number(h))
	}
	for _, asset := range assets {
		for _, target := range targets {
			w.wanted.number(pair{asset, target})
		}
	}
	return nil
}

// members checks a grant and returns what is in it, each once.
func (g Grant) members() (products []product, holders []holder, err error) {
	if len(g.Assets) > 0 || len(g.To.ClientUserIDs)+len(g.To.SerialNumbers) == 0 {
		if products, err = assetProducts(g.Assets); err != nil {
			return nil, nil, err
		}
	}
	if len(g.To.ClientUserIDs)+len(g.To.SerialNumbers) > 0 {
		holders, err = g.To.holders("To")
	}
	return products, holders, err
}

// namedUsers returns the users among the named targets.
func (w *wishes) namedUsers() map[holder]bool {
	users := make(map[holder]bool)
	for _, h := range w.holders.items {
		if h.clientUserID != "" {
			users[h] = true
		}
	}
	return users
}

// see notes an assignment that there is. It must be none of an inactive user.
func (w *wishes) see(a *Assignment) {
	key, h := a.Key().Asset.complete(), holder{a.ClientUserID, a.SerialNumber}
	asset, knownAsset := w.assets.at[key]
	target, knownTarget := w.holders.at[h]
	if knownAsset && knownTarget {
		if i, wanted := w.wanted.at[pair{asset, target}]; wanted {
			w.there[i] = true
			return
		}
	}
	outside := w.scope == ScopeNone ||
		w.scope.byAsset() && !(knownAsset && asset < w.namedAssets) ||
		w.scope.byTarget() && !(knownTarget && target < w.namedHolders)
	if !outside {
		w.surplus.number(pair{w.assets.number(key), w.holders.number(h)})
	}
}

// supply is what a location has to fulfil wishes with.
type supply struct {
	assets   []Asset
	isActive func(clientUserID string) bool // nil if there are no users among the wishes
}

// plan compares what is wanted with what there is.
func (w *wishes) plan(known supply, limits Limits) *Plan {
	s := &stock{wishes: w, supply: known, plan: new(Plan)}
	s.take()
	s.give()
	p := s.plan
	p.Disassociate = w.grants(s.back, limits)
	p.Associate = w.grants(s.now, limits)
	p.Afterwards = w.grants(s.afterwards, limits)
	return p
}

// stock is how a plan uses up licences.
type stock struct {
	*wishes
	supply
	plan *Plan

	own  []*Asset // by the number of the asset; nil if the location does not have it
	free []int    // licences now, by the same
	left []int    // licences when everything was taken back, by the same

	back, now, afterwards []pair
}

// take plans what is taken back.
func (s *stock) take() {
	n := len(s.wishes.assets.items)
	s.own, s.free = make([]*Asset, n), make([]int, n)
	for i := range s.supply.assets {
		a := &s.supply.assets[i]
		if at, ok := s.wishes.assets.at[a.Key().complete()]; ok {
			s.own[at], s.free[at] = a, a.AvailableCount
			if a.Unlimited() {
				s.free[at] = math.MaxInt / 2 // so that counting on does not overflow
			}
		}
	}
	s.left = append(s.left, s.free...)
	for _, p := range s.surplus.items {
		if own := s.own[p.asset]; own != nil && !own.Revocable {
			s.plan.Irrevocable = append(s.plan.Irrevocable, s.impossible(p, ErrNotRevocable))
			continue
		}
		s.back = append(s.back, p)
		s.left[p.asset]++
	}
}

// give plans what is given. Of an asset whose licences have to be taken back first, everything
// waits: to begin with a part of it would be more requests.
func (s *stock) give() {
	var given []pair
	needed, short := make([]int, len(s.own)), make([]int, len(s.own))
	for i, p := range s.wanted.items {
		if s.there[i] {
			s.plan.Fulfilled++
			continue
		}
		err := s.refusal(p)
		if err == ErrNotEnoughLicenses {
			short[p.asset]++
		}
		if err != nil {
			s.plan.Impossible = append(s.plan.Impossible, s.impossible(p, err))
			continue
		}
		given = append(given, p)
		needed[p.asset]++
		s.left[p.asset]--
	}
	for _, p := range given {
		if needed[p.asset] <= s.free[p.asset] {
			s.now = append(s.now, p)
		} else {
			s.afterwards = append(s.afterwards, p)
		}
	}
	for i, missing := range short {
		if missing > 0 {
			s.plan.Shortages = append(s.plan.Shortages, Shortage{s.wishes.assets.items[i], missing})
		}
	}
}

// refusal returns what stands against giving p, or nil.
func (s *stock) refusal(p pair) error {
	h, own := s.holders.items[p.holder], s.own[p.asset]
	switch {
	case h.clientUserID != "" && !s.isActive(h.clientUserID):
		return ErrUserNotFound
	case h.serialNumber != "" && own != nil && !own.DeviceAssignable:
		return ErrNotDeviceAssignable
	case s.left[p.asset] < 1:
		return ErrNotEnoughLicenses
	}
	return nil
}

func (s *stock) impossible(p pair, why error) Outcome {
	h := s.holders.items[p.holder]
	return Outcome{
		Asset: s.wishes.assets.items[p.asset], ClientUserID: h.clientUserID, SerialNumber: h.serialNumber,
		Status: StatusNotSent, Err: why,
	}
}
