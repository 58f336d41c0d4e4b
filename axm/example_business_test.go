package axm_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// newBusinessExample returns a simulated organisation with Apple Business, a client of it, and how to
// end both.
func newBusinessExample() (*axmtest.Org, *axm.Client, func()) {
	srv := axmtest.NewServer(&axmtest.Options{TLS: true}) // stands for Apple, under its names
	org := srv.AddOrg(axmtest.OrgOptions{Kind: axmtest.Business})
	account := org.Account()
	key, err := axm.ParseKey(account.ClientID(), account.Key().ID, account.Key().PEM())
	if err != nil {
		log.Fatal(err)
	}
	client, err := axm.New(key, &axm.Options{
		UserAgent:  "example-mdm/2.1",
		HTTPClient: srv.Client(), // a server leaves that out: its Apple is the real one
	})
	if err != nil {
		log.Fatal(err)
	}
	return org, client, srv.Close
}

// Who is in a group: the list has IDs, and users are read once for all groups.
func ExampleClient_UserGroupUsers() {
	org, client, end := newBusinessExample()
	defer end()
	ctx := context.Background()
	org.Users.Add(axmtest.User{ID: "u-1", FirstName: "Ada"}, axmtest.User{ID: "u-2", FirstName: "Grace"})
	org.UserGroups.Add(axmtest.UserGroup{ID: "g-1", Name: "Lab", Users: []string{"u-2", "u-1"}})

	names := make(map[string]string)
	for user, err := range client.Users(ctx, axm.ListOptions{Fields: []string{"firstName"}}) {
		if err != nil {
			log.Fatal(err)
		}
		names[user.ID] = user.FirstName
	}
	for group, err := range client.UserGroups(ctx, axm.ListOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		for id, err := range client.UserGroupUsers(ctx, group.ID, axm.ListOptions{}) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(group.Name, names[id])
		}
	}
	// Output:
	// Lab Grace
	// Lab Ada
}

// A profile for some devices: a configuration, and a blueprint that brings it to them. Apple leaves out
// without a word what it does not know, so the last call looks.
func ExampleClient_CreateBlueprint() {
	org, client, end := newBusinessExample()
	defer end()
	ctx := context.Background()
	org.AddSerials("DEMO00000001")

	profile := `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>PayloadContent</key><array><dict>
<key>PayloadType</key><string>com.apple.wifi.managed</string>
</dict></array></dict></plist>` // os.ReadFile("wifi.mobileconfig")
	wifi, err := client.CreateConfiguration(ctx, axm.NewConfiguration{
		Name: "Wi-Fi of the lab", ConfigurationProfile: profile, Filename: "wifi.mobileconfig",
	})
	if err != nil {
		log.Fatal(err)
	}
	relations := axm.BlueprintRelations{
		axm.BlueprintConfigurations: {wifi.ID},
		axm.BlueprintDevices:        {"DEMO00000001", "DEMO0000OOO2"},
	}
	blueprint, err := client.CreateBlueprint(ctx, axm.NewBlueprint{Name: "lab", Relations: relations})
	if err != nil {
		log.Fatal(err)
	}
	missing, err := client.MissingInBlueprint(ctx, blueprint.ID, relations)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(blueprint.Name, blueprint.Status, "without", missing[axm.BlueprintDevices])
	// Output:
	// lab ACTIVE without [DEMO0000OOO2]
}

// All blueprints with what they bring, in as few requests as there are pages.
func ExampleClient_Blueprints() {
	org, client, end := newBusinessExample()
	defer end()
	org.Apps.Add(axmtest.App{ID: "361300000", Name: "Sums"}, axmtest.App{ID: "361300001", Name: "Words"})
	org.Blueprints.Add(axmtest.Blueprint{Name: "lab", Apps: []string{"361300001", "361300000"}})

	include := axm.BlueprintInclude{axm.BlueprintApps: 0}
	for blueprint, err := range client.Blueprints(context.Background(), include, axm.ListOptions{PageSize: 50}) {
		if err != nil {
			log.Fatal(err)
		}
		for _, app := range blueprint.Apps.Items {
			fmt.Println(blueprint.Name, app.Name)
		}
	}
	// Output:
	// lab Words
	// lab Sums
}

// Which devices were assigned in the last hour, and to which service.
func ExampleClient_AuditEvents() {
	org, client, end := newBusinessExample()
	defer end()
	org.AddSerials("DEMO00000001")
	org.AssignDevices(org.AddServer(axmtest.MDMServer{Name: "Lab MDM"}), "DEMO00000001")

	now := time.Now()
	filter := axm.AuditFilter{Start: now.Add(-time.Hour), End: now.Add(time.Second), Type: axm.EventDeviceAssignedToServer}
	for event, err := range client.AuditEvents(context.Background(), filter, axm.ListOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Data.SerialNumber, "to", event.Data.TargetServerName, "by", event.ActorType)
	}
	// Output:
	// DEMO00000001 to Lab MDM by SYSTEM
}
