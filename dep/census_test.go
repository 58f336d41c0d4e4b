package dep

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// devicesOf decodes devices as Apple writes them.
func devicesOf(t *testing.T, text string) []Device {
	t.Helper()
	var devices []Device
	if err := json.Unmarshal([]byte(text), &devices); err != nil {
		t.Fatal(err)
	}
	return devices
}

// inventoryOf yields devices, and then err if there is one.
func inventoryOf(devices []Device, err error) iter.Seq2[Device, error] {
	return func(yield func(Device, error) bool) {
		for _, d := range devices {
			if !yield(d, nil) {
				return
			}
		}
		if err != nil {
			yield(Device{}, err)
		}
	}
}

func censusOf(t *testing.T, inventory string) *census {
	t.Helper()
	c, err := takeCensus(inventoryOf(devicesOf(t, inventory), nil))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventText sums up events: kind and serial number of each.
func eventText(events []Event) string {
	var words []string
	for _, e := range events {
		words = append(words, string(e.Kind)+" "+e.Device.SerialNumber)
	}
	return strings.Join(words, ", ")
}

func TestCensusDifferences(t *testing.T) {
	for _, test := range []struct {
		name            string
		inventory, list string
		want            string
	}{
		{"as it was", `[{"serial_number":"A","model":"m","profile_status":"pushed"}]`, `[{"serial_number":"A","model":"m","profile_status":"pushed"}]`, ""},
		{"new", `[]`, `[{"serial_number":"A"}]`, "added A"},
		{"a member changed", `[{"serial_number":"A","color":"red"}]`, `[{"serial_number":"A","color":"blue"}]`, "modified A"},
		{"a member went away", `[{"serial_number":"A","color":"red"}]`, `[{"serial_number":"A"}]`, "modified A"},
		{"a member that the inventory does not set", `[{"serial_number":"A"}]`, `[{"serial_number":"A","color":"blue","imei":["1"]}]`, ""},
		{"a member moved to its neighbour", `[{"serial_number":"A","model":"x","color":"y"}]`, `[{"serial_number":"A","model":"xy"}]`, "modified A"},
		{"the case of a status and the form of a UUID", `[{"serial_number":"A","profile_status":"Pushed","profile_uuid":"0f1e2d3c-4b5a"}]`,
			`[{"serial_number":"A","profile_status":"pushed","profile_uuid":"0F1E2D3C4B5A"}]`, ""},
		{"as it was, but in need of a profile", `[{"serial_number":"A","profile_status":"empty"},{"serial_number":"B","profile_status":"removed"}]`,
			`[{"serial_number":"A","profile_status":"empty"},{"serial_number":"B","profile_status":"removed"}]`, "present A, present B"},
		{"in need of a profile, which the inventory does not know", `[{"serial_number":"A"}]`, `[{"serial_number":"A","profile_status":"removed"}]`, "present A"},
		{"several", `[{"serial_number":"A","color":"red"},{"serial_number":"B","color":"red"},{"serial_number":"C"}]`,
			`[{"serial_number":"D"},{"serial_number":"B","color":"red"},{"serial_number":"A","color":"green"}]`, "added D, modified A"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := censusOf(t, test.inventory)
			list := devicesOf(t, test.list)
			if got := eventText(c.differences(Events(list))); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			// A batch that failed comes again, and is compared with the same.
			if got := eventText(c.differences(Events(list))); got != test.want {
				t.Errorf("the second time %q, want %q", got, test.want)
			}
		})
	}
}

// Each member that may differ does make a difference.
func TestCensusComparesEveryMember(t *testing.T) {
	const before = `{"serial_number":"A","model":"1","description":"1","color":"1","asset_tag":"1","profile_status":"1","profile_uuid":"1",
		"profile_assign_time":"1","profile_push_time":"1","device_assigned_date":"1","device_assigned_by":"1","os":"1","device_family":"1",
		"mdm_migration_deadline":"1","imei":["1"],"meid":["1"],"eid":"1","wifi_mac_address":"1","bluetooth_mac_address":"1","ethernet_mac_address":"1",
		"is_replacement_device":true}`
	c := censusOf(t, "["+before+"]")
	if got := eventText(c.differences(Events(devicesOf(t, "["+before+"]")))); got != "" {
		t.Errorf("nothing changed, but %s", got)
	}
	changes := strings.NewReplacer("true", "false", `"1"`, `"2"`)
	members := 0
	for _, member := range strings.Split(before, `,`)[1:] {
		members++
		after := strings.Replace(before, member, changes.Replace(member), 1)
		if got := eventText(c.differences(Events(devicesOf(t, "["+after+"]")))); got != "modified A" {
			t.Errorf("%s changed, but %q", member, got)
		}
	}
	if members != len(comparedMembers(&Device{})) {
		t.Errorf("%d members were changed of %d", members, len(comparedMembers(&Device{})))
	}
	for _, kept := range []string{`"op_type":"added"`, `"op_date":"2"`, `"response_status":"SUCCESS"`, `"of_tomorrow":1`} {
		after := strings.Replace(before, "}", ","+kept+"}", 1)
		if got := eventText(c.differences(Events(devicesOf(t, "["+after+"]")))); got != "" {
			t.Errorf("%s makes a difference: %s", kept, got)
		}
	}
}

