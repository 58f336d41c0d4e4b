package vpp

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// Whatever comes, it is a notification or an error, and what can be read can be handed on.
func FuzzParseNotification(f *testing.F) {
	files, err := filepath.Glob("testdata/notification/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		seedJSON(f, string(text))
	}
	seedJSON(f, `{"notificationType":"ASSET_MANAGEMENT","notification":{"eventId":5,"type":{},"assignments":[7,{"adamId":[]}],"error":{"errorNumber":"x"}}}`,
		"{\"notificationType\":\"\xff\",\"uId\":1e3,\"a\":{\"b\":1,\"b\":2},\"a\":3}")
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := ParseNotification(data)
		if (n == nil) != (err != nil) {
			t.Fatalf("%v, %v", n, err)
		}
		if err != nil {
			return
		}
		again := handOn(t, data, n)
		blanks := cmp.Comparer(func(a, b jsontext.Value) bool { return compact(a) == compact(b) })
		same := cmp.Comparer(func(a, b *Error) bool { return (a == nil) == (b == nil) && (a == nil || a.Error() == b.Error()) })
		if diff := cmp.Diff(n, again, same, blanks); diff != "" {
			t.Fatalf("%q, handed on:\n%s", data, diff)
		}
	})
}

// handOn encodes n and reads that.
func handOn(t *testing.T, data []byte, n *Notification) *Notification {
	text, err := json.Marshal(n)
	if err != nil {
		t.Fatalf("%q cannot be encoded: %v", data, err)
	}
	again, err := ParseNotification(text)
	if err != nil {
		t.Fatalf("%q became %q: %v", data, text, err)
	}
	return again
}

// compact returns value without the blanks that encoding drops.
func compact(value jsontext.Value) string {
	value = value.Clone()
	_ = value.Compact()
	return string(value)
}
