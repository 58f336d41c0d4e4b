package axmtest_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/applemdm/applemdm/axm/axmtest"
)

// What comes before any endpoint.
func TestAdmission(t *testing.T) {
	c := start(t, nil)
	c.org.AddSerials("A")
	c.header.Set("Authorization", "Bearer "+c.org.Account().AccessToken())
	for name, tt := range map[string]struct {
		method, path, body string
		header             http.Header
		want, why          string
	}{
		"path":                {"GET", "devices", "", nil, "404 NOT_FOUND", "unknown path"},
		"deep path":           {"GET", "orgDevices/A/relationships/appleCareCoverage", "", nil, "404 NOT_FOUND", "unknown path"},
		"empty id":            {"GET", "orgDevices/", "", nil, "404 NOT_FOUND", "unknown path"},
		"method":              {"POST", "orgDevices", "{}", nil, "403 FORBIDDEN_ERROR", "method is not"},
		"method of one":       {"DELETE", "orgDevices/A", "", nil, "403 FORBIDDEN_ERROR", "method is not"},
		"list of activities":  {"GET", "orgDeviceActivities", "", nil, "403 FORBIDDEN_ERROR", "method is not"},
		"PUT":                 {"PUT", "mdmServers", "{}", nil, "403 FORBIDDEN_ERROR", "method is not"},
		"UPDATE":              {"PATCH", "users/u", "{}", nil, "403 FORBIDDEN_ERROR", "method is not"},
		"related devices":     {"GET", "mdmServers/x/devices", "", nil, "403 FORBIDDEN_ERROR", "method is not"},
		"body of no JSON":     {"POST", "orgDeviceActivities", "{}", http.Header{"Content-Type": {"text/plain"}}, "400 ENTITY_INVALID", "Content-Type is"},
		"limit 0":             {"GET", "orgDevices?limit=0", "", nil, "400 PARAMETER_ERROR.INVALID limit", ""},
		"limit 1001":          {"GET", "orgDevices?limit=1001", "", nil, "400 PARAMETER_ERROR.INVALID limit", ""},
		"limit no number":     {"GET", "orgDevices?limit=many", "", nil, "400 PARAMETER_ERROR.INVALID limit", ""},
		"limit of one":        {"GET", "orgDevices/A?limit=1", "", nil, "400 PARAMETER_ERROR.ILLEGAL limit", ""},
		"sort":                {"GET", "orgDevices?sort=serialNumber", "", nil, "400 PARAMETER_ERROR.ILLEGAL sort", ""},
		"include":             {"GET", "orgDevices?include=assignedServer", "", nil, "400 PARAMETER_ERROR.ILLEGAL include", ""},
		"twice":               {"GET", "orgDevices?limit=1&limit=1", "", nil, "400 PARAMETER_ERROR.INVALID limit", ""},
		"field":               {"GET", "orgDevices?fields[orgDevices]=serial", "", nil, "400 PARAMETER_ERROR.INVALID fields[orgDevices]", ""},
		"field of migrations": {"GET", "orgDevices?fields[orgDevices]=mdmMigrationStatus", "", nil, "400 PARAMETER_ERROR.INVALID fields[orgDevices]", ""},
		"fields of others":    {"GET", "orgDevices?fields[mdmServers]=serverName", "", nil, "400 PARAMETER_ERROR.ILLEGAL fields[mdmServers]", ""},
		"fields of none":      {"GET", "mdmServers/x/relationships/devices?fields[]=a", "", nil, "400 PARAMETER_ERROR.ILLEGAL fields[]", ""},
		"query":               {"GET", "orgDevices?limit=%zz", "", nil, "400 PARAMETER_ERROR.INVALID", ""},
		"cursor":              {"GET", "orgDevices?cursor=abc", "", nil, "400 PARAMETER_ERROR.INVALID cursor", ""},
		"cursor no base64":    {"GET", "orgDevices?cursor=!", "", nil, "400 PARAMETER_ERROR.INVALID cursor", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := clientOf(t, c.srv, c.org)
			for name, values := range tt.header {
				c.header[name] = values
			}
			c.wantError(tt.method, tt.path, tt.body, tt.want)
			if tt.why == "" {
				c.wantNoViolations()
			} else {
				c.wantViolation(tt.why)
			}
		})
	}
	for _, accept := range []string{"", "*/*", "application/vnd.api+json", "application/json, text/html"} {
		a := c.send("GET", "/v1/orgDevices", "", http.Header{"Accept": {accept}})
		if a.status != 406 || a.body != "" {
			t.Errorf("Accept %q: %v", accept, a)
		}
		c.wantViolation("Accept is")
	}
	c.send("GET", "/v1/orgDevices", "{}", nil)
	c.wantViolation("GET with a body")
	if a := c.send("POST", "/v1/orgDeviceActivities", activityText("UNASSIGN_DEVICES", "", "", "A"), http.Header{"Content-Type": {"application/json;charset=UTF8"}}); a.status != 201 {
		t.Error(a)
	}
	c.wantNoViolations()
}

