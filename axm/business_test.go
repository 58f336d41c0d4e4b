package axm_test

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/internal/exchange"
)

// businessReplays are those of what only Apple Business has.
func businessReplays() []replay {
	return slices.Concat(peopleReplays(), softwareReplays(), configurationReplays(), blueprintReplays(), relationReplays(), auditReplays())
}

// jsonText returns v as JSON, in a fixed order.
func jsonText(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// businessCall is a call of what only Apple Business has.
type businessCall struct {
	name string
	call func(ctx context.Context, c *axm.Client) error
}

// ends returns what a list ends with.
func ends[T any](seq iter.Seq2[T, error]) error {
	_, err := exchange.Collect(seq)
	return err
}

// failing leaves the value out.
func failing[T any](_ T, err error) error { return err }

// businessCalls returns one of each call, all with sound arguments.
func businessCalls() []businessCall {
	all := axm.ListOptions{}
	return []businessCall{
		{"MDMDevices", func(ctx context.Context, c *axm.Client) error { return ends(c.MDMDevices(ctx, all)) }},
		{"MDMDeviceDetails", func(ctx context.Context, c *axm.Client) error { return failing(c.MDMDeviceDetails(ctx, "m-1")) }},
		{"Users", func(ctx context.Context, c *axm.Client) error { return ends(c.Users(ctx, all)) }},
		{"User", func(ctx context.Context, c *axm.Client) error { return failing(c.User(ctx, "u-1")) }},
		{"UserGroups", func(ctx context.Context, c *axm.Client) error { return ends(c.UserGroups(ctx, all)) }},
		{"UserGroup", func(ctx context.Context, c *axm.Client) error { return failing(c.UserGroup(ctx, "g-1")) }},
		{"UserGroupUsers", func(ctx context.Context, c *axm.Client) error { return ends(c.UserGroupUsers(ctx, "g-1", all)) }},
		{"OrganizationalUnits", func(ctx context.Context, c *axm.Client) error { return ends(c.OrganizationalUnits(ctx, all)) }},
		{"OrganizationalUnit", func(ctx context.Context, c *axm.Client) error { return failing(c.OrganizationalUnit(ctx, "ou-1")) }},
		{"OrganizationalUnitUsers", func(ctx context.Context, c *axm.Client) error {
			return ends(c.OrganizationalUnitUsers(ctx, "ou-1", all))
		}},
		{"Apps", func(ctx context.Context, c *axm.Client) error { return ends(c.Apps(ctx, all)) }},
		{"App", func(ctx context.Context, c *axm.Client) error { return failing(c.App(ctx, "1")) }},
		{"Packages", func(ctx context.Context, c *axm.Client) error { return ends(c.Packages(ctx, all)) }},
		{"Package", func(ctx context.Context, c *axm.Client) error { return failing(c.Package(ctx, "p-1")) }},
		{"Configurations", func(ctx context.Context, c *axm.Client) error { return ends(c.Configurations(ctx, all)) }},
		{"Configuration", func(ctx context.Context, c *axm.Client) error { return failing(c.Configuration(ctx, "c-1")) }},
		{"CreateConfiguration", func(ctx context.Context, c *axm.Client) error {
			return failing(c.CreateConfiguration(ctx, axm.NewConfiguration{Name: "a", ConfigurationProfile: wifiProfile}))
		}},
		{"UpdateConfiguration", func(ctx context.Context, c *axm.Client) error {
			return failing(c.UpdateConfiguration(ctx, "c-1", axm.ConfigurationUpdate{Name: "b"}))
		}},
		{"Blueprints", func(ctx context.Context, c *axm.Client) error { return ends(c.Blueprints(ctx, nil, all)) }},
		{"Blueprint", func(ctx context.Context, c *axm.Client) error {
			return failing(c.Blueprint(ctx, "b-1", axm.BlueprintInclude{axm.BlueprintApps: 0}))
		}},
		{"CreateBlueprint", func(ctx context.Context, c *axm.Client) error {
			return failing(c.CreateBlueprint(ctx, axm.NewBlueprint{Name: "a", Relations: axm.BlueprintRelations{
				axm.BlueprintApps: {"1"}, axm.BlueprintUsers: {"u-1"}}}))
		}},
		{"UpdateBlueprint", func(ctx context.Context, c *axm.Client) error {
			return failing(c.UpdateBlueprint(ctx, "b-1", axm.BlueprintUpdate{Name: "b"}))
		}},
		{"BlueprintRelated", func(ctx context.Context, c *axm.Client) error {
			return ends(c.BlueprintRelated(ctx, "b-1", axm.BlueprintApps, all))
		}},
		{"AddToBlueprint", func(ctx context.Context, c *axm.Client) error {
			return c.AddToBlueprint(ctx, "b-1", axm.BlueprintApps, []string{"1"})
		}},
		{"RemoveFromBlueprint", func(ctx context.Context, c *axm.Client) error {
			return c.RemoveFromBlueprint(ctx, "b-1", axm.BlueprintApps, []string{"1"})
		}},
		{"MissingInBlueprint", func(ctx context.Context, c *axm.Client) error {
			return failing(c.MissingInBlueprint(ctx, "b-1", axm.BlueprintRelations{axm.BlueprintApps: {"1"}}))
		}},
		{"AuditEvents", func(ctx context.Context, c *axm.Client) error { return ends(c.AuditEvents(ctx, auditDay(), all)) }},
		{"DeleteConfiguration", func(ctx context.Context, c *axm.Client) error { return c.DeleteConfiguration(ctx, "c-1") }},
		{"DeleteBlueprint", func(ctx context.Context, c *axm.Client) error { return c.DeleteBlueprint(ctx, "b-1") }},
	}
}

// newBusiness returns a site with one or more of everything.
func newBusiness(t testing.TB) *site {
	t.Helper()
	s := newSite(t, nil, nil)
	s.AddSerials("ZZ9PLURALA1", "ZZ9PLURALA2")
	s.MDMDevices.Add(axmtest.MDMDevice{ID: "m-1", SerialNumber: "ZZ9PLURALA1", EnrolledUserID: "u-1", Platform: "macOS", FileVault: true,
		EthernetMAC: "AABBCCDDEE01", StorageFree: 1, StorageTotal: 2})
	s.Users.Add(axmtest.User{ID: "u-1", FirstName: "Ada", Roles: []axmtest.Role{{Name: "Staff", OUID: "ou-1"}}, Phones: []axmtest.Phone{{Number: "1", Type: "HOME"}}},
		axmtest.User{ID: "u-2", Status: "DEACTIVATED"}, axmtest.User{ID: "u-3", Status: "LOCKED"})
	s.UserGroups.Add(axmtest.UserGroup{ID: "g-1", Name: "Lab", Users: []string{"u-1", "u-2", "u-3"}})
	s.OrgUnits.Add(axmtest.OrgUnit{ID: "ou-1", Name: "Head office", Users: []string{"u-1"}})
	s.Apps.Add(axmtest.App{ID: "1", Name: "Sums", Custom: true}, axmtest.App{ID: "2", Name: "Words"})
	s.Packages.Add(axmtest.Package{ID: "p-1", Name: "Agent", BundleIDs: []string{"test.example.agent"}})
	s.Configurations.Add(axmtest.Configuration{ID: "c-1", Name: "Wifi", Profile: wifiProfile, Filename: "wifi.mobileconfig"},
		axmtest.Configuration{ID: "c-2", Type: "VPN"})
	s.Blueprints.Add(axmtest.Blueprint{ID: "b-1", Name: "lab", Apps: []string{"1"}, Users: []string{"u-1"}})
	return s
}

func TestBusinessCalls(t *testing.T) {
	for _, tt := range businessCalls() {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newBusiness(t)
				if err := tt.call(t.Context(), s.client); err != nil {
					t.Error(err)
				}
				s.clean(t)

				s.Account().SetPermissions()
				if err := tt.call(t.Context(), s.client); !errors.Is(err, axm.ErrForbidden) {
					t.Errorf("with a role that may nothing: %v", err)
				}
			})
		})
	}
}

