package vpp_test

import (
	"context"
	"errors"
	"testing"

	"github.com/applemdm/applemdm/vpp"
)

// Every writing call says what is wrong with its arguments, before any request.
func TestWritingCallsCheckTheirArguments(t *testing.T) {
	s := newSite(t, nil, nil)
	c := s.client
	asset, device := keys(1), vpp.Devices("DEMO00000001")
	user := func(u vpp.UserRequest) func(context.Context) (*vpp.Operation, error) {
		return func(ctx context.Context) (*vpp.Operation, error) { return c.CreateUsers(ctx, []vpp.UserRequest{u}) }
	}
	for want, call := range map[string]func(context.Context) (*vpp.Operation, error){
		"assets: needs at least one asset": func(ctx context.Context) (*vpp.Operation, error) {
			return c.Associate(ctx, nil, device)
		},
		"assets[1].AdamID: must not be empty": func(ctx context.Context) (*vpp.Operation, error) {
			return c.Associate(ctx, append(asset, vpp.AssetKey{}), device)
		},
		`assets[0].AdamID: is "01000000001"; an Adam ID is a number greater than 0 in plain digits`: func(ctx context.Context) (*vpp.Operation, error) {
			return c.Associate(ctx, []vpp.AssetKey{{AdamID: "01000000001"}}, device)
		},
		`assets[0].AdamID: is "com.example"; an Adam ID is a number greater than 0 in plain digits`: func(ctx context.Context) (*vpp.Operation, error) {
			return c.Disassociate(ctx, []vpp.AssetKey{{AdamID: "com.example"}}, device)
		},
		"to: needs at least one client user ID or serial number": func(ctx context.Context) (*vpp.Operation, error) {
			return c.Associate(ctx, asset, vpp.Devices())
		},
		"from: needs at least one client user ID or serial number": func(ctx context.Context) (*vpp.Operation, error) {
			return c.Revoke(ctx, vpp.Users())
		},
		"from.SerialNumbers[1]: must not be empty": func(ctx context.Context) (*vpp.Operation, error) {
			return c.Disassociate(ctx, asset, vpp.Devices("A", ""))
		},
		"to.ClientUserIDs[0]: must not be empty": func(ctx context.Context) (*vpp.Operation, error) {
			return c.Associate(ctx, asset, vpp.Users(""))
		},
		`to.ClientUserIDs[1]: is "a\nb"; a client user ID has no control characters`: func(ctx context.Context) (*vpp.Operation, error) {
			return c.Associate(ctx, asset, vpp.Users("a", "a\nb"))
		},
		`from.ClientUserIDs[0]: is "\xff"; a client user ID has no control characters`: func(ctx context.Context) (*vpp.Operation, error) {
			return c.Revoke(ctx, vpp.Users("\xff"))
		},
		"users: needs at least one user": func(ctx context.Context) (*vpp.Operation, error) { return c.UpdateUsers(ctx, nil) },
		"users[1].ClientUserID: comes twice, with different members": func(ctx context.Context) (*vpp.Operation, error) {
			return c.UpdateUsers(ctx, []vpp.UserRequest{{ClientUserID: "a"}, {ClientUserID: "a", Email: "a@example.test"}})
		},
		"users[0].ClientUserID: must not be empty":                                             user(vpp.UserRequest{}),
		`users[0].Email: is "a b@c"; it must look like an e-mail address`:                      user(vpp.UserRequest{ClientUserID: "a", Email: "a b@c"}),
		`users[0].ManagedAppleAccount: is "example.test"; it must look like an e-mail address`: user(vpp.UserRequest{ClientUserID: "a", ManagedAppleAccount: "example.test"}),
		"clientUserIDs: needs at least one client user ID":                                     func(ctx context.Context) (*vpp.Operation, error) { return c.RetireUsers(ctx, nil) },
		"subscriptions: needs at least one subscription": func(ctx context.Context) (*vpp.Operation, error) {
			return c.AssociateSubscriptions(ctx, nil, []string{"a"}, true)
		},
		"subscriptions[1]: must be greater than 0": func(ctx context.Context) (*vpp.Operation, error) {
			return c.DisassociateSubscriptions(ctx, []vpp.AdamNumber{1, -1}, []string{"a"}, true)
		},
		"clientUserIDs[0]: must not be empty": func(ctx context.Context) (*vpp.Operation, error) {
			return c.AssociateSubscriptions(ctx, []vpp.AdamNumber{1}, []string{""}, true)
		},
		"eventID: must not be empty": func(ctx context.Context) (*vpp.Operation, error) {
			_, err := c.EventStatus(ctx, "")
			return nil, err
		},
	} {
		op, err := call(t.Context())
		if _, ok := errors.AsType[*vpp.InputError](err); !ok || op != nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if n := s.srv.Count("", ""); n != 0 {
		t.Errorf("%d requests", n)
	}
}
