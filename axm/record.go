package axm

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/applemdm/applemdm/internal/field"
)

// OperationRecord is an [Operation] in a form that can be kept as JSON, for [Client.ResumeOperation].
type OperationRecord struct {
	Type          ActivityType `json:"type"`
	ServerID      string       `json:"serverId,omitzero"`
	Deadline      time.Time    `json:"deadline,omitzero"`
	SerialNumbers []string     `json:"serialNumbers"`

	Activities []ActivityRecord `json:"activities"`
}

// ActivityRecord is a share of an [OperationRecord], and what became of the request for it.
type ActivityRecord struct {
	ID       string    `json:"id,omitzero"` // "" if Apple has not begun it, or nobody knows
	ServerID string    `json:"serverId,omitzero"`
	SentAt   time.Time `json:"sentAt,omitzero"`
	Devices  []int     `json:"devices"` // indexes of SerialNumbers
	Status   Status    `json:"status"`  // StatusPending if Apple has begun it, whatever came of it later

	// Of the error, if there was one.
	StatusCode int         `json:"statusCode,omitzero"`
	Items      []ErrorItem `json:"errors,omitzero"`
	Message    string      `json:"message,omitzero"`
}

// Record returns what was sent, and what was not, so that another process can go on with it. It does
// not say what has become of the activities: that is asked anew, for which Apple leaves 30 days.
func (op *Operation) Record() *OperationRecord {
	o := op.order
	r := &OperationRecord{Type: o.kind, ServerID: o.serverID, Deadline: o.deadline, SerialNumbers: slices.Clone(o.serials)}
	op.mu.Lock()
	defer op.mu.Unlock()
	for _, p := range op.parts {
		a := ActivityRecord{ID: p.activityID, ServerID: p.serverID, SentAt: p.sentAt, Devices: slices.Clone(p.devices), Status: p.status}
		if e, ok := errors.AsType[*Error](p.err); ok {
			a.StatusCode, a.Items = e.StatusCode, e.Items
		} else if p.err != nil {
			a.Message = p.err.Error()
		}
		r.Activities = append(r.Activities, a)
	}
	return r
}

// ResumeOperation returns the operation of a record that was kept, to wait for it. It does no I/O. Its
// errors are [*InputError]: the record was not made by [Operation.Record].
//
// Of an activity that was begun elsewhere, a record can be made by hand: the Type, the SerialNumbers,
// and in Activities its ID, the indexes of its devices and [StatusPending]. Of one of which only the ID
// is known, use [Client.WaitActivity] and [Client.ActivityLog].
func (c *Client) ResumeOperation(r *OperationRecord) (*Operation, error) {
	if r == nil {
		return nil, &InputError{Field: "record", Rule: "must not be nil"}
	}
	o, err := r.order()
	if err != nil {
		return nil, err
	}
	op := newOperation(c, o)
	op.mu.Lock()
	defer op.mu.Unlock()
	for i, a := range r.Activities {
		if err := op.restore(a); err != nil {
			return nil, &InputError{Field: fmt.Sprintf("record.Activities[%d]", i), Rule: err.Error()}
		}
	}
	for i := range op.cells {
		if op.cells[i].status == "" {
			op.cells[i].settle(StatusNotSent, errNotRecorded)
		}
	}
	return op, nil
}

var errNotRecorded = errors.New("the record does not say why")

// order returns what the record is for.
func (r *OperationRecord) order() (*order, error) {
	if r.Type.op() == "" {
		return nil, &InputError{Field: "record.Type", Rule: fmt.Sprintf("is %q, which is none", r.Type)}
	}
	if r.Type.needsServer() {
		if err := checkID("record.ServerID", r.ServerID); err != nil {
			return nil, err
		}
	}
	if r.Type.needsDeadline() == r.Deadline.IsZero() {
		return nil, &InputError{Field: "record.Deadline", Rule: "must be there if the type has one, and only then"}
	}
	unique, err := field.Serials("record.SerialNumbers", r.SerialNumbers)
	if err != nil {
		return nil, err
	}
	if len(unique) != len(r.SerialNumbers) {
		return nil, &InputError{Field: "record.SerialNumbers", Rule: "must not name a device twice"}
	}
	return &order{kind: r.Type, serverID: r.ServerID, deadline: r.Deadline.UTC().Truncate(time.Second), serials: unique}, nil
}

// restore takes over an activity of a record. The caller holds mu.
func (op *Operation) restore(a ActivityRecord) error {
	if len(a.Devices) == 0 || slices.Min(a.Devices) < 0 || slices.Max(a.Devices) >= len(op.cells) {
		return errors.New("has indexes of nothing")
	}
	for _, i := range a.Devices {
		if op.cells[i].status != "" {
			return errors.New("has a device that another one has, or has it twice")
		}
		op.cells[i].status = StatusPending // until all of them were looked at
	}
	p := &part{devices: slices.Clone(a.Devices), serverID: a.ServerID, activityID: a.ID, sentAt: a.SentAt, status: a.Status}
	switch a.Status {
	case StatusPending:
		if rule := idRule(a.ID); rule != "" {
			return fmt.Errorf("has an ID that %s", rule)
		}
	case StatusUncertain, StatusFailed, StatusNotSent:
		if a.ID != "" {
			return fmt.Errorf("has an ID and the status %q", a.Status)
		}
		p.err = a.error(op.order.kind.op())
	default:
		return fmt.Errorf("has the status %q, which is none of a request", a.Status)
	}
	op.add(p)
	if a.Status == StatusPending || a.Status == StatusUncertain {
		op.follow(p)
	}
	return nil
}

// error returns the error of a request as far as it is recorded.
func (a *ActivityRecord) error(op string) error {
	if a.StatusCode != 0 {
		e := &Error{Op: op, StatusCode: a.StatusCode, Items: a.Items}
		e.Err = cmp.Or(statusSentinel(a.StatusCode), codeSentinel(e))
		return e
	}
	if a.Message != "" {
		return errors.New(a.Message)
	}
	return errNotRecorded
}
