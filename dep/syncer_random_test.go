package dep_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// TestSyncerRandom lets a small fleet change at random while the line, the service, the database and
// the process fail at random. Whatever happens, no event of the stream gets lost, no cursor is kept
// before its batch, and in the end the application knows what the service knows.
func TestSyncerRandom(t *testing.T) {
	streamed, seed := 0, 0
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	for ; seed < 1000; seed++ {
		synctest.Test(t, func(t *testing.T) {
			streamed += newWorld(t, uint64(seed)).play()
		})
	}
	// So that nobody makes the test toothless without noticing: a full list excuses the events before.
	if streamed < 2_000 {
		t.Errorf("the stream told of %d events only", streamed)
	}
}

// world is one random run.
type world struct {
	t   *testing.T
	rng *rand.Rand
	srv *deptest.Server

	client      *dep.Client
	opts        dep.SyncerOptions
	syncer      *dep.Syncer
	serialsOnly bool // of the inventory

	// What the application keeps.
	known  *shelf
	cursor dep.Cursor

	calm     bool       // nothing fails any more
	handled  dep.Cursor // of the last batch whose handler returned nil
	version  int
	owed     map[occurrence]time.Time // what the stream has still to tell, and when it happened
	hidden   map[string]bool          // serials that were ever hidden from sync
	streamed int
}

// occurrence is something that happened to a device, as sync tells it.
type occurrence struct {
	serial string
	op     dep.OpType
	date   string
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 2)), known: newShelf(),
		owed: map[occurrence]time.Time{}, hidden: map[string]bool{},
	}
	w.srv, w.client = simulated(t, &deptest.Options{TokenLife: 20 * 365 * 24 * time.Hour}, func(o *dep.Options) {
		o.PageSize = 1 + w.rng.IntN(4)
		o.MaxBody = 64 << 10
	})
	w.opts = dep.SyncerOptions{Cursors: w, HandlerSavesCursor: w.chance(3), RemovalLimit: 1}
	if w.chance(2) {
		w.serialsOnly = w.chance(2)
		w.known.inventory = true
		w.opts.Inventory = w.inventory
		if w.chance(2) {
			w.opts.FullEvery = time.Duration(1+w.rng.IntN(72)) * time.Hour
		}
	}
	w.newProcess()
	return w
}

// chance is true once in n times.
func (w *world) chance(n int) bool { return w.rng.IntN(n) == 0 }

func (w *world) newProcess() { w.syncer = newSyncer(w.t, w.client, w.handle, &w.opts) }

// play plays and returns how many occurrences the stream has told.
func (w *world) play() int {
	for range w.rng.IntN(12) {
		w.change()
	}
	for range 3 {
		w.disturb()
		w.disturb()
		for range w.rng.IntN(8) {
			w.change()
		}
		w.run()
		if w.chance(4) {
			w.newProcess()
		}
	}
	w.finish()
	return w.streamed
}

// finish ends all disturbances and compares.
func (w *world) finish() {
	w.calm = true
	w.srv.ResetFaults()
	w.client.ResetSession() // a refused login is remembered for a while
	w.srv.RepeatCursor(0)
	sync1(w.t, w.syncer)
	for o, at := range w.owed {
		w.t.Errorf("never told: %s %s of %v", o.op, o.serial, at)
	}
	w.compare("from the stream", func(serial string) bool { return w.hidden[serial] })
	w.syncer.Resync()
	sync1(w.t, w.syncer)
	w.compare("after the full list", func(string) bool { return false })
	for _, v := range w.srv.Violations() {
		if !excused(v) {
			w.t.Errorf("violation: %s", v)
		}
	}
}

// excused reports whether a violation is due to the disturbances alone.
func excused(violation string) bool {
	// A scripted EXHAUSTED_CURSOR in the middle of a full list makes a client believe its end.
	return strings.Contains(violation, "cursor of a fetch that is not finished") ||
		// net/http itself sends a GET again whose connection, kept from before, was reset.
		strings.Contains(violation, "oauth_nonce was used before")
}

// compare compares what is known with the truth, but for some devices.
func (w *world) compare(when string, ignore func(serial string) bool) {
	w.t.Helper()
	truth, known := map[string]string{}, map[string]string{}
	for _, d := range w.srv.Devices() {
		truth[d.SerialNumber] = w.content(d.Description, d.ProfileStatus)
	}
	for serial, d := range w.known.devices {
		known[serial] = w.content(d.Description, string(d.ProfileStatus))
	}
	maps.DeleteFunc(truth, func(serial, _ string) bool { return ignore(serial) })
	maps.DeleteFunc(known, func(serial, _ string) bool { return ignore(serial) })
	if !maps.Equal(truth, known) {
		w.t.Errorf("%s: known are %v, there are %v; told: %q", when, known, truth, w.known.told)
	}
}

