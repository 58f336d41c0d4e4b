package axm_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/internal/exchange"
)

// businessReplays are those of what only Apple Business has.
func businessReplays() []replay {
	return slices.Concat(peopleReplays(), softwareReplays(), configurationReplays(), blueprintReplays(), relationReplays(), auditReplays())
}

func peopleReplays() []replay {
	return []replay{
		{"people/enrolled devices",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Values(c.MDMDevicePages(ctx, axm.ListOptions{}))
			},
			[]axm.Page[axm.MDMDevice]{{Begins: true, Completes: true, Total: 2, Items: []axm.MDMDevice{
				{ID: "dev-1", SerialNumber: "ZZ9PLURALA1", DeviceName: "Ada's iPad", ProductFamily: "iPad", EnrolledUserID: "u-77"},
				{ID: "dev-2", SerialNumber: "ZZ9PLURALA2", Unknown: raw("supervised", "true")},
			}}}, nil},
		{"people/details",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.MDMDeviceDetails(ctx, "dev-1"))
			},
			axm.MDMDeviceDetails{
				ID: "dev-1", SerialNumber: "ZZ9PLURALA1", DeviceName: "Ada's iPad", DeviceModel: "iPad (10th generation)",
				OSVersion: "26.1", Platform: "iPadOS", IMEI: []string{"350000000000001"}, MEID: []string{},
				WiFiMACAddress: "AABBCCDDEEFF", BluetoothMACAddress: "AABBCCDDEE00", EthernetMACAddress: []string{"AABBCCDDEE01"},
				LastCheckIn: "2026-10-01T07:00:00Z", StorageTotalCapacity: new(int64(64_000_000_000)), StorageFreeCapacity: new(int64(31_000_000_000)),
				DeviceLockStatus: axm.DeviceUnlocked, DeviceEraseStatus: axm.DeviceNotErased, LostModeStatus: axm.LostModeDisabled,
				Unknown: raw("battery", "0.5"),
			}, nil},
		{"people/details, chosen fields",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.MDMDeviceDetails(ctx, "dev-3", "isFirewallEnabled", "isFileVaultEnabled", "ethernetMacAddress", "deviceLockStatus"))
			},
			axm.MDMDeviceDetails{ID: "dev-3", IsFirewallEnabled: new(false), IsFileVaultEnabled: new(true),
				EthernetMACAddress: []string{"1", "2"}, DeviceLockStatus: axm.DeviceLocked}, nil},
		{"people/users",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Values(c.UserPages(ctx, axm.ListOptions{PageSize: 1}))
			},
			[]axm.Page[axm.User]{
				{Begins: true, Cursor: "Mg", Total: 2, Items: []axm.User{{
					ID: "u-77", FirstName: "Ada", LastName: "Byron", Status: axm.UserActive, ManagedAppleAccount: "ada@example.test",
					Roles: []axm.UserRole{{RoleName: "Staff", OUID: "ou-1", Unknown: raw("since", "2026")}}, Email: "ada@example.test",
					PhoneNumbers: []axm.PhoneNumber{{Number: "+4670000000", Type: axm.PhoneWork}, {Number: "+4670000001", Type: axm.PhoneMobile, Unknown: raw("ext", `"1"`)}},
					Created:      "2026-01-01T00:00:00.000Z", Updated: "2026-01-02T00:00:00.000Z",
				}}},
				{Completes: true, Total: 2, Items: []axm.User{{
					ID: "u-78", Status: axm.UserLockedForSharedIPad, IsExternalUser: true, Unknown: raw("roleOuList", `"none"`)}}},
			}, nil},
		{"people/one user",
			func(ctx context.Context, c *axm.Client) (any, error) { return exchange.Value(c.User(ctx, "u-77")) },
			axm.User{ID: "u-77", FirstName: "Ada", MiddleName: "K", LastName: "Byron", Status: axm.UserNew, EmployeeNumber: "7", CostCenter: "c",
				Division: "d", Department: "e", JobTitle: "f", Start: "2026-01-01T00:00:00Z", Unknown: raw("locale", `"sv"`)}, nil},
		{"people/one user, chosen fields",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.User(ctx, "u-77", "email", "status"))
			},
			axm.User{ID: "u-77", Email: "ada@example.test", Status: axm.UserActive}, nil},
		{"people/no such user",
			func(ctx context.Context, c *axm.Client) (any, error) { return exchange.Value(c.User(ctx, "u-99")) }, nil,
			&wireError{status: 404, is: axm.ErrNotFound, op: "read user", items: []axm.ErrorItem{{
				ID: "5d0e", Status: "404", Code: "NOT_FOUND", Title: "The specified resource does not exist",
				Detail: "There is no resource of type 'users' with id 'u-99'"}}}},
		{"people/user groups",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.UserGroups(ctx, axm.ListOptions{Fields: []string{"name", "type", "ouId", "status", "totalMemberCount"}}))
			},
			[]axm.UserGroup{
				{ID: "g-1", OUID: "ou-1", Name: "Lab", Type: axm.UserGroupStandard, Status: axm.UserGroupActive, TotalMemberCount: new(3)},
				{ID: "g-2", Name: "All", Type: axm.UserGroupSmart},
			}, nil},
		{"people/one user group",
			func(ctx context.Context, c *axm.Client) (any, error) { return exchange.Value(c.UserGroup(ctx, "g-1")) },
			axm.UserGroup{ID: "g-1", OUID: "ou-1", Name: "Lab", Type: axm.UserGroupStandard, Status: axm.UserGroupActive, TotalMemberCount: new(0),
				Created: "2026-01-01T00:00:00.000Z", Updated: "2026-01-02T00:00:00.000Z", Unknown: raw("rule", "{}")}, nil},
		{"people/users of a group",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Values(c.UserGroupUserPages(ctx, "g-1", axm.ListOptions{PageSize: 2}))
			},
			[]axm.Page[string]{
				{Items: []string{"u-77", "u-78"}, Cursor: "c", Total: 3, Begins: true},
				{Items: []string{"u-79"}, Total: 3, Completes: true},
			}, nil},
		{"people/organizational units",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.OrganizationalUnits(ctx, axm.ListOptions{}))
			},
			[]axm.OrganizationalUnit{{ID: "ou-1", Name: "Head office"}}, nil},
		{"people/one organizational unit",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.OrganizationalUnit(ctx, "ou-1", "name", "description", "createdDateTime", "updatedDateTime"))
			},
			axm.OrganizationalUnit{ID: "ou-1", Name: "Head office", Description: "All of it",
				Created: "2026-01-01T00:00:00.000Z", Updated: "2026-01-02T00:00:00.000Z", Unknown: raw("parent", "null")}, nil},
		{"people/users of an organizational unit",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.OrganizationalUnitUsers(ctx, "ou-1", axm.ListOptions{}))
			},
			[]string{"u-77"}, nil},
	}
}

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

