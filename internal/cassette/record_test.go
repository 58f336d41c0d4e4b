package cassette

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/sim"
)

// stage is a service under a script of faults, and a recorder of a client of it.
type stage struct {
	sim.Front
	recorder *Recorder
	file     string
}

// newStage starts a service that answers with what it was asked for.
func newStage(t *testing.T, key []byte) *stage {
	t.Helper()
	s := &stage{file: filepath.Join(t.TempDir(), "demo.yaml")}
	s.Open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"status":"%s","serial":"C02SECRET1","echo":%q,"filler":%q}`, r.URL.Path, body, strings.Repeat("long ", 2000))
	}), nil, false)
	t.Cleanup(s.Close)
	var err error
	if s.recorder, err = Record(s.file, s.Client(), &demoRules, key); err != nil {
		t.Fatal(err)
	}
	return s
}

// replay saves and replays.
func (s *stage) replay(t *testing.T) *http.Client {
	t.Helper()
	if err := s.recorder.Save(); err != nil {
		t.Fatal(err)
	}
	c, err := Replay(s.file, &demoRules)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends one request and returns status and body, the error of either, and whether it was sent.
func ask(ctx context.Context, c *http.Client, url, body string) (text string, sent bool, err error) {
	sent = true
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { sent = false }, WroteHeaders: func() { sent = true },
	})
	r, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(body))
	if err != nil {
		return "", false, err
	}
	resp, err := c.Do(r)
	if err != nil {
		return "", sent, err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", string(all)), sent, err
}

func TestRecordAndReplay(t *testing.T) {
	s := newStage(t, nil)
	if info, err := os.Stat(s.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	live, _, err := ask(t.Context(), s.recorder.Client(), s.URL()+"/v1/find?limit=1&who=Ada", `{"token":"abcd1234","kept":1}`)
	if err != nil || !strings.Contains(live, "C02SECRET1") || !strings.Contains(live, "abcd1234") {
		t.Fatalf("what the client gets is changed: %s, %v", live, err)
	}
	dials := s.Dials()
	s.recorder.Client().CloseIdleConnections()
	if _, _, err := ask(t.Context(), s.recorder.Client(), s.URL()+"/v1", ""); err != nil || s.Dials() != dials+1 {
		t.Errorf("idle connections are kept: %d dials, %v", s.Dials()-dials, err)
	}
	c := s.replay(t)
	text, err := os.ReadFile(s.file)
	if err != nil || strings.Contains(string(text), "C02SECRET1") || strings.Contains(string(text), "abcd1234") || strings.Contains(string(text), "Ada") {
		t.Errorf("%s, %v", text, err)
	}
	target := "http://any.test/v1/find?who=" + s.recorder.StandIn("Ada") + "&limit=1"
	got, _, err := ask(t.Context(), c, target, `{"kept":1,"token":"another"}`)
	if err != nil || !strings.Contains(got, s.recorder.StandIn("C02SECRET1")) {
		t.Errorf("%s, %v", got, err)
	}
	for target, want := range map[string]string{target: "has no answer left to POST /v1/find with this query and body", "http://any.test/x?token=abcd": "has no answer to POST /x"} {
		_, _, err := ask(t.Context(), c, target, `{"kept":1,"token":"another"}`)
		if err == nil || !strings.Contains(err.Error(), s.file+" "+want) {
			t.Error(err)
		}
	}
	if s.recorder.StandIn("never seen") != "never seen" || s.recorder.StandIn("abcd1234") != Redacted {
		t.Error("stand-ins of what was not recorded")
	}
	if got := s.recorder.StandIn(s.URL() + "/v1"); !strings.HasPrefix(got, "http://host-") || !strings.HasSuffix(got, ".test/v1") {
		t.Error(got)
	}
}

func TestAnswersComeInOrderAndLoginsForEver(t *testing.T) {
	s := newStage(t, nil)
	for i, path := range []string{"/login", "/v1", "/v1"} {
		s.Faults.Add(sim.Fault{Body: fmt.Sprintf(`{"status":"%d"}`, i)})
		if _, _, err := ask(t.Context(), s.recorder.Client(), s.URL()+path, ""); err != nil {
			t.Fatal(err)
		}
		s.replay(t) // saving in between harms nothing
	}
	c := s.replay(t)
	for _, test := range [][2]string{{"/v1", "1"}, {"/login", "0"}, {"/login", "0"}, {"/v1", "2"}, {"/prefix/login", ""}, {"/v1", ""}} {
		got, _, err := ask(t.Context(), c, "http://any.test"+test[0], "")
		if want := `200 {"status":"` + test[1] + `"}`; (err != nil) != (test[1] == "") || err == nil && got != want {
			t.Errorf("%s: %s, %v, want %s", test[0], got, err, want)
		}
	}
}

func TestTheSameKeyMakesTheSameRecording(t *testing.T) {
	var texts []string
	for _, key := range []string{"one", "one", "two"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, []byte(key))
			if _, _, err := ask(t.Context(), s.recorder.Client(), s.URL()+"/v1", "{}"); err != nil {
				t.Fatal(err)
			}
			s.replay(t)
			text, err := os.ReadFile(s.file)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		})
	}
	if texts[0] != texts[1] || texts[0] == texts[2] {
		t.Errorf("%q", texts)
	}
}

func TestBrokenLines(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault sim.Fault
		is    error
		sent  bool
	}{
		{"refused", sim.Fault{Kind: sim.Refuse}, syscall.ECONNREFUSED, false},
		{"reset", sim.Fault{Kind: sim.Reset}, nil, true},
		{"reset in the body", sim.Fault{Kind: sim.ResetBody}, nil, true},
		{"silence", sim.Fault{Kind: sim.Silence}, context.DeadlineExceeded, true},
		{"slow body", sim.Fault{Kind: sim.Drip, Delay: time.Minute}, context.DeadlineExceeded, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, nil)
				client := s.recorder.Client()
				client.Timeout = 10 * time.Minute
				s.Faults.Add(test.fault)
				part, _, recorded := ask(t.Context(), client, s.URL()+"/v1", "")
				got, sent, replayed := ask(t.Context(), s.replay(t), "http://any.test/v1", "")
				if recorded == nil || replayed == nil || sent != test.sent || (got == "") != (part == "") {
					t.Errorf("recorded %v, replayed %q, %v, sent %v", recorded, got, replayed, sent)
				}
				if test.is != nil && (!errors.Is(recorded, test.is) && test.is != context.DeadlineExceeded || !errors.Is(replayed, test.is)) {
					t.Errorf("recorded %v, replayed %v", recorded, replayed)
				}
			})
		})
	}
}

func TestCanceledIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.Faults.Add(sim.Fault{Kind: sim.Silence})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, _, recorded := ask(ctx, s.recorder.Client(), s.URL()+"/v1", "")
		c := s.replay(t)
		if _, _, err := ask(ctx, c, "http://any.test/v1", ""); !errors.Is(err, context.Canceled) {
			t.Errorf("a canceled call of the replay: %v", err)
		}
		_, _, replayed := ask(t.Context(), c, "http://any.test/v1", "")
		if !errors.Is(recorded, context.Canceled) || !errors.Is(replayed, context.Canceled) {
			t.Errorf("recorded %v, replayed %v", recorded, replayed)
		}
	})
}

// A client that has had enough has it again: as many bytes come.
func TestUnreadBodies(t *testing.T) {
	s := newStage(t, nil)
	peek := func(c *http.Client, url string) (int64, error) {
		resp, err := c.Post(url, "", nil)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		return io.CopyN(io.Discard, resp.Body, 5000)
	}
	if n, err := peek(s.recorder.Client(), s.URL()+"/v1"); n != 5000 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := peek(s.replay(t), "http://any.test/v1"); n != 5000 || err != nil {
		t.Error(n, err)
	}
}

func TestConcurrentRecording(t *testing.T) {
	s := newStage(t, nil)
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			_, _, _ = ask(t.Context(), s.recorder.Client(), fmt.Sprintf("%s/v1?limit=%d", s.URL(), i), `{"n":1}`)
			_ = s.recorder.Save()
		})
	}
	calls.Wait()
	body := `{"n":` + s.recorder.StandIn("1") + `}`
	c := s.replay(t)
	for i := range 20 {
		calls.Go(func() {
			if got, _, err := ask(t.Context(), c, fmt.Sprintf("http://any.test/v1?limit=%d", i), body); err != nil || !strings.HasPrefix(got, "200 {") {
				t.Errorf("%d: %s, %v", i, got, err)
			}
		})
	}
	calls.Wait()
}

func TestFilesThatAreNotThere(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "no", "folder.yaml")
	if _, err := Record(nowhere, nil, &demoRules, nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Replay(nowhere, &demoRules); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	for text, want := range map[string]string{
		"version: 1": "unsupported", "{": "read the recording",
		"version: 2\ninteractions: [{id: 0, request: {url: '%zz'}}]": "request 0",
	} {
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Replay(bad, &demoRules); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	r, err := Record(bad, nil, &demoRules, nil)
	if err != nil || r.base != http.DefaultTransport {
		t.Errorf("%v, %v", r, err)
	}
}

func TestAddAndRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "demo.yaml")
	r, err := Record(file, nil, &demoRules, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, failure := range []error{nil, errors.New("lost")} {
		req, err := http.NewRequest("PUT", "https://apple.com/v1/C02SECRET1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Version", "10")
		r.Add(req, []byte(`{"token":"abcd1234"}`), 200*(1-i), []byte(`{"serial":"C02SECRET1"}`), failure)
	}
	if err := r.Save(); err != nil {
		t.Fatal(err)
	}
	got, err := Read(file)
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	serial := r.StandIn("C02SECRET1")
	for i, e := range got {
		if e.Method != "PUT" || e.URL.Path != "/v1/"+serial || e.Header.Get("X-Version") != "10" || e.Sent != `{"token":"[redacted]"}` {
			t.Errorf("request %d: %+v", i, e)
		}
	}
	if got[0].Status != 200 || got[0].Body != `{"serial":"`+serial+`"}` || got[1].Status != 0 || got[1].Body != "" {
		t.Errorf("answers: %+v", got)
	}
	for text, want := range map[string]string{
		"version: 1": "unsupported", "version: 2\ninteractions: [{id: 7, request: {url: '%zz'}}]": "request 7",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
