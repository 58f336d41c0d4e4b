package dep

import (
	"math"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// What is sloppy in an answer is mended where it is kept as raw JSON too, so that a record can be
// stored; numbers keep their digits.
func TestDecodeMends(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"good":                         {`{"serial_number":"A","new":{"b":1,"a":[2.50]}}`, `{"serial_number":"A","new":{"b":1,"a":[2.50]}}`},
		"members of another type":      {`{"serial_number":"A","imei":"350","op_date":1767225600,"is_replacement_device":"true","eid":["1"]}`, `{"serial_number":"A","eid":["1"],"imei":"350","is_replacement_device":"true","op_date":1767225600}`},
		"repeated member":              {`{"serial_number":"A","serial_number":"B"}`, `{"serial_number":"B"}`},
		"repeated, null last":          {`{"serial_number":"A","serial_number":null}`, `{}`},
		"repeated unknown member":      {`{"new":1,"new":2}`, `{"new":2}`},
		"repeated within an unknown":   {`{"new":{"x":{"a":1,"a":2}}}`, `{"new":{"x":{"a":2}}}`},
		"broken UTF-8":                 {"{\"model\":\"i\xffPad\"}", `{"model":"i` + "\uFFFD" + `Pad"}`},
		"broken UTF-8 in an unknown":   {"{\"new\":[\"\xa9\"]}", `{"new":["` + "\uFFFD" + `"]}`},
		"half a surrogate pair":        {`{"new":"\ud800","serial_number":"\ud800"}`, `{"serial_number":"` + "\uFFFD" + `","new":"` + "\uFFFD" + `"}`},
		"digits of numbers":            {`{"new":{"n":12345678901234567890.10,"n":123456789012345678901}}`, `{"new":{"n":123456789012345678901}}`},
		"digits beside what is mended": {`{"eid":"1","eid":"2","new":[1e400,0.10]}`, `{"eid":"2","new":[1e400,0.10]}`},
	} {
		t.Run(name, func(t *testing.T) {
			var device Device
			if err := decode([]byte(test.body), &device); err != nil {
				t.Fatal(err)
			}
			out, err := json.Marshal(&device, json.Deterministic(true))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(out)); diff != "" {
				t.Errorf("written back (-want +got):\n%s", diff)
			}
		})
	}
	for _, body := range []string{``, ` `, `null`, "\tnull\n", `{`, `{"model":"\xff`, `{} {}`, `[]`, `"device"`} {
		if err := decode([]byte(body), new(Device)); err == nil {
			t.Errorf("%q was decoded", body)
		}
	}
}

func TestAThrottleWithoutEndIsBounded(t *testing.T) {
	a := &statusAnswer{Devices: map[string]Status{"A": StatusThrottled}, RetryAfterSeconds: math.MaxInt64}
	notBefore := a.of([]string{"A"})[0].NotBefore
	if years := time.Until(notBefore).Hours() / 24 / 365; years < 9 || years > 11 {
		t.Errorf("not before %v", notBefore)
	}
}

// One device that is not as documented must not hold up the page that it came in, and with it the
// stream.
func TestOneOddDeviceDoesNotHoldUpTheOthers(t *testing.T) {
	var answer struct {
		Devices []Device `json:"devices"`
		feedTail
	}
	body := `{"cursor":"c","devices":[{"serial_number":"A","imei":"350"},{"serial_number":"B","imei":["351"]}],"more_to_follow":true}`
	if err := decode([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	a, b := answer.Devices[0], answer.Devices[1]
	if a.SerialNumber != "A" || string(a.Unknown["imei"]) != `"350"` || b.IMEI[0] != "351" || answer.Cursor != "c" || !answer.MoreToFollow {
		t.Errorf("decoded %+v", answer)
	}
}
