package deptest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/dep/deptest"
)

func TestAccount(t *testing.T) {
	c := newClient(t, &deptest.Options{Account: deptest.Account{
		ServerName: "S", ServerUUID: "0A1B", AdminID: "a@example.org", OrgName: "O", OrgEmail: "e", OrgPhone: "p",
		OrgAddress: "d", OrgID: "1", OrgIDHash: "9f",
	}})
	const old = `{"server_name":"S","server_uuid":"0A1B","admin_id":"a@example.org","facilitator_id":"a@example.org",` +
		`"org_name":"O","org_email":"e","org_phone":"p","org_address":"d"`
	a := c.want("GET", "/account", "", 200, "")
	if !strings.HasPrefix(a.body, old+`,"org_id":"1","org_id_hash":"9f","org_type":"org","org_version":"v2","urls":[{"uri":"/account","http_method":["GET"]},`) {
		t.Errorf("account %v", a)
	}
	for _, part := range []string{
		`{"uri":"/profile/devices","http_method":["DELETE","POST","PUT"]}`,
		`{"uri":"/server/devices","http_method":["POST"],"limit":{"default":100,"maximum":1000}}`,
		`{"uri":"/devices/sync","http_method":["POST"],"limit":{"default":100,"maximum":1000}}`,
	} {
		if !strings.Contains(a.body, part) {
			t.Errorf("%s is not in %v", part, a)
		}
	}
	if strings.Contains(a.body, "/roster/") {
		t.Error("a company has rosters")
	}
	c.header.Set("X-Server-Protocol-Version", "2")
	c.want("GET", "/account", "", 200, old+"}")
	c.header.Set("X-Server-Protocol-Version", "3")
	c.srv.SetOrgType("edu")
	c.srv.UpdateAccount(func(a *deptest.Account) { a.ServerName = "Renamed" })
	a = c.want("GET", "/account", "", 200, "")
	for _, part := range []string{`"org_type":"edu"`, `"server_name":"Renamed"`, `{"uri":"/roster/class/course/sync","http_method":["POST"],"limit":{"default":1000,"maximum":1000}}`} {
		if !strings.Contains(a.body, part) {
			t.Errorf("%s is not in %v", part, a)
		}
	}
	c.wantNoViolations()
}

func TestBetaTokens(t *testing.T) {
	c := newClient(t, nil)
	c.want("GET", "/os-beta-enrollment/tokens", "", 200, `{"betaEnrollmentTokens":[`+
		`{"token":"demo-beta-token-1","title":"iOS 27 AppleSeed Beta","os":"iOS"},`+
		`{"token":"demo-beta-token-2","title":"macOS 27 AppleSeed Beta","os":"OSX"}]}`)
	c.srv.SetSeedForIT(false)
	c.want("GET", "/os-beta-enrollment/tokens", "", 403, "APPLE_SEED_FOR_IT_TURNED_OFF")
	c.srv.SetSeedForIT(true)
	c.want("GET", "/os-beta-enrollment/tokens", "", 200, "")

	other := newClient(t, &deptest.Options{BetaKey: "seedBuildTokens", BetaTokens: []deptest.BetaToken{{"t", "n", "tvOS"}}})
	other.want("GET", "/os-beta-enrollment/tokens", "", 200, `{"seedBuildTokens":[{"token":"t","title":"n","os":"tvOS"}]}`)
}

func TestServiceDiscovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const path = "/account-driven-enrollment/profile"
		c := newClient(t, nil)
		c.want("GET", path, "", 404, "NOT_FOUND")
		c.want("POST", path, `{}`, 400, "MDM_SERVICE_DISCOVERY_URL_REQUIRED")
		c.want("POST", path, `{"mdm_service_discovery_url":"http://a.example"}`, 400, "MDM_SERVICE_DISCOVERY_URL_NOT_VALID")
		c.want("POST", path, `{"mdm_service_discovery_url":1}`, 400, "MALFORMED_REQUEST_BODY")
		a := c.want("POST", path, `{"mdm_service_discovery_url":"https://a.example/d"}`, 200, "")
		if a.body != "" || a.header.Get("Content-Type") != "" {
			t.Errorf("answer %v %v", a, a.header)
		}
		c.want("GET", path, "", 200, `{"mdm_service_discovery_url":"https://a.example/d","last_updated_timestamp":"2000-01-01T00:00:00Z"}`)
		if a := c.want("DELETE", path, "", 200, ""); a.body != "" {
			t.Errorf("answer %v", a)
		}
		c.want("GET", path, "", 404, "NOT_FOUND")
		c.srv.UpdateAccount(func(a *deptest.Account) { a.OrgVersion = "v1" })
		for _, method := range []string{"GET", "POST", "DELETE"} {
			c.want(method, path, "", 400, "ORG_NOT_SUPPORTED")
		}
	})
}

func TestDetailsAndDisown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, &deptest.Options{EmptyTimes: true, Account: deptest.Account{AdminID: "me"}})
		c.header.Set("X-Server-Protocol-Version", "1")
		c.srv.AddDevices(deptest.Device{SerialNumber: "A", Model: "iPhone 17"})
		c.want("POST", "/devices", `{"devices":["Ü\"","A","A"]}`, 200, `{"devices":{"A":{"serial_number":"A","model":"iPhone 17","asset_tag":"",`+
			`"profile_status":"empty","profile_assign_time":"","profile_push_time":"","device_assigned_date":"2000-01-01T00:00:00Z",`+
			`"device_assigned_by":"me","response_status":"SUCCESS"},"Ü\"":{"response_status":"NOT_ACCESSIBLE"}}}`)
		for _, path := range []string{"/devices", "/devices/disown"} {
			c.want("POST", path, `{}`, 400, "DEVICE_ID_REQUIRED")
			c.want("POST", path, `{"devices":[]}`, 400, "DEVICE_ID_REQUIRED")
			c.want("POST", path, `{"device":["A"]}`, 400, "MALFORMED_REQUEST_BODY")
		}
		_, cursor := c.fetch(10)
		c.want("POST", "/devices/disown", `{"devices":["A","X"]}`, 200, `{"devices":{"A":"SUCCESS","X":"NOT_ACCESSIBLE"}}`)
		records, _ := c.sync(cursor)
		diff(t, "sync", records, []string{"A:deleted"})
		if len(c.srv.Devices()) != 0 {
			t.Error("a disowned device is still there")
		}
		c.srv.DropFromAnswer("X")
		c.want("POST", "/devices", `{"devices":["X"]}`, 200, `{"devices":{}}`)
		c.srv.SetOutcome("A", deptest.Failed)
		c.want("POST", "/devices/disown", `{"devices":["A"]}`, 200, `{"devices":{"A":"FAILED"}}`)
	})
}

func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, &deptest.Options{Quota: deptest.Quota{Calls: 2, Per: time.Minute}})
		c.want("GET", "/account", "", 200, "")
		time.Sleep(20*time.Second + 1)
		c.want("GET", "/account", "", 200, "")
		a := c.want("GET", "/account", "", 429, "TOO_MANY_REQUESTS")
		if got := a.header.Get("Retry-After"); got != "40" {
			t.Errorf("Retry-After %q", got)
		}
		time.Sleep(40 * time.Second)
		c.want("GET", "/account", "", 200, "")
	})
}

