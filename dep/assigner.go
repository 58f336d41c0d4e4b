package dep

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/poll"
)

// Assignment is the wish that a device have a profile, and what has become of it. To keep it as JSON
// is fine; Err is not in there.
type Assignment struct {
	SerialNumber string
	ProfileUUID  string

	// Status is of the last try, "" before the first. A throttle is the device's, whatever the
	// profile: a new wish begins with [StatusThrottled] while the device is known to be.
	Status Status

	Tries     int       // that came to nothing; waiting out a throttle and failed requests do not count
	NotBefore time.Time // when it is tried next, at the earliest; the zero time is at once
	Settled   bool      // well or not ([Status.Done] tells), and no longer pending

	// Err is what Apple answered, or why it did not, if the last request for the device failed as a
	// whole. A settled one was given up for it.
	Err error `json:"-"`
}

// AssignerOptions of an [Assigner]. The zero value of each field means its default.
type AssignerOptions struct {
	// OnOutcome is told of every try that came to an outcome, for every device, unless the device
	// was asked for again or forgotten during the try. Calls do not overlap, not with those of
	// OnError either; they run on the goroutine of Run or Drain and may call the Assigner.
	OnOutcome func(Assignment)

	// OnError is told of every request that failed and left its devices pending, such as with
	// [ErrTermsNotSigned], [ErrUserAgent] or [ErrUnavailable], after the repetitions that
	// [Options.Retry] allows. [Assignment.Err] has it too, for each of the devices. That the context
	// of Run or Drain ended is no error here.
	OnError func(error)

	// Always assigns without looking first whether the device has the profile already. Looking
	// costs a request for every [MaxBatch] devices and keeps Apple from throttling them.
	Always bool

	// Verify reads devices back after they were assigned, and tries again those that do not have
	// the profile.
	Verify bool

	// MaxTries is after how many tries a device that Apple answers FAILED for, or does not mention,
	// is given up: 5 by default.
	MaxTries int

	// RetryWait is the pause after such a try; it doubles up to 24 hours: 5 minutes by default.
	RetryWait time.Duration

	// ThrottleWait is the pause for a throttled device when Apple does not say how long: 24 hours
	// by default, as Apple has told others.
	ThrottleWait time.Duration
}

// Assigner sees to it that devices get their profiles: it leaves those alone that have them, waits
// for those that Apple throttles until Apple wants to be asked again, tries others again for a
// while, and tells of every outcome.
//
// Profiles have their turns, a request of [MaxBatch] devices each. After a request that failed, the
// devices of that profile pause, longer each time, from 5 seconds up to half an hour, and as long
// as Apple's Retry-After says, up to 24 hours; the other profiles go on. When Apple refuses the body
// of a request for many devices ([ErrMalformedRequest]), the halves are tried, so that one bad serial
// number settles alone, with its [Assignment.Err]; after 20 such refusals the rest is left to the next
// try.
//
// An Assigner keeps its list in memory, about 200 bytes a device; keep [Assigner.Pending] to go on
// after a restart. All methods are safe for concurrent use.
type Assigner struct {
	client *Client
	opts   AssignerOptions

	running chan struct{} // holds a value while nobody works
	wake    chan struct{}

	mu sync.Mutex

	// pending is by serial number. An entry is replaced, never changed: a try knows by the address
	// whether the device was asked for again meanwhile.
	pending map[string]*Assignment
	pauses  map[string]pause // of the profiles whose last request failed, by UUID
	turn    string           // the profile that was tried last
}

// NewAssigner returns an Assigner with nothing to do. A nil opts means defaults. It does no I/O; its
// errors are [*InputError].
func NewAssigner(client *Client, opts *AssignerOptions) (*Assigner, error) {
	a := &Assigner{
		client: client, running: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		pending: map[string]*Assignment{}, pauses: map[string]pause{},
	}
	a.running <- struct{}{}
	if opts != nil {
		a.opts = *opts
	}
	switch {
	case client == nil:
		return nil, &InputError{Field: "client", Rule: "must not be nil"}
	case a.opts.MaxTries < 0:
		return nil, &InputError{Field: "AssignerOptions.MaxTries", Rule: "must not be negative"}
	case a.opts.RetryWait < 0 || a.opts.ThrottleWait < 0:
		return nil, &InputError{Field: "AssignerOptions", Rule: "must not have a negative duration"}
	}
	a.opts.MaxTries = cmp.Or(a.opts.MaxTries, 5)
	a.opts.RetryWait = cmp.Or(a.opts.RetryWait, 5*time.Minute)
	a.opts.ThrottleWait = cmp.Or(a.opts.ThrottleWait, maxAssignWait)
	return a, nil
}

// maxAssignWait bounds every pause but that of a throttled device. It also is what is believed of
// Retry-After, which a wrong clock can make a date far away.
const maxAssignWait = 24 * time.Hour

