package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// deviceAssignment is the chapter about Device Assignment: a server that got its token this morning,
// the devices of the school, and a gateway that is not at its best. It returns the serial numbers of
// the devices that the server has at the end of the day.
func deviceAssignment(ctx context.Context, stage *stage, school *school) ([]string, error) {
	apple := deptest.NewServer(&deptest.Options{MaxLimit: 250, Account: deptest.Account{ServerName: serverName, OrgName: schoolName}})
	defer apple.Close()
	school.deliver(apple)

	stage.say("\nA server token")
	credentials, err := obtainToken(stage, apple)
	if err != nil {
		return nil, err
	}
	client, err := dep.New(credentials.Token, &dep.Options{
		HTTPClient: stage.watched("dep", apple.Client()),
		BaseURL:    apple.URL,
		UserAgent:  "quickstart/1.0",
		PageSize:   250,
		OnState:    func(s dep.State) { stage.say("  the account is now: %s", s.Kind) },
	})
	if err != nil {
		return nil, err
	}
	account, err := client.Account(ctx)
	if err != nil {
		return nil, err
	}
	stage.say("  logged in as %q of %s", account.ServerName, account.OrgName)

	office, err := newOffice(stage, school, client)
	if err != nil {
		return nil, err
	}
	for _, part := range []func(context.Context, *deptest.Server) error{office.firstSync, office.assignAll, office.laterThatDay} {
		if err := part(ctx, apple); err != nil {
			return nil, err
		}
	}
	stage.note("devices in the end, at Apple and here", "%d, %d", len(apple.Devices()), len(office.devices))
	return slices.Sorted(maps.Keys(office.devices)), nil
}

// obtainToken does what an administrator and a server do once a year: make a key pair, upload its
// certificate to the portal, and open the file that the portal gives back.
func obtainToken(stage *stage, portal *deptest.Server) (dep.Credentials, error) {
	staged, err := dep.Credentials{}.Stage(nil)
	if err != nil {
		return staged, err
	}
	file, err := portal.IssueToken(staged.Staged.Certificate())
	if err != nil {
		return staged, err
	}
	credentials, err := staged.Promote(file, nil)
	if err != nil {
		return credentials, err
	}
	stage.say("  opened a .p7m file of %d bytes; the token is good until %s", len(file), credentials.Token.Expiry.Format(time.DateOnly))
	return credentials, nil
}

// office is the backend: it knows the devices and sees to it that each has the profile.
type office struct {
	stage    *stage
	school   *school
	client   *dep.Client
	syncer   *dep.Syncer
	assigner *dep.Assigner

	profileUUID string
	devices     map[string]dep.Device // by serial number
	progress    *progress
	live        bool // tell of each event
	events      int
	read        int // of them by the first sync
	assigned    int
	throttled   int
}

func newOffice(stage *stage, school *school, client *dep.Client) (*office, error) {
	o := &office{stage: stage, school: school, client: client, devices: map[string]dep.Device{}}
	var err error
	if o.syncer, err = dep.NewSyncer(client, o.handle, nil); err != nil {
		return nil, err
	}
	o.assigner, err = dep.NewAssigner(client, &dep.AssignerOptions{OnOutcome: o.outcome, Verify: true})
	return o, err
}

// handle is called by the Syncer for every page. The cursor is kept after it has returned nil, so
// what it does is done at least once.
func (o *office) handle(_ context.Context, batch *dep.Batch) error {
	var needProfile []string
	o.events += len(batch.Events)
	for _, event := range batch.Events {
		serial := event.Device.SerialNumber
		if o.live {
			o.stage.say("  %s %s%s", serial, event.Kind, remark(&event))
		}
		if event.Kind == dep.EventRemoved {
			delete(o.devices, serial)
			continue
		}
		o.devices[serial] = event.Device
		if event.NeedsProfile() {
			needProfile = append(needProfile, serial)
		}
	}
	if o.progress != nil {
		o.progress.add(len(batch.Events))
	}
	if o.profileUUID == "" || len(needProfile) == 0 {
		return nil
	}
	return o.assigner.Assign(o.profileUUID, needProfile)
}

// remark says what is not in the kind of an event.
func remark(event *dep.Event) string {
	switch {
	case event.Moved():
		return ", without its profile: it was moved here again"
	case event.NeedsProfile():
		return ", without a profile"
	}
	return ""
}

