package dep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// Batch is one page of the device list or of its changes, ready to be dealt with.
type Batch struct {
	// Events has one event for each device, in Apple's order. In the full list, with
	// [SyncerOptions.Inventory], it has the differences to the inventory and the devices that need
	// a profile. It may be empty.
	Events []Event

	// Devices has the records as Apple sent them.
	Devices []Device

	// Cursor is where to go on after this batch. A handler that keeps it by itself writes it in the
	// same transaction as the devices.
	Cursor Cursor

	// Full says that the devices are from the full list; Begins and Completes mark its first and
	// last batch. Without an Inventory, a handler must itself find the devices that the list no
	// longer has: it keeps Cursor.Started with each device of each batch, and once Completes is
	// true, the devices whose kept time is before Cursor.Started are gone. The time at which the
	// handler saw a device will not do instead: a batch may be dealt with after the next full list
	// has begun.
	Full, Begins, Completes bool

	// Reconciling says that this full list was read beside the stream of changes; see
	// [SyncerOptions.FullEvery].
	Reconciling bool
}

// Handler deals with a batch. When it returns nil, the batch counts as dealt with and never comes
// again; with an error, or when the process dies, it comes again. It must therefore be able to meet
// an event twice. Calls do not overlap.
type Handler func(ctx context.Context, batch *Batch) error

// SyncerOptions of a [Syncer]. The zero value of each field means its default.
type SyncerOptions struct {
	// Cursors keeps the cursor between runs. Without one it is kept in memory, and a new process
	// begins with the full list.
	Cursors CursorStore

	// HandlerSavesCursor says that the handler writes [Batch].Cursor to where Cursors loads it from,
	// in its own transaction. SaveCursor is then never called.
	HandlerSavesCursor bool

	// Interval is the time between the end of a run and the start of the next: 30 minutes by
	// default. Apple publishes no limit; a cursor must be used once in seven days.
	Interval time.Duration

	// RetryWait is the pause after a failed run; it doubles with each further one up to Interval:
	// 30 seconds by default. Apple's Retry-After lengthens it.
	RetryWait time.Duration

	// Inventory yields the devices that the caller knows, when a full list begins. The Syncer then
	// reports the differences as events: added, modified, and removed for those that the list no
	// longer has and that Apple, asked for each of them ([Client.DeviceDetails]), says are out of
	// reach. Compared are the members that the inventory sets: serial numbers alone are enough to
	// find what was added and removed. It costs about 100 bytes of memory a device while the full
	// list is read.
	Inventory func(ctx context.Context) iter.Seq2[Device, error]

	// FullEvery is how often the full list is read beside the stream of changes, to find what the
	// stream left out: Apple is known to lose changes. The stream itself goes on where it was, so
	// nothing gets lost in between. Zero is never. It needs Inventory.
	FullEvery time.Duration

	// RemovalLimit is the share of the inventory that a full list may remove: 0.5 by default. A list
	// that lacks more, and more than ten devices, ends the run with [ErrTooManyRemoved] before
	// anything is removed: it is rather the wrong token than a fleet that was sold. 1 is no limit.
	RemovalLimit float64

	// OnRun is told of every run when it has ended.
	OnRun func(Run)
}

// Run is what a [Syncer] did between two pauses.
type Run struct {
	Started, Ended time.Time
	Batches        int  // dealt with
	Devices        int  // records in them
	Events         int  // events in them
	Full           bool // the full list was read, or a part of it
	Err            error
}

var (
	// ErrTooManyRemoved: the full list lacks more of the inventory than
	// [SyncerOptions.RemovalLimit] allows. Check that the token is the right one. If the devices
	// really are gone, run once with a higher limit.
	ErrTooManyRemoved = errors.New("the full list lacks too many known devices")

	// ErrHandler: the handler returned an error, which is in the chain too. The batch comes again.
	ErrHandler = errors.New("the handler failed")
)

// Syncer keeps a handler up to date with the device list, for months. It reads the full list once,
// then its changes; the cursor is kept after the handler is done with a batch, so every event is
// delivered at least once, whatever fails or dies in between. A cursor that has expired or is not
// known to Apple begins the full list again, once in a run. A stream that does not move ends the
// run; if that repeats, the next run begins with the full list.
//
// Use one Syncer for each server token, in one process at a time. Its methods are safe for
// concurrent use; runs do not overlap.
type Syncer struct {
	client *Client
	handle Handler
	opts   SyncerOptions

	running chan struct{} // holds a value while no run is under way
	wake    chan struct{}
	resync  atomic.Bool // the next run begins with the full list

	// Used by the run under way only.
	restart bool    // begin with the full list; stays until its first batch was dealt with
	stalls  int     // runs in a row that ended because the stream did not move
	census  *census // of the full list that is being read; kept when a run fails in the middle
}

