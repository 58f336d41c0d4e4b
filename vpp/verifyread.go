package vpp

import (
	"context"
	"strings"
	"sync"
)

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

// usersAsWanted: they are active and as they were asked for, as far as that shows, or are not active any
// more.
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
		default:
			asked := op.order.users[i]
			is[i] = there && (asked.Email == "" || strings.EqualFold(asked.Email, user.Email)) &&
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
	renewing := make(map[seat]bool)
	for filter := range filters { // one after the other: Apple wants no two cursors at once
		for a, err := range op.client.SubscriptionAssignments(ctx, filter) {
			if err != nil {
				return nil, err
			}
			renewing[seat{a.AdamID, a.ClientUserID}] = a.Renewing
		}
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
