package deptest_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep/deptest"
)

func diff(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestFetchThenSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, nil)
		c.srv.AddSerials("A", "B", "C", "D", "E")
		time.Sleep(time.Hour)
		if p := c.page("/server/devices", `{"limit":2}`); p.FetchedUntil != "2000-01-01T00:00:00Z" {
			t.Errorf("the first page is fetched until %s", p.FetchedUntil)
		}
		serials, cursor := c.fetch(2)
		diff(t, "fetch", serials, []string{"A", "B", "C", "D", "E"})

		c.want("POST", "/server/devices", `{"cursor":"`+cursor+`"}`, 400, "EXHAUSTED_CURSOR")
		records, cursor := c.sync(cursor)
		diff(t, "sync without changes", records, []string(nil))

		time.Sleep(time.Second)
		c.srv.AddSerials("F")
		c.srv.ModifyDevice("A", func(d *deptest.Device) { d.AssetTag = "rack"; d.SerialNumber = "not to be changed" })
		c.srv.RemoveDevices("B", "unknown")
		records, next := c.sync(cursor)
		diff(t, "sync", records, []string{"F:added", "A:modified", "B:deleted"})
		if next == cursor {
			t.Error("the cursor did not change")
		}
		again, _ := c.sync(cursor)
		diff(t, "the same sync again", again, records)
		c.srv.AddSerials("B")
		records, _ = c.sync(next)
		diff(t, "deleted and added again", records, []string{"B:added"})
		serials, _ = c.fetch(1000)
		diff(t, "the second fetch", serials, []string{"A", "C", "D", "E", "F", "B"})
		c.wantNoViolations()
	})
}

// A fetch over a changing list neither loses nor repeats a device that was there all along, and
// the sync after it tells what changed meanwhile.
func TestFetchWhileChanging(t *testing.T) {
	c := newClient(t, nil)
	c.srv.AddSerials("A", "B", "C", "D", "E", "F", "G")
	first := c.page("/server/devices", `{"limit":2}`)
	c.srv.RemoveDevices("A", "C", "G")
	c.srv.ModifyDevice("B", func(*deptest.Device) {})
	c.srv.AddSerials("H", "A")
	rest := c.page("/server/devices", `{"limit":100,"cursor":"`+first.Cursor+`"}`)
	diff(t, "fetched", append(first.serials(), rest.serials()...), []string{"A", "B", "D", "E", "F"})
	if rest.More {
		t.Error("more_to_follow although everything was told")
	}
	records, _ := c.sync(rest.Cursor)
	diff(t, "sync", records, []string{"A:deleted", "C:deleted", "G:deleted", "B:modified", "H:added", "A:added"})
}

// Removed devices at the end of the list do not cost an empty page.
func TestNoEmptyLastPage(t *testing.T) {
	c := newClient(t, nil)
	c.srv.AddSerials("A", "B", "C")
	c.srv.RemoveDevices("C")
	if p := c.page("/server/devices", `{"limit":2}`); p.More {
		t.Error("more_to_follow before nothing")
	}
}

func TestEmptyFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, nil)
		a := c.want("POST", "/server/devices", `{}`, 200, "")
		p := decode[page](t, a)
		if p.Cursor == "" || p.More || !strings.HasPrefix(a.body, `{"devices":[],"cursor":`) || p.FetchedUntil != "2000-01-01T00:00:00Z" {
			t.Errorf("answer %v", a)
		}
	})
}

func TestRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, &deptest.Options{Account: deptest.Account{AdminID: "me@example.org"}})
		c.srv.AddDevices(deptest.Device{
			SerialNumber: "DEMO1", Model: "iPad \"Pro\"", OS: "iPadOS", DeviceFamily: "iPad", AssetTag: "Ä7",
			IMEI: []string{"350000000000017", "350000000000025"}, EID: "8904", WiFiMACAddress: "02:00",
			MDMMigrationDeadline: time.Date(2026, 3, 9, 16, 49, 9, 5, time.FixedZone("", 3600)),
			DeviceAssignedDate:   time.Date(1999, 5, 1, 0, 0, 0, 0, time.UTC),
		})
		p := c.page("/server/devices", `{"limit":10}`)
		want := map[string]any{
			"serial_number": "DEMO1", "model": `iPad "Pro"`, "os": "iPadOS", "device_family": "iPad", "asset_tag": "Ä7",
			"imei": []any{"350000000000017", "350000000000025"}, "eid": "8904", "wifi_mac_address": "02:00",
			"mdm_migration_deadline": "2026-03-09T15:49:09Z", "device_assigned_date": "1999-05-01T00:00:00Z",
			"device_assigned_by": "me@example.org", "profile_status": "empty", "is_replacement_device": false,
		}
		diff(t, "fetch record", p.Devices, []map[string]any{want})

		c.srv.ModifyDevice("DEMO1", func(d *deptest.Device) { d.IMEI = nil; d.EID = ""; d.WiFiMACAddress = "" })
		time.Sleep(time.Hour)
		c.srv.RemoveDevices("DEMO1")
		s := c.page("/devices/sync", `{"cursor":"`+p.Cursor+`"}`)
		delete(want, "imei")
		delete(want, "eid")
		delete(want, "wifi_mac_address")
		want["op_type"], want["op_date"] = "modified", "2000-01-01T00:00:00Z"
		diff(t, "sync records", s.Devices, []map[string]any{want, {
			"serial_number": "DEMO1", "model": `iPad "Pro"`, "os": "iPadOS", "device_family": "iPad",
			"op_type": "deleted", "op_date": "2000-01-01T01:00:00Z",
		}})
	})
}

// Every field appears from the version on that brought it.
func TestVersions(t *testing.T) {
	since := map[string]int{
		"serial_number": 1, "os": 2, "device_family": 2, "mdm_migration_deadline": 8, "imei": 10, "meid": 10, "eid": 10,
		"wifi_mac_address": 10, "bluetooth_mac_address": 10, "ethernet_mac_address": 10, "is_replacement_device": 10,
	}
	c := newClient(t, nil)
	c.srv.AddDevices(deptest.Device{
		SerialNumber: "X", Model: "m", OS: "iPadOS", DeviceFamily: "iPad", IMEI: []string{"1"}, MEID: []string{"2"}, EID: "3",
		WiFiMACAddress: "4", BluetoothMACAddress: "5", EthernetMACAddress: "6", MDMMigrationDeadline: time.Now(),
	})
	for version := 1; version <= 10; version++ {
		c.header.Set("X-Server-Protocol-Version", fmt.Sprint(version))
		d := c.page("/server/devices", `{}`).Devices[0]
		for name, from := range since {
			if _, ok := d[name]; ok != (version >= from) {
				t.Errorf("version %d: %s present: %v", version, name, ok)
			}
		}
		if version >= 2 && (d["os"] == "iPadOS") != (version >= 7) {
			t.Errorf("version %d: os %v", version, d["os"])
		}
	}
	c.wantNoViolations()
}

func TestCursors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, nil)
		c.srv.AddSerials("A", "B")
		c.want("POST", "/devices/sync", `{}`, 400, "CURSOR_REQUIRED")
		c.want("POST", "/devices/sync", `{"cursor":""}`, 400, "CURSOR_REQUIRED")
		for _, path := range []string{"/server/devices", "/devices/sync"} {
			c.want("POST", path, `{"cursor":"bogus"}`, 400, "INVALID_CURSOR")
			c.want("POST", path, `{"cursor":"`+strings.Repeat("A", 1001)+`"}`, 400, "INVALID_CURSOR")
		}
		unfinished := c.page("/server/devices", `{"limit":1}`)
		c.want("POST", "/devices/sync", `{"cursor":"`+unfinished.Cursor+`"}`, 400, "INVALID_CURSOR")

		text, err := base64.RawStdEncoding.DecodeString(unfinished.Cursor)
		if err != nil || !regexp.MustCompile(`^0:0:\d+:\d+:true:\d+$`).Match(text) {
			t.Errorf("cursor %q", text)
		}

		_, cursor := c.fetch(2)
		time.Sleep(7 * 24 * time.Hour)
		_, fresh := c.sync(cursor) // exactly 7 days old is not older
		time.Sleep(time.Second)
		c.want("POST", "/devices/sync", `{"cursor":"`+cursor+`"}`, 400, "EXPIRED_CURSOR")
		c.want("POST", "/server/devices", `{"cursor":"`+unfinished.Cursor+`"}`, 400, "EXPIRED_CURSOR")
		for range 10 { // a sync each day keeps the cursor alive
			time.Sleep(24 * time.Hour)
			_, fresh = c.sync(fresh)
		}
	})
}

