package vpp

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/applemdm/applemdm/internal/field"
)

// Verify reads assignments back and returns, for each of keys, whether it is there. It takes the way
// that costs the fewest requests: one for each user and device, the pages of each asset, or all of the
// list. What retired users still hold does not count.
func (c *Client) Verify(ctx context.Context, keys []AssignmentKey) (map[AssignmentKey]bool, error) {
	for i, key := range keys {
		if err := key.check(fmt.Sprintf("keys[%d]", i)); err != nil {
			return nil, err
		}
	}
	return c.assigned(ctx, keys)
}

func (k AssignmentKey) check(name string) error {
	switch {
	case k.Asset.AdamID == "":
		return &InputError{Field: name + ".Asset.AdamID", Rule: "must not be empty"}
	case (k.ClientUserID == "") == (k.SerialNumber == ""):
		return &InputError{Field: name, Rule: "must have one of ClientUserID and SerialNumber"}
	case k.SerialNumber != "":
		if err := field.Serial(name+".SerialNumber", k.SerialNumber); err != nil {
			return err
		}
	}
	return k.Asset.AdamID.check(name + ".Asset.AdamID")
}

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
	var byHolder, byProduct []AssignmentFilter
	for h := range holders {
		f := base
		f.ClientUserID, f.SerialNumber = h.clientUserID, h.serialNumber
		byHolder = append(byHolder, f)
	}
	for key := range products {
		f := base
		f.AdamID, f.PricingParam = key.AdamID, key.PricingParam
		byProduct = append(byProduct, f)
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

// Verify reads back what the operation was to bring about, and returns its outcomes as they are then:
// [StatusDone] for what was open and is as it was asked for, [StatusUnverified] for what Apple said
// is done and is not. It costs requests as [Client.Verify] does. Of users that were updated, only the
// e-mail address can be read back, and whether they have an Apple Account.
func (op *Operation) Verify(ctx context.Context) (*Result, error) {
	r := op.Result()
	var cells []int
	for i, o := range r.Outcomes {
		if o.Status == StatusDone || o.Status == StatusPending || o.Status == StatusUncertain {
			cells = append(cells, i)
		}
	}
	is, err := op.asWanted(ctx, cells)
	if err != nil {
		return nil, err
	}
	for _, i := range cells {
		o := &r.Outcomes[i]
		switch {
		case is[i]:
			o.Status, o.Err = StatusDone, nil
		case o.Status == StatusDone:
			o.Status = StatusUnverified
		}
	}
	return r, nil
}

// asWanted reads which of the cells are as the operation was to make them.
func (op *Operation) asWanted(ctx context.Context, cells []int) (map[int]bool, error) {
	if len(cells) == 0 {
		return nil, nil
	}
	switch o := op.order; {
	case o.topic == NotificationUserManagement:
		return op.usersAsWanted(ctx, cells)
	case o.topic == NotificationSubscriptionManagement:
		return op.seatsAsWanted(ctx, cells)
	case o.kind == EventRevoke:
		return op.revokedAsWanted(ctx, cells)
	}
	keys := make([]AssignmentKey, len(cells))
	for n, i := range cells {
		product, target := op.order.at(i)
		keys[n] = AssignmentKey{product.asset, target.clientUserID, target.serialNumber}
	}
	there, err := op.client.assigned(ctx, keys)
	if err != nil {
		return nil, err
	}
	is := make(map[int]bool, len(cells))
	for n, i := range cells {
		is[i] = there[keys[n]] == (op.order.kind == EventAssociate)
	}
	return is, nil
}

// at returns what a cell is about.
func (o *order) at(cell int) (product, holder) {
	return o.products[cell/len(o.targets)], o.targets[cell%len(o.targets)]
}

// holdersOf returns whom cells are about.
func (op *Operation) holdersOf(cells []int) map[holder]bool {
	holders := make(map[holder]bool)
	for _, i := range cells {
		_, h := op.order.at(i)
		holders[h] = true
	}
	return holders
}

// revokedAsWanted: nothing is left but what cannot be taken back.
func (op *Operation) revokedAsWanted(ctx context.Context, cells []int) (map[int]bool, error) {
	lasting := make(map[AssetKey]bool)
	for asset, err := range op.client.Assets(ctx, AssetFilter{Revocable: new(false)}) {
		if err != nil {
			return nil, err
		}
		lasting[asset.Key().complete()] = true
	}
	left := make(map[holder]bool)
	err := op.client.readAssignments(ctx, op.holdersOf(cells), nil, func(a *Assignment) {
		if !lasting[a.Key().Asset.complete()] {
			left[holder{a.ClientUserID, a.SerialNumber}] = true
		}
	})
	if err != nil {
		return nil, err
	}
	is := make(map[int]bool, len(cells))
	for _, i := range cells {
		_, h := op.order.at(i)
		is[i] = !left[h]
	}
	return is, nil
}

// usersAsWanted: they are active, or are not any more.
func (op *Operation) usersAsWanted(ctx context.Context, cells []int) (map[int]bool, error) {
	active, err := op.client.activeOf(ctx, op.holdersOf(cells))
	if err != nil {
		return nil, err
	}
	is := make(map[int]bool, len(cells))
	for _, i := range cells {
		_, h := op.order.at(i)
		user, there := active[h.clientUserID]
		switch op.order.kind {
		case EventRetire:
			is[i] = !there
		case EventCreate:
			is[i] = there
		default:
			asked := op.order.users[i]
			is[i] = there && (asked.Email == "" || asked.Email == user.Email) &&
				(asked.ManagedAppleAccount == "" || user.Status == UserAssociated)
		}
	}
	return is, nil
}

// activeOf returns the active users among the holders, and perhaps others, by client user ID.
func (c *Client) activeOf(ctx context.Context, holders map[holder]bool) (map[string]User, error) {
	var filters []UserFilter
	for h := range holders {
		filters = append(filters, UserFilter{ActiveOnly: true, ClientUserID: h.clientUserID})
	}
	if everybody := (UserFilter{ActiveOnly: true}); len(filters) > few {
		pages, err := pageCount(ctx, c, userList(everybody))
		if err != nil {
			return nil, err
		}
		if pages <= len(filters) {
			filters = []UserFilter{everybody}
		}
	}
	var mu sync.Mutex
	active := make(map[string]User)
	err := parallel(ctx, filters, func(ctx context.Context, filter UserFilter) error {
		users, err := whole(c.UserPages(ctx, filter))
		mu.Lock()
		defer mu.Unlock()
		for _, u := range users {
			if u.Status.Active() {
				active[u.ClientUserID] = u
			}
		}
		return err
	})
	return active, err
}

// seatsAsWanted: users have their seats as they should, or do not have them.
func (op *Operation) seatsAsWanted(ctx context.Context, cells []int) (map[int]bool, error) {
	byUser, byProduct := map[SubscriptionAssignmentFilter]bool{}, map[SubscriptionAssignmentFilter]bool{}
	for _, i := range cells {
		product, h := op.order.at(i)
		byUser[SubscriptionAssignmentFilter{ClientUserID: h.clientUserID}] = true
		byProduct[SubscriptionAssignmentFilter{AdamID: product.subscription}] = true
	}
	filters := byProduct
	if len(byUser) <= max(few, len(byProduct)) {
		filters = byUser
	}
	type seat struct {
		of   AdamNumber
		with string
	}
	var mu sync.Mutex
	renewing := make(map[seat]bool)
	err := parallel(ctx, slices.Collect(maps.Keys(filters)), func(ctx context.Context, filter SubscriptionAssignmentFilter) error {
		for a, err := range op.client.SubscriptionAssignments(ctx, filter) {
			if err != nil {
				return err
			}
			mu.Lock()
			renewing[seat{a.AdamID, a.ClientUserID}] = a.Renewing
			mu.Unlock()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	is := make(map[int]bool, len(cells))
	for _, i := range cells {
		product, h := op.order.at(i)
		renews, there := renewing[seat{product.subscription, h.clientUserID}]
		switch o := op.order; {
		case o.kind == EventAssociate:
			is[i] = there && renews == *o.renewing
		default:
			is[i] = !there || *o.deferred && !renews
		}
	}
	return is, nil
}
