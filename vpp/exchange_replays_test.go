package vpp_test

import (
	"context"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
)

func readClientConfig(ctx context.Context, c *vpp.Client) (any, error) {
	return exchange.Value(c.ClientConfig(ctx))
}

func readServiceConfig(ctx context.Context, c *vpp.Client) (any, error) {
	return exchange.Value(c.ServiceConfig(ctx))
}

func claim(ctx context.Context, c *vpp.Client) (any, error) { return exchange.Value(c.Claim(ctx)) }

func takeOver(ctx context.Context, c *vpp.Client) (any, error) {
	return exchange.Value(c.TakeOver(ctx))
}

func configReplays() []replay {
	return []replay{
		{exchange: "config/service", call: readServiceConfig, want: vpp.ServiceConfig{
			ErrorCodes: []vpp.ErrorCode{{Number: 9601, Message: "Login required"}, {Number: 9602, Message: "Invalid argument"}},
			Limits: vpp.Limits{
				MaxAssets: 20, MaxClientUserIDs: 900, MaxSerialNumbers: 800, MaxRevokeClientUserIDs: 90,
				MaxRevokeSerialNumbers: 80, MaxUsers: 70, MaxSubscriptions: 15, MaxSubscriptionClientUserIDs: 700,
				MaxNotificationLength: 500, MaxMDMNameLength: 99, MaxMDMIDLength: 98, MaxMDMMetadataLength: 250,
				MaxRequestPerSecond: 10, Unknown: raw("maxNew", "3"),
			},
			NotificationTypes: []vpp.NotificationType{vpp.NotificationAssetCount, vpp.NotificationAssetManagement,
				vpp.NotificationUserManagement, vpp.NotificationUserAssociated, "NEW_TYPE"},
			URLs: map[string]string{
				vpp.URLGetAssets:             "http://memhttp.test/mdm/v2/assets",
				vpp.URLInvitationEmail:       "https://buy.example.test/associate?inviteCode=%25inviteCode%25&mt=8",
				vpp.URLContentMetadataLookup: "https://lookup.example.test/lookup",
			},
			Unknown: raw("new", `{"a":1}`),
		}},
		{exchange: "config/service publishes nothing", call: readServiceConfig, want: vpp.ServiceConfig{Limits: vpp.Limits{
			MaxAssets: 25, MaxClientUserIDs: 1000, MaxSerialNumbers: 1000, MaxRevokeClientUserIDs: 100,
			MaxRevokeSerialNumbers: 100, MaxUsers: 100, MaxSubscriptions: 25, MaxSubscriptionClientUserIDs: 1000,
			MaxNotificationLength: 512, MaxMDMNameLength: 100, MaxMDMIDLength: 100, MaxMDMMetadataLength: 255,
			MaxRequestPerSecond: 15,
		}}},
		{exchange: "config/client", call: readClientConfig, want: vpp.ClientConfig{
			CountryCode: "DE", DefaultPlatform: "enterprisestore", LocationName: "Werk Süd", MDMInfo: wireMDM,
			NotificationURL: "https://mdm.example.test/hook/42", NotificationAuthToken: vpp.NewSecret("s3cr3t-42"),
			SubscribedNotificationTypes: []vpp.NotificationType{vpp.NotificationAssetCount, vpp.NotificationUserAssociated},
			TokenExpirationDate:         "2030-11-08T22:33:22+0000", UID: "2049000000000042",
			WebsiteURL: "https://business.apple.com", Unknown: raw("apnToken", "null"),
		}},
		{exchange: "config/client without a manager", call: readClientConfig,
			want: vpp.ClientConfig{CountryCode: "US", LocationName: "HQ", UID: "2049000000000042"}},
		{exchange: "config/claim", call: claim,
			want: vpp.ClientConfig{LocationName: "HQ", MDMInfo: wireMDM, UID: "2049000000000042"}},
		{exchange: "config/claim once more", call: claim,
			want: vpp.ClientConfig{MDMInfo: wireMDM, UID: "2049000000000042"}},
		{exchange: "config/claim with another name than before", call: claim,
			want: vpp.ClientConfig{MDMInfo: wireMDM, UID: "2049000000000042"}},
		{exchange: "config/claim what another has claimed", call: claim, refusal: &wireError{is: vpp.ErrClaimedByOther}},
		{exchange: "config/claim and lose", call: claim, refusal: &wireError{is: vpp.ErrClaimedByOther}},
		{exchange: "config/take over", call: takeOver,
			want: vpp.ClientConfig{MDMInfo: wireMDM, UID: "2049000000000042"}},
		{exchange: "config/refused claim", call: takeOver, refusal: &wireError{
			status: 400, number: vpp.NumberMDMNameTooLong, message: "mdmInfo.name is too long", is: vpp.ErrInvalidRequest,
			op: "claim the location",
		}},
	}
}

func assetsBy(filter vpp.AssetFilter) func(context.Context, *vpp.Client) (any, error) {
	return func(ctx context.Context, c *vpp.Client) (any, error) {
		return exchange.Values(c.AssetPages(ctx, filter))
	}
}