// Cursors that were given long ago are forgotten; the server does not grow for ever.
func TestOldCursorsAndEventsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, &deptest.Options{CursorLife: 80 * 24 * time.Hour})
		_, oldest := c.fetch(1000)
		c.srv.AddRandomDevices(1500)
		_, old := c.fetch(1000)
		time.Sleep(40 * 24 * time.Hour)
		c.srv.AddRandomDevices(1500)
		c.srv.AddRandomDevices(1) // the journal is cut at some round number of events
		c.want("POST", "/devices/sync", `{"cursor":"`+old+`"}`, 200, "")
		c.want("POST", "/devices/sync", `{"cursor":"`+oldest+`"}`, 400, "EXPIRED_CURSOR")
		time.Sleep(61 * 24 * time.Hour)
		c.fetch(1000)
		c.want("POST", "/devices/sync", `{"cursor":"`+old+`"}`, 400, "INVALID_CURSOR")
	})
}

func TestLimits(t *testing.T) {
	c := newClient(t, nil)
	c.srv.AddRandomDevices(1100)
	count := func(body string) int { t.Helper(); return len(c.page("/server/devices", body).Devices) }
	diff(t, "default", count(`{}`), 100)
	diff(t, "limit 7", count(`{"limit":7}`), 7)
	diff(t, "limit beyond the maximum", count(`{"limit":5000}`), 1000)
	c.wantNoViolations()
	diff(t, "limit 0", count(`{"limit":0}`), 100)
	for _, body := range []string{`{"limit":-1}`, `{"limit":"7"}`, `{"limit":1.5}`, `{"limit":3000000000}`} {
		c.want("POST", "/server/devices", body, 400, "MALFORMED_REQUEST_BODY")
	}

	small := newClient(t, &deptest.Options{DefaultLimit: 20, MaxLimit: 10})
	small.srv.AddRandomDevices(30)
	if n := len(small.page("/server/devices", `{}`).Devices); n != 10 {
		t.Errorf("page of %d devices", n)
	}
}

// A record of sync shows the device as it was when the event happened, and the op_date of an added
// device is the date of its assignment.
func TestEventsAreHistory(t *testing.T) {
	c := newClient(t, nil)
	_, cursor := c.fetch(10)
	imei := []string{"1"}
	c.srv.AddDevices(deptest.Device{SerialNumber: "A", IMEI: imei, DeviceAssignedDate: time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)})
	imei[0] = "2"
	c.srv.ModifyDevice("A", func(d *deptest.Device) { d.IMEI[0] = "3" })
	p := c.page("/devices/sync", `{"cursor":"`+cursor+`"}`)
	for i, want := range []any{"1", "3"} {
		diff(t, "imei", p.Devices[i]["imei"], any([]any{want}))
	}
	diff(t, "op_date", p.Devices[0]["op_date"], any("2020-02-03T04:05:06Z"))
	if c.srv.ModifyDevice("B", func(*deptest.Device) {}) {
		t.Error("a device that is not there was modified")
	}
	c.srv.Devices()[0].IMEI[0] = "4"
	if d, ok := c.srv.Device("A"); !ok || d.IMEI[0] != "3" {
		t.Errorf("device %+v", d)
	}
}

func TestEmptyCursorCountsAsNone(t *testing.T) {
	c := newClient(t, nil)
	c.srv.AddSerials("A")
	p := c.page("/server/devices", `{"cursor":"","limit":100}`)
	diff(t, "fetch", p.serials(), []string{"A"})
	diff(t, "violations", c.srv.Violations(), []string{"POST /server/devices: cursor is empty; a request without one has no such member"})
}

