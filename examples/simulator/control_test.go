package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/dep"
)

func TestControlRefuses(t *testing.T) {
	c := begin(t, settings{devices: 5})
	unenrolled := c.serving.world.org.AddRandomDevices(1)[0]
	ours := c.serving.world.dep.Devices()[0].SerialNumber
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"unknown path", "GET", "/api/nothing", "", 404, "not found"},
		{"wrong method", "PUT", "/api/devices", "", 405, "Method Not Allowed"},
		{"no body", "POST", "/api/devices", "", 400, "the body"},
		{"unknown member", "POST", "/api/devices", `{"cuont":1}`, 400, "cuont"},
		{"neither count nor serials", "POST", "/api/devices", `{}`, 400, "count"},
		{"both", "POST", "/api/devices", `{"count":1,"serialNumbers":["X"]}`, 400, "count"},
		{"too many", "POST", "/api/devices", `{"count":100001}`, 400, "100000"},
		{"there already", "POST", "/api/devices", `{"serialNumbers":["` + ours + `"]}`, 409, "there already"},
		{"empty serial", "POST", "/api/devices", `{"serialNumbers":[" "]}`, 409, "empty"},
		{"unknown server", "POST", "/api/devices", `{"count":1,"server":"Foo"}`, 404, "Foo"},
		{"enrolled elsewhere", "POST", "/api/devices", `{"count":1,"server":"","enrolled":true}`, 400, "enroll"},
		{"unknown device", "PATCH", "/api/devices/NOBODY", `{}`, 404, "NOBODY"},
		{"unknown device to remove", "DELETE", "/api/devices/NOBODY", "", 404, "NOBODY"},
		{"enroll a foreign one", "PATCH", "/api/devices/" + unenrolled, `{"enrolled":true}`, 409, "not assigned"},
		{"move to nowhere", "PATCH", "/api/devices/" + ours, `{"server":"Foo"}`, 404, "Foo"},
		{"limit", "GET", "/api/devices?limit=0", "", 400, "limit"},
		{"limit of requests", "GET", "/api/requests?limit=x", "", 400, "limit"},
		{"service", "GET", "/api/requests?service=foo", "", 404, "foo"},
		{"service to forget", "DELETE", "/api/requests?service=foo", "", 404, "foo"},
		{"service to heal", "DELETE", "/api/faults?service=foo", "", 404, "foo"},
		{"service of violations", "GET", "/api/violations?service=foo", "", 404, "foo"},
		{"fault without a service", "POST", "/api/faults", `{"kind":"Empty"}`, 404, "service"},
		{"unknown kind", "POST", "/api/faults", `{"service":"dep","kind":"Refuse"}`, 400, "BusySeconds"},
		{"unknown kind of apns", "POST", "/api/faults", `{"service":"apns","kind":"Busy"}`, 400, "GoAwayAfter"},
		{"bad pattern", "POST", "/api/faults", `{"service":"dep","kind":"Empty","path":"["}`, 400, "path"},
		{"bad duration", "POST", "/api/faults", `{"service":"dep","kind":"Late","delay":"soon"}`, 400, "soon"},
		{"negative duration", "POST", "/api/faults", `{"service":"dep","kind":"Late","delay":"-1s"}`, 400, "negative"},
		{"bad status", "POST", "/api/faults", `{"service":"dep","kind":"Answer","status":99}`, 400, "status"},
		{"bad count", "POST", "/api/faults", `{"service":"dep","kind":"Empty","count":-2}`, 400, "count"},
		{"serial for dep", "POST", "/api/faults", `{"service":"dep","kind":"Empty","serialNumber":"X"}`, 400, "path"},
		{"path for apns", "POST", "/api/faults", `{"service":"apns","kind":"Empty","path":"/x"}`, 400, "serialNumber"},
		{"device that has not enrolled", "POST", "/api/faults",
			`{"service":"apns","kind":"Empty","serialNumber":"` + unenrolled + `"}`, 400, "not enrolled"},
		{"code without Error", "POST", "/api/faults", `{"service":"vpp","kind":"Empty","code":"9646"}`, 400, "Error"},
		{"Error of axm", "POST", "/api/faults", `{"service":"axm","kind":"Error","code":"X"}`, 400, "status"},
		{"Error of dep", "POST", "/api/faults", `{"service":"dep","kind":"Error","status":403}`, 400, "code"},
		{"Error of vpp", "POST", "/api/faults", `{"service":"vpp","kind":"Error","code":"many"}`, 400, "number"},
		{"Error of apns", "POST", "/api/faults", `{"service":"apns","kind":"Error"}`, 400, "code"},
		{"happening", "POST", "/api/happenings", `{"service":"dep","name":"go-away"}`, 404, "go-away"},
		{"happening without a service", "POST", "/api/happenings", `{"name":"go-away"}`, 404, "service"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, text := c.send(tc.method, tc.path, tc.body)
			if status != tc.status || !strings.Contains(text, tc.want) {
				t.Errorf("%d %s, want %d with %q", status, text, tc.status, tc.want)
			}
		})
	}
	if n := c.figure("axm", "devices"); n != 6 {
		t.Errorf("%d devices after what was refused", n)
	}
}

