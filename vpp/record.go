package vpp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// OperationRecord is an [Operation] in a form that can be kept as JSON, for [Client.ResumeOperation].
// It holds the e-mail addresses and Managed Apple Accounts of users who are created or updated.
type OperationRecord struct {
	Type EventType `json:"type"`
	UID  string    `json:"uId,omitzero"` // of the location

	// What it is for.
	Assets        []AssetKey    `json:"assets,omitzero"`
	Subscriptions []AdamNumber  `json:"subscriptions,omitzero"`
	ClientUserIDs []string      `json:"clientUserIds,omitzero"`
	SerialNumbers []string      `json:"serialNumbers,omitzero"`
	Users         []UserRequest `json:"users,omitzero"`
	Renewing      *bool         `json:"renewing,omitzero"`
	Deferred      *bool         `json:"deferred,omitzero"`

	Requests []RequestRecord `json:"requests"`
}

// RequestRecord is a share of an [OperationRecord], and what became of the request for it.
type RequestRecord struct {
	EventID string    `json:"eventId,omitzero"` // "" if Apple has not queued it, or nobody knows
	SentAt  time.Time `json:"sentAt,omitzero"`
	AskedAt time.Time `json:"askedAt,omitzero"` // when the event was pending last

	// Indexes: of Assets or Subscriptions, and of ClientUserIDs and then SerialNumbers, or Users.
	Products []int `json:"products"`
	Targets  []int `json:"targets"`

	Status   Status `json:"status"`            // StatusPending if Apple has queued it, whatever came of it later
	Repeated bool   `json:"repeated,omitzero"` // an earlier request for the same may have done it
	Resent   bool   `json:"resent,omitzero"`   // for the second time, after the first event was given up

	// Of the error, if there was one.
	StatusCode int    `json:"statusCode,omitzero"`
	Number     Number `json:"number,omitzero"`
	Message    string `json:"message,omitzero"`
}

// Record returns what was sent, and what was not, so that another process can go on with it. It does
// not say what has become of the events: that is asked anew.
func (op *Operation) Record() *OperationRecord {
	o := op.order
	r := &OperationRecord{Type: o.kind, UID: op.client.UID(), Users: slices.Clone(o.users), Renewing: o.renewing, Deferred: o.deferred}
	for _, p := range o.products {
		switch {
		case p.subscription != 0:
			r.Subscriptions = append(r.Subscriptions, p.subscription)
		case p.asset != AssetKey{}:
			r.Assets = append(r.Assets, p.asset)
		}
	}
	for _, t := range o.targets {
		switch {
		case t.serialNumber != "":
			r.SerialNumbers = append(r.SerialNumbers, t.serialNumber)
		case o.users == nil:
			r.ClientUserIDs = append(r.ClientUserIDs, t.clientUserID)
		}
	}
	r.Requests = op.requests()
	return r
}

func (op *Operation) requests() (records []RequestRecord) {
	op.mu.Lock()
	defer op.mu.Unlock()
	for _, p := range op.parts {
		if p.phase == replaced {
			continue
		}
		r := RequestRecord{
			EventID: p.eventID, SentAt: p.sentAt, AskedAt: p.asked, Products: slices.Clone(p.products), Targets: slices.Clone(p.targets),
			Status: p.status, Repeated: p.lost, Resent: p.resent,
		}
		if e, ok := errors.AsType[*Error](p.err); ok {
			r.StatusCode, r.Number, r.Message = e.StatusCode, e.Number, e.Message
		} else if p.err != nil {
			r.Message = p.err.Error()
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b RequestRecord) int {
		return cmp.Or(slices.Compare(a.Products, b.Products), slices.Compare(a.Targets, b.Targets))
	})
	return records
}