func TestQuirks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, nil)
		c.srv.AddSerials("A", "B")
		_, cursor := c.fetch(100)

		c.srv.AddSerials("C")
		c.srv.RepeatCursor(2)
		for range 2 {
			p := c.page("/devices/sync", `{"cursor":"`+cursor+`"}`)
			if p.Cursor != cursor || !p.More || !slices.Equal(p.serials(), []string{"C:added"}) {
				t.Errorf("repeated page %+v", p)
			}
		}
		records, cursor := c.sync(cursor)
		diff(t, "sync after the repetitions", records, []string{"C:added"})
		c.srv.RepeatCursor(-1)
		for range 3 {
			if p := c.page("/devices/sync", `{"cursor":"`+cursor+`"}`); p.Cursor != cursor || !p.More {
				t.Errorf("page %+v", p)
			}
		}
		c.srv.RepeatCursor(0)

		uuid := c.srv.AddProfile("p", "https://mdm.example.org/")
		c.want("PUT", "/profile/devices", `{"profile_uuid":"`+uuid+`","devices":["A"]}`, 200, "")
		_, cursor = c.sync(cursor)
		c.srv.MoveDevice("A", "new")
		p := c.page("/devices/sync", `{"cursor":"`+cursor+`"}`)
		diff(t, "moved", p.serials(), []string{"A:modified", "new:modified"})
		if d := p.Devices[0]; d["profile_status"] != "removed" || d["profile_uuid"] != uuid {
			t.Errorf("moved device %v", d)
		}

		c.srv.HideFromSync("H")
		c.srv.AddSerials("H", "I")
		c.srv.ModifyDevice("I", func(d *deptest.Device) { d.Color = "BLUE" })
		records, cursor = c.sync(p.Cursor)
		diff(t, "hidden; added and modified on one page", records, []string{"I:added", "I:modified"})
		serials, _ := c.fetch(100)
		diff(t, "fetch shows the hidden", serials, []string{"A", "B", "C", "new", "H", "I"})
		c.srv.RemoveDevices("H")
		records, _ = c.sync(cursor)
		diff(t, "no longer hidden", records, []string{"H:deleted"})

		for how, want := range map[deptest.FetchedUntil]string{
			deptest.UntilRight: "2000-01-01T00:00:00Z", deptest.UntilMissing: "", deptest.UntilZero: "0001-01-01T00:00:00Z",
		} {
			c.srv.SetFetchedUntil(how)
			diff(t, "fetched_until", c.page("/server/devices", `{}`).FetchedUntil, want)
		}
	})
}

func TestReplacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, nil)
		c.srv.AddSerials("OLD")
		_, cursor := c.fetch(100)
		if c.srv.ReplaceDevice("none", "NEW") || c.srv.ReplaceDevice("OLD", "OLD") || !c.srv.ReplaceDevice("OLD", "NEW") {
			t.Error("ReplaceDevice reports the wrong thing")
		}
		p := c.page("/devices/sync", `{"cursor":"`+cursor+`"}`)
		diff(t, "sync", p.serials(), []string{"OLD:deleted", "NEW:added"})
		if p.Devices[0]["released_by_replacement"] != true || p.Devices[1]["is_replacement_device"] != true {
			t.Errorf("records %v", p.Devices)
		}
		c.want("GET", "/device/replacementDetails?device=NEW", "", 200,
			`{"serial_number":"NEW","original_device_serial_number":"OLD","replacement_date":"2000-01-01"}`)
		c.want("GET", "/device/replacementDetails", "", 400, "DEVICE_ID_REQUIRED")
		c.want("GET", "/device/replacementDetails?device=OLD", "", 404, "DEVICE_NOT_FOUND")
		c.srv.RemoveDevices("NEW")
		c.want("GET", "/device/replacementDetails?device=NEW", "", 404, "DEVICE_NOT_FOUND")
		c.wantNoViolations()
		c.header.Set("X-Server-Protocol-Version", "9")
		p = c.page("/devices/sync", `{"cursor":"`+cursor+`"}`)
		if _, ok := p.Devices[0]["released_by_replacement"]; ok {
			t.Error("version 9 sees released_by_replacement")
		}
	})
}

func TestDepsimCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, &deptest.Options{Manner: deptest.Depsim})
		p := c.page("/server/devices", `{}`)
		if text, err := base64.StdEncoding.DecodeString(p.Cursor); err != nil || string(text) != "946684800-1" {
			t.Errorf("cursor %q, %v", text, err)
		}
		c.want("POST", "/devices/sync", `{"cursor":"x"}`, 400, `"INVALID_CURSOR"`)
	})
}

func TestManyDevices(t *testing.T) {
	c := newClient(t, nil)
	added := c.srv.AddRandomDevices(10_000)
	got, _ := c.fetch(1000)
	if !slices.Equal(got, added) {
		t.Errorf("fetched %d of %d devices, or others", len(got), len(added))
	}
}

func BenchmarkFetch(b *testing.B) {
	c := newClient(b, nil)
	c.srv.AddRandomDevices(200_000)
	b.ResetTimer()
	for range b.N {
		if got, _ := c.fetch(1000); len(got) != 200_000 {
			b.Fatal(len(got))
		}
	}
}