// Assign asks for a profile on devices, in the place of what was asked for them before. It does no
// I/O. A device that is pending for the same profile keeps its place: asking again does not end its
// throttle. If it is being tried at this moment, it is tried once more after that, for what Apple was
// told may be from before the wish. Another profile does not end a throttle either.
//
// New wishes end the pause of a profile whose last request failed, but not before Apple wants to be
// asked again, and not within 5 seconds.
func (a *Assigner) Assign(profileUUID string, serials []string) error {
	if err := checkProfileUUID(profileUUID); err != nil {
		return err
	}
	unique, err := field.Serials("serials", serials)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, serial := range unique {
		next := Assignment{SerialNumber: serial, ProfileUUID: profileUUID}
		before := a.pending[serial]
		switch {
		case before != nil && normalUUID(before.ProfileUUID) == normalUUID(profileUUID):
			next = *before
		case before != nil:
			next.keepThrottle(before)
			a.endPause(profileUUID)
		default:
			a.endPause(profileUUID)
		}
		a.pending[serial] = &next
	}
	a.look()
	return nil
}

// Restore takes over what another Assigner had [Assigner.Pending]. What is pending here already is
// newer and stays, but learns of a throttle.
func (a *Assigner) Restore(pending []Assignment) error {
	for _, p := range pending {
		if err := field.Serial("Assignment.SerialNumber", p.SerialNumber); err != nil {
			return err
		}
		if err := checkProfileUUID(p.ProfileUUID); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, next := range pending {
		if next.Settled {
			continue
		}
		if before := a.pending[next.SerialNumber]; before != nil {
			restored := next
			next = *before
			next.keepThrottle(&restored)
		}
		a.pending[next.SerialNumber] = &next
	}
	a.look()
	return nil
}

// keepThrottle makes p wait as long as other, which is of the same device, if Apple throttles that.
func (p *Assignment) keepThrottle(other *Assignment) {
	if other.Status.Is(StatusThrottled) && other.NotBefore.After(p.NotBefore) {
		p.Status, p.NotBefore = other.Status, other.NotBefore
	}
}

// Forget drops what is pending for devices, such as those that left this server. A request that is
// under way is not taken back, but nothing more comes of it here.
func (a *Assigner) Forget(serials []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, serial := range serials {
		delete(a.pending, serial)
	}
	a.look()
}

// look makes the worker look at the list again.
func (a *Assigner) look() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Pending returns what is not settled, by serial number. The pause after a failed request is not in
// NotBefore.
func (a *Assigner) Pending() []Assignment {
	a.mu.Lock()
	defer a.mu.Unlock()
	pending := make([]Assignment, 0, len(a.pending))
	for _, p := range a.pending {
		pending = append(pending, *p)
	}
	slices.SortFunc(pending, func(x, y Assignment) int { return cmp.Compare(x.SerialNumber, y.SerialNumber) })
	return pending
}

// Run works until ctx ends, and returns the error of ctx. When Apple cannot be asked, or refuses the
// account or a request, the devices stay pending and are tried again after a pause;
// [AssignerOptions.OnError] tells of it.
func (a *Assigner) Run(ctx context.Context) error { return a.work(ctx, false) }

// Drain works until nothing is pending, which takes as long as Apple's throttles last. It returns
// the error of ctx if that ends first.
//
// It also returns, with everything unsettled still pending, the error of a request that repeating
// does not mend: a refusal of the account or its token (those of [State]), any other answer with a
// status of 4xx (such as [ErrUserAgent]), or an [*InputError] for the token. It goes on, with pauses,
// after [ErrTooManyRequests], [ErrUnauthorized], 408, 425, 5xx, answers that cannot be understood, and
// when Apple cannot be reached or the token not be read. Calling it again tries at once what Apple
// has not asked to wait for.
func (a *Assigner) Drain(ctx context.Context) error { return a.work(ctx, true) }

func (a *Assigner) work(ctx context.Context, untilEmpty bool) error {
	select {
	case <-a.running:
		defer func() { a.running <- struct{}{} }()
	case <-ctx.Done():
		return poll.Cause(ctx)
	}
	a.endPauses()
	for {
		profileUUID, due, wait := a.next(time.Now())
		switch {
		case len(due) > 0:
			err := a.try(ctx, profileUUID, due)
			if ended := poll.Cause(ctx); ended != nil {
				return ended
			}
			if untilEmpty && lasting(err) {
				return err
			}
		case untilEmpty && wait < 0:
			return poll.Cause(ctx)
		default:
			if err := poll.WaitOr(ctx, wait, a.wake); err != nil {
				return err
			}
		}
	}
}

// endPauses lets whoever begins to work begin at once.
func (a *Assigner) endPauses() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for profileUUID := range a.pauses {
		a.endPause(profileUUID)
	}
}

// next returns up to [MaxBatch] devices that are due for the profile whose turn it is, or how long
// it takes until one is due; less than zero is for ever.
func (a *Assigner) next(now time.Time) (profileUUID string, due []*Assignment, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	wait = -1
	byProfile := map[string][]*Assignment{}
	for _, p := range a.pending {
		until := max(p.NotBefore.Sub(now), a.pauses[p.ProfileUUID].until.Sub(now))
		switch batch := byProfile[p.ProfileUUID]; {
		case until > 0 && (wait < 0 || until < wait):
			wait = until
		case until <= 0 && len(batch) < MaxBatch:
			byProfile[p.ProfileUUID] = append(batch, p)
		}
	}
	if len(byProfile) == 0 {
		return "", nil, wait
	}
	a.turn = following(a.turn, slices.Sorted(maps.Keys(byProfile)))
	return a.turn, byProfile[a.turn], 0
}

// following returns the first of sorted, which is not empty, that comes after last, round and round.
func following(last string, sorted []string) string {
	i, found := slices.BinarySearch(sorted, last)
	if found {
		i++
	}
	return sorted[i%len(sorted)]
}
