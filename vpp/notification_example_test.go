package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// newHookedExample returns a simulated location and a client of it that does not wait long for
// notifications, because the events of this simulator are carried out at once.
func newHookedExample() (*vpptest.Server, *vpptest.Location, *vpp.Client) {
	srv := vpptest.NewServer(nil)
	srv.SetLimit("maxRequestPerSecond", 1000)
	loc := srv.AddLocation(vpptest.LocationOptions{})
	token, err := vpp.ParseToken(loc.Token())
	if err != nil {
		log.Fatal(err)
	}
	client, err := vpp.New(token, &vpp.Options{
		HTTPClient: srv.Client(), BaseURL: srv.URL + "/mdm/v2", PollAfter: 10 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	return srv, loc, client
}

// One process serves many locations: each has a client, a Receiver and a path of its own. The tokens
// are made once, with crypto/rand.Text, and kept where the content tokens are.
func ExampleReceiver() {
	srv := vpptest.NewServer(nil)
	defer srv.Close()
	receivers := map[string]*vpp.Receiver{} // guard it where locations come and go
	mux := http.NewServeMux()
	mux.HandleFunc("/vpp/{location}", func(w http.ResponseWriter, r *http.Request) {
		if receiver := receivers[r.PathValue("location")]; receiver != nil {
			receiver.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
	srv.DeliverTo(mux) // in production: http.Server{Handler: mux, ReadTimeout: …} behind TLS

	ctx := context.Background()
	handled := make(chan string)
	for name, hookToken := range map[string]vpp.Secret{"berlin": vpp.NewSecret("B3RL1N"), "paris": vpp.NewSecret("P4R1S")} {
		token, err := vpp.ParseToken(srv.AddLocation(vpptest.LocationOptions{Name: name}).Token())
		if err != nil {
			log.Fatal(err)
		}
		client, err := vpp.New(token, &vpp.Options{HTTPClient: srv.Client(), BaseURL: srv.URL + "/mdm/v2"})
		if err != nil {
			log.Fatal(err)
		}
		receivers[name], err = vpp.NewReceiver(client, &vpp.ReceiverOptions{
			Token: hookToken,
			Handle: func(_ context.Context, n *vpp.Notification) error {
				if n.AssetCount != nil {
					handled <- fmt.Sprintln(name, n.AssetCount.AdamID, n.AssetCount.CountDelta)
				}
				return nil // for all other types too
			},
		})
		if err != nil {
			log.Fatal(err)
		}
		if _, err := client.Subscribe(ctx, "https://mdm.example.com/vpp/"+name, hookToken); err != nil {
			log.Fatal(err)
		}
	}
	for _, location := range srv.Locations() {
		location.Buy(vpptest.Asset{AdamID: "1000000001", Total: 10})
	}
	fmt.Print(<-handled, <-handled)
	// Unordered output:
	// berlin 1000000001 10
	// paris 1000000001 10
}

// With notifications an operation knows at once what became of it.
func ExampleClient_Subscribe() {
	srv, loc, client := newHookedExample()
	defer srv.Close()
	ctx := context.Background()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 1})

	hookToken := vpp.NewSecret("3Q2KZ7PX5N4YVRTB6WJMCDA2LE") // crypto/rand.Text()
	receiver, err := vpp.NewReceiver(client, &vpp.ReceiverOptions{Token: hookToken})
	if err != nil {
		log.Fatal(err)
	}
	srv.DeliverTo(receiver) // in production: an HTTPS server at that address
	config, err := client.Subscribe(ctx, "https://mdm.example.com/vpp/2049000000000042", hookToken,
		vpp.NotificationAssetManagement, vpp.NotificationUserManagement)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(config.SubscribedNotificationTypes, config.NotificationAuthToken)

	op, err := client.Associate(ctx, []vpp.AssetKey{{AdamID: "1000000001"}}, vpp.Devices("DEMO00000001", "DEMO00000002"))
	if err != nil {
		log.Fatal(err)
	}
	result, err := op.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Err())
	// Output:
	// [ASSET_MANAGEMENT USER_MANAGEMENT] [redacted]
	// 1 of 2 not done: associate: error 9709: not enough licenses
}

// A gateway has put the notifications into a queue. Whoever takes them out tells the client.
func ExampleParseNotification() {
	_, client, end := newExample()
	defer end()
	message := []byte(`{"notificationId":"9b1d","notificationType":"ASSET_MANAGEMENT","uId":"2049000000000042",
		"notification":{"eventId":"5f0e","type":"ASSOCIATE","result":"FAILURE",
		"assignments":[{"adamId":"1000000001","pricingParam":"STDQ","serialNumber":"DEMO00000002"}],
		"error":{"errorNumber":9709,"errorMessage":"Not enough licenses"}}}`)

	n, err := vpp.ParseNotification(message)
	if err != nil {
		log.Fatal(err)
	}
	client.Notice(n) // whoever waits for that event goes on
	for _, a := range n.Event.Assignments {
		fmt.Println(a.AdamID, a.SerialNumber, n.Event.Err, errors.Is(n.Event.Err, vpp.ErrNotEnoughLicenses))
	}
	// Output: 1000000001 DEMO00000002 associate: error 9709: not enough licenses true
}

// Somebody has retired the user whose ID is stored, and registered the person anew.
func ExampleClient_EnsureUser() {
	srv, loc, client := newHookedExample()
	defer srv.Close()
	ctx := context.Background()
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 1})
	const account = "pat@appleid.example.com"
	loc.CreateUserByOther("4d5e", "", account)

	stored := "1a2b"
	for range 2 {
		op, err := client.Associate(ctx, []vpp.AssetKey{{AdamID: "1000000001"}}, vpp.Users(stored))
		if err == nil {
			var result *vpp.Result
			if result, err = op.Wait(ctx); err == nil {
				err = result.Err()
			}
		}
		fmt.Println(stored, err)
		if !errors.Is(err, vpp.ErrUserNotFound) {
			break
		}
		user, err := client.EnsureUser(ctx, vpp.UserRequest{ClientUserID: stored, ManagedAppleAccount: account})
		if err != nil {
			log.Fatal(err)
		}
		stored = user.ClientUserID
	}
	// Output:
	// 1a2b associate assets: status 400 error 9609: the user is not registered
	// 4d5e <nil>
}

// Somebody without a Managed Apple Account is invited, and accepts.
func ExampleClient_Invitation() {
	srv, loc, client := newHookedExample()
	defer srv.Close()
	ctx := context.Background()

	user, err := client.EnsureUser(ctx, vpp.UserRequest{ClientUserID: "1a2b", Email: "pat@example.com"})
	if err != nil {
		log.Fatal(err)
	}
	address, err := client.Invitation(ctx, user.ClientUserID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.Status, len(address) > 0)

	loc.AcceptInvitation("1a2b", "pat@personal.example")
	_, err = client.Invitation(ctx, "1a2b")
	fmt.Println(err)
	// Output:
	// Registered true
	// invite a user: the user needs no invitation
}
