package axm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/axm"
)

const logHead = "OPERATION,ASSIGN_DEVICES\nACTIVITY_ID,7c9e6679-0000-4000-8000-000000000001\nSTARTED AT,2026-09-01T10:00:00.000Z\n" +
	"ENDED AT,2026-09-01T10:00:12.000Z\nSTATUS,COMPLETED\nSUB_STATUS,COMPLETED_WITH_ERROR\n"

const logDevices = "serial_number,operation_status,operation_substatus,timestamp\n" +
	"ZZ9PLURALA1,SUCCESS,UPDATED,2026-09-01T10:00:09.000Z\nZZ9PLURALA2,ISSUE,OPERATION_NOT_ALLOWED,2026-09-01T10:00:09.000Z\n"

var (
	loggedHeader = []axm.LogField{
		{Name: "OPERATION", Value: "ASSIGN_DEVICES"}, {Name: "ACTIVITY_ID", Value: "7c9e6679-0000-4000-8000-000000000001"},
		{Name: "STARTED AT", Value: "2026-09-01T10:00:00.000Z"}, {Name: "ENDED AT", Value: "2026-09-01T10:00:12.000Z"},
		{Name: "STATUS", Value: "COMPLETED"}, {Name: "SUB_STATUS", Value: "COMPLETED_WITH_ERROR"},
	}
	loggedDevices = []axm.DeviceResult{
		{SerialNumber: "ZZ9PLURALA1", Status: "SUCCESS", SubStatus: "UPDATED", Time: "2026-09-01T10:00:09.000Z"},
		{SerialNumber: "ZZ9PLURALA2", Status: "ISSUE", SubStatus: "OPERATION_NOT_ALLOWED", Time: "2026-09-01T10:00:09.000Z"},
	}
)

