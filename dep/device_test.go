package dep_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/internal/exchange"
)

func TestDeviceNeedsProfile(t *testing.T) {
	for _, test := range []struct {
		status dep.ProfileStatus
		op     dep.OpType
		want   bool
	}{
		{"empty", "", true}, {"removed", "", true}, {"EMPTY", "added", true}, {"Removed", "modified", true},
		{"empty", "deleted", false}, {"removed", "Deleted", false},
		{"assigned", "", false}, {"pushed", "added", false}, {"", "added", false}, {"paused", "modified", false},
	} {
		d := dep.Device{SerialNumber: "A", ProfileStatus: test.status, OpType: test.op, ProfileUUID: "0F1E"}
		if got := d.NeedsProfile(); got != test.want {
			t.Errorf("status %q, operation %q: %v", test.status, test.op, got)
		}
	}
}

func TestDeviceHasProfile(t *testing.T) {
	const uuid = "0F1E2D3C4B5A69788796A5B4C3D2E1F0"
	for _, test := range []struct {
		status dep.ProfileStatus
		uuid   string
		want   bool
	}{
		{"assigned", uuid, true}, {"pushed", uuid, true}, {"PUSHED", strings.ToLower(uuid), true},
		{"assigned", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", true},
		{"removed", uuid, false}, {"empty", uuid, false}, {"", uuid, false}, {"assigned", "", false}, {"pushed", "AA", false},
	} {
		d := dep.Device{ProfileStatus: test.status, ProfileUUID: test.uuid}
		if got := d.HasProfile(uuid); got != test.want {
			t.Errorf("status %q, profile %q: %v", test.status, test.uuid, got)
		}
	}
}

func TestEnumerationsIgnoreCase(t *testing.T) {
	for name, ok := range map[string]bool{
		"OpType":        dep.OpType("Added").Is(dep.OpAdded) && !dep.OpAdded.Is(dep.OpDeleted),
		"ProfileStatus": dep.ProfileStatus("PUSHED").Is(dep.ProfileStatusPushed) && !dep.ProfileStatusEmpty.Is(""),
		"Status":        dep.Status("success").Is(dep.StatusSuccess) && !dep.StatusFailed.Is(dep.StatusSuccess),
		"LockStatus":    dep.LockStatus("failed").Is(dep.LockFailed) && !dep.LockFailed.Is(dep.LockSuccess),
	} {
		if !ok {
			t.Error(name)
		}
	}
}

func TestEnumerationValues(t *testing.T) {
	for want, got := range map[string]any{
		"empty": dep.ProfileStatusEmpty, "assigned": dep.ProfileStatusAssigned, "pushed": dep.ProfileStatusPushed, "removed": dep.ProfileStatusRemoved,
		"iOS": dep.IOS, "iPadOS": dep.IPadOS, "OSX": dep.MacOS, "tvOS": dep.TVOS, "visionOS": dep.VisionOS,
		"iPad": dep.FamilyIPad, "iPhone": dep.FamilyIPhone, "iPod": dep.FamilyIPod, "Mac": dep.FamilyMac,
		"AppleTV": dep.FamilyAppleTV, "Vision": dep.FamilyVision,
		"added": dep.OpAdded, "modified": dep.OpModified, "deleted": dep.OpDeleted,
		"SUCCESS": dep.StatusSuccess, "NOT_ACCESSIBLE": dep.StatusNotAccessible, "NOT_FOUND": dep.StatusNotFound,
		"FAILED": dep.StatusFailed, "THROTTLED": dep.StatusThrottled,
		"edu": dep.OrgTypeEducation, "org": dep.OrgTypeBusiness, "tvprovider": dep.OrgTypeTVProvider,
		"v1": dep.OrgVersion1, "v2": dep.OrgVersion2,
		"LDAP": dep.SourceLDAP, "SIS": dep.SourceSIS, "CSV": dep.SourceCSV, "MANUAL": dep.SourceManual, "SYSTEM": dep.SourceSystem,
		"ENROLLMENT": dep.SourceEnrollment, "DEP": dep.SourceDEP, "FORMULA_GENERATED": dep.SourceFormulaGenerated, "SFTP": dep.SourceSFTP,
	} {
		if fmt.Sprint(got) != want {
			t.Errorf("%T %q, want %q", got, got, want)
		}
	}
}

// What is stored as JSON and read back is as Apple sent it, with what this package does not know.
func TestDeviceIsWrittenBackAsItCame(t *testing.T) {
	for name, text := range map[string]string{
		"little":  `{"serial_number":"DEMO1"}`,
		"nothing": `{}`,
		"unknown": `{"serial_number":"DEMO1","profile_status":"Suspended","os":"cloudOS","battery":{"health":[97,null]},"note":null,"beta":true}`,
		"times":   `{"op_date":"2026-03-09T10:00:00.50Z","profile_assign_time":"2026-03-09","profile_push_time":"some day","device_assigned_date":"2026-03-09T10:00:00+0000"}`,
		"lists":   `{"imei":["1","2"],"meid":["3"],"is_replacement_device":true,"released_by_replacement":true,"response_status":"SUCCESS"}`,
	} {
		t.Run(name, func(t *testing.T) {
			var device dep.Device
			if err := json.Unmarshal([]byte(text), &device); err != nil {
				t.Fatal(err)
			}
			out, err := json.Marshal(&device)
			if err != nil {
				t.Fatal(err)
			}
			exchange.CompareJSON(t, text, string(out))
		})
	}
}

func TestEmptyMembersAreNotWritten(t *testing.T) {
	const text = `{"serial_number":"DEMO1","asset_tag":"","color":null,"imei":null,"op_date":"","profile_push_time":null,"is_replacement_device":false}`
	var device dep.Device
	if err := json.Unmarshal([]byte(text), &device); err != nil {
		t.Fatal(err)
	}
	if out, err := json.Marshal(&device); string(out) != `{"serial_number":"DEMO1"}` || err != nil {
		t.Errorf("%s, error %v", out, err)
	}
}

func TestDeviceDetailsInBatches(t *testing.T) {
	serials := make([]string, 0, 2600)
	for i := range 2500 {
		serials = append(serials, fmt.Sprintf("DEMO%05d", i))
	}
	serials = append(serials, serials[:100]...) // which are asked for once
	var sizes []int
	server := &plainServer{answer: func(_ *http.Request, body string) (int, string) {
		var request struct{ Devices []string }
		if err := json.Unmarshal([]byte(body), &request, json.MatchCaseInsensitiveNames(true)); err != nil {
			return 400, "MALFORMED_REQUEST_BODY"
		}
		sizes = append(sizes, len(request.Devices))
		answer := map[string]any{}
		for _, serial := range request.Devices {
			if serial != "DEMO00017" {
				answer[serial] = map[string]any{"model": "model of " + serial}
			}
		}
		answer["DEMO99999"] = map[string]any{"model": "nobody asked"}
		text, err := json.Marshal(map[string]any{"devices": answer})
		if err != nil {
			return 500, err.Error()
		}
		return 200, string(text)
	}}
	details, err := wireClient(t, server, nil).DeviceDetails(t.Context(), serials)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1000, 1000, 500}, sizes); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if len(details) != 2500 {
		t.Fatalf("%d devices", len(details))
	}
	for i, d := range details {
		want := dep.Device{SerialNumber: serials[i], Model: "model of " + serials[i], ResponseStatus: dep.StatusSuccess}
		if i == 17 {
			want = dep.Device{SerialNumber: serials[i], ResponseStatus: dep.StatusMissing}
		}
		if diff := cmp.Diff(want, d); diff != "" {
			t.Fatalf("device %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestDeviceDetailsOfOddEntries(t *testing.T) {
	server := always(200, `{"devices":{"A":null,"B":{},"C":{"serial_number":"OTHER","response_status":"NOT_FOUND"},"D":{"response_status":"Pending"}}}`)
	got, err := wireClient(t, server, nil).DeviceDetails(t.Context(), []string{"A", "B", "C", "D"})
	if err != nil {
		t.Fatal(err)
	}
	want := []dep.Device{
		{SerialNumber: "A", ResponseStatus: dep.StatusMissing},
		{SerialNumber: "B", ResponseStatus: dep.StatusSuccess},
		{SerialNumber: "C", ResponseStatus: dep.StatusNotFound},
		{SerialNumber: "D", ResponseStatus: "Pending"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
