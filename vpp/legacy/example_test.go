package legacy_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// newExample returns a simulated location, a client of it, and how to end both.
func newExample() (*vpptest.Location, *legacy.Client, func()) {
	srv := vpptest.NewServer(nil)
	loc := srv.AddLocation(vpptest.LocationOptions{UID: "2049000000000042", Name: "Head office", Accounts: []string{"@acme.example"}})
	token, err := vpp.ParseToken(loc.Token())
	if err != nil {
		log.Fatal(err)
	}
	client, err := legacy.New(token, &legacy.Options{
		HTTPClient: srv.Client(),
		BaseURL:    srv.URL + "/mdm",
		MDM:        legacy.MDMInfo{Hostname: "mdm.example.com", GUID: "7d0c2a9e-0000-4000-8000-0123456789ab"},
	})
	if err != nil {
		log.Fatal(err)
	}
	return loc, client, srv.Close
}

// An administrator has uploaded a token: see that it works, and become the manager of its account.
func ExampleClient_Claim() {
	loc, client, end := newExample()
	defer end()
	ctx := context.Background()

	loc.SetClientContext(`{"hostname":"old.example.com","guid":"c0ffee"}`)
	config, err := client.Claim(ctx)
	if claimed, ok := errors.AsType[*legacy.ClaimedError](err); ok {
		fmt.Printf("%s has the account; ask before taking it over\n", claimed.By.Hostname)
		config, err = client.TakeOver(ctx)
	}
	if err != nil {
		log.Fatal(err)
	}
	by, _ := config.ClientContext.MDM()
	fmt.Println(config.Location.Name, config.UID, by.Hostname)
	// Output:
	// old.example.com has the account; ask before taking it over
	// Head office 2049000000000042 mdm.example.com
}

// A Managed Apple Account is resolved at once; anybody else is invited.
func ExampleClient_RegisterUser() {
	_, client, end := newExample()
	defer end()
	ctx := context.Background()

	user, err := client.RegisterUser(ctx, vpp.UserRequest{
		ClientUserID: "8f6c2a9e-0000-4000-8000-000000000017", ManagedAppleAccount: "pat@acme.example",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.Status)

	_, err = client.RegisterUser(ctx, vpp.UserRequest{
		ClientUserID: "8f6c2a9e-0000-4000-8000-000000000018", ManagedAppleAccount: "kim@elsewhere.example",
	})
	if errors.Is(err, vpp.ErrAccountUnusable) {
		user, err = client.RegisterUser(ctx, vpp.UserRequest{ClientUserID: "8f6c2a9e-0000-4000-8000-000000000018"})
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.Status, user.InviteURL != "")
	// Output:
	// Associated
	// Registered true
}

// A seat goes from one device to others; there are fewer than asked for.
func ExampleClient_ManageLicenses() {
	loc, client, end := newExample()
	defer end()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 2})
	loc.AssignByOther("1000000001", "", vpptest.ToDevice("DEMO00000001"))

	result, err := client.ManageLicenses(context.Background(), legacy.Management{
		AdamID:                    "1000000001",
		DisassociateSerialNumbers: []string{"DEMO00000001"},
		AssociateSerialNumbers:    []string{"DEMO00000002", "DEMO00000003", "DEMO00000004"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range result.Associations {
		switch {
		case o.Err == nil:
			fmt.Println(o.SerialNumber, "has it")
		case errors.Is(o.Err, vpp.ErrNotEnoughLicenses):
			fmt.Println(o.SerialNumber, "has to wait until more are bought")
		default:
			fmt.Println(o.SerialNumber, o.Err)
		}
	}
	// Output:
	// DEMO00000002 has it
	// DEMO00000003 has it
	// DEMO00000004 has to wait until more are bought
}

// Keep a table in step with the users. What was read is kept only when the read is complete.
func ExampleClient_UserPages() {
	loc, client, end := newExample()
	defer end()
	loc.CreateUserByOther("u-1", "", "")

	table, since := map[string]vpp.UserStatus{}, ""
	update := func() {
		var read []legacy.User
		var last *legacy.Page[legacy.User]
		filter := legacy.UserFilter{IncludeRetired: true, SinceModifiedToken: since}
		for page, err := range client.UserPages(context.Background(), filter) {
			if err != nil {
				log.Fatal(err) // the table is as it was
			}
			if page.Begins {
				read = nil
			}
			read, last = append(read, page.Items...), page
		}
		if !last.Delta {
			clear(table)
		}
		for _, u := range read {
			table[u.ClientUserID] = u.Status
		}
		since = last.SinceModifiedToken
		fmt.Println(len(read), "read:", table)
	}
	update()
	loc.CreateUserByOther("u-2", "", "")
	loc.RetireUserByOther("u-1")
	update()
	// Output:
	// 1 read: map[u-1:Registered]
	// 2 read: map[u-1:Retired u-2:Registered]
}

func ExampleClient_Licenses() {
	loc, client, end := newExample()
	defer end()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 500})
	loc.AssignByOther("1000000001", "", vpptest.ToDevice("DEMO00000001"))

	for license, err := range client.Licenses(context.Background(), legacy.LicenseFilter{AssignedOnly: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(license.AdamID, license.Status, license.SerialNumber)
	}
	// Output: 1000000001 Associated DEMO00000001
}

// A server that works with version 2 registers users with version 1, which answers at once. It has
// claimed the location with version 2, so it leaves MDM empty here.
func ExampleNew() {
	srv := vpptest.NewServer(nil)
	defer srv.Close()
	loc := srv.AddLocation(vpptest.LocationOptions{})
	token, err := vpp.ParseToken(loc.Token())
	if err != nil {
		log.Fatal(err)
	}
	client, err := vpp.New(token, &vpp.Options{
		HTTPClient: srv.Client(),
		BaseURL:    srv.URL + "/mdm/v2",
		MDM:        vpp.MDMInfo{ID: "7d0c2a9e-0000-4000-8000-0123456789ab", Name: "Demo MDM", Metadata: "mdm.example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	old, err := legacy.New(token, &legacy.Options{HTTPClient: srv.Client(), BaseURL: srv.URL + "/mdm"})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	if _, err := client.Claim(ctx); err != nil {
		log.Fatal(err)
	}
	_, err = old.RegisterUser(ctx, vpp.UserRequest{
		ClientUserID: "8f6c2a9e-0000-4000-8000-000000000017", ManagedAppleAccount: "pat@acme.example",
	})
	if err != nil {
		log.Fatal(err)
	}
	for user, err := range client.Users(ctx, vpp.UserFilter{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(user.ClientUserID, user.Status)
	}
	config, err := old.ClientConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(config.ClientContext == legacy.ContextOfVersion2, old.UID() == client.UID())
	// Output:
	// 8f6c2a9e-0000-4000-8000-000000000017 Associated
	// true true
}
