package axmtest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/axm/axmtest"
)

// The whole text of a device, as the sheet has it.
func TestDeviceText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &axmtest.Options{ExternalURL: "https://api-business.apple.com/"})
		server := c.org.AddServer(axmtest.MDMServer{ID: "0123456789ABCDEF0123456789ABCDEF", Name: "Lab MDM"})
		day := func(d int) time.Time { return time.Date(2026, 2, d, 10, 0, 0, 0, time.UTC) }
		c.org.AddDevices(axmtest.Device{
			SerialNumber: "ZZ9PLURALA1", DeviceModel: "iPad (10th generation)", ProductFamily: "iPad", ProductType: "iPad13,18",
			DeviceCapacity: "64GB", PartNumber: "MPQ03ZZ/A", OrderNumber: "4400001", Color: "SILVER", Added: day(3), Ordered: day(1),
			Updated: day(4), IMEI: []string{"350000000000001"}, WiFiMAC: "AABBCCDDEEFF", BluetoothMAC: "AABBCCDDEE00",
			PurchaseSourceID: "1A2B3C", ServerID: server, MigrationCapable: true, MigrationStatus: "REQUESTED", MigrationDeadline: day(28),
		})
		const base = "https://api-business.apple.com/v1/orgDevices/ZZ9PLURALA1"
		c.want("GET", "orgDevices/ZZ9PLURALA1", "", 200, `{"data":{"type":"orgDevices","id":"ZZ9PLURALA1",`+
			`"attributes":{"serialNumber":"ZZ9PLURALA1","addedToOrgDateTime":"2026-02-03T10:00:00.000Z","releasedFromOrgDateTime":null,`+
			`"updatedDateTime":"2026-02-04T10:00:00.000Z","deviceModel":"iPad (10th generation)","productFamily":"iPad","productType":"iPad13,18",`+
			`"deviceCapacity":"64GB","partNumber":"MPQ03ZZ/A","orderNumber":"4400001","orderDateTime":"2026-02-01T10:00:00Z","color":"SILVER",`+
			`"status":"ASSIGNED","imei":["350000000000001"],"meid":[],"eid":"","wifiMacAddress":"AABBCCDDEEFF","bluetoothMacAddress":"AABBCCDDEE00",`+
			`"ethernetMacAddress":[],"purchaseSourceType":"RESELLER","purchaseSourceId":"1A2B3C",`+
			`"isMdmMigrationCapable":true,"mdmMigrationStatus":"REQUESTED","mdmMigrationDeadlineDateTime":"2026-02-28T10:00:00Z"},`+
			`"relationships":{"assignedServer":{"links":{"self":"`+base+`/relationships/assignedServer","related":"`+base+`/assignedServer"}},`+
			`"appleCareCoverage":{"links":{"related":"`+base+`/appleCareCoverage"}},`+
			`"activationLockStatus":{"links":{"related":"`+base+`/activationLockStatus"}}},`+
			`"links":{"self":"`+base+`"}},"links":{"self":"`+base+`"}}`)
		c.want("GET", "orgDevices/ZZ9PLURALA1/relationships/assignedServer", "", 200,
			`{"data":{"type":"mdmServers","id":"0123456789ABCDEF0123456789ABCDEF"},"links":{"self":"`+base+`/relationships/assignedServer"}}`)
		c.want("GET", "orgDevices/ZZ9PLURALA1?fields%5BorgDevices%5D=status,assignedServer", "", 200,
			`{"data":{"type":"orgDevices","id":"ZZ9PLURALA1","attributes":{"status":"ASSIGNED"},`+
				`"relationships":{"assignedServer":{"links":{"self":"`+base+`/relationships/assignedServer","related":"`+base+`/assignedServer"}}},`+
				`"links":{"self":"`+base+`"}},"links":{"self":"`+base+`?fields%5BorgDevices%5D=status,assignedServer"}}`)
		a := c.get("orgDevices/ZZ9PLURALA1")
		if a.header.Get("Content-Type") != "application/json" || len(a.header.Get("X-Apple-Request-Uuid")) != 36 || a.header.Get("X-Apple-Jingle-Correlation-Key") == "" {
			t.Errorf("header %v", a.header)
		}
		c.wantNoViolations()
		c.srv.Close()
	})
}

// Extra attributes take any form, that of other versions of the API for one.
func TestExtra(t *testing.T) {
	c := start(t, nil)
	c.org.AddDevices(axmtest.Device{SerialNumber: "A", IMEI: []string{"1"}, Extra: map[string]any{
		"imei": "1", "eid": nil, "purchaseSourceUid": "x", "purchaseSourceId": axmtest.Absent, "newThing": map[string]int{"a": 1},
		"color": []string{"RED"},
	}})
	if got := c.one("orgDevices/A").attributes("imei", "eid", "purchaseSourceUid", "purchaseSourceId", "newThing", "color"); got != `"1" null "x" absent {"a":1} ["RED"]` {
		t.Error(got)
	}
}