func assignmentsBy(filter vpp.AssignmentFilter) func(context.Context, *vpp.Client) (any, error) {
	return func(ctx context.Context, c *vpp.Client) (any, error) {
		return exchange.Values(c.AssignmentPages(ctx, filter))
	}
}

func usersBy(filter vpp.UserFilter) func(context.Context, *vpp.Client) (any, error) {
	return func(ctx context.Context, c *vpp.Client) (any, error) {
		return exchange.Values(c.UserPages(ctx, filter))
	}
}

func readAssets(ctx context.Context, c *vpp.Client) (any, error) {
	return exchange.Collect(c.Assets(ctx, vpp.AssetFilter{}))
}

func listReplays() []replay {
	one := func(id vpp.AdamID) []vpp.Asset { return []vpp.Asset{{AdamID: id}} }
	type pages = []vpp.Page[vpp.Asset]
	return []replay{
		{exchange: "lists/assets, every member", call: readAssets, want: []vpp.Asset{
			{AdamID: "1000000001", PricingParam: vpp.PricingStandard, ProductType: vpp.ProductApp, DeviceAssignable: true,
				Revocable: true, AssignedCount: 7, AvailableCount: 3, RetiredCount: 1, TotalCount: 11,
				SupportedPlatforms: []vpp.Platform{vpp.PlatformIOS, vpp.PlatformMacOS, vpp.PlatformVisionOS, "newOS"},
				Unknown:            raw("new", "true")},
			{AdamID: "1000000002", PricingParam: vpp.PricingHighQuality, ProductType: vpp.ProductBook,
				AvailableCount: 2147483647, TotalCount: 2147483647},
		}},
		{exchange: "lists/assets, unlimited apart", call: assetsBy(vpp.AssetFilter{Unlimited: new(true)}), want: pages{{
			Items: []vpp.Asset{{AdamID: "1000000001", TotalCount: 1}, {
				AdamID: "1000000003", PricingParam: "STDQ", ProductType: "App", DeviceAssignable: true, Revocable: true,
				AssignedCount: 5, AvailableCount: 2147483647, TotalCount: 2147483647,
				SupportedPlatforms: []vpp.Platform{vpp.PlatformTVOS, vpp.PlatformWatchOS},
			}},
			Begins: true, Completes: true,
		}}},
		{exchange: "lists/assets, every filter", call: assetsBy(vpp.AssetFilter{
			AdamID: "1000000001", ProductType: vpp.ProductBook, PricingParam: vpp.PricingHighQuality, Revocable: new(true),
			DeviceAssignable: new(false), MinAvailableCount: new(0), MaxAvailableCount: new(2),
			MinAssignedCount: new(3), MaxAssignedCount: new(4), Unlimited: new(false),
		}), want: pages{{VersionID: "v", Begins: true, Completes: true}}},
		{exchange: "lists/assets, two pages", call: assetsBy(vpp.AssetFilter{}), want: pages{
			{Items: one("1"), VersionID: "v1", Begins: true}, {Items: one("2"), VersionID: "v1", Completes: true},
		}},
		{exchange: "lists/assets change meanwhile", call: assetsBy(vpp.AssetFilter{}), want: pages{
			{Items: one("1"), VersionID: "v1", Begins: true},
			{Items: one("2"), VersionID: "v2", Begins: true}, {Items: one("3"), VersionID: "v2", Completes: true},
		}},
		{exchange: "lists/assets get fewer meanwhile", call: assetsBy(vpp.AssetFilter{}), want: pages{
			{Items: one("1"), VersionID: "v1", Begins: true}, {Items: one("2"), VersionID: "v2", Begins: true, Completes: true},
		}},
		{exchange: "lists/assets of a server that knows no pages", call: readAssets, want: one("1"),
			refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer, op: "read assets"}},
		{exchange: "lists/assets in a circle", call: readAssets, want: []vpp.Asset(nil),
			refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer}},

		{exchange: "lists/assignments, every member", call: assignmentsBy(vpp.AssignmentFilter{
			AdamID: "1000000001", PricingParam: vpp.PricingStandard, ClientUserID: "u-17", SerialNumber: "DEMO00000001",
			ExcludeInactiveUsers: true, IncludeUserState: true,
		}), want: []vpp.Page[vpp.Assignment]{{VersionID: "3c4d", Begins: true, Completes: true, Items: []vpp.Assignment{
			{AdamID: "1000000001", PricingParam: "STDQ", ClientUserID: "u-17", UserStatus: vpp.UserAssociated, IDHash: "q83vEjRWeJA="},
			{AdamID: "1000000001", PricingParam: "STDQ", SerialNumber: "DEMO00000001", Unknown: raw("new", "[1]")},
		}}}},
		{exchange: "lists/assignments since a version", call: assignmentsBy(vpp.AssignmentFilter{SinceVersionID: "v1"}),
			want: []vpp.Page[vpp.Assignment]{{VersionID: "v2", Begins: true, Completes: true, Delta: true}}},
		{exchange: "lists/assignments since a version that is not known",
			call: assignmentsBy(vpp.AssignmentFilter{AdamID: "7", SinceVersionID: "v0"}),
			want: []vpp.Page[vpp.Assignment]{{VersionID: "v2", Begins: true, Completes: true,
				Items: []vpp.Assignment{{AdamID: "7", SerialNumber: "DEMO00000001"}}}}},

		{exchange: "lists/users, every member", call: usersBy(vpp.UserFilter{
			ActiveOnly: true, ClientUserID: "u-17", ManagedAppleAccount: "pat@example.test",
		}), want: []vpp.Page[vpp.User]{{VersionID: "021f", Begins: true, Completes: true, Items: []vpp.User{
			{ClientUserID: "u-17", Email: "pat@example.test", InviteCode: "00112233445566778899aabbccddeeff", Status: vpp.UserRegistered},
			{ClientUserID: "u-18", IDHash: "q83vEjRWeJA=", Status: vpp.UserAssociated, Unknown: raw("new", "null")},
			{ClientUserID: "u-19", Status: "Asleep"},
		}}}},
		{exchange: "lists/users who retired since a version",
			call: usersBy(vpp.UserFilter{RetiredOnly: true, SinceVersionID: "1680000000001"}),
			want: []vpp.Page[vpp.User]{{VersionID: "1680000000002", Begins: true, Completes: true, Delta: true,
				Items: []vpp.User{{ClientUserID: "u-17", Status: vpp.UserRetired}}}}},
	}
}

