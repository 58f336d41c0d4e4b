package axm

import (
	"fmt"
	"slices"

	"github.com/applemdm/applemdm/internal/undone"
)

// Status is what became of one device in an [Operation].
type Status string

// What can become of it.
const (
	StatusDone      Status = "done"      // it is as it was asked for
	StatusFailed    Status = "failed"    // Apple refused it: [Outcome.Err] says why
	StatusPending   Status = "pending"   // in an activity that has not ended yet
	StatusNotSent   Status = "not sent"  // in no activity, and so not done: [Outcome.Err] says why
	StatusUncertain Status = "uncertain" // it may have been done: [Outcome.Err] says why that is not known

	// StatusMissing: the activity has ended, and its log does not have the device. That is how Apple
	// leaves out serial numbers that are not of the organisation, silently.
	StatusMissing Status = "missing from the log"

	// StatusUnverified: Apple said that it is done, and [Operation.Verify] or
	// [Client.VerifyAssigned] has found that it is not, or not yet.
	StatusUnverified Status = "done but not confirmed"
)

// Outcome is what became of one device.
type Outcome struct {
	SerialNumber string
	ActivityID   string // which it is in; "" if in none, or if that is not known
	Status       Status

	// Err says why it is not done; it is nil where it is, and where there is nothing to say yet. Of
	// what is in the log it is a [*DeviceError], of an activity that failed altogether an
	// [*ActivityError], and of a request the error of that.
	Err error
}

// String names the device and its status.
func (o Outcome) String() string { return o.SerialNumber + ": " + string(o.Status) }

// Outcomes has one Outcome for each distinct serial number, in the order given.
type Outcomes []Outcome

// With returns the outcomes that have the status.
func (o Outcomes) With(status Status) Outcomes {
	var with Outcomes
	for _, outcome := range o {
		if outcome.Status == status {
			with = append(with, outcome)
		}
	}
	return with
}

// Serials returns the serial numbers of the outcomes.
func (o Outcomes) Serials() []string {
	serials := make([]string, len(o))
	for i, outcome := range o {
		serials[i] = outcome.SerialNumber
	}
	return serials
}

// Done reports whether everything is as it was asked for.
func (o Outcomes) Done() bool {
	return !slices.ContainsFunc(o, func(outcome Outcome) bool { return outcome.Status != StatusDone })
}

// Result is what has become of an [Operation].
type Result struct {
	Outcomes Outcomes
}

// Done reports whether everything is as it was asked for.
func (r *Result) Done() bool { return r.Outcomes.Done() }

// Failed returns the outcomes that Apple refused.
func (r *Result) Failed() Outcomes { return r.Outcomes.With(StatusFailed) }

// Pending returns the outcomes whose activities have not ended yet.
func (r *Result) Pending() Outcomes { return r.Outcomes.With(StatusPending) }

// Missing returns the outcomes that Apple left out silently: see [StatusMissing].
func (r *Result) Missing() Outcomes { return r.Outcomes.With(StatusMissing) }

// Err returns nil if everything is done, and otherwise an [*UndoneError] that says what is not:
// errors.Is and errors.As reach each reason.
func (r *Result) Err() error {
	return undone.Of(len(r.Outcomes), func(yield func(string, error) bool) {
		for _, o := range r.Outcomes {
			if o.Status != StatusDone && !yield(string(o.Status), o.Err) {
				return
			}
		}
	})
}

// UndoneError says that a part of an [Operation] is not done: Undone of Total outcomes, for its
// Reasons, each of which it holds once and errors.Is and errors.As reach.
type UndoneError = undone.Error

// DeviceError is what the log of an activity says of a device for which it failed. Its texts are
// Apple's; there is no published list of them.
type DeviceError struct {
	Status    string // such as ISSUE
	SubStatus string // such as OPERATION_NOT_ALLOWED, which is also said of what is as it should be already
}

func (e *DeviceError) Error() string {
	return fmt.Sprintf("the activity failed for the device: %s %s", e.Status, e.SubStatus)
}

// ActivityError says how an activity ended that did not tell what became of a device.
type ActivityError struct {
	ID        string
	Status    ActivityStatus
	SubStatus ActivitySubStatus
	Err       error // why its log could not be read; nil if it was
}

func (e *ActivityError) Error() string {
	text := fmt.Sprintf("activity %s ended as %s (%s)", e.ID, e.Status, e.SubStatus)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *ActivityError) Unwrap() error { return e.Err }
