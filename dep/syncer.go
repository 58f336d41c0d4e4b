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

	// RemovalLimit is the share of the inventory that a full list may remove: 0.5 by default. When
	// more, and more than ten devices, are gone, none of them is reported and the run ends with
	// [ErrTooManyRemoved]: it is rather the wrong token than a fleet that was sold. 1 is no limit.
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
	// ErrTooManyRemoved: more of the inventory is gone than [SyncerOptions.RemovalLimit] allows.
	// Everything else was delivered. Check that the token is the right one. If the devices really
	// are gone, call [Syncer.Resync] on a Syncer with a higher limit.
	ErrTooManyRemoved = errors.New("too many known devices are gone")

	// ErrHandler: the handler returned an error, which is in the chain too. The batch comes again.
	ErrHandler = errors.New("the handler failed")
)

// Syncer keeps a handler up to date with the device list, for months. It reads the full list once,
// then its changes; the cursor is kept after the handler is done with a batch, so every event is
// delivered at least once, whatever fails or dies in between. A cursor that has expired or is not
// known to Apple begins the full list again, once in a run. A stream that does not move ends the
// run; if the next run finds it so again, the full list is read, at most once an hour.
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

// maxRetryWait bounds what is believed of Retry-After, which a wrong clock can make a date far away:
// a cursor must be used in time.
const maxRetryWait = 24 * time.Hour

func (s *Syncer) retryWait(failures int, err error) time.Duration {
	backoff := poll.Backoff{Min: min(s.opts.RetryWait, s.opts.Interval), Max: s.opts.Interval}
	return max(backoff.Delay(failures), min(retryAfter(err), maxRetryWait))
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
// stream of changes left out are then found. It does not start a run, and is forgotten when the process
// ends before that.
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
	if s.resync.Swap(false) || s.interrupted(cursor) {
		s.restart = true
	}
	if s.restart {
		cursor = Cursor{}
	}
	last, err := s.follow(ctx, run, cursor)
	if isStall(err) && cursor.Stalled && time.Since(cursor.Started) >= stallPatience {
		s.restart = true
		last, err = s.follow(ctx, run, Cursor{})
	}
	if isStall(err) {
		return errors.Join(err, s.keepStalled(ctx, run, last))
	}
	if err != nil {
		return err
	}
	if s.opts.FullEvery > 0 && time.Since(last.Started) >= s.opts.FullEvery {
		return s.reconcile(ctx, run, last)
	}
	return nil
}

// stallPatience is the least time between two full lists that are read because the stream does not
// move.
const stallPatience = time.Hour

// isStall reports whether a stream ended because its cursor does not move.
func isStall(err error) bool {
	return errors.Is(err, ErrSameCursor) || errors.Is(err, ErrCursorExhausted)
}

// keepStalled marks the cursor, so that the next run, perhaps of another process, knows that the
// stream did not move.
func (s *Syncer) keepStalled(ctx context.Context, run *Run, cursor Cursor) error {
	if cursor.Value == "" {
		return nil
	}
	cursor.Stalled = true
	return s.hand(ctx, run, &Batch{Cursor: cursor})
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
