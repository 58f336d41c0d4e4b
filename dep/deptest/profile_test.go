package deptest_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/dep/deptest"
)

const minimal = `{"profile_name":"p","url":"https://mdm.example.org/enroll"}`

func (c *client) define(body string) (uuid string) {
	c.t.Helper()
	a := c.want("POST", "/profile", body, 200, "")
	return decode[struct {
		UUID string `json:"profile_uuid"`
	}](c.t, a).UUID
}

func TestDefineAndFetchProfile(t *testing.T) {
	c := newClient(t, nil)
	c.srv.AddSerials("A")
	uuid := c.define(`{"profile_name":"Standard 2026","url":"https://mdm.example.org/enroll","is_supervised":true,
	  "is_mdm_removable":false,"await_device_configured":true,"org_magic":"demo-1","skip_setup_items":["Siri","New"],
	  "language":"en","region":"IE","department":null,"devices":[]}`)
	if !regexp.MustCompile(`^[0-9A-F]{32}$`).MatchString(uuid) {
		t.Errorf("profile %q", uuid)
	}
	c.want("GET", "/profile?profile_uuid="+uuid, "", 200, `{"profile_uuid":"`+uuid+`","await_device_configured":true,`+
		`"is_mdm_removable":false,"is_supervised":true,"language":"en","org_magic":"demo-1","profile_name":"Standard 2026",`+
		`"region":"IE","skip_setup_items":["Siri","New"],"url":"https://mdm.example.org/enroll"}`)
	got, ok := c.srv.Profile(uuid)
	if !ok || got["skip_setup_items"] != `["Siri","New"]` || got["is_mdm_removable"] != "false" {
		t.Errorf("profile %v", got)
	}
	if _, ok := c.srv.Profile("x"); ok {
		t.Error("an unknown profile is there")
	}
	c.wantNoViolations()
	c.header.Set("X-Server-Protocol-Version", "1")
	if a := c.want("GET", "/profile?profile_uuid="+uuid, "", 200, ""); strings.Contains(a.body, "await_device") {
		t.Errorf("version 1 sees %v", a)
	}
	c.want("GET", "/profile", "", 400, "PROFILE_UUID_REQUIRED")
	c.want("GET", "/profile?profile_uuid=X", "", 400, "NOT_FOUND")
	older := newClient(t, &deptest.Options{ProfileNotFound404: true})
	older.want("GET", "/profile?profile_uuid=X", "", 404, "PROFILE_NOT_FOUND")
}

func TestDefineRefusals(t *testing.T) {
	c := newClient(t, nil)
	with := func(member string) string { return minimal[:len(minimal)-1] + "," + member + "}" }
	long := func(name string, n int) string { return with(fmt.Sprintf("%q:%q", name, strings.Repeat("ä", n))) }
	link := func(n int) string { return "https://a.example/" + strings.Repeat("a", n-18) }
	for _, tc := range []struct{ body, want string }{
		{`{"url":"https://a.example/"}`, "CONFIG_NAME_REQUIRED"},
		{`{"profile_name":null,"url":"https://a.example/"}`, "CONFIG_NAME_REQUIRED"},
		{`{"profile_name":"","url":"https://a.example/"}`, "CONFIG_NAME_INVALID"},
		{`{"profile_name":"` + strings.Repeat("ä", 126) + `","url":"https://a.example/"}`, "CONFIG_NAME_INVALID"},
		{`{"profile_name":"` + strings.Repeat("ä", 125) + `","url":"https://a.example/"}`, ""},
		{`{"profile_name":"p"}`, "CONFIG_URL_REQUIRED"},
		{`{"profile_name":"p","url":""}`, "CONFIG_URL_INVALID"},
		{`{"profile_name":"p","url":"mdm.example.org"}`, "CONFIG_URL_INVALID"},
		{`{"profile_name":"p","url":"https://a.example/a b"}`, "CONFIG_URL_INVALID"},
		{`{"profile_name":"p","url":"https://a.example/ä"}`, "CONFIG_URL_INVALID"},
		{`{"profile_name":"p","url":"` + link(2000) + `"}`, ""},
		{`{"profile_name":"p","url":"` + link(2001) + `"}`, "CONFIG_URL_INVALID"},
		{long("department", 125), ""},
		{long("department", 126), "DEPARTMENT_INVALID"},
		{with(`"is_mdm_removable":false`), "FLAGS_INVALID"},
		{with(`"is_mdm_removable":false,"is_supervised":false`), "FLAGS_INVALID"},
		{with(`"is_mdm_removable":false,"is_supervised":true`), ""},
		{with(`"language":"english"`), "LOCALE_INVALID"},
		{with(`"language":"EN"`), "LOCALE_INVALID"},
		{with(`"language":"deu","region":"DE"`), ""},
		{with(`"region":"de"`), "LOCALE_INVALID"},
		{with(`"region":""`), "LOCALE_INVALID"},
		{long("org_magic", 257), "MAGIC_INVALID"},
		{long("org_magic", 256), ""},
		{long("support_email_address", 251), "SUPPORT_EMAIL_INVALID"},
		{long("support_phone_number", 51), "SUPPORT_PHONE_INVALID"},
		{with(`"is_supervised":"true"`), "MALFORMED_REQUEST_BODY"},
		{with(`"skip_setup_items":"Siri"`), "MALFORMED_REQUEST_BODY"},
		{with(`"devices":[1]`), "MALFORMED_REQUEST_BODY"},
		{with(`"org_magc":"x"`), "MALFORMED_REQUEST_BODY"},
		{with(`"URL":"x"`), "MALFORMED_REQUEST_BODY"},
		{with(`"url":"https://twice.example"`), "MALFORMED_REQUEST_BODY"},
		{`{"profile_name":"p"`, "MALFORMED_REQUEST_BODY"},
		{`[]`, "MALFORMED_REQUEST_BODY"},
		{`null`, "MALFORMED_REQUEST_BODY"},
		{``, "MALFORMED_REQUEST_BODY"},
	} {
		status := 400
		if tc.want == "" {
			status = 200
		}
		c.want("POST", "/profile", tc.body, status, tc.want)
	}
	lax := newClient(t, &deptest.Options{LaxBodies: true})
	uuid := lax.define(with(`"org_magc":"x"`))
	if got, _ := lax.srv.Profile(uuid); got["org_magc"] != `"x"` {
		t.Errorf("profile %v", got)
	}
}