func readSubscriptions(ctx context.Context, c *vpp.Client) (any, error) {
	return exchange.Collect(c.Subscriptions(ctx, vpp.SubscriptionFilter{}))
}

func enable(ctx context.Context, c *vpp.Client) (any, error) { return nil, c.EnableSubscriptions(ctx) }

func disable(ctx context.Context, c *vpp.Client) (any, error) {
	return nil, c.DisableSubscriptions(ctx)
}

func subscriptionReplays() []replay {
	return []replay{
		{exchange: "subscriptions/every member", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			return exchange.Collect(c.Subscriptions(ctx, vpp.SubscriptionFilter{AdamID: 900001, ParentAdamID: 1000000001}))
		}, want: []vpp.Subscription{
			{AdamID: 900001, ParentAdamID: 1000000001, Status: vpp.SubscriptionActive, PeriodEndDate: "2027-01-31",
				Counts: vpp.SubscriptionCounts{
					Assigned: vpp.SeatCount{Renewing: 4, Expiring: 1}, Available: vpp.SeatCount{Renewing: 5, Expiring: 2},
					Total: vpp.SeatCount{Renewing: 10, Expiring: 2}, Unknown: raw("new", "1"),
				}, Unknown: raw("new", `"x"`)},
			{AdamID: 900002, Status: vpp.SubscriptionPaused},
		}},
		{exchange: "subscriptions/three pages", call: readSubscriptions, want: []vpp.Subscription{{AdamID: 1}, {AdamID: 2}}},
		{exchange: "subscriptions/forgotten cursor", call: readSubscriptions, want: []vpp.Subscription{{AdamID: 1}, {AdamID: 2}},
			refusal: &wireError{status: 400, number: vpp.NumberCursor, message: "Invalid cursor", is: vpp.ErrCursor, op: "read subscriptions"}},
		{exchange: "subscriptions/same cursor", call: readSubscriptions, want: []vpp.Subscription{{AdamID: 1}},
			refusal: &wireError{is: vpp.ErrSameCursor}},
		{exchange: "subscriptions/assignments", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			return exchange.Collect(c.SubscriptionAssignments(ctx, vpp.SubscriptionAssignmentFilter{AdamID: 900001, ParentAdamID: 1000000001, ClientUserID: "u-18"}))
		}, want: []vpp.SubscriptionAssignment{{AdamID: 900001, ClientUserID: "u-18", Renewing: true},
			{AdamID: 900001, ClientUserID: "u-19", Unknown: raw("new", "1")}}},
		{exchange: "subscriptions/admins", call: func(ctx context.Context, c *vpp.Client) (any, error) {
			return exchange.Collect(c.SubscriptionAdmins(ctx, vpp.SubscriptionAdminFilter{AdamID: 900001, IncludeUserState: true}))
		}, want: []vpp.SubscriptionAdmin{{AdamID: 900001, ClientUserID: "u-18", IDHash: "q83vEjRWeJA=", UserStatus: vpp.UserAssociated}}},
		{exchange: "subscriptions/enable", call: enable},
		{exchange: "subscriptions/disable", call: disable},
		{exchange: "subscriptions/disable while there are some", call: disable, refusal: &wireError{
			status: 400, number: vpp.NumberSubscriptionsExist, message: "Subscription management can't be disabled", is: vpp.ErrSubscriptionsExist}},
		{exchange: "subscriptions/not confirmed", call: enable,
			refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer, op: "enable subscriptions"}},
	}
}
