package axm_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// Whatever the line, the activities and their logs do, outcomes are what is true.
func TestOutcomesAreTrueWhateverHappens(t *testing.T) {
	for name, v := range map[string]venture{"assign": assignVenture, "unassign": unassignVenture, "migrate": migrateVenture, "release": releaseVenture} {
		for seed := range uint64(12) {
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { newWeather(t, seed).run(t, v) })
			})
		}
	}
}

// venture is an operation that is begun in a weather, and a look at whether a device is as wanted.
type venture struct {
	begin func(ctx context.Context, w *weather, serials []string) (*axm.Operation, error)
	is    func(w *weather, d axmtest.Device, known bool) bool
}

var (
	assignVenture = venture{func(ctx context.Context, w *weather, serials []string) (*axm.Operation, error) {
		return w.client.AssignDevices(ctx, w.target, serials)
	}, (*weather).onTarget}

	unassignVenture = venture{func(ctx context.Context, w *weather, serials []string) (*axm.Operation, error) {
		return w.client.UnassignDevices(ctx, "", serials)
	}, func(w *weather, d axmtest.Device, known bool) bool { return d.ServerID == "" }}

	migrateVenture = venture{func(ctx context.Context, w *weather, serials []string) (*axm.Operation, error) {
		return w.client.MigrateDevices(ctx, w.target, time.Now().AddDate(0, 0, 30), serials)
	}, (*weather).onTarget}

	releaseVenture = venture{func(ctx context.Context, w *weather, serials []string) (*axm.Operation, error) {
		return w.client.ReleaseDevicesIrreversibly(ctx, serials)
	}, func(w *weather, d axmtest.Device, known bool) bool { return !known || !d.Released.IsZero() }}
)

func (w *weather) onTarget(d axmtest.Device, known bool) bool { return known && d.ServerID == w.target }

// weather is a site where much goes wrong.
type weather struct {
	*site
	rand   *rand.Rand
	target string
}

func newWeather(t *testing.T, seed uint64) *weather {
	w := &weather{rand: rand.New(rand.NewPCG(seed, 7))}
	w.site = newSite(t, &axmtest.Options{
		ActivityStep: time.Duration(w.rand.IntN(10)) * time.Second,
		Lag:          time.Duration(w.rand.IntN(40)) * time.Second,
		LogStyle:     axmtest.LogStyle{Sections: w.rand.IntN(2) == 0, BOM: w.rand.IntN(2) == 0, CRLF: w.rand.IntN(2) == 0},
	}, func(o *axm.Options) {
		o.ActivitySize = 1 + w.rand.IntN(6)
		o.HTTPClient.Timeout = 10 * time.Second
	})
	w.target = w.AddServer(axmtest.MDMServer{Name: "Target"})
	return w
}

// devices returns serial numbers: of devices without a server, on the target and elsewhere, of some
// that fail and some that nobody knows.
func (w *weather) devices() (serials []string) {
	other := w.AddServer(axmtest.MDMServer{Name: "Other"})
	for i := range 4 + w.rand.IntN(12) {
		serial := fmt.Sprint("A", i)
		serials = append(serials, serial)
		if w.rand.IntN(8) == 0 {
			continue
		}
		server := []string{"", w.target, other, other}[w.rand.IntN(4)]
		w.AddDevices(axmtest.Device{SerialNumber: serial, ServerID: server, MigrationCapable: w.rand.IntN(2) == 0})
		if w.rand.IntN(10) == 0 {
			w.SetOutcome(serial, axmtest.Outcome{Ignored: w.rand.IntN(2) == 0})
		}
	}
	return serials
}

// turn lets things go wrong in the time to come.
func (w *weather) turn() {
	kinds := []axmtest.Kind{
		axmtest.Reset, axmtest.Lose, axmtest.ResetBody, axmtest.Truncate, axmtest.HTML, axmtest.Empty, axmtest.Busy, axmtest.Redirect, axmtest.Silence,
	}
	for _, path := range []string{activitiesPath, "/v1/orgDeviceActivities/*", logsPath, "/v1/orgDevices", "/v1/mdmServers/*/relationships/devices"} {
		if w.rand.IntN(2) == 0 {
			w.srv.Fail(axmtest.Fault{Path: path, Kind: kinds[w.rand.IntN(len(kinds))], Skip: w.rand.IntN(3), Count: 1 + w.rand.IntN(5)})
		}
	}
	for range w.rand.IntN(4) {
		w.NextActivities(axmtest.Fate(w.rand.IntN(5)))
	}
}

func (w *weather) run(t *testing.T, v venture) {
	serials := w.devices()
	before := make(map[string]bool)
	for _, serial := range serials {
		d, known := w.Device(serial)
		before[serial] = v.is(w, d, known)
	}
	w.turn()
	op, err := v.begin(t.Context(), w, serials)
	if err != nil {
		if op != nil || len(w.Activities()) != 0 {
			t.Errorf("%d activities beside %v", len(w.Activities()), err)
		}
		return
	}
	for range w.rand.IntN(3) { // the process ends, and another goes on
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(w.rand.IntN(60))*time.Second)
		_, _ = op.Wait(ctx)
		cancel()
		op = w.resumed(t, op)
	}
	w.waitOut(t, op)
	w.checkOutcomes(t, v, op.Result(), before)
	w.checkSending(t)
	verified, err := op.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range verified.Outcomes {
		d, known := w.Device(o.SerialNumber)
		if is := v.is(w, d, known); o.Status == axm.StatusDone && !is || o.Status == axm.StatusUnverified && is {
			t.Errorf("verified as %v: %+v", o, d)
		}
	}
	w.hides(t, op.Result().Err())
}

// waitOut waits until no more can be known; activities that stall are left alone after two hours.
func (w *weather) waitOut(t *testing.T, op *axm.Operation) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
	defer cancel()
	for tries := 0; ; tries++ {
		_, err := op.Wait(ctx)
		switch {
		case err == nil || errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
			w.srv.ResetFaults()
			return
		case tries == 10:
			w.srv.ResetFaults() // the weather clears up
		case tries == 30:
			t.Fatal(err)
		}
	}
}

// checkOutcomes: what is done is so, and what is not was not so before either.
func (w *weather) checkOutcomes(t *testing.T, v venture, r *axm.Result, before map[string]bool) {
	t.Helper()
	for _, o := range r.Outcomes {
		d, known := w.Device(o.SerialNumber)
		is := v.is(w, d, known)
		changed := is && !before[o.SerialNumber]
		switch o.Status {
		case axm.StatusDone:
			if !is {
				t.Errorf("%v, but it is %+v", o, d)
			}
		case axm.StatusFailed, axm.StatusMissing, axm.StatusNotSent:
			if changed {
				t.Errorf("%v (%v), but it is %+v", o, o.Err, d)
			}
		case axm.StatusUncertain:
			if changed || o.Err == nil {
				t.Errorf("%v (%v), but it is %+v", o, o.Err, d)
			}
		case axm.StatusPending: // it stalls
		default:
			t.Error(o)
		}
	}
}

// checkSending: no device is in two activities.
func (w *weather) checkSending(t *testing.T) {
	t.Helper()
	seen := make(map[string]bool)
	for _, a := range w.Activities() {
		for _, serial := range a.SerialNumbers {
			if seen[serial] {
				t.Errorf("%s is in two activities", serial)
			}
			seen[serial] = true
		}
	}
}
