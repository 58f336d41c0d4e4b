package cassette

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

var demoRules = Rules{
	Headers:  []string{"X-Version"},
	Segments: []string{"v1", "devices", "find", "login"},
	Before:   []string{"login"},
	Keep:     []string{"status", "count", "limit", "map.*", "results.?", "results.*.id", "app.name", "kept"},
	Messages: []string{"detail"},
	Secrets:  []string{"token", "vault"},
	Hide:     []string{"map.?", "person.status"},
	Repeat:   []string{"/login"},
}

func demoRedactor() *redactor {
	return &redactor{book: demoRules.index(), names: newStandIns([]byte("key"))}
}

func TestJSON(t *testing.T) {
	r := demoRedactor()
	serial, name, number := r.names.get("C02SECRET1"), r.names.get("Ada Springer"), r.names.number("4711")
	r.value(withhold, "abcd1234")
	for text, want := range map[string]string{
		`{"status":"OK","count":7,"limit":null,"fine":true}`:                 `{"status":"OK","count":7,"limit":null,"fine":true}`,
		`{"serial":"C02SECRET1","new_member":4711,"none":""}`:                `{"serial":"` + serial + `","new_member":` + number + `,"none":""}`,
		` [ "C02SECRET1" , {"who":"Ada Springer"} , 0 ] `:                    `["` + serial + `",{"who":"` + name + `"},0]`,
		`{"token":"abcd1234","vault":{"status":"x","n":5,"b":true}}`:         `{"token":"[redacted]","vault":{"status":"[redacted]","n":0,"b":true}}`,
		`{"vault":[["abcd1234",{"a":"b"}]]}`:                                 `{"vault":[["[redacted]",{"a":"[redacted]"}]]}`,
		`{"map":{"C02SECRET1":"SUCCESS"}}`:                                   `{"map":{"` + serial + `":"SUCCESS"}}`,
		`{"map":[{"serial":"C02SECRET1","x":"Ada Springer"}]}`:               `{"map":[{"serial":"` + serial + `","x":"` + name + `"}]}`,
		`{"results":{"310633997":{"id":"310633997","name":"Ada Springer"}}}`: `{"results":{"310633997":{"id":"310633997","name":"` + name + `"}}}`,
		`{"app":[{"name":"Pages"}],"name":"Ada Springer"}`:                   `{"app":[{"name":"Pages"}],"name":"` + name + `"}`,
		`{"person":{"status":"Ada Springer"}}`:                               `{"person":{"status":"` + name + `"}}`,
		`{"C02SECRET1":1,"kept":"abcd1234"}`:                                 `{"` + serial + `":` + r.names.number("1") + `,"kept":"[redacted]"}`,
		`{"status":"OK","status":"NO"}`:                                      `{"status":"OK","status":"NO"}`,
		`{}`:                                                                 `{}`, `[]`: `[]`, `{"a":[],"b":{}}`: `{"a":[],"b":{}}`,
	} {
		if got := string(r.json([]byte(text))); got != want {
			t.Errorf("%s\n became %s\n     want %s", text, got, want)
		}
	}
}

// However a text is cut or damaged, nothing of it shows, and what is no JSON does not become any.
func TestDamagedJSON(t *testing.T) {
	const text = `{"serial":"C02SECRET1","list":[{"who":"Ada Springer"},[4711,true]],"token":"abcd1234","status":"OK"}`
	for i := range text {
		r := demoRedactor()
		got := r.json([]byte(text[:i]))
		if jsontext.Value(got).IsValid() {
			t.Errorf("%s became %s", text[:i], got)
		}
		if regexp.MustCompile(`C02|Ada|4711|abcd`).Match(got) {
			t.Errorf("%s became %s", text[:i], got)
		}
	}
	r := demoRedactor()
	if got := string(r.json([]byte(`{"count":1} Ada Springer`))); got != `{"count":1} [redacted: 13 bytes]` {
		t.Error(got)
	}
	if got := string(r.json([]byte("{\"status\":\"\xff\"}"))); got != "{\"status\":\"�\"}" {
		t.Errorf("%q", got)
	}
}