// outcome is called by the Assigner for every try.
func (o *office) outcome(a dep.Assignment) {
	switch {
	case a.Status.Done():
		o.assigned++
		if o.progress != nil {
			o.progress.add(1)
		}
	case a.Status.Is(dep.StatusThrottled):
		o.throttled++
		o.stage.say("\n  Apple throttles %s: asking again in %v", a.SerialNumber, time.Until(a.NotBefore).Round(time.Second))
	default:
		o.stage.say("\n  %s: %s", a.SerialNumber, a.Status)
	}
}

// firstSync reads the whole list, through a gateway that fails once and a session that ends.
func (o *office) firstSync(ctx context.Context, apple *deptest.Server) error {
	o.stage.say("\nThe first sync")
	apple.Fail(deptest.Fault{Path: "/server/devices", Skip: 3, Kind: deptest.Answer,
		Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}}})
	apple.ExpireSessions()
	o.progress = o.stage.progress("devices", purchase)
	if err := o.syncer.Sync(ctx); err != nil {
		return err
	}
	o.progress.close()
	o.read = o.events
	if left := apple.PendingFaults(); left > 0 {
		return fmt.Errorf("%d of the faults prepared did not happen", left)
	}
	o.stage.say("  survived: a session that ended (%d logins) and a 503 that asked to wait a second", apple.Logins())
	o.stage.note("devices read by the first sync", "%d", len(o.devices))
	return nil
}

// assignAll defines a profile and assigns it to every device. Apple throttles one of them.
func (o *office) assignAll(ctx context.Context, apple *deptest.Server) error {
	o.stage.say("\nA profile for everyone")
	defined, err := o.client.DefineProfile(ctx, &dep.Profile{
		ProfileName:           "Quickstart",
		URL:                   "https://mdm.example.org/enroll",
		IsSupervised:          true,
		IsMDMRemovable:        new(false),
		AwaitDeviceConfigured: true,
		SkipSetupItems:        []dep.SkipKey{dep.SkipSiri, dep.SkipDiagnostics, dep.SkipScreenTime},
	})
	if err != nil {
		return err
	}
	o.profileUUID = defined.ProfileUUID

	serials := slices.Sorted(maps.Keys(o.devices))
	apple.Throttle(serials[0], 2*time.Second)
	o.progress = o.stage.progress("profiles assigned", len(serials))
	if err := o.assigner.Assign(o.profileUUID, serials); err != nil {
		return err
	}
	if err := o.assigner.Drain(ctx); err != nil {
		return err
	}
	o.progress.close()
	o.progress = nil
	o.stage.note("profiles assigned and read back", "%d", o.assigned)
	o.stage.note("throttled by Apple, then assigned", "%d", o.throttled)
	return nil
}

// laterThatDay shows changes that arrive by sync: a device that the school has bought since, one that is
// moved here again, and one that leaves.
func (o *office) laterThatDay(ctx context.Context, apple *deptest.Server) error {
	o.stage.say("\nLater that day")
	if err := o.syncer.Sync(ctx); err != nil {
		return err
	}
	o.stage.say("  %d changes came back: our own assignments", o.events-o.read)
	before, assigned := o.events, o.assigned

	fresh, err := o.school.oneMore(ctx)
	if err != nil {
		return err
	}
	o.school.deliver(apple)
	all := apple.Devices()
	moved, leaving := all[0].SerialNumber, all[1].SerialNumber
	apple.MoveDevice(moved)
	apple.RemoveDevices(leaving)
	o.live = true
	if err := o.syncer.Sync(ctx); err != nil {
		return err
	}
	if err := o.assigner.Drain(ctx); err != nil {
		return err
	}
	for _, serial := range []string{fresh, moved} {
		if device, ok := apple.Device(serial); !ok || device.ProfileUUID != o.profileUUID {
			return fmt.Errorf("%s should have the profile", serial)
		}
	}
	if _, ok := o.devices[leaving]; ok {
		return fmt.Errorf("%s should be gone", leaving)
	}
	o.stage.say("  %d of them got the profile", o.assigned-assigned)
	o.stage.note("changes that arrived by sync", "%d", o.events-before)
	return nil
}
