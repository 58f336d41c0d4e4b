package exchange

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const demoFile = `Notes of no importance.

=== exchange: two requests
--- request
POST /devices?limit=1

{"a": 1, "b": [2]}
--- response
200
Content-Type: application/json
X-Twice: 1
X-Twice: 2

{"c":3}

--- request
GET /devices
--- response
204
=== exchange: one
--- request
GET /
--- response
500

sorry
`

// judge is a testing.TB that keeps what it is told.
type judge struct {
	testing.TB
	told []string
}

func (j *judge) Helper() {}
func (j *judge) Errorf(format string, args ...any) {
	j.told = append(j.told, fmt.Sprintf(format, args...))
}
func (j *judge) Fatalf(format string, args ...any) {
	j.Errorf(format, args...)
	runtime.Goexit()
}

// during returns what f tells its judge, in one text.
func during(f func(*judge)) string {
	j, done := &judge{}, make(chan struct{})
	go func() {
		defer close(done)
		f(j)
	}()
	<-done
	return strings.Join(j.told, "\n")
}

func folder(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "*.txt")
}

func TestRead(t *testing.T) {
	set := Read(t, folder(t, map[string]string{"demo.txt": demoFile}))
	want := []string{"demo/one", "demo/two requests"}
	if diff := cmp.Diff(want, set.Left()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Exchange{Name: "demo/two requests", Pairs: []Pair{{
		Method: "POST", Target: "/devices?limit=1", RequestBody: `{"a": 1, "b": [2]}`,
		Status: 200, Header: http.Header{"Content-Type": {"application/json"}, "X-Twice": {"1", "2"}}, Body: `{"c":3}`,
	}, {
		Method: "GET", Target: "/devices", Status: 204, Header: http.Header{},
	}}}, set.Take(t, "demo/two requests")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if left := set.Left(); !slices.Equal(left, want[:1]) {
		t.Errorf("left %q", left)
	}
	for _, name := range []string{"demo/two requests", "demo/three"} {
		if got := during(func(j *judge) { set.Take(j, name) }); !strings.Contains(got, name) {
			t.Errorf("Take(%q) told %q", name, got)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for want, text := range map[string]string{
		"no exchange":                 "notes",
		"two exchanges are called":    demoFile + "\n" + demoFile,
		"one: a request without a re": "=== exchange: one\n--- request\nGET /\n",
		"one: no method and target":   "=== exchange: one\n--- request\nGET\n--- response\n200\n",
		`one: status "fine"`:          "=== exchange: one\n--- request\nGET /\n--- response\nfine\n",
		`one: header "Odd"`:           "=== exchange: one\n--- request\nGET /\n--- response\n200\nOdd\n",
	} {
		pattern := folder(t, map[string]string{"demo.txt": text})
		if got := during(func(j *judge) { Read(j, pattern) }); !strings.Contains(got, "demo.txt: "+want) {
			t.Errorf("%q is told as %q", want, got)
		}
	}
	if got := during(func(j *judge) { Read(j, filepath.Join(t.TempDir(), "*")) }); got != "0 files, error <nil>" {
		t.Errorf("an empty folder is told as %q", got)
	}
}

// send sends one request of a client with a name and returns the answer.
func send(t *testing.T, url, method, target, body string) string {
	t.Helper()
	r, err := http.NewRequest(method, url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", "demo")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d%v%s", resp.StatusCode, resp.Header["X-Twice"], text)
}

func TestServer(t *testing.T) {
	e := Read(t, folder(t, map[string]string{"demo.txt": demoFile})).Take(t, "demo/two requests")
	for name, test := range map[string]struct {
		agent string
		drive func(url string)
		want  []string // what is told, in order; nothing more
	}{
		"as expected": {"demo", func(url string) {
			if got := send(t, url, "GET", "/aside", ""); got != "200[]aside" {
				t.Error(got)
			}
			if got := send(t, url, "POST", "/devices?limit=1", `{"b":[2],"a":1}`); got != `200[1 2]{"c":3}` {
				t.Error(got)
			}
			send(t, url, "GET", "/devices", "")
		}, nil},
		"another body, another target, one too many": {"demo", func(url string) {
			send(t, url, "POST", "/devices?limit=1", `{"b":[3],"a":1}`)
			send(t, url, "GET", "/devices?limit=2", "")
			if got := send(t, url, "GET", "/devices", ""); got != "418[]" {
				t.Error(got)
			}
		}, []string{"JSON (-want +got)", "request 2 is GET /devices?limit=2, want GET /devices", "one request too many: GET /devices"}},
		"no JSON, one missing": {"demo", func(url string) {
			send(t, url, "POST", "/devices?limit=1", "{")
		}, []string{" in {", "JSON (-want +got)", "1 requests, want 2"}},
		"another header": {"other", func(url string) {
			send(t, url, "GET", "/aside", "")
		}, []string{"headers of GET /aside", "0 requests, want 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			j := &judge{}
			server := NewServer(j, e)
			server.Headers = func(*http.Request, http.Header) http.Header { return http.Header{"User-Agent": {test.agent}} }
			server.Aside = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/aside" {
					_, _ = io.WriteString(w, "aside")
				}
				return r.URL.Path == "/aside"
			}
			var answered []string
			server.Answered = func(p Pair) { answered = append(answered, p.Body) }
			s := httptest.NewServer(server)
			defer s.Close()
			test.drive(s.URL)
			last := server.Finish()
			if len(j.told) != len(test.want) {
				t.Fatalf("told %q", j.told)
			}
			for i, want := range test.want {
				if !strings.Contains(j.told[i], want) {
					t.Errorf("told %q, want %q", j.told[i], want)
				}
			}
			if n := len(answered); n > 0 && answered[n-1] != last.Body {
				t.Errorf("answered %q, last %q", answered, last.Body)
			}
		})
	}
	if s := NewServer(t, e); !s.BeginsWith("/devices?limit=1") || s.BeginsWith("/devices") {
		t.Error("BeginsWith")
	}
}

func TestResults(t *testing.T) {
	one, two, gone := 1, 2, errors.New("gone")
	seq := func(yield func(*int, error) bool) { _ = yield(&one, nil) && yield(&two, nil) && yield(nil, gone) }
	if got, err := Values(seq); err != gone || !cmp.Equal(got, []int{1, 2}) {
		t.Errorf("Values: %v, %v", got, err)
	}
	all := func(yield func(string, error) bool) { _ = yield("a", nil) && yield("b", nil) }
	if got, err := Collect(all); err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("Collect: %v, %v", got, err)
	}
	if got, err := Value(&one, nil); got != 1 || err != nil {
		t.Errorf("Value: %v, %v", got, err)
	}
	if got, err := Value((*int)(nil), gone); got != nil || err != gone {
		t.Errorf("Value: %#v, %v", got, err)
	}
}