func TestProfileNotes(t *testing.T) {
	c := newClient(t, nil)
	c.define(minimal[:len(minimal)-1] + `,"profile_uuid":"x","configuration_web_url":"http://a.example","anchor_certs":["AAAA","-"]}`)
	diff(t, "violations", c.srv.Violations(), []string{
		"POST /profile: profile_uuid is sent in a definition",
		"POST /profile: configuration_web_url is not https",
		"POST /profile: anchor_certs has an entry that is not base64",
	})
}

func TestDefineWithDevices(t *testing.T) {
	c := newClient(t, nil)
	c.srv.AddSerials("A", "B", "C")
	c.srv.SetOutcome("B", deptest.Failed)
	c.srv.Throttle("C", time.Hour)
	a := c.want("POST", "/profile", minimal[:len(minimal)-1]+`,"devices":["A","B","C","X"]}`, 200, "")
	if !strings.HasSuffix(a.body, `,"devices":{"A":"SUCCESS","B":"FAILED","C":"FAILED","X":"NOT_ACCESSIBLE"}}`) {
		t.Errorf("answer %v", a)
	}
	if d, _ := c.srv.Device("A"); d.ProfileStatus != deptest.StatusAssigned || !strings.Contains(a.body, d.ProfileUUID) {
		t.Errorf("device %+v", d)
	}
	c.want("POST", "/profile", minimal[:len(minimal)-1]+`,"devices":[`+strings.Repeat(`"A",`, 1000)+`"A"]}`, 400, "MALFORMED_REQUEST_BODY")
}

func TestAssignAndClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, nil)
		c.srv.AddSerials("A", "B")
		_, cursor := c.fetch(10)
		uuid := c.define(minimal)
		for _, method := range []string{"PUT", "POST"} {
			c.want(method, "/profile/devices", `{"profile_uuid":"`+uuid+`","devices":["B","A","X","A"]}`, 200,
				`{"profile_uuid":"`+uuid+`","devices":{"A":"SUCCESS","B":"SUCCESS","X":"NOT_ACCESSIBLE"}}`)
		}
		time.Sleep(time.Minute)
		c.srv.AddSerials("C")
		c.srv.PushProfile("A", "C", "X")
		d := c.page("/server/devices", `{}`).Devices[0]
		if d["profile_status"] != "pushed" || d["profile_uuid"] != uuid || d["profile_assign_time"] != "2000-01-01T00:00:00Z" ||
			d["profile_push_time"] != "2000-01-01T00:01:00Z" {
			t.Errorf("device %v", d)
		}
		if d, _ := c.srv.Device("C"); d.ProfileStatus != deptest.StatusEmpty {
			t.Errorf("a device without a profile has fetched one: %+v", d)
		}
		c.want("DELETE", "/profile/devices", `{"devices":["A","X"]}`, 200, `{"devices":{"A":"SUCCESS","X":"NOT_ACCESSIBLE"}}`)
		c.want("DELETE", "/profile/devices", `{"devices":["A"],"profile_uuid":"`+uuid+`"}`, 200, `{"devices":{"A":"SUCCESS"}}`)
		if d, _ := c.srv.Device("A"); d.ProfileStatus != deptest.StatusRemoved || d.ProfileUUID != "" || !d.ProfilePushTime.IsZero() {
			t.Errorf("device %+v", d)
		}
		records, _ := c.sync(cursor)
		diff(t, "sync", records, []string{"B:modified", "A:modified", "B:modified", "A:modified", "C:added", "A:modified", "A:modified"})
		c.wantNoViolations()
	})
}

