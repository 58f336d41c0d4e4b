package content

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// SearchQuery says what to search for.
type SearchQuery struct {
	Query

	Term  string         // what people would type
	Types []ResourceType // [TypeApps], [TypeBooks] or, by default, both

	// TargetPlatforms and Genres, if set, are what the things found must be for and of.
	TargetPlatforms []Platform
	Genres          []ID
}

// Search searches the storefront: one request, which finds what everyone may buy. Fallbacks do not
// count here.
//
// https://developer.apple.com/documentation/devicemanagement/get-catalog-search-results
func (c *Client) Search(ctx context.Context, q SearchQuery) (*Products, error) {
	const op = "search"
	values, err := q.values(&c.opts, op, knowsPlatform|knowsMore|knowsExtend, everywhere()...)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(q.Term) == "" {
		return nil, &vpp.InputError{Field: "SearchQuery.Term", Rule: "must not be empty"}
	}
	values.Set("term", q.Term)
	if len(q.Types) == 0 {
		q.Types = []ResourceType{TypeApps, TypeBooks}
	}
	err = cmp.Or(
		put(values, "types", "SearchQuery.Types", list(q.Types...)),
		put(values, "filter[targetPlatform]", "SearchQuery.TargetPlatforms", list(q.TargetPlatforms...)),
		put(values, "filter[genre]", "SearchQuery.Genres", list(q.Genres...)),
	)
	if err != nil {
		return nil, err
	}
	countries, err := c.home.countries(ctx, q.Storefront)
	if err != nil {
		return nil, ownError(ctx, op, rest.Path{"search"}, err)
	}
	return c.search(ctx, countries[0], request{op: op, path: rest.Path{"catalog", countries[0], "search"}, query: values})
}

func (c *Client) search(ctx context.Context, country string, r request) (*Products, error) {
	var answer struct {
		Results *struct {
			Contents []product `json:"contents"`
		} `json:"results"`
	}
	resp, err := c.ask(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := decode(resp.Body, &answer); err != nil {
		return nil, misunderstood(r.op, resp, err)
	}
	if answer.Results == nil {
		return nil, misunderstood(r.op, resp, errors.New("it has no results"))
	}
	products := &Products{}
	for _, p := range answer.Results.Contents {
		_, storefront := p.key()
		*storefront = country
		products.add(p)
	}
	return products, nil
}