// choices is what GET /api/choices answers.
type choices struct{ Services []serviceChoices }

// TestEveryFault injects a fault of every kind that is offered, and forgets them.
func TestEveryFault(t *testing.T) {
	c := begin(t, settings{devices: 5})
	for _, service := range ask[choices](c, "GET", "/api/choices", "").Services {
		if len(service.Kinds) < 20 {
			t.Errorf("%s has %d kinds", service.Name, len(service.Kinds))
		}
		for _, kind := range service.Kinds {
			code := ""
			if kind == errorKind {
				code = `,"status":429,"code":"9646"`
			}
			c.must("POST", "/api/faults", `{"service":"`+service.Name+`","kind":"`+kind+`"`+code+`}`)
		}
	}
	state := func() (pending int) {
		for _, s := range ask[struct{ Services []serviceState }](c, "GET", "/api/state", "").Services {
			pending += s.Faults
		}
		return pending
	}
	if n := state(); n < 80 {
		t.Errorf("%d faults to come", n)
	}
	c.must("DELETE", "/api/faults", "")
	if n := state(); n != 0 {
		t.Errorf("%d faults to come after they were forgotten", n)
	}
}

// TestFaults shows what a client meets, and what is told of it.
func TestFaults(t *testing.T) {
	c := begin(t, settings{devices: 5})
	for _, tc := range []struct {
		name, fault, path, body string
		status                  int
	}{
		{"dep", `{"service":"dep","kind":"Error","status":403,"code":"T_C_NOT_SIGNED","count":2}`, "/session", "T_C_NOT_SIGNED", 403},
		{"dep again", `{"service":"dep","kind":"Busy","path":"/never"}`, "/session", "T_C_NOT_SIGNED", 403},
		{"dep in turn", `{"service":"dep","kind":"Answer","path":"/acc*","method":"GET","body":"hi","header":{"X-A":"b"}}`, "/account", "hi", 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.must("POST", "/api/faults", tc.fault)
			request, err := http.NewRequestWithContext(t.Context(), "GET", c.serving.world.depURL+tc.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if status, text := c.do(request); status != tc.status || strings.Trim(text, `"`) != tc.body {
				t.Errorf("%d %s, want %d %s", status, text, tc.status, tc.body)
			}
		})
	}
	serial := c.serving.world.dep.Devices()[0].SerialNumber
	c.must("POST", "/api/faults", `{"service":"apns","kind":"Error","status":429,"code":"TooManyRequests","serialNumber":"`+serial+`","count":-1}`)
	for got, err := range c.push() {
		if (got == serial) != (err != nil) {
			t.Errorf("%s: %v", got, err)
		}
	}
	if _, text := c.send("GET", "/api/requests?service=apns", ""); !strings.Contains(text, "fault Answer") {
		t.Errorf("the requests do not tell: %s", text)
	}
}

// TestEveryHappening makes everything happen, and then gets well again.
func TestEveryHappening(t *testing.T) {
	c := begin(t, settings{devices: 5})
	happen := func(service, name string) {
		t.Helper()
		c.must("POST", "/api/happenings", `{"service":"`+service+`","name":"`+name+`"}`)
	}
	before := map[string]string{}
	files := []string{serverP7M, serverJSON, contentFile, axmKeyFile, manifestFile, pushCertFile, pushKeyFile}
	for _, name := range files {
		before[name] = c.file(name)
	}
	for _, service := range ask[choices](c, "GET", "/api/choices", "").Services {
		for _, h := range service.Happenings {
			if h.Means == "" {
				t.Errorf("%s: what does %s mean?", service.Name, h.Name)
			}
			happen(service.Name, h.Name)
		}
	}
	for _, name := range files {
		if c.file(name) == before[name] {
			t.Errorf("%s is as before", name)
		}
	}
	if n := len(c.listed(c.depClient())); n != 4 {
		t.Errorf("the new server token lists %d devices", n)
	}
	for serial, err := range c.push() {
		if err != nil {
			t.Errorf("the new push certificate: %s: %v", serial, err)
		}
	}
	happen("dep", "change-terms")
	client := c.depClient()
	for _, err := range client.Devices(t.Context()) {
		if err == nil || !strings.Contains(err.Error(), dep.ErrTermsNotSigned.Error()) {
			t.Errorf("new terms: %v", err)
		}
	}
}
