package axmtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/applemdm/applemdm/axm/axmtest"
)

var june = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

const juneText = `"2026-06-01T08:00:00.000Z"`

// Every kind of record that can only be read: alone, in lists, with fields, and its relationships.
func TestReadOnlyRecords(t *testing.T) {
	c := start(t, &axmtest.Options{ExternalURL: "https://x.example"})
	o := c.org
	o.Users.Add(axmtest.User{
		ID: "u-77", FirstName: "Ada", LastName: "Byron", ManagedAppleAccount: "ada@example.test", Email: "ada@example.test",
		Roles: []axmtest.Role{{Name: "Staff", OUID: "ou-1"}}, Phones: []axmtest.Phone{{Number: "+4670000000", Type: "WORK"}}, Created: june,
	}, axmtest.User{ID: "u-78", Status: "NEW", Started: june, Created: june})
	o.UserGroups.Add(axmtest.UserGroup{ID: "g-1", OUID: "ou-1", Name: "Lab", Users: []string{"u-77", "u-78"}, Created: june})
	o.OrgUnits.Add(axmtest.OrgUnit{ID: "ou-1", Name: "Head office", Users: []string{"u-78"}, Created: june})
	o.Apps.Add(axmtest.App{ID: "361300000", Name: "Sums", BundleID: "test.example.sums", Version: "3.1", SupportedOS: []string{"SUPPORTED_OS_IOS"}, AppStoreURL: "https://apps.apple.com/app/id361300000"})
	o.Packages.Add(axmtest.Package{ID: "p-1", Name: "Agent", URL: "https://example.test/agent.pkg", Hash: "h", BundleIDs: []string{"test.example.agent"}, Version: "1.0", Created: june})
	o.MDMDevices.Add(axmtest.MDMDevice{
		ID: "dev-1", SerialNumber: "A", DeviceName: "Ada's iPad", ProductFamily: "iPad", EnrolledUserID: "u-77", OSVersion: "26.1",
		Platform: "iPadOS", LastCheckIn: june, StorageTotal: 64_000_000_000, StorageFree: 31_000_000_000, FileVault: true,
	}, axmtest.MDMDevice{ID: "dev-2", DetailsNotFound: true})
	const base = "https://x.example/v1/"
	links := func(path string) string { return `"links":{"self":"` + base + path + `"}` }
	user := `{"type":"users","id":"u-77","attributes":{"firstName":"Ada","middleName":"","lastName":"Byron","status":"ACTIVE",` +
		`"managedAppleAccount":"ada@example.test","isExternalUser":false,"roleOuList":[{"roleName":"Staff","ouId":"ou-1"}],"email":"ada@example.test",` +
		`"employeeNumber":"","costCenter":"","division":"","department":"","jobTitle":"","phoneNumbers":[{"phoneNumber":"+4670000000","type":"WORK"}],` +
		`"startDateTime":null,"createdDateTime":` + juneText + `,"updatedDateTime":` + juneText + `},` + links("users/u-77") + `}`
	group := `{"type":"userGroups","id":"g-1","attributes":{"ouId":"ou-1","name":"Lab","type":"STANDARD","status":"ACTIVE","totalMemberCount":2,` +
		`"createdDateTime":` + juneText + `,"updatedDateTime":` + juneText + `},"relationships":{"users":{` + links("userGroups/g-1/relationships/users") + `}},` + links("userGroups/g-1") + `}`
	unit := `{"type":"organizationalUnits","id":"ou-1","attributes":{"name":"Head office","description":"","createdDateTime":` + juneText + `,"updatedDateTime":` + juneText + `},` +
		`"relationships":{"users":{` + links("organizationalUnits/ou-1/relationships/users") + `}},` + links("organizationalUnits/ou-1") + `}`
	app := `{"type":"apps","id":"361300000","attributes":{"name":"Sums","bundleId":"test.example.sums","version":"3.1","supportedOS":["SUPPORTED_OS_IOS"],` +
		`"isCustomApp":false,"appStoreUrl":"https://apps.apple.com/app/id361300000","websiteUrl":""},` + links("apps/361300000") + `}`
	pkg := `{"type":"packages","id":"p-1","attributes":{"name":"Agent","url":"https://example.test/agent.pkg","hash":"h","bundleIds":["test.example.agent"],"version":"1.0",` +
		`"description":"","createdDateTime":` + juneText + `,"updatedDateTime":` + juneText + `},` + links("packages/p-1") + `}`
	device := `{"type":"mdmDevices","id":"dev-1","attributes":{"serialNumber":"A","deviceName":"Ada's iPad","productFamily":"iPad","enrolledUserId":"u-77"},` +
		`"relationships":{"details":{"links":{"related":"` + base + `mdmDevices/dev-1/details"}}},` + links("mdmDevices/dev-1") + `}`
	for path, want := range map[string]string{
		"users/u-77": user, "userGroups/g-1": group, "organizationalUnits/ou-1": unit, "apps/361300000": app, "packages/p-1": pkg,
	} {
		c.want("GET", path, "", 200, `{"data":`+want+`,`+links(path)+`}`)
	}
	for kind, want := range map[string]string{"userGroups": group, "organizationalUnits": unit, "apps": app, "packages": pkg} {
		c.want("GET", kind, "", 200, `{"data":[`+want+`],"links":{"self":"`+base+kind+`","first":"`+base+kind+`?limit=100"},"meta":{"paging":{"total":1,"limit":100}}}`)
	}
	if a := c.get("mdmDevices"); !strings.HasPrefix(a.body, `{"data":[`+device+`,{"type":"mdmDevices","id":"dev-2",`) {
		t.Error(a)
	}
	c.want("GET", "mdmDevices/dev-1/details?fields[mdmDeviceDetails]=osVersion,storageTotalCapacity,isFileVaultEnabled,deviceLockStatus,lastCheckInDateTime,imei", "", 200,
		`{"data":{"type":"mdmDeviceDetails","id":"dev-1","attributes":{"osVersion":"26.1","imei":[],"lastCheckInDateTime":"2026-06-01T08:00:00Z"`+
			`,"isFileVaultEnabled":true,"storageTotalCapacity":64000000000,"deviceLockStatus":"UNLOCKED"},`+links("mdmDeviceDetails/dev-1")+`},`+
			`"links":{"self":"`+base+`mdmDevices/dev-1/details?fields[mdmDeviceDetails]=osVersion,storageTotalCapacity,isFileVaultEnabled,deviceLockStatus,lastCheckInDateTime,imei"}}`)
	if got := c.one("mdmDevices/dev-1/details").attributes("deviceEraseStatus", "lostModeStatus", "platform"); got != `"NOT_ERASED" "DISABLED" "iPadOS"` {
		t.Error(got)
	}
	if got := c.one("users/u-78?fields[users]=status,startDateTime"); len(got.Attributes) != 2 || got.attributes("status", "startDateTime") != `"NEW" `+juneText {
		t.Errorf("%+v", got)
	}
	if got := c.list("userGroups/g-1/relationships/users?limit=1"); got.ids() != "u-77" || got.Data[0].Type != "users" || got.Meta.Paging.Total != 2 {
		t.Errorf("%+v", got)
	}
	if got := c.list("organizationalUnits/ou-1/relationships/users"); got.ids() != "u-78" {
		t.Errorf("%+v", got)
	}
	for _, path := range []string{
		"users/x", "userGroups/x", "userGroups/x/relationships/users", "organizationalUnits/x", "organizationalUnits/x/relationships/users",
		"apps/x", "packages/x", "configurations/x", "blueprints/x", "blueprints/x/relationships/apps", "mdmDevices/x/details", "mdmDevices/dev-2/details",
	} {
		c.wantError("GET", path, "", "404 NOT_FOUND")
	}
	c.wantNoViolations()
	c.wantError("GET", "mdmDevices/dev-1", "", "404 NOT_FOUND")
	c.wantViolation("unknown path")
}

