package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// Look at what would be done, and do it. The assets that are named belong to nobody but the wishes:
// ScopeAssets takes them back from everybody else.
func ExampleClient_PlanAssignments() {
	loc, client, end := newExample()
	defer end()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 2})
	loc.Buy(vpptest.Asset{AdamID: "1000000002", Unlimited: true})
	loc.AssignByOther("1000000001", "", vpptest.ToDevice("DEMO00000001"), vpptest.ToDevice("DEMO00000009"))
	ctx := context.Background()

	plan, err := client.PlanAssignments(ctx, []vpp.Grant{
		{
			Assets: []vpp.AssetKey{{AdamID: "1000000001"}, {AdamID: "1000000002"}},
			To:     vpp.Devices("DEMO00000001", "DEMO00000002", "DEMO00000003"),
		},
	}, vpp.ScopeAssets)
	if err != nil {
		log.Fatal(err)
	}
	for _, g := range plan.Disassociate {
		fmt.Println("take", g.Assets, "from", g.To.SerialNumbers)
	}
	for _, g := range plan.Associate {
		fmt.Println("give", g.Assets, "to", g.To.SerialNumbers)
	}
	for _, g := range plan.Afterwards {
		fmt.Println("then", g.Assets, "to", g.To.SerialNumbers)
	}
	for _, s := range plan.Shortages {
		fmt.Println("buy", s.Missing, "of", s.Asset.AdamID)
	}
	// Output:
	// take [{1000000001 STDQ}] from [DEMO00000009]
	// give [{1000000002 STDQ}] to [DEMO00000001 DEMO00000002 DEMO00000003]
	// then [{1000000001 STDQ}] to [DEMO00000002]
	// buy 1 of 1000000001
}

// A program that knows who shall have what runs this from time to time, and after every change.
func ExampleClient_Reconcile() {
	srv, loc, client := newHookedExample()
	defer srv.Close()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 2})
	loc.Buy(vpptest.Asset{AdamID: "1000000002", Total: 5})
	loc.AssignByOther("1000000001", "", vpptest.ToDevice("DEMO00000001"), vpptest.ToDevice("DEMO00000009"))
	ctx := context.Background()

	wishes := []vpp.Grant{
		{Assets: []vpp.AssetKey{{AdamID: "1000000001"}}, To: vpp.Devices("DEMO00000001", "DEMO00000002")},
		{Assets: []vpp.AssetKey{{AdamID: "1000000002"}}, To: vpp.Devices("DEMO00000002")},
		{To: vpp.Devices("DEMO00000009")}, // has left: nothing is wished for it
	}
	r, err := client.Reconcile(ctx, wishes, vpp.ScopeTargets)
	if err != nil {
		log.Fatal(err) // nothing was done
	}
	fmt.Println(r.Plan)
	if errors.Is(r.Err(), vpp.ErrNotEnoughLicenses) {
		fmt.Println("buy", r.Plan.Shortages)
	}
	fmt.Println("remove from", r.Disassociated.Outcomes.With(vpp.StatusDone).Targets().SerialNumbers)
	fmt.Println("install on", r.Associated.Outcomes.With(vpp.StatusDone).Targets().SerialNumbers)

	r, err = client.Reconcile(ctx, wishes, vpp.ScopeTargets)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Plan.Empty(), r.Plan.Fulfilled)
	// Output:
	// take back 1, give 1, and 1 more afterwards; 1 wishes are fulfilled
	// remove from [DEMO00000009]
	// install on [DEMO00000002]
	// true 3
}

// With a Snapshot at hand, which is kept up to date at little cost, a plan needs no request.
func ExampleSnapshot_Plan() {
	loc, client, end := newExample()
	defer end()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 10})
	loc.CreateUserByOther("u-1", "", "")
	snapshot, err := client.Snapshot(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	plan, err := snapshot.Plan([]vpp.Grant{
		{Assets: []vpp.AssetKey{{AdamID: "1000000001"}}, To: vpp.Users("u-1", "u-2")},
	}, vpp.ScopeNone)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(plan.Associate[0].To.ClientUserIDs)
	for _, o := range plan.Impossible {
		fmt.Println(o.ClientUserID, "-", o.Err)
	}
	// Output:
	// [u-1]
	// u-2 - the user is not registered
}