func TestAssignRefusals(t *testing.T) {
	c := newClient(t, nil)
	uuid := c.define(minimal)
	many := strings.Repeat(`"A",`, 1000) + `"A"`
	for _, tc := range []struct {
		method, body string
		status       int
		want         string
	}{
		{"PUT", `{"devices":["A"]}`, 400, "PROFILE_UUID_REQUIRED"},
		{"PUT", `{"profile_uuid":"` + uuid + `"}`, 400, "DEVICE_ID_REQUIRED"},
		{"PUT", `{"profile_uuid":"` + uuid + `","devices":[]}`, 400, "DEVICE_ID_REQUIRED"},
		{"PUT", `{"profile_uuid":"unknown","devices":["A"]}`, 404, "PROFILE_NOT_FOUND"},
		{"PUT", `{"profile_uuid":"` + uuid + `","devices":"A"}`, 400, "MALFORMED_REQUEST_BODY"},
		{"PUT", `{"profile_uuid":"` + uuid + `","serials":["A"]}`, 400, "MALFORMED_REQUEST_BODY"},
		{"PUT", `{"profile_uuid":"` + uuid + `","devices":[` + many + `]}`, 400, "MALFORMED_REQUEST_BODY"},
		{"DELETE", ``, 400, "MALFORMED_REQUEST_BODY"},
		{"DELETE", `{}`, 400, "DEVICE_ID_REQUIRED"},
		{"DELETE", `{"devices":[` + many + `]}`, 400, "MALFORMED_REQUEST_BODY"},
	} {
		c.want(tc.method, "/profile/devices", tc.body, tc.status, tc.want)
	}
	free := newClient(t, &deptest.Options{MaxSerials: -1})
	free.want("DELETE", "/profile/devices", `{"devices":[`+many+`]}`, 200, "")
	free.wantViolation("1001 devices in one request, more than 1000")
}

func TestThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, nil)
		c.srv.AddSerials("A", "B", "C")
		uuid := c.srv.AddProfile("p", "https://a.example/")
		c.srv.Throttle("B", 90*time.Minute)
		c.srv.Throttle("C", time.Minute)
		assign := func(version int, want string) {
			t.Helper()
			c.header.Set("X-Server-Protocol-Version", fmt.Sprint(version))
			c.want("PUT", "/profile/devices", `{"profile_uuid":"`+uuid+`","devices":["A","B","C"]}`, 200, `{"profile_uuid":"`+uuid+`",`+want+`}`)
		}
		assign(8, `"devices":{"A":"SUCCESS","B":"FAILED","C":"FAILED"}`)
		assign(9, `"devices":{"A":"SUCCESS","B":"THROTTLED","C":"THROTTLED"}`)
		assign(10, `"devices":{"A":"SUCCESS","B":"THROTTLED","C":"THROTTLED"},"retry_after_seconds":5400`)
		time.Sleep(time.Minute + time.Millisecond)
		assign(10, `"devices":{"A":"SUCCESS","B":"THROTTLED","C":"SUCCESS"},"retry_after_seconds":5340`)
		time.Sleep(90 * time.Minute)
		assign(10, `"devices":{"A":"SUCCESS","B":"SUCCESS","C":"SUCCESS"}`)
	})
}

func TestThrottledDevicesVanish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, &deptest.Options{HideThrottled: true})
		c.srv.AddSerials("A", "B")
		_, cursor := c.fetch(10)
		c.srv.Throttle("A", time.Hour)
		for _, serial := range []string{"A", "B"} {
			c.srv.ModifyDevice(serial, func(d *deptest.Device) { d.Color = "RED" })
		}
		records, cursor := c.sync(cursor)
		diff(t, "while throttled", records, []string{"B:modified"})
		time.Sleep(time.Hour)
		c.srv.RemoveDevices("A")
		records, _ = c.sync(cursor)
		diff(t, "afterwards", records, []string{"A:deleted"})
	})
}

func TestScriptedOutcomes(t *testing.T) {
	c := newClient(t, nil)
	c.srv.AddSerials("A", "B", "C")
	uuid := c.srv.AddProfile("p", "https://a.example/")
	c.srv.SetOutcome("A", "BRAND_NEW")
	c.srv.DropFromAnswer("B")
	c.want("PUT", "/profile/devices", `{"profile_uuid":"`+uuid+`","devices":["A","B","C"]}`, 200,
		`{"profile_uuid":"`+uuid+`","devices":{"A":"BRAND_NEW","C":"SUCCESS"}}`)
	if d, _ := c.srv.Device("A"); d.ProfileUUID != "" {
		t.Error("A was assigned")
	}
	if d, _ := c.srv.Device("B"); d.ProfileUUID != uuid {
		t.Error("B was not assigned")
	}
	c.srv.SetOutcome("A", "")
	c.srv.DropFromAnswer()
	c.want("DELETE", "/profile/devices", `{"devices":["A","B"]}`, 200, `{"devices":{"A":"SUCCESS","B":"SUCCESS"}}`)
}