// notFound is the error of a service that these tests made up.
type notFound struct{ code int }

func (e *notFound) Error() string { return fmt.Sprint("code ", e.code) }

func (e *notFound) Is(target error) bool { return target == io.EOF }

func TestRefusal(t *testing.T) {
	refusal := &notFound{7}
	for name, test := range map[string]struct {
		err, is  error
		status   int
		answered bool
		told     string
	}{
		"the service's":           {refusal, io.EOF, 404, true, ""},
		"with no sentinel":        {refusal, nil, 404, true, ""},
		"the client's own":        {io.EOF, io.EOF, 0, false, ""},
		"none":                    {nil, nil, 0, false, "error <nil>"},
		"another":                 {refusal, io.ErrClosedPipe, 404, false, "is not io: read/write on closed pipe"},
		"not of the service":      {io.EOF, io.EOF, 404, false, "error *errors.errorString: EOF"},
		"none where one is asked": {nil, io.EOF, 0, false, "is not EOF"},
	} {
		var e *notFound
		var answered bool
		told := during(func(j *judge) { e, answered = Refusal[*notFound](j, test.err, test.is, test.status) })
		if (test.told == "") != (told == "") || !strings.Contains(told, test.told) {
			t.Errorf("%s: told %q, want %q", name, told, test.told)
		}
		if told == "" && (answered != test.answered || answered && e != refusal) {
			t.Errorf("%s: %v, %v", name, e, answered)
		}
	}
}