// The same methods for all kinds.
func TestCollections(t *testing.T) {
	c := start(t, nil)
	users := c.org.Users
	roles := []axmtest.Role{{Name: "Staff"}}
	ids := users.Add(axmtest.User{FirstName: "A", Roles: roles}, axmtest.User{ID: "b", FirstName: "B"})
	if len(ids) != 2 || len(ids[0]) != 36 || ids[1] != "b" {
		t.Fatal(ids)
	}
	roles[0].Name = "changed"
	if u, ok := users.Get(ids[0]); !ok || u.Roles[0].Name != "Staff" || u.Status != "ACTIVE" || u.Created.IsZero() {
		t.Errorf("%+v", u)
	}
	if !users.Update("b", func(u *axmtest.User) { u.ID, u.FirstName = "c", "BB" }) || users.Update("c", nil) {
		t.Error("Update")
	}
	users.Add(axmtest.User{ID: ids[0], FirstName: "AA"})
	names := func() (out []string) {
		for _, u := range users.All() {
			out = append(out, u.ID+"="+u.FirstName)
		}
		return out
	}
	if got := fmt.Sprint(names()); got != "["+ids[0]+"=AA b=BB]" {
		t.Error(got)
	}
	users.Remove(ids[0], "x")
	if _, ok := users.Get(ids[0]); ok || fmt.Sprint(names()) != "[b=BB]" {
		t.Error(names())
	}
}

