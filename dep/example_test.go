package dep_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// A server that gives every device of the organisation a profile, and every new one as it comes.
func Example() {
	apple := deptest.NewServer(nil) // stands for Apple
	defer apple.Close()
	apple.AddSerials("DEMO00000001", "DEMO00000002")
	ctx, client := context.Background(), connect(apple)

	profile, err := client.DefineProfile(ctx, &dep.Profile{
		ProfileName: "Everybody", URL: "https://mdm.example.com/enrol", IsMandatory: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	assigner, err := dep.NewAssigner(client, &dep.AssignerOptions{
		OnOutcome: func(a dep.Assignment) { fmt.Println(a.SerialNumber, a.Status) },
	})
	if err != nil {
		log.Fatal(err)
	}
	syncer, err := dep.NewSyncer(client, func(_ context.Context, batch *dep.Batch) error {
		for _, event := range batch.Events {
			if event.NeedsProfile() {
				if err := assigner.Assign(profile.ProfileUUID, []string{event.Device.SerialNumber}); err != nil {
					return err
				}
			}
		}
		return nil // and the cursor moves on
	}, nil)
	if err != nil {
		log.Fatal(err)
	}

	// A server has two goroutines: syncer.Run(ctx) and assigner.Run(ctx). This one works once.
	if err := errors.Join(syncer.Sync(ctx), assigner.Drain(ctx)); err != nil {
		log.Fatal(err)
	}
	// Output:
	// DEMO00000001 SUCCESS
	// DEMO00000002 SUCCESS
}

func ExampleNew() {
	apple := deptest.NewServer(nil) // stands for Apple
	defer apple.Close()

	token, err := dep.ParseToken(apple.Token().JSON()) // or Credentials.Token
	if err != nil {
		log.Fatal(err)
	}
	client, err := dep.New(token, &dep.Options{
		UserAgent: "example-mdm/2.1",
		// Two options that a server leaves out: its Apple is the real one.
		BaseURL:    apple.URL,
		HTTPClient: apple.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	account, err := client.Account(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(account.ServerName, "of", account.OrgName)
	// Output:
	// Demo MDM of Example Org
}

func ExampleClient_Devices() {
	apple := deptest.NewServer(nil) // stands for Apple
	defer apple.Close()
	apple.AddRandomDevices(2_500)
	client := connect(apple)

	count := map[dep.DeviceFamily]int{}
	for device, err := range client.Devices(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		count[device.DeviceFamily]++
	}
	fmt.Println(count)
	// Output:
	// map[AppleTV:625 Mac:625 iPad:625 iPhone:625]
}

// A loop of one's own. A Syncer is this loop with everything that running it for months takes.
func ExampleClient_Changes() {
	apple := deptest.NewServer(nil) // stands for Apple
	defer apple.Close()
	apple.AddSerials("DEMO00000001", "DEMO00000002")
	client := connect(apple)

	var cursor dep.Cursor // from the database; the zero Cursor is the beginning
	read := func() {
		for page, err := range client.Changes(context.Background(), cursor) {
			if err != nil {
				log.Fatal(err) // or try again later: what came is kept
			}
			for _, event := range dep.Events(page.Items) {
				fmt.Println(event.Kind, event.Device.SerialNumber)
			}
			cursor = page.Cursor // into the database, in one transaction with the devices
		}
	}
	read()
	apple.RemoveDevices("DEMO00000001")
	apple.MoveDevice("DEMO00000003") // from another server
	fmt.Println("-- the next day")
	read()
	// Output:
	// present DEMO00000001
	// present DEMO00000002
	// -- the next day
	// removed DEMO00000001
	// modified DEMO00000003
}

func ExampleSyncer() {
	apple := deptest.NewServer(nil) // stands for Apple
	defer apple.Close()
	apple.AddSerials("DEMO00000001", "DEMO00000002", "DEMO00000003")

	handle := func(_ context.Context, batch *dep.Batch) error {
		for _, event := range batch.Events {
			switch {
			case event.Kind == dep.EventRemoved:
				fmt.Println(event.Device.SerialNumber, "left")
			case event.NeedsProfile():
				fmt.Println(event.Device.SerialNumber, "is here and needs a profile")
			}
		}
		return nil // an error makes the batch come again
	}
	syncer, err := dep.NewSyncer(connect(apple), handle, &dep.SyncerOptions{
		Interval: 10 * time.Minute,
		OnRun: func(run dep.Run) {
			fmt.Println("a run of", run.Devices, "devices, error:", run.Err)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := syncer.Sync(ctx); err != nil { // a server calls syncer.Run(ctx) instead
		log.Fatal(err)
	}
	apple.RemoveDevices("DEMO00000002")
	if err := syncer.Sync(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// DEMO00000001 is here and needs a profile
	// DEMO00000002 is here and needs a profile
	// DEMO00000003 is here and needs a profile
	// a run of 3 devices, error: <nil>
	// DEMO00000002 left
	// a run of 1 devices, error: <nil>
}

func ExampleClient_DefineProfile() {
	apple := deptest.NewServer(nil) // stands for Apple
	defer apple.Close()
	apple.AddSerials("DEMO00000001")
	ctx, client := context.Background(), connect(apple)

	defined, err := client.DefineProfile(ctx, &dep.Profile{
		ProfileName:    "Phones",
		URL:            "https://mdm.example.com/enrol",
		IsSupervised:   true,
		IsMDMRemovable: new(false),
		SkipSetupItems: []dep.SkipKey{"AppleID", "Siri"},
		Devices:        []string{"DEMO00000001"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, outcome := range defined.Outcomes {
		fmt.Println(outcome.SerialNumber, outcome.Status)
	}
	profile, err := client.Profile(ctx, defined.ProfileUUID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(profile.ProfileName, "skips", profile.SkipSetupItems)
	// Output:
	// DEMO00000001 SUCCESS
	// Phones skips [AppleID Siri]
}

func ExampleClient_AssignProfile() {
	apple := deptest.NewServer(nil) // stands for Apple
	defer apple.Close()
	apple.AddSerials("DEMO00000001", "DEMO00000002")
	apple.Throttle("DEMO00000002", time.Hour)
	profileUUID := apple.AddProfile("Phones", "https://mdm.example.com/enrol")
	client := connect(apple)

	serials := []string{"DEMO00000001", "DEMO00000002", "DEMO00000003"}
	result, err := client.AssignProfile(context.Background(), profileUUID, serials)
	if err != nil {
		log.Fatal(err)
	}
	for _, outcome := range result.Outcomes {
		fmt.Println(outcome.SerialNumber, outcome.Status)
	}
	fmt.Println("ask again in", time.Until(result.RetryAt()).Round(time.Minute))
	// Output:
	// DEMO00000001 SUCCESS
	// DEMO00000002 THROTTLED
	// DEMO00000003 NOT_ACCESSIBLE
	// ask again in 1h0m0s
}

func ExampleAssigner() {
	apple := deptest.NewServer(nil) // stands for Apple
	defer apple.Close()
	apple.AddSerials("DEMO00000001", "DEMO00000002")
	apple.Throttle("DEMO00000002", time.Second)
	profileUUID := apple.AddProfile("Phones", "https://mdm.example.com/enrol")

	assigner, err := dep.NewAssigner(connect(apple), &dep.AssignerOptions{
		Verify: true,
		OnOutcome: func(a dep.Assignment) {
			fmt.Println(a.SerialNumber, a.Status, "settled:", a.Settled)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	serials := []string{"DEMO00000001", "DEMO00000002", "DEMO00000003"}
	if err := assigner.Assign(profileUUID, serials); err != nil {
		log.Fatal(err)
	}
	// Waits for what Apple throttles; a server calls assigner.Run(ctx) and never ends.
	if err := assigner.Drain(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// DEMO00000003 NOT_ACCESSIBLE settled: true
	// DEMO00000001 SUCCESS settled: true
	// DEMO00000002 THROTTLED settled: false
	// DEMO00000002 SUCCESS settled: true
}

// Tell the administrator when the account stops working, once, and when it works again.
func ExampleOptions_onState() {
	apple := deptest.NewServer(nil) // stands for Apple
	defer apple.Close()
	token, err := dep.ParseToken(apple.Token().JSON())
	if err != nil {
		log.Fatal(err)
	}
	client, err := dep.New(token, &dep.Options{
		BaseURL: apple.URL, HTTPClient: apple.Client(),
		OnState: func(s dep.State) { fmt.Println(s.Kind, s.Kind.Usable()) },
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, signed := range []bool{true, true, false, false, true} {
		apple.SetTermsSigned(signed)
		client.Account(context.Background()) // whatever a server does, and its error, as always
	}
	// Output:
	// ok true
	// terms not signed false
	// ok true
}

func ExampleError() {
	apple := deptest.NewServer(nil) // stands for Apple
	defer apple.Close()
	apple.SetTermsSigned(false)

	_, err := connect(apple).Account(context.Background())
	switch {
	case errors.Is(err, dep.ErrTermsNotSigned):
		fmt.Println("An administrator must accept the new terms in Apple Business or Apple School Manager.")
	case errors.Is(err, dep.ErrTokenExpired), errors.Is(err, dep.ErrTokenRejected):
		fmt.Println("An administrator must download a new server token.")
	case errors.Is(err, dep.ErrTooManyRequests), errors.Is(err, dep.ErrUnavailable), errors.Is(err, dep.ErrServer):
		fmt.Println("Try again later.")
	}
	if refusal, ok := errors.AsType[*dep.Error](err); ok {
		fmt.Println(refusal.StatusCode, refusal.Code)
		fmt.Println(refusal)
	}
	// Output:
	// An administrator must accept the new terms in Apple Business or Apple School Manager.
	// 403 T_C_NOT_SIGNED
	// log in: status 403 T_C_NOT_SIGNED: the organisation must accept Apple's new terms
}

// Lock a device to the server, with a code that unlocks it later.
func ExampleUnlocker() {
	apple := deptest.NewServer(nil) // stands for Apple
	defer apple.Close()
	apple.AddSerials("DEMO00000001")
	unlocking := apple.StartUnlock() // which is another host
	defer unlocking.Close()
	ctx, client := context.Background(), connect(apple)

	code := dep.NewBypassCode() // keep code.RevealHuman(), encrypted, before it is used
	status, err := client.LockActivation(ctx, dep.LockRequest{
		SerialNumber: "DEMO00000001", BypassCode: code, LostMessage: "Please return me.",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("lock:", status)

	certificate := loadPushCertificate()
	unlocker, err := dep.NewUnlocker(certificate, &dep.UnlockOptions{ // nil for the real one
		BaseURL: unlocking.URL, HTTPClient: unlocking.Client(certificate),
	})
	if err != nil {
		log.Fatal(err)
	}
	err = unlocker.Unlock(ctx, dep.UnlockRequest{
		SerialNumber: "DEMO00000001", ProductType: "iPhone18,1",
		OrgName: "Example Org", GUID: "admin@example.org", BypassCode: code,
	})
	fmt.Println("unlock:", err)
	// Output:
	// lock: SUCCESS
	// unlock: <nil>
}

// connect is what ExampleNew shows.
func connect(apple *deptest.Server) *dep.Client {
	token, err := dep.ParseToken(apple.Token().JSON())
	if err != nil {
		log.Fatal(err)
	}
	client, err := dep.New(token, &dep.Options{BaseURL: apple.URL, HTTPClient: apple.Client()})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// loadPushCertificate stands for tls.LoadX509KeyPair and the APNs certificate of the server.
func loadPushCertificate() tls.Certificate {
	pair, err := dep.GenerateKeyPair(nil)
	if err != nil {
		log.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.RevealPEM(), pair.RevealPEM())
	if err != nil {
		log.Fatal(err)
	}
	return certificate
}
