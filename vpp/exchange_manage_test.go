package vpp_test

import (
	"context"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
)

// outcomes waits for an operation and tells what became of it.
func outcomes(ctx context.Context, op *vpp.Operation, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	r, err := op.Wait(ctx)
	if err != nil {
		return nil, err
	}
	return told(r), nil
}

func manageReplays() []replay {
	deviceKeys := []vpp.AssetKey{{AdamID: "1000000001"}, {AdamID: "1000000002"}}
	return []replay{
		{exchange: "manage/associate, users and devices apart", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.Associate(ctx, []vpp.AssetKey{{AdamID: "1000000001"}, {AdamID: "1000000002", PricingParam: "PLUS"}},
				vpp.Targets{ClientUserIDs: []string{"u-17"}, SerialNumbers: []string{"DEMO00000001", "DEMO00000002"}})
			return outcomes(ctx, op, err)
		}, want: `1000000001 (STDQ) for u-17: done
1000000001 (STDQ) for DEMO00000001: done
1000000001 (STDQ) for DEMO00000002: done
1000000002 (PLUS) for u-17: done
1000000002 (PLUS) for DEMO00000001: done
1000000002 (PLUS) for DEMO00000002: failed associate: error 9709: not enough licenses
`},
		{exchange: "manage/associate what Apple refuses by name", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.Associate(ctx, deviceKeys, vpp.Devices("DEMO00000001"))
			return outcomes(ctx, op, err)
		}, want: `1000000001 (STDQ) for DEMO00000001: done
1000000002 (STDQ) for DEMO00000001: failed associate assets: status 400 error 9707: the asset cannot be assigned to devices
`},
		{exchange: "manage/associate and be refused", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.Associate(ctx, deviceKeys[:1], vpp.Users("u-17"))
			return outcomes(ctx, op, err)
		}, refusal: &wireError{status: 400, number: vpp.NumberUserNotFound, message: "registered user not found", is: vpp.ErrUserNotFound,
			info: vpp.ErrorInfo{ClientUserIDs: []string{"u-17"}}, op: "associate assets"}},
		{exchange: "manage/associate and be told no event", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.Associate(ctx, deviceKeys[:1], vpp.Users("u-17"))
			return outcomes(ctx, op, err)
		}, want: "1000000001 (STDQ) for u-17: done\n"},
		{exchange: "manage/disassociate", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.Disassociate(ctx, deviceKeys[:1], vpp.Devices("DEMO00000001"))
			return outcomes(ctx, op, err)
		}, want: "1000000001 (STDQ) for DEMO00000001: done\n"},
		{exchange: "manage/revoke", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.Revoke(ctx, vpp.Users("u-17", "u-18"))
			return outcomes(ctx, op, err)
		}, want: "u-17: done\nu-18: failed revoke assets: error 9603: the service failed\n"},
		{exchange: "manage/create users", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.CreateUsers(ctx, []vpp.UserRequest{
				{ClientUserID: "u-18", ManagedAppleAccount: "pat@appleid.example.test"}, {ClientUserID: "u-17", Email: "pat@example.test"},
			})
			return outcomes(ctx, op, err)
		}, want: `u-18: failed create users: error 9635: the Apple Account cannot be associated with the user
u-17: failed create users: error 9716: the user exists
`},
		{exchange: "manage/update users", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.UpdateUsers(ctx, []vpp.UserRequest{{ClientUserID: "u-17", Email: "pat@example.test"}})
			return outcomes(ctx, op, err)
		}, want: "u-17: done\n"},
		{exchange: "manage/fail without a reason", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.UpdateUsers(ctx, []vpp.UserRequest{{ClientUserID: "u-17", Email: "pat@example.test"}})
			return outcomes(ctx, op, err)
		}, want: "u-17: failed update users: no reason was given\n"},
		{exchange: "manage/fail more than is named", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.Associate(ctx, append(deviceKeys, vpp.AssetKey{AdamID: "1000000003"}), vpp.Devices("DEMO00000001"))
			return outcomes(ctx, op, err)
		}, want: `1000000001 (STDQ) for DEMO00000001: failed associate: error 9709: not enough licenses
1000000002 (STDQ) for DEMO00000001: failed associate: no reason was given
1000000003 (STDQ) for DEMO00000001: done
`},
		{exchange: "manage/retire users", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.RetireUsers(ctx, []string{"u-17", "u-18", "u-17"})
			return outcomes(ctx, op, err)
		}, want: "u-17: done\nu-18: done\n"},
		{exchange: "manage/associate subscriptions", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.AssociateSubscriptions(ctx, []vpp.AdamNumber{900001}, []string{"u-18", "u-19"}, false)
			return outcomes(ctx, op, err)
		}, want: "900001 for u-18: done\n900001 for u-19: failed associate: error 9709: not enough licenses\n"},
		{exchange: "manage/disassociate subscriptions", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			op, err := c.DisassociateSubscriptions(ctx, []vpp.AdamNumber{900001}, []string{"u-18"}, true)
			return outcomes(ctx, op, err)
		}, want: "900001 for u-18: done\n"},
		{exchange: "manage/add administrators", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			r, err := c.AddSubscriptionAdmins(ctx, []vpp.AdamNumber{900001}, []string{"u-18"})
			return told(r), err
		}, want: "900001 for u-18: done\n"},
		{exchange: "manage/remove administrators", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			r, err := c.RemoveSubscriptionAdmins(ctx, []vpp.AdamNumber{900001}, []string{"u-18", "u-19"})
			return told(r), err
		}, want: `900001 for u-18: done
900001 for u-19: failed remove subscription administrators: status 400 error 9815: the user does not have the subscription
`},
		{exchange: "manage/status", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			return exchange.Value(c.EventStatus(ctx, "5f0e8b52-0000-4000-8000-000000000011"))
		}, want: vpp.EventStatus{State: vpp.EventFailed, Type: vpp.EventAssociate, Requested: 16, Completed: 14, Failures: []*vpp.Error{
			{Op: "associate", Number: 9609, Message: "registered user not found", Info: vpp.ErrorInfo{ClientUserIDs: []string{"u-17"}}, Err: vpp.ErrUserNotFound},
			{Op: "associate", Number: 9999, Message: "new"},
		}}},
		{exchange: "manage/status of nothing", call: readStatus,
			refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer, op: "read the status of an event"}},
		{exchange: "manage/status of an event that is not known", call: readStatus,
			refusal: &wireError{status: 400, number: vpp.NumberEvent, message: "event not found", is: vpp.ErrEvent}},
	}
}

func readStatus(ctx context.Context, c *vpp.Client) (any, error) {
	return exchange.Value(c.EventStatus(ctx, "e"))
}