func TestRosters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, nil)
		c.want("POST", "/roster/class", `{}`, 403, "ACCESS_DENIED")
		c.srv.SetOrgType("edu")
		c.srv.AddClasses(
			deptest.Class{UniqueIdentifier: "cl-2", Name: "Z", SourceSystemIdentifier: "2", StudentUniqueIdentifiers: []string{}},
			deptest.Class{UniqueIdentifier: "cl-1", Name: "Biology 4B", Number: "B4", Room: "12", DisplayName: "Bio", IconIdentifier: "i",
				Course: deptest.RosterRef{Name: "Biology", UniqueIdentifier: "co-1"}, Location: deptest.RosterRef{Name: "North", UniqueIdentifier: "lo-1"},
				InstructorUniqueIdentifiers: []string{"pe-1"}, Source: "SIS", SourceSystemIdentifier: "1"})
		c.srv.AddPersons(deptest.Person{UniqueIdentifier: "pe-1", Name: "N", FirstName: "F", MiddleName: "M", LastName: "L", ManagedAppleID: "m@example.org",
			EmailAddress: "e@example.org", SISUsername: "u", PersonID: "7", PasscodeType: "six", IsFederatedAuth: true, Source: "CSV", SourceSystemIdentifier: "9"})
		c.srv.AddCourses(deptest.Course{UniqueIdentifier: "co-1", Name: "Biology", CourseNumber: "1", Source: "SIS"})
		c.srv.AddLocations(deptest.Location{UniqueIdentifier: "lo-1", Name: "North", Source: "SIS", SourceSystemIdentifier: "3"})

		type rosterPage struct {
			Cursor string `json:"cursor"`
			More   bool   `json:"more_to_follow"`
		}
		read := func(path, body, want string) string {
			t.Helper()
			a := c.want("POST", path, body, 200, "")
			p := decode[rosterPage](t, a)
			if got, _, _ := strings.Cut(a.body, `,"cursor":`); got != want {
				t.Errorf("%s %s\n got %s\nwant %s", path, body, got, want)
			}
			if strings.Trim(p.Cursor, "0123456789abcdef") != "" || p.Cursor == "" {
				t.Errorf("cursor %q", p.Cursor)
			}
			return p.Cursor
		}
		const class1 = `{"unique_identifier":"cl-1","name":"Biology 4B","class_display_name":"Bio","class_icon_identifier":"i","class_number":"B4","room":"12",` +
			`"course":{"name":"Biology","unique_identifier":"co-1"},"location":{"name":"North","unique_identifier":"lo-1"},"instructor_unique_identifiers":["pe-1"],` +
			`"student_unique_identifiers":null,"source":"SIS","source_system_identifier":"1","status":"Active","op_date":"2000-01-01T00:00:00Z"}`
		const class2 = `{"unique_identifier":"cl-2","name":"Z","instructor_unique_identifiers":null,"student_unique_identifiers":[],` +
			`"source_system_identifier":"2","status":"Active","op_date":"2000-01-01T00:00:00Z"}`
		first := read("/roster/class", `{"limit":1}`, `{"classes":[`+class1+`]`)
		c.want("POST", "/roster/class/sync", `{"cursor":"`+first+`"}`, 400, "INVALID_CURSOR")
		// A class before the place of the cursor comes in the sync, not in the fetch.
		c.srv.AddClasses(deptest.Class{UniqueIdentifier: "cl-0", SourceSystemIdentifier: "0"})
		c.srv.RemoveRosterEntries("cl-1")
		last := read("/roster/class", `{"cursor":"`+first+`"}`, `{"classes":[`+class2+`]`)
		c.want("POST", "/roster/class", `{"cursor":"`+last+`"}`, 400, "EXHAUSTED_CURSOR")
		c.want("POST", "/roster/class", `{"cursor":"x"}`, 400, "INVALID_CURSOR")
		c.want("POST", "/roster/class/sync", `{}`, 400, "CURSOR_REQUIRED")
		c.want("POST", "/roster/class/sync", `{"limit":"1"}`, 400, "MALFORMED_REQUEST_BODY")
		synced := read("/roster/class/sync", `{"cursor":"`+last+`"}`, `{"classes":[{"unique_identifier":"cl-0","name":"","instructor_unique_identifiers":null,`+
			`"student_unique_identifiers":null,"source_system_identifier":"0","status":"Active","op_date":"2000-01-01T00:00:00Z"},`+
			strings.Replace(class1, `"Active"`, `"Inactive"`, 1)+`]`)
		read("/roster/class/sync", `{"cursor":"`+synced+`"}`, `{"classes":[]`)

		c.srv.AddClasses(deptest.Class{UniqueIdentifier: "cl-2", Name: "Renamed", SourceSystemIdentifier: "9"})
		if a := c.want("POST", "/roster/class", `{}`, 200, ""); strings.Count(a.body, "cl-2") != 1 || !strings.Contains(a.body, "Renamed") {
			t.Errorf("a replaced class: %v", a)
		}

		person := read("/roster/class/person", `{}`, `{"persons":[{"unique_identifier":"pe-1","name":"N","first_name":"F","middle_name":"M","last_name":"L","passcode_type":"six",`+
			`"status":"Active","managed_apple_id":"m@example.org","person_id":"7","email_address":"e@example.org","sis_username":"u","is_federated_auth":true,`+
			`"grade":null,"source":"CSV","source_system_identifier":"9","op_date":"2000-01-01T00:00:00Z"}]`)
		read("/roster/class/course", `{}`, `{"courses":[{"unique_identifier":"co-1","name":"Biology","course_number":"1","source":"SIS",`+
			`"source_system_identifier":null,"status":"Active","op_date":"2000-01-01T00:00:00Z"}]`)
		location := read("/roster/class/location", `{}`, `{"locations":[{"unique_identifier":"lo-1","name":"North","source":"SIS",`+
			`"source_system_identifier":"3","status":"Active","op_date":"2000-01-01T00:00:00Z"}]`)
		c.want("POST", "/roster/course", `{}`, 404, "")

		c.srv.RemoveRosterEntries("pe-1", "lo-1", "co-1")
		if a := c.want("POST", "/roster/class/person/sync", `{"cursor":"`+person+`"}`, 200, ""); !strings.Contains(a.body, `"status":"InActive"`) {
			t.Errorf("removed person: %v", a)
		}
		if a := c.want("POST", "/roster/class/location/sync", `{"cursor":"`+location+`"}`, 200, ""); !strings.Contains(a.body, `"status":"Inactive"`) {
			t.Errorf("removed location: %v", a)
		}
		time.Sleep(8 * 24 * time.Hour)
		c.want("POST", "/roster/class/sync", `{"cursor":"`+synced+`"}`, 400, "EXPIRED_CURSOR")
	})
}

