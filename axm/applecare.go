package axm

import (
	"context"
	"errors"
)

// AppleCareCoverage is one plan that covers, or covered, a device; the Limited Warranty is one too.
//
// https://developer.apple.com/documentation/applebusinessapi/applecarecoverage
type AppleCareCoverage struct {
	ID              string          `json:"id,omitzero"`
	Status          CoverageStatus  `json:"status,omitzero"`
	PaymentType     CoveragePayment `json:"paymentType,omitzero"`
	Description     string          `json:"description,omitzero"`     // name of the plan
	AgreementNumber string          `json:"agreementNumber,omitzero"` // none of the Limited Warranty and of AppleCare+ for Business

	Start          Time `json:"startDateTime,omitzero"`
	End            Time `json:"endDateTime,omitzero"`            // none of AppleCare+ for Business
	ContractCancel Time `json:"contractCancelDateTime,omitzero"` // when it was cancelled

	IsRenewable bool `json:"isRenewable,omitzero"`
	IsCanceled  bool `json:"isCanceled,omitzero"`

	Unknown Unknown `json:",embed"`
}

// CoverageStatus says whether a plan covers the device now.
type CoverageStatus string

// The statuses that Apple names.
const (
	CoverageActive   CoverageStatus = "ACTIVE"
	CoverageInactive CoverageStatus = "INACTIVE"
)

// CoveragePayment says how a plan is paid for.
type CoveragePayment string

// The ways that Apple names.
const (
	PaidByBusinessSubscription CoveragePayment = "ABE_SUBSCRIPTION" // of Apple Business Essentials
	PaidUpFront                CoveragePayment = "PAID_UP_FRONT"
	PaidBySubscription         CoveragePayment = "SUBSCRIPTION"
	PaidNone                   CoveragePayment = "NONE"
)

func (a *AppleCareCoverage) flatten(id string) { a.ID = id }
func (a *AppleCareCoverage) unknown() *Unknown { return &a.Unknown }

const kindCoverage = "appleCareCoverage"

// AppleCare reads the plans of a device, in Apple's order. None is no error; Apple answers for a
// device that it does not know as for one that is not covered. With fields given, it sends these
// attributes only. For many devices see [Client.AppleCareOf].
//
// https://developer.apple.com/documentation/applebusinessapi/get-all-applecare-coverage-for-an-orgdevice
func (c *Client) AppleCare(ctx context.Context, serial string, fields ...string) ([]AppleCareCoverage, error) {
	r, err := aboutDevice("read AppleCare coverage", kindCoverage, fields, serial, kindCoverage)
	if err != nil {
		return nil, err
	}
	var all []AppleCareCoverage
	coverages := items(pages(ctx, c, list[AppleCareCoverage]{
		op: r.op, path: r.path, kind: kindCoverage, options: ListOptions{Fields: fields}, decode: resourcePage[AppleCareCoverage],
	}))
	for coverage, err := range coverages {
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, coverage)
	}
	return all, nil
}
