package vpp

import (
	"context"
	"iter"
	"sync"
)

// assigned returns, for each of keys, whether it is there.
func (c *Client) assigned(ctx context.Context, keys []AssignmentKey) (map[AssignmentKey]bool, error) {
	holders, products := map[holder]bool{}, map[AssetKey]bool{}
	for _, key := range keys {
		holders[holder{key.ClientUserID, key.SerialNumber}] = true
		products[key.Asset.complete()] = true
	}
	found := map[AssignmentKey]bool{}
	err := c.readAssignments(ctx, holders, products, func(a *Assignment) {
		key := a.Key()
		key.Asset = key.Asset.complete()
		if holders[holder{key.ClientUserID, key.SerialNumber}] && products[key.Asset] {
			found[key] = true
		}
	})
	if err != nil {
		return nil, err
	}
	is := make(map[AssignmentKey]bool, len(keys))
	for _, key := range keys {
		complete := key
		complete.Asset = key.Asset.complete()
		is[key] = found[complete]
	}
	return is, nil
}

// readAssignments shows the assignments of the products to the holders, and perhaps others, to visit,
// whose calls do not overlap. No products are all.
func (c *Client) readAssignments(ctx context.Context, holders map[holder]bool, products map[AssetKey]bool, visit func(*Assignment)) error {
	filters, err := c.assignmentFilters(ctx, holders, products)
	if err != nil {
		return err
	}
	return c.readFiltered(ctx, filters, visit)
}

// readFiltered shows the assignments that filters select to visit, whose calls do not overlap.
func (c *Client) readFiltered(ctx context.Context, filters []AssignmentFilter, visit func(*Assignment)) error {
	var mu sync.Mutex
	return parallel(ctx, filters, func(ctx context.Context, filter AssignmentFilter) error {
		all, err := whole(c.AssignmentPages(ctx, filter))
		mu.Lock()
		defer mu.Unlock()
		for i := range all {
			visit(&all[i])
		}
		return err
	})
}

// whole returns the items of a read, without those of reads that began anew.
func whole[T any](pages iter.Seq2[*Page[T], error]) (all []T, err error) {
	all, _, _, err = collect(pages, "")
	return all, err
}

// few requests are not worth asking how many others would do.
const few = 5

// assignmentFilters returns the cheapest way to read the assignments of the products to the holders.
func (c *Client) assignmentFilters(ctx context.Context, holders map[holder]bool, products map[AssetKey]bool) ([]AssignmentFilter, error) {
	base := AssignmentFilter{ExcludeInactiveUsers: true}
	byProduct := productFilters(products)
	var byHolder []AssignmentFilter
	for h := range holders {
		f := base
		f.ClientUserID, f.SerialNumber = h.clientUserID, h.serialNumber
		byHolder = append(byHolder, f)
	}
	if len(byHolder) <= few {
		return byHolder, nil
	}
	everything, err := pageCount(ctx, c, assignmentList(base))
	if err != nil {
		return nil, err
	}
	cost := len(byHolder)
	if len(byProduct) > 0 && len(byProduct) < min(cost, everything) {
		pages, err := c.countUpTo(ctx, byProduct, min(cost, everything))
		if err != nil {
			return nil, err
		}
		if pages < min(cost, everything) {
			return byProduct, nil
		}
	}
	if everything <= cost {
		return []AssignmentFilter{base}, nil
	}
	return byHolder, nil
}

// productFilters returns a filter for each product.
func productFilters(products map[AssetKey]bool) (filters []AssignmentFilter) {
	for key := range products {
		filters = append(filters, AssignmentFilter{AdamID: key.AdamID, PricingParam: key.PricingParam, ExcludeInactiveUsers: true})
	}
	return filters
}

// countUpTo counts the pages of lists, as long as there are fewer than most.
func (c *Client) countUpTo(ctx context.Context, filters []AssignmentFilter, most int) (pages int, err error) {
	for _, f := range filters {
		n, err := pageCount(ctx, c, assignmentList(f))
		if err != nil {
			return 0, err
		}
		if pages += n; pages >= most {
			break
		}
	}
	return pages, nil
}

// pageCount returns of how many pages a list is: one request.
func pageCount[T any](ctx context.Context, c *Client, l list[T]) (int, error) {
	answer := l.answer()
	if err := c.callPage(ctx, l.request(0), answer); err != nil {
		return 0, err
	}
	return max(answer.tail().TotalPages, 1), nil
}
