package axm_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// newExample returns a simulated organisation, a client of it, and how to end both.
func newExample() (*axmtest.Org, *axm.Client, func()) {
	srv := axmtest.NewServer(nil)
	org := srv.AddOrg(axmtest.OrgOptions{})
	account := org.Account()
	key, err := axm.ParseKey(account.ClientID(), account.Key().ID, account.Key().PEM())
	if err != nil {
		log.Fatal(err)
	}
	client, err := axm.New(key, &axm.Options{
		HTTPClient: srv.Client(),
		BaseURL:    srv.URL,
		TokenURL:   srv.URL + "/auth/oauth2/token",
	})
	if err != nil {
		log.Fatal(err)
	}
	return org, client, srv.Close
}

// An administrator has uploaded a file: say what is wrong with it.
func ExampleParseKey() {
	_, err := axm.ParseKey("BUSINESSAPI.0a1b2c3d-0000-4000-8000-000000000001", "0a1b2c3d", []byte("<html>Sign in</html>"))
	if wrong, ok := errors.AsType[*axm.WrongFileError](err); ok {
		fmt.Println("That is an", wrong.Got)
	}
	_, err = axm.ParseKey("0a1b2c3d", "BUSINESSAPI.0a1b2c3d-0000-4000-8000-000000000001", nil)
	fmt.Println(err)
	// Output:
	// That is an HTML page
	// client ID: must begin with "BUSINESSAPI." or "SCHOOLAPI."; the key ID does, so the two are swapped
}

func ExampleClient_Devices() {
	org, client, end := newExample()
	defer end()
	lab := org.AddServer(axmtest.MDMServer{Name: "Lab MDM"})
	org.AddSerials("ZZ9PLURALA1", "ZZ9PLURALA2")
	org.AssignDevices(lab, "ZZ9PLURALA2")

	options := axm.ListOptions{Fields: []string{"serialNumber", "status"}}
	for device, err := range client.Devices(context.Background(), options) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(device.SerialNumber, device.Status)
	}
	// Output:
	// ZZ9PLURALA1 UNASSIGNED
	// ZZ9PLURALA2 ASSIGNED
}

// A long list is read in parts: whatever ends the process, the next one goes on behind the last page
// that was dealt with.
func ExampleClient_DevicePages() {
	org, client, end := newExample()
	defer end()
	org.AddRandomDevices(25)

	var stored string // the cursor, in a database
	for part := range 2 {
		for page, err := range client.DevicePages(context.Background(), axm.ListOptions{PageSize: 10, Cursor: stored}) {
			if err != nil {
				log.Fatal(err)
			}
			if page.Begins {
				fmt.Println("begin anew")
			}
			fmt.Println(len(page.Items), "of", page.Total)
			stored = page.Cursor
			if part == 0 {
				break // the process ends here
			}
		}
	}
	// Output:
	// begin anew
	// 10 of 25
	// 10 of 25
	// 5 of 25
}

// What is known of one device only is asked for many, and resumed where it ended.
func ExampleClient_AppleCareOf() {
	org, client, end := newExample()
	defer end()
	org.AddSerials("ZZ9PLURALA1", "ZZ9PLURALA2")
	org.ModifyDevice("ZZ9PLURALA2", func(d *axmtest.Device) {
		d.Coverage = []axmtest.Coverage{{ID: "H22", Description: "AppleCare+", End: time.Date(2029, 2, 1, 0, 0, 0, 0, time.UTC)}}
	})

	for result, err := range client.AppleCareOf(context.Background(), []string{"ZZ9PLURALA1", "ZZ9PLURALA2"}) {
		switch {
		case err != nil:
			fmt.Println("resume at", result.Serial, "because of", err)
		case result.Err != nil:
			fmt.Println(result.Serial, result.Err)
		case len(result.Value) == 0:
			fmt.Println(result.Serial, "is not covered")
		}
		for _, plan := range result.Value {
			fmt.Println(result.Serial, plan.Description, "until", plan.End.Time().Format(time.DateOnly))
		}
	}
	// Output:
	// ZZ9PLURALA1 is not covered
	// ZZ9PLURALA2 AppleCare+ until 2029-02-01
}

func ExampleClient_MoveDefaultFamilies() {
	org, client, end := newExample()
	defer end()
	from := org.AddServer(axmtest.MDMServer{Name: "Old MDM", DefaultFamilies: []string{"IPAD", "MAC"}})
	to := org.AddServer(axmtest.MDMServer{Name: "New MDM"})

	move, err := client.MoveDefaultFamilies(context.Background(), from, to, axm.DefaultMac)
	if half, ok := errors.AsType[*axm.FamilyMoveError](err); ok {
		fmt.Println("call again:", half.Families, "belong to no server")
	}
	if err != nil {
		log.Fatal(err)
	}
	for _, server := range []*axm.Server{move.From, move.To} {
		fmt.Println(server.ServerName, server.DefaultProductFamilies)
	}
	// Output:
	// Old MDM [IPAD]
	// New MDM [MAC]
}

// The account behind the key lost its role, or the key was revoked: tell once, and tell apart.
func ExampleError() {
	org, client, end := newExample()
	defer end()
	ctx := context.Background()

	_, err := client.Device(ctx, "ZZ9PLURALA1")
	if e, ok := errors.AsType[*axm.Error](err); ok {
		fmt.Println(e.StatusCode, errors.Is(err, axm.ErrNotFound), e.HasCode("NOT_FOUND"))
	}
	org.Account().SetPermissions() // none
	_, err = client.Device(ctx, "ZZ9PLURALA1")
	fmt.Println("forbidden:", errors.Is(err, axm.ErrForbidden))

	org.Account().Delete()
	_, err = client.Device(ctx, "ZZ9PLURALA1")
	if e, ok := errors.AsType[*axm.AuthError](err); ok {
		fmt.Println(e.Code, errors.Is(err, axm.ErrInvalidClient))
	}
	fmt.Println("state:", client.State().Kind)
	// Output:
	// 404 true true
	// forbidden: true
	// invalid_client true
	// state: key rejected
}

// Tokens of the client, for requests that this package does not make: oauth2.NewClient makes an
// http.Client that adds them.
func ExampleClient_TokenSource() {
	org, client, end := newExample()
	defer end()

	source := client.TokenSource()
	token, err := source.Token()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Type(), token.Valid(), org.Account().Tokens())
	// Output: Bearer true 1
}

// The client keeps to a budget of one's own; what is left of it can be seen.
func ExampleClient_Budget() {
	org, client, end := newExample()
	defer end()
	org.AddSerials("ZZ9PLURALA1")

	err := client.SetBudget(axm.Budget{Reads: axm.Rate{Requests: 20, Per: time.Minute}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Device(context.Background(), "ZZ9PLURALA1"); err != nil {
		log.Fatal(err)
	}
	reads, _ := client.Budget()
	fmt.Println(reads.Sent, "of", reads.Rate.Requests, "within", reads.Rate.Per)
	// Output: 1 of 20 within 1m0s
}
