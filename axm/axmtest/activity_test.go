package axmtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/axm/axmtest"
)

// activityText is the body of an activity.
func activityText(kind, server, deadline string, serials ...string) string {
	var devices []string
	for _, s := range serials {
		devices = append(devices, fmt.Sprintf(`{"type":"orgDevices","id":%q}`, s))
	}
	metadata, mdm := "", ""
	if deadline != "" {
		metadata = fmt.Sprintf(`,"activityTypeMetadata":{"mdmMigrationDeadlineDateTime":%q}`, deadline)
	}
	if server != "" {
		mdm = fmt.Sprintf(`"mdmServer":{"data":{"type":"mdmServers","id":%q}},`, server)
	}
	return fmt.Sprintf(`{"data":{"type":"orgDeviceActivities","attributes":{"activityType":%q%s},"relationships":{%s"devices":{"data":[%s]}}}}`,
		kind, metadata, mdm, strings.Join(devices, ","))
}

// start posts an activity and returns its id.
func (c *client) start(body string) string {
	c.t.Helper()
	a := c.want("POST", "orgDeviceActivities", body, 201, "")
	got := decode[struct{ Data item }](c.t, a).Data
	if a.status != 201 || got.Type != "orgDeviceActivities" || got.attributes("status", "subStatus", "downloadUrl") != `"IN_PROGRESS" "SUBMITTED" absent` {
		c.t.Fatal(a)
	}
	return got.ID
}

// state is the state of an activity, and whether it has a log.
func (c *client) state(id string) string {
	c.t.Helper()
	got := c.one("orgDeviceActivities/" + id)
	text := strings.ReplaceAll(got.attributes("status", "subStatus"), `"`, "")
	if _, there := got.Attributes["completedDateTime"]; there != (got.Attributes["status"] != "IN_PROGRESS") {
		c.t.Errorf("%+v", got)
	}
	if _, there := got.Attributes["downloadUrl"]; there {
		text += " log"
	}
	return text
}

func (c *client) wantState(id, want string) {
	c.t.Helper()
	if got := c.state(id); got != want {
		c.t.Errorf("%s, want %s", got, want)
	}
}

// log fetches the log of an activity without the token, from its own host.
func (c *client) log(id string) answer {
	c.t.Helper()
	url := c.one("orgDeviceActivities/" + id).Attributes["downloadUrl"].(string)
	if !strings.Contains(url, "://store.blobstore.apple.com/") {
		c.t.Errorf("log at %s", url)
	}
	return c.send("GET", url, "", http.Header{"Authorization": nil, "Accept": nil})
}

// rows are the lines of a log about devices, without their times.
func rows(a answer) string {
	_, text, _ := strings.Cut(a.body, "serial_number,operation_status,operation_substatus,timestamp\n")
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, strings.Join(strings.Split(line, ",")[:3], ","))
	}
	return strings.Join(out, " ")
}