func updateBlueprint(change axm.BlueprintUpdate) func(context.Context, *axm.Client) (any, error) {
	return func(ctx context.Context, c *axm.Client) (any, error) {
		return exchange.Value(c.UpdateBlueprint(ctx, "b-1", change))
	}
}

func blueprintReplays() []replay {
	return []replay{
		{"blueprints/list",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.Blueprints(ctx, nil, axm.ListOptions{}))
			},
			[]axm.Blueprint{
				{ID: "b-1", Name: "lab-ipads", Description: "Lab", Status: axm.BlueprintActive, AppLicenseDeficient: true,
					Created: "2026-01-01T00:00:00.000Z", Updated: "2026-01-02T00:00:00.000Z"},
				{ID: "b-2", Name: "old", Status: axm.BlueprintToBeDeleted, Unknown: raw("color", `"red"`)},
			}, nil},
		{"blueprints/list with what is related",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Values(c.BlueprintPages(ctx, axm.BlueprintInclude{axm.BlueprintDevices: 1, axm.BlueprintApps: 0},
					axm.ListOptions{PageSize: 2, Fields: []string{"name", "apps"}}))
			},
			[]axm.Page[axm.Blueprint]{
				{Begins: true, Cursor: "n", Items: []axm.Blueprint{
					{ID: "b-1", Name: "lab-ipads",
						Apps:    &axm.Related[axm.App]{Total: 2, Items: []axm.App{{ID: "361300000", Name: "Sums", Unknown: raw("rating", "5")}, {ID: "361300001"}}},
						Devices: &axm.Related[axm.Device]{Total: 9, More: true, Items: []axm.Device{{ID: "ZZ9PLURALA1", SerialNumber: "ZZ9PLURALA1", IMEI: []string{"35"}, Unknown: raw("color", "1")}}}},
					{ID: "b-2", Unknown: raw("name", "5"),
						Apps:    &axm.Related[axm.App]{More: true, Items: []axm.App{{ID: "361300000", Name: "Sums", Unknown: raw("rating", "5")}}},
						Devices: &axm.Related[axm.Device]{Items: []axm.Device{}}},
				}},
				{Completes: true, Items: []axm.Blueprint{
					{ID: "b-3", Unknown: axm.Unknown{}, Apps: &axm.Related[axm.App]{More: true}, Devices: &axm.Related[axm.Device]{More: true}}}},
			}, nil},
		{"blueprints/one",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.Blueprint(ctx, "b-1", nil, "name", "status"))
			},
			axm.Blueprint{ID: "b-1", Name: "lab-ipads", Status: axm.BlueprintActive}, nil},
		{"blueprints/one with all that is related",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.Blueprint(ctx, "b-1", axm.BlueprintInclude{axm.BlueprintApps: 0, axm.BlueprintPackages: 1000, axm.BlueprintConfigurations: 0,
					axm.BlueprintDevices: 0, axm.BlueprintUsers: 0, axm.BlueprintUserGroups: 0}))
			},
			axm.Blueprint{ID: "b-1", Name: "lab-ipads",
				Apps:           &axm.Related[axm.App]{Total: 1, Items: []axm.App{{ID: "361300000", Name: "Sums"}}},
				Packages:       &axm.Related[axm.Package]{More: true, Items: []axm.Package{{ID: "p-1", Name: "Agent"}}},
				Configurations: &axm.Related[axm.Configuration]{Items: []axm.Configuration{{ID: "c-1", Type: axm.ConfigurationVPN}}},
				Devices:        &axm.Related[axm.Device]{Total: 1, Items: []axm.Device{{ID: "ZZ9PLURALA1", Status: axm.DeviceAssigned}}},
				Users:          &axm.Related[axm.User]{Items: []axm.User{{ID: "u-77", FirstName: "Ada"}, {ID: "u-78"}}},
				UserGroups:     &axm.Related[axm.UserGroup]{More: true},
			}, nil},
		{"blueprints/create",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.CreateBlueprint(ctx, axm.NewBlueprint{Name: "lab-ipads", Description: "Lab", Relations: axm.BlueprintRelations{
					axm.BlueprintApps: {"361300000", "361300000"}, axm.BlueprintDevices: {"ZZ9PLURALA1", "ZZ9PLURALA1"}}}))
			},
			axm.Blueprint{ID: "b-1", Name: "lab-ipads", Description: "Lab", Status: axm.BlueprintActive,
				Created: "2026-01-01T00:00:00.000Z", Updated: "2026-01-01T00:00:00.000Z"}, nil},
		{"blueprints/create without members",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.CreateBlueprint(ctx, axm.NewBlueprint{Name: "Lab iPads"}))
			},
			nil, &wireError{status: 409, is: axm.ErrConflict, op: "create blueprint", items: []axm.ErrorItem{{
				ID: "5d0f", Status: "409", Code: "ENTITY_ERROR.MISSING_MEMBERS", Title: "t", Detail: "d"}}}},
		{"blueprints/update",
			updateBlueprint(axm.BlueprintUpdate{Name: "lab", Description: new(""), Relations: axm.BlueprintRelations{
				axm.BlueprintUsers: {"u-77", "u-78"}, axm.BlueprintApps: nil}}),
			axm.Blueprint{ID: "b-1", Name: "lab", Status: axm.BlueprintActive}, nil},
		{"blueprints/clear a relation",
			updateBlueprint(axm.BlueprintUpdate{Relations: axm.BlueprintRelations{axm.BlueprintDevices: {}}}), axm.Blueprint{ID: "b-1", Name: "lab"}, nil},
		{"blueprints/rename", updateBlueprint(axm.BlueprintUpdate{Name: "new"}), axm.Blueprint{ID: "b-1", Name: "new"}, nil},
		{"blueprints/delete",
			func(ctx context.Context, c *axm.Client) (any, error) { return nil, c.DeleteBlueprint(ctx, "b-1") }, nil, nil},
	}
}

