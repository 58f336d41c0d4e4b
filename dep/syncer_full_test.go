package dep_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// settled is a device that does not need a profile.
func settled(serial string) deptest.Device {
	return deptest.Device{SerialNumber: serial, ProfileStatus: deptest.StatusAssigned, ProfileUUID: "0F1E"}
}

// settledAll adds such devices.
func settledAll(srv *deptest.Server, serials ...string) {
	for _, serial := range serials {
		srv.AddDevices(settled(serial))
	}
}

func TestInventoryDifferences(t *testing.T) {
	asKnown := func(serial string) dep.Device {
		return dep.Device{SerialNumber: serial, ProfileStatus: dep.ProfileStatusAssigned, ProfileUUID: "0f1e"}
	}
	for _, test := range []struct {
		name      string
		inventory []dep.Device
		want      []string
	}{
		{"nothing is known", nil, []string{
			"full begins, added A, added B", "full, added C, added D", "full completes, added E", "sync",
		}},
		{"everything is known", []dep.Device{asKnown("A"), asKnown("B"), asKnown("C"), asKnown("D"), {SerialNumber: "E"}}, []string{
			"full begins", "full", "full completes, present E", "sync", // E needs a profile
		}},
		{"serial numbers alone", []dep.Device{{SerialNumber: "X"}, {SerialNumber: "B"}, {SerialNumber: "C"}, {SerialNumber: "E"}}, []string{
			"full begins, added A", "full, added D", "full completes, present E, removed X", "sync",
		}},
		{"changed members", []dep.Device{
			asKnown("A"), {SerialNumber: "B", ProfileUUID: "1234"}, {SerialNumber: "C", Model: "iPhone 17"},
			{SerialNumber: "D", AssetTag: "desk"}, {SerialNumber: "E", ProfileStatus: dep.ProfileStatusPushed},
		}, []string{
			"full begins, modified B", "full, modified D", "full completes, modified E", "sync",
		}},
		{"removed ones come last, in order, once", []dep.Device{{SerialNumber: "Z"}, {SerialNumber: "Y"}, {SerialNumber: "Z"}, {SerialNumber: "E"}}, []string{
			"full begins, added A, added B", "full, added C, added D", "full completes, present E, removed Y, removed Z", "sync",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client := simulated(t, nil, nil)
				settledAll(srv, "A", "B", "C", "D")
				srv.AddSerials("E")
				known := newShelf()
				sync1(t, newSyncer(t, client, known.handle, &dep.SyncerOptions{
					Inventory: func(context.Context) iter.Seq2[dep.Device, error] { return pairs(test.inventory, nil) },
				}))
				if diff := cmp.Diff(test.want, known.all()); diff != "" {
					t.Errorf("batches (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestInventoryFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		settledAll(srv, "A")
		gone := errors.New("database gone")
		inventory := pairs([]dep.Device{{SerialNumber: "A"}}, gone)
		known := newShelf()
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{
			Inventory: func(context.Context) iter.Seq2[dep.Device, error] { return inventory },
		})
		if err := s.Sync(t.Context()); !errors.Is(err, gone) {
			t.Errorf("Sync = %v", err)
		}
		inventory = pairs([]dep.Device{{Model: "iPhone 17"}}, nil)
		err := s.Sync(t.Context())
		if input, ok := errors.AsType[*dep.InputError](err); !ok || input.Field != "Inventory" {
			t.Errorf("Sync = %v", err)
		}
		if told := known.all(); told != nil {
			t.Errorf("told: %q", told)
		}
		inventory = pairs(nil, nil)
		sync1(t, s)
		if diff := cmp.Diff([]string{"full begins completes, added A", "sync"}, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

func TestInventoryAfterAnExpiredCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		settledAll(srv, "A", "B", "C", "D")
		known := newShelf()
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{Inventory: known.list})
		sync1(t, s)
		known.all()
		pass(8 * 24 * time.Hour)
		srv.RemoveDevices("B")
		settledAll(srv, "E")
		srv.ModifyDevice("C", func(d *deptest.Device) { d.Description = "repaired" })
		sync1(t, s)
		want := []string{"full begins, modified C", "full completes, added E, removed B", "sync"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		if got := known.serials(); got != "A C D E" {
			t.Errorf("known are %s", got)
		}
	})
}

// A list that lacks most of what is known is rather the wrong token than a fleet that was sold.
func TestRemovalLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		for i := range 20 {
			settledAll(srv, fmt.Sprintf("S%02d", i))
		}
		known, store := newShelf(), &memory{}
		opts := &dep.SyncerOptions{Inventory: known.list, Cursors: store}
		s := newSyncer(t, client, known.handle, opts)
		sync1(t, s)
		before := known.serials()

		other := deptest.NewServer(nil) // with the same cursors, as far as anybody can tell
		defer other.Close()
		settledAll(other, "S00", "S01", "S02", "S03")
		wrong := newSyncer(t, clientOf(t, other, nil), known.handle, opts)
		for _, want := range []string{"too many known devices are gone: 16 of 20", "<nil>", "<nil>"} {
			known.all()
			if err := wrong.Sync(t.Context()); fmt.Sprint(err) != want || errors.Is(err, dep.ErrTooManyRemoved) != (err != nil) {
				t.Fatalf("Sync = %v, want %s", err, want)
			}
			if told := known.all(); slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, "removed") }) {
				t.Errorf("told: %q", told)
			}
		}
		if got := known.serials(); got != before {
			t.Errorf("known are %s", got)
		}

		// The right token again, then the same loss with a limit that allows it.
		known.all()
		sync1(t, s)
		if got := known.serials(); got != before {
			t.Errorf("known after the recovery: %s", got)
		}
		allowed := *opts
		allowed.RemovalLimit = 0.8
		sync1(t, newSyncer(t, clientOf(t, other, nil), known.handle, &allowed))
		if got := known.serials(); got != "S00 S01 S02 S03" {
			t.Errorf("known are %s", got)
		}
	})
}

