package content

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/vpp"
)

// Products are things of several types, each in the order in which Apple tells them.
type Products struct {
	Apps   []App
	Books  []Book
	InApps []InApp
	Others []Resource // of a type that is unknown here
}

// Resource is a thing of a type that is unknown here.
//
// https://developer.apple.com/documentation/devicemanagement/resource
type Resource struct {
	ID         ID             `json:"id"`
	Type       ResourceType   `json:"type,omitzero"`
	Href       string         `json:"href,omitzero"` // relative to the service
	Attributes jsontext.Value `json:"attributes,omitzero"`

	Storefront string `json:"-"` // where it was found, e.g. "us"

	Unknown vpp.Unknown `json:",embed"`
}

// InApp is what a storefront says of a subscription that is sold within an app.
//
// https://developer.apple.com/documentation/devicemanagement/inapps
type InApp struct {
	ID            vpp.AdamID         `json:"id"`
	Type          ResourceType       `json:"type,omitzero"`
	Href          string             `json:"href,omitzero"` // relative to the service
	Attributes    InAppAttributes    `json:"attributes,omitzero"`
	Relationships InAppRelationships `json:"relationships,omitzero"`

	Storefront string `json:"-"` // where it was found, e.g. "us"

	Unknown vpp.Unknown `json:",embed"`
}

// InAppRelationships is what a subscription is related to.
type InAppRelationships struct {
	App     Relationship[App] `json:"app,omitzero"` // in which it is sold
	Unknown vpp.Unknown       `json:",embed"`
}

// InAppAttributes describe a subscription.
type InAppAttributes struct {
	Name                   string             `json:"name,omitzero"`
	Artwork                Artwork            `json:"artwork,omitzero"`
	EditorialArtwork       map[string]Artwork `json:"editorialArtwork,omitzero"`
	SubscriptionFamilyID   ID                 `json:"subscriptionFamilyId,omitzero"`
	SubscriptionFamilyName string             `json:"subscriptionFamilyName,omitzero"`
	SubscriptionFamilyRank int32              `json:"subscriptionFamilyRank,omitzero"`
	Unknown                vpp.Unknown        `json:",embed"`
}

// product is one of the things in [Products].
type product struct {
	app   *App
	book  *Book
	inApp *InApp
	other *Resource
}

// productKey is what products are told apart by.
type productKey struct {
	kind ResourceType
	id   vpp.AdamID
}

func (p *product) key() (productKey, *string) {
	switch {
	case p.app != nil:
		return productKey{TypeApps, p.app.ID}, &p.app.Storefront
	case p.book != nil:
		return productKey{TypeBooks, p.book.ID}, &p.book.Storefront
	case p.inApp != nil:
		return productKey{TypeInApps, p.inApp.ID}, &p.inApp.Storefront
	}
	return productKey{p.other.Type, vpp.AdamID(p.other.ID)}, &p.other.Storefront
}

// UnmarshalJSONFrom reads a thing as its type demands.
func (p *product) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var head struct {
		Type ResourceType `json:"type"`
	}
	if err := json.Unmarshal(value, &head, jsontext.AllowDuplicateNames(true)); err != nil {
		return err
	}
	switch head.Type {
	case TypeApps:
		p.app = new(App)
		return decode(value, p.app)
	case TypeBooks:
		p.book = new(Book)
		return decode(value, p.book)
	case TypeInApps:
		p.inApp = new(InApp)
		return decode(value, p.inApp)
	}
	p.other = new(Resource)
	return decode(value, p.other)
}

// add puts p where it belongs.
func (ps *Products) add(p product) {
	switch {
	case p.app != nil:
		ps.Apps = append(ps.Apps, *p.app)
	case p.book != nil:
		ps.Books = append(ps.Books, *p.book)
	case p.inApp != nil:
		ps.InApps = append(ps.InApps, *p.inApp)
	default:
		ps.Others = append(ps.Others, *p.other)
	}
}
