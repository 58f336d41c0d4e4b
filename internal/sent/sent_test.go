package sent

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// names returns the items as text, sorted.
func names(items []Item) []string {
	var list []string
	for _, item := range items {
		list = append(list, item.In+" "+item.Name)
	}
	slices.Sort(list)
	return list
}

func TestOf(t *testing.T) {
	stoken := base64.StdEncoding.EncodeToString([]byte(`{"token":"t","orgName":"Lakeside School"}`))
	jwt := b64(`{"alg":"ES256","kid":"k"}`) + "." + b64(`{"sub":"s"}`) + ".c2lnbmF0dXJl"
	for _, tt := range []struct {
		name   string
		query  url.Values
		header http.Header
		body   string
		want   []string
	}{
		{"nothing", nil, http.Header{"Accept": {"a/b"}, "Content-Type": {"a/b"}}, "", nil},
		{"query", url.Values{"ids[apps]": {"1"}, "l": {"en"}}, nil, "", []string{"query ids[apps]", "query l"}},
		{"OAuth", nil, http.Header{"Authorization": {`OAuth realm="ADM", oauth_token="t"`}}, "",
			[]string{"header Authorization.oauth_token", "header Authorization.realm"}},
		{"bearer", nil, http.Header{"Authorization": {"Bearer opaque"}}, "", []string{"header Authorization"}},
		{"content token", nil, http.Header{"Authorization": {"Bearer " + stoken}, "Cookie": {"itvt=" + stoken + "; x=y"}}, "",
			[]string{"cookie itvt.orgName", "cookie itvt.token", "cookie x", "header Authorization.orgName", "header Authorization.token"}},
		{"lower case", nil, http.Header{"apns-topic": {"t"}, "accept": {"a"}}, "", []string{"header apns-topic"}},
		{"form", nil, http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, "scope=s&client_assertion=" + jwt,
			[]string{"body client_assertion.alg", "body client_assertion.kid", "body client_assertion.sub", "body scope"}},
		{"JSON", nil, nil, `{"a":{"b":[{"c":1},{"c":null,"d":true}]},"e":[],"f":{},"g":["x","{\"h\":1}"]}`,
			[]string{"body a.b.c", "body a.b.d", "body e", "body f", "body g", "body g.h"}},
		{"empty JSON", nil, nil, `{}`, nil},
		{"text", nil, nil, "what is this", []string{"body text"}},
		{"broken JSON", nil, nil, `{"a":`, []string{"body text"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, names(Of(tt.query, tt.header, []byte(tt.body)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHTTP2(t *testing.T) {
	fields := func(yield func(string, string) bool) {
		for _, f := range [][2]string{{":method", "POST"}, {":authority", "h"}, {":path", "/3/device/00ff"}, {"apns-topic", "t"}} {
			if !yield(f[0], f[1]) {
				return
			}
		}
	}
	m := HTTP2(fields, []byte(`{"mdm":"m"}`))
	if diff := cmp.Diff([]string{"body mdm", "header apns-topic"}, names(m.Sent)); diff != "" || m.Call != "POST /3/device/00ff" {
		t.Error(m.Call, diff)
	}
}

const head = "\n## Sent\n\n| service | item | where it travels | way | what for |\n|---|---|---|---|---|\n"

// readTable reads a table about demo, or fails.
func readTable(t *testing.T, rows ...string) *Table {
	t.Helper()
	table, err := Read("# Title\n"+head+strings.Join(rows, "\n")+"\n| `other` | `x` | body of `GET /x` | → | why |\n\n## Next\n| `demo` | bad |", "## Sent", "demo")
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestCompare(t *testing.T) {
	rows := []string{
		"| `demo` | `Session` | header of every call but `GET /login` | → | why |",
		"| `demo` | `serial`, `{a,b}.c` | body of `POST /{x,y}`; query of `GET /x` | → | why |",
		"| `demo` | `{id}` | path of `GET /x/{id}` | → | why |",
		"| `demo` | – | body of `GET /login` | → | why |",
		"| `demo` | `name` | body of `GET /x` | ← | why |",
	}
	session := Item{Header, "Session"}
	good := []Message{
		{"GET /login", nil, []Item{{Body, "anything"}}},
		{"POST /x", []Item{session, {Body, "a.c"}}, nil},
		{"POST /y", []Item{session, {Body, "b.c"}, {Body, "serial"}}, nil},
		{"GET /x", []Item{session, {Query, "serial"}}, []Item{{Body, "name"}, {Body, "more"}}},
		{"GET /x/C02X", []Item{session}, nil},
	}
	for _, tt := range []struct {
		name     string
		messages []Message
		want     []string // parts of what is told
	}{
		{"as it is", good, nil},
		{"an item more", append(good, Message{"POST /x", []Item{{Body, "d"}}, nil}), []string{"d is sent in the body of POST /x, but not listed"}},
		{"an item elsewhere", append(good, Message{"GET /x", []Item{{Body, "serial"}}, nil}), []string{"serial is sent in the body of GET /x, but not listed"}},
		{"a credential for everybody", append(good, Message{"GET /login", []Item{session}, nil}), []string{"Session is sent in the header of GET /login, but not listed"}},
		{"a call more", append(good, Message{"PUT /x", nil, nil}), []string{"PUT /x is sent, but not listed"}},
		{"an item in the path", append(good, Message{"POST /x/C02X", nil, nil}), []string{"POST /x/C02X is sent, but not listed"}},
		{"what only comes is sent", append(good, Message{"GET /x", []Item{{Body, "name"}}, nil}), []string{"name is sent in the body of GET /x, but not listed"}},
		{"no login", good[1:], []string{"nothing of this travels in the body of GET /login", "nothing of this travels in the body: "}},
		{"no y", slices.Delete(slices.Clone(good), 2, 3), []string{"b.c is listed, but never sent", "nothing of this travels in the body of POST /y"}},
		{"no answer", append(slices.Clone(good[:3]), Message{"GET /x", good[3].Sent, nil}, good[4]),
			[]string{"name is listed, but never comes", "nothing of this travels in the body of GET /x: ", "nothing of this travels in the body: "}},
		{"no path", good[:4], []string{"nothing of this travels in the path of GET /x/{id}", "nothing of this travels in the path: ", "{id} is listed, but never sent"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := readTable(t, rows...).Compare(tt.messages)
			if len(got) != len(tt.want) {
				t.Fatalf("told %q", got)
			}
			for i, part := range tt.want {
				if !strings.HasPrefix(got[i], part) {
					t.Errorf("told %q, want %q", got[i], part)
				}
			}
		})
	}
	table := readTable(t, rows...)
	if got := table.Unlisted(good[:1]); len(got) != 0 {
		t.Errorf("unlisted %q", got)
	}
	if got := table.Unlisted([]Message{{"PUT /x", nil, nil}}); !slices.Equal(got, []string{"PUT /x is sent, but not listed"}) {
		t.Errorf("unlisted %q", got)
	}
	wrong := readTable(t, "| `demo` | `x` | body of every call but `GET /b` | → | why |", "| `demo` | – | body of `GET /a` | → | why |").
		Compare([]Message{{"GET /a", []Item{{Body, "x"}}, nil}})
	if len(wrong) != 1 || !strings.HasPrefix(wrong[0], "GET /b is excepted, but not listed") {
		t.Errorf("told %q", wrong)
	}
}

func TestMatchTakesTheMostLiteral(t *testing.T) {
	calls := []string{"GET /{a}/{b}", "GET /x/{b}", "GET /x/y/{c}", "POST /x/z"}
	for call, want := range map[string]string{
		"GET /x/z": "GET /x/{b}", "GET /y/z": "GET /{a}/{b}", "GET /x/y/1": "GET /x/y/{c}", "POST /x/z": "POST /x/z", "POST /x/y": "", "GET /x/": "",
	} {
		match, items, ok := Match(calls, call)
		if match != want || ok != (want != "") || len(items) != strings.Count(want, "{") {
			t.Errorf("%s is %q, %v", call, match, items)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, row := range map[string]string{
		"no rows":          "",
		"cells":            "| `demo` | `a` | body of `GET /` | → |",
		"no reason":        "| `demo` | `a` | body of `GET /` | → | |",
		"a way":            "| `demo` | `a` | body of `GET /` | out | why |",
		"no items":         "| `demo` | a | body of `GET /` | → | why |",
		"no calls":         "| `demo` | `a` | body of GET / | → | why |",
		"an unknown place": "| `demo` | `a` | trailer of `GET /` | → | why |",
	} {
		if _, err := Read("\n# Title\n"+head+row+"\n", "## Sent", "demo"); err == nil {
			t.Errorf("%s passes", name)
		}
	}
	if _, err := Read("# Title\n", "## Sent", "demo"); err == nil {
		t.Error("no heading passes")
	}
	if wrong := Check("no such file", "demo", nil); len(wrong) != 1 {
		t.Errorf("no file: %q", wrong)
	}
	if wrong := Check("sent_test.go", "demo", nil); len(wrong) != 1 {
		t.Errorf("no table: %q", wrong)
	}
}

func TestExpand(t *testing.T) {
	want := []string{"a", "b.{id}.c", "b.{id}.d", "x[y]", "x[z]"}
	if diff := cmp.Diff(want, quoted("`a`, and `b.{id}.{c,d}` or `x[{y,z}]`")); diff != "" {
		t.Error(diff)
	}
}

func TestEmpty(t *testing.T) {
	type inner struct{ C, D string }
	type full struct {
		A       string
		B       *bool
		Inner   inner
		Unknown map[string]string
		hidden  int
	}
	if diff := cmp.Diff([]string{"A", "Inner.D"}, Empty(&full{B: new(bool), Inner: inner{C: "c"}, hidden: 0})); diff != "" {
		t.Error(diff)
	}
	if empty := Empty(full{A: "a", B: new(bool), Inner: inner{"c", "d"}}); empty != nil {
		t.Errorf("%q", empty)
	}
}

// answer is a transport that answers everything alike.
type answer struct {
	body string
	err  error
	cut  error // after the body
}

func (a answer) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"X-Trace": {"1"}}, Body: io.NopCloser(io.MultiReader(strings.NewReader(a.body), broken{a.cut}))}, nil
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	return 0, io.EOF
}

func TestWire(t *testing.T) {
	cut := errors.New("cut")
	for name, tt := range map[string]struct {
		base     answer
		received []string
		err      error
	}{
		"answered": {answer{body: `{"b":1}`}, []string{"body b", "header X-Trace"}, nil},
		"cut":      {answer{body: `{"b":1}`, cut: cut}, []string{"body b", "header X-Trace"}, cut},
		"failed":   {answer{err: cut}, nil, cut},
	} {
		t.Run(name, func(t *testing.T) {
			w := &Wire{Base: tt.base}
			resp, err := (&http.Client{Transport: w}).Post("https://example.org/a%2Fb?q=1", "application/json", strings.NewReader(`{"a":1}`))
			if err == nil {
				var body []byte
				if body, err = io.ReadAll(resp.Body); string(body) != tt.base.body {
					t.Errorf("read %q", body)
				}
			}
			if !errors.Is(err, tt.err) {
				t.Errorf("ended with %v", err)
			}
			messages := w.Messages()
			if len(messages) != 1 || messages[0].Call != "POST /a%2Fb" {
				t.Fatalf("seen %+v", messages)
			}
			if diff := cmp.Diff([]string{"body a", "query q"}, names(messages[0].Sent)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.received, names(messages[0].Received)); diff != "" {
				t.Error(diff)
			}
		})
	}
	w := &Wire{Base: answer{}}
	if _, err := (&http.Client{Transport: w}).Post("https://example.org/", "text/plain", broken{cut}); !errors.Is(err, cut) || w.Messages() != nil {
		t.Errorf("a body that cannot be read: %v", err)
	}
}
