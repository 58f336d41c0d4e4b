package vpp_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/applemdm/applemdm/vpp"
)

// Whatever the wishes are, a plan gives just what they lack, each once, in no more requests than it
// takes to go by the target or by the asset alone.
func TestPlansAreExactAndShort(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		snapshot, wishes, lacking := randomWishes(r)
		plan, err := snapshot.Plan(wishes, vpp.ScopeNone)
		if err != nil {
			t.Fatal(err)
		}
		given, requests := grantThings(plan.Associate), 0
		for _, g := range plan.Associate {
			requests += (len(g.Assets) + 24) / 25 * ((len(g.To.ClientUserIDs)+999)/1000 + (len(g.To.SerialNumbers)+999)/1000)
		}
		slices.Sort(given)
		if !slices.Equal(given, lacking) || len(plan.Impossible) > 0 {
			t.Errorf("seed %d: gives %v, lacking is %v", seed, given, lacking)
		}
		if naive := min(byTargetAlone(lacking), byAssetAlone(lacking)); requests > naive {
			t.Errorf("seed %d: %d requests; %d would do", seed, requests, naive)
		}
	}
}

// randomWishes returns wishes for devices who are alike but for a few, and what of it is not there.
func randomWishes(r *rand.Rand) (snapshot *vpp.Snapshot, wishes []vpp.Grant, lacking []string) {
	snapshot = new(vpp.Snapshot)
	common, odd := 1+r.IntN(40), 1+r.IntN(12)
	for _, key := range keys(common + odd) {
		snapshot.Assets = append(snapshot.Assets, vpp.Asset{
			AdamID: key.AdamID, PricingParam: vpp.PricingStandard, DeviceAssignable: true, AvailableCount: 1000, TotalCount: 1000,
		})
	}
	for i := range 1 + r.IntN(30) {
		serial := fmt.Sprint("D", i)
		assets := keys(common + odd)[:common]
		for range r.IntN(odd + 1) {
			assets = append(assets, keys(common + odd)[common+r.IntN(odd)])
		}
		wishes = append(wishes, vpp.Grant{Assets: assets, To: vpp.Devices(serial)})
		for _, a := range uniqueKeys(assets) {
			if r.IntN(9) == 0 {
				snapshot.Assignments = append(snapshot.Assignments, vpp.Assignment{AdamID: a.AdamID, PricingParam: vpp.PricingStandard, SerialNumber: serial})
				continue
			}
			lacking = append(lacking, string(a.AdamID)+" "+serial)
		}
	}
	slices.Sort(lacking)
	return snapshot, wishes, lacking
}

func uniqueKeys(assets []vpp.AssetKey) (once []vpp.AssetKey) {
	for _, a := range assets {
		if !slices.Contains(once, a) {
			once = append(once, a)
		}
	}
	return once
}

// byTargetAlone counts the requests when targets that lack the same go together.
func byTargetAlone(lacking []string) (requests int) {
	assets := map[string]string{} // by device
	for _, thing := range lacking {
		assets[holderOf(thing)] += thing[:10]
	}
	sets := map[string]bool{}
	for _, set := range assets {
		sets[set] = true
	}
	for set := range sets {
		requests += (len(set)/10 + 24) / 25
	}
	return requests
}

// byAssetAlone counts them when each asset goes to all who lack it.
func byAssetAlone(lacking []string) int {
	assets := map[string]bool{}
	for _, thing := range lacking {
		assets[thing[:10]] = true
	}
	return len(assets)
}

// A school: 25 apps for 8,000 devices, of which one in ten has its own.
func TestALargePlanIsQuick(t *testing.T) {
	snapshot := new(vpp.Snapshot)
	for _, key := range keys(60) {
		snapshot.Assets = append(snapshot.Assets, vpp.Asset{
			AdamID: key.AdamID, PricingParam: vpp.PricingStandard, DeviceAssignable: true, TotalCount: 1<<31 - 1,
		})
	}
	all := serials(8_000)
	wishes := []vpp.Grant{{Assets: keys(25), To: vpp.Devices(all...)}}
	for i, serial := range all[:800] {
		wishes = append(wishes, vpp.Grant{Assets: keys(60)[25+i%30 : 27+i%30], To: vpp.Devices(serial)})
	}
	start := time.Now()
	plan, err := snapshot.Plan(wishes, vpp.ScopeLocation)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v after %v", plan, time.Since(start))
	if n := len(plan.Associate); n > 40 {
		t.Errorf("%d grants", n)
	}
}
