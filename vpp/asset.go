package vpp

import (
	"context"
	"iter"
	"math"
	"net/url"

	"github.com/applemdm/applemdm/internal/rest"
)

// PricingParam is the quality of a product. Only books come in more than one.
type PricingParam string

// The qualities that Apple names.
const (
	PricingStandard    PricingParam = "STDQ"
	PricingHighQuality PricingParam = "PLUS"
)

// ProductType is the kind of an asset.
type ProductType string

// The kinds that Apple names. Subscriptions are no assets: see [Subscription].
const (
	ProductApp  ProductType = "App"
	ProductBook ProductType = "Book"
)

// Platform is what an asset runs on. There is none of its own for iPads.
type Platform string

// The platforms that Apple names.
const (
	PlatformIOS      Platform = "iOS"
	PlatformMacOS    Platform = "macOS"
	PlatformTVOS     Platform = "tvOS"
	PlatformWatchOS  Platform = "watchOS"
	PlatformVisionOS Platform = "visionOS"
)

// AssetKey names an asset: one product in one quality.
//
// https://developer.apple.com/documentation/devicemanagement/asset
type AssetKey struct {
	AdamID       AdamID       `json:"adamId,omitzero"`
	PricingParam PricingParam `json:"pricingParam,omitzero"`
}

// Asset is an app or a book that the location owns licences of. Its names and pictures are not
// here: they are content metadata.
//
// https://developer.apple.com/documentation/devicemanagement/responseasset
type Asset struct {
	AdamID           AdamID       `json:"adamId,omitzero"`
	PricingParam     PricingParam `json:"pricingParam,omitzero"`
	ProductType      ProductType  `json:"productType,omitzero"`
	DeviceAssignable bool         `json:"deviceAssignable,omitzero"` // to devices; every asset can be assigned to users
	Revocable        bool         `json:"revocable,omitzero"`        // can be taken back; books cannot

	AssignedCount  int `json:"assignedCount,omitzero"`
	AvailableCount int `json:"availableCount,omitzero"`
	RetiredCount   int `json:"retiredCount,omitzero"` // with retired users who keep them
	TotalCount     int `json:"totalCount,omitzero"`   // see [Asset.Unlimited]

	SupportedPlatforms []Platform `json:"supportedPlatforms,omitzero"`

	Unknown Unknown `json:",embed"`
}

// unlimited is the count that stands for no limit.
const unlimited = math.MaxInt32

// Key returns what names the asset.
func (a *Asset) Key() AssetKey { return AssetKey{a.AdamID, a.PricingParam} }

// Unlimited reports whether there are licences without end, as of most free apps and books.
func (a *Asset) Unlimited() bool { return a.TotalCount == unlimited }

// AssetFilter selects assets. Zero fields select all; new(true), new(5) and the like set the others.
//
// https://developer.apple.com/documentation/devicemanagement/get-assets-4ski1
type AssetFilter struct {
	AdamID           AdamID
	ProductType      ProductType
	PricingParam     PricingParam
	Revocable        *bool
	DeviceAssignable *bool

	// Bounds, inclusive.
	MinAvailableCount, MaxAvailableCount *int
	MinAssignedCount, MaxAssignedCount   *int

	// Unlimited false leaves unlimited assets out.
	Unlimited *bool
}

func (f AssetFilter) query() url.Values {
	q := query{}
	q.text("adamId", string(f.AdamID))
	q.text("productType", string(f.ProductType))
	q.text("pricingParam", string(f.PricingParam))
	q.optional("revocable", f.Revocable)
	q.optional("deviceAssignable", f.DeviceAssignable)
	q.number("minAvailableCount", f.MinAvailableCount)
	q.number("maxAvailableCount", f.MaxAvailableCount)
	q.number("minAssignedCount", f.MinAssignedCount)
	q.number("maxAssignedCount", f.MaxAssignedCount)
	q.optional("unlimited", f.Unlimited)
	return url.Values(q)
}

func (f AssetFilter) check() error {
	for _, bound := range []struct {
		name  string
		value *int
	}{
		{"MinAvailableCount", f.MinAvailableCount}, {"MaxAvailableCount", f.MaxAvailableCount},
		{"MinAssignedCount", f.MinAssignedCount}, {"MaxAssignedCount", f.MaxAssignedCount},
	} {
		if bound.value != nil && (*bound.value < 0 || *bound.value > math.MaxInt32) {
			return &InputError{Field: "AssetFilter." + bound.name, Rule: "must be between 0 and 2147483647"}
		}
	}
	return f.AdamID.check("AssetFilter.AdamID")
}

// assetsAnswer has unlimited assets among the others or, when they were asked for, in a list of their
// own without the counts that mean nothing for them.
type assetsAnswer struct {
	pageTail
	Assets          []Asset `json:"assets"`
	UnlimitedAssets []Asset `json:"unlimitedAssets"`
}

func (a *assetsAnswer) items() []Asset {
	all := a.Assets
	for _, asset := range a.UnlimitedAssets {
		asset.TotalCount, asset.AvailableCount = unlimited, unlimited
		all = append(all, asset)
	}
	return all
}

func assetList(filter AssetFilter) list[Asset] {
	return list[Asset]{
		op: "read assets", url: URLGetAssets, path: rest.Path{"assets"}, query: filter.query(), invalid: filter.check(),
		answer: func() pageAnswer[Asset] { return new(assetsAnswer) },
	}
}

// Assets returns an iterator over the assets of the location. It costs a request for each page, whose
// size Apple decides (some hundreds), up to five at once, and keeps six pages in memory, whatever the
// length of the list. Each range starts afresh; an error comes once, last, with the zero Asset.
//
// When the list changes while it is read, it begins again and assets come twice; [Client.AssetPages]
// shows where. When it has done so four times, the error is [ErrVersionChanged].
//
// https://developer.apple.com/documentation/devicemanagement/get-assets-4ski1
func (c *Client) Assets(ctx context.Context, filter AssetFilter) iter.Seq2[Asset, error] {
	return items(c.AssetPages(ctx, filter))
}

// AssetPages is [Client.Assets] by the page.
func (c *Client) AssetPages(ctx context.Context, filter AssetFilter) iter.Seq2[*Page[Asset], error] {
	return pages(ctx, c, assetList(filter))
}