// ResumeOperation returns the operation of a record that was kept, to wait for it. It does no I/O. Its
// errors are [*InputError]: the record is of another location, or was not made by [Operation.Record].
func (c *Client) ResumeOperation(r *OperationRecord) (*Operation, error) {
	if r == nil {
		return nil, &InputError{Field: "record", Rule: "must not be nil"}
	}
	if uid := c.UID(); r.UID != "" && uid != "" && r.UID != uid {
		return nil, &InputError{Field: "record.UID", Rule: "is " + r.UID + "; this client is of " + uid}
	}
	o, err := r.order()
	if err != nil {
		return nil, err
	}
	op := newOperation(c, o)
	for i, request := range r.Requests {
		if err := op.restore(request); err != nil {
			return nil, &InputError{Field: fmt.Sprintf("record.Requests[%d]", i), Rule: err.Error()}
		}
	}
	for i := range op.cells {
		if op.cells[i].status == "" {
			op.cells[i].settle(StatusNotSent, errNotRecorded)
		}
	}
	for _, p := range op.parts {
		if p.eventID != "" {
			c.notices.wait(op, p.eventID)
		}
	}
	return op, nil
}

var errNotRecorded = errors.New("the record does not say why")

// order returns what the record is for.
func (r *OperationRecord) order() (*order, error) {
	o := orderFor(r.Type, r.Subscriptions != nil)
	if o.op == "" {
		return nil, &InputError{Field: "record.Type", Rule: fmt.Sprintf("is %q, which is none", r.Type)}
	}
	o.users, o.renewing, o.deferred = slices.Clone(r.Users), r.Renewing, r.Deferred
	var err error
	switch {
	case r.Subscriptions != nil:
		o.products, err = subscriptionProducts(r.Subscriptions)
	case r.Type == EventAssociate || r.Type == EventDisassociate:
		o.products, err = assetProducts(r.Assets)
	}
	if err != nil {
		return nil, err
	}
	targets := Targets{r.ClientUserIDs, r.SerialNumbers}
	for _, u := range r.Users {
		targets.ClientUserIDs = append(targets.ClientUserIDs, u.ClientUserID)
	}
	if o.targets, err = targets.holders("record"); err != nil {
		return nil, err
	}
	return &o, r.check(&o)
}

// check refuses a record that lacks something.
func (r *OperationRecord) check(o *order) error {
	byUser := r.Type == EventCreate || r.Type == EventUpdate
	switch {
	case byUser != (r.Users != nil) || byUser && len(o.targets) != len(r.Users):
		return &InputError{Field: "record.Users", Rule: "does not belong to the type, or names somebody twice"}
	case r.Subscriptions != nil && (r.Renewing != nil) != (r.Type == EventAssociate):
		return &InputError{Field: "record.Renewing", Rule: "belongs to subscriptions that are associated"}
	case r.Subscriptions != nil && (r.Deferred != nil) != (r.Type == EventDisassociate):
		return &InputError{Field: "record.Deferred", Rule: "belongs to subscriptions that are disassociated"}
	}
	return nil
}

// restore takes over a request of a record.
func (op *Operation) restore(r RequestRecord) error {
	within := func(indexes []int, n int) bool {
		return len(indexes) > 0 && slices.Min(indexes) >= 0 && slices.Max(indexes) < n
	}
	if !within(r.Products, len(op.order.products)) || !within(r.Targets, len(op.order.targets)) {
		return errors.New("has indexes of nothing")
	}
	switch r.Status {
	case StatusPending, StatusUncertain, StatusFailed, StatusNotSent, StatusDone:
	default:
		return fmt.Errorf("has the status %q, which is none of a request", r.Status)
	}
	p := &part{
		products: slices.Clone(r.Products), targets: slices.Clone(r.Targets),
		eventID: r.EventID, sentAt: r.SentAt, lost: r.Repeated, resent: r.Resent,
	}
	var why error
	if r.EventID == "" && r.Status != StatusDone {
		why = r.error(op.order.op)
	}
	p.left(r.Status, why)
	if r.Status == StatusPending || r.Status == StatusUncertain {
		wait, awaited := op.askAfter()
		p.followOn(wait, awaited, r.AskedAt, time.Now())
	}
	op.add(p)
	return nil
}

// error returns the error of a request as far as it is recorded.
func (r *RequestRecord) error(op string) error {
	switch {
	case r.StatusCode+int(r.Number) != 0:
		e := &Error{Op: op, StatusCode: r.StatusCode}
		reported{Number: r.Number, Message: r.Message}.fill(e)
		if e.Number == 0 {
			e.Err = statusSentinel(e.StatusCode)
		}
		return e
	case r.Message != "":
		return errors.New(r.Message)
	}
	return errNotRecorded
}
