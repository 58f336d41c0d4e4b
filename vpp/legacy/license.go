package legacy

import (
	"context"
	"iter"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/vpp"
)

// License is one licence. Version 2 has none: there, licences have no number.
//
// https://developer.apple.com/documentation/devicemanagement/vpplicense
type License struct {
	ID              string           `json:"licenseIdStr,omitzero"`
	AdamID          vpp.AdamID       `json:"adamIdStr,omitzero"`
	PricingParam    vpp.PricingParam `json:"pricingParam,omitzero"`
	ProductType     ProductType      `json:"productTypeId,omitzero"`
	ProductTypeName string           `json:"productTypeName,omitzero"`
	Irrevocable     bool             `json:"isIrrevocable,omitzero"`
	Status          LicenseStatus    `json:"status,omitzero"` // not within a [User]

	// Of licences with a user.
	UserID       string `json:"userIdStr,omitzero"` // [User.UserID] as text
	ClientUserID string `json:"clientUserIdStr,omitzero"`
	IDHash       string `json:"itsIdHash,omitzero"`

	// Of licences on a device.
	SerialNumber string `json:"serialNumber,omitzero"`

	Unknown vpp.Unknown `json:",embed"`
}

// LicenseStatus says where a licence is.
type LicenseStatus string

// The conditions that Apple names.
const (
	LicenseAssociated LicenseStatus = "Associated" // with a user or on a device
	LicenseAvailable  LicenseStatus = "Available"
	LicenseRefunded   LicenseStatus = "Refunded" // gone
)

// UnmarshalJSONFrom takes the IDs as texts or numbers: Apple writes them as either, or as both under
// two names.
func (l *License) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain License
	var both struct {
		*plain
		ID     vpp.AdamID `json:"licenseId"` // which reads numbers and texts
		AdamID vpp.AdamID `json:"adamId"`
		UserID vpp.AdamID `json:"userId"`
	}
	both.plain = (*plain)(l)
	if err := json.UnmarshalDecode(dec, &both); err != nil {
		return err
	}
	if l.ID == "" {
		l.ID = string(both.ID)
	}
	if l.AdamID == "" {
		l.AdamID = both.AdamID
	}
	if l.UserID == "" {
		l.UserID = string(both.UserID)
	}
	return nil
}

// LicenseFilter selects licences. Zero fields select all.
//
// https://developer.apple.com/documentation/devicemanagement/getvpplicensesrequest
type LicenseFilter struct {
	AdamID       vpp.AdamID       `json:"adamId,omitzero"`
	PricingParam vpp.PricingParam `json:"pricingParam,omitzero"` // with AdamID only
	SerialNumber string           `json:"serialNumber,omitzero"` // of the device that has them

	// At most one of these. Set AssignedOnly wherever it suffices: Apple asks for it, as those that
	// nobody has are many and take long. Among changes, licences that were given back do not show
	// then.
	AssignedOnly       bool `json:"assignedOnly,omitzero"`
	UserAssignedOnly   bool `json:"userAssignedOnly,omitzero"`
	DeviceAssignedOnly bool `json:"deviceAssignedOnly,omitzero"`

	// SinceModifiedToken is as with [UserFilter]. It remembers AdamID and PricingParam.
	SinceModifiedToken string `json:"-"`
}

func (f LicenseFilter) check() error {
	exclusive := 0
	for _, set := range []bool{f.AssignedOnly, f.UserAssignedOnly, f.DeviceAssignedOnly} {
		if set {
			exclusive++
		}
	}
	switch {
	case exclusive > 1:
		return &vpp.InputError{Field: "LicenseFilter", Rule: "must have at most one of AssignedOnly, UserAssignedOnly and DeviceAssignedOnly"}
	case f.PricingParam != "" && f.AdamID == "":
		return &vpp.InputError{Field: "LicenseFilter.PricingParam", Rule: "goes with AdamID only"}
	}
	if f.SerialNumber != "" {
		if err := field.Serial("LicenseFilter.SerialNumber", f.SerialNumber); err != nil {
			return err
		}
	}
	return checkAdamID("LicenseFilter.AdamID", f.AdamID)
}

type licensesRequest struct {
	LicenseFilter
	batchRequest
}

type licensesAnswer struct {
	batchTail
	Licenses []License `json:"licenses"`
}

func (a *licensesAnswer) items() []License { return a.Licenses }

func licenseList(filter LicenseFilter) list[License] {
	return list[License]{
		op: "read licenses", service: serviceLicenses, invalid: filter.check(), since: filter.SinceModifiedToken,
		body:   func(batch batchRequest) any { return licensesRequest{filter, batch} },
		answer: func() batchAnswer[License] { return new(licensesAnswer) },
	}
}

// Licenses returns an iterator over the licences of the account. Apple discourages it: it is slow, and
// [Client.Assignments] and the counts of [Client.Assets] tell what most need. Cost, memory, errors and
// lists that Apple loses are as with [Client.Users].
//
// https://developer.apple.com/documentation/devicemanagement/get-licenses
func (c *Client) Licenses(ctx context.Context, filter LicenseFilter) iter.Seq2[License, error] {
	return items(c.LicensePages(ctx, filter))
}

// LicensePages is [Client.Licenses] by the batch.
//
// https://developer.apple.com/documentation/devicemanagement/retrieving-a-large-record-set
func (c *Client) LicensePages(ctx context.Context, filter LicenseFilter) iter.Seq2[*Page[License], error] {
	return pages(ctx, c, licenseList(filter))
}
