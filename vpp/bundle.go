package vpp

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// grants puts pairs together so that few requests are about all of them, and about nothing else. A
// request is about every one of its assets for every one of its targets, all of one kind.
func (w *wishes) grants(pairs []pair, l Limits) (grants []Grant) {
	var users, devices []pair
	for _, p := range pairs {
		if w.holders.items[p.holder].serialNumber == "" {
			users = append(users, p)
		} else {
			devices = append(devices, p)
		}
	}
	for _, b := range bundled(users, l.MaxAssets, l.MaxClientUserIDs) {
		grants = append(grants, w.grant(b))
	}
	for _, b := range bundled(devices, l.MaxAssets, l.MaxSerialNumbers) {
		grants = append(grants, w.grant(b))
	}
	return grants
}

func (w *wishes) grant(b bundle) (g Grant) {
	for _, asset := range b.assets {
		g.Assets = append(g.Assets, w.assets.items[asset])
	}
	for _, at := range b.holders {
		if h := w.holders.items[at]; h.serialNumber != "" {
			g.To.SerialNumbers = append(g.To.SerialNumbers, h.serialNumber)
		} else {
			g.To.ClientUserIDs = append(g.To.ClientUserIDs, h.clientUserID)
		}
	}
	return g
}

// bundle is every one of its assets for every one of its targets.
type bundle struct{ assets, holders []int }

// requests returns how many requests a bundle takes.
func (b bundle) requests(maxAssets, maxHolders int) int {
	return cuts(len(b.assets), maxAssets) * cuts(len(b.holders), maxHolders)
}

// cuts returns into how many requests of at most so many things n things are cut.
func cuts(n, most int) int { return (n + most - 1) / most }

// bundled cuts pairs into bundles. Targets that need the same assets are one bundle. Where few need
// the same, it is better to go by the asset and take all targets that need it. Mostly there is some of
// both: many who need the same, and odd ones. So the best bundles are taken first, as long as that is
// less than to go by the asset for them.
func bundled(pairs []pair, maxAssets, maxHolders int) []bundle {
	bundles := byHolder(pairs)
	worth := func(b bundle) float64 { // pairs for each request
		return float64(len(b.assets)*len(b.holders)) / float64(b.requests(maxAssets, maxHolders))
	}
	slices.SortStableFunc(bundles, func(a, b bundle) int { return cmp.Compare(worth(b), worth(a)) })

	left := make(map[int]int) // targets by asset
	for _, p := range pairs {
		left[p.asset]++
	}
	cost := 0 // in requests
	for _, n := range left {
		cost += cuts(n, maxHolders)
	}
	best, taken := cost, 0
	for i, b := range bundles {
		cost += b.requests(maxAssets, maxHolders)
		for _, asset := range b.assets {
			cost -= cuts(left[asset], maxHolders)
			left[asset] -= len(b.holders)
			cost += cuts(left[asset], maxHolders)
		}
		if cost <= best {
			best, taken = cost, i+1
		}
	}
	var rest []pair
	for _, b := range bundles[taken:] {
		for _, holder := range b.holders {
			for _, asset := range b.assets {
				rest = append(rest, pair{asset, holder})
			}
		}
	}
	return append(bundles[:taken:taken], byAsset(rest)...)
}

// byHolder returns a bundle for each set of assets, with all targets that are paired with just that
// set, in the order of the pairs.
func byHolder(pairs []pair) (bundles []bundle) {
	var order []int
	assets := make(map[int][]int) // by target
	for _, p := range pairs {
		if assets[p.holder] == nil {
			order = append(order, p.holder)
		}
		assets[p.holder] = append(assets[p.holder], p.asset)
	}
	bySet := make(map[string]int)
	for _, at := range order {
		set := assets[at]
		slices.Sort(set)
		var name []byte
		for _, asset := range set {
			name = binary.AppendUvarint(name, uint64(asset))
		}
		i, known := bySet[string(name)]
		if !known {
			i = len(bundles)
			bySet[string(name)] = i
			bundles = append(bundles, bundle{assets: set})
		}
		bundles[i].holders = append(bundles[i].holders, at)
	}
	return bundles
}

// byAsset is byHolder the other way round: assets that the same targets need.
func byAsset(pairs []pair) []bundle {
	turned := make([]pair, len(pairs))
	for i, p := range pairs {
		turned[i] = pair{asset: p.holder, holder: p.asset}
	}
	bundles := byHolder(turned)
	for i, b := range bundles {
		bundles[i] = bundle{assets: b.holders, holders: b.assets}
	}
	return bundles
}