// A client of a school asks for none of this.
func TestASchoolHasNoneOfThis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSiteOf(t, axmtest.School, nil, nil)
		for _, tt := range businessCalls() {
			err := tt.call(t.Context(), s.client)
			e, ok := errors.AsType[*axm.NotInThisAPIError](err)
			if !ok || !errors.Is(err, axm.ErrNotInThisAPI) || e.Op == "" || e.API != axm.APISchool {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		if n := len(s.srv.Received()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// What is broken in the arguments is told before any request.
func TestBusinessInput(t *testing.T) {
	type businessClient = func(ctx context.Context, c *axm.Client) error
	noName, noEnd, backwards := axm.NewConfiguration{ConfigurationProfile: wifiProfile}, auditDay(), auditDay()
	noEnd.End = time.Time{}
	backwards.End = backwards.Start.Add(-time.Nanosecond)
	blueprint := func(id string, include axm.BlueprintInclude, fields ...string) businessClient {
		return func(ctx context.Context, c *axm.Client) error {
			return failing(c.Blueprint(ctx, id, include, fields...))
		}
	}
	create := func(blueprint axm.NewBlueprint) businessClient {
		return func(ctx context.Context, c *axm.Client) error { return failing(c.CreateBlueprint(ctx, blueprint)) }
	}
	update := func(id string, change axm.BlueprintUpdate) businessClient {
		return func(ctx context.Context, c *axm.Client) error { return failing(c.UpdateBlueprint(ctx, id, change)) }
	}
	updateConfig := func(id string, change axm.ConfigurationUpdate) businessClient {
		return func(ctx context.Context, c *axm.Client) error { return failing(c.UpdateConfiguration(ctx, id, change)) }
	}
	add := func(id string, relation axm.BlueprintRelation, ids ...string) businessClient {
		return func(ctx context.Context, c *axm.Client) error { return c.AddToBlueprint(ctx, id, relation, ids) }
	}
	related := func(id string, relation axm.BlueprintRelation, options axm.ListOptions) businessClient {
		return func(ctx context.Context, c *axm.Client) error {
			return ends(c.BlueprintRelated(ctx, id, relation, options))
		}
	}
	audit := func(filter axm.AuditFilter) businessClient {
		return func(ctx context.Context, c *axm.Client) error {
			return ends(c.AuditEvents(ctx, filter, axm.ListOptions{}))
		}
	}
	for _, tt := range []struct {
		want string
		call businessClient
	}{
		{"id: must not be empty", func(ctx context.Context, c *axm.Client) error { return failing(c.User(ctx, "")) }},
		{"fields: must be names", func(ctx context.Context, c *axm.Client) error { return failing(c.App(ctx, "1", "a,b")) }},
		{"id: must not be empty", func(ctx context.Context, c *axm.Client) error { return failing(c.MDMDeviceDetails(ctx, "")) }},
		{"fields: must be names", func(ctx context.Context, c *axm.Client) error { return failing(c.MDMDeviceDetails(ctx, "1", "")) }},
		{"ListOptions.PageSize: must be", func(ctx context.Context, c *axm.Client) error {
			return ends(c.Users(ctx, axm.ListOptions{PageSize: 1001}))
		}},
		{"groupID: must not be empty", func(ctx context.Context, c *axm.Client) error {
			return ends(c.UserGroupUsers(ctx, "", axm.ListOptions{}))
		}},
		{"unitID: must not have spaces", func(ctx context.Context, c *axm.Client) error {
			return ends(c.OrganizationalUnitUsers(ctx, "a b", axm.ListOptions{}))
		}},
		{"ListOptions.Fields: must be empty", func(ctx context.Context, c *axm.Client) error {
			return ends(c.UserGroupUsers(ctx, "g", axm.ListOptions{Fields: []string{"name"}}))
		}},

		{"Name: must not be empty", func(ctx context.Context, c *axm.Client) error { return failing(c.CreateConfiguration(ctx, noName)) }},
		{"ConfigurationProfile: must not be empty", func(ctx context.Context, c *axm.Client) error {
			return failing(c.CreateConfiguration(ctx, axm.NewConfiguration{Name: "a"}))
		}},
		{"id: must not be empty", updateConfig("", axm.ConfigurationUpdate{Name: "a"})},
		{"update: must change something", updateConfig("c", axm.ConfigurationUpdate{})},
		{`Filename: must end in ".mobileconfig"`, updateConfig("c", axm.ConfigurationUpdate{Filename: "a.xml"})},
		{"ConfigurationProfile: must have something", updateConfig("c", axm.ConfigurationUpdate{ConfigurationProfile: "<plist><dict/></plist>"})},
		{"id: must not be empty", func(ctx context.Context, c *axm.Client) error { return c.DeleteConfiguration(ctx, "") }},

		{"id: must not be empty", blueprint("", nil)},
		{"fields: must be names", blueprint("b", nil, "a b")},
		{`relation: is "devices", but must be one of ["apps" "packages" "configurations" "orgDevices" "users" "userGroups"]`, blueprint("b", axm.BlueprintInclude{"devices": 1, "x": 1})},
		{"include[users]: must be between 1 and 1000", blueprint("b", axm.BlueprintInclude{axm.BlueprintUsers: 1001})},
		{"include[apps]: must be between 1 and 1000", func(ctx context.Context, c *axm.Client) error {
			return ends(c.Blueprints(ctx, axm.BlueprintInclude{axm.BlueprintApps: -1}, axm.ListOptions{}))
		}},
		{"Name: must not be empty", create(axm.NewBlueprint{})},
		{`relation: is "devices"`, create(axm.NewBlueprint{Name: "a", Relations: axm.BlueprintRelations{"devices": nil, "x": nil}})},
		{"Relations[orgDevices][1]: must not be empty", create(axm.NewBlueprint{Name: "a", Relations: axm.BlueprintRelations{axm.BlueprintDevices: {"A1", ""}}})},
		{"id: must not be empty", update("", axm.BlueprintUpdate{Name: "a"})},
		{"update: must change something", update("b", axm.BlueprintUpdate{Relations: axm.BlueprintRelations{}})},
		{"Relations[apps][0]: must not be empty", update("b", axm.BlueprintUpdate{Relations: axm.BlueprintRelations{axm.BlueprintApps: {""}, axm.BlueprintUsers: {""}}})},
		{"id: must not be empty", func(ctx context.Context, c *axm.Client) error { return c.DeleteBlueprint(ctx, "") }},
		{"blueprintID: must not be empty", related("", axm.BlueprintApps, axm.ListOptions{})},
		{`relation: is ""`, related("b", "", axm.ListOptions{})},
		{"ListOptions.Fields: must be empty", related("b", axm.BlueprintApps, axm.ListOptions{Fields: []string{"name"}})},
		{"blueprintID: must not be empty", add("", axm.BlueprintApps, "1")},
		{`relation: is "app"`, add("b", "app", "1")},
		{"ids: needs at least one", add("b", axm.BlueprintApps)},
		{"ids: needs at least one", add("b", axm.BlueprintDevices)},
		{"ids[1]: must not be empty", add("b", axm.BlueprintApps, "1", "")},
		{`ids[0]: is "A B"`, add("b", axm.BlueprintDevices, "A B")},
		{`relation: is "x"`, func(ctx context.Context, c *axm.Client) error {
			return failing(c.MissingInBlueprint(ctx, "b", axm.BlueprintRelations{"x": {"1"}}))
		}},
		{"blueprintID: must not be empty", func(ctx context.Context, c *axm.Client) error {
			return failing(c.MissingInBlueprint(ctx, "", axm.BlueprintRelations{axm.BlueprintApps: {"1"}}))
		}},

		{"AuditFilter.Start: must be set", audit(axm.AuditFilter{End: noEnd.Start})},
		{"AuditFilter.End: must be set", audit(noEnd)},
		{"AuditFilter.End: must not be before Start", audit(backwards)},
	} {
		t.Run(tt.want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				err := tt.call(t.Context(), s.client)
				if _, ok := errors.AsType[*axm.InputError](err); !ok || !strings.HasPrefix(err.Error(), tt.want) {
					t.Errorf("%v, want %s", err, tt.want)
				}
				if n := len(s.srv.Received()); n != 0 {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

// Whoever stores what was read as JSON finds all of it again, what was included too.
func TestBusinessSurvivesEncoding(t *testing.T) {
	for want, value := range map[string]any{
		`{"id":"b-1","name":"lab","apps":{"items":[{"id":"1","name":"Sums","rating":5}],"total":2,"more":true},"users":{"items":[]},"color":"red"}`: &axm.Blueprint{
			ID: "b-1", Name: "lab", Unknown: raw("color", `"red"`), Users: &axm.Related[axm.User]{Items: []axm.User{}},
			Apps: &axm.Related[axm.App]{Items: []axm.App{{ID: "1", Name: "Sums", Unknown: raw("rating", "5")}}, Total: 2, More: true}},
		`{"id":"e-1","type":"DOMAIN_ADDED","eventData":{"keyId":"k","new":1},"eventDataPropertyKey":"eventDataX"}`: &axm.AuditEvent{
			ID: "e-1", Type: axm.EventDomainAdded, EventDataPropertyKey: "eventDataX", Data: axm.EventData{KeyID: "k", Unknown: raw("new", "1")}},
		`{"id":"c-1","type":"CUSTOM_SETTING","customSettingsValues":{"configurationProfile":"<plist/>"}}`: &axm.Configuration{
			ID: "c-1", Type: axm.ConfigurationCustomSetting, CustomSettingsValues: &axm.CustomSettingsValues{ConfigurationProfile: "<plist/>"}},
	} {
		text := jsonText(t, value)
		if text != want {
			t.Errorf("%s, want %s", text, want)
		}
		again := reflect.New(reflect.TypeOf(value).Elem()).Interface()
		if err := json.Unmarshal([]byte(text), again); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(value, again); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
