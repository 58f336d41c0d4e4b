package cassette

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// hidden collects the strings of JSON data, names included, that no rule of demoRules names.
func hidden(data any, object string, b *book, out map[string]bool) {
	switch data := data.(type) {
	case []any:
		for _, v := range data {
			if text, ok := v.(string); ok && len(text) > 12 && b.member("", object) == hide {
				out[text] = true
			}
			hidden(v, object, b, out)
		}
	case map[string]any:
		for name, v := range data {
			if text, ok := v.(string); ok && len(text) > 12 && !b.names[name] {
				out[text] = true
			}
			hidden(v, name, b, out)
		}
	}
}

// Whatever a body is: valid JSON stays valid, and long texts that no rule names do not show.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		`{"serial":"C02SECRET1XYZ","status":"OK","list":["Ada Springer-Byron",{"x":-1.5e3}],"token":"abcd1234"}`,
		`{"map":{"C02SECRET1XYZ":"SUCCESS"},"results":{"1":{"id":"2"}},"detail":"The device C02SECRET1 is gone."}`,
		`{"context":"{\"status\":\"OK\",\"a\":\"b\"}","next":"/v1/find?x=1","url":"https://a.example/%zz"}`,
		"{\"a\":\"\xff\",\"a\":[1,2", "FORBIDDEN", "token=a&b=%", "[[[[", `"x"`, `{"a":1e999}`, `{"":""}`,
	} {
		f.Add(seed, "application/json")
		f.Add(seed, formType)
	}
	f.Fuzz(func(t *testing.T, body, mediaType string) {
		r := demoRedactor()
		got := r.body(http.Header{"Content-Type": {mediaType}}, []byte(body))
		same := (&redactor{book: r.book}).body(http.Header{"Content-Type": {mediaType}}, []byte(body))
		var data any
		begins := strings.TrimLeft(body, " \t\r\n")
		if !strings.HasPrefix(begins, "{") && !strings.HasPrefix(begins, "[") || json.Unmarshal([]byte(body), &data) != nil {
			return
		}
		for _, text := range []string{got, same} {
			if !json.Valid([]byte(text)) {
				t.Errorf("%s became %s", body, text)
			}
		}
		texts := map[string]bool{}
		hidden(data, "", r.book, texts)
		for text := range texts {
			if strings.ContainsAny(text, "0123456789") && !strings.ContainsAny(text, "/{\\\"%") && isASCII(text) && strings.Contains(got, text) {
				t.Errorf("%q shows in %s", text, got)
			}
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}