// An activity goes through its states, and what it asks for is done on the way.
func TestActivityProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &axmtest.Options{ActivityStep: 10 * time.Second, Lag: 15 * time.Second})
		server := c.org.AddServer(axmtest.MDMServer{Name: "Lab"})
		c.org.AddSerials("A", "B")
		id := c.start(activityText("ASSIGN_DEVICES", server, "", "A", "B", "UNKNOWN"))
		for _, want := range []string{"SUBMITTED", "PRE_PROCESSING", "PENDING", "PROCESSING", "POST_PROCESSING"} {
			c.wantState(id, "IN_PROGRESS "+want)
			time.Sleep(9 * time.Second)
			c.wantState(id, "IN_PROGRESS "+want)
			time.Sleep(time.Second)
		}
		c.wantState(id, "COMPLETED COMPLETED_WITH_SUCCESS log")
		if l := c.list("mdmServers/" + server + "/relationships/devices"); l.ids() != "" {
			t.Errorf("%s is seen after 10 s", l.ids())
		}
		time.Sleep(5 * time.Second)
		if l := c.list("mdmServers/" + server + "/relationships/devices"); l.ids() != "A B" {
			t.Errorf("%s is seen after 15 s", l.ids())
		}
		a := c.log(id)
		want := "OPERATION,ASSIGN_DEVICES\nACTIVITY_ID," + id + "\nSTARTED AT,2000-01-01T00:00:00.000Z\nENDED AT,2000-01-01T00:00:50.000Z\n" +
			"STATUS,COMPLETED\nSUB_STATUS,COMPLETED_WITH_SUCCESS\n\nserial_number,operation_status,operation_substatus,timestamp\n" +
			"A,SUCCESS,UPDATED,2000-01-01T00:00:40.000Z\nB,SUCCESS,UPDATED,2000-01-01T00:00:40.000Z\n"
		if a.status != 200 || a.body != want || a.header.Get("Content-Type") != "text/csv" || !strings.Contains(a.header.Get("Content-Disposition"), `"ABM-ActivityLog_20000101000000.csv"`) {
			t.Errorf("%v %v", a.header, a)
		}
		c.wantNoViolations()

		time.Sleep(30*24*time.Hour - 65*time.Second)
		c.header.Set("Authorization", "Bearer "+c.org.Account().AccessToken())
		c.want("GET", "orgDeviceActivities/"+id, "", 200, "")
		time.Sleep(time.Second + 10*time.Second)
		c.wantError("GET", "orgDeviceActivities/"+id, "", "404 NOT_FOUND")
		c.srv.Close()
	})
}

// What each type does to each device.
func TestActivityTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil)
		one, two := c.org.AddServer(axmtest.MDMServer{Name: "One"}), c.org.AddServer(axmtest.MDMServer{Name: "Two"})
		in := func(days int) string { return time.Now().AddDate(0, 0, days).Format(time.RFC3339) }
		c.org.AddSerials("A")
		c.org.AddDevices(axmtest.Device{SerialNumber: "M", MigrationCapable: true, ServerID: one})
		const notAllowed = "ISSUE,OPERATION_NOT_ALLOWED"
		for _, step := range []struct {
			body, end, rows, status string
		}{
			{activityText("ASSIGN_DEVICES", one, "", "A"), "SUCCESS", "A,SUCCESS,UPDATED", "One   "},
			{activityText("ASSIGN_DEVICES", one, "", "A"), "ERROR", "A," + notAllowed, "One   "},
			{activityText("ASSIGN_DEVICES", two, "", "A"), "SUCCESS", "A,SUCCESS,UPDATED", "Two   "},
			{activityText("UNASSIGN_DEVICES", one, "", "A"), "ERROR", "A," + notAllowed, "Two   "},
			{activityText("UNASSIGN_DEVICES", two, "", "A"), "SUCCESS", "A,SUCCESS,UPDATED", "   "},
			{activityText("UNASSIGN_DEVICES", "", "", "A"), "ERROR", "A," + notAllowed, "   "},
			{activityText("ASSIGN_DEVICES", one, "", "A", "GONE"), "SUCCESS", "A,SUCCESS,UPDATED", "One   "},
			{activityText("UNASSIGN_DEVICES", "", "", "A"), "SUCCESS", "A,SUCCESS,UPDATED", "   "},
			{activityText("ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE", two, in(30), "A", "M"), "ERROR",
				"A," + notAllowed + " M,SUCCESS,UPDATED", "Two REQUESTED 2000-01-31T00:00:00Z "},
			{activityText("UPDATE_MDM_MIGRATION_DEADLINE", "", in(90), "M", "A"), "ERROR",
				"M,SUCCESS,UPDATED A," + notAllowed, "Two REQUESTED 2000-03-31T00:00:00Z "},
			{activityText("CANCEL_MDM_MIGRATION", "", "", "M"), "SUCCESS", "M,SUCCESS,UPDATED", "Two   "},
			{activityText("CANCEL_MDM_MIGRATION", "", "", "M"), "ERROR", "M," + notAllowed, "Two   "},
			{activityText("ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE", one, in(1), "M"), "SUCCESS", "M,SUCCESS,UPDATED", "One REQUESTED 2000-01-02T00:00:00Z "},
			{activityText("UPDATE_MDM_MIGRATION_DEADLINE", "", in(-1), "M"), "SUCCESS", "M,SUCCESS,UPDATED", "One STARTED 1999-12-31T00:00:00Z "},
			{activityText("RELEASE_DEVICES", "", "", "M"), "SUCCESS", "M,SUCCESS,UPDATED", "   2000-01-01T00:00:00Z"},
			{activityText("RELEASE_DEVICES", "", "", "M"), "SUCCESS", "", "   2000-01-01T00:00:00Z"},
		} {
			id := c.start(step.body)
			c.wantState(id, "COMPLETED COMPLETED_WITH_"+step.end+" log")
			if got := rows(c.log(id)); got != step.rows {
				t.Errorf("%s\n got %s\nwant %s", step.body, got, step.rows)
			}
			serial := step.body[strings.Index(step.body, `"orgDevices","id":"`)+19:][:1]
			if strings.Contains(step.body, `"M"`) {
				serial = "M"
			}
			d, _ := c.org.Device(serial)
			if got := c.describe(d); got != step.status {
				t.Errorf("%s\n got %s\nwant %s", step.body, got, step.status)
			}
		}
		c.wantNoViolations()
		acts := c.org.Activities()
		if a := acts[8]; len(acts) != 16 || a.Type != "ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE" || a.ServerID != two ||
			fmt.Sprint(a.SerialNumbers) != "[A M]" || a.Deadline.IsZero() || a.Status != "COMPLETED" || len(a.Results) != 2 || a.Results[1].SerialNumber != "M" {
			t.Errorf("%d activities, %+v", len(acts), a)
		}
		c.srv.Close()
	})
}

