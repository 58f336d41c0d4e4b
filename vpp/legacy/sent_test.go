package legacy_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/internal/sent"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
)

// furtherCalls send what recordedCalls leave out.
var furtherCalls = map[string]func(ctx context.Context, c *legacy.Client, w recordWorld) error{
	"Assets": func(ctx context.Context, c *legacy.Client, _ recordWorld) error {
		_, err := c.Assets(ctx, legacy.AssetFilter{PricingParam: vpp.PricingStandard, IncludeLicenseCounts: true})
		return err
	},
	"Assignments": func(ctx context.Context, c *legacy.Client, w recordWorld) error {
		_, err := exchange.Collect(c.Assignments(ctx, legacy.AssignmentFilter{AdamID: "1000000001", ClientUserID: w.users[0], SerialNumber: w.serials[0]}))
		return err
	},
	"Licenses": func(ctx context.Context, c *legacy.Client, w recordWorld) error {
		since := ""
		for page, err := range c.LicensePages(ctx, legacy.LicenseFilter{}) {
			if err != nil {
				return err
			}
			since = page.SinceModifiedToken
		}
		_, err := exchange.Collect(c.Licenses(ctx, legacy.LicenseFilter{SinceModifiedToken: since, UserAssignedOnly: true}))
		if err != nil {
			return err
		}
		_, err = exchange.Collect(c.Licenses(ctx, legacy.LicenseFilter{
			AdamID: "1000000001", PricingParam: vpp.PricingStandard, SerialNumber: w.serials[0], DeviceAssignedOnly: true}))
		return err
	},
	"Users": func(ctx context.Context, c *legacy.Client, _ recordWorld) error {
		since := ""
		for page, err := range c.UserPages(ctx, legacy.UserFilter{RetiredOnly: true}) {
			if err != nil {
				return err
			}
			since = page.SinceModifiedToken
		}
		_, err := exchange.Collect(c.Users(ctx, legacy.UserFilter{SinceModifiedToken: since}))
		return err
	},
	"User": func(ctx context.Context, c *legacy.Client, w recordWorld) error {
		user, err := c.User(ctx, legacy.UserKey{ClientUserID: w.users[0]})
		if err != nil {
			return err
		}
		if _, err := c.User(ctx, legacy.UserKey{ClientUserID: w.users[0], IDHash: user.IDHash}); err != nil {
			return err
		}
		if _, err := c.User(ctx, legacy.UserKey{UserID: user.UserID}); err != nil {
			return err
		}
		if _, err := c.EditUser(ctx, legacy.UserKey{UserID: user.UserID}, legacy.UserChange{Email: w.email}); err != nil {
			return err
		}
		if _, err := c.RegisterUser(ctx, vpp.UserRequest{ClientUserID: "another-1", Email: w.email, ManagedAppleAccount: "another@appleid.springfield.example.edu"}); err != nil {
			return err
		}
		another, err := c.User(ctx, legacy.UserKey{ClientUserID: "another-1"})
		if err != nil {
			return err
		}
		_, err = c.RetireUser(ctx, legacy.UserKey{UserID: another.UserID})
		return err
	},
	"ManageLicenses": func(ctx context.Context, c *legacy.Client, w recordWorld) error {
		if _, err := c.ManageLicenses(ctx, legacy.Management{AdamID: "1000000001", PricingParam: vpp.PricingStandard,
			DisassociateClientUserIDs: w.users[:1], AssociateClientUserIDs: w.users[:1], Quiet: true}); err != nil {
			return err
		}
		for license, err := range c.Licenses(ctx, legacy.LicenseFilter{AssignedOnly: true}) {
			if err != nil {
				return err
			}
			_, err = c.ManageLicenses(ctx, legacy.Management{AdamID: "1000000001", DisassociateLicenseIDs: []string{license.ID}})
			return err
		}
		return nil
	},
}

// What every call sends is in the README's table, and nothing is there that is never sent.
func TestWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, world := newRecordSite(t)
		base := s.srv.Client()
		wire := &sent.Wire{Base: base.Transport}
		base.Transport = wire
		client := s.newClient(t, func(o *legacy.Options) { o.HTTPClient, o.MDM = base, world.mdm })
		for _, call := range recordedCalls {
			if call.name == "Release" {
				continue // comes last
			}
			if _, err := call.call(t.Context(), client, world); err != nil {
				t.Fatalf("%s: %v", call.name, err)
			}
		}
		for name, call := range furtherCalls {
			if err := call(t.Context(), client, world); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if _, err := client.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range sent.Check("../../README.md", "vpp/legacy", wire.Messages()) {
			t.Error(wrong)
		}
	})
}
