package content

import "github.com/applemdm/applemdm/vpp"

// OfferType is how something is to be had.
type OfferType string

// Some of the types that Apple documents.
const (
	OfferGet        OfferType = "get" // without charge
	OfferBuy        OfferType = "buy"
	OfferPreorder   OfferType = "preorder"
	OfferRedownload OfferType = "redownload"
	OfferSubscribe  OfferType = "subscribe"
	OfferUpdate     OfferType = "update"
)

// Offer is how, and for what, something is to be had.
//
// https://developer.apple.com/documentation/devicemanagement/offers
type Offer struct {
	Type           OfferType `json:"type,omitzero"`
	Price          float64   `json:"price,omitzero"`
	PriceFormatted string    `json:"priceFormatted,omitzero"` // for people
	CurrencyCode   string    `json:"currencyCode,omitzero"`   // e.g. "USD"; not in the legacy lookup
	BuyParams      string    `json:"buyParams,omitzero"`

	Version OfferVersion `json:"version,omitzero"` // in the legacy lookup only
	Assets  []OfferAsset `json:"assets,omitzero"`

	ExpectedReleaseDate         string `json:"expectedReleaseDate,omitzero"`
	OfferSummary                string `json:"offerSummary,omitzero"`
	RecurringSubscriptionPeriod string `json:"recurringSubscriptionPeriod,omitzero"`

	Unknown vpp.Unknown `json:",embed"`
}

// OfferVersion is the version of an app that an offer is for.
type OfferVersion struct {
	Display    string      `json:"display,omitzero"` // for people
	ExternalID int64       `json:"externalId,omitzero"`
	Unknown    vpp.Unknown `json:",embed"`
}

// OfferAsset is what is downloaded.
type OfferAsset struct {
	Flavor  string      `json:"flavor,omitzero"` // e.g. "iosSoftware"
	Size    int64       `json:"size,omitzero"`   // in bytes
	Unknown vpp.Unknown `json:",embed"`
}

// UserRating is what people think of an app or a book.
type UserRating struct {
	Value       float64     `json:"value,omitzero"` // up to 5
	RatingCount int64       `json:"ratingCount,omitzero"`
	Unknown     vpp.Unknown `json:",embed"`
}

// ContentRating says from what age an app is suitable.
type ContentRating struct {
	Name       string      `json:"name,omitzero"` // for people, e.g. "4+"
	Value      int         `json:"value,omitzero"`
	Rank       int         `json:"rank,omitzero"`
	Advisories []string    `json:"advisories,omitzero"`
	Unknown    vpp.Unknown `json:",embed"`
}

// Description is a text about something, in a long and a short form.
type Description struct {
	Standard string      `json:"standard,omitzero"`
	Short    string      `json:"short,omitzero"`
	Unknown  vpp.Unknown `json:",embed"`
}