func TestDeviceList(t *testing.T) {
	c := start(t, nil)
	serials := c.org.AddRandomDevices(250)
	l := c.list("orgDevices")
	if len(l.Data) != 100 || l.Meta.Paging.Total != 250 || l.Meta.Paging.Limit != 100 || l.Links.First != c.srv.URL+"/v1/orgDevices?limit=100" {
		t.Errorf("%d devices, %+v %+v", len(l.Data), l.Meta, l.Links)
	}
	got := c.all("orgDevices?limit=70&fields[orgDevices]=serialNumber")
	if got != strings.Join(serials, " ") {
		t.Errorf("listed %s", got)
	}
	families := make(map[string]int)
	for _, d := range c.list("orgDevices?limit=1000").Data {
		families[d.Attributes["productFamily"].(string)]++
		if d.Attributes["status"] != "UNASSIGNED" {
			t.Errorf("%+v", d)
		}
	}
	if len(families) != 4 {
		t.Errorf("families %v", families)
	}
	c.wantNoViolations()
}

// all reads all pages by their links and returns the ids.
func (c *client) all(path string) string {
	c.t.Helper()
	var out []string
	for next := c.srv.URL + "/v1/" + path; next != ""; {
		a := c.send("GET", next, "", nil)
		if a.status != 200 {
			c.t.Fatal(a)
		}
		l := decode[list](c.t, a)
		for _, d := range l.Data {
			out = append(out, d.ID)
		}
		next = l.Links.Next
	}
	return strings.Join(out, " ")
}

// A list that changes between two pages neither repeats nor leaves out what was there all the time.
func TestListChanges(t *testing.T) {
	c := start(t, nil)
	c.org.AddSerials("A", "B", "C", "D", "E")
	first := c.list("orgDevices?limit=2")
	c.org.ReleaseDevices("A", "D", "unknown", "A")
	c.org.AddSerials("F", "B")
	if got := first.ids() + " " + c.all("orgDevices?limit=2&cursor="+first.Meta.Paging.NextCursor); got != "A B C E F" {
		t.Error(got)
	}
	if got := c.one("orgDevices/A"); got.Attributes["releasedFromOrgDateTime"] == nil || got.Attributes["status"] != "UNASSIGNED" {
		t.Errorf("%+v", got)
	}
	var left []string
	for _, d := range c.org.Devices() {
		left = append(left, d.SerialNumber)
	}
	if fmt.Sprint(left) != "[B C E F]" {
		t.Error(left)
	}
	c.wantError("GET", "orgDevices/A/relationships/assignedServer", "", "404 NOT_FOUND")
	c.wantError("GET", "orgDevices/A/appleCareCoverage", "", "404 NOT_FOUND")
	c.wantError("GET", "orgDevices/A/activationLockStatus", "", "404 NOT_FOUND")
	c.wantError("GET", "orgDevices/unknown", "", "404 NOT_FOUND")
	c.wantError("GET", "mdmServers/unknown", "", "404 NOT_FOUND")
	c.wantError("GET", "mdmServers/unknown/relationships/devices", "", "404 NOT_FOUND")
}

func TestCoverage(t *testing.T) {
	c := start(t, nil)
	from := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	c.org.AddDevices(axmtest.Device{SerialNumber: "A", Coverage: []axmtest.Coverage{
		{Start: from, End: from.AddDate(1, 0, 0)},
		{ID: "H2200001", PaymentType: "PAID_UP_FRONT", Description: "AppleCare+", AgreementNumber: "70000001", Start: from, Renewable: true},
	}})
	c.org.AddSerials("B")
	l := c.list("orgDevices/A/appleCareCoverage")
	if len(l.Data) != 2 || l.Data[1].ID != "H2200001" || l.Data[0].ID == "" || l.Data[0].Type != "appleCareCoverage" {
		t.Fatalf("%+v", l)
	}
	names := []string{"status", "paymentType", "description", "agreementNumber", "startDateTime", "endDateTime", "isRenewable", "isCanceled", "contractCancelDateTime"}
	if got := l.Data[0].attributes(names...); got != `"ACTIVE" "NONE" "Limited Warranty" null "2026-02-01T00:00:00Z" "2027-02-01T00:00:00Z" false false null` {
		t.Error(got)
	}
	if got := l.Data[1].attributes(names...); got != `"ACTIVE" "PAID_UP_FRONT" "AppleCare+" "70000001" "2026-02-01T00:00:00Z" null true false null` {
		t.Error(got)
	}
	if got := c.all("orgDevices/A/appleCareCoverage?limit=1&fields[appleCareCoverage]=status"); !strings.HasSuffix(got, " H2200001") {
		t.Error(got)
	}
	if l := c.list("orgDevices/B/appleCareCoverage"); len(l.Data) != 0 {
		t.Errorf("%+v", l)
	}
	c.srv.UpdateOptions(func(o *axmtest.Options) { o.NoCoverage404 = true })
	c.wantError("GET", "orgDevices/B/appleCareCoverage", "", "404 NOT_FOUND")
}

