package apns_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// exampleService returns a simulator that stands for Apple, a certificate that it accepts, and options
// that lead there. Without them, a client talks to Apple.
func exampleService() (*apnstest.Server, *apns.Certificate, *apns.Options) {
	srv := apnstest.NewServer(&apnstest.Options{InMemory: true})
	certificate, err := apns.ParseCertificate(srv.IssuePushCertificate(topic, &apnstest.CertOptions{EC: true}))
	if err != nil {
		log.Fatal(err)
	}
	return srv, certificate, &apns.Options{
		RootCAs: srv.RootCAs(), DialContext: srv.Dial, LookupNetIP: srv.LookupNetIP,
	}
}

// The whole story: a device enrols and says how to wake it, the server keeps that and wakes it when
// there is a command.
func Example() {
	srv, certificate, options := exampleService()
	defer srv.Close()

	// One client for the push certificate, for as long as the process lives.
	client, err := apns.New(certificate, options)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Shutdown(context.Background())

	// The check-in handler has a TokenUpdate: store its target, and answer 200 when it is stored.
	body, err := os.ReadFile("testdata/checkin/tokenupdate-device.plist")
	if err != nil {
		log.Fatal(err)
	}
	update, err := apns.ParseTokenUpdate(body)
	if err != nil {
		log.Fatal(err)
	}
	stored := update.Target
	stored.Topic = "" // of the simulator's certificate
	device := srv.AddToken(topic, stored.Token, stored.PushMagic)

	// Later a command waits for the device.
	id, err := client.Push(context.Background(), apns.Push{Target: stored})
	switch apns.DispositionOf(err) {
	case apns.Accepted:
		fmt.Println("accepted, with an id:", id != "")
	case apns.DropToken:
		fmt.Println("stop pushing to this token")
	default:
		fmt.Println(err)
	}
	fmt.Println("the device was woken:", device.Woken() == 1)
	// Output:
	// accepted, with an id: true
	// the device was woken: true
}

// What to do after a push is its disposition; the sentinels of the package tell more.
func ExampleClient_Push() {
	srv, certificate, options := exampleService()
	defer srv.Close()
	client, err := apns.New(certificate, options)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Shutdown(context.Background())

	erased := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	srv.AddToken(topic, token(1), "magic")
	srv.AddToken(topic, token(2), "magic")
	srv.Unregister(token(2), erased)
	srv.AddToken(topic, token(4), "magic")
	srv.Throttle(token(4), time.Hour)

	for i := 1; i <= 4; i++ {
		_, err := client.Push(context.Background(), apns.Push{Target: apns.Target{Token: token(i), PushMagic: "magic"}})
		switch apns.DispositionOf(err) {
		case apns.Accepted:
			fmt.Println(i, "accepted")
		case apns.DropToken:
			// Only if the TokenUpdate that the token is from came before that.
			refusal, _ := errors.AsType[*apns.Error](err)
			fmt.Println(i, "not in use since", refusal.Since.Format(time.DateOnly))
		case apns.KeepToken:
			fmt.Println(i, "look into it:", errors.Is(err, apns.ErrBadDeviceToken))
		case apns.RetryLater:
			fmt.Println(i, "later:", err)
		case apns.FixCertificate:
			log.Fatal("nothing goes out any more: ", err)
		default:
			fmt.Println(i, err)
		}
	}
	// Output:
	// 1 accepted
	// 2 not in use since 2026-11-01
	// 3 look into it: true
	// 4 later: push: status 429 TooManyRequests: too many pushes to this device
}

// Any number of pushes: the input is a sequence, such as the rows of a query, and results come as they
// arrive.
func ExampleClient_PushAll() {
	srv, certificate, options := exampleService()
	defer srv.Close()
	client, err := apns.New(certificate, options)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Shutdown(context.Background())

	for i := range 5000 {
		srv.AddToken(topic, token(i), "magic")
	}
	srv.Expire(token(17))

	waiting := func(yield func(apns.Push) bool) { // devices for which a command waits
		for i := range 5000 {
			target := apns.Target{Token: token(i), PushMagic: "magic"}
			if !yield(apns.Push{Target: target, Key: fmt.Sprint("device ", i)}) {
				return
			}
		}
	}
	outcomes := map[apns.Disposition]int{}
	for result := range client.PushAll(context.Background(), waiting) {
		outcomes[result.Disposition()]++
		if result.Disposition() == apns.DropToken {
			fmt.Println(result.Push.Key, "has no valid token")
		}
	}
	for _, disposition := range slices.Sorted(maps.Keys(outcomes)) {
		fmt.Println(disposition, outcomes[disposition])
	}
	// Output:
	// device 17 has no valid token
	// accepted 4999
	// drop token 1
}

// A certificate from files that are read anew, and somebody who is told when it stops working.
func ExampleOptions() {
	srv, certificate, options := exampleService()
	defer srv.Close()

	stored := certificate // stands for a row of a database
	source := apns.CertificateFunc(func(context.Context) (*apns.Certificate, error) { return stored, nil })
	options.Expiration = 3 * 24 * time.Hour
	states := make(chan apns.State, 10)
	options.OnState = func(s apns.State) { states <- s } // may be a mail as well: nothing waits for it
	client, err := apns.New(source, options)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Shutdown(context.Background())
	push := func(i int) {
		srv.AddToken(topic, token(i), "magic")
		_, err := client.Push(context.Background(), apns.Push{Target: apns.Target{Token: token(i), PushMagic: "magic"}})
		fmt.Println("push:", apns.DispositionOf(err))
		s := <-states
		fmt.Println("state:", s.Kind)
		if s.Err != nil {
			fmt.Println("because", strings.SplitAfter(s.Err.Error(), "refused")[0])
		}
	}

	push(1)
	srv.RevokeCertificate(certificate.Leaf().SerialNumber)
	push(2)

	// The administrator renews the certificate, and the server stores it.
	stored, err = apns.ParseCertificate(srv.IssuePushCertificate(topic, &apnstest.CertOptions{EC: true}))
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Refresh(context.Background()); err != nil {
		log.Fatal(err)
	}
	push(3)
	// Output:
	// push: accepted
	// state: ok
	// push: fix certificate
	// state: certificate refused
	// because push: status 403 BadCertificate: the push certificate was refused
	// push: accepted
	// state: ok
}