func TestOperations(t *testing.T) {
	c := start(t, nil)
	for request, want := range map[string]string{
		"GET mdmServers/x/devices":         "The relationship 'devices' (related) does not allow 'GET_RELATED'. Allowed operations: none.",
		"GET orgDeviceActivities":          "The resource 'orgDeviceActivities' (collection) does not allow 'GET_COLLECTION'. Allowed operations: CREATE.",
		"DELETE orgDeviceActivities/x":     "The resource 'orgDeviceActivities' does not allow 'DELETE'. Allowed operations: GET_INSTANCE.",
		"PATCH users/x":                    "The resource 'users' does not allow 'UPDATE'. Allowed operations: GET_INSTANCE.",
		"POST orgDevices/x/assignedServer": "The relationship 'assignedServer' (related) does not allow 'CREATE'. Allowed operations: GET_RELATED.",
	} {
		method, path, _ := strings.Cut(request, " ")
		if a := c.wantError(method, path, "", "403 FORBIDDEN_ERROR"); !strings.Contains(a.body, want) {
			t.Errorf("%s: %v", request, a)
		}
	}
}

// The School API is a part of the other; each has its host.
func TestPersonalities(t *testing.T) {
	c := start(t, nil)
	school := clientOf(t, c.srv, c.srv.AddOrg(axmtest.OrgOptions{Kind: axmtest.School}))
	for _, x := range []*client{c, school} {
		x.org.AddDevices(axmtest.Device{SerialNumber: "A", ServerID: x.org.AddServer(axmtest.MDMServer{ID: "S"})})
		for _, path := range []string{
			"orgDevices", "orgDevices/A", "orgDevices/A/appleCareCoverage", "orgDevices/A/activationLockStatus", "orgDevices/A/assignedServer",
			"orgDevices/A/relationships/assignedServer", "mdmServers", "mdmServers/S", "mdmServers/S/relationships/devices",
		} {
			x.want("GET", path, "", 200, "")
		}
	}
	for _, path := range []string{
		"users", "users/x", "userGroups", "userGroups/x", "userGroups/x/relationships/users", "organizationalUnits", "organizationalUnits/x",
		"organizationalUnits/x/relationships/users", "apps", "apps/x", "packages", "packages/x", "configurations", "configurations/x",
		"blueprints", "blueprints/x", "blueprints/x/relationships/apps", "auditEvents", "mdmDevices", "mdmDevices/x/details",
	} {
		school.wantError("GET", path, "", "403 FORBIDDEN_ERROR")
	}
	for request, body := range map[string]string{
		"POST mdmServers": serverText("", ""), "PATCH mdmServers/S": serverText("S", ""), "DELETE mdmServers/S": "",
		"POST configurations": "{}", "PATCH configurations/x": "{}", "DELETE configurations/x": "", "POST blueprints": "{}",
		"PATCH blueprints/x": "{}", "DELETE blueprints/x": "", "POST blueprints/x/relationships/apps": "{}", "DELETE blueprints/x/relationships/apps": "{}",
	} {
		method, path, _ := strings.Cut(request, " ")
		school.wantError(method, path, body, "403 FORBIDDEN_ERROR")
	}
	c.wantNoViolations()
	for host, x := range map[string]*client{"api-business.apple.com": c, "api-school.apple.com": school} {
		if a := x.send("GET", "http://"+host+"/v1/orgDevices", "", nil); a.status != 200 || !strings.Contains(a.body, `"self":"http://`+host+`/v1/orgDevices"`) {
			t.Errorf("%s: %v", host, a)
		}
	}
	c.wantNoViolations()
	for host, x := range map[string]*client{"api-business.apple.com": school, "api-school.apple.com": c} {
		if a := x.send("GET", "http://"+host+"/v1/orgDevices", "", nil); a.status != 401 {
			t.Errorf("%s: %v", host, a)
		}
		c.wantViolation("at the host of the other API")
	}
	if a := c.send("GET", "http://account.apple.com/v1/orgDevices", "", nil); a.status != 404 {
		t.Error(a)
	}
	c.wantViolation("not a path of host")
}