// Up to ten devices may go, whatever share of the inventory they are.
func TestRemovalLimitIsNotForSmallFleets(t *testing.T) {
	for n, want := range map[int]error{10: nil, 11: dep.ErrTooManyRemoved} {
		synctest.Test(t, func(t *testing.T) {
			_, client := simulated(t, nil, nil)
			known := newShelf()
			for i := range n {
				known.devices[fmt.Sprint("S", i)] = dep.Device{SerialNumber: fmt.Sprint("S", i)}
			}
			s := newSyncer(t, client, known.handle, &dep.SyncerOptions{Inventory: known.list})
			if err := s.Sync(t.Context()); !errors.Is(err, want) || err == nil != (want == nil) {
				t.Errorf("%d devices gone: %v", n, err)
			}
		})
	}
}

func TestFullEveryFindsWhatTheStreamLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		settledAll(srv, "A", "B", "C")
		known, store := newShelf(), &memory{}
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{
			Inventory: known.list, FullEvery: 24 * time.Hour, Interval: time.Hour, Cursors: store, OnRun: known.ran,
		})
		start(t, s)
		pass(10 * time.Minute)
		srv.HideFromSync("B", "D", "E")
		srv.RemoveDevices("B")
		settledAll(srv, "D")
		pass(20 * time.Hour)
		if got := known.serials(); got != "A B C" {
			t.Errorf("known are %s", got)
		}
		known.all()
		known.runs()

		// A device goes after the list was read and before the stream is asked again.
		known.mu.Lock()
		known.after = func(b *dep.Batch) error {
			if b.Reconciling && b.Begins {
				srv.RemoveDevices("A")
			}
			return nil
		}
		known.mu.Unlock()
		stream, _ := store.LoadCursor(t.Context())
		pass(5 * time.Hour)
		told := known.all()
		want := []string{"sync", "full reconciling begins", "full reconciling completes, added D, removed B", "sync, removed A"}
		if at := slices.Index(told, want[1]); at < 1 || at+3 > len(told) {
			t.Fatalf("batches: %q", told)
		} else if diff := cmp.Diff(want, told[at-1:at+3]); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		if got := known.serials(); got != "C D" {
			t.Errorf("known are %s", got)
		}
		cursor, _ := store.LoadCursor(t.Context())
		if cursor.Phase != dep.PhaseSync || cursor.Started.Sub(stream.Started) != 24*time.Hour {
			t.Errorf("cursor %v after %v", cursor, stream)
		}

		full := 0
		pass(24 * time.Hour)
		for _, run := range known.runs() {
			if run.Full {
				full++
			}
		}
		if full != 2 {
			t.Errorf("%d runs read the full list in two days", full)
		}
	})
}

