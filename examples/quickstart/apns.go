package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// pushTopic is what the push certificate is for.
const pushTopic = "com.apple.mgmt.External.0d2f6c1e-8a54-4a57-9c0e-0d4f7b1a2e33"

// pushing is the chapter about the MDM push: the devices have enrolled, and the server has something
// to tell them.
func pushing(ctx context.Context, stage *stage, serials []string) error {
	apple := apnstest.NewServer(&apnstest.Options{InMemory: true, Latency: 5 * time.Millisecond})
	defer apple.Close()

	stage.say("\nWaking the devices")
	targets, err := checkIns(apple, serials)
	if err != nil {
		return err
	}
	stage.say("  %d devices checked in with a TokenUpdate", len(targets))
	certificate, err := pushCertificate(apple)
	if err != nil {
		return err
	}
	client, err := apns.New(certificate, &apns.Options{
		RootCAs: apple.RootCAs(), DialContext: apple.Dial, LookupNetIP: apple.LookupNetIP,
	})
	if err != nil {
		return err
	}
	erased := targets[len(targets)/2]
	apple.Unregister(erased.Token, time.Now().Add(-time.Hour))

	outcome := pushToAll(ctx, stage, client, apple, targets)
	stage.watchedPushes(apple.Received())
	stage.say("  survived: a connection that the service closed on the way (%d were opened)", client.Stats().Dials)
	if !slices.Equal(outcome.drop, []string{erased.Token}) {
		return fmt.Errorf("the tokens to drop are %v", outcome.drop)
	}
	stage.say("  one device was erased: its token is to be dropped")
	stage.note("pushes accepted", "%d", outcome.accepted)
	stage.note("tokens to drop", "%d", len(outcome.drop))
	return client.Shutdown(ctx)
}

// checkIns has every device send a TokenUpdate, as it does when its enrolment is complete, and reads
// it as a server does.
func checkIns(apple *apnstest.Server, serials []string) ([]apns.Target, error) {
	targets := make([]apns.Target, 0, len(serials))
	for _, serial := range serials {
		token := sha256.Sum256([]byte(serial))
		body := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
	<key>MessageType</key><string>TokenUpdate</string>
	<key>Topic</key><string>%s</string>
	<key>UDID</key><string>udid-of-%s</string>
	<key>PushMagic</key><string>magic-of-%[2]s</string>
	<key>Token</key><data>%[3]s</data>
</dict></plist>`, pushTopic, serial, base64.StdEncoding.EncodeToString(token[:]))
		update, err := apns.ParseTokenUpdate([]byte(body))
		if err != nil {
			return nil, err
		}
		apple.AddToken(update.Target.Topic, update.Target.Token, update.Target.PushMagic)
		targets = append(targets, update.Target)
	}
	return targets, nil
}

func pushCertificate(apple *apnstest.Server) (*apns.Certificate, error) {
	certPEM, keyPEM := apple.IssuePushCertificate(pushTopic, nil)
	return apns.ParseCertificate(certPEM, keyPEM)
}

// pushOutcome is what became of the pushes.
type pushOutcome struct {
	accepted int
	drop     []string
}

// pushToAll wakes all targets. After a fifth of them the service closes the connection.
func pushToAll(ctx context.Context, stage *stage, client *apns.Client, apple *apnstest.Server, targets []apns.Target) pushOutcome {
	bar := stage.progress("pushes", len(targets))
	defer bar.close()
	var outcome pushOutcome
	pushes := func(yield func(apns.Push) bool) {
		for _, target := range targets {
			if !yield(apns.Push{Target: target}) {
				return
			}
		}
	}
	for result := range client.PushAll(ctx, pushes) {
		bar.add(1)
		if bar.done == len(targets)/5 {
			apple.GoAway("Shutdown")
		}
		switch result.Disposition() {
		case apns.Accepted:
			outcome.accepted++
		case apns.DropToken:
			outcome.drop = append(outcome.drop, result.Push.Token)
		default:
			if e, ok := errors.AsType[*apns.Error](result.Err); ok {
				stage.say("  %s: %s", result.Push.Target, e.Reason)
			}
		}
	}
	return outcome
}
