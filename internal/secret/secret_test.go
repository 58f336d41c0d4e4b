package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
)

const text = "AS_do-not-print-me"

type holder struct {
	Public  String
	private String
	Pointer *String
	Map     map[string]String
}

func newHolder() holder {
	s := New(text)
	return holder{Public: s, private: s, Pointer: &s, Map: map[string]String{"k": s}}
}

func TestNothingPrints(t *testing.T) {
	h := newHolder()
	outputs := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for name, v := range map[string]any{"value": h.Public, "pointer": h.Pointer, "struct": h, "struct pointer": &h, "slice": []String{h.private}} {
			outputs[verb+" "+name] = fmt.Sprintf(verb, v)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "secret", h.Public, "holder", h)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "secret", h.Public, "holder", h)
	outputs["slog"] = log.String()
	outputs["error"] = fmt.Errorf("login with %v: %w", h.Public, fmt.Errorf("%+v", h)).Error()
	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	outputs["encoding/json"] = string(encoded)
	if encoded, err = jsonv2.Marshal(h); err != nil {
		t.Fatal(err)
	}
	outputs["json v2"] = string(encoded)

	for how, out := range outputs {
		for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), text[4:]} {
			if strings.Contains(out, form) {
				t.Errorf("%s shows the secret: %s", how, out)
			}
		}
	}
	if got := fmt.Sprint(h.Public); got != Redacted {
		t.Errorf("a secret prints %q, want %q", got, Redacted)
	}
}

func TestEmptyIsVisiblyEmpty(t *testing.T) {
	var s String
	if s.String() != "" || !s.IsZero() || s.Reveal() != "" || !New("").IsZero() {
		t.Errorf("zero secret: String %q, IsZero %v, Reveal %q", s.String(), s.IsZero(), s.Reveal())
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"a", "", false}, {"a", "ab", false}} {
		if got := New(c.a).Equal(New(c.b)); got != c.want {
			t.Errorf("New(%q).Equal(New(%q)) = %v", c.a, c.b, got)
		}
	}
}

func TestDecoding(t *testing.T) {
	var h struct {
		Secret String `json:"secret"`
	}
	for _, unmarshal := range []func([]byte, any) error{
		func(b []byte, v any) error { return json.Unmarshal(b, v) },
		func(b []byte, v any) error { return jsonv2.Unmarshal(b, v) },
	} {
		h.Secret = String{}
		if err := unmarshal([]byte(`{"secret":"`+text+`"}`), &h); err != nil {
			t.Fatal(err)
		}
		if h.Secret.Reveal() != text {
			t.Errorf("decoded %q", h.Secret.Reveal())
		}
	}
}
