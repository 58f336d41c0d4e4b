package dep

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// tried is what became of one device in a try.
type tried struct {
	Outcome
	err error // for which the device is given up
}

// try makes one try for the devices that are due. Its error says why those that have no outcome stay
// pending.
func (a *Assigner) try(ctx context.Context, profileUUID string, due []*Assignment) error {
	underWay := make(map[string]*Assignment, len(due))
	for _, p := range due {
		underWay[p.SerialNumber] = p
	}
	results, err := a.ask(ctx, profileUUID, slices.Sorted(maps.Keys(underWay)))
	failed := err != nil && ctx.Err() == nil

	a.mu.Lock()
	outcomes := a.takeIn(underWay, results)
	if failed {
		a.postpone(profileUUID, underWay, err)
	} else if err == nil {
		delete(a.pauses, profileUUID)
	}
	a.mu.Unlock()

	if a.opts.OnOutcome != nil {
		for _, o := range outcomes {
			a.opts.OnOutcome(o)
		}
	}
	if failed && a.opts.OnError != nil {
		a.opts.OnError(err)
	}
	return err
}

// maxRefusals is how many requests Apple may call malformed before a try ends. To find one bad device
// among [MaxBatch] takes ten, so every try settles at least one.
const maxRefusals = 20

// ask asks Apple for all serials at once or, while it calls that malformed, for ever smaller parts.
// What became of some of them is good with an error, too.
func (a *Assigner) ask(ctx context.Context, profileUUID string, serials []string) (results []tried, err error) {
	refusals, accepted := 0, false
	for parts := [][]string{serials}; len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		outcomes, err := a.attempt(ctx, profileUUID, part)
		for _, o := range outcomes {
			results = append(results, tried{Outcome: o})
		}
		part = without(part, outcomes)
		accepted = accepted || err == nil
		malformed := errors.Is(err, ErrMalformedRequest)
		switch {
		case err == nil:
		case errors.Is(err, ErrProfileNotFound), malformed && len(part) == 1:
			for _, serial := range part {
				results = append(results, tried{Outcome{SerialNumber: serial, Status: StatusFailed}, err})
			}
		case !malformed:
			return results, err
		case refusals == maxRefusals && accepted:
			return results, nil // it is not all devices: the rest has the next try
		case refusals == maxRefusals:
			return results, err
		default:
			refusals++
			half := len(part) / 2
			parts = append([][]string{part[:half], part[half:]}, parts...)
		}
	}
	return results, nil
}

// without returns the serials that have no outcome.
func without(serials []string, outcomes Outcomes) []string {
	answered := make(map[string]bool, len(outcomes))
	for _, o := range outcomes {
		answered[o.SerialNumber] = true
	}
	return slices.DeleteFunc(slices.Clone(serials), func(serial string) bool { return answered[serial] })
}

// attempt looks, assigns and verifies, as the options say. The outcomes before an error are good.
func (a *Assigner) attempt(ctx context.Context, profileUUID string, serials []string) (Outcomes, error) {
	var outcomes Outcomes
	if !a.opts.Always {
		var err error
		if outcomes, err = a.needless(ctx, profileUUID, serials); err != nil {
			return nil, err
		}
		serials = without(serials, outcomes)
	}
	if len(serials) == 0 {
		return outcomes, nil
	}
	result, err := a.client.AssignProfile(ctx, profileUUID, serials)
	if err != nil {
		return outcomes, err
	}
	assigned := result.Outcomes
	if a.opts.Verify {
		assigned, err = a.verified(ctx, profileUUID, assigned)
	}
	return append(outcomes, assigned...), err
}

// needless looks at devices and returns the outcomes of those that there is nothing to assign to.
func (a *Assigner) needless(ctx context.Context, profileUUID string, serials []string) (Outcomes, error) {
	details, err := a.client.DeviceDetails(ctx, serials)
	if err != nil {
		return nil, err
	}
	var outcomes Outcomes
	for _, d := range details {
		switch {
		case d.HasProfile(profileUUID):
			outcomes = append(outcomes, Outcome{SerialNumber: d.SerialNumber, Status: StatusSkipped})
		case d.ResponseStatus.Gone():
			outcomes = append(outcomes, Outcome{SerialNumber: d.SerialNumber, Status: d.ResponseStatus})
		}
	}
	return outcomes, nil
}

