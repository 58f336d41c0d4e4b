package dep

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/internal/rest"
)

// seedJSON adds texts, and each of them cut off in the middle.
func seedJSON(f *testing.F, texts ...string) {
	for _, text := range texts {
		f.Add([]byte(text))
		f.Add([]byte(text[:len(text)/2]))
	}
}

// checkDecoding decodes data into a new T. What can be decoded must encode, and decode to the same.
func checkDecoding[T any](t *testing.T, data []byte) {
	var first, second T
	if decode(data, &first) != nil {
		return
	}
	text, err := json.Marshal(&first)
	if err != nil {
		t.Fatalf("%q was decoded but cannot be encoded: %v", data, err)
	}
	if err := decode(text, &second); err != nil {
		t.Fatalf("%q became %q, which cannot be decoded: %v", data, text, err)
	}
	if diff := cmp.Diff(first, second, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%q became %q (-first +second):\n%s", data, text, diff)
	}
}

// devicePage is the list in what a fetch or a sync answers; feedTail is the rest.
type devicePage struct {
	Devices []Device `json:"devices"`
}

func FuzzDevicePage(f *testing.F) {
	seedJSON(f,
		`{"cursor":"c","more_to_follow":true,"fetched_until":"2026-03-09T10:00:05Z","devices":[]}`,
		`{"cursor":"c","devices":[{"serial_number":"A","op_type":"added","op_date":"2026-03-09"},{"serial_number":"A","op_date":"x"},{}]}`,
		`{"devices":[{"imei":["1"],"meid":null,"is_replacement_device":true,"new":{"x":[1,"é",null]},"new":2}]}`,
		`{"devices":[{"new":{"a":["\ud800"],"a":"`+"\xa9"+`"}}]}`,
		`{"devices":[{"serial_number":"\ud800","model":"\u0000","asset_tag":"`+"\xff"+`"}]}`,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkDecoding[devicePage](t, data)
		checkDecoding[feedTail](t, data)
		checkDecoding[deviceDetails](t, data)
		checkDecoding[statusAnswer](t, data)
		var page devicePage
		if decode(data, &page) != nil {
			return
		}
		records := 0
		for _, e := range Events(page.Devices) {
			records += len(e.Records)
			if e.Device.SerialNumber == "" || len(e.Records) == 0 {
				t.Errorf("event %+v", e)
			}
		}
		for _, d := range page.Devices {
			if d.SerialNumber != "" {
				records--
			}
		}
		if records != 0 {
			t.Errorf("%d records too many", records)
		}
	})
}

func FuzzAccount(f *testing.F) {
	seedJSON(f,
		`{"server_name":"Demo MDM","org_type":"org","urls":[{"uri":"/profile","http_method":["POST"],"limit":{"default":1,"maximum":2,"x":3}}]}`,
		`{"server_uuid":null,"urls":[null,{}],"a":"b","c":{"d":[]}}`,
		`{"betaEnrollmentTokens":[{"token":"t","x":1}],"mdm_service_discovery_url":"u","last_updated_timestamp":"","replacement_date":"2026-07-02"}`,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkDecoding[Account](t, data)
		checkDecoding[BetaToken](t, data)
		checkDecoding[DiscoveryURL](t, data)
		checkDecoding[ReplacementDetails](t, data)
	})
}

func FuzzProfile(f *testing.F) {
	seedJSON(f,
		`{"profile_name":"p","url":"https://mdm.example.org","is_mdm_removable":false,"allow_pairing":true,"skip_setup_items":["Siri"]}`,
		`{"anchor_certs":["AQI=",""],"devices":null,"language":"en","region":"IE","x":[{}]}`,
		`{"url":"https://[::1]:x/%","configuration_web_url":"//","profile_name":"`+"\xff"+`"}`,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkDecoding[Profile](t, data)
		var p Profile
		if decode(data, &p) != nil {
			return
		}
		if p.Validate() != nil && p.ValidateForMigration() == nil {
			t.Error("a profile that is not valid is good for a migration")
		}
		if _, err := p.Digest(); err != nil {
			t.Errorf("no digest: %v", err)
		}
	})
}

func FuzzRoster(f *testing.F) {
	seedJSON(f,
		`{"unique_identifier":"cl-1","course":{"name":"n","x":1},"location":null,"student_unique_identifiers":null,"op_date":""}`,
		`{"unique_identifier":"pe-1","is_federated_auth":true,"passcode_type":"six","source":"SIS","y":{}}`,
		`{"unique_identifier":"co-1","course_number":"c","source_system_identifier":null,"status":"Active"}`,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkDecoding[RosterClass](t, data)
		checkDecoding[RosterPerson](t, data)
		checkDecoding[RosterCourse](t, data)
		checkDecoding[RosterLocation](t, data)
	})
}

func FuzzErrorBody(f *testing.F) {
	for _, body := range []string{
		"INVALID_CURSOR", `"FORBIDDEN"`, "token_expiredForbidden", "oauth_problem_adviceBad Request", `{"code":"T_C_NOT_SIGNED"}`, `{"code":`,
		"<html>", "", `""`, `"`, "Forbidden", "\xff",
	} {
		for _, status := range []int{400, 401, 403, 500, 503, 302, 0, -1} {
			f.Add(status, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := refusal("op", &rest.Response{Status: status, Body: body})
		if len(e.Code) > 100 || strings.ContainsFunc(e.Code, notInCode) {
			t.Errorf("code %q", e.Code)
		}
		if !bytes.HasPrefix(body, e.Body) || len(e.Body) > maxErrorBody {
			t.Errorf("%d bytes of the body", len(e.Body))
		}
		if text := e.Error(); !utf8.ValidString(text) || len(text) > 1000 || strings.Contains(text, "\n") {
			t.Errorf("text %q", text)
		}
		if again := errorCode(status, []byte(e.Code)); e.Code != "" && again == "" {
			t.Errorf("the code %q is none", e.Code)
		}
		_ = profileNotFound(e)
	})
}

func FuzzParseCursor(f *testing.F) {
	for _, text := range []string{
		"", "MDowOjE3NjcyMjU2", "fetch;;c", "sync;2026-03-09T16:49:09Z;c", "sync;2026-03-09T16:49:09.123456789+02:00;a;b", "sync;;", "fetch;x;c", ";;",
		"fetch;0001-01-01T00:00:00Z;", "sync;9999-12-31T23:59:59-12:00;c", "fetch;0000-01-01T00:00:00+01:00;c", "fetch;2026-03-09T16:49:09,5Z;c",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := ParseCursor(text)
		if err != nil {
			return
		}
		second, err := ParseCursor(first.String())
		if err != nil || second != first {
			t.Errorf("%q is %#v, whose text %q is %#v, error %v", text, first, first.String(), second, err)
		}
	})
}