// content is what is compared of a device: nothing if the inventory has serial numbers alone, for
// then a full list does not tell what was modified.
func (w *world) content(description, status string) string {
	if w.serialsOnly {
		return ""
	}
	return description + " " + status
}

// run lets the Syncer work, in one of the ways in which programs do.
func (w *world) run() {
	ctx := w.t.Context()
	limit := time.Duration(w.rng.IntN(3000)) * time.Millisecond // cuts a run off
	if w.chance(2) {
		limit = time.Hour
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if r := recover(); r != nil && r != errCrash {
			panic(r)
		}
	}()
	if w.chance(4) {
		w.syncer.Run(ctx)
		return
	}
	w.syncer.Sync(ctx)
}

var errCrash = errors.New("crash")

// handle is the handler. It fails at every point at which it can.
func (w *world) handle(_ context.Context, b *dep.Batch) error {
	w.known.told = append(w.known.told, batchText(b))
	if err := w.fail("before"); err != nil {
		return err
	}
	if w.chance(3) && !w.calm {
		w.change()
	}
	w.known.take(b)
	if w.opts.HandlerSavesCursor {
		w.cursor = b.Cursor // in the same transaction
	}
	w.settle(b)
	if err := w.fail("after"); err != nil {
		return err
	}
	w.handled = b.Cursor
	return nil
}

// settle strikes off what a batch tells.
func (w *world) settle(b *dep.Batch) {
	if b.Begins && !b.Reconciling {
		maps.DeleteFunc(w.owed, func(_ occurrence, at time.Time) bool { return !at.After(b.Cursor.Started) })
	}
	for _, d := range b.Devices {
		o := occurrence{d.SerialNumber, d.OpType, string(d.OpDate)}
		if _, ok := w.owed[o]; ok && !b.Full {
			delete(w.owed, o)
			w.streamed++
		}
	}
}

// fail fails once in a while: with an error, or by the end of the process.
func (w *world) fail(where string) error {
	if w.calm || !w.chance(10) {
		return nil
	}
	if w.chance(2) {
		w.newProcess()
		panic(errCrash)
	}
	return fmt.Errorf("random error %s", where)
}

// LoadCursor is of the cursor store.
func (w *world) LoadCursor(context.Context) (dep.Cursor, error) {
	if err := w.fail("loading"); err != nil {
		return dep.Cursor{}, err
	}
	return w.cursor, nil
}

// SaveCursor is of the cursor store. It sometimes fails, also after it has saved.
func (w *world) SaveCursor(_ context.Context, c dep.Cursor) error {
	if c != w.handled || w.opts.HandlerSavesCursor {
		w.t.Errorf("the cursor %v is saved; handled was %v", c, w.handled)
	}
	if err := w.fail("saving"); err != nil {
		return err
	}
	restored, err := dep.ParseCursor(c.String())
	if err != nil {
		w.t.Error(err)
	}
	w.cursor = restored
	return w.fail("saved")
}

// inventory yields what is known.
func (w *world) inventory(context.Context) iter.Seq2[dep.Device, error] {
	var devices []dep.Device
	for _, serial := range slices.Sorted(maps.Keys(w.known.devices)) {
		d := w.known.devices[serial]
		if w.serialsOnly {
			d = dep.Device{SerialNumber: serial}
		}
		devices = append(devices, d)
	}
	return pairs(devices, w.fail("inventory"))
}

// change lets something happen to the fleet. No two changes have the same op_date, which is in
// seconds.
func (w *world) change() {
	time.Sleep(500 * time.Millisecond)
	w.changeNow()
	time.Sleep(500 * time.Millisecond)
}

func (w *world) changeNow() {
	serial, other := w.serial(), w.serial()
	switch w.rng.IntN(10) {
	case 0, 1, 2:
		w.add(serial)
	case 3, 4:
		if w.exists(serial) {
			w.srv.RemoveDevices(serial)
			w.happened(serial, dep.OpDeleted)
		}
	case 5:
		w.modify(serial)
	case 6: // twice on a page
		w.add(serial)
		w.modify(serial)
	case 7:
		w.srv.MoveDevice(serial)
		w.happened(serial, dep.OpModified)
	case 8:
		w.push(serial)
	case 9:
		w.replace(serial, other)
	}
}

func (w *world) serial() string { return fmt.Sprint("S", w.rng.IntN(12)) }

