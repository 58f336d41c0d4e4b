package vpp

import (
	"errors"
	"fmt"
	"slices"

	"github.com/applemdm/applemdm/internal/undone"
)

// Status is what became of one part of an [Operation].
type Status string

// What can become of it.
const (
	StatusDone      Status = "done"      // it is as it was asked for
	StatusFailed    Status = "failed"    // Apple refused it: [Outcome.Err] is an [*Error]
	StatusPending   Status = "pending"   // Apple has queued it, and has not said yet what became of it
	StatusNotSent   Status = "not sent"  // in no request, and so not done: [Outcome.Err] says why
	StatusUncertain Status = "uncertain" // it may have been done: [Outcome.Err] says why that is not known

	// StatusUnverified: Apple said that it is done, and [Operation.Verify] has found that it is not.
	StatusUnverified Status = "done but not confirmed"
)

// Outcome is what became of one asset or subscription for one target, of everything that is taken
// from one target, or of one user.
type Outcome struct {
	Asset        AssetKey   // zero where it is about no single asset
	Subscription AdamNumber // 0 where it is about none

	// One of both.
	ClientUserID string
	SerialNumber string

	Status Status

	// Err says why it is not done; it is nil where it is, and where there is nothing to say yet.
	Err error
}

// String names what the outcome is of, and its status.
func (o Outcome) String() string {
	product := ""
	switch {
	case o.Asset != AssetKey{}:
		product = fmt.Sprintf("%s (%s) for ", o.Asset.AdamID, o.Asset.PricingParam)
	case o.Subscription != 0:
		product = fmt.Sprintf("%d for ", o.Subscription)
	}
	return fmt.Sprintf("%s%s%s: %s", product, o.ClientUserID, o.SerialNumber, o.Status)
}

// Outcomes has one Outcome for each that was asked for: by product in the order given, and within it
// by target, users first.
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

// Done reports whether everything is as it was asked for.
func (o Outcomes) Done() bool {
	return !slices.ContainsFunc(o, func(outcome Outcome) bool { return outcome.Status != StatusDone })
}

// Targets returns whom the outcomes are about, each once.
func (o Outcomes) Targets() Targets {
	var t Targets
	seen := make(map[holder]bool, len(o))
	for _, outcome := range o {
		h := holder{outcome.ClientUserID, outcome.SerialNumber}
		switch {
		case seen[h]:
		case h.serialNumber != "":
			t.SerialNumbers = append(t.SerialNumbers, h.serialNumber)
		default:
			t.ClientUserIDs = append(t.ClientUserIDs, h.clientUserID)
		}
		seen[h] = true
	}
	return t
}

// Result is what has become of an [Operation].
type Result struct {
	Outcomes Outcomes
}

// Done reports whether everything is as it was asked for.
func (r *Result) Done() bool { return r.Outcomes.Done() }

// Failed returns the outcomes that Apple refused.
func (r *Result) Failed() Outcomes { return r.Outcomes.With(StatusFailed) }

// Pending returns the outcomes that Apple has queued and not told of yet.
func (r *Result) Pending() Outcomes { return r.Outcomes.With(StatusPending) }

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

// refusal returns why nothing was queued.
func (r *Result) refusal() error {
	e, _ := errors.AsType[*UndoneError](r.Err())
	if len(e.Reasons) == 1 {
		return e.Reasons[0]
	}
	return errors.Join(e.Reasons...)
}

// UndoneError says that a part of an [Operation] is not done: Undone of Total outcomes, for its
// Reasons, each of which it holds once and errors.Is and errors.As reach.
type UndoneError = undone.Error