// What a role lacks answers 403, whatever else would.
func TestPermissions(t *testing.T) {
	c := start(t, nil)
	account := c.org.Account()
	c.org.AddSerials("A")
	for request, needed := range map[string]axmtest.Permission{
		"GET orgDevices":                       axmtest.ReadDevices,
		"GET orgDevices/A":                     axmtest.ReadDevices,
		"GET mdmServers":                       axmtest.ReadDevices,
		"GET orgDeviceActivities/x":            axmtest.AssignDevices,
		"POST orgDeviceActivities":             axmtest.AssignDevices,
		"POST mdmServers":                      axmtest.ManageServers,
		"PATCH mdmServers/x":                   axmtest.ManageServers,
		"DELETE mdmServers/x":                  axmtest.ManageServers,
		"GET users":                            axmtest.ReadPeople,
		"GET organizationalUnits/x":            axmtest.ReadPeople,
		"GET userGroups/x":                     axmtest.ReadPeople,
		"GET apps":                             axmtest.ReadApps,
		"GET packages":                         axmtest.ReadApps,
		"GET mdmDevices":                       axmtest.ReadMDMDevices,
		"GET configurations":                   axmtest.ReadConfigurations,
		"DELETE configurations/x":              axmtest.WriteConfigurations,
		"GET blueprints/x":                     axmtest.ReadBlueprints,
		"POST blueprints":                      axmtest.WriteBlueprints,
		"GET auditEvents":                      axmtest.ReadAuditEvents,
		"GET userGroups/x/relationships/users": axmtest.ReadPeople,
	} {
		method, path, _ := strings.Cut(request, " ")
		body := map[string]string{"POST": "{}", "PATCH": "{}"}[method]
		account.SetPermissions(needed)
		if a := c.send(method, "/v1/"+path, body, nil); a.status == 403 {
			t.Errorf("%s with %q: %v", request, needed, a)
		}
		account.SetPermissions()
		if a := c.wantError(method, path, body, "403 FORBIDDEN_ERROR"); !strings.Contains(a.body, string(needed)) {
			t.Errorf("%s: %v", request, a)
		}
	}
	account.SetPermissions(axmtest.AssignDevices)
	c.start(activityText("UNASSIGN_DEVICES", "", "", "A"))
	c.wantError("POST", "orgDeviceActivities", activityText("RELEASE_DEVICES", "", "", "A"), "403 FORBIDDEN_ERROR")
	account.SetPermissions(axmtest.AssignDevices, axmtest.ReleaseDevices)
	c.start(activityText("RELEASE_DEVICES", "", "", "A"))
}