func TestAuditEvents(t *testing.T) {
	c := start(t, nil)
	c.org.AuditEvents.Add(
		axmtest.AuditEvent{ID: "e-1", Time: june, Type: "DEVICE_ASSIGNED_TO_SERVER", Category: "DEVICE_MANAGEMENT", ActorType: "API_USER", ActorID: "a-1",
			ActorName: "ci", SubjectType: "DEVICE", SubjectID: "S", SubjectName: "S", GroupID: "grp-1", Payload: map[string]string{"serialNumber": "S"}},
		axmtest.AuditEvent{ID: "e-2", Time: june.Add(time.Hour), Type: "SUBJECT_HAS_ICLOUD_STORAGE_PURCHASE_ADDED", SubjectID: "S",
			PayloadKey: "eventDataSubjectHasICloudStoragePurchaseAdded", Payload: map[string]string{"subscriptionId": "1"}, Outcome: "FAILURE"},
		axmtest.AuditEvent{ID: "e-3", Time: june.Add(2 * time.Hour), Type: "DEVICE_IS_ERASED", ActorID: "a-1"},
	)
	const path = "auditEvents?filter[startTimestamp]=2026-06-01T08:00:00Z&filter[endTimestamp]=2026-06-01T10:00:00.000Z"
	l := c.list(path)
	if l.ids() != "e-1 e-2 e-3" {
		t.Fatal(l.ids())
	}
	if got := l.Data[0].attributes("eventDateTime", "type", "outcome", "eventDataPropertyKey", "eventDataDeviceAssignedToServer", "groupId"); got !=
		juneText+` "DEVICE_ASSIGNED_TO_SERVER" "SUCCESS" "eventDataDeviceAssignedToServer" {"serialNumber":"S"} "grp-1"` {
		t.Error(got)
	}
	if got := l.Data[1].attributes("outcome", "eventDataPropertyKey", "eventDataSubjectHasICloudStoragePurchaseAdded"); got !=
		`"FAILURE" "eventDataSubjectHasICloudStoragePurchaseAdded" {"subscriptionId":"1"}` {
		t.Error(got)
	}
	if got := l.Data[2].attributes("eventDataPropertyKey"); got != "absent" {
		t.Error(got)
	}
	for query, want := range map[string]string{
		"filter[actorId]=a-1": "e-1 e-3", "filter[subjectId]=S": "e-1 e-2", "filter[type]=DEVICE_IS_ERASED": "e-3", "filter[type]=X": "",
		"limit=1&filter[actorId]=a-1": "e-1 e-3", "fields[auditEvents]=type,whatever&limit=2": "e-1 e-2 e-3",
	} {
		if got := c.all(path + "&" + query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"":                                   "400 PARAMETER_ERROR.REQUIRED filter[startTimestamp]",
		"?filter[endTimestamp]=" + "x":       "400 PARAMETER_ERROR.REQUIRED filter[startTimestamp]",
		"?filter[startTimestamp]=2026-06-01": "400 PARAMETER_ERROR.INVALID filter[startTimestamp]",
		"?filter[startTimestamp]=2026-06-01T08:00:00Z":                                                         "400 PARAMETER_ERROR.REQUIRED filter[endTimestamp]",
		"?filter[startTimestamp]=2026-06-01T08:00:00Z&filter[endTimestamp]=2026-05-01T08:00:00Z":               "400 PARAMETER_ERROR.INVALID filter[endTimestamp]",
		"?filter[startTimestamp]=2026-06-01T08:00:00Z&filter[endTimestamp]=now":                                "400 PARAMETER_ERROR.INVALID filter[endTimestamp]",
		path[len("auditEvents"):] + "&filter[category]=X":                                                      "400 PARAMETER_ERROR.ILLEGAL filter[category]",
		path[len("auditEvents"):] + "&filter[type]=A&filter[type]=B":                                           "400 PARAMETER_ERROR.INVALID filter[type]",
		path[len("auditEvents"):] + "&filter[type]=A&cursor=" + c.list(path+"&limit=1").Meta.Paging.NextCursor: "400 PARAMETER_ERROR.INVALID cursor",
	} {
		c.wantError("GET", "auditEvents"+query, "", want)
	}
}

// What happens leaves its traces by itself, and names who did it.
func TestEventsByThemselves(t *testing.T) {
	c := start(t, nil)
	server := c.org.AddServer(axmtest.MDMServer{Name: "Lab"})
	c.org.AddSerials("A")
	c.org.AssignDevices(server, "A")
	c.want("POST", "orgDeviceActivities", activityText("UNASSIGN_DEVICES", "", "", "A"), 201, "")
	c.org.ReleaseDevices("A")
	account := c.org.Account()
	key := account.GenerateKey()
	account.RevokeKey(key.ID)
	bare, err := c.org.AddAccount(axmtest.AccountOptions{Name: "bare", NoKey: true})
	if err != nil || bare.Key().ID != "" {
		t.Fatal(err, bare.Key())
	}
	bare.Delete()
	var got []string
	for _, e := range c.org.AuditEvents.All() {
		text := e.Type + " " + e.ActorType + " " + e.SubjectID
		text = strings.NewReplacer(account.ClientID(), "first", bare.ClientID(), "second").Replace(text)
		got = append(got, text+" "+e.Category+" "+e.PayloadKey)
	}
	want := []string{
		"API_ACCOUNT_CREATED_WITH_KEY SYSTEM first ACCOUNT_ACTIVITY eventDataApiAccountCreatedWithKey",
		"DEVICE_ADDED_TO_ORG SYSTEM A DEVICE_INVENTORY eventDataDeviceAddedToOrg",
		"DEVICE_ASSIGNED_TO_SERVER SYSTEM A DEVICE_MANAGEMENT eventDataDeviceAssignedToServer",
		"DEVICE_UNASSIGNED_FROM_SERVER API_USER A DEVICE_MANAGEMENT eventDataDeviceUnassignedFromServer",
		"DEVICE_REMOVED_FROM_ORG SYSTEM A DEVICE_INVENTORY eventDataDeviceRemovedFromOrg",
		"API_ACCOUNT_KEY_GENERATED SYSTEM first ACCOUNT_ACTIVITY eventDataApiAccountKeyGenerated",
		"API_ACCOUNT_KEY_REVOKED SYSTEM first ACCOUNT_ACTIVITY eventDataApiAccountKeyRevoked",
		"API_ACCOUNT_CREATED_WITHOUT_KEY SYSTEM second ACCOUNT_ACTIVITY ",
		"API_ACCOUNT_DELETED SYSTEM second ACCOUNT_ACTIVITY ",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	l := c.list("auditEvents?filter[startTimestamp]=2000-01-01T00:00:00Z&filter[endTimestamp]=2100-01-01T00:00:00Z&filter[type]=DEVICE_ASSIGNED_TO_SERVER")
	if got := l.Data[0].attributes("eventDataDeviceAssignedToServer"); got != `{"serialNumber":"A","targetServerName":"Lab"}` {
		t.Error(got)
	}
}
