package legacy

import (
	"bytes"
	"context"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/vpp"
)

// ProductType is the kind of an asset, by number.
type ProductType int

// The kinds that Apple names.
const (
	ProductSoftware    ProductType = 7  // for macOS
	ProductApplication ProductType = 8  // of the App Store, for iOS and macOS
	ProductPublication ProductType = 10 // a book
)

// UnmarshalJSONFrom takes the number also in quotes.
func (t *ProductType) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil || value.Kind() == jsontext.KindNull {
		*t = 0
		return err
	}
	number, err := strconv.ParseInt(string(bytes.Trim(value, `"`)), 10, 32)
	*t = ProductType(number)
	return err
}

// Asset is an app or a book that the account owns licences of.
//
// https://developer.apple.com/documentation/devicemanagement/vppasset
type Asset struct {
	AdamID           vpp.AdamID       `json:"adamIdStr,omitzero"`
	PricingParam     vpp.PricingParam `json:"pricingParam,omitzero"`
	ProductType      ProductType      `json:"productTypeId,omitzero"`
	ProductTypeName  string           `json:"productTypeName,omitzero"`  // "Software", "Application" or "Publication"
	DeviceAssignable bool             `json:"deviceAssignable,omitzero"` // to devices; every asset can be assigned to users
	Irrevocable      bool             `json:"isIrrevocable,omitzero"`    // cannot be taken back; version 2 tells the contrary

	// With [AssetFilter.IncludeLicenseCounts] only.
	AssignedCount  int `json:"assignedCount,omitzero"`
	AvailableCount int `json:"availableCount,omitzero"`
	RetiredCount   int `json:"retiredCount,omitzero"` // with retired users who keep them
	TotalCount     int `json:"totalCount,omitzero"`

	Unknown vpp.Unknown `json:",embed"`
}

// Key returns what names the asset.
func (a *Asset) Key() vpp.AssetKey {
	return vpp.AssetKey{AdamID: a.AdamID, PricingParam: a.PricingParam}
}

// AssetFilter selects assets. The zero value selects all, without counts.
//
// https://developer.apple.com/documentation/devicemanagement/getvppassetsrequest
type AssetFilter struct {
	PricingParam         vpp.PricingParam `json:"pricingParam,omitzero"`
	IncludeLicenseCounts bool             `json:"includeLicenseCounts,omitzero"` // which takes Apple longer
}

type assetsAnswer struct {
	envelope
	Assets []Asset `json:"assets"`
}

// Assets returns the assets of the account: one request, for Apple answers all of them at once.
//
// https://developer.apple.com/documentation/devicemanagement/get-assets-44p83
func (c *Client) Assets(ctx context.Context, filter AssetFilter) ([]Asset, error) {
	answer := new(assetsAnswer)
	if err := c.call(ctx, request{op: "read assets", service: serviceAssets, body: filter}, answer); err != nil {
		return nil, err
	}
	return answer.Assets, nil
}