func TestCensusUnseen(t *testing.T) {
	c := censusOf(t, `[{"serial_number":"D"},{"serial_number":"C"},{"serial_number":"B"},{"serial_number":"A"},{"serial_number":"E"}]`)
	if c.size != 5 {
		t.Errorf("size %d", c.size)
	}
	c.see(&Batch{Devices: devicesOf(t, `[{"serial_number":"B"},{"serial_number":"X"},{"model":"without a serial number"}]`)})
	last := devicesOf(t, `[{"serial_number":"D"},{"serial_number":"Y"}]`)
	if got := eventText(c.unseen(last)); got != "removed A, removed C, removed E" {
		t.Errorf("unseen: %s", got)
	}
	if got := eventText(c.unseen(nil)); got != "removed A, removed C, removed D, removed E" {
		t.Errorf("unseen without a last batch: %s", got)
	}
	for _, e := range c.unseen(nil) {
		if diff := cmp.Diff(Device{SerialNumber: e.Device.SerialNumber}, e.Device); diff != "" || e.Records != nil || e.NeedsProfile() {
			t.Errorf("a removal knows the serial number only: %+v", e)
		}
	}
	if c.size != 5 {
		t.Errorf("size %d after the list", c.size)
	}
}

// A device that comes twice in a list is compared with its first record the second time.
func TestCensusSeesRepetitions(t *testing.T) {
	c := censusOf(t, `[{"serial_number":"A","color":"red"}]`)
	first := devicesOf(t, `[{"serial_number":"A","color":"blue","model":"m"},{"serial_number":"N"}]`)
	if got := eventText(c.differences(Events(first))); got != "modified A, added N" {
		t.Errorf("first %s", got)
	}
	c.see(&Batch{Devices: first})
	if got := eventText(c.differences(Events(first))); got != "" {
		t.Errorf("again %s", got)
	}
	second := devicesOf(t, `[{"serial_number":"A","color":"blue","model":"n"},{"serial_number":"N"}]`)
	if got := eventText(c.differences(Events(second))); got != "modified A" {
		t.Errorf("changed %s", got)
	}
}

func TestCensusOfABadInventory(t *testing.T) {
	failure := errors.New("the database is gone")
	if _, err := takeCensus(inventoryOf([]Device{{SerialNumber: "A"}}, failure)); !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	_, err := takeCensus(inventoryOf([]Device{{SerialNumber: "A"}, {Model: "m"}}, nil))
	if e, ok := errors.AsType[*InputError](err); !ok || e.Field != "Inventory" {
		t.Errorf("error %v", err)
	}
}

// Two inventories that are the same give the same answers, although their hashes are seeded anew.
func TestCensusIsStable(t *testing.T) {
	var devices []Device
	for i := range 3000 {
		devices = append(devices, Device{SerialNumber: fmt.Sprint("DEMO", i), Model: fmt.Sprint("model ", i%7), Color: "c"})
	}
	for range 2 {
		c, err := takeCensus(inventoryOf(devices, nil))
		if err != nil {
			t.Fatal(err)
		}
		list := slices.Clone(devices[:2990])
		list[17].Model = "another"
		if got := eventText(c.differences(Events(list))); got != "modified DEMO17" {
			t.Errorf("%s", got)
		}
		c.see(&Batch{Devices: list})
		if got := len(c.unseen(nil)); got != 10 {
			t.Errorf("%d unseen", got)
		}
	}
}

func TestCensusComparesTimesNotTheirSpelling(t *testing.T) {
	c, err := takeCensus(func(yield func(Device, error) bool) {
		yield(Device{SerialNumber: "A", ProfileAssignTime: "2026-03-09T16:49:09Z"}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[Time]int{"2026-03-09T17:49:09.25+0100": 0, "2026-03-09T16:49:10Z": 1, "soon": 1} {
		events := Events([]Device{{SerialNumber: "A", ProfileAssignTime: text}})
		if got := c.differences(events); len(got) != want {
			t.Errorf("%s: %d differences, want %d", text, len(got), want)
		}
	}
}