// NewSyncer returns a Syncer that hands every batch to handle. A nil opts means defaults. It does
// no I/O; its errors are [*InputError].
func NewSyncer(client *Client, handle Handler, opts *SyncerOptions) (*Syncer, error) {
	s := &Syncer{client: client, handle: handle, running: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Cursors == nil {
		s.opts.Cursors = &memoryCursor{}
	}
	if s.opts.Interval == 0 {
		s.opts.Interval = 30 * time.Minute
	}
	if s.opts.RetryWait == 0 {
		s.opts.RetryWait = 30 * time.Second
	}
	if s.opts.RemovalLimit == 0 {
		s.opts.RemovalLimit = 0.5
	}
	s.running <- struct{}{}
	if err := s.check(opts); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Syncer) check(opts *SyncerOptions) error {
	switch {
	case s.client == nil:
		return &InputError{Field: "client", Rule: "must not be nil"}
	case s.handle == nil:
		return &InputError{Field: "handle", Rule: "must not be nil"}
	case s.opts.Interval < 0 || s.opts.RetryWait < 0 || s.opts.FullEvery < 0:
		return &InputError{Field: "SyncerOptions", Rule: "must not have a negative duration"}
	case s.opts.FullEvery > 0 && s.opts.Inventory == nil:
		return &InputError{Field: "SyncerOptions.FullEvery", Rule: "needs an Inventory to compare with"}
	case s.opts.HandlerSavesCursor && opts.Cursors == nil:
		return &InputError{Field: "SyncerOptions.HandlerSavesCursor", Rule: "needs Cursors to load from"}
	case s.opts.RemovalLimit < 0 || s.opts.RemovalLimit > 1:
		return &InputError{Field: "SyncerOptions.RemovalLimit", Rule: "must be between 0 and 1"}
	}
	return nil
}

// Run runs until ctx ends and returns the error of ctx. Failures, of Apple's, of the line and of the
// handler, end one run only; [SyncerOptions.OnRun] tells of them.
func (s *Syncer) Run(ctx context.Context) error {
	failures := 0
	for {
		err := s.Sync(ctx)
		if ended := poll.Cause(ctx); ended != nil {
			return ended
		}
		pause := s.opts.Interval
		if err != nil {
			pause = s.retryWait(failures, err)
			failures++
		} else {
			failures = 0
		}
		if err := poll.WaitOr(ctx, pause, s.wake); err != nil {
			return err
		}
	}
}

func (s *Syncer) retryWait(failures int, err error) time.Duration {
	backoff := poll.Backoff{Min: min(s.opts.RetryWait, s.opts.Interval), Max: s.opts.Interval}
	return max(backoff.Delay(failures), retryAfter(err))
}

// SyncNow ends the pause of [Syncer.Run]. During a run it makes the next one follow at once. It does
// not wait.
func (s *Syncer) SyncNow() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Resync makes the next run begin with the full list, as if there were no cursor. Devices that the
// stream of changes left out are then found. It does not start a run.
func (s *Syncer) Resync() { s.resync.Store(true) }

// Sync makes one run, to the end of the changes: for programs that are started to sync once. While
// another run is under way it waits for that to end.
func (s *Syncer) Sync(ctx context.Context) error {
	select {
	case <-s.running:
		defer func() { s.running <- struct{}{} }()
	case <-ctx.Done():
		return poll.Cause(ctx)
	}
	run := &Run{Started: time.Now()}
	run.Err = s.sync(ctx, run)
	run.Ended = time.Now()
	if s.opts.OnRun != nil {
		s.opts.OnRun(*run)
	}
	return run.Err
}

func (s *Syncer) sync(ctx context.Context, run *Run) error {
	cursor, err := s.opts.Cursors.LoadCursor(ctx)
	if err != nil {
		return fmt.Errorf("load the cursor: %w", err)
	}
	if s.resync.Swap(false) || s.stalls > 1 || s.interrupted(cursor) {
		s.restart = true
	}
	if s.restart {
		cursor = Cursor{}
	}
	last, err := s.follow(ctx, run, cursor)
	switch {
	case errors.Is(err, ErrSameCursor), errors.Is(err, ErrCursorExhausted):
		s.stalls++
		return err
	case err != nil:
		return err
	}
	s.stalls = 0
	if s.opts.FullEvery > 0 && time.Since(last.Started) >= s.opts.FullEvery {
		return s.reconcile(ctx, run, last)
	}
	return nil
}

// interrupted reports whether cursor is in the middle of a full list of which the census has not seen
// all that lies before it: a process that is gone has compared that, or a save that was said to have
// failed took place all the same. What was removed can then be told only by reading the list from its
// beginning.
func (s *Syncer) interrupted(cursor Cursor) bool {
	if s.opts.Inventory == nil || cursor.Phase != PhaseFetch || cursor.Value == "" {
		return false
	}
	return s.census == nil || s.census.upTo != cursor.Value
}

// follow reads the stream from cursor to its end and returns the last cursor.
func (s *Syncer) follow(ctx context.Context, run *Run, cursor Cursor) (Cursor, error) {
	for page, err := range s.client.Changes(ctx, cursor) {
		if err != nil {
			return cursor, err
		}
		if err := s.deliver(ctx, run, page, false); err != nil {
			return cursor, err
		}
		cursor = page.Cursor
	}
	return cursor, nil
}

// reconcile reads the full list beside the stream, whose cursor stays, and delivers the differences
// to the inventory.
func (s *Syncer) reconcile(ctx context.Context, run *Run, stream Cursor) error {
	s.census = nil
	defer func() { s.census = nil }()
	for page, err := range fullList(ctx, s.client.deviceFeed) {
		if err != nil {
			return err
		}
		started := page.Cursor.Started
		page.Cursor = stream
		if page.Completes {
			page.Cursor.Started = started
		}
		if err := s.deliver(ctx, run, page, true); err != nil {
			return err
		}
	}
	return nil
}

// deliver hands a page to the handler and keeps its cursor.
func (s *Syncer) deliver(ctx context.Context, run *Run, page *Page[Device], reconciling bool) error {
	batch := &Batch{
		Devices: page.Items, Events: Events(page.Items), Cursor: page.Cursor,
		Full: page.Phase == PhaseFetch, Begins: page.Begins, Completes: page.Completes, Reconciling: reconciling,
	}
	if batch.Full && s.opts.Inventory != nil {
		if err := s.compare(ctx, batch); err != nil {
			return err
		}
	}
	if err := s.handle(ctx, batch); err != nil {
		return fmt.Errorf("%w: %w", ErrHandler, err)
	}
	if !s.opts.HandlerSavesCursor {
		if err := s.opts.Cursors.SaveCursor(ctx, batch.Cursor); err != nil {
			return fmt.Errorf("save the cursor: %w", err)
		}
	}
	s.settle(batch)
	run.Batches++
	run.Devices += len(batch.Devices)
	run.Events += len(batch.Events)
	run.Full = run.Full || batch.Full
	return nil
}

// compare replaces the events of a batch of the full list by its differences to the inventory.
func (s *Syncer) compare(ctx context.Context, batch *Batch) error {
	if batch.Begins {
		c, err := takeCensus(s.opts.Inventory(ctx))
		if err != nil {
			return fmt.Errorf("read the inventory: %w", err)
		}
		s.census = c
	}
	batch.Events = s.census.differences(batch.Events)
	if !batch.Completes {
		return nil
	}
	removed := s.census.unseen(batch.Devices)
	if n := len(removed); n > 10 && float64(n) > s.opts.RemovalLimit*float64(s.census.size) {
		size := s.census.size
		s.census = nil
		return fmt.Errorf("%w: %d of %d", ErrTooManyRemoved, n, size)
	}
	removed, err := s.confirmRemoved(ctx, removed)
	if err != nil {
		return err
	}
	batch.Events = append(batch.Events, removed...)
	return nil
}

// confirmRemoved asks Apple for every device that the full list lacks, and returns the removals of
// those that really are out of reach. A list that ended too early costs no device.
func (s *Syncer) confirmRemoved(ctx context.Context, removed []Event) ([]Event, error) {
	if len(removed) == 0 {
		return nil, nil
	}
	serials := make([]string, len(removed))
	for i, e := range removed {
		serials[i] = e.Device.SerialNumber
	}
	details, err := s.client.DeviceDetails(ctx, serials)
	if err != nil {
		return nil, err
	}
	confirmed := removed[:0]
	for i, d := range details {
		if d.ResponseStatus.Gone() {
			confirmed = append(confirmed, removed[i])
		}
	}
	return confirmed, nil
}

// settle notes that a batch was dealt with. Only then are its devices seen: a batch that failed
// comes again and is compared again.
func (s *Syncer) settle(batch *Batch) {
	if batch.Begins && !batch.Reconciling {
		s.restart, s.stalls = false, 0
	}
	if batch.Full && s.census != nil {
		s.census.see(batch)
	}
	if batch.Completes {
		s.census = nil
	}
}
