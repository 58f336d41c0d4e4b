package dep_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

func TestSyncerTellsTheListAndThenItsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B", "C")
		known := newShelf()
		s := newSyncer(t, client, known.handle, nil)

		sync1(t, s)
		want := []string{"full begins, present A, present B", "full completes, present C", "sync"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("first run (-want +got):\n%s", diff)
		}

		pass(time.Minute)
		srv.RemoveDevices("A")
		srv.AddSerials("D", "D")
		srv.MoveDevice("E")
		sync1(t, s)
		// The second record of D is on the page after the first.
		want = []string{"sync, removed A, added D", "sync, modified D, modified E"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("second run (-want +got):\n%s", diff)
		}
		if got := known.serials(); got != "B C D E" {
			t.Errorf("known are %s", got)
		}
		if v := srv.Violations(); len(v) > 0 {
			t.Errorf("violations: %q", v)
		}
	})
}

func TestSyncerSavesTheCursorAfterTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B", "C")
		var order []string
		store := &memory{save: func(c dep.Cursor) error {
			order = append(order, "save "+c.Value)
			return nil
		}}
		var want []string
		s := newSyncer(t, client, func(_ context.Context, b *dep.Batch) error {
			order = append(order, "handled "+b.Cursor.Value)
			want = append(want, "handled "+b.Cursor.Value, "save "+b.Cursor.Value)
			return nil
		}, &dep.SyncerOptions{Cursors: store})
		sync1(t, s)
		if diff := cmp.Diff(want, order); diff != "" || len(want) != 6 {
			t.Errorf("order (-want +got):\n%s", diff)
		}

		// Another process goes on where this one ended.
		srv.AddSerials("D")
		next := newShelf()
		sync1(t, newSyncer(t, client, next.handle, &dep.SyncerOptions{Cursors: store}))
		if diff := cmp.Diff([]string{"sync, added D"}, next.all()); diff != "" {
			t.Errorf("the next process (-want +got):\n%s", diff)
		}
	})
}

func TestSyncerLeavesTheCursorToTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B", "C")
		store := &memory{save: func(dep.Cursor) error {
			t.Error("SaveCursor was called")
			return nil
		}}
		known := newShelf()
		known.after = func(b *dep.Batch) error { store.cursor = b.Cursor; return nil }
		opts := &dep.SyncerOptions{Cursors: store, HandlerSavesCursor: true}
		sync1(t, newSyncer(t, client, known.handle, opts))
		known.all()

		srv.AddSerials("D")
		sync1(t, newSyncer(t, client, known.handle, opts))
		if diff := cmp.Diff([]string{"sync, added D"}, known.all()); diff != "" {
			t.Errorf("second run (-want +got):\n%s", diff)
		}
	})
}

func TestSyncerRepeatsABatchAfterAHandlerError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B", "C")
		full := errors.New("disk full")
		failures := 2
		var at []time.Time
		known := newShelf()
		known.before = func(b *dep.Batch) error {
			if !b.Completes {
				return nil
			}
			at = append(at, time.Now())
			if failures--; failures >= 0 {
				return full
			}
			return nil
		}
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{OnRun: known.ran})
		start(t, s)
		pass(5 * time.Minute)

		want := []string{
			"full begins, present A, present B", "full completes, present C", "full completes, present C",
			"full completes, present C", "sync",
		}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		runs := known.runs()
		if len(runs) != 3 || !errors.Is(runs[0].Err, dep.ErrHandler) || !errors.Is(runs[0].Err, full) || runs[2].Err != nil {
			t.Errorf("runs: %+v", runs)
		}
		for i, whole := range []time.Duration{30 * time.Second, time.Minute} {
			if pause := at[i+1].Sub(at[i]); pause < whole/2 || pause > whole {
				t.Errorf("pause %d was %v, want between %v and %v", i, pause, whole/2, whole)
			}
		}
	})
}

func TestSyncerOutlivesAPanicOfTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B", "C")
		known := newShelf()
		panics := true
		known.before = func(b *dep.Batch) error {
			if panics && b.Completes {
				panic("a bug")
			}
			return nil
		}
		s := newSyncer(t, client, known.handle, nil)
		func() {
			defer func() {
				if r := recover(); r != "a bug" {
					t.Errorf("recovered %v", r)
				}
			}()
			s.Sync(t.Context())
		}()
		known.all()
		panics = false
		sync1(t, s)
		if diff := cmp.Diff([]string{"full completes, present C", "sync"}, known.all()); diff != "" {
			t.Errorf("after the panic (-want +got):\n%s", diff)
		}
	})
}

