package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/micromdm/nanodep/storage"
	"github.com/micromdm/nanolib/log"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/examples/nanomdm/fromnanodep"
)

// assignment sees to it that every device of the organisation has the profile that leads it to this
// server. Token, cursor and the UUID of the profile are in nanodep's storage.
type assignment struct {
	client      *dep.Client
	syncer      *dep.Syncer
	assigner    *dep.Assigner
	logger      log.Logger
	storage     storage.AllStorage
	name        string // DEP name
	enrolAt     string
	profileUUID string // once it is known; used by handle only
}

func newAssignment(ctx context.Context, c config) (*assignment, error) {
	a := &assignment{
		logger: c.logger.With("service", "dep"), storage: c.dep, name: c.depName, enrolAt: c.url + pathEnrol,
	}
	options := c.depOptions
	options.UserAgent = "applemdm-nanomdm/1.0"
	options.OnState = a.state
	baseURL, err := fromnanodep.BaseURL(ctx, c.dep, c.depName)
	if err != nil {
		return nil, err
	}
	if options.BaseURL == "" {
		options.BaseURL = baseURL
	}
	if a.client, err = dep.New(fromnanodep.Token(c.dep, c.depName), &options); err != nil {
		return nil, err
	}
	if a.assigner, err = dep.NewAssigner(a.client, &dep.AssignerOptions{OnOutcome: a.outcome, OnError: a.failed}); err != nil {
		return nil, err
	}
	a.syncer, err = dep.NewSyncer(a.client, a.handle, &dep.SyncerOptions{
		Cursors: fromnanodep.Cursor(c.dep, c.depName),
		OnRun:   a.ran,
	})
	if err != nil {
		return nil, err
	}
	// What the Assigner had not done when the last process ended, it does not know any more: devices
	// that Apple had throttled. The full list has them; it is a request for 1,000 devices.
	a.syncer.Resync()
	return a, nil
}

// profile returns the profile that leads here: the one that is in use, or a new one.
func (a *assignment) profile(ctx context.Context) (string, error) {
	uuid, _, err := a.storage.RetrieveAssignerProfile(ctx, a.name)
	if err != nil {
		return "", err
	}
	if uuid != "" {
		defined, err := a.client.Profile(ctx, uuid)
		if err == nil && defined.URL == a.enrolAt {
			return uuid, nil
		}
		if err != nil && !errors.Is(err, dep.ErrProfileNotFound) {
			return "", err
		}
	}
	defined, err := a.client.DefineProfile(ctx, &dep.Profile{
		ProfileName:    "nanomdm",
		URL:            a.enrolAt,
		IsSupervised:   true,
		IsMDMRemovable: new(false),
	})
	if err != nil {
		return "", err
	}
	a.logger.Info("msg", "profile defined", "uuid", defined.ProfileUUID, "url", a.enrolAt)
	return defined.ProfileUUID, a.storage.StoreAssignerProfile(ctx, a.name, defined.ProfileUUID)
}

// run syncs and assigns until ctx ends.
func (a *assignment) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { a.assigner.Run(ctx) })
	wg.Go(func() { a.syncer.Run(ctx) })
	wg.Wait()
}

// handle is called by the Syncer for every page, and again if it fails.
func (a *assignment) handle(ctx context.Context, batch *dep.Batch) (err error) {
	var bare []string
	for _, event := range batch.Events {
		if event.NeedsProfile() {
			bare = append(bare, event.Device.SerialNumber)
		}
	}
	if len(bare) == 0 {
		return nil
	}
	if a.profileUUID == "" {
		if a.profileUUID, err = a.profile(ctx); err != nil {
			return err
		}
	}
	return a.assigner.Assign(a.profileUUID, bare)
}

// isOurs asks Apple whether the device is assigned to this server.
func (a *assignment) isOurs(ctx context.Context, serial string) (bool, error) {
	devices, err := a.client.DeviceDetails(ctx, []string{serial})
	if err != nil {
		return false, err
	}
	if len(devices) != 1 {
		return false, fmt.Errorf("asked for one device, got %d", len(devices))
	}
	return devices[0].ResponseStatus.Is(dep.StatusSuccess), nil
}

func (a *assignment) state(state dep.State) {
	a.logger.Info("msg", "account", "state", string(state.Kind), "err", state.Err)
}

func (a *assignment) outcome(outcome dep.Assignment) {
	a.logger.Info("msg", "profile assigned", "serial", outcome.SerialNumber, "status", string(outcome.Status))
}

func (a *assignment) failed(err error) {
	a.logger.Info("msg", "assigning", "err", err)
}

func (a *assignment) ran(run dep.Run) {
	if run.Err != nil && !errors.Is(run.Err, context.Canceled) {
		a.logger.Info("msg", "sync", "err", run.Err)
	}
}
