package dep

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/poll"
)

// Assignment is the wish that a device have a profile, and what has become of it.
type Assignment struct {
	SerialNumber string
	ProfileUUID  string

	Status    Status    // of the last try; "" before the first
	Tries     int       // that came to nothing; waiting out a throttle does not count
	NotBefore time.Time // when it is tried next; the zero time is at once
	Done      bool      // it is settled, well or not, and no longer pending
	Err       error     // why it was given up, if Apple refused the request as a whole
}

// AssignerOptions of an [Assigner]. The zero value of each field means its default.
type AssignerOptions struct {
	// OnOutcome is told of every try for every device. Calls do not overlap; they run on the
	// goroutine of Run or Drain.
	OnOutcome func(Assignment)

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
// while, and tells of every outcome. It keeps its list in memory, about 200 bytes a device; keep
// [Assigner.Pending] to go on after a restart. All methods are safe for concurrent use.
type Assigner struct {
	client *Client
	opts   AssignerOptions

	running chan struct{} // holds a value while nobody works
	wake    chan struct{}

	mu      sync.Mutex
	pending map[string]*Assignment // by serial number; an entry is replaced, never changed
}

// NewAssigner returns an Assigner with nothing to do. A nil opts means defaults. It does no I/O; its
// errors are [*InputError].
func NewAssigner(client *Client, opts *AssignerOptions) (*Assigner, error) {
	a := &Assigner{
		client: client, running: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		pending: map[string]*Assignment{},
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

// maxAssignWait bounds the pause after tries that came to nothing.
const maxAssignWait = 24 * time.Hour

// Assign asks for a profile on devices, in the place of what was asked for them before. It does no
// I/O. A device that is pending for the same profile keeps its place: asking again does not end its
// throttle.
func (a *Assigner) Assign(profileUUID string, serials []string) error {
	if err := checkProfileUUID(profileUUID); err != nil {
		return err
	}
	unique, err := field.Serials("serials", serials)
	if err != nil {
		return err
	}
	assignments := make([]Assignment, len(unique))
	for i, serial := range unique {
		assignments[i] = Assignment{SerialNumber: serial, ProfileUUID: profileUUID}
	}
	a.enter(assignments)
	return nil
}

// Restore takes over what another Assigner had [Assigner.Pending].
func (a *Assigner) Restore(pending []Assignment) error {
	for _, p := range pending {
		if err := field.Serial("Assignment.SerialNumber", p.SerialNumber); err != nil {
			return err
		}
		if err := checkProfileUUID(p.ProfileUUID); err != nil {
			return err
		}
	}
	a.enter(pending)
	return nil
}

func (a *Assigner) enter(assignments []Assignment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, next := range assignments {
		before := a.pending[next.SerialNumber]
		if before != nil && normalUUID(before.ProfileUUID) == normalUUID(next.ProfileUUID) || next.Done {
			continue
		}
		a.pending[next.SerialNumber] = &next
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Forget drops what is pending for devices, such as those that left this server.
func (a *Assigner) Forget(serials []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, serial := range serials {
		delete(a.pending, serial)
	}
}

// Pending returns what is not settled, by serial number.
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
// account, everything stays pending and is tried again, with pauses that grow up to half an hour.
func (a *Assigner) Run(ctx context.Context) error { return a.work(ctx, false) }

// Drain works until nothing is pending, which takes as long as Apple's throttles last. It returns
// the error of ctx if that ends first.
func (a *Assigner) Drain(ctx context.Context) error { return a.work(ctx, true) }

func (a *Assigner) work(ctx context.Context, untilEmpty bool) error {
	select {
	case <-a.running:
		defer func() { a.running <- struct{}{} }()
	case <-ctx.Done():
		return poll.Cause(ctx)
	}
	backoff := poll.Backoff{Min: 5 * time.Second, Max: 30 * time.Minute}
	for failures := 0; ; {
		profileUUID, due, wait := a.next(time.Now())
		switch {
		case len(due) > 0:
			if err := a.try(ctx, profileUUID, due); err != nil {
				wait = max(backoff.Delay(failures), retryAfter(err))
				failures++
				if err := poll.Wait(ctx, wait); err != nil {
					return err
				}
				continue
			}
			failures = 0
		case untilEmpty && wait < 0:
			return poll.Cause(ctx)
		default:
			if err := poll.WaitOr(ctx, wait, a.wake); err != nil {
				return err
			}
		}
	}
}

// next returns up to [MaxBatch] devices that are due for one profile, or how long it takes until one
// is due; less than zero is for ever.
func (a *Assigner) next(now time.Time) (profileUUID string, due []string, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	wait = -1
	for serial, p := range a.pending {
		if until := p.NotBefore.Sub(now); until > 0 {
			if wait < 0 || until < wait {
				wait = until
			}
			continue
		}
		if profileUUID == "" {
			profileUUID = p.ProfileUUID
		}
		if p.ProfileUUID == profileUUID && len(due) < MaxBatch {
			due = append(due, serial)
		}
	}
	slices.Sort(due)
	return profileUUID, due, wait
}

// try makes one try for devices. Its error leaves all of them pending.
func (a *Assigner) try(ctx context.Context, profileUUID string, serials []string) error {
	outcomes, err := a.outcomes(ctx, profileUUID, serials)
	switch {
	case errors.Is(err, ErrProfileNotFound), errors.Is(err, ErrMalformedRequest):
		for _, serial := range serials {
			a.settle(profileUUID, Outcome{SerialNumber: serial, Status: StatusFailed}, err)
		}
		return nil
	case err != nil:
		return err
	}
	for _, o := range outcomes {
		a.settle(profileUUID, o, nil)
	}
	return nil
}

// outcomes looks, assigns and verifies, as the options say.
func (a *Assigner) outcomes(ctx context.Context, profileUUID string, serials []string) (Outcomes, error) {
	var outcomes Outcomes
	if !a.opts.Always {
		details, err := a.client.DeviceDetails(ctx, serials)
		if err != nil {
			return nil, err
		}
		serials = serials[:0:0]
		for _, d := range details {
			switch {
			case d.HasProfile(profileUUID):
				outcomes = append(outcomes, Outcome{SerialNumber: d.SerialNumber, Status: StatusSkipped})
			case d.ResponseStatus.Gone():
				outcomes = append(outcomes, Outcome{SerialNumber: d.SerialNumber, Status: d.ResponseStatus})
			default:
				serials = append(serials, d.SerialNumber)
			}
		}
	}
	if len(serials) == 0 {
		return outcomes, nil
	}
	result, err := a.client.AssignProfile(ctx, profileUUID, serials)
	if err != nil {
		return nil, err
	}
	if a.opts.Verify {
		if err := a.verify(ctx, profileUUID, result.Outcomes); err != nil {
			return nil, err
		}
	}
	return append(outcomes, result.Outcomes...), nil
}

// verify reads back the devices that Apple says it assigned, and marks those that do not have the
// profile.
func (a *Assigner) verify(ctx context.Context, profileUUID string, outcomes Outcomes) error {
	assigned := outcomes.Serials(StatusSuccess)
	if len(assigned) == 0 {
		return nil
	}
	details, err := a.client.DeviceDetails(ctx, assigned)
	if err != nil {
		return err
	}
	confirmed := make(map[string]bool, len(details))
	for _, d := range details {
		confirmed[d.SerialNumber] = d.HasProfile(profileUUID)
	}
	for i := range outcomes {
		if o := &outcomes[i]; o.Status.Is(StatusSuccess) && !confirmed[o.SerialNumber] {
			o.Status = StatusUnverified
		}
	}
	return nil
}

// settle takes in the outcome of a try, unless another profile was asked for meanwhile, and tells
// of it.
func (a *Assigner) settle(profileUUID string, o Outcome, err error) {
	a.mu.Lock()
	before := a.pending[o.SerialNumber]
	if before == nil || before.ProfileUUID != profileUUID {
		a.mu.Unlock()
		return
	}
	after := a.after(*before, o, err)
	if after.Done {
		delete(a.pending, o.SerialNumber)
	} else {
		a.pending[o.SerialNumber] = &after
	}
	a.mu.Unlock()
	if a.opts.OnOutcome != nil {
		a.opts.OnOutcome(after)
	}
}

// after returns p as it is after the outcome of a try.
func (a *Assigner) after(p Assignment, o Outcome, err error) Assignment {
	p.Status, p.Err, p.NotBefore = o.Status, err, time.Time{}
	switch {
	case err != nil, o.Status.Done(), o.Status.Gone():
		p.Done = true
	case o.Status.Is(StatusThrottled):
		p.NotBefore = o.NotBefore
		if p.NotBefore.IsZero() {
			p.NotBefore = time.Now().Add(a.opts.ThrottleWait)
		}
	default:
		wait := poll.Backoff{Min: a.opts.RetryWait, Max: maxAssignWait}.Delay(p.Tries)
		p.Tries++
		p.NotBefore = time.Now().Add(wait)
		p.Done = p.Tries >= a.opts.MaxTries
	}
	return p
}