func (w *world) exists(serial string) bool {
	_, ok := w.srv.Device(serial)
	return ok
}

// happened notes what the stream has to tell.
func (w *world) happened(serial string, op dep.OpType) {
	if !w.hidden[serial] {
		now := time.Now()
		w.owed[occurrence{serial, op, now.UTC().Format(time.RFC3339)}] = now
	}
}

// appeared is happened for a device that is added or, if it is there already, modified.
func (w *world) appeared(serial string, before bool) {
	if before {
		w.happened(serial, dep.OpModified)
		return
	}
	w.happened(serial, dep.OpAdded)
}

func (w *world) add(serial string) {
	w.version++
	before := w.exists(serial)
	w.srv.AddDevices(deptest.Device{
		SerialNumber: serial, Model: "iPhone 17", OS: "iOS", Description: fmt.Sprint("version ", w.version),
	})
	w.appeared(serial, before)
}

func (w *world) modify(serial string) {
	w.version++
	if w.srv.ModifyDevice(serial, func(d *deptest.Device) { d.Description = fmt.Sprint("version ", w.version) }) {
		w.happened(serial, dep.OpModified)
	}
}

// push gives a device a profile, which the device fetches at once.
func (w *world) push(serial string) {
	assign := func(d *deptest.Device) { d.ProfileStatus, d.ProfileUUID = deptest.StatusAssigned, "0F1E" }
	if w.srv.ModifyDevice(serial, assign) {
		w.srv.PushProfile(serial)
		w.happened(serial, dep.OpModified)
	}
}

func (w *world) replace(serial, other string) {
	before := w.exists(other)
	if w.srv.ReplaceDevice(serial, other) {
		w.happened(serial, dep.OpDeleted)
		w.appeared(other, before)
	}
}

// disturb prepares something that goes wrong, or lets much time pass.
func (w *world) disturb() {
	switch w.rng.IntN(12) {
	case 0:
		w.srv.ExpireSessions()
	case 1:
		w.srv.RepeatCursor(1 + w.rng.IntN(3))
	case 2:
		w.syncer.Resync()
	case 3:
		time.Sleep(time.Duration(w.rng.IntN(10*24)) * time.Hour)
	case 4:
		serial := w.serial()
		w.srv.HideFromSync(serial)
		w.hidden[serial] = true
		maps.DeleteFunc(w.owed, func(o occurrence, _ time.Time) bool { return o.serial == serial })
	case 5:
		w.srv.Fail(w.cursorFault())
	case 6, 7, 8, 9:
		w.srv.Fail(w.fault())
	}
}

func (w *world) path() string {
	return []string{"/session", "/server/devices", "/devices/sync", ""}[w.rng.IntN(4)]
}

// cursorFault refuses a cursor that is good.
func (w *world) cursorFault() deptest.Fault {
	codes := []string{"INVALID_CURSOR", "EXPIRED_CURSOR", "CURSOR_REQUIRED", "EXHAUSTED_CURSOR"}
	f := deptest.Fault{
		Path: w.path(), Skip: w.rng.IntN(4), Status: http.StatusBadRequest, Body: codes[w.rng.IntN(len(codes))],
	}
	if f.Body == "EXHAUSTED_CURSOR" && w.opts.FullEvery > 0 {
		// A list beside the stream would end too early, and nothing would ever tell so.
		f.Path = "/devices/sync"
	}
	return f
}

// fault is any fault of the line, up to as often as a call is tried and more.
func (w *world) fault() deptest.Fault {
	kinds := []deptest.Kind{
		deptest.Answer, deptest.Refuse, deptest.Reset, deptest.Lose, deptest.ResetBody, deptest.Truncate,
		deptest.Drip, deptest.Late, deptest.Silence, deptest.HTML, deptest.Empty, deptest.Busy,
		deptest.BusySeconds, deptest.BusyDate, deptest.Redirect, deptest.Oversize, deptest.Gzip,
		deptest.WrongType, deptest.Duplicate, deptest.Unknown,
	}
	return deptest.Fault{
		Path: w.path(), Skip: w.rng.IntN(6), Count: 1 + w.rng.IntN(6), Kind: kinds[w.rng.IntN(len(kinds))],
		Status: w.status(), Delay: time.Millisecond, Size: 70 << 10,
		RetryAfter: time.Duration(w.rng.IntN(120)) * time.Second,
	}
}

// status is 0, for the usual one of the fault, or another refusal.
func (w *world) status() int {
	return []int{0, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, 500, 503}[w.rng.IntN(6)]
}
