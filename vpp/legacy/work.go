package legacy

import (
	"context"
	"errors"

	"github.com/applemdm/applemdm/vpp"
)

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
	err = w.client.call(ctx, request{op: opManage, service: serviceManage, body: w.body(), once: w.taking.kind == licenseEntries}, answer)
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
