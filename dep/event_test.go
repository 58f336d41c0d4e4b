package dep_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/dep"
)

// pageOf decodes the devices of a page as Apple writes them.
func pageOf(t *testing.T, devices string) []dep.Device {
	t.Helper()
	var decoded []dep.Device
	if err := json.Unmarshal([]byte(devices), &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestEvents(t *testing.T) {
	// An event as a test wants it: which record counts, by its asset tag, and how many there are.
	type event struct {
		kind         dep.EventKind
		serial, tag  string
		records      int
		needsProfile bool
		moved        bool
	}
	for _, test := range []struct {
		name string
		page string
		want []event
	}{
		{"nothing", `[]`, nil},
		{"full list", `[
			{"serial_number":"A","asset_tag":"1","profile_status":"empty"},
			{"serial_number":"B","asset_tag":"2","profile_status":"pushed"},
			{"serial_number":"C","asset_tag":"3","profile_status":"Removed","profile_uuid":"0F1E"},
			{"serial_number":"D","asset_tag":"4"}]`,
			[]event{{dep.EventPresent, "A", "1", 1, true, false}, {dep.EventPresent, "B", "2", 1, false, false},
				{dep.EventPresent, "C", "3", 1, true, false}, {dep.EventPresent, "D", "4", 1, false, false}}},
		{"one of each operation", `[
			{"serial_number":"A","asset_tag":"1","op_type":"added","op_date":"2026-03-09T10:00:00Z","profile_status":"empty"},
			{"serial_number":"B","asset_tag":"2","op_type":"modified","op_date":"2026-03-09T10:00:01Z","profile_status":"assigned"},
			{"serial_number":"C","asset_tag":"3","op_type":"deleted","op_date":"2026-03-09T10:00:02Z","profile_status":"empty"}]`,
			[]event{{dep.EventAdded, "A", "1", 1, true, false}, {dep.EventModified, "B", "2", 1, false, false}, {dep.EventRemoved, "C", "3", 1, false, false}}},
		{"operations in another case, and unknown ones", `[
			{"serial_number":"A","asset_tag":"1","op_type":"ADDED"},
			{"serial_number":"B","asset_tag":"2","op_type":"Deleted"},
			{"serial_number":"C","asset_tag":"3","op_type":"transferred","profile_status":"empty"},
			{"serial_number":"D","asset_tag":"4","op_type":""}]`,
			[]event{{dep.EventAdded, "A", "1", 1, false, false}, {dep.EventRemoved, "B", "2", 1, false, false},
				{dep.EventModified, "C", "3", 1, true, false}, {dep.EventPresent, "D", "4", 1, false, false}}},
		{"moved here from another server, and never given a profile", `[
			{"serial_number":"A","asset_tag":"1","op_type":"modified","profile_status":"removed","profile_uuid":"0F1E"},
			{"serial_number":"B","asset_tag":"2","op_type":"modified","profile_status":"EMPTY"}]`,
			[]event{{dep.EventModified, "A", "1", 1, true, true}, {dep.EventModified, "B", "2", 1, true, false}}},
		{"added and modified in one page", `[
			{"serial_number":"A","asset_tag":"1","op_type":"added","op_date":"2026-03-09T10:00:00Z","profile_status":"empty"},
			{"serial_number":"A","asset_tag":"2","op_type":"modified","op_date":"2026-03-09T10:00:05Z","profile_status":"assigned"}]`,
			[]event{{dep.EventModified, "A", "2", 2, false, false}}},
		{"the newest date counts, not the last place", `[
			{"serial_number":"A","asset_tag":"new","op_type":"deleted","op_date":"2026-03-09T10:00:05Z"},
			{"serial_number":"B","asset_tag":"b","op_type":"added","op_date":"2026-03-09T10:00:06Z"},
			{"serial_number":"A","asset_tag":"old","op_type":"added","op_date":"2026-03-09T10:00:00Z"}]`,
			[]event{{dep.EventRemoved, "A", "new", 2, false, false}, {dep.EventAdded, "B", "b", 1, false, false}}},
		{"dates of several forms are compared as times", `[
			{"serial_number":"A","asset_tag":"new","op_type":"deleted","op_date":"2026-03-09T12:00:01+0200"},
			{"serial_number":"A","asset_tag":"old","op_type":"added","op_date":"2026-03-09T10:00:00.5Z"},
			{"serial_number":"A","asset_tag":"older","op_type":"added","op_date":"2026-03-09"}]`,
			[]event{{dep.EventRemoved, "A", "new", 3, false, false}}},
		{"a tie goes to the later record", `[
			{"serial_number":"A","asset_tag":"1","op_type":"added","op_date":"2026-03-09T10:00:00Z"},
			{"serial_number":"A","asset_tag":"2","op_type":"modified","op_date":"2026-03-09T10:00:00Z"},
			{"serial_number":"A","asset_tag":"3","op_type":"deleted","op_date":"2026-03-09T10:00:00Z"}]`,
			[]event{{dep.EventRemoved, "A", "3", 3, false, false}}},
		{"no dates: the last record", `[
			{"serial_number":"A","asset_tag":"1","op_type":"deleted"},
			{"serial_number":"A","asset_tag":"2","op_type":"added","op_date":""},
			{"serial_number":"A","asset_tag":"3","op_type":"modified","op_date":"some day"}]`,
			[]event{{dep.EventModified, "A", "3", 3, false, false}}},
		{"without both dates the order counts", `[
			{"serial_number":"A","asset_tag":"1","op_type":"added","op_date":"2026-03-09T10:00:00Z"},
			{"serial_number":"A","asset_tag":"2","op_type":"modified"},
			{"serial_number":"A","asset_tag":"3","op_type":"deleted"}]`,
			[]event{{dep.EventRemoved, "A", "3", 3, false, false}}},
		{"deleted, then added again", `[
			{"serial_number":"A","asset_tag":"1","op_type":"deleted","op_date":"2026-03-09T10:00:00Z"},
			{"serial_number":"B","asset_tag":"b","op_type":"added","op_date":"2026-03-09T10:00:01Z"},
			{"serial_number":"A","asset_tag":"2","op_type":"added","op_date":"2026-03-09T10:00:02Z","profile_status":"empty"}]`,
			[]event{{dep.EventAdded, "B", "b", 1, false, false}, {dep.EventAdded, "A", "2", 2, true, false}}},
		{"three records of two devices, interleaved", `[
			{"serial_number":"A","asset_tag":"1","op_type":"added","op_date":"2026-03-09T10:00:00Z"},
			{"serial_number":"B","asset_tag":"2","op_type":"added","op_date":"2026-03-09T10:00:01Z"},
			{"serial_number":"A","asset_tag":"3","op_type":"modified","op_date":"2026-03-09T10:00:02Z"},
			{"serial_number":"B","asset_tag":"4","op_type":"modified","op_date":"2026-03-09T10:00:03Z"},
			{"serial_number":"A","asset_tag":"5","op_type":"deleted","op_date":"2026-03-09T10:00:04Z"}]`,
			[]event{{dep.EventModified, "B", "4", 2, false, false}, {dep.EventRemoved, "A", "5", 3, false, false}}},
		{"records without a serial number", `[
			{"asset_tag":"1","op_type":"added"},
			{"serial_number":"A","asset_tag":"2","op_type":"added"},
			{"asset_tag":"3","op_type":"deleted"}]`,
			[]event{{dep.EventAdded, "A", "2", 1, false, false}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			page := pageOf(t, test.page)
			var got []event
			for _, e := range dep.Events(page) {
				got = append(got, event{e.Kind, e.Device.SerialNumber, e.Device.AssetTag, len(e.Records), e.NeedsProfile(), e.Moved()})
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(event{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(pageOf(t, test.page), page); diff != "" {
				t.Errorf("the page was changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventRecordsAreInApplesOrder(t *testing.T) {
	page := pageOf(t, `[
		{"serial_number":"A","asset_tag":"1","op_type":"modified","op_date":"2026-03-09T10:00:09Z"},
		{"serial_number":"B","asset_tag":"2"},
		{"serial_number":"A","asset_tag":"3","op_type":"added","op_date":"2026-03-09T10:00:00Z"},
		{"serial_number":"A","asset_tag":"4","op_type":"modified","op_date":"2026-03-09T10:00:05Z","colour":"red"}]`)
	events := dep.Events(page)
	if diff := cmp.Diff([]dep.Device{page[0], page[2], page[3]}, events[0].Records); diff != "" {
		t.Errorf("records of A (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(page[0], events[0].Device); diff != "" {
		t.Errorf("device A (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]dep.Device{page[1]}, events[1].Records); diff != "" {
		t.Errorf("records of B (-want +got):\n%s", diff)
	}
	// The records of one event do not run into those of the next.
	_ = append(events[1].Records, dep.Device{SerialNumber: "X"})
	if page[2].SerialNumber != "A" {
		t.Error("appending to the records of one event changes the page")
	}
}

func TestEventsOfNothing(t *testing.T) {
	for _, devices := range [][]dep.Device{nil, {}, {{}}, {{Model: "iPhone 17"}, {}}} {
		if diff := cmp.Diff([]dep.Event{}, dep.Events(devices), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%v (-want +got):\n%s", devices, diff)
		}
	}
}
