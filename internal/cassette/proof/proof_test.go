package proof

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/memhttp"
)

// What is in the recording shows, however it is written there; what is not, or may be, does not.
func TestLeaks(t *testing.T) {
	s := memhttp.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Session", "session-4711")
		_, _ = io.WriteString(w, `{"C02SERIAL1":{"name":"Ada \u0041.","number":4711815,"fine":"SUCCESS","own":"hidden-1"}}`)
	}))
	defer s.Close()
	wire := &Wire{Base: s.Client().Transport}
	c := &http.Client{Transport: wire}
	resp, err := c.Post(s.URL+"/devices/C02PATH001?who=ada%40example.edu", "application/x-www-form-urlencoded", strings.NewReader("token=abcd+1234"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), "hidden-1") {
		t.Errorf("%s, %v", body, err)
	}
	file := filepath.Join(t.TempDir(), "demo.yaml")
	if err := os.WriteFile(file, []byte(`version: 2
interactions:
- request: {url: "https://memhttp.test/devices/C02PATH001?who=ada%40example.edu", body: token=abcd+1234, headers: {Content-Type: [application/x-www-form-urlencoded]}}
  response: {body: '{"C02SERIAL1":[{"name":"\u0041da A.","number":4711815,"fine":"SUCCESS"}]}', headers: {X-Other: [session-4711, given-99]}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"4711815", "Ada A.", "C02PATH001", "C02SERIAL1", "abcd 1234", "ada@example.edu", "given-99", "memhttp.test", "session-4711"}
	got := wire.Leaks(t, file, []string{"given-99", "given-98"}, func(v string) bool {
		return slices.Contains([]string{"SUCCESS", "number", "token", "devices", "application/x-www-form-urlencoded"}, v)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDiff(t *testing.T) {
	type result struct {
		Serial string
		Map    map[string]int
		List   []any
	}
	standIn := func(s string) string { return s + "0" }
	recorded := result{"a", map[string]int{"b": 1, "n": 2}, []any{"c", true, nil, []any{"d", "e"}, 7}}
	same := result{"a0", map[string]int{"b0": 10, "n": 2}, []any{70, []any{"e", "d0"}, nil, "c0", true}}
	if diff := Diff(t, recorded, same, standIn); diff != "" {
		t.Error(diff)
	}
	for name, other := range map[string]result{
		"another text":  {"a00", same.Map, same.List},
		"another name":  {"a", map[string]int{"b00": 10, "n": 2}, same.List},
		"another count": {"a", map[string]int{"b0": 10, "n": 3}, same.List},
		"one missing":   {"a", same.Map, same.List[1:]},
		"one too many":  {"a", same.Map, append(same.List, "c0")},
		"one twice":     {"a", same.Map, []any{70, []any{"e", "d0"}, nil, "c0", "c0"}},
	} {
		if Diff(t, recorded, other, standIn) == "" {
			t.Errorf("%s is not told", name)
		}
	}
}
