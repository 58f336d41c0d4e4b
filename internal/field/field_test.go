package field

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

func TestTimeReadsWhatAppleWrites(t *testing.T) {
	want := time.Date(2026, 3, 9, 16, 49, 9, 0, time.UTC)
	for in, out := range map[string]struct {
		time time.Time
		text string
	}{
		`"2026-03-09T16:49:09Z"`:      {want, "2026-03-09T16:49:09Z"},
		`"2026-03-09T16:49:09.5Z"`:    {want.Add(time.Second / 2), "2026-03-09T16:49:09.5Z"},
		`"2026-03-09T16:49:09+00:00"`: {want, "2026-03-09T16:49:09Z"},
		`"2026-03-09T18:49:09+0200"`:  {want, "2026-03-09T16:49:09Z"},
		`"2026-03-09T16:49:09"`:       {want, "2026-03-09T16:49:09Z"},
		`"2026-03-09T16:49:09\u005a"`: {want, "2026-03-09T16:49:09Z"},
		`"2026-03-09"`:                {want.Truncate(24 * time.Hour), "2026-03-09T00:00:00Z"},
		`" 2026-03-09 "`:              {want.Truncate(24 * time.Hour), "2026-03-09T00:00:00Z"},
		`"0001-01-01T00:00:00Z"`:      {time.Time{}, ""},
		`""`:                          {time.Time{}, ""},
		`null`:                        {time.Time{}, ""},
		`"soon"`:                      {time.Time{}, "soon"},
		`1767225600`:                  {time.Time{}, "1767225600"},
		`{"seconds":1}`:               {time.Time{}, `{"seconds":1}`},
	} {
		for name, unmarshal := range unmarshalers {
			got := Time{odd: "stale"}
			if err := unmarshal([]byte(in), &got); err != nil {
				t.Errorf("%s: %s: %v", name, in, err)
				continue
			}
			if !got.Time.Equal(out.time) || got.Text() != out.text || got.IsZero() != (out.text == "") {
				t.Errorf("%s: %s: time %v, text %q, zero %v", name, in, got.Time, got.Text(), got.IsZero())
			}
		}
	}
}

var unmarshalers = map[string]func([]byte, any) error{
	"json":   json.Unmarshal,
	"jsonv2": func(b []byte, v any) error { return jsonv2.Unmarshal(b, v) },
}

func TestTimeIsOmittedWhenZeroAndKeptWhenOdd(t *testing.T) {
	type record struct {
		At Time `json:"at,omitzero"`
	}
	for in, want := range map[string]string{
		`{"at":""}`:                     `{}`,
		`{"at":"2026-03-09T16:49:09Z"}`: `{"at":"2026-03-09T16:49:09Z"}`,
		`{"at":"soon"}`:                 `{"at":"soon"}`,
	} {
		var r record
		if err := jsonv2.Unmarshal([]byte(in), &r); err != nil {
			t.Fatal(err)
		}
		for name, marshal := range map[string]func(any) ([]byte, error){
			"json":   json.Marshal,
			"jsonv2": func(v any) ([]byte, error) { return jsonv2.Marshal(v) },
		} {
			if got, err := marshal(r); string(got) != want || err != nil {
				t.Errorf("%s: %s became %s, %v", name, in, got, err)
			}
		}
	}
}

func TestTimeComparesAndPrints(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	a, b := NewTime(time.Date(2026, 1, 1, 1, 0, 0, 0, berlin)), ParseTime("2026-01-01T00:00:00Z")
	if !a.Equal(b) || !cmp.Equal(a, b) || cmp.Equal(a, ParseTime("soon")) {
		t.Error("equality is not that of the point in time")
	}
	if got := fmt.Sprint(a); got != "2026-01-01T00:00:00Z" {
		t.Errorf("prints %q", got)
	}
	var c Time
	if err := c.UnmarshalText([]byte("2026-01-01")); err != nil || !c.Equal(b) {
		t.Errorf("from text: %v, %v", c, err)
	}
	if text, err := c.MarshalText(); string(text) != "2026-01-01T00:00:00Z" || err != nil {
		t.Errorf("to text: %s, %v", text, err)
	}
}

func TestTimeRejectsBrokenJSON(t *testing.T) {
	for _, in := range []string{``, `"`, `{`, `"\x"`} {
		var got Time
		if err := got.UnmarshalJSON([]byte(in)); err == nil {
			t.Errorf("%q: no error", in)
		}
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