func TestActivationLock(t *testing.T) {
	c := start(t, nil)
	for lock, want := range map[string]string{"": `false "NONE"`, "MDM": `true "MDM"`, "USER": `true "USER"`} {
		c.org.AddDevices(axmtest.Device{SerialNumber: "A", ActivationLock: lock})
		if got := c.one("orgDevices/A/activationLockStatus").attributes("isLocked", "lockType"); got != want {
			t.Errorf("%q: %s", lock, got)
		}
	}
	if got := c.one("orgDevices/A/activationLockStatus?fields[activationLockStatus]=lockType").attributes("isLocked"); got != "absent" {
		t.Error(got)
	}
	c.org.ModifyDevice("A", func(d *axmtest.Device) { d.ActivationLock = "PENDING" })
	c.wantError("GET", "orgDevices/A/activationLockStatus", "", "500 UNEXPECTED_ERROR")
}

// The four forms of "no server".
func TestUnassigned(t *testing.T) {
	c := start(t, nil)
	c.org.AddSerials("A")
	for form, want := range map[axmtest.UnassignedAnswer]string{
		axmtest.UnassignedNull:    `{"data":null,`,
		axmtest.UnassignedNullID:  `{"data":{"type":"mdmServers","id":null},`,
		axmtest.UnassignedEmptyID: `{"data":{"type":"mdmServers","id":""},`,
	} {
		c.srv.UpdateOptions(func(o *axmtest.Options) { o.Unassigned = form })
		for _, path := range []string{"orgDevices/A/assignedServer", "orgDevices/A/relationships/assignedServer"} {
			if a := c.want("GET", path, "", 200, ""); !strings.HasPrefix(a.body, want) {
				t.Errorf("%s: %v", path, a)
			}
		}
	}
	c.srv.UpdateOptions(func(o *axmtest.Options) { o.Unassigned = axmtest.UnassignedNotFound })
	c.wantError("GET", "orgDevices/A/assignedServer", "", "404 NOT_FOUND")
}

// What somebody in the portal does is seen later.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &axmtest.Options{Lag: 15 * time.Second})
		a, b := c.org.AddServer(axmtest.MDMServer{Name: "A"}), c.org.AddServer(axmtest.MDMServer{Name: "B"})
		c.org.AddDevices(axmtest.Device{SerialNumber: "D", ServerID: a})
		seen := func() string {
			link := decode[struct{ Data item }](t, c.get("orgDevices/D/relationships/assignedServer")).Data.ID
			related := c.one("orgDevices/D/assignedServer")
			if related.ID != link || related.Attributes["deviceCount"] != 1.0 {
				t.Errorf("linkage %s, related %+v", link, related)
			}
			if got := c.list("mdmServers/" + link + "/relationships/devices"); got.ids() != "D" || got.Data[0].Type != "orgDevices" {
				t.Errorf("%s has %s", link, got.ids())
			}
			if got := c.one("orgDevices/D"); got.Attributes["status"] != "ASSIGNED" {
				t.Errorf("%+v", got)
			}
			return link
		}
		if seen() != a {
			t.Error("not assigned from the beginning")
		}
		c.org.AssignDevices(b, "D", "unknown")
		if d, _ := c.org.Device("D"); d.ServerID != b {
			t.Errorf("in truth %+v", d)
		}
		time.Sleep(14 * time.Second)
		if seen() != a {
			t.Error("seen too early")
		}
		time.Sleep(time.Second)
		if seen() != b {
			t.Error("not seen")
		}
		c.org.ModifyDevice("D", func(d *axmtest.Device) { d.ServerID = a })
		if seen() != a {
			t.Error("ModifyDevice is not seen at once")
		}
		if c.org.ModifyDevice("unknown", func(*axmtest.Device) { t.Error("called") }) {
			t.Error("unknown device")
		}
		if _, ok := c.org.Device("unknown"); ok {
			t.Error("unknown device")
		}
		c.srv.Close()
	})
}