func TestSyncerBeginsAgainAfterAForgottenCursor(t *testing.T) {
	for _, test := range []struct {
		name   string
		forget func(srv *deptest.Server, store *memory)
	}{
		{"expired", func(*deptest.Server, *memory) { pass(8 * 24 * time.Hour) }},
		{"invalid", func(_ *deptest.Server, store *memory) { store.cursor.Value = "unknown" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client := simulated(t, nil, nil)
				srv.AddSerials("A", "B", "C")
				store, known := &memory{}, newShelf()
				s := newSyncer(t, client, known.handle, &dep.SyncerOptions{Cursors: store})
				sync1(t, s)
				known.all()
				pass(time.Second)
				srv.RemoveDevices("A")

				test.forget(srv, store)
				srv.ResetReceived()
				sync1(t, s)
				want := []string{"full begins completes, present B, present C", "sync"}
				if diff := cmp.Diff(want, known.all()); diff != "" {
					t.Errorf("batches (-want +got):\n%s", diff)
				}
				if fetches, syncs := srv.Count("", "/server/devices"), srv.Count("", "/devices/sync"); fetches != 1 || syncs != 2 {
					t.Errorf("%d fetches and %d syncs, want 1 and 2", fetches, syncs)
				}
				if got := known.serials(); got != "B C" {
					t.Errorf("known are %s", got)
				}
			})
		})
	}
}

// badCursor makes the service answer a code for every request to a path, for ever.
func badCursor(path, code string) deptest.Fault {
	return deptest.Fault{Path: path, Count: -1, Status: http.StatusBadRequest, Body: code}
}

func TestSyncerDoesNotStormAService(t *testing.T) {
	for _, test := range []struct {
		name   string
		faults []deptest.Fault
		repeat bool
		perRun int // requests, at most
	}{
		{"every cursor is invalid", []deptest.Fault{
			badCursor("/server/devices", "INVALID_CURSOR"), badCursor("/devices/sync", "INVALID_CURSOR"),
		}, false, 2},
		{"every cursor of a sync is invalid", []deptest.Fault{badCursor("/devices/sync", "INVALID_CURSOR")}, false, 5},
		{"every cursor has expired", []deptest.Fault{badCursor("/devices/sync", "EXPIRED_CURSOR")}, false, 5},
		{"every sync lacks a cursor", []deptest.Fault{badCursor("/devices/sync", "CURSOR_REQUIRED")}, false, 5},
		{"every cursor of a sync is exhausted", []deptest.Fault{badCursor("/devices/sync", "EXHAUSTED_CURSOR")}, false, 3},
		{"the same cursor comes back", nil, true, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client := simulated(t, nil, nil)
				srv.AddSerials("A", "B", "C")
				known := newShelf()
				s := newSyncer(t, client, known.handle, &dep.SyncerOptions{OnRun: known.ran})
				sync1(t, s)

				if test.repeat {
					srv.RepeatCursor(-1)
				}
				for _, f := range test.faults {
					srv.Fail(f)
				}
				srv.ResetReceived()
				known.runs()
				start(t, s)
				pass(24*time.Hour - time.Second)
				runs := len(known.runs())
				// Pauses of 30 s, 1, 2, 4, 8, 16 min and then half an hour, or half of that.
				if runs < 48 || runs > 2*48+12 {
					t.Errorf("%d runs in a day", runs)
				}
				if got := srv.Count("", ""); got > runs*test.perRun {
					t.Errorf("%d requests in %d runs", got, runs)
				}

				srv.ResetFaults()
				srv.RepeatCursor(0)
				srv.AddSerials("D")
				pass(time.Hour)
				if got := known.serials(); got != "A B C D" {
					t.Errorf("known after the recovery: %s", got)
				}
			})
		})
	}
}

