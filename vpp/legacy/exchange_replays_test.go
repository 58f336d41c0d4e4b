package legacy_test

import (
	"context"
	"iter"
	"time"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
)

func register(r vpp.UserRequest) func(context.Context, *legacy.Client) (any, error) {
	return func(ctx context.Context, c *legacy.Client) (any, error) {
		return exchange.Value(c.RegisterUser(ctx, r))
	}
}

func get(key legacy.UserKey) func(context.Context, *legacy.Client) (any, error) {
	return func(ctx context.Context, c *legacy.Client) (any, error) { return exchange.Value(c.User(ctx, key)) }
}

func retire(key legacy.UserKey) func(context.Context, *legacy.Client) (any, error) {
	return func(ctx context.Context, c *legacy.Client) (any, error) {
		return exchange.Value(c.RetireUser(ctx, key))
	}
}

func userPages(f legacy.UserFilter) func(context.Context, *legacy.Client) (any, error) {
	return allPages(func(c *legacy.Client, ctx context.Context) iter.Seq2[*legacy.Page[legacy.User], error] {
		return c.UserPages(ctx, f)
	})
}

func userReplays() []replay {
	type pages = []legacy.Page[legacy.User]
	one := func(id string) []legacy.User { return []legacy.User{{ClientUserID: id}} }
	twice := func(o *legacy.Options) { o.Retry.Tries = 2 }
	return []replay{
		{exchange: "users/register", call: register(vpp.UserRequest{ClientUserID: "8f6c-17", Email: "pat@acme.example"}), want: legacy.User{
			UserID: 100777, ClientUserID: "8f6c-17", Email: "pat@acme.example", Status: vpp.UserRegistered, InviteCode: "0f0e",
			InviteURL: "https://buy.example.test/associate?cc=us&inviteCode=0f0e&mt=8", Unknown: raw("new", "true"),
		}},
		{exchange: "users/register with an account", call: register(vpp.UserRequest{ClientUserID: "8f6c-17", ManagedAppleAccount: "pat@acme.example"}),
			want: legacy.User{UserID: 100777, ClientUserID: "8f6c-17", Status: vpp.UserAssociated, IDHash: "q83vEjRWeJA="}},
		{exchange: "users/register an account of others", call: register(vpp.UserRequest{ClientUserID: "8f6c-17", ManagedAppleAccount: "pat@other.example"}),
			refusal: &wireError{status: 200, number: 9635, message: "Apple ID can't be associated", is: vpp.ErrAccountUnusable,
				requestID: "11111111-2222-3333-4444-555555555555", op: "register the user"}},
		{exchange: "users/register, and get no user", call: register(vpp.UserRequest{ClientUserID: "8f6c-17"}),
			refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer, op: "register the user"}},
		{exchange: "users/get, with licenses", call: get(legacy.UserKey{ClientUserID: "8f6c-17", IDHash: "q83vEjRWeJA="}), want: legacy.User{
			UserID: 100777, ClientUserID: "8f6c-17", Status: vpp.UserRetired, IDHash: "q83vEjRWeJA=",
			Licenses: []legacy.License{
				{ID: "7", AdamID: "1000000001", ProductType: legacy.ProductApplication, PricingParam: vpp.PricingStandard, ProductTypeName: "Application"},
				{ID: "9", AdamID: "1000000002", ProductType: legacy.ProductPublication, PricingParam: vpp.PricingHighQuality,
					ProductTypeName: "Publication", Irrevocable: true, Unknown: raw("new", "1")},
			},
		}},
		{exchange: "users/get by number", call: get(legacy.UserKey{UserID: 100777}),
			want: legacy.User{UserID: 100777, ClientUserID: "8f6c-17", Status: vpp.UserDeleted}},
		{exchange: "users/get nobody", call: get(legacy.UserKey{ClientUserID: "8f6c-18"}),
			refusal: &wireError{status: 200, number: 9604, message: "Result not found", is: legacy.ErrNotFound, op: "read the user"}},
		{exchange: "users/edit", call: func(ctx context.Context, c *legacy.Client) (any, error) {
			return exchange.Value(c.EditUser(ctx, legacy.UserKey{ClientUserID: "8f6c-17"},
				legacy.UserChange{Email: "p.lee@acme.example", ManagedAppleAccount: "p.lee@acme.example"}))
		}, want: legacy.User{UserID: 100777, ClientUserID: "8f6c-17", Email: "p.lee@acme.example", Status: vpp.UserAssociated}},
		{exchange: "users/retire", call: retire(legacy.UserKey{ClientUserID: "8f6c-17"}), want: legacy.User{
			UserID: 100777, ClientUserID: "8f6c-17", Status: vpp.UserRetired, Licenses: []legacy.License{{
				ID: "9", AdamID: "1000000002", ProductType: legacy.ProductPublication, PricingParam: vpp.PricingStandard,
				ProductTypeName: "Publication", Irrevocable: true,
			}},
		}},
		{exchange: "users/retire once more", call: retire(legacy.UserKey{UserID: 100777}),
			refusal: &wireError{status: 200, number: 9618, message: "User already retired", is: legacy.ErrUserRetired}},

		{exchange: "users/list", call: userPages(legacy.UserFilter{IncludeRetired: true}), want: pages{{
			Items:              []legacy.User{{UserID: 100777, ClientUserID: "8f6c-17", Email: "pat@acme.example", Status: vpp.UserAssociated, IDHash: "q83vEjRWeJA="}},
			SinceModifiedToken: "H4sI-1", TotalCount: 1, Begins: true, Completes: true,
		}}},
		{exchange: "users/list of the retired, in three batches of which one has no token", call: userPages(legacy.UserFilter{RetiredOnly: true}),
			options: twice, want: pages{
				{Items: one("a"), TotalCount: 3, Begins: true}, {Items: one("b")}, {SinceModifiedToken: "s1", Completes: true},
			}},
		{exchange: "users/list of changes", call: userPages(legacy.UserFilter{SinceModifiedToken: "s1"}), want: pages{
			{Items: []legacy.User{{ClientUserID: "a", Status: vpp.UserRetired}}, Begins: true, Delta: true},
			{SinceModifiedToken: "s2", Completes: true, Delta: true},
		}},
		{exchange: "users/list of changes of another token", call: userPages(legacy.UserFilter{SinceModifiedToken: "s1"}), want: pages{
			{Items: one("a"), SinceModifiedToken: "s2", TotalCount: 1, Begins: true, Completes: true},
		}},
		{exchange: "users/list that is lost", call: userPages(legacy.UserFilter{}), want: pages{
			{Items: one("a"), Begins: true}, {Items: one("b"), Begins: true}, {Items: one("c"), SinceModifiedToken: "s1", Completes: true},
		}},
		{exchange: "users/list in a circle", call: all(func(c *legacy.Client, ctx context.Context) iter.Seq2[legacy.User, error] {
			return c.Users(ctx, legacy.UserFilter{})
		}), want: one("a"), refusal: &wireError{is: legacy.ErrSameToken}},
	}
}

