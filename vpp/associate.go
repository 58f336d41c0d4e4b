package vpp

import "context"

// Associate gives assets to users and devices: every one of assets to every one of to. Any number of
// each is cut to the limits of the service, users and devices apart, and what comes twice is sent
// once. An asset without a PricingParam is one of [PricingStandard].
//
// Apple queues it. The [Operation] tells what becomes of it; installing an app before the outcome is
// [StatusDone] fails. Apple's refusal of an asset or a target, of one that is not for devices say
// ([ErrNotDeviceAssignable]), does not keep the others from being sent: it is an outcome. Where Apple
// does not say what it refuses, up to 32 smaller requests look for it. A failure on the way is an
// outcome too: what was not sent has [StatusNotSent].
//
// An error means that nothing was queued. While another server has the location, that is
// [ErrClaimedByOther]. To give twice does no harm, so a lost connection is repeated by itself.
//
// https://developer.apple.com/documentation/devicemanagement/associate-assets
func (c *Client) Associate(ctx context.Context, assets []AssetKey, to Targets) (*Operation, error) {
	return c.orderAssets(ctx, EventAssociate, assets, "to", to)
}

// Disassociate takes assets back: every one of assets from every one of from. To take back what is
// not there does no harm. Books cannot be taken back: [ErrNotRevocable]. Limits, outcomes and errors
// are as with [Client.Associate].
//
// The app stays on the devices until you remove it, and stops working after 30 days.
//
// https://developer.apple.com/documentation/devicemanagement/disassociate-assets
func (c *Client) Disassociate(ctx context.Context, assets []AssetKey, from Targets) (*Operation, error) {
	return c.orderAssets(ctx, EventDisassociate, assets, "from", from)
}

// Revoke takes everything back from users and devices but what is not revocable, which are books.
// There is one outcome for each of them. Limits, outcomes and errors are as with [Client.Associate].
//
// https://developer.apple.com/documentation/devicemanagement/revoke-assets
func (c *Client) Revoke(ctx context.Context, from Targets) (*Operation, error) {
	holders, err := from.holders("from")
	if err != nil {
		return nil, err
	}
	o := orderFor(EventRevoke, false)
	o.targets = holders
	return c.begin(ctx, o)
}

func (c *Client) orderAssets(ctx context.Context, kind EventType, assets []AssetKey, name string, targets Targets) (*Operation, error) {
	var err error
	o := orderFor(kind, false)
	if o.products, err = assetProducts(assets); err != nil {
		return nil, err
	}
	if o.targets, err = targets.holders(name); err != nil {
		return nil, err
	}
	return c.begin(ctx, o)
}
