package lenient

import (
	"testing"

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