// The cursor of the stream is the one from before the reconciling list.
func TestReconcilingKeepsTheCursorOfTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		settledAll(srv, "A", "B", "C")
		known, store := newShelf(), &memory{}
		var stream string
		known.after = func(b *dep.Batch) error {
			switch {
			case b.Reconciling && b.Cursor.Value != stream:
				t.Errorf("the batch has the cursor %s, the stream %s", b.Cursor.Value, stream)
			case b.Reconciling && b.Completes == b.Cursor.Started.Before(time.Now()):
				t.Errorf("%s: the list counts as begun at %v", batchText(b), b.Cursor.Started)
			}
			stream = b.Cursor.Value
			return nil
		}
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{
			Inventory: known.list, FullEvery: 24 * time.Hour, Cursors: store,
		})
		sync1(t, s)
		known.all()
		pass(24 * time.Hour)
		sync1(t, s)
		want := []string{"sync", "full reconciling begins", "full reconciling completes"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}

		// One that fails is begun again in the next run.
		pass(24 * time.Hour)
		srv.Fail(deptest.Fault{Kind: deptest.Empty, Path: "/server/devices", Skip: 1, Count: 4})
		if err := s.Sync(t.Context()); !errors.Is(err, dep.ErrServer) {
			t.Errorf("Sync = %v", err)
		}
		sync1(t, s)
		sync1(t, s)
		want = []string{"sync", want[1], "sync", want[1], want[2], "sync"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

// interrupt makes one run that fails at the second page of the full list.
func interrupt(t *testing.T, srv *deptest.Server, s *dep.Syncer) {
	t.Helper()
	srv.Fail(deptest.Fault{Kind: deptest.Empty, Path: "/server/devices", Skip: 1, Count: 4})
	if err := s.Sync(t.Context()); !errors.Is(err, dep.ErrServer) {
		t.Fatalf("Sync = %v", err)
	}
}

func TestInterruptedFullList(t *testing.T) {
	rest := []string{"full, added C, added D", "full completes, added E", "sync"}
	for _, test := range []struct {
		name       string
		newProcess bool
		inventory  bool
		want       []string
	}{
		{"without an inventory it goes on", false, false, []string{"full, present C, present D", "full completes, present E", "sync"}},
		{"also in a new process", true, false, []string{"full, present C, present D", "full completes, present E", "sync"}},
		{"with an inventory it goes on", false, true, rest},
		{"but not in a new process", true, true, append([]string{"full begins"}, rest...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client := simulated(t, nil, nil)
				settledAll(srv, "A", "B", "C", "D", "E")
				known, store := newShelf(), &memory{}
				opts := &dep.SyncerOptions{Cursors: store}
				if test.inventory {
					opts.Inventory = known.list
				}
				s := newSyncer(t, client, known.handle, opts)
				interrupt(t, srv, s)
				known.all()
				if test.newProcess {
					s = newSyncer(t, client, known.handle, opts)
				}
				sync1(t, s)
				if diff := cmp.Diff(test.want, known.all()); diff != "" {
					t.Errorf("batches (-want +got):\n%s", diff)
				}
				if got := known.serials(); got != "A B C D E" {
					t.Errorf("known are %s", got)
				}
			})
		})
	}
}