func assignments(f legacy.AssignmentFilter) func(context.Context, *legacy.Client) (any, error) {
	return all(func(c *legacy.Client, ctx context.Context) iter.Seq2[legacy.Assignment, error] {
		return c.Assignments(ctx, f)
	})
}

func assets(f legacy.AssetFilter) func(context.Context, *legacy.Client) (any, error) {
	return func(ctx context.Context, c *legacy.Client) (any, error) { return c.Assets(ctx, f) }
}

func licenses(f legacy.LicenseFilter) func(context.Context, *legacy.Client) (any, error) {
	return all(func(c *legacy.Client, ctx context.Context) iter.Seq2[legacy.License, error] {
		return c.Licenses(ctx, f)
	})
}

func listReplays() []replay {
	oddPage := &wireError{status: 200, is: vpp.ErrUnexpectedAnswer, op: "read assignments"}
	none := []legacy.Assignment(nil)
	return []replay{
		{exchange: "lists/assets, with counts", call: assets(legacy.AssetFilter{PricingParam: vpp.PricingStandard, IncludeLicenseCounts: true}), want: []legacy.Asset{
			{AdamID: "1000000001", PricingParam: vpp.PricingStandard, ProductType: legacy.ProductApplication, ProductTypeName: "Application",
				DeviceAssignable: true, AssignedCount: 3, AvailableCount: 22, RetiredCount: 1, TotalCount: 26, Unknown: raw("new", "0")},
			{AdamID: "1000000002", PricingParam: vpp.PricingStandard, ProductType: legacy.ProductPublication, ProductTypeName: "Publication",
				Irrevocable: true, AssignedCount: 1, TotalCount: 1},
		}},
		{exchange: "lists/assets, none", call: assets(legacy.AssetFilter{}), want: []legacy.Asset{}},
		{exchange: "lists/assignments, one page", call: assignments(legacy.AssignmentFilter{
			AdamID: "1000000001", ClientUserID: "8f6c-17", SerialNumber: "X0EXAMPLE2",
		}), want: []legacy.Assignment{
			{AdamID: "1000000001", PricingParam: vpp.PricingStandard, SerialNumber: "X0EXAMPLE2"},
			{AdamID: "1000000001", PricingParam: vpp.PricingHighQuality, ClientUserID: "8f6c-17", Unknown: raw("new", `"x"`)},
		}},
		{exchange: "lists/assignments, two pages", call: assignments(legacy.AssignmentFilter{}), want: []legacy.Assignment{{AdamID: "1"}, {AdamID: "2"}}},
		{exchange: "lists/assignments, more without a request ID", call: assignments(legacy.AssignmentFilter{}), want: none, refusal: oddPage},
		{exchange: "lists/assignments in a circle", call: assignments(legacy.AssignmentFilter{}), want: none, refusal: oddPage},
		{exchange: "lists/assignments, another page", call: assignments(legacy.AssignmentFilter{}), want: none, refusal: oddPage},
		{exchange: "lists/licenses", call: licenses(legacy.LicenseFilter{
			AdamID: "1000000001", PricingParam: vpp.PricingStandard, SerialNumber: "X0EXAMPLE2", AssignedOnly: true,
		}), want: []legacy.License{
			{ID: "77", AdamID: "1000000001", PricingParam: vpp.PricingStandard, ProductType: legacy.ProductApplication,
				ProductTypeName: "Application", SerialNumber: "X0EXAMPLE2", Status: legacy.LicenseAssociated},
			{ID: "78", AdamID: "1000000001", UserID: "5", ClientUserID: "u", IDHash: "q83vEjRWeJA=", Status: legacy.LicenseAssociated, Unknown: raw("new", "null")},
			{ID: "79", AdamID: "1000000001", UserID: "6", Status: legacy.LicenseRefunded},
		}},
		{exchange: "lists/licenses of users, in two batches", call: licenses(legacy.LicenseFilter{UserAssignedOnly: true}),
			want: []legacy.License{{ID: "1"}, {ID: "2"}}},
		{exchange: "lists/licenses on devices, changes", call: allPages(func(c *legacy.Client, ctx context.Context) iter.Seq2[*legacy.Page[legacy.License], error] {
			return c.LicensePages(ctx, legacy.LicenseFilter{DeviceAssignedOnly: true, SinceModifiedToken: "s1"})
		}), want: []legacy.Page[legacy.License]{{SinceModifiedToken: "s2", Begins: true, Completes: true, Delta: true}}},
	}
}