// relationReplays list, add to and remove from each of the relations.
func relationReplays() []replay {
	replays := []replay{{"blueprints/a relation that the role must not read",
		func(ctx context.Context, c *axm.Client) (any, error) {
			return exchange.Collect(c.BlueprintRelated(ctx, "b-1", axm.BlueprintUsers, axm.ListOptions{}))
		},
		[]string(nil), &wireError{status: 403, is: axm.ErrForbidden, op: "read users of blueprint", items: []axm.ErrorItem{{
			ID: "f2", Status: "403", Code: "FORBIDDEN_ERROR", Title: "t", Detail: "d"}}}}}
	for relation, id := range map[axm.BlueprintRelation]string{
		axm.BlueprintApps: "361300000", axm.BlueprintPackages: "p-1", axm.BlueprintConfigurations: "c-1",
		axm.BlueprintDevices: "ZZ9PLURALA1", axm.BlueprintUsers: "u-77", axm.BlueprintUserGroups: "g-1",
	} {
		replays = append(replays,
			replay{"blueprints/" + string(relation),
				func(ctx context.Context, c *axm.Client) (any, error) {
					return exchange.Values(c.BlueprintRelatedPages(ctx, "b-1", relation, axm.ListOptions{PageSize: 1}))
				},
				[]axm.Page[string]{{Items: []string{id}, Cursor: "MDow", Begins: true}, {Items: []string{"X2"}, Completes: true}}, nil},
			replay{"blueprints/add " + string(relation),
				func(ctx context.Context, c *axm.Client) (any, error) {
					return nil, c.AddToBlueprint(ctx, "b-1", relation, []string{id, "X2", id})
				}, nil, nil},
			replay{"blueprints/remove " + string(relation),
				func(ctx context.Context, c *axm.Client) (any, error) {
					return nil, c.RemoveFromBlueprint(ctx, "b-1", relation, []string{id})
				}, nil, nil})
	}
	return replays
}

