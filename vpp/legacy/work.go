package legacy

import (
	"context"
	"errors"
	"fmt"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/vpp"
)

// entries are what a management names on one side: users, devices or licences.
type entries struct {
	kind entryKind
	ids  []string
}

type entryKind int

const (
	noEntries entryKind = iota
	userEntries
	deviceEntries
	licenseEntries
)

// cut returns the first n entries, or all, and the rest.
func (e entries) cut(n int) (first, rest entries) {
	n = min(n, len(e.ids))
	return entries{e.kind, e.ids[:n]}, entries{e.kind, e.ids[n:]}
}

// of returns the entries if they are of that kind.
func (e entries) of(kind entryKind) []string {
	if e.kind != kind {
		return nil
	}
	return e.ids
}

// outcome returns an outcome of entry number i about which nothing is known.
func (e entries) outcome(i int) Outcome {
	switch e.kind {
	case userEntries:
		return Outcome{ClientUserID: e.ids[i]}
	case deviceEntries:
		return Outcome{SerialNumber: e.ids[i]}
	}
	return Outcome{LicenseID: e.ids[i]}
}

// outcomes returns one outcome for each entry, all of that status for that reason.
func (e entries) outcomes(status vpp.Status, err error) []Outcome {
	all := make([]Outcome, len(e.ids))
	for i := range e.ids {
		all[i] = e.outcome(i)
		all[i].Status, all[i].Err = status, err
	}
	return all
}

// work is a management that is being carried out. It is for one goroutine.
type work struct {
	client     *Client
	management Management
	take, give entries // not yet answered
	taking     entries // in the request under way
	giving     entries // in the request under way
	answered   bool    // at least one request
	result     ManagementResult
}