// verified reads back the devices that Apple says it assigned, and returns the outcomes with those
// marked that do not have the profile. With an error, it returns the outcomes that need no reading.
func (a *Assigner) verified(ctx context.Context, profileUUID string, outcomes Outcomes) (Outcomes, error) {
	assigned := outcomes.With(StatusSuccess).Serials()
	if len(assigned) == 0 {
		return outcomes, nil
	}
	details, err := a.client.DeviceDetails(ctx, assigned)
	if err != nil {
		return slices.DeleteFunc(outcomes, func(o Outcome) bool { return o.Status.Is(StatusSuccess) }), err
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
	return outcomes, nil
}

// takeIn takes in what became of devices, takes those out of underWay, and returns what is to be
// told. The outcome of a device that was asked for again meanwhile, or forgotten, is of no interest,
// but that it is throttled holds for every wish.
func (a *Assigner) takeIn(underWay map[string]*Assignment, results []tried) []Assignment {
	var outcomes []Assignment
	for _, r := range results {
		before, now := underWay[r.SerialNumber], a.pending[r.SerialNumber]
		delete(underWay, r.SerialNumber)
		after := a.after(*before, r)
		switch {
		case now == nil:
			continue
		case now != before:
			renewed := *now
			renewed.keepThrottle(&after)
			a.pending[r.SerialNumber] = &renewed
			continue
		case after.Settled:
			delete(a.pending, r.SerialNumber)
		default:
			a.pending[r.SerialNumber] = &after
		}
		outcomes = append(outcomes, after)
	}
	return outcomes
}

// after returns p as it is after a try.
func (a *Assigner) after(p Assignment, r tried) Assignment {
	p.Status, p.Err, p.NotBefore = r.Status, r.err, time.Time{}
	switch {
	case r.err != nil, r.Status.Done(), r.Status.Gone():
		p.Settled = true
	case r.Status.Is(StatusThrottled):
		p.NotBefore = r.NotBefore
		if p.NotBefore.IsZero() {
			p.NotBefore = time.Now().Add(a.opts.ThrottleWait)
		}
	default:
		wait := poll.Backoff{Min: a.opts.RetryWait, Max: maxAssignWait}.Delay(p.Tries)
		p.Tries++
		p.NotBefore = time.Now().Add(wait)
		p.Settled = p.Tries >= a.opts.MaxTries
	}
	return p
}

// pause is how long the devices of a profile wait after a request that failed.
type pause struct {
	failures int       // in a row
	until    time.Time // it lasts so long by itself
	least    time.Time // and so long if somebody ends it
}

// failurePause is the pause after a failure that Apple does not say how long to wait after.
var failurePause = poll.Backoff{Min: 5 * time.Second, Max: 30 * time.Minute}

// postpone leaves devices pending after a request for them failed, and begins a pause.
func (a *Assigner) postpone(profileUUID string, underWay map[string]*Assignment, err error) {
	for serial, before := range underWay {
		if a.pending[serial] == before {
			after := *before
			after.Err = err
			a.pending[serial] = &after
		}
	}
	now := time.Now()
	maps.DeleteFunc(a.pauses, func(_ string, p pause) bool { // nobody asks for these profiles any more
		return now.Sub(p.until) > maxAssignWait
	})
	asked := min(retryAfter(err), maxAssignWait)
	p := a.pauses[profileUUID]
	p.until = now.Add(max(failurePause.Delay(p.failures), asked))
	p.least = now.Add(max(failurePause.Min, asked))
	p.failures++
	a.pauses[profileUUID] = p
}

// endPause ends the pause of a profile as soon as that may be.
func (a *Assigner) endPause(profileUUID string) {
	p, ok := a.pauses[profileUUID]
	if ok && p.least.Before(p.until) {
		p.until = p.least
		a.pauses[profileUUID] = p
	}
}

// lasting reports whether a request that failed with err is not mended by repeating it. [Assigner.Drain]
// documents which.
func lasting(err error) bool {
	if err == nil || errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrTooManyRequests) {
		return false
	}
	if _, ok := errors.AsType[*InputError](err); ok || stateOf(err) != StateUnknown {
		return true
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.StatusCode == http.StatusRequestTimeout || e.StatusCode == http.StatusTooEarly {
		return false
	}
	return e.StatusCode >= 400 && e.StatusCode < 500
}
