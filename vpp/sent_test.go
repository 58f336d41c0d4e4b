package vpp_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/internal/sent"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// filteredCalls are calls with all that a list can be asked for.
func filteredCalls(t *testing.T) []recordedCall {
	assets := vpp.AssetFilter{
		AdamID: recordedApp, ProductType: vpp.ProductApp, PricingParam: vpp.PricingStandard,
		Revocable: new(true), DeviceAssignable: new(true), Unlimited: new(false),
		MinAvailableCount: new(1), MaxAvailableCount: new(100), MinAssignedCount: new(0), MaxAssignedCount: new(100),
	}
	return []recordedCall{
		{"Subscribe", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			return c.Subscribe(ctx, w.hook, w.token)
		}},
		{"Assets", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			return exchange.Collect(c.Assets(ctx, full(t, assets)))
		}},
		{"Assignments", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			version := ""
			for page, err := range c.AssignmentPages(ctx, vpp.AssignmentFilter{}) {
				if err != nil {
					return nil, err
				}
				version = page.VersionID
			}
			return exchange.Collect(c.Assignments(ctx, full(t, vpp.AssignmentFilter{
				AdamID: recordedApp, PricingParam: vpp.PricingStandard, ClientUserID: w.users[0], SerialNumber: w.serials[0],
				ExcludeInactiveUsers: true, IncludeUserState: true, SinceVersionID: version,
			})))
		}},
		{"Users", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			version := ""
			for page, err := range c.UserPages(ctx, vpp.UserFilter{}) {
				if err != nil {
					return nil, err
				}
				version = page.VersionID
			}
			filter := full(t, vpp.UserFilter{
				ActiveOnly: true, RetiredOnly: true, ClientUserID: w.users[0], ManagedAppleAccount: w.account, SinceVersionID: version,
			})
			filter.ActiveOnly = false // each excludes the other
			if _, err := exchange.Collect(c.Users(ctx, filter)); err != nil {
				return nil, err
			}
			filter.ActiveOnly, filter.RetiredOnly = true, false
			return exchange.Collect(c.Users(ctx, filter))
		}},
		{"Subscriptions", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			return exchange.Collect(c.Subscriptions(ctx, full(t, vpp.SubscriptionFilter{AdamID: recordedSubscription, ParentAdamID: 77})))
		}},
		{"SubscriptionAssignments", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			return exchange.Collect(c.SubscriptionAssignments(ctx, full(t, vpp.SubscriptionAssignmentFilter{
				AdamID: recordedSubscription, ParentAdamID: 77, ClientUserID: w.users[0]})))
		}},
		{"SubscriptionAdmins", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			return exchange.Collect(c.SubscriptionAdmins(ctx, full(t, vpp.SubscriptionAdminFilter{AdamID: recordedSubscription, IncludeUserState: true})))
		}},
		{"Revoke", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.Revoke(ctx, vpp.Targets{SerialNumbers: w.serials, ClientUserIDs: w.users[:1]})
			return waited(ctx, op, err)
		}},
		{"UpdateUsers", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.UpdateUsers(ctx, []vpp.UserRequest{{ClientUserID: w.users[0], Email: w.email, ManagedAppleAccount: w.account}})
			return waited(ctx, op, err)
		}},
		{"CreateUsers", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.CreateUsers(ctx, []vpp.UserRequest{full(t, vpp.UserRequest{
				ClientUserID: "another-1", Email: w.newEmail, ManagedAppleAccount: "another@appleid.springfield.example.edu"})})
			return waited(ctx, op, err)
		}},
		{"Subscriptions by pages", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			return exchange.Collect(c.Subscriptions(ctx, vpp.SubscriptionFilter{}))
		}},
		{"SubscriptionAssignments by pages", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.AssociateSubscriptions(ctx, []vpp.AdamNumber{recordedSubscription}, []string{w.users[0], "another-1"}, true)
			if _, err := waited(ctx, op, err); err != nil {
				return nil, err
			}
			return exchange.Collect(c.SubscriptionAssignments(ctx, vpp.SubscriptionAssignmentFilter{}))
		}},
		{"SubscriptionAdmins by pages", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			if _, err := c.AddSubscriptionAdmins(ctx, []vpp.AdamNumber{recordedSubscription}, []string{w.users[0], "another-1"}); err != nil {
				return nil, err
			}
			return exchange.Collect(c.SubscriptionAdmins(ctx, vpp.SubscriptionAdminFilter{}))
		}},
	}
}

// full returns v, in which every field must be set.
func full[T any](t *testing.T, v T) T {
	t.Helper()
	if empty := sent.Empty(v); empty != nil {
		t.Fatalf("%T has no %q", v, empty)
	}
	return v
}

// What every call sends is in the README's table, and nothing is there that is never sent.
func TestWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, world := newRecordSite(t)
		base := s.srv.Client()
		wire := &sent.Wire{Base: base.Transport}
		base.Transport = wire
		client := s.newClient(t, func(o *vpp.Options) { o.HTTPClient, o.MDM = base, world.mdm })
		s.srv.DeliverTo(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			wire.Add(sent.Message{Call: "POST notificationUrl", Received: sent.Of(nil, r.Header, body)})
		}))
		calls := recordedCalls()
		for _, call := range append(calls, filteredCalls(t)...) {
			if _, err := call.call(t.Context(), client, world); err != nil {
				t.Fatalf("%s: %v", call.name, err)
			}
			if call.name == "EnableSubscriptions" {
				for i := range int64(2) {
					if err := s.BuySubscription(vpptest.Subscription{AdamID: int64(recordedSubscription) + i, ParentAdamID: 77, Renewing: 5}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for _, wrong := range sent.Check("../README.md", "vpp", wire.Messages()) {
			t.Error(wrong)
		}
	})
}
