package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// Give an app to devices, and install it only where the licence has arrived.
func ExampleClient_Associate() {
	srv, loc, client := newHookedExample()
	defer srv.Close()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 2})
	ctx := context.Background()

	op, err := client.Associate(ctx, []vpp.AssetKey{{AdamID: "1000000001"}},
		vpp.Devices("DEMO00000001", "DEMO00000002", "DEMO00000003"))
	if err != nil {
		log.Fatal(err) // nothing was queued
	}
	result, err := op.Wait(ctx)
	if err != nil {
		log.Fatal(err) // Apple cannot be asked; op.Wait can be called again
	}
	fmt.Println("install on", result.Outcomes.With(vpp.StatusDone).Targets().SerialNumbers)
	for _, o := range result.Failed() {
		if errors.Is(o.Err, vpp.ErrNotEnoughLicenses) {
			fmt.Println("buy one for", o.SerialNumber)
		}
	}
	// Output:
	// install on [DEMO00000001 DEMO00000002]
	// buy one for DEMO00000003
}

// A person with a Managed Apple Account gets a book.
func ExampleClient_CreateUsers() {
	srv, loc, client := newHookedExample()
	defer srv.Close()
	loc.Buy(vpptest.Asset{AdamID: "1000000002", ProductType: vpptest.Book, Total: 5})
	ctx := context.Background()

	op, err := client.CreateUsers(ctx, []vpp.UserRequest{
		{ClientUserID: "8f6c3a52-0000-4000-8000-000000000017", ManagedAppleAccount: "pat@appleid.example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := op.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := result.Err(); err != nil && !errors.Is(err, vpp.ErrUserExists) {
		log.Fatal(err)
	}
	op, err = client.Associate(ctx, []vpp.AssetKey{{AdamID: "1000000002"}}, vpp.Users("8f6c3a52-0000-4000-8000-000000000017"))
	if err != nil {
		log.Fatal(err)
	}
	result, err = op.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Outcomes[0])
	// Output: 1000000002 (STDQ) for 8f6c3a52-0000-4000-8000-000000000017: done
}

// What was begun before a restart goes on after it.
func ExampleOperation_Record() {
	srv, loc, client := newHookedExample()
	defer srv.Close()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 2})
	ctx := context.Background()

	op, err := client.Associate(ctx, []vpp.AssetKey{{AdamID: "1000000001"}}, vpp.Devices("DEMO00000001"))
	if err != nil {
		log.Fatal(err)
	}
	kept, err := json.Marshal(op.Record())
	if err != nil {
		log.Fatal(err)
	}

	var record vpp.OperationRecord // after the restart
	if err := json.Unmarshal(kept, &record); err != nil {
		log.Fatal(err)
	}
	op, err = client.ResumeOperation(&record)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(op.Result().Outcomes[0])
	result, err := op.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Outcomes[0])
	// Output:
	// 1000000001 (STDQ) for DEMO00000001: pending
	// 1000000001 (STDQ) for DEMO00000001: done
}

// Look whether what is believed to be assigned is.
func ExampleClient_Verify() {
	loc, client, end := newExample()
	defer end()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 10})
	loc.AssignByOther("1000000001", "", vpptest.ToDevice("DEMO00000001"))

	believed := []vpp.AssignmentKey{
		{Asset: vpp.AssetKey{AdamID: "1000000001"}, SerialNumber: "DEMO00000001"},
		{Asset: vpp.AssetKey{AdamID: "1000000001"}, SerialNumber: "DEMO00000002"},
	}
	is, err := client.Verify(context.Background(), believed)
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range believed {
		fmt.Println(key.SerialNumber, is[key])
	}
	// Output:
	// DEMO00000001 true
	// DEMO00000002 false
}
