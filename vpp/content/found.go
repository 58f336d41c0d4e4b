package content

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/applemdm/applemdm/internal/page"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// Found is what came of asking for things by their identifiers.
type Found[T any, ID ~string] struct {
	// Items is what was found, in the order in which it was asked for. What was asked for twice is
	// in it once.
	Items []T

	// Missing is what was not found in any storefront: it is unknown, is not sold there, is a book
	// where an app was asked for or the other way round, or may only be told to those who own it.
	Missing []ID
}

// source is an endpoint that takes a list of identifiers. K is how they are told apart.
type source[T any, K comparable] struct {
	op    string
	path  string // below the storefront
	most  int    // identifiers in one request
	owned bool
	ids   func(values url.Values, some []K) // sets the parameters
	key   func(*T) (id K, storefront *string)
}

// find asks for wanted, in the first storefront and then, for what is missing, in the next, with as
// many requests as the limit demands. It returns by identifier what was found.
func find[T any, K comparable](ctx context.Context, c *Client, s source[T, K], query url.Values, storefront string, wanted []K) (map[K]T, error) {
	if s.owned && c.tokens == nil {
		return nil, &vpp.InputError{Field: "tokens", Rule: "must not be nil in New, to " + s.op}
	}
	countries, err := c.home.countries(ctx, storefront)
	if err != nil {
		return nil, ownError(ctx, s.op, rest.Path{s.path}, err)
	}
	found := make(map[K]T, len(wanted))
	missing := wanted
	for n, country := range countries {
		if err := findIn(ctx, c, s, inStorefront(query, n), country, missing, found); err != nil {
			return nil, interrupted(ctx, s.op, rest.Path{s.path}, err)
		}
		missing = slices.DeleteFunc(slices.Clone(missing), func(id K) bool { _, ok := found[id]; return ok })
		if len(missing) == 0 {
			break
		}
	}
	return found, nil
}

// findIn adds to found what one storefront has.
func findIn[T any, K comparable](ctx context.Context, c *Client, s source[T, K], query url.Values, country string, wanted []K, found map[K]T) error {
	parts := slices.Collect(slices.Chunk(wanted, s.most))
	fetch := func(ctx context.Context, n int) (page.Numbered[[]T], error) {
		own := maps.Clone(query)
		s.ids(own, parts[n])
		items, err := read[T](ctx, c, request{
			op: s.op, path: rest.Path{"catalog", country, s.path}, query: own, owned: s.owned,
		})
		return page.Numbered[[]T]{Page: items, More: n+1 < len(parts), Total: len(parts)}, err
	}
	for items, err := range page.Parallel(ctx, inFlight, 0, fetch) {
		if err != nil {
			return err
		}
		for _, item := range items {
			id, storefront := s.key(&item)
			*storefront = country
			found[id] = item
		}
	}
	return nil
}

// findByID is find for endpoints whose identifiers are one list.
func findByID[T any, ID ~string](ctx context.Context, c *Client, s source[T, ID], query url.Values, storefront string, ids []ID) (*Found[T, ID], error) {
	s.ids = func(values url.Values, some []ID) { setIDs(values, "ids", some) }
	wanted, err := unique("ids", ids)
	if err != nil {
		return nil, err
	}
	found, err := find(ctx, c, s, query, storefront, wanted)
	if err != nil {
		return nil, err
	}
	return inOrder(wanted, found), nil
}

func inOrder[T any, ID ~string](wanted []ID, found map[ID]T) *Found[T, ID] {
	result := &Found[T, ID]{}
	for _, id := range wanted {
		if item, ok := found[id]; ok {
			result.Items = append(result.Items, item)
		} else {
			result.Missing = append(result.Missing, id)
		}
	}
	return result
}

// setIDs sets a parameter to identifiers that were checked.
func setIDs[ID ~string](values url.Values, name string, ids []ID) {
	_ = put(values, name, name, list(ids...))
}

// unique checks identifiers and returns each of them once. Apple answers an empty list as it answers
// a wrong token, so there must be some.
func unique[ID ~string](field string, ids []ID) ([]ID, error) {
	if len(ids) == 0 {
		return nil, &vpp.InputError{Field: field, Rule: "must not be empty"}
	}
	seen := make(map[ID]bool, len(ids))
	var each []ID
	for i, id := range ids {
		if _, ok := vpp.AdamID(id).Number(); !ok {
			return nil, &vpp.InputError{Field: fmt.Sprintf("%s[%d]", field, i), Rule: fmt.Sprintf("is %.40q; it must be a number greater than 0", string(id))}
		}
		if !seen[id] {
			seen[id] = true
			each = append(each, id)
		}
	}
	return each, nil
}

// inStorefront returns the parameters for a storefront by its place: the fallbacks answer in languages
// of their own, and refuse others.
func inStorefront(query url.Values, place int) url.Values {
	if place == 0 {
		return query
	}
	own := maps.Clone(query)
	own.Del("l")
	return own
}

// inEach calls ask for one storefront after the other until one has what is asked for.
func inEach[T any](ctx context.Context, c *Client, op, kind, storefront string, query url.Values, ask func(country string, query url.Values) (T, error)) (T, error) {
	var none T
	countries, err := c.home.countries(ctx, storefront)
	if err != nil {
		return none, ownError(ctx, op, rest.Path{kind}, err)
	}
	for n, country := range countries {
		found, askErr := ask(country, inStorefront(query, n))
		if !errors.Is(askErr, ErrNotFound) {
			return found, askErr
		}
		err = askErr
	}
	return none, err
}

// findOne asks for one thing by an identifier that is a number.
func findOne[T any, ID ~string](ctx context.Context, c *Client, s source[T, ID], query url.Values, storefront string, id ID) (*T, error) {
	if _, err := unique("id", []ID{id}); err != nil {
		return nil, err
	}
	return inEach(ctx, c, s.op, s.path, storefront, query, func(country string, query url.Values) (*T, error) {
		items, err := read[T](ctx, c, request{op: s.op, path: rest.Path{"catalog", country, s.path, string(id)}, query: query})
		switch {
		case err != nil:
			return nil, err
		case len(items) == 0:
			return nil, &Error{Op: s.op, StatusCode: http.StatusOK, Err: ErrNotFound}
		}
		_, found := s.key(&items[0])
		*found = country
		return &items[0], nil
	})
}
