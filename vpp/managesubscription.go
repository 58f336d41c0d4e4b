package vpp

import (
	"context"
	"net/http"

	"github.com/applemdm/applemdm/internal/rest"
)

// AssociateSubscriptions gives a seat of each subscription to each user, all of whom must be
// [UserAssociated]. With renewing, the seats are theirs until they are taken back; without, until the
// end of the current period. Limits, outcomes and errors are as with [Client.Associate].
//
// https://developer.apple.com/documentation/devicemanagement/associate-subscriptions
func (c *Client) AssociateSubscriptions(ctx context.Context, ids []AdamNumber, clientUserIDs []string, renewing bool) (*Operation, error) {
	o := orderFor(EventAssociate, true)
	o.renewing = &renewing
	return c.orderSubscriptions(ctx, o, ids, clientUserIDs)
}

// DisassociateSubscriptions takes the seats of subscriptions back from users, at once or, if it is
// deferred, when the current period ends. A deferred one is done when Apple has taken it down;
// [Operation.Wait] does not wait for the end of the period, which has a notification of its own.
// Limits, outcomes and errors are as with [Client.Associate].
//
// https://developer.apple.com/documentation/devicemanagement/disassociate-subscriptions
func (c *Client) DisassociateSubscriptions(ctx context.Context, ids []AdamNumber, clientUserIDs []string, deferred bool) (*Operation, error) {
	o := orderFor(EventDisassociate, true)
	o.deferred = &deferred
	return c.orderSubscriptions(ctx, o, ids, clientUserIDs)
}

// AddSubscriptionAdmins lets users administer subscriptions in their apps. Apple does so at once: the
// result is there when the call returns. An error means that nothing was done; after that, what was
// refused or not sent is an outcome.
//
// https://developer.apple.com/documentation/devicemanagement/add-subscription-administrators
func (c *Client) AddSubscriptionAdmins(ctx context.Context, ids []AdamNumber, clientUserIDs []string) (*Result, error) {
	return c.setSubscriptionAdmins(ctx, "add", nil, ids, clientUserIDs)
}

// RemoveSubscriptionAdmins is the contrary of [Client.AddSubscriptionAdmins]. For users who are no
// administrators, the outcome is [ErrNoSubscription].
//
// https://developer.apple.com/documentation/devicemanagement/remove-subscription-administrators
func (c *Client) RemoveSubscriptionAdmins(ctx context.Context, ids []AdamNumber, clientUserIDs []string) (*Result, error) {
	return c.setSubscriptionAdmins(ctx, "remove", ErrNoSubscription, ids, clientUserIDs)
}

func (c *Client) setSubscriptionAdmins(ctx context.Context, verb string, already error, ids []AdamNumber, clientUserIDs []string) (*Result, error) {
	op, err := c.orderSubscriptions(ctx, order{
		op: verb + " subscription administrators", path: rest.Path{"subscriptions", "admins", verb}, already: already,
	}, ids, clientUserIDs)
	if err != nil {
		return nil, err
	}
	return op.Result(), nil
}

func (c *Client) orderSubscriptions(ctx context.Context, o order, ids []AdamNumber, clientUserIDs []string) (*Operation, error) {
	var err error
	if o.products, err = subscriptionProducts(ids); err != nil {
		return nil, err
	}
	if o.targets, err = userHolders("clientUserIDs", clientUserIDs); err != nil {
		return nil, err
	}
	return c.begin(ctx, o)
}

// EnableSubscriptions tells Apple that this server supports subscriptions for the location. Until
// then nobody can buy them for it.
//
// https://developer.apple.com/documentation/devicemanagement/enable-subscriptions
func (c *Client) EnableSubscriptions(ctx context.Context) error {
	return c.setSubscriptions(ctx, "enable", true)
}

// DisableSubscriptions tells Apple, and those who buy for the location, that this server does not
// support subscriptions. It fails with [ErrSubscriptionsExist] while the location owns some.
//
// https://developer.apple.com/documentation/devicemanagement/disable-subscriptions
func (c *Client) DisableSubscriptions(ctx context.Context) error {
	return c.setSubscriptions(ctx, "disable", false)
}

func (c *Client) setSubscriptions(ctx context.Context, verb string, want bool) error {
	var answer struct {
		envelope
		Management *bool `json:"subscriptionManagement"`
	}
	op := verb + " subscriptions"
	err := c.call(ctx, request{
		op: op, method: http.MethodPost, path: rest.Path{"subscriptions", verb}, repeatable: true, writes: true,
	}, &answer)
	if err == nil && (answer.Management == nil || *answer.Management != want) {
		err = incomplete(op, "it does not confirm")
	}
	return err
}
