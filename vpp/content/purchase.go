package content

import (
	"context"
	"net/url"

	"github.com/applemdm/applemdm/vpp"
)

// ProductIDs names things of several types.
type ProductIDs struct {
	Apps   []vpp.AdamID
	Books  []vpp.AdamID
	InApps []vpp.AdamID // subscriptions: see [vpp.AdamNumber.ID]
}

// Purchases is what came of asking for things that the location owns. Each list of the Products is in
// the order in which it was asked for.
type Purchases struct {
	Products
	Missing ProductIDs // not owned, or not in the storefront
}

// maxPurchases is how many identifiers one request carries. Apple names no limit.
const maxPurchases = 100

// Purchases reads what the storefront says of apps, books and subscriptions that the location
// owns: one request for every 100 of them. Subscriptions are to be had in no other way.
//
// https://developer.apple.com/documentation/devicemanagement/apps-and-books-metadata-for-organizations
func (c *Client) Purchases(ctx context.Context, ids ProductIDs, q Query) (*Purchases, error) {
	s := source[product, productKey]{
		op: "read owned purchases", path: "stoken-authenticated-purchases", most: maxPurchases, owned: true,
		ids: setProductIDs, key: (*product).key,
	}
	query, err := q.values(&c.opts, s.op, knowsPlatform|knowsExtend|knowsRelations, PlatformWeb)
	if err != nil {
		return nil, err
	}
	wanted, err := ids.keys()
	if err != nil {
		return nil, err
	}
	found, err := find(ctx, c, s, query, q.Storefront, wanted)
	if err != nil {
		return nil, err
	}
	purchases := &Purchases{}
	for _, key := range wanted {
		if item, ok := found[key]; ok {
			purchases.add(item)
		} else {
			purchases.Missing.add(key)
		}
	}
	return purchases, nil
}

// keys checks the identifiers and returns each of them once.
func (ids ProductIDs) keys() ([]productKey, error) {
	var keys []productKey
	for _, some := range []struct {
		field string
		kind  ResourceType
		ids   []vpp.AdamID
	}{
		{"ids.Apps", TypeApps, ids.Apps}, {"ids.Books", TypeBooks, ids.Books}, {"ids.InApps", TypeInApps, ids.InApps},
	} {
		if len(some.ids) == 0 {
			continue
		}
		each, err := unique(some.field, some.ids)
		if err != nil {
			return nil, err
		}
		for _, id := range each {
			keys = append(keys, productKey{some.kind, id})
		}
	}
	if len(keys) == 0 {
		return nil, &vpp.InputError{Field: "ids", Rule: "must not be empty"}
	}
	return keys, nil
}

func (ids *ProductIDs) add(key productKey) {
	switch key.kind {
	case TypeApps:
		ids.Apps = append(ids.Apps, key.id)
	case TypeBooks:
		ids.Books = append(ids.Books, key.id)
	default:
		ids.InApps = append(ids.InApps, key.id)
	}
}

func setProductIDs(values url.Values, keys []productKey) {
	var ids ProductIDs
	for _, key := range keys {
		ids.add(key)
	}
	setIDs(values, "ids[apps]", ids.Apps)
	setIDs(values, "ids[books]", ids.Books)
	setIDs(values, "ids[in-apps]", ids.InApps)
}
