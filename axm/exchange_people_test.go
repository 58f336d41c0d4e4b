package axm_test

import (
	"context"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/internal/exchange"
)

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