// The same log in all the forms that it may take.
func TestParseActivityLog(t *testing.T) {
	plain := logHead + "\n" + logDevices
	for name, text := range map[string]string{
		"plain":                         plain,
		"other line ends":               strings.ReplaceAll(plain, "\n", "\r\n"),
		"byte order mark":               "\ufeff" + plain,
		"no end of the last line":       strings.TrimSuffix(plain, "\n"),
		"several empty lines":           logHead + "\n\n\n" + logDevices + "\n\n",
		"empty lines of a spreadsheet":  logHead + ",,,\n" + logDevices,
		"no empty line":                 logHead + logDevices,
		"padded to the same width":      strings.ReplaceAll(logHead, "\n", ",,\n") + "\n" + logDevices,
		"quoted":                        strings.ReplaceAll(plain, "SUCCESS", `"SUCCESS"`),
		"spaces":                        strings.ReplaceAll(plain, ",", " , "),
		"names of columns as in header": logHead + "\n" + strings.Replace(logDevices, "serial_number,operation_status", "Serial Number,OPERATION_STATUS", 1),
		"empty rows":                    logHead + "\n" + logDevices + ",,,\n",
		"a row without a serial number": logHead + "\n" + logDevices + ",SUCCESS,UPDATED,\n",
	} {
		t.Run(name, func(t *testing.T) {
			log, err := axm.ParseActivityLog([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(loggedHeader, log.Header); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(loggedDevices, log.Devices()); diff != "" {
				t.Error(diff)
			}
			if !log.Devices()[0].Succeeded() || log.Devices()[1].Succeeded() {
				t.Error("succeeded")
			}
			if log.Value("sub_status") != "COMPLETED_WITH_ERROR" || log.Value("OTHER") != "" {
				t.Error(log)
			}
			if log.String() != "log of activity 7c9e6679-0000-4000-8000-000000000001: 2 rows about devices" {
				t.Error(log)
			}
		})
	}
}

func TestParseActivityLogOfManySections(t *testing.T) {
	log, err := axm.ParseActivityLog([]byte("OPERATION,IMPORT\n\noperation_stage,stage_status\nVALIDATION,SUCCESS\n\n" +
		"person_id,operation_status,message\n7,ISSUE,\"no,\nname\"\n8\n\n" +
		"OPERATION,ASSIGN_DEVICES\n\nmodel,serial_number,operation_status,model\niPad,A1,SUCCESS,again,\"a \"\"b\"\"\",\nMac,A2\niPad,A3,a \"bare\" quote\n\n" +
		"total,succeeded,not_succeeded\n3,1,2\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &axm.ActivityLog{
		Header: []axm.LogField{{Name: "OPERATION", Value: "IMPORT"}, {Name: "OPERATION", Value: "ASSIGN_DEVICES"}},
		Sections: []axm.LogSection{
			{Columns: []string{"operation_stage", "stage_status"}, Rows: [][]string{{"VALIDATION", "SUCCESS"}}},
			{Columns: []string{"person_id", "operation_status", "message"}, Rows: [][]string{{"7", "ISSUE", "no,\nname"}, {"8"}}},
			{Columns: []string{"model", "serial_number", "operation_status", "model"}, Rows: [][]string{
				{"iPad", "A1", "SUCCESS", "again", `a "b"`, ""}, {"Mac", "A2"}, {"iPad", "A3", `a "bare" quote`}}},
			{Columns: []string{"total", "succeeded", "not_succeeded"}, Rows: [][]string{{"3", "1", "2"}}},
		},
	}
	if diff := cmp.Diff(want, log, cmpopts.IgnoreUnexported(axm.ActivityLog{})); diff != "" {
		t.Error(diff)
	}
	devices := []axm.DeviceResult{
		{SerialNumber: "A1", Status: "SUCCESS", Unknown: []axm.LogField{
			{Name: "model", Value: "iPad"}, {Name: "model", Value: "again"}, {Name: "", Value: `a "b"`}}},
		{SerialNumber: "A2", Unknown: []axm.LogField{{Name: "model", Value: "Mac"}}},
		{SerialNumber: "A3", Status: `a "bare" quote`, Unknown: []axm.LogField{{Name: "model", Value: "iPad"}}},
	}
	if diff := cmp.Diff(devices, log.Devices()); diff != "" {
		t.Error(diff)
	}
}

func TestParseActivityLogTellsWhatIsNone(t *testing.T) {
	for _, text := range []string{
		"", "\n\n", "<html>\n<p>Sign in</p>\n</html>", `{"errors":[{"code":"EXPIRED","status":"403"}]}`,
		"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>\n", "a,b\nc,d\n", "\x00\x01\xff\xfe", "\ufeff",
	} {
		log, err := axm.ParseActivityLog([]byte(text))
		if e, ok := errors.AsType[*axm.InputError](err); !ok || e.Field != "log" || log != nil {
			t.Errorf("%q: %v, %v", text, log, err)
		}
	}
	for _, text := range []string{"ACTIVITY_ID,1\n", "OPERATION,X\n\na,b,c\n", "x,operation_status,y\n1,SUCCESS,2\n", "serial_number\n"} {
		if _, err := axm.ParseActivityLog([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseActivityLog(f *testing.F) {
	plain := logHead + "\n" + logDevices
	for _, text := range []string{
		plain, plain[:len(plain)/2], "\ufeff" + strings.ReplaceAll(plain, "\n", "\r\n"), logHead + logDevices + logDevices,
		"a,b\n\nserial_number,serial_number,\n1,2,3,4\n\"\n\n", "serial_number\n\xff,\"\"\"", ",,,\n\r\n,\n", "<html>", "OPERATION,\"x\n\ny\"\n\nSERIAL NUMBER\nA",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		log, err := axm.ParseActivityLog(data)
		if err != nil {
			if _, ok := errors.AsType[*axm.InputError](err); !ok || log != nil {
				t.Fatalf("%q: %v, %v", data, log, err)
			}
			return
		}
		fields := 0
		for _, s := range log.Sections {
			if len(s.Columns) == 0 {
				t.Fatalf("%q: a section without columns", data)
			}
			for _, row := range s.Rows {
				fields += len(row)
			}
		}
		devices := log.Devices()
		if len(devices) > fields {
			t.Fatalf("%q: %d devices of %d fields", data, len(devices), fields)
		}
		for _, d := range devices {
			if d.SerialNumber == "" || strings.TrimSpace(d.SerialNumber) != d.SerialNumber {
				t.Fatalf("%q: %+v", data, d)
			}
		}
		_ = log.String()
	})
}