// describe tells of a device what activities change.
func (c *client) describe(d axmtest.Device) string {
	server, _ := c.org.Server(d.ServerID)
	text := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	return strings.Join([]string{server.Name, d.MigrationStatus, text(d.MigrationDeadline), text(d.Released)}, " ")
}

// A migration starts by itself when its deadline is over, and somebody ends it.
func TestMigration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil)
		server := c.org.AddServer(axmtest.MDMServer{})
		c.org.AddDevices(axmtest.Device{SerialNumber: "A", MigrationCapable: true, MigrationStatus: "REQUESTED", MigrationDeadline: time.Now().Add(time.Minute), ServerID: server})
		status := func() string {
			return c.one("orgDevices/A").attributes("mdmMigrationStatus", "mdmMigrationDeadlineDateTime")
		}
		if got := status(); got != `"REQUESTED" "2000-01-01T00:01:00Z"` {
			t.Error(got)
		}
		time.Sleep(time.Minute)
		if got := status(); got != `"STARTED" "2000-01-01T00:01:00Z"` {
			t.Error(got)
		}
		if !c.org.FinishMigration("A", true) || status() != `"SUCCESS" "2000-01-01T00:01:00Z"` {
			t.Error(status())
		}
		if c.org.FinishMigration("A", true) || c.org.FinishMigration("B", true) {
			t.Error("there is no migration to finish")
		}
		c.org.ModifyDevice("A", func(d *axmtest.Device) { d.MigrationStatus = "STARTED" })
		if !c.org.FinishMigration("A", false) || status() != `"FAILED" "2000-01-01T00:01:00Z"` {
			t.Error(status())
		}
		c.srv.Close()
	})
}

