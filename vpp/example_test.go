package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// newExample returns a simulated location, a client of it, and how to end both.
func newExample() (*vpptest.Location, *vpp.Client, func()) {
	srv := vpptest.NewServer(nil)
	srv.SetLimit("maxRequestPerSecond", 1000)
	loc := srv.AddLocation(vpptest.LocationOptions{UID: "2049000000000042", Name: "Head office"})
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
	return loc, client, srv.Close
}

// An administrator has uploaded a token: see that it works, and become the manager of its location.
func ExampleClient_Claim() {
	loc, client, end := newExample()
	defer end()
	ctx := context.Background()

	loc.ClaimByOther("c0ffee", "Old MDM", "old.example.com")
	config, err := client.Claim(ctx)
	if claimed, ok := errors.AsType[*vpp.ClaimedError](err); ok {
		fmt.Printf("%s has the location; ask before taking it over\n", claimed.By.Name)
		config, err = client.TakeOver(ctx)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(config.LocationName, config.UID, config.MDMInfo.Name)
	// Output:
	// Old MDM has the location; ask before taking it over
	// Head office 2049000000000042 Demo MDM
}

func ExampleClient_Assets() {
	loc, client, end := newExample()
	defer end()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 10})
	loc.Buy(vpptest.Asset{AdamID: "1000000002", Unlimited: true})
	loc.Buy(vpptest.Asset{AdamID: "1000000003", ProductType: "Book", Total: 3})

	for asset, err := range client.Assets(context.Background(), vpp.AssetFilter{ProductType: vpp.ProductApp}) {
		if err != nil {
			log.Fatal(err)
		}
		if asset.Unlimited() {
			fmt.Println(asset.AdamID, "has no limit")
			continue
		}
		fmt.Println(asset.AdamID, asset.AvailableCount, "of", asset.TotalCount)
	}
	// Output:
	// 1000000001 10 of 10
	// 1000000002 has no limit
}

// Keep a table in step with the users. What was read is kept only when the read is complete.
func ExampleClient_UserPages() {
	loc, client, end := newExample()
	defer end()
	loc.CreateUserByOther("u-1", "", "")

	table, version := map[string]vpp.UserStatus{}, ""
	update := func() {
		var read []vpp.User
		var last *vpp.Page[vpp.User]
		for page, err := range client.UserPages(context.Background(), vpp.UserFilter{SinceVersionID: version}) {
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
		version = last.VersionID
		fmt.Println(len(read), "read:", table)
	}
	update()
	loc.CreateUserByOther("u-2", "", "")
	update()
	// Output:
	// 1 read: map[u-1:Registered]
	// 1 read: map[u-1:Registered u-2:Registered]
}

func ExampleClient_Snapshot() {
	loc, client, end := newExample()
	defer end()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 10})
	ctx := context.Background()

	before, err := client.Snapshot(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	loc.AssignByOther("1000000001", "", vpptest.ToDevice("DEMO00000001"))
	after, err := client.Snapshot(ctx, before)
	if err != nil {
		log.Fatal(err)
	}
	diff := before.Diff(after)
	for _, c := range diff.Assets {
		fmt.Println(c.After.AdamID, "available:", c.Before.AvailableCount, "->", c.After.AvailableCount)
	}
	for _, c := range diff.Assignments {
		if c.Before == nil {
			fmt.Println(c.After.AdamID, "is now on", c.After.SerialNumber)
		}
	}
	// Output:
	// 1000000001 available: 10 -> 9
	// 1000000001 is now on DEMO00000001
}

func ExampleParseToken() {
	_, err := vpp.ParseToken([]byte("-----BEGIN CERTIFICATE REQUEST-----\n"))
	fmt.Println(err)
	// Output: wrong file: want Apps and Books content token (.vpptoken), got file of an unknown kind
}

// A page of the administrator's says what to do, once.
func ExampleOptions_onState() {
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
		OnState:    func(s vpp.State) { fmt.Println(s.Kind, "-", s.Err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	loc.RevokeTokens()
	for range 3 {
		_, _ = client.ClientConfig(context.Background())
	}
	// Output: token revoked - read the client configuration: status 401 error 9625: the content token was revoked
}
