package lenient

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

type record struct {
	Name    string                    `json:"name"`
	Count   int64                     `json:"count"`
	Unknown map[string]jsontext.Value `json:",embed"`
}

func TestDecode(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want record
	}{
		"plain":             {`{"name":"a","count":2}`, record{Name: "a", Count: 2}},
		"the last counts":   {`{"name":"a","count":1,"name":"b"}`, record{Name: "b", Count: 1}},
		"broken UTF-8":      {"{\"name\":\"a\xffb\"}", record{Name: "a\ufffdb"}},
		"digits are kept":   {`{"count":9007199254740993,"count":9007199254740993}`, record{Count: 9007199254740993}},
		"unknown, mended":   {`{"x":1.50,"x":1.50,"y":[{"z":1,"z":2}]}`, record{Unknown: map[string]jsontext.Value{"x": jsontext.Value("1.50"), "y": jsontext.Value(`[{"z":2}]`)}}},
		"blanks around it":  {" {}\n", record{}},
		"members with null": {`{"name":null,"count":null}`, record{}},
	} {
		t.Run(name, func(t *testing.T) {
			var got record
			if err := Decode([]byte(tc.body), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, body := range []string{"", " \n", "null", " null ", "{", `{"name":`, `{"count":"x"}`, `{"count":"x","count":"x"}`, "<html>", `[]`} {
		if err := Decode([]byte(body), &record{}); err == nil {
			t.Errorf("%q was decoded", body)
		}
	}
}

// sparse is a record whose members are left out when they are zero, as those of all records are that
// users may write back.
type sparse struct {
	Name    string                    `json:"name,omitzero"`
	Count   int64                     `json:"count,omitzero"`
	Unknown map[string]jsontext.Value `json:",embed"`
}

func TestOneOddMemberCostsNotTheAnswer(t *testing.T) {
	var got struct {
		Records []sparse          `json:"records"`
		ByName  map[string]sparse `json:"by_name"`
		Next    string            `json:"next"`
	}
	forgiving := Record(func(r *sparse) *map[string]jsontext.Value { return &r.Unknown })
	body := `{"records":[{"name":"a","count":1},{"name":["b"],"count":"two","new":{"x":1}},{"name":"c","count":3}],` +
		`"by_name":{"d":{"name":"d","count":{}}},"next":"n"}`
	if err := Decode([]byte(body), &got, forgiving); err != nil {
		t.Fatal(err)
	}
	want := []sparse{
		{Name: "a", Count: 1},
		{Unknown: map[string]jsontext.Value{"name": jsontext.Value(`["b"]`), "count": jsontext.Value(`"two"`), "new": jsontext.Value(`{"x":1}`)}},
		{Name: "c", Count: 3},
	}
	if diff := cmp.Diff(want, got.Records); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if d := got.ByName["d"]; d.Name != "d" || string(d.Unknown["count"]) != "{}" {
		t.Errorf("by name: %+v", d)
	}
	encoded, err := json.Marshal(got.Records[1], json.Deterministic(true))
	if err != nil || string(encoded) != `{"count":"two","name":["b"],"new":{"x":1}}` {
		t.Errorf("encoded again: %s, %v", encoded, err)
	}
}

func TestWhatIsNoRecordIsStillAnError(t *testing.T) {
	forgiving := Record(func(r *sparse) *map[string]jsontext.Value { return &r.Unknown })
	for _, body := range []string{`{"records":"none"}`, `{"records":[1]}`, `{"records":[{}],"next":5}`, `{"records":[{"name":1]}`} {
		var got struct {
			Records []sparse `json:"records"`
			Next    string   `json:"next"`
		}
		if err := Decode([]byte(body), &got, forgiving); err == nil {
			t.Errorf("%s: no error", body)
		}
	}
}

// nested is a record that holds records of its own kind and of another.
type nested struct {
	Name    string                    `json:"name,omitzero"`
	Parts   map[string]nested         `json:"parts,omitzero"`
	Sparse  []sparse                  `json:"sparse,omitzero"`
	Unknown map[string]jsontext.Value `json:",embed"`
}

func TestRecordsWithinRecords(t *testing.T) {
	var got nested
	forgiving := Record(func(n *nested) *map[string]jsontext.Value { return &n.Unknown },
		Record(func(r *sparse) *map[string]jsontext.Value { return &r.Unknown }))
	body := `{"name":"a","parts":{"b":{"name":1,"parts":{"c":{"name":"c","parts":[]}},"sparse":[{"name":"d","count":true}]}},"sparse":7}`
	if err := Decode([]byte(body), &got, forgiving); err != nil {
		t.Fatal(err)
	}
	odd := func(name, value string) map[string]jsontext.Value {
		return map[string]jsontext.Value{name: jsontext.Value(value)}
	}
	want := nested{Name: "a", Unknown: odd("sparse", "7"), Parts: map[string]nested{"b": {
		Unknown: odd("name", "1"),
		Parts:   map[string]nested{"c": {Name: "c", Unknown: odd("parts", "[]")}},
		Sparse:  []sparse{{Name: "d", Unknown: odd("count", "true")}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDeepRecordsCostLittle(t *testing.T) {
	const depth = 200
	body := strings.Repeat(`{"name":1,"sparse":2,"parts":{"a":`, depth) + "{}" + strings.Repeat("}}", depth)
	var got nested
	if err := Decode([]byte(body), &got, Record(func(n *nested) *map[string]jsontext.Value { return &n.Unknown })); err != nil {
		t.Fatal(err)
	}
	levels := 0
	for part, ok := got, true; ok; part, ok = part.Parts["a"] {
		if levels++; string(part.Unknown["name"]) != "1" {
			t.Errorf("level %d: %+v", levels, part)
		}
	}
	if levels != maxDepth+1 {
		t.Errorf("%d levels were forgiven", levels)
	}
}