// Every reason to refuse an activity.
func TestActivityRefusals(t *testing.T) {
	c := start(t, &axmtest.Options{MaxActivityDevices: 2})
	server := c.org.AddServer(axmtest.MDMServer{})
	c.org.AddSerials("A")
	soon, late := time.Now().AddDate(0, 0, 1).Format(time.RFC3339), time.Now().AddDate(0, 0, 91).Format(time.RFC3339)
	const at = "/data/relationships/"
	const deadline = "/data/attributes/activityTypeMetadata/mdmMigrationDeadlineDateTime"
	good := activityText("ASSIGN_DEVICES", server, "", "A")
	for name, tt := range map[string]struct{ body, want string }{
		"no JSON":            {`{`, "400 ENTITY_INVALID"},
		"twice":              {`{"data":{},"data":{}}`, "400 ENTITY_INVALID"},
		"no body":            {``, "400 ENTITY_INVALID"},
		"type":               {strings.Replace(good, "orgDeviceActivities", "activities", 1), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/type"},
		"no activityType":    {activityText("", server, "", "A"), "409 ENTITY_ERROR.ATTRIBUTE.REQUIRED /data/attributes/activityType"},
		"activityType":       {activityText("ASSIGN", server, "", "A"), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/attributes/activityType"},
		"no server":          {activityText("ASSIGN_DEVICES", "", "", "A"), "409 ENTITY_ERROR.RELATIONSHIP.REQUIRED " + at + "mdmServer"},
		"unknown server":     {activityText("ASSIGN_DEVICES", "X", "", "A"), "409 ENTITY_ERROR.RELATIONSHIP.INVALID " + at + "mdmServer"},
		"unknown server too": {activityText("UNASSIGN_DEVICES", "X", "", "A"), "409 ENTITY_ERROR.RELATIONSHIP.INVALID " + at + "mdmServer"},
		"type of server":     {strings.Replace(good, `"mdmServers"`, `"servers"`, 1), "409 ENTITY_ERROR.RELATIONSHIP.INVALID " + at + "mdmServer"},
		"no devices":         {activityText("ASSIGN_DEVICES", server, ""), "409 ENTITY_ERROR.RELATIONSHIP.REQUIRED " + at + "devices"},
		"too many":           {activityText("ASSIGN_DEVICES", server, "", "A", "B", "C"), "422 ENTITY_UNPROCESSABLE.TOO_MANY " + at + "devices"},
		"no serial":          {activityText("ASSIGN_DEVICES", server, "", "A", ""), "409 ENTITY_ERROR.RELATIONSHIP.INVALID " + at + "devices/data/1"},
		"odd serial":         {activityText("ASSIGN_DEVICES", server, "", "A/B"), "409 ENTITY_ERROR.RELATIONSHIP.INVALID " + at + "devices/data/0"},
		"type of device":     {strings.Replace(good, `"orgDevices"`, `"devices"`, 1), "409 ENTITY_ERROR.RELATIONSHIP.INVALID " + at + "devices/data/0"},
		"no deadline":        {activityText("UPDATE_MDM_MIGRATION_DEADLINE", "", "", "A"), "409 ENTITY_ERROR.ATTRIBUTE.REQUIRED " + deadline},
		"odd deadline":       {activityText("UPDATE_MDM_MIGRATION_DEADLINE", "", "tomorrow", "A"), "409 ENTITY_ERROR.ATTRIBUTE.INVALID " + deadline},
		"late deadline":      {activityText("ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE", server, late, "A"), "409 ENTITY_ERROR.ATTRIBUTE.INVALID " + deadline},
		"migrate to nowhere": {activityText("ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE", "", soon, "A"), "409 ENTITY_ERROR.RELATIONSHIP.REQUIRED " + at + "mdmServer"},
	} {
		t.Run(name, func(t *testing.T) {
			c := clientOf(t, c.srv, c.org)
			c.wantError("POST", "orgDeviceActivities", tt.body, tt.want)
		})
	}
	c.srv.ResetReceived()
	c.srv.UpdateOptions(func(o *axmtest.Options) { o.StrictSerials = true })
	c.wantError("POST", "orgDeviceActivities", activityText("ASSIGN_DEVICES", server, "", "B"), "409 ENTITY_ERROR.RELATIONSHIP.INVALID "+at+"devices/data/0")
	c.srv.UpdateOptions(func(o *axmtest.Options) { o.MaxActivityDevices = 0 })
	c.wantNoViolations()
	c.start(activityText("UNASSIGN_DEVICES", "", soon, "A"))
	c.wantViolation("UNASSIGN_DEVICES has no deadline")
	c.start(activityText("RELEASE_DEVICES", server, "", "A"))
	c.wantViolation("RELEASE_DEVICES has no mdmServer")
	c.org.AddSerials("A")
	c.start(activityText("UNASSIGN_DEVICES", "", "", "A", "A"))
	c.wantViolation("there twice")
	c.start(strings.Replace(activityText("UNASSIGN_DEVICES", "", "", "A"), `"activityType"`, `"hurry":true,"activityType"`, 1))
	c.wantViolation(`unknown object member name "hurry"`)
	if n := len(c.org.Activities()); n != 4 {
		t.Errorf("%d activities", n)
	}
	c.wantError("GET", "orgDeviceActivities/unknown", "", "404 NOT_FOUND")

	school := clientOf(t, c.srv, c.srv.AddOrg(axmtest.OrgOptions{Kind: axmtest.School}))
	school.org.AddSerials("A")
	school.wantError("POST", "orgDeviceActivities", activityText("RELEASE_DEVICES", "", "", "A"), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/attributes/activityType")
	school.start(activityText("UNASSIGN_DEVICES", "", "", "A"))
}

// Tests hold activities, and decide what becomes of them and of single devices.
func TestActivityFates(t *testing.T) {
	c := start(t, nil)
	server := c.org.AddServer(axmtest.MDMServer{})
	serials := []string{"A", "B", "C", "D"}
	c.org.AddSerials(serials...)
	assigned := func() string {
		var out []string
		for _, d := range c.org.Devices() {
			if d.ServerID != "" {
				out = append(out, d.SerialNumber)
			}
		}
		c.org.AssignDevices("", serials...)
		return strings.Join(out, " ")
	}
	body := activityText("ASSIGN_DEVICES", server, "", serials...)
	c.org.HoldActivities()
	first, second := c.start(body), c.start(activityText("UNASSIGN_DEVICES", "", "", "A"))
	c.org.StepActivities(3)
	c.wantState(first, "IN_PROGRESS PROCESSING")
	if got := assigned(); got != "" {
		t.Error(got)
	}
	c.org.StepActivities(1)
	c.wantState(first, "IN_PROGRESS POST_PROCESSING")
	c.org.RunActivities()
	c.wantState(first, "COMPLETED COMPLETED_WITH_SUCCESS log")
	c.wantState(second, "COMPLETED COMPLETED_WITH_SUCCESS log")
	if got := assigned(); got != "B C D" {
		t.Error(got)
	}

	c.org.NextActivities(axmtest.Stall, axmtest.Stop, axmtest.Break, axmtest.BreakAfter, axmtest.Run)
	for _, want := range []string{
		"IN_PROGRESS PENDING|", "STOPPED COMPLETED_WITH_ERROR log|A B", "FAILED COMPLETED_WITH_FAILURE log|",
		"COMPLETED COMPLETED_POST_PROCESSING_FAILED|A B C D", "COMPLETED COMPLETED_WITH_SUCCESS log|A B C D",
	} {
		id := c.start(body)
		if got := c.state(id) + "|" + assigned(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	c.org.HoldActivities()
	c.org.NextActivities(axmtest.Stop)
	id := c.start(body)
	c.org.StepActivities(4)
	c.wantState(id, "IN_PROGRESS STOPPING")
	c.org.RunActivities()
	c.org.AssignDevices("", serials...)

	c.org.SetOutcome("A", axmtest.Outcome{})
	c.org.SetOutcome("B", axmtest.Outcome{Ignored: true})
	c.org.SetOutcome("C", axmtest.Outcome{Status: "FAILURE", SubStatus: "NOT_FOUND"})
	id = c.start(body)
	c.wantState(id, "COMPLETED COMPLETED_WITH_ERROR log")
	if got := rows(c.log(id)); got != "A,ISSUE,OPERATION_NOT_ALLOWED C,FAILURE,NOT_FOUND D,SUCCESS,UPDATED" {
		t.Error(got)
	}
	if got := assigned(); got != "D" {
		t.Error(got)
	}
	c.wantState(c.start(activityText("ASSIGN_DEVICES", server, "", "C")), "COMPLETED COMPLETED_WITH_FAILURE log")
	c.org.ClearOutcomes()
	c.wantState(c.start(body), "COMPLETED COMPLETED_WITH_SUCCESS log")
}

// The log is on another host, for those who have its address and for a while.
func TestActivityLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil)
		c.org.AddSerials("A", "B")
		id := c.start(activityText("UNASSIGN_DEVICES", "", "", "A", "B"))
		url := c.one("orgDeviceActivities/" + id + "?fields[orgDeviceActivities]=downloadUrl").Attributes["downloadUrl"].(string)
		plain := http.Header{"Authorization": nil, "Accept": nil}
		get := func(method, url string, header http.Header, status int, code, why string) {
			t.Helper()
			a := c.send(method, url, "", header)
			if a.status != status || !strings.Contains(a.body, "<Code>"+code+"</Code>") || a.header.Get("Content-Type") != "application/xml" {
				t.Errorf("%v, want %d %s", a, status, code)
			}
			if why == "" {
				c.wantNoViolations()
			} else {
				c.wantViolation(why)
			}
		}
		if a := c.send("GET", url, "", plain); a.status != 200 {
			t.Error(a)
		}
		get("GET", url, nil, 400, "InvalidArgument", "Authorization header is sent to the host of the logs")
		get("POST", url, plain, 405, "MethodNotAllowed", "")
		get("GET", strings.Replace(url, "Expires=", "Expires=1", 1), plain, 403, "SignatureDoesNotMatch", "")
		get("GET", strings.Replace(url, "http://store.blobstore.apple.com", c.srv.URL, 1), plain, 403, "SignatureDoesNotMatch", "")
		time.Sleep(15*time.Minute - time.Second)
		if a := c.send("GET", url, "", plain); a.status != 200 {
			t.Error(a)
		}
		time.Sleep(time.Second)
		get("GET", url, plain, 403, "AccessDenied", "")
		if a := c.log(id); a.status != 200 {
			t.Errorf("a new address: %v", a)
		}

		c.srv.UpdateOptions(func(o *axmtest.Options) { o.LogURL = "http://logs.example:99/" })
		url = c.one("orgDeviceActivities/" + id).Attributes["downloadUrl"].(string)
		if a := c.send("GET", url, "", plain); a.status != 200 || !strings.HasPrefix(url, "http://logs.example:99/activity-logs/") {
			t.Errorf("%s: %v", url, a)
		}
		c.srv.Close()
	})
}

// The forms of logs that have been seen.
func TestLogStyles(t *testing.T) {
	c := start(t, nil)
	c.org.AddSerials("A", "B")
	c.org.SetOutcome("B", axmtest.Outcome{})
	id := c.start(activityText("RELEASE_DEVICES", "", "", "A", "B"))
	c.srv.UpdateOptions(func(o *axmtest.Options) { o.LogStyle = axmtest.LogStyle{Sections: true, BOM: true, CRLF: true} })
	text := c.log(id).body
	if !strings.HasPrefix(text, "\ufeffOPERATION,RELEASE_DEVICES\r\n") ||
		!strings.Contains(text, "\r\n\r\noperation_stage,stage_status\r\nVALIDATION,SUCCESS\r\n\r\nserial_number,") ||
		!strings.HasSuffix(text, "Z\r\n\r\ntotal,succeeded,not_succeeded\r\n2,1,1\r\n\r\n") {
		t.Errorf("%q", text)
	}
	c.srv.UpdateOptions(func(o *axmtest.Options) { o.LogStyle = axmtest.LogStyle{Ragged: true} })
	if got := rows(c.log(id)); got != "A,SUCCESS,UPDATED B,ISSUE,OPERATION_NOT_ALLOWED A,SUCCESS,UPDATED A,SUCCESS,UPDATED\n" {
		t.Errorf("%q", got)
	}
	if text := c.log(id).body; !strings.Contains(text, `Z,a "remark",more`+"\n") {
		t.Errorf("%q", text)
	}
	if !c.org.SetLog(id, []byte("nothing")) || c.log(id).body != "nothing" || c.org.SetLog("x", nil) {
		t.Error("SetLog")
	}
	c.org.NextActivities(axmtest.Break)
	if text := c.log(c.start(activityText("UNASSIGN_DEVICES", "", "", "B"))).body; !strings.HasSuffix(text, "\nserial_number,operation_status,operation_substatus,timestamp\n") {
		t.Errorf("%q", text)
	}
}
