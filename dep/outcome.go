package dep

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/applemdm/applemdm/internal/field"
)

// Status is what became of one device in a call for many.
type Status string

// What Apple answers for a device. Compare with [Status.Is].
const (
	StatusSuccess       Status = "SUCCESS"
	StatusNotAccessible Status = "NOT_ACCESSIBLE" // unknown, or not assigned to this server
	StatusNotFound      Status = "NOT_FOUND"      // as NOT_ACCESSIBLE; seen with older services
	StatusFailed        Status = "FAILED"         // try later; after several times, ask Apple
	StatusThrottled     Status = "THROTTLED"      // assigned too often; see [Outcome.NotBefore]
)

// What this package says for a device that Apple did not answer for.
const (
	StatusMissing   Status = "missing from the answer" // Apple answered, but not for this device
	StatusUncertain Status = "uncertain"               // in the request that failed: it may have been done
	StatusNotSent   Status = "not sent"                // in a request that was not sent after the failure
	StatusSkipped   Status = "skipped"                 // nothing to do: an [Assigner] found it done

	// StatusUnverified: an [Assigner] read the device back, and it does not have the profile.
	StatusUnverified Status = "assigned but not confirmed"
)

// Is reports whether both are the same, whatever their case.
func (s Status) Is(other Status) bool { return strings.EqualFold(string(s), string(other)) }

// Done reports whether the device is as it was asked for.
func (s Status) Done() bool { return s.Is(StatusSuccess) || s.Is(StatusSkipped) }

// Gone reports whether this server has no say over the device: trying again does not help.
func (s Status) Gone() bool { return s.Is(StatusNotAccessible) || s.Is(StatusNotFound) }

// Outcome is what became of one device.
type Outcome struct {
	SerialNumber string
	Status       Status

	// NotBefore is, for a device that is throttled, the earliest time at which Apple wants to be
	// asked again. It is zero when Apple named none, as before protocol version 10.
	NotBefore time.Time
}

// Outcomes has one Outcome for each distinct serial number, in the order given.
type Outcomes []Outcome

// With returns the outcomes that have the status.
func (o Outcomes) With(status Status) Outcomes {
	var with Outcomes
	for _, outcome := range o {
		if outcome.Status.Is(status) {
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
	return !slices.ContainsFunc(o, func(outcome Outcome) bool { return !outcome.Status.Done() })
}

// PartialError says that a call for many devices failed after Apple had already answered for some
// of them. errors.Is and errors.As reach the failure.
type PartialError struct {
	// Outcomes has the answers that came, [StatusUncertain] for the devices of the request that
	// failed, and [StatusNotSent] for the rest.
	Outcomes Outcomes
	Err      error
}

func (e *PartialError) Error() string {
	answered := 0
	for _, o := range e.Outcomes {
		if o.Status != StatusUncertain && o.Status != StatusNotSent {
			answered++
		}
	}
	return fmt.Sprintf("after %d of %d devices: %v", answered, len(e.Outcomes), e.Err)
}

func (e *PartialError) Unwrap() error { return e.Err }

// statusAnswer is how every call that changes many devices answers.
type statusAnswer struct {
	ProfileUUID       string            `json:"profile_uuid"`
	Devices           map[string]Status `json:"devices"`
	RetryAfterSeconds int               `json:"retry_after_seconds"`
}

// maxRetryAfter bounds what is believed of retry_after_seconds: ten years.
const maxRetryAfter = 10 * 365 * 24 * 3600

// of returns what the answer, which came just now, says of the devices of batch.
func (a *statusAnswer) of(batch []string) Outcomes {
	var notBefore time.Time
	if a.RetryAfterSeconds > 0 {
		notBefore = time.Now().Add(time.Duration(min(a.RetryAfterSeconds, maxRetryAfter)) * time.Second)
	}
	outcomes := make(Outcomes, 0, len(batch))
	for _, serial := range batch {
		o := Outcome{SerialNumber: serial, Status: StatusMissing}
		if status := a.Devices[serial]; status != "" {
			o.Status = status
		}
		if o.Status.Is(StatusThrottled) {
			o.NotBefore = notBefore
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

// outcomesOf makes one call for every batch of serials and merges the answers. What was answered
// before a failure is not lost: see [PartialError].
func outcomesOf(serials []string, do func(batch []string) (*statusAnswer, error)) (Outcomes, error) {
	unique, err := field.Serials("serials", serials)
	if err != nil {
		return nil, err
	}
	outcomes := make(Outcomes, 0, len(unique))
	for batch := range slices.Chunk(unique, MaxBatch) {
		answer, err := do(batch)
		if err != nil {
			return nil, partial(outcomes, batch, unique, err)
		}
		outcomes = append(outcomes, answer.of(batch)...)
	}
	return outcomes, nil
}

// partial returns err, with the outcomes of all of serials around it if some were answered before
// batch failed.
func partial(answered Outcomes, batch, serials []string, err error) error {
	if len(answered) == 0 {
		return err
	}
	outcomes := slices.Clone(answered)
	for i, serial := range serials[len(answered):] {
		status := StatusUncertain
		if i >= len(batch) {
			status = StatusNotSent
		}
		outcomes = append(outcomes, Outcome{SerialNumber: serial, Status: status})
	}
	return &PartialError{Outcomes: outcomes, Err: err}
}

// outcomesAfter returns what is known of serials after a call for them failed with err.
func outcomesAfter(serials []string, err error) Outcomes {
	if e, ok := errors.AsType[*PartialError](err); ok {
		return e.Outcomes
	}
	outcomes := make(Outcomes, len(serials))
	for i, serial := range serials {
		outcomes[i] = Outcome{SerialNumber: serial, Status: StatusNotSent}
		if i < MaxBatch {
			outcomes[i].Status = StatusUncertain
		}
	}
	return outcomes
}