// A stream that stands still in two runs, an hour or more after the full list, makes the second one
// read the full list; each run may be of a process of its own.
func TestSyncerBeginsAgainWhenTheStreamStandsStill(t *testing.T) {
	full := []string{"full begins, present A, present B", "full completes, present C, present D", "sync"}
	for _, test := range []struct {
		name  string
		still func(*deptest.Server)
		err   error
		told  []string // by a run that found the stream standing still
	}{
		{"the same cursor", func(srv *deptest.Server) { srv.RepeatCursor(3) }, dep.ErrSameCursor, []string{"sync, added D"}},
		{"an exhausted sync", func(srv *deptest.Server) {
			f := badCursor("/devices/sync", "EXHAUSTED_CURSOR")
			f.Count = 3
			srv.Fail(f)
		}, dep.ErrCursorExhausted, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client := simulated(t, nil, nil)
				srv.AddSerials("A", "B", "C")
				known := newShelf()
				cursors := dep.FileCursor(filepath.Join(t.TempDir(), "cursor"))
				process := func() *dep.Syncer {
					return newSyncer(t, client, known.handle, &dep.SyncerOptions{Cursors: cursors})
				}
				sync1(t, process())
				known.all()

				srv.AddSerials("D")
				test.still(srv)
				for range 2 { // the second time the full list is too young to be read again
					srv.ResetReceived()
					if err := process().Sync(t.Context()); !errors.Is(err, test.err) {
						t.Fatalf("Sync = %v, want %v", err, test.err)
					}
					if diff := cmp.Diff(append(slices.Clone(test.told), "sync"), known.all()); diff != "" {
						t.Errorf("batches (-want +got):\n%s", diff)
					}
					if got := srv.Count("", ""); got != 1 {
						t.Errorf("%d requests in a run", got)
					}
				}
				pass(time.Hour)
				sync1(t, process())
				if diff := cmp.Diff(append(slices.Clone(test.told), full...), known.all()); diff != "" {
					t.Errorf("batches (-want +got):\n%s", diff)
				}
				sync1(t, process())
				if diff := cmp.Diff([]string{"sync"}, known.all()); diff != "" {
					t.Errorf("batches afterwards (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestSyncerOneSameCursorIsForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A")
		known := newShelf()
		s := newSyncer(t, client, known.handle, nil)
		sync1(t, s)
		for range 4 {
			srv.RepeatCursor(1)
			if err := s.Sync(t.Context()); !errors.Is(err, dep.ErrSameCursor) {
				t.Fatalf("Sync = %v", err)
			}
			sync1(t, s)
		}
		if got := srv.Count("", "/server/devices"); got != 1 {
			t.Errorf("%d fetches, want the first one only", got)
		}
	})
}

func TestSyncerResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B", "C")
		known := newShelf()
		s := newSyncer(t, client, known.handle, nil)
		sync1(t, s)
		srv.HideFromSync("B", "D")
		pass(time.Second)
		srv.RemoveDevices("B")
		srv.AddSerials("D")
		known.all()

		s.Resync()
		srv.Fail(deptest.Fault{Kind: deptest.Empty, Count: 4}) // the whole call
		if err := s.Sync(t.Context()); !errors.Is(err, dep.ErrServer) {
			t.Fatalf("Sync = %v", err)
		}
		sync1(t, s)
		sync1(t, s)
		want := []string{"full begins, present A, present C", "full completes, present D", "sync", "sync"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		if got := known.serials(); got != "A C D" {
			t.Errorf("known are %s", got)
		}
	})
}

// A Resync during a run is for the next one, also while the first batch of a full list is dealt with.
func TestSyncerResyncDuringARunIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A")
		known := newShelf()
		var s *dep.Syncer
		asked := false
		known.before = func(b *dep.Batch) error {
			if b.Begins && !asked {
				asked = true
				s.Resync()
			}
			return nil
		}
		s = newSyncer(t, client, known.handle, nil)
		for range 3 {
			sync1(t, s)
		}
		want := []string{"full begins completes, present A", "sync", "full begins completes, present A", "sync", "sync"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

func TestSyncerCursorStoreFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B", "C")
		gone := errors.New("database gone")
		known, store := newShelf(), &memory{save: func(dep.Cursor) error { return gone }}
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{Cursors: store})
		for range 2 {
			if err := s.Sync(t.Context()); !errors.Is(err, gone) || errors.Is(err, dep.ErrHandler) {
				t.Errorf("Sync = %v", err)
			}
		}
		want := []string{"full begins, present A, present B", "full begins, present A, present B"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}

		s = newSyncer(t, client, known.handle, &dep.SyncerOptions{Cursors: brokenStore{gone}})
		srv.ResetReceived()
		if err := s.Sync(t.Context()); !errors.Is(err, gone) || srv.Count("", "") != 0 {
			t.Errorf("Sync = %v after %d requests", err, srv.Count("", ""))
		}
	})
}

type brokenStore struct{ err error }

func (b brokenStore) LoadCursor(context.Context) (dep.Cursor, error) { return dep.Cursor{}, b.err }
func (b brokenStore) SaveCursor(context.Context, dep.Cursor) error   { return b.err }

