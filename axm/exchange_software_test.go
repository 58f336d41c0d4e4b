package axm_test

import (
	"context"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/internal/exchange"
)

func softwareReplays() []replay {
	return []replay{
		{"software/apps",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.Apps(ctx, axm.ListOptions{}))
			},
			[]axm.App{
				{ID: "361300000", Name: "Sums", BundleID: "test.example.sums", Version: "3.1",
					SupportedOS: []axm.SupportedOS{axm.SupportedOSiOS, axm.SupportedOSmacOS}, AppStoreURL: "https://apps.apple.com/app/id361300000"},
				{ID: "361300001", Name: "Own", IsCustomApp: true, WebsiteURL: "https://example.test/own", Unknown: raw("supportedOS", `"SUPPORTED_OS_IOS"`)},
			}, nil},
		{"software/one app",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.App(ctx, "361300000", "name", "version"))
			},
			axm.App{ID: "361300000", Name: "Sums", Version: "3.1", Unknown: raw("price", "0")}, nil},
		{"software/packages",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.Packages(ctx, axm.ListOptions{}))
			},
			[]axm.Package{
				{ID: "p-1", Name: "Agent", URL: "https://example.test/agent.pkg", Hash: "9f86d081", BundleIDs: []string{"test.example.agent"}, Version: "1.0",
					Created: "2026-01-01T00:00:00.000Z", Updated: "2026-01-02T00:00:00.000Z"},
				{ID: "p-2", BundleIDs: []string{"test.example.one"}},
			}, nil},
		{"software/one package",
			func(ctx context.Context, c *axm.Client) (any, error) { return exchange.Value(c.Package(ctx, "p-1")) },
			axm.Package{ID: "p-1", Name: "Agent", Description: "Looks after things", Unknown: raw("size", "12")}, nil},
	}
}

// wifiProfile is a profile of one payload.
const wifiProfile = `<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` +
	`<plist version="1.0"><dict><key>PayloadContent</key><array><dict><key>PayloadType</key><string>com.apple.wifi.managed</string></dict></array></dict></plist>`

func updateConfiguration(change axm.ConfigurationUpdate) func(context.Context, *axm.Client) (any, error) {
	return func(ctx context.Context, c *axm.Client) (any, error) {
		return exchange.Value(c.UpdateConfiguration(ctx, "c-1", change))
	}
}

func configurationReplays() []replay {
	return []replay{
		{"software/configurations",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.Configurations(ctx, axm.ListOptions{}))
			},
			[]axm.Configuration{
				{ID: "c-1", Type: axm.ConfigurationCustomSetting, Name: "Wifi (lab)", ConfiguredForPlatforms: []axm.Platform{axm.PlatformIOS, axm.PlatformMacOS},
					Created: "2026-01-01T00:00:00.000Z", Updated: "2026-01-02T00:00:00.000Z"},
				{ID: "c-2", Type: axm.ConfigurationFileVault, Name: "Disks"},
			}, nil},
		{"software/one configuration",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.Configuration(ctx, "c-1"))
			},
			axm.Configuration{ID: "c-1", Type: axm.ConfigurationCustomSetting, Name: "Wifi (lab)", ConfiguredForPlatforms: []axm.Platform{axm.PlatformVisionOS, axm.PlatformTVOS},
				CustomSettingsValues: &axm.CustomSettingsValues{Filename: "wifi.mobileconfig", Unknown: raw("signed", "false"),
					ConfigurationProfile: `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict></dict></plist>`}, Unknown: raw("owner", `"it"`)}, nil},
		{"software/create a configuration",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.CreateConfiguration(ctx, axm.NewConfiguration{Name: "Wifi lab", ConfigurationProfile: wifiProfile,
					Filename: "wifi.mobileconfig", ConfiguredForPlatforms: []axm.Platform{axm.PlatformIOS}}))
			},
			axm.Configuration{ID: "c-3", Type: axm.ConfigurationCustomSetting, Name: "Wifi lab", ConfiguredForPlatforms: []axm.Platform{axm.PlatformIOS},
				CustomSettingsValues: &axm.CustomSettingsValues{Filename: "wifi.mobileconfig", ConfigurationProfile: "<plist/>"},
				Created:              "2026-06-15T10:30:00Z", Updated: "2026-06-15T10:30:00Z"}, nil},
		{"software/create a configuration of the least",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.CreateConfiguration(ctx, axm.NewConfiguration{Name: "Wifi lab", ConfigurationProfile: wifiProfile}))
			},
			nil, &wireError{status: 400, is: axm.ErrInvalidRequest, op: "create configuration", items: []axm.ErrorItem{{
				ID: "e2", Status: "400", Code: "PARAMETER_ERROR.INVALID", Title: "t", Detail: "plist type mismatch"}}}},
		{"software/update a configuration",
			updateConfiguration(axm.ConfigurationUpdate{Name: "Wifi", ConfigurationProfile: wifiProfile, Filename: "new.mobileconfig",
				ConfiguredForPlatforms: &[]axm.Platform{axm.PlatformMacOS}}),
			axm.Configuration{ID: "c-1", Type: axm.ConfigurationCustomSetting, Name: "Wifi", ConfiguredForPlatforms: []axm.Platform{axm.PlatformMacOS}}, nil},
		{"software/rename the file of a configuration", updateConfiguration(axm.ConfigurationUpdate{Filename: "new.mobileconfig"}),
			axm.Configuration{ID: "c-1", Name: "Wifi"}, nil},
		{"software/clear the platforms of a configuration", updateConfiguration(axm.ConfigurationUpdate{ConfiguredForPlatforms: &[]axm.Platform{}}),
			axm.Configuration{ID: "c-1", Name: "Wifi", ConfiguredForPlatforms: []axm.Platform{}}, nil},
		{"software/delete a configuration",
			func(ctx context.Context, c *axm.Client) (any, error) { return nil, c.DeleteConfiguration(ctx, "c-1") }, nil, nil},
		{"software/delete a configuration of another type",
			func(ctx context.Context, c *axm.Client) (any, error) { return nil, c.DeleteConfiguration(ctx, "c-2") }, nil,
			&wireError{status: 409, is: axm.ErrConflict, op: "delete configuration", items: []axm.ErrorItem{{
				ID: "e3", Status: "409", Code: "ENTITY_ERROR", Title: "t", Detail: "The configuration is read only."}}}},
	}
}
