package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// What the location owns: an app with as many licences as devices but one, and one without end.
const (
	mapApp   vpp.AdamID = "1000000001"
	notesApp vpp.AdamID = "1000000002"
)

// assigning is the chapter about Apps and Books: every device gets two apps, and the outcome arrives
// by webhook.
func assigning(ctx context.Context, stage *stage, serials []string) error {
	apple := vpptest.NewServer(&vpptest.Options{EventDelay: 300 * time.Millisecond})
	defer apple.Close()
	location := apple.AddLocation(vpptest.LocationOptions{Name: schoolName, OrgName: schoolName})
	location.Buy(vpptest.Asset{AdamID: string(mapApp), Total: len(serials) - 1})
	location.Buy(vpptest.Asset{AdamID: string(notesApp), Unlimited: true})

	stage.say("\nApps for the devices")
	store, err := openStore(ctx, stage, apple, location)
	if err != nil {
		return err
	}
	result, err := store.assign(ctx, apple, serials)
	if err != nil {
		return err
	}
	late := result.Failed()
	if len(late) != 1 || !errors.Is(result.Err(), vpp.ErrNotEnoughLicenses) {
		return fmt.Errorf("one licence should be missing, but: %w", result.Err())
	}
	if left := apple.PendingFaults(); left > 0 {
		return fmt.Errorf("%d of the faults prepared did not happen", left)
	}
	stage.say("  survived: \"too many requests\"")
	stage.say("  %s: %v", late[0].SerialNumber, vpp.ErrNotEnoughLicenses)

	location.Buy(vpptest.Asset{AdamID: string(mapApp), Total: 1})
	again, err := store.client.Associate(ctx, []vpp.AssetKey{late[0].Asset}, late.Targets())
	if err != nil {
		return err
	}
	if result, err = again.Wait(ctx); err != nil {
		return err
	}
	if err := result.Err(); err != nil {
		return err
	}
	stage.say("  one more was bought, and assigned")
	if got := len(location.Assignments()); got != 2*len(serials) {
		return fmt.Errorf("%d assignments at Apple instead of %d", got, 2*len(serials))
	}
	stage.note("apps assigned", "%d", 2*len(serials))
	stage.note("notifications received", "%d", store.notifications.Load())
	return nil
}

// store is what the backend has to do with Apps and Books.
type store struct {
	stage         *stage
	client        *vpp.Client
	notifications atomic.Int64
}

// openStore does what happens once when an administrator has uploaded a content token: the location
// is claimed, and told where to send notifications.
func openStore(ctx context.Context, stage *stage, apple *vpptest.Server, location *vpptest.Location) (*store, error) {
	token, err := vpp.ParseToken(location.Token())
	if err != nil {
		return nil, err
	}
	s := &store{stage: stage}
	s.client, err = vpp.New(token, &vpp.Options{
		HTTPClient: stage.watched("vpp", apple.Client()),
		BaseURL:    apple.URL + "/mdm/v2",
		UserAgent:  "quickstart/1.0",
		MDM:        vpp.MDMInfo{ID: "0d2f6c1e-8a54-4a57-9c0e-0d4f7b1a2e33", Name: serverName, Metadata: "mdm.example.org"},
		Retry:      vpp.Retry{MinWait: 100 * time.Millisecond},
	})
	if err != nil {
		return nil, err
	}
	config, err := s.client.Claim(ctx)
	if err != nil {
		return nil, err
	}
	stage.say("  the location %q is claimed", config.LocationName)

	secret := vpp.NewSecret(rand.Text())
	receiver, err := vpp.NewReceiver(s.client, &vpp.ReceiverOptions{Token: secret, Handle: s.handle})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/apps-and-books", receiver)
	apple.DeliverTo(mux)
	if _, err := s.client.Subscribe(ctx, "https://mdm.example.org/apps-and-books", secret); err != nil {
		return nil, err
	}
	stage.say("  Apple tested the address for notifications, and took it")
	return s, nil
}

// handle is called for every notification, once. A backend would store what it tells.
func (s *store) handle(_ context.Context, n *vpp.Notification) error {
	s.notifications.Add(1)
	return nil
}

// assign gives both apps to every device, while Apple is too busy for the first request.
func (s *store) assign(ctx context.Context, apple *vpptest.Server, serials []string) (*vpp.Result, error) {
	apps := []vpp.AssetKey{{AdamID: mapApp}, {AdamID: notesApp}}
	apple.Fail(vpptest.ErrorFault(9646)) // too many requests
	operation, err := s.client.Associate(ctx, apps, vpp.Devices(serials...))
	if err != nil {
		return nil, err
	}
	bar := s.stage.progress("apps assigned", operation.Progress().Total)
	return watch(ctx, bar, func() int { return operation.Progress().Done }, operation.Wait)
}