// A new process begins an interrupted list again. When the handler fails with its first batch, the
// stored cursor still lies in the middle of the old one, and what lies before must not be taken for
// removed.
func TestInterruptedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		settledAll(srv, "A", "B", "C", "D", "E")
		known, store := newShelf(), &memory{}
		opts := &dep.SyncerOptions{Cursors: store, Inventory: known.list}
		interrupt(t, srv, newSyncer(t, client, known.handle, opts))

		s := newSyncer(t, client, known.handle, opts)
		known.before = func(*dep.Batch) error { return errors.New("disk full") }
		if err := s.Sync(t.Context()); !errors.Is(err, dep.ErrHandler) {
			t.Fatalf("Sync = %v", err)
		}
		known.before = nil
		known.all()
		sync1(t, s)
		want := []string{"full begins", "full, added C, added D", "full completes, added E", "sync"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

// A database may lose the answer to a commit: the cursor was saved although saving failed.
func TestCursorSavedAlthoughSavingFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		settledAll(srv, "A", "B", "C", "D", "E")
		known, store := newShelf(), &memory{}
		for _, serial := range []string{"A", "B", "C", "D", "E"} {
			known.devices[serial] = dep.Device{SerialNumber: serial}
		}
		lost := errors.New("connection lost")
		saves := 0
		store.save = func(c dep.Cursor) error {
			if saves++; saves == 2 {
				store.cursor = c
				return lost
			}
			return nil
		}
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{Cursors: store, Inventory: known.list})
		if err := s.Sync(t.Context()); !errors.Is(err, lost) {
			t.Fatalf("Sync = %v", err)
		}
		sync1(t, s)
		want := []string{"full begins", "full", "full begins", "full", "full completes", "sync"}
		if diff := cmp.Diff(want, known.all()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		if got := known.serials(); got != "A B C D E" {
			t.Errorf("known are %s", got)
		}
	})
}

// A full list that Apple ends too early, or that leaves devices out, must not remove what is there:
// every removal is confirmed by asking for the device.
func TestRemovalsAreConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		settledAll(srv, "A", "B", "C", "D", "E")
		srv.Fail(deptest.Fault{
			Path: "/server/devices", Skip: 1, Kind: deptest.Answer, Status: 400, Body: "EXHAUSTED_CURSOR",
		})
		known := newShelf()
		serials := []dep.Device{{SerialNumber: "A"}, {SerialNumber: "D"}, {SerialNumber: "E"}, {SerialNumber: "X"}}
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{
			Inventory: func(context.Context) iter.Seq2[dep.Device, error] { return pairs(serials, nil) },
		})
		sync1(t, s)
		if told := strings.Join(known.all(), "; "); strings.Contains(told, "removed D") || strings.Contains(told, "removed E") || !strings.Contains(told, "removed X") {
			t.Errorf("told: %s", told)
		}
		if n := srv.PendingFaults(); n > 0 {
			t.Errorf("the list did not end early")
		}
	})
}

// When Apple cannot be asked, nothing is removed, and the batch comes again.
func TestUnconfirmedRemovalsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		settledAll(srv, "A")
		srv.Fail(deptest.Fault{Path: "/devices", Kind: deptest.Answer, Status: 400, Body: "MALFORMED_REQUEST_BODY"})
		known := newShelf()
		s := newSyncer(t, client, known.handle, &dep.SyncerOptions{
			Inventory: func(context.Context) iter.Seq2[dep.Device, error] {
				return pairs([]dep.Device{{SerialNumber: "A"}, {SerialNumber: "X"}}, nil)
			},
		})
		if err := s.Sync(t.Context()); !errors.Is(err, dep.ErrMalformedRequest) {
			t.Errorf("Sync = %v", err)
		}
		if told := known.all(); len(told) > 0 {
			t.Errorf("told %v", told)
		}
		sync1(t, s)
		if told := strings.Join(known.all(), "; "); !strings.Contains(told, "removed X") {
			t.Errorf("told: %s", told)
		}
	})
}

// Removals that are too many to be believed hold up nothing else: what is new arrives, and the
// cursor moves on.
func TestTooManyRemovedHoldsUpNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		settledAll(srv, "NEW1", "NEW2")
		var inventory []dep.Device
		for i := range 20 {
			inventory = append(inventory, dep.Device{SerialNumber: fmt.Sprintf("OLD%d", i)})
		}
		known := newShelf()
		options := &dep.SyncerOptions{
			Inventory: func(context.Context) iter.Seq2[dep.Device, error] { return pairs(inventory, nil) },
		}
		s := newSyncer(t, client, known.handle, options)
		if err := s.Sync(t.Context()); !errors.Is(err, dep.ErrTooManyRemoved) {
			t.Errorf("Sync = %v", err)
		}
		if got := known.serials(); got != "NEW1 NEW2" {
			t.Errorf("known are %s", got)
		}
		settledAll(srv, "NEW3")
		srv.ResetReceived()
		sync1(t, s)
		if got := known.serials(); got != "NEW1 NEW2 NEW3" || srv.Count("", "/server/devices") > 0 {
			t.Errorf("known are %s after %d fetches", got, srv.Count("", "/server/devices"))
		}
	})
}