func TestAccounts(t *testing.T) {
	c := start(t, nil)
	first := c.org.Account()
	reader, err := c.org.AddAccount(axmtest.AccountOptions{ClientID: "BUSINESSAPI.reader", KeyID: "k-1", Permissions: []axmtest.Permission{axmtest.ReadDevices}})
	if err != nil {
		t.Fatal(err)
	}
	if reader.ClientID() != "BUSINESSAPI.reader" || reader.Key().ID != "k-1" || len(c.org.Accounts()) != 2 {
		t.Errorf("%s %s", reader.ClientID(), reader.Key().ID)
	}
	if _, err := c.org.AddAccount(axmtest.AccountOptions{ClientID: "BUSINESSAPI.reader"}); err == nil {
		t.Error("the same client id twice")
	}
	for len(c.org.Accounts()) < 50 {
		if _, err := c.org.AddAccount(axmtest.AccountOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.org.AddAccount(axmtest.AccountOptions{}); err == nil || !strings.Contains(err.Error(), "at most 50") {
		t.Error(err)
	}

	// Keys come and go; an account keeps what it has got already.
	ask := func(a *axmtest.Account, sign *jwt) string {
		t.Helper()
		got := c.token(form(a, sign.sign(t)))
		return fmt.Sprint(got.status)
	}
	c.header.Set("Authorization", "Bearer "+reader.AccessToken())
	old := assertionOf(reader, time.Now())
	oldKey := reader.Key()
	newKey := reader.GenerateKey()
	if reader.Key().ID != newKey.ID || ask(reader, old) != "200" || ask(reader, assertionOf(reader, time.Now())) != "200" {
		t.Error("both keys should be good")
	}
	reader.RevokeKey(oldKey.ID)
	if ask(reader, old) != "400" || ask(reader, assertionOf(reader, time.Now())) != "200" {
		t.Error("the first key should not be good any more, the second should")
	}
	c.wantViolation("revoked")
	c.want("GET", "orgDevices", "", 200, "")
	c.wantError("GET", "users", "", "403 FORBIDDEN_ERROR")
	reader.Delete()
	if len(c.org.Accounts()) != 49 || c.org.Account() != first {
		t.Errorf("%d accounts", len(c.org.Accounts()))
	}
	c.want("GET", "orgDevices", "", 401, "")
	c.wantViolation("was deleted")
	if ask(reader, assertionOf(reader, time.Now())) != "400" {
		t.Error("a deleted account got a token")
	}
	c.wantViolation("the account was deleted")
	if ask(reader, assertionOf(first, time.Now())) != "400" {
		t.Error("an account used the key of another")
	}
}

// Every label and encoding holds the same key, and the key prints nowhere.
func TestKeys(t *testing.T) {
	c := start(t, nil)
	k := c.org.Account().Key()
	for _, label := range []string{axmtest.ECPrivateKey, axmtest.PrivateKey} {
		for _, e := range []axmtest.Encoding{axmtest.PKCS8, axmtest.SEC1} {
			block, _ := pem.Decode(k.PEMAs(label, e))
			if block == nil || block.Type != label {
				t.Fatalf("%v", block)
			}
			var got any
			var err error
			if e == axmtest.SEC1 {
				got, err = x509.ParseECPrivateKey(block.Bytes)
			} else {
				got, err = x509.ParsePKCS8PrivateKey(block.Bytes)
			}
			if err != nil || !k.Private().Equal(got.(*ecdsa.PrivateKey)) {
				t.Errorf("%s: %v", label, err)
			}
		}
	}
	if string(k.PEM()) != string(k.PEMAs("EC PRIVATE KEY", axmtest.PKCS8)) {
		t.Error("PEM is not what the portal hands out")
	}
	if got := fmt.Sprintf("%v %+v %s %#v", k, k, k, k); got != strings.TrimSpace(strings.Repeat("key "+k.ID+" ", 4)) {
		t.Error(got)
	}
	other, err := c.org.AddAccount(axmtest.AccountOptions{Key: k.Private()})
	if err != nil || !other.Key().Private().Equal(k.Private()) {
		t.Error("the given key is not taken")
	}
}
