package content

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// Storefront is a country with a store.
//
// https://developer.apple.com/documentation/devicemanagement/storefronts
type Storefront struct {
	ID         string               `json:"id"` // of two letters, e.g. "us"
	Type       ResourceType         `json:"type,omitzero"`
	Href       string               `json:"href,omitzero"` // relative to the service
	Attributes StorefrontAttributes `json:"attributes,omitzero"`
	Unknown    vpp.Unknown          `json:",embed"`
}

// StorefrontAttributes describe a storefront.
type StorefrontAttributes struct {
	Name                  string      `json:"name,omitzero"`
	DefaultLanguageTag    string      `json:"defaultLanguageTag,omitzero"` // e.g. "de-DE"
	SupportedLanguageTags []string    `json:"supportedLanguageTags,omitzero"`
	Unknown               vpp.Unknown `json:",embed"`
}

const storefrontParameters = knowsPlatform | knowsExtend | knowsRelations

// Storefronts reads all storefronts, with as many requests as the service wants to cut them into, and
// one more to see that there are no others. Of q the Storefront must be "".
//
// https://developer.apple.com/documentation/devicemanagement/fetching-storefront-objects
func (c *Client) Storefronts(ctx context.Context, q Query) ([]Storefront, error) {
	const op = "read storefronts"
	query, err := c.storefrontQuery(q, op)
	if err != nil {
		return nil, err
	}
	var all []Storefront
	seen := map[string]bool{}
	for {
		part, err := read[Storefront](ctx, c, request{op: op, path: rest.Path{"storefronts"}, query: query})
		if err != nil {
			return nil, err
		}
		before := len(all)
		for _, s := range part {
			if !seen[s.ID] {
				seen[s.ID] = true
				all = append(all, s)
			}
		}
		if len(all) == before {
			return all, nil
		}
		query = maps.Clone(query)
		query.Set("offset", strconv.Itoa(len(all)))
	}
}

// Storefront reads one storefront, by its ID: one request. If there is none of that ID the error is
// [ErrNotFound]. Of q the Storefront must be "".
//
// https://developer.apple.com/documentation/devicemanagement/fetching-storefront-objects
func (c *Client) Storefront(ctx context.Context, id string, q Query) (*Storefront, error) {
	const op = "read a storefront"
	if err := checkCountry("id", &id); err != nil || id == "" {
		return nil, &vpp.InputError{Field: "id", Rule: fmt.Sprintf("is %.40q; it must have two letters", id)}
	}
	query, err := c.storefrontQuery(q, op)
	if err != nil {
		return nil, err
	}
	found, err := read[Storefront](ctx, c, request{op: op, path: rest.Path{"storefronts", id}, query: query})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, &Error{Op: op, StatusCode: http.StatusOK, Err: ErrNotFound}
	}
	return &found[0], nil
}

func (c *Client) storefrontQuery(q Query, op string) (url.Values, error) {
	if q.Storefront != "" {
		return nil, &vpp.InputError{Field: "Query.Storefront", Rule: "must be zero to " + op}
	}
	return q.values(&c.opts, op, storefrontParameters, PlatformWeb)
}