func TestBodies(t *testing.T) {
	r := demoRedactor()
	serial := r.names.get("C02SECRET1")
	for _, test := range []struct{ mediaType, body, want string }{
		{"", "", ""},
		{"", " \n", ""},
		{"text/plain;charset=UTF8", "FORBIDDEN", "FORBIDDEN"},
		{"", `"INVALID_CURSOR"`, `"INVALID_CURSOR"`},
		{"", "token_expiredForbidden", "token_expiredForbidden"},
		{"", "Internal Server Error", "Internal Server Error"},
		{"", "Springer", "[redacted: 8 bytes]"},
		{"", "Ada Springer", "[redacted: 12 bytes]"},
		{"", "SECRET1", "[redacted: 7 bytes]"},
		{"text/html; charset=x", "<p>Ada</p>", "[redacted: 10 bytes of text/html]"},
		{"multipart/form-data; boundary=x", "--x\r\n", "[redacted: 5 bytes of multipart/form-data]"},
		{"application/x-www-form-urlencoded", "token=abcd1234&serial=C02SECRET1&limit=5&serial=", "limit=5&serial=" + serial + "&serial=&token=%5Bredacted%5D"},
		{"application/x-www-form-urlencoded", "a=%", "[redacted: 3 bytes of application/x-www-form-urlencoded]"},
	} {
		if got := r.body(http.Header{"Content-Type": {test.mediaType}}, []byte(test.body)); got != test.want {
			t.Errorf("%s became %s, want %s", test.body, got, test.want)
		}
	}
	if got := r.body(http.Header{"Content-Encoding": {"gzip"}}, []byte("{\x1f")); got != "[redacted: 2 bytes]" {
		t.Error(got)
	}
}

func TestHeaders(t *testing.T) {
	r := demoRedactor()
	got := r.header(http.Header{
		"Content-Type": {"application/json"}, "X-Version": {"10"}, "Authorization": {"Bearer abcd1234"}, "Set-Cookie": {"itvt=1", "b=2"},
		"User-Agent": {"demo/1.2 ada@example.edu"}, "Server": {"Apple"},
		"Location": {"https://mdm.school.example.edu/v1/C02SECRET1"}, "Content-Length": {"5"}, "Content-Encoding": {"gzip"},
	})
	if location := got.Get("Location"); !regexp.MustCompile(`^https://host-[0-9a-f]{8}\.test/v1/[A-Z]\d\d[A-Z]{6}\d$`).MatchString(location) {
		t.Error(location)
	}
	got.Del("Location")
	if agent := got.Get("User-Agent"); agent == "" || strings.Contains(agent, "ada") {
		t.Error(agent)
	}
	got.Del("User-Agent")
	want := http.Header{"Content-Type": {"application/json"}, "X-Version": {"10"}, "Server": {"Apple"}, "Authorization": {Redacted}, "Set-Cookie": {Redacted}}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	for name := range want {
		if strings.Join(got[name], "|") != want.Get(name) {
			t.Errorf("%s: %q", name, got[name])
		}
	}
}

func TestURLs(t *testing.T) {
	r := demoRedactor()
	serial := r.names.get("C02SECRET1")
	for text, want := range map[string]string{
		"https://vpp.itunes.apple.com/v1/devices/C02SECRET1?limit=5&token=abcd": "https://vpp.itunes.apple.com/v1/devices/" + serial + "?limit=5&token=%5Bredacted%5D",
		"https://apple.com/v1":                                 "https://apple.com/v1",
		"https://ada:pw@mdm.school.example.edu:8443/find#ada":  "https://" + r.names.host("mdm.school.example.edu") + ":8443/find",
		"https://evilapple.com/find":                           "https://" + r.names.host("evilapple.com") + "/find",
		"https://apple.com/find?token=%25code%25&token=%25%25": "https://apple.com/find?token=%25code%25&token=%5Bredacted%5D",
		"https://%zz": Redacted,
	} {
		if got := r.value(hide, text); got != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}

func TestMessages(t *testing.T) {
	r := demoRedactor()
	serial, school := r.names.get("C02SECRET1"), r.names.get("Springfield High")
	r.value(withhold, "abcd1234")
	got := r.value(message, `The device "C02SECRET1" of Springfield (ada@school.example.edu) is at https://mdm.example.edu/find, 4711815. abcd1234! 9709 DXQ2B`)
	want := `The device "` + serial + `" of ` + r.names.get("Springfield") + " (" + r.names.get("ada@school.example.edu") + ") is at https://" +
		r.names.host("mdm.example.edu") + "/find, " + r.names.get("4711815") + ". [redacted]! 9709 " + r.names.get("DXQ2B")
	if got != want || school == "" {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Without stand-ins a redactor takes out the secrets alone.
func TestComparable(t *testing.T) {
	r := &redactor{book: demoRules.index()}
	const text = `{"serial":"C02SECRET1","token":"x","n":4711,"url":"https://a.test/b","C02":"y","detail":"Ada"}`
	if got := string(r.json([]byte(text))); got != strings.Replace(text, `"x"`, `"[redacted]"`, 1) {
		t.Error(got)
	}
	u, err := url.Parse("https://a.test/b/c?token=1&d=2")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.location(u).String(); got != "https://a.test/b/c?d=2&token=%5Bredacted%5D" {
		t.Error(got)
	}
}
