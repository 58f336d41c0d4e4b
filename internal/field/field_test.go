package field

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

func TestTimeReadsWhatAppleWrites(t *testing.T) {
	want := time.Date(2026, 3, 9, 16, 49, 9, 0, time.UTC)
	for text, want := range map[Time]time.Time{
		"2026-03-09T16:49:09Z":      want,
		"2026-03-09T16:49:09.5Z":    want.Add(time.Second / 2),
		"2026-03-09T16:49:09+00:00": want,
		"2026-03-09T18:49:09+0200":  want,
		"2026-03-09T16:49:09":       want,
		"2026-03-09":                want.Truncate(24 * time.Hour),
		" 2026-03-09 ":              want.Truncate(24 * time.Hour),
		"0001-01-01T00:00:00Z":      {},
		"":                          {},
		"soon":                      {},
	} {
		if got := text.Time(); !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("Time(%q).Time() = %v, want %v", text, got, want)
		}
	}
}

func TestTimeSurvivesAsItWasWritten(t *testing.T) {
	type record struct {
		At Time `json:"at,omitzero"`
	}
	for in, want := range map[string]string{
		`{"at":""}`:                         `{}`,
		`{"at":null}`:                       `{}`,
		`{"at":"2026-03-09T16:49:09.50Z"}`:  `{"at":"2026-03-09T16:49:09.50Z"}`,
		`{"at":"2026-03-09T16:49:09+0000"}`: `{"at":"2026-03-09T16:49:09+0000"}`,
		`{"at":"soon"}`:                     `{"at":"soon"}`,
	} {
		var r record
		if err := json.Unmarshal([]byte(in), &r); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(r); string(got) != want || err != nil {
			t.Errorf("%s became %s, %v", in, got, err)
		}
	}
}

func TestNewTimeWritesAsAppleDoes(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	if got := NewTime(time.Date(2026, 1, 1, 1, 0, 0, 123, berlin)); got != "2026-01-01T00:00:00Z" {
		t.Errorf("NewTime = %q", got)
	}
	if got := NewTime(time.Time{}); got != "" {
		t.Errorf("NewTime of none = %q", got)
	}
}

func TestSerials(t *testing.T) {
	got, err := Serials("serials", []string{"B", "A", "B", "C", "A"})
	if err != nil || !cmp.Equal(got, []string{"B", "A", "C"}) {
		t.Errorf("Serials = %v, %v", got, err)
	}
	for _, c := range []struct {
		serials []string
		want    string
	}{
		{nil, "serials: needs at least one serial number"},
		{[]string{"A", ""}, "serials[1]: must not be empty"},
		{[]string{"A B"}, `serials[0]: is "A B"`},
		{[]string{"A\n"}, `serials[0]: is "A\n"`},
		{[]string{"Ä"}, `serials[0]: is "Ä"`},
		{[]string{strings.Repeat("A", 65)}, "serials[0]: has 65 characters"},
	} {
		_, err := Serials("serials", c.serials)
		if _, ok := errors.AsType[*InputError](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Serials(%q) = %v, want %q", c.serials, err, c.want)
		}
	}
}

func TestGoodSerialsCostNoText(t *testing.T) {
	serials := make([]string, 1000)
	for i := range serials {
		serials[i] = "C02" + strconv.Itoa(i)
	}
	if n := testing.AllocsPerRun(10, func() { _, _ = Serials("serials", serials) }); n > 100 {
		t.Errorf("%v allocations for %d serial numbers", n, len(serials))
	}
}
