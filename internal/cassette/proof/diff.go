package proof

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Diff tells in which way what a call returned in a replay is not what it returned when it was
// recorded: "" if the two are the same JSON but for stand-ins and for the order of lists, which can be
// that of names.
func Diff(t testing.TB, recorded, replayed any, standIn func(string) string) string {
	t.Helper()
	want, got := plain(t, recorded), plain(t, replayed)
	return cmp.Diff(align(want, got, standIn), got)
}

// plain returns v as JSON data.
func plain(t testing.TB, v any) (data any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	if err := in.Decode(&data); err != nil {
		t.Fatal(err)
	}
	return data
}

// align returns want with stand-ins wherever they are what got has.
func align(want, got any, standIn func(string) string) any {
	if reflect.DeepEqual(want, got) {
		return got
	}
	switch want := want.(type) {
	case string:
		return standIn(want)
	case json.Number:
		return json.Number(standIn(want.String()))
	case []any:
		got, _ := got.([]any)
		return alignList(want, got, standIn)
	case map[string]any:
		got, _ := got.(map[string]any)
		out := make(map[string]any, len(want))
		for name, value := range want {
			if _, same := got[name]; !same {
				name = standIn(name)
			}
			out[name] = align(value, got[name], standIn)
		}
		return out
	}
	return want
}

// alignList puts the values of want where got has the same.
func alignList(want, got []any, standIn func(string) string) []any {
	out, rest := make([]any, len(got)), []any(nil)
	found := make([]bool, len(got))
next:
	for _, value := range want {
		for i := range got {
			if aligned := align(value, got[i], standIn); !found[i] && reflect.DeepEqual(aligned, got[i]) {
				out[i], found[i] = aligned, true
				continue next
			}
		}
		rest = append(rest, align(value, nil, standIn))
	}
	kept := make([]any, 0, len(want))
	for i := range out {
		if found[i] {
			kept = append(kept, out[i])
		}
	}
	return append(kept, rest...)
}
