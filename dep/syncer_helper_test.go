package dep_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// simulated returns a simulator and a client of it that reads pages of two devices.
func simulated(t testing.TB, opts *deptest.Options, change func(*dep.Options)) (*deptest.Server, *dep.Client) {
	t.Helper()
	srv := deptest.NewServer(opts)
	t.Cleanup(srv.Close)
	return srv, clientOf(t, srv, change)
}

// clientOf returns a client with the token in force.
func clientOf(t testing.TB, srv *deptest.Server, change func(*dep.Options)) *dep.Client {
	t.Helper()
	token, err := dep.ParseToken(srv.Token().JSON())
	if err != nil {
		t.Fatal(err)
	}
	opts := &dep.Options{HTTPClient: srv.Client(), BaseURL: srv.URL, PageSize: 2}
	if change != nil {
		change(opts)
	}
	client, err := dep.New(token, opts)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func newSyncer(t testing.TB, client *dep.Client, handle dep.Handler, opts *dep.SyncerOptions) *dep.Syncer {
	t.Helper()
	s, err := dep.NewSyncer(client, handle, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sync1 makes one run that has to succeed.
func sync1(t testing.TB, s *dep.Syncer) {
	t.Helper()
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// pass lets time pass in a bubble, until everybody waits again.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// start runs s until the test ends.
func start(t testing.TB, s *dep.Syncer) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

// shelf is a handler as an application writes it: it knows devices, and is told by a Syncer.
type shelf struct {
	mu      sync.Mutex
	devices map[string]dep.Device
	lists   map[string]time.Time // Cursor.Started of the batch in which a device came last
	told    []string             // batchText of every batch
	ended   []dep.Run

	// before and after, if set, run around the effect of each batch; an error is what the handler
	// returns.
	before, after func(*dep.Batch) error
	inventory     bool // whether the Syncer finds what was removed
}

func newShelf() *shelf {
	return &shelf{devices: map[string]dep.Device{}, lists: map[string]time.Time{}}
}

func (s *shelf) handle(_ context.Context, batch *dep.Batch) error {
	s.mu.Lock()
	s.told = append(s.told, batchText(batch))
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(batch); err != nil {
			return err
		}
	}
	s.take(batch)
	if s.after != nil {
		return s.after(batch)
	}
	return nil
}

func (s *shelf) take(batch *dep.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range batch.Events {
		serial := e.Device.SerialNumber
		s.lists[serial] = batch.Cursor.Started
		s.devices[serial] = e.Device
		if e.Kind == dep.EventRemoved {
			delete(s.devices, serial)
		}
	}
	if batch.Completes && !s.inventory {
		maps.DeleteFunc(s.devices, func(serial string, _ dep.Device) bool {
			return s.lists[serial].Before(batch.Cursor.Started)
		})
	}
}

// list is an inventory.
func (s *shelf) list(context.Context) iter.Seq2[dep.Device, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inventory = true
	return pairs(slices.Collect(maps.Values(s.devices)), nil)
}

// pairs yields devices, and err at the end if there is one.
func pairs(devices []dep.Device, err error) iter.Seq2[dep.Device, error] {
	return func(yield func(dep.Device, error) bool) {
		for _, d := range devices {
			if !yield(d, nil) {
				return
			}
		}
		if err != nil {
			yield(dep.Device{}, err)
		}
	}
}

// serials returns what the shelf has, in order.
func (s *shelf) serials() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(s.devices)), " ")
}

// get returns a device.
func (s *shelf) get(serial string) dep.Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.devices[serial]
}

// ran is for SyncerOptions.OnRun.
func (s *shelf) ran(r dep.Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, r)
}

// runs returns the runs that have ended, and forgets them.
func (s *shelf) runs() []dep.Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := s.ended
	s.ended = nil
	return ended
}

// all returns what was told, and forgets it.
func (s *shelf) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.told
	s.told = nil
	return told
}

// batchText sums up a batch: where it is from, its marks, its events.
func batchText(b *dep.Batch) string {
	text := "sync"
	if b.Full {
		text = "full"
	}
	for _, mark := range []struct {
		set  bool
		name string
	}{{b.Reconciling, "reconciling"}, {b.Begins, "begins"}, {b.Completes, "completes"}} {
		if mark.set {
			text += " " + mark.name
		}
	}
	for _, e := range b.Events {
		text += fmt.Sprintf(", %s %s", e.Kind, e.Device.SerialNumber)
	}
	return text
}

// memory is a cursor store that can be watched and broken.
type memory struct {
	mu     sync.Mutex
	cursor dep.Cursor
	save   func(dep.Cursor) error // before anything is stored; an error stores nothing
}

func (m *memory) LoadCursor(context.Context) (dep.Cursor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor, nil
}

func (m *memory) SaveCursor(_ context.Context, cursor dep.Cursor) error {
	if m.save != nil {
		if err := m.save(cursor); err != nil {
			return err
		}
	}
	// What a store keeps is text.
	restored, err := dep.ParseCursor(cursor.String())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cursor = restored
	return err
}