// Devices that Apple hides while they are throttled are not taken for removed.
func TestSyncerKeepsDevicesThatVanishWhileThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, &deptest.Options{HideThrottled: true}, nil)
		srv.AddSerials("A", "B")
		known := newShelf()
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{Inventory: known.list, FullEvery: 24 * time.Hour})
		start(t, s)
		pass(time.Minute)
		srv.Throttle("A", 2*time.Hour)
		srv.MoveDevice("A")
		pass(20 * time.Hour)
		if got := known.get("A").ProfileStatus; got != dep.ProfileStatusEmpty {
			t.Errorf("the stream told of the throttled device: %s", got)
		}
		known.all()
		pass(5 * time.Hour)
		if told := known.all(); !slices.Contains(told, "full reconciling begins completes, modified A, present B") {
			t.Errorf("batches: %q", told)
		}
		if got := known.serials(); got != "A B" {
			t.Errorf("known are %s", got)
		}
	})
}

func TestMovedDevicesNeedAProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		var needy []string
		s := newSyncer(t, client, func(_ context.Context, b *dep.Batch) error {
			for _, e := range b.Events {
				if e.NeedsProfile() {
					needy = append(needy, string(e.Kind)+" "+e.Device.SerialNumber)
				}
			}
			return nil
		}, nil)
		srv.AddDevices(deptest.Device{SerialNumber: "A", ProfileStatus: deptest.StatusPushed, ProfileUUID: "P"})
		sync1(t, s)
		srv.MoveDevice("A", "B")
		srv.AddDevices(deptest.Device{SerialNumber: "C"})
		srv.AddDevices(deptest.Device{SerialNumber: "D", ProfileStatus: deptest.StatusAssigned, ProfileUUID: "P"})
		sync1(t, s)
		if diff := cmp.Diff([]string{"modified A", "modified B", "added C"}, needy); diff != "" {
			t.Errorf("in need of a profile (-want +got):\n%s", diff)
		}
	})
}

func TestNewSyncerInput(t *testing.T) {
	_, client := simulated(t, nil, nil)
	known := newShelf()
	for _, test := range []struct {
		field  string
		client *dep.Client
		handle dep.Handler
		opts   *dep.SyncerOptions
	}{
		{"client", nil, known.handle, nil},
		{"handle", client, nil, nil},
		{"SyncerOptions", client, known.handle, &dep.SyncerOptions{Interval: -1}},
		{"SyncerOptions", client, known.handle, &dep.SyncerOptions{RetryWait: -1}},
		{"SyncerOptions", client, known.handle, &dep.SyncerOptions{FullEvery: -1}},
		{"SyncerOptions.FullEvery", client, known.handle, &dep.SyncerOptions{FullEvery: time.Hour}},
		{"SyncerOptions.HandlerSavesCursor", client, known.handle, &dep.SyncerOptions{HandlerSavesCursor: true}},
		{"SyncerOptions.RemovalLimit", client, known.handle, &dep.SyncerOptions{RemovalLimit: -0.1}},
		{"SyncerOptions.RemovalLimit", client, known.handle, &dep.SyncerOptions{RemovalLimit: 1.1}},
	} {
		_, err := dep.NewSyncer(test.client, test.handle, test.opts)
		if input, ok := errors.AsType[*dep.InputError](err); !ok || input.Field != test.field {
			t.Errorf("%s: %v", test.field, err)
		}
	}
}

func TestRunTellsWhatItDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, func(o *dep.Options) { o.PageSize = 10 })
		srv.AddSerials("A", "B", "C")
		known := newShelf()
		known.before = func(*dep.Batch) error { time.Sleep(time.Second); return nil }
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{OnRun: known.ran})
		begin := time.Now()
		sync1(t, s)
		srv.AddSerials("D", "D")
		sync1(t, s)
		srv.SetTermsSigned(false)
		err := s.Sync(t.Context())
		want := []dep.Run{
			{Started: begin, Ended: begin.Add(2 * time.Second), Batches: 2, Devices: 3, Events: 3, Full: true},
			{Started: begin.Add(2 * time.Second), Ended: begin.Add(3 * time.Second), Batches: 1, Devices: 2, Events: 1},
			{Started: begin.Add(3 * time.Second), Ended: begin.Add(3 * time.Second), Err: dep.ErrTermsNotSigned},
		}
		if diff := cmp.Diff(want, known.runs(), cmpopts.EquateErrors()); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
		if !errors.Is(err, dep.ErrTermsNotSigned) || !strings.Contains(err.Error(), "T_C_NOT_SIGNED") {
			t.Errorf("Sync = %v", err)
		}
	})
}