func TestRosterVersionsAndOldCoursePath(t *testing.T) {
	c := newClient(t, &deptest.Options{CoursePath: "/roster/course", Account: deptest.Account{OrgType: "edu"}})
	c.srv.AddCourses(deptest.Course{UniqueIdentifier: "a"}, deptest.Course{UniqueIdentifier: "b"})
	c.want("POST", "/roster/course", `{}`, 200, "")
	c.want("POST", "/roster/class/course", `{}`, 404, "")
	c.srv.AddPersons(deptest.Person{UniqueIdentifier: "p", FirstName: "F", PersonID: "7", EmailAddress: "e"})
	c.srv.AddClasses(deptest.Class{UniqueIdentifier: "c", Number: "1", DisplayName: "d"})
	for _, tc := range []struct {
		path, member, version string
		want                  bool
	}{
		{"/roster/class/person", "first_name", "2", false}, {"/roster/class/person", "first_name", "3", true},
		{"/roster/class/person", "person_id", "3", false}, {"/roster/class/person", "person_id", "4", true},
		{"/roster/class/person", "email_address", "4", false}, {"/roster/class/person", "email_address", "5", true},
		{"/roster/class/person", "is_federated_auth", "5", false}, {"/roster/class/person", "is_federated_auth", "6", true},
		{"/roster/class", "status", "2", false}, {"/roster/class", "status", "3", true},
		{"/roster/class", "class_number", "3", false}, {"/roster/class", "class_number", "4", true},
		{"/roster/class", "class_display_name", "4", false}, {"/roster/class", "class_display_name", "5", true},
	} {
		c.header.Set("X-Server-Protocol-Version", tc.version)
		if a := c.want("POST", tc.path, `{}`, 200, ""); strings.Contains(a.body, `"`+tc.member+`"`) != tc.want {
			t.Errorf("version %s: %s there: %v", tc.version, tc.member, !tc.want)
		}
	}
}