// auditDay is a day and half a second, not in UTC.
func auditDay() axm.AuditFilter {
	start := time.Date(2026, 9, 1, 2, 0, 0, 0, time.FixedZone("CEST", 2*60*60))
	return axm.AuditFilter{Start: start, End: start.Add(24*time.Hour + 500*time.Millisecond)}
}

func auditReplays() []replay {
	some := auditDay()
	some.ActorID, some.SubjectID, some.Type = "a-1", "s-1", axm.EventAPIAccountKeyRevoked
	return []replay{
		{"audit/events",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Values(c.AuditEventPages(ctx, auditDay(), axm.ListOptions{}))
			},
			[]axm.Page[axm.AuditEvent]{
				{Begins: true, Cursor: "abc", Items: []axm.AuditEvent{{
					ID: "e-1", EventTime: "2026-09-01T09:00:00.000Z", Type: axm.EventDeviceAssignedToServer, Category: axm.CategoryDeviceManagement,
					Outcome: axm.EventSuccess, GroupID: "grp-1", ActorType: axm.ActorAPIUser, ActorID: "a-1", ActorName: "ci",
					SubjectType: axm.SubjectDevice, SubjectID: "ZZ9PLURALA1", SubjectName: "ZZ9PLURALA1",
					EventDataPropertyKey: "eventDataDeviceAssignedToServer", Unknown: axm.Unknown{},
					Data: axm.EventData{SerialNumber: "ZZ9PLURALA1", TargetServerName: "Lab MDM"},
				}}},
				{Completes: true, Items: []axm.AuditEvent{{
					ID: "e-2", Type: axm.EventDeviceIsErased, Outcome: axm.EventFailure, EventDataPropertyKey: "eventDataDeviceIsErased",
					Unknown: axm.Unknown{"region": jsontext.Value(`"eu"`), "eventDataDeviceIsErased": jsontext.Value(`null`)}}}},
			}, nil},
		{"audit/some events",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.AuditEvents(ctx, some, axm.ListOptions{PageSize: 5, Fields: []string{"type", "eventDataApiAccountKeyRevoked"}}))
			},
			[]axm.AuditEvent{{ID: "e-3", Type: axm.EventAPIAccountKeyRevoked, EventDataPropertyKey: "eventDataApiAccountKeyRevoked",
				Data: axm.EventData{KeyID: "k-1"}, Unknown: axm.Unknown{}}}, nil},
		{"audit/data of all types",
			func(ctx context.Context, c *axm.Client) (any, error) {
				events, err := exchange.Collect(c.AuditEvents(ctx, auditDay(), axm.ListOptions{}))
				data := make(map[string]axm.EventData)
				for _, e := range events {
					data[e.ID] = e.Data
				}
				return data, err
			},
			map[string]axm.EventData{
				"1":  {SerialNumber: "S", PurchaseSourceType: axm.PurchasedFromApple, PurchaseSourceID: "o"},
				"2":  {SerialNumber: "S", ReleaseEntityID: "r", ReleaseEntityType: axm.ReleasedByReplacement},
				"3":  {SubscriptionID: "sub"},
				"4":  {ConfigType: "WiFi", ConfigID: "c", ConfigVersion: "7"},
				"5":  {Name: "n", Description: "d"},
				"6":  {PlanCaption: "50 GB"},
				"7":  {AccountRoleLocations: []axm.RoleLocation{{RoleName: "Staff", LocationID: "l", Unknown: raw("x", "1")}}},
				"8":  {APIAccountRoleLocations: []axm.RoleLocation{{RoleName: "Reader"}}},
				"9":  {NewName: "n", Unknown: raw("oldName", `"o"`)},
				"10": {VendorName: axm.IdPGeneric, ActivityID: "a", Protocol: "OIDC"},
				"11": {PrivilegesAdded: []string{"a"}, PrivilegesRemoved: []string{"b", "c"}, Unknown: raw("name", `{"odd":1}`)},
				"12": {}, "13": {}, "14": {KeyID: "1"},
			}, nil},
	}
}

// What is in Data is nowhere else, and what cannot be there stays.
func TestEventDataIsKept(t *testing.T) {
	e := exchange.Read(t, "testdata/exchange/audit.txt").Take(t, "audit/data of all types")
	events, err := exchange.Collect(wireClient(t, replayServer(t, e), nil).AuditEvents(t.Context(), auditDay(), axm.ListOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]string{
		"1": `{"eventDataDeviceIsErased":null}`, "12": `{"eventDataTermsAccepted":"yes"}`,
		"13": `{"eventDataOne":{"keyId":"1"},"eventDataTwo":{"keyId":"2"}}`, "14": `{"eventDataOther":{"keyId":"2"}}`,
	}
	for _, event := range events {
		want := left[event.ID]
		if want == "" {
			want = `{}`
		}
		if got := jsonText(t, event.Unknown); got != want {
			t.Errorf("%s: %s is left, want %s", event.ID, got, want)
		}
	}
	if got := events[10].EventDataPropertyKey; got != "eventDataRoleUpdated" {
		t.Errorf("named %q", got)
	}
}
