package legacy_test

import (
	"context"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
)

func readServiceConfig(ctx context.Context, c *legacy.Client) (any, error) {
	return exchange.Value(c.ServiceConfig(ctx))
}

func readClientConfig(ctx context.Context, c *legacy.Client) (any, error) {
	return exchange.Value(c.ClientConfig(ctx))
}

func claim(ctx context.Context, c *legacy.Client) (any, error) { return exchange.Value(c.Claim(ctx)) }

func takeOver(ctx context.Context, c *legacy.Client) (any, error) {
	return exchange.Value(c.TakeOver(ctx))
}

func release(ctx context.Context, c *legacy.Client) (any, error) {
	return exchange.Value(c.Release(ctx))
}

func asOwn(o *legacy.Options) { o.MDM = own }

const ownContext = `{"guid":"6d0c1f9e-0000-4000-8000-000000000001","hostname":"mdm.example.test"}`

func configReplays() []replay {
	const url = "http://memhttp.test/mdm/"
	mine := legacy.ClientConfig{UID: "2049", ClientContext: ownContext}
	another := &wireError{is: vpp.ErrClaimedByOther}
	return []replay{
		{exchange: "config/service", call: readServiceConfig, want: legacy.ServiceConfig{
			RegisterUserURL: url + "registerVPPUserSrv", EditUserURL: url + "editVPPUserSrv", GetUserURL: url + "getVPPUserSrv",
			GetUsersURL: url + "getVPPUsersSrv", RetireUserURL: url + "retireVPPUserSrv", GetAssetsURL: url + "getVPPAssetsSrv",
			GetLicensesURL: url + "getVPPLicensesSrv", ManageLicensesURL: url + "manageVPPLicensesByAdamIdSrv",
			ClientConfigURL:          url + "VPPClientConfigSrv",
			InvitationEmailURL:       "https://buy.example.test/associate?cc=us&inviteCode=%25inviteCode%25&mt=8",
			ContentMetadataLookupURL: "https://lookup.example.test/lookup", WebsiteURL: "https://business.apple.com",
			MaxBatchAssociate: 20, MaxBatchDisassociate: 15,
			ErrorCodes: legacy.ErrorCodes{{Number: 9600, Message: "Missing argument"}, {Number: 9601, Message: "Login required"}},
			Unknown:    raw("associateLicenseSrvUrl", `"http://memhttp.test/mdm/associateVPPLicenseSrv"`),
		}},
		{exchange: "config/service publishes nothing", call: readServiceConfig,
			want: legacy.ServiceConfig{MaxBatchAssociate: 10, MaxBatchDisassociate: 10}},
		{exchange: "config/service with one error and no limits", call: readServiceConfig, want: legacy.ServiceConfig{
			MaxBatchAssociate: 10, MaxBatchDisassociate: 10, ErrorCodes: legacy.ErrorCodes{{Number: 9600, Message: "Missing argument"}},
		}},
		{exchange: "config/service fails", call: readServiceConfig, refusal: &wireError{
			status: 200, number: vpp.NumberMaintenance, message: "Maintenance", is: vpp.ErrMaintenance, op: "read the service configuration"}},
		{exchange: "config/service fails without a number", call: readServiceConfig,
			refusal: &wireError{status: 200, is: vpp.ErrUnexpectedAnswer}},
		{exchange: "config/client", call: readClientConfig, want: legacy.ClientConfig{
			UID: "2049", AppleID: "admin@acme.example", Email: "buyer@acme.example", CountryCode: "DE",
			DefaultPlatform: "enterprisestore", OrganizationID: "2000000000001", OrganizationIDHash: "ab12",
			ClientContext:     `{"hostname":"mdm.acme.example","guid":"6d0c","ac2":1}`,
			NotificationToken: vpp.NewSecret("c2VjcmV0"), ExpirationMillis: 1830000000000, TokenExpDate: "2027-12-28T05:20:00-0700",
			Location: legacy.Location{ID: 11111111111, Name: "Head office", Unknown: raw("new", "[]")}, Unknown: raw("new", `{"a":1}`),
		}},
		{exchange: "config/client, numbers as texts", call: readClientConfig, want: legacy.ClientConfig{
			UID: "2049", OrganizationID: "2000000000001", ExpirationMillis: 1830000000000,
			Location: legacy.Location{ID: 11111111111, Name: "Head office"},
		}},
		{exchange: "config/client of a person", call: readClientConfig, want: legacy.ClientConfig{
			UID: "17", TokenExpDate: "2013-07-26T18:12:09-0700", ClientContext: legacy.ContextOfVersion2}},
		{exchange: "config/notification token", call: func(ctx context.Context, c *legacy.Client) (any, error) {
			return exchange.Value(c.SetNotificationToken(ctx, vpp.NewSecret("cHVzaA==")))
		}, want: legacy.ClientConfig{UID: "2049", NotificationToken: vpp.NewSecret("cHVzaA==")}},

		{exchange: "config/claim", call: claim, options: asOwn, want: mine},
		{exchange: "config/claim once more", call: claim, options: asOwn, want: legacy.ClientConfig{UID: "2049",
			ClientContext: `{"hostname":"mdm.example.test","guid":"6d0c1f9e-0000-4000-8000-000000000001"}`}},
		{exchange: "config/claim with another name than before, next to what others keep", call: claim, options: asOwn,
			want: legacy.ClientConfig{}},
		{exchange: "config/claim what another has claimed", call: claim, options: asOwn, refusal: another},
		{exchange: "config/claim what is used with version 2", call: claim, options: asOwn, refusal: another},
		{exchange: "config/claim and lose", call: claim, options: asOwn, refusal: another},
		{exchange: "config/take over", call: takeOver, options: asOwn, want: legacy.ClientConfig{UID: "2049",
			ClientContext: `{"ac2":7,"guid":"6d0c1f9e-0000-4000-8000-000000000001","hostname":"mdm.example.test"}`}},
		{exchange: "config/take over from version 2", call: takeOver, options: asOwn, want: legacy.ClientConfig{UID: "2049"}},
		{exchange: "config/release", call: release, options: asOwn, want: legacy.ClientConfig{UID: "2049"}},
		{exchange: "config/release what nobody has", call: release, options: asOwn, want: legacy.ClientConfig{UID: "2049"}},
		{exchange: "config/release what another has claimed", call: release, options: asOwn, refusal: another},
	}
}
