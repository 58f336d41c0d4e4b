package legacy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/applemdm/applemdm/vpp"
)

// Management says who loses and who gets licences of one asset. Who loses comes first, so that the
// licences can go to others at once. Nobody needs to be named twice; who is, counts once.
//
// https://developer.apple.com/documentation/devicemanagement/managevpplicensesbyadamidrequest
type Management struct {
	AdamID       vpp.AdamID
	PricingParam vpp.PricingParam // [vpp.PricingStandard] by default

	// At most one of these has entries.
	DisassociateClientUserIDs []string
	DisassociateSerialNumbers []string

	// DisassociateLicenseIDs has some of [License.ID]. A licence that was taken back may have been
	// given to somebody else a moment later, so such a request is not repeated by itself when it
	// may have been carried out. Name whom it is taken from instead where that is known.
	DisassociateLicenseIDs []string

	// At most one of these has entries.
	AssociateClientUserIDs []string
	AssociateSerialNumbers []string

	// Quiet keeps Apple from telling users who lose something.
	Quiet bool
}

// ManagementResult is what became of a [Management], by entry.
type ManagementResult struct {
	ProductType     ProductType
	ProductTypeName string
	Irrevocable     bool

	// One for each distinct entry, in the order given.
	Disassociations []Outcome
	Associations    []Outcome
}

// Done reports whether everything is as it was asked for.
func (r *ManagementResult) Done() bool {
	undone := func(o Outcome) bool { return o.Status != vpp.StatusDone }
	return !slices.ContainsFunc(r.Disassociations, undone) && !slices.ContainsFunc(r.Associations, undone)
}

// Outcome is what became of one entry.
//
// https://developer.apple.com/documentation/devicemanagement/vppassociation
type Outcome struct {
	// What was asked for.
	ClientUserID string `json:"clientUserIdStr,omitzero"`
	SerialNumber string `json:"serialNumber,omitzero"`

	// LicenseID is the licence that was given. Of licences that were taken it is the one that was
	// named, if one was; what else Apple tells then is any that is free.
	LicenseID string `json:"licenseIdStr,omitzero"`

	// Number and Message are Apple's error. It comes also with what was as it was asked for already.
	Number  vpp.Number `json:"errorNumber,omitzero"`
	Message string     `json:"errorMessage,omitzero"`

	// With [NumberAlreadyAssigned]: the licence, or the other records of the same Apple Account that
	// have one.
	AlreadyAssigned *License `json:"licenseAlreadyAssigned,omitzero"`
	AssignedToUsers []User   `json:"regUsersAlreadyAssigned,omitzero"`

	Unknown vpp.Unknown `json:",embed"`

	// Status is [vpp.StatusDone] if the entry is as it was asked for, now or already before, and
	// [vpp.StatusFailed] if Apple refuses it. [vpp.StatusUncertain] and [vpp.StatusNotSent] come
	// with a [PartialError], and the former also for what an answer does not mention.
	Status vpp.Status `json:"-"`

	// Err says why it is not done; nil if it is.
	Err error `json:"-"`
}

// ErrNoOutcome: the answer does not mention the entry. Look what became of it.
var ErrNoOutcome = errors.New("the answer does not say what became of it")

// PartialError says that a management failed after Apple had already answered for some entries.
// errors.Is and errors.As reach the failure.
type PartialError struct {
	// Result has the outcomes that came. [Outcome.Err] of the others is Err.
	Result *ManagementResult
	Err    error
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("after some of several requests: %v", e.Err)
}
func (e *PartialError) Unwrap() error { return e.Err }

// manageRequest is one request for a part of a management.
type manageRequest struct {
	AdamID                    vpp.AdamID       `json:"adamIdStr"`
	PricingParam              vpp.PricingParam `json:"pricingParam"`
	AssociateClientUserIDs    []string         `json:"associateClientUserIdStrs,omitzero"`
	AssociateSerialNumbers    []string         `json:"associateSerialNumbers,omitzero"`
	DisassociateClientUserIDs []string         `json:"disassociateClientUserIdStrs,omitzero"`
	DisassociateSerialNumbers []string         `json:"disassociateSerialNumbers,omitzero"`
	DisassociateLicenseIDs    []string         `json:"disassociateLicenseIdStrs,omitzero"`
	NotifyDisassociation      *bool            `json:"notifyDisassociation,omitzero"` // true if absent
}

type manageAnswer struct {
	envelope
	Number          vpp.Number  `json:"errorNumber"`
	Message         string      `json:"errorMessage"`
	ProductType     ProductType `json:"productTypeId"`
	ProductTypeName string      `json:"productTypeName"`
	Irrevocable     bool        `json:"isIrrevocable"`
	Associations    []Outcome   `json:"associations"`
	Disassociations []Outcome   `json:"disassociations"`
}

// partial: that some or all entries failed is told by entry.
func (a *manageAnswer) partial() bool { return len(a.Associations)+len(a.Disassociations) > 0 }

const opManage = "manage licenses"

// ManageLicenses takes licences of one asset from some and gives them to others, and returns what
// became of each. It is synchronous, unlike version 2: what is done is done when it returns.
//
// It costs one request for as many entries as [ServiceConfig.MaxBatchAssociate] and
// [ServiceConfig.MaxBatchDisassociate] say, one after the other. That an entry fails is no error:
// see [Outcome.Status]. A failure after the first request is a [*PartialError]. Who has the asset
// already, or has it no more, counts as done, so a management of users and devices may be repeated.
//
// https://developer.apple.com/documentation/devicemanagement/manage-licenses
func (c *Client) ManageLicenses(ctx context.Context, m Management) (*ManagementResult, error) {
	w, err := newWork(c, m)
	if err != nil {
		return nil, err
	}
	for w.left() {
		if err := w.step(ctx); err != nil {
			return nil, w.failed(err)
		}
	}
	return &w.result, nil
}