func newWork(c *Client, m Management) (*work, error) {
	if m.AdamID == "" {
		return nil, &vpp.InputError{Field: "Management.AdamID", Rule: "must not be empty"}
	}
	if err := checkAdamID("Management.AdamID", m.AdamID); err != nil {
		return nil, err
	}
	if m.PricingParam == "" {
		m.PricingParam = vpp.PricingStandard
	}
	w := &work{client: c, management: m}
	var err error
	w.take, err = oneOf(
		side{userEntries, "Management.DisassociateClientUserIDs", m.DisassociateClientUserIDs},
		side{deviceEntries, "Management.DisassociateSerialNumbers", m.DisassociateSerialNumbers},
		side{licenseEntries, "Management.DisassociateLicenseIDs", m.DisassociateLicenseIDs},
	)
	if err != nil {
		return nil, err
	}
	w.give, err = oneOf(
		side{userEntries, "Management.AssociateClientUserIDs", m.AssociateClientUserIDs},
		side{deviceEntries, "Management.AssociateSerialNumbers", m.AssociateSerialNumbers},
	)
	if err == nil && !w.left() {
		err = &vpp.InputError{Field: "Management", Rule: "must name somebody to give licenses to or to take them from"}
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

// side is one of the fields of a management of which one may be set.
type side struct {
	kind  entryKind
	field string
	ids   []string
}

// oneOf returns the distinct entries of the one side that has some. Apple does not say what it does
// with more than one.
func oneOf(sides ...side) (entries, error) {
	var found side
	for _, s := range sides {
		if len(s.ids) == 0 {
			continue
		}
		if found.kind != noEntries {
			return entries{}, &vpp.InputError{Field: s.field, Rule: "must not have entries together with " + found.field}
		}
		found = s
	}
	if found.kind == deviceEntries {
		ids, err := field.Serials(found.field, found.ids)
		return entries{found.kind, ids}, err
	}
	ids, err := distinct(found.field, found.ids)
	return entries{found.kind, ids}, err
}

func distinct(field string, ids []string) ([]string, error) {
	seen := make(map[string]bool, len(ids))
	all := make([]string, 0, len(ids))
	for i, id := range ids {
		if id == "" {
			return nil, &vpp.InputError{Field: fmt.Sprintf("%s[%d]", field, i), Rule: "must not be empty"}
		}
		if !seen[id] {
			seen[id], all = true, append(all, id)
		}
	}
	return all, nil
}

func (w *work) left() bool { return len(w.take.ids)+len(w.give.ids) > 0 }

// step makes one request and notes the outcomes. When Apple says that it has too many entries, and
// that is so by now, step has only learnt the new limits.
func (w *work) step(ctx context.Context) error {
	config, err := w.client.currentConfig(ctx)
	if err != nil {
		return err
	}
	w.part(config.config)
	answer := new(manageAnswer)
	err = w.client.call(ctx, request{op: opManage, service: serviceManage, body: w.body()}, answer)
	if e, ok := err.(*vpp.Error); ok && e.Number == vpp.NumberInvalidArgument {
		return w.relearn(ctx, config, err)
	}
	if err != nil {
		return err
	}
	w.note(answer)
	return nil
}

// part decides what the next request has: first who loses, and when all of them are in, who gets.
func (w *work) part(limits *ServiceConfig) {
	w.taking, _ = w.take.cut(limits.MaxBatchDisassociate)
	w.giving = entries{}
	if len(w.taking.ids) == len(w.take.ids) {
		w.giving, _ = w.give.cut(limits.MaxBatchAssociate)
	}
}

func (w *work) body() manageRequest {
	r := manageRequest{
		AdamID:                    w.management.AdamID,
		PricingParam:              w.management.PricingParam,
		AssociateClientUserIDs:    w.giving.of(userEntries),
		AssociateSerialNumbers:    w.giving.of(deviceEntries),
		DisassociateClientUserIDs: w.taking.of(userEntries),
		DisassociateSerialNumbers: w.taking.of(deviceEntries),
		DisassociateLicenseIDs:    w.taking.of(licenseEntries),
	}
	if w.management.Quiet {
		r.NotifyDisassociation = new(false)
	}
	return r
}

// relearn reads the limits again after Apple has refused a request for an argument. It returns refused
// unless they are lower now than what the request had.
func (w *work) relearn(ctx context.Context, old *publishedConfig, refused error) error {
	config, err := w.client.readAgain(ctx, old, serviceManage)
	if err != nil {
		return refused
	}
	if len(w.taking.ids) > config.config.MaxBatchDisassociate || len(w.giving.ids) > config.config.MaxBatchAssociate {
		return nil
	}
	return refused
}

// note adds what an answer says to the result.
func (w *work) note(a *manageAnswer) {
	r := &w.result
	r.ProductType, r.ProductTypeName, r.Irrevocable = a.ProductType, a.ProductTypeName, a.Irrevocable
	r.Disassociations = append(r.Disassociations, a.outcomes(w.taking, a.Disassociations)...)
	r.Associations = append(r.Associations, a.outcomes(w.giving, a.Associations)...)
	_, w.take = w.take.cut(len(w.taking.ids))
	_, w.give = w.give.cut(len(w.giving.ids))
	w.taking, w.giving = entries{}, entries{}
	w.answered = true
}

// outcomes returns what the answer says of each entry that was asked for. Users and devices are found
// by their IDs; licences, of which Apple may tell others, by their order.
func (a *manageAnswer) outcomes(asked entries, said []Outcome) []Outcome {
	byID := make(map[string]Outcome, len(said))
	for i, o := range said {
		switch {
		case asked.kind != licenseEntries:
			byID[o.ClientUserID+o.SerialNumber] = o
		case len(said) == len(asked.ids):
			byID[asked.ids[i]] = o
		}
	}
	all := make([]Outcome, len(asked.ids))
	for i, id := range asked.ids {
		o, found := byID[id]
		if !found {
			o = asked.outcome(i)
			o.Status, o.Err = vpp.StatusUncertain, ErrNoOutcome
			all[i] = o
			continue
		}
		o.Status, o.Err = a.statusOf(o)
		if asked.kind == licenseEntries {
			o.LicenseID = id
		}
		all[i] = o
	}
	return all
}

// statusOf returns [Outcome.Status] and [Outcome.Err] of an outcome.
func (a *manageAnswer) statusOf(o Outcome) (vpp.Status, error) {
	number, message := o.Number, o.Message
	switch {
	case number == 0 && (o.LicenseID != "" || a.Status == 0):
		return vpp.StatusDone, nil
	case number == 0:
		number, message = a.Number, a.Message
	}
	switch number {
	case NumberAlreadyAssigned, NumberStillAssigned, NumberNotAssigned:
		return vpp.StatusDone, nil
	case 0:
		return vpp.StatusUncertain, ErrNoOutcome
	}
	return vpp.StatusFailed, &vpp.Error{Op: opManage, StatusCode: 200, Number: number, Message: message, Err: sentinels[number]}
}

// failed returns err, with what was answered before around it.
func (w *work) failed(err error) error {
	if !w.answered {
		return err
	}
	status := statusAfter(err)
	_, take := w.take.cut(len(w.taking.ids))
	_, give := w.give.cut(len(w.giving.ids))
	r := &w.result
	r.Disassociations = append(append(r.Disassociations, w.taking.outcomes(status, err)...), take.outcomes(vpp.StatusNotSent, err)...)
	r.Associations = append(append(r.Associations, w.giving.outcomes(status, err)...), give.outcomes(vpp.StatusNotSent, err)...)
	return &PartialError{Result: r, Err: err}
}

// statusAfter returns what became of the entries of a request that ended with err.
func statusAfter(err error) vpp.Status {
	if line, ok := errors.AsType[*vpp.TransportError](err); ok {
		if line.Sent {
			return vpp.StatusUncertain
		}
		return vpp.StatusNotSent
	}
	switch e, ok := errors.AsType[*vpp.Error](err); {
	case !ok, errors.Is(e, vpp.ErrMaintenance), errors.Is(e, vpp.ErrTooManyRequests):
		return vpp.StatusNotSent
	case errors.Is(e, vpp.ErrServer), errors.Is(e, vpp.ErrUnexpectedAnswer):
		return vpp.StatusUncertain
	}
	return vpp.StatusFailed
}