func manage(m legacy.Management) func(context.Context, *legacy.Client) (any, error) {
	return func(ctx context.Context, c *legacy.Client) (any, error) {
		return exchange.Value(c.ManageLicenses(ctx, m))
	}
}

func manageReplays() []replay {
	oneDevice := legacy.Management{AdamID: "1", AssociateSerialNumbers: []string{"A"}}
	twoLicenses := legacy.Management{AdamID: "1", DisassociateLicenseIDs: []string{"7", "8"}}
	return []replay{
		{exchange: "manage/some fail", call: manage(legacy.Management{
			AdamID: "1000000001", AssociateSerialNumbers: []string{"X0EXAMPLE2", "X0EXAMPLE3", "X0EXAMPLE2", "X0EXAMPLE4"},
		}), want: legacy.ManagementResult{ProductType: legacy.ProductApplication, ProductTypeName: "Application", Associations: []legacy.Outcome{
			{SerialNumber: "X0EXAMPLE2", LicenseID: "77", Unknown: raw("new", "1"), Status: vpp.StatusDone},
			{SerialNumber: "X0EXAMPLE3", Number: 9610, Message: "none left", Status: vpp.StatusFailed, Err: vpp.ErrNotEnoughLicenses},
			{SerialNumber: "X0EXAMPLE4", Status: vpp.StatusUncertain, Err: legacy.ErrNoOutcome},
		}}},
		{exchange: "manage/all fail", call: manage(legacy.Management{
			AdamID: "1000000002", PricingParam: vpp.PricingHighQuality, DisassociateClientUserIDs: []string{"u1", "u1"}, Quiet: true,
		}), want: legacy.ManagementResult{Disassociations: []legacy.Outcome{
			{ClientUserID: "u1", Number: 9607, Message: "irrevocable", Status: vpp.StatusFailed, Err: vpp.ErrNotRevocable},
		}}},
		{exchange: "manage/all fail for one reason", call: manage(legacy.Management{
			AdamID: "1", DisassociateClientUserIDs: []string{"u1"}, AssociateClientUserIDs: []string{"u2"},
		}), want: legacy.ManagementResult{
			Disassociations: []legacy.Outcome{{ClientUserID: "u1", Status: vpp.StatusFailed, Err: legacy.ErrLicenseLocked}},
			Associations:    []legacy.Outcome{{ClientUserID: "u2", Status: vpp.StatusFailed, Err: legacy.ErrLicenseLocked}},
		}},
		{exchange: "manage/entries without a word", call: manage(legacy.Management{
			AdamID: "1", DisassociateSerialNumbers: []string{"A"}, AssociateSerialNumbers: []string{"B"},
		}), want: legacy.ManagementResult{
			Disassociations: []legacy.Outcome{{SerialNumber: "A", Status: vpp.StatusUncertain, Err: legacy.ErrNoOutcome}},
			Associations:    []legacy.Outcome{{SerialNumber: "B", LicenseID: "5", Status: vpp.StatusDone}},
		}},
		{exchange: "manage/as it was asked for already", call: manage(legacy.Management{
			AdamID: "1", DisassociateSerialNumbers: []string{"A"}, AssociateClientUserIDs: []string{"u1", "u2", "u3"},
		}), want: legacy.ManagementResult{
			Disassociations: []legacy.Outcome{{SerialNumber: "A", Number: 9619, Message: "not associated", Status: vpp.StatusDone}},
			Associations: []legacy.Outcome{
				{ClientUserID: "u1", Number: 9616, Message: "has it", Status: vpp.StatusDone, AlreadyAssigned: &legacy.License{
					ID: "7", AdamID: "1", Status: legacy.LicenseAssociated, UserID: "5", ClientUserID: "u1"}},
				{ClientUserID: "u2", Number: 9616, Message: "has it", Status: vpp.StatusDone, AssignedToUsers: []legacy.User{{
					UserID: 8, ClientUserID: "u9", IDHash: "h", Email: "e@acme.example", Status: vpp.UserAssociated}}},
				{ClientUserID: "u3", Number: 9630, Message: "has it still", Status: vpp.StatusDone},
			},
		}},
		{exchange: "manage/licenses by number", call: manage(twoLicenses), want: legacy.ManagementResult{Disassociations: []legacy.Outcome{
			{LicenseID: "7", Status: vpp.StatusDone}, {LicenseID: "8", Number: 9624, Message: "refunded", Status: vpp.StatusFailed, Err: legacy.ErrLicenseRefunded},
		}}},
		{exchange: "manage/licenses by number, fewer than asked for", call: manage(twoLicenses), want: legacy.ManagementResult{
			Disassociations: []legacy.Outcome{{LicenseID: "7", Status: vpp.StatusUncertain, Err: legacy.ErrNoOutcome}, {LicenseID: "8", Status: vpp.StatusUncertain, Err: legacy.ErrNoOutcome}},
		}},
		{exchange: "manage/refused as a whole", call: manage(oneDevice), refusal: &wireError{
			status: 200, number: 9645, message: "read-only", is: legacy.ErrManagedByApple, op: "manage licenses"}},
		{exchange: "manage/fails without a word", call: manage(oneDevice), refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer}},
		{exchange: "manage/refused with a status of HTTP", call: manage(oneDevice), refusal: &wireError{
			status: 503, is: vpp.ErrMaintenance, retryAfter: 2 * time.Minute}},
	}
}
