package main

import (
	"context"
	"fmt"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// simulated pushes to 20,000 devices of a simulator. Some of them are gone, one is pushed to too
// often, and the service closes a connection on the way.
func simulated(ctx context.Context, s settings) error {
	const topic = "com.apple.mgmt.External.0d2f6c1e-8a54-4a57-9c0e-0d4f7b1a2e33"
	apple := apnstest.NewServer(&apnstest.Options{InMemory: true, Latency: 20 * time.Millisecond})
	defer apple.Close()
	pushes := make([]apns.Push, 20_000)
	for i := range pushes {
		token, magic := fmt.Sprintf("%064x", i+1), fmt.Sprintf("magic-%d", i+1)
		apple.AddToken(topic, token, magic)
		pushes[i] = apns.Push{
			Target: apns.Target{Topic: topic, Token: token, PushMagic: magic},
			Key:    fmt.Sprintf("device-%d", i+1),
		}
	}
	for _, gone := range []int{17, 4_711, 12_345} {
		apple.Unregister(pushes[gone].Token, time.Now().Add(-48*time.Hour))
	}
	apple.Throttle(pushes[100].Token, time.Hour)
	time.AfterFunc(100*time.Millisecond, func() { apple.GoAway("Shutdown") })

	certPEM, keyPEM := apple.IssuePushCertificate(topic, nil)
	certificate, err := apns.ParseCertificate(certPEM, keyPEM)
	if err != nil {
		return err
	}
	return wake(ctx, s, certificate, pushes, &apns.Options{
		RootCAs: apple.RootCAs(), DialContext: apple.Dial, LookupNetIP: apple.LookupNetIP,
	})
}
