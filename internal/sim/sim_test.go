package sim

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/memhttp"
)

const rightBody = `{"cursor":"c","devices":[{"serial_number":"A"},{}],"map":{"A":"SUCCESS"}}`

// bench is a service that counts what it processes, under a script of faults.
type bench struct {
	log       Log
	faults    Faults
	processed atomic.Int64
	server    *memhttp.Server
	client    *http.Client
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{}
	service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.processed.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, rightBody)
	})
	b.server = memhttp.NewServer(b.log.Wrap(b.faults.Wrap(service)))
	b.faults.Refuser = b.server
	b.client = b.server.Client()
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(b.server.Close)
	return b
}

// post sends a request that net/http does not repeat by itself.
func (b *bench) post(ctx context.Context, path string) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(ctx, "POST", b.server.URL+path, strings.NewReader(`{"a":1}`))
	if err != nil {
		return nil, "", err
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func TestScriptedAnswers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fault  Fault
		status int
		header string
		value  string
		body   string
	}{
		{"answer", Fault{Kind: Answer, Status: 403, Body: "T_C_NOT_SIGNED"}, 403, "", "", "T_C_NOT_SIGNED"},
		{"answer of 200", Fault{Body: "{}", Header: http.Header{"Content-Type": {"application/json"}}}, 200, "Content-Type", "application/json", "{}"},
		{"html", Fault{Kind: HTML}, 502, "Content-Type", "text/html", gatewayPage},
		{"empty", Fault{Kind: Empty}, 500, "Content-Length", "0", ""},
		{"busy", Fault{Kind: Busy}, 503, "Retry-After", "", ""},
		{"busy seconds", Fault{Kind: BusySeconds, RetryAfter: 90 * time.Second, Status: 429, Body: "TOO_MANY_REQUESTS"}, 429, "Retry-After", "90", "TOO_MANY_REQUESTS"},
		{"busy part of a second", Fault{Kind: BusySeconds, RetryAfter: 1500 * time.Millisecond}, 503, "Retry-After", "2", ""},
		{"busy date", Fault{Kind: BusyDate, RetryAfter: time.Minute}, 503, "Retry-After", "Sat, 01 Jan 2000 00:01:00 GMT", ""},
		{"redirect", Fault{Kind: Redirect}, 307, "Location", "https://elsewhere.test/x?y=1", ""},
		{"redirect to", Fault{Kind: Redirect, Status: 302, Header: http.Header{"location": {"http://a.test/"}}}, 302, "Location", "http://a.test/", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.faults.Add(tc.fault)
				resp, body, err := b.post(t.Context(), "/x?y=1")
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != tc.status || body != tc.body || resp.Header.Get(tc.header) != tc.value {
					t.Errorf("%d, %q, %v", resp.StatusCode, body, resp.Header)
				}
				if b.processed.Load() != 0 {
					t.Error("the service processed the request")
				}
				if got := b.log.Requests()[0].Status; got != tc.status {
					t.Errorf("logged status %d", got)
				}
				if _, body, _ := b.post(t.Context(), "/x"); body != rightBody {
					t.Errorf("the fault happened twice: %q", body)
				}
			})
		})
	}
}

func TestLines(t *testing.T) {
	for _, tc := range []struct {
		name      string
		kind      Kind
		err       error
		partial   string
		processed int64
	}{
		{"reset", Reset, syscall.ECONNRESET, "", 0},
		{"lost answer", Lose, syscall.ECONNRESET, "", 1},
		{"reset in the body", ResetBody, syscall.ECONNRESET, "", 1},
		{"refused", Refuse, syscall.ECONNREFUSED, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.faults.Add(Fault{Kind: tc.kind})
			_, body, err := b.post(t.Context(), "/")
			if !errors.Is(err, tc.err) {
				t.Errorf("error = %v, want %v", err, tc.err)
			}
			if !strings.HasPrefix(rightBody, body) || body == rightBody {
				t.Errorf("body = %q", body)
			}
			if b.processed.Load() != tc.processed {
				t.Errorf("processed %d", b.processed.Load())
			}
			if _, body, err := b.post(t.Context(), "/"); err != nil || body != rightBody {
				t.Errorf("afterwards: %q, %v", body, err)
			}
		})
	}
}

func TestNoAnswerIsLoggedAsSuch(t *testing.T) {
	b := newBench(t)
	for _, kind := range []Kind{Reset, Lose} {
		b.faults.Add(Fault{Kind: kind})
		_, _, _ = b.post(t.Context(), "/")
	}
	for i, r := range b.log.Requests() {
		if r.Status != 0 {
			t.Errorf("request %d: status %d", i, r.Status)
		}
	}
}

func TestMangledBodies(t *testing.T) {
	b := newBench(t)
	run := func(f Fault) (*http.Response, string) {
		t.Helper()
		b.faults.Add(f)
		resp, body, err := b.post(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		return resp, body
	}
	if _, body := run(Fault{Kind: Truncate}); body != rightBody[:len(rightBody)/2] {
		t.Errorf("truncated: %q", body)
	}
	if resp, body := run(Fault{Kind: WrongType}); body != rightBody || resp.Header.Get("Content-Type") != "text/html" {
		t.Errorf("wrong type: %q, %v", body, resp.Header)
	}
	if _, body := run(Fault{Kind: Duplicate}); body != rightBody[:len(rightBody)-1]+","+rightBody[1:] {
		t.Errorf("duplicate: %q", body)
	}
	_, body := run(Fault{Kind: Unknown})
	if n := strings.Count(body, strangers); n != 3 || !json.Valid([]byte(body)) || !strings.Contains(body, `"map":{"A":"SUCCESS"}`) {
		t.Errorf("unknown members in %d objects: %q", n, body)
	}
	_, body = run(Fault{Kind: Oversize, Size: 1 << 20})
	var decoded struct{ Cursor string }
	if err := json.Unmarshal([]byte(body), &decoded); err != nil || decoded.Cursor != "c" || len(body) < 1<<20 {
		t.Errorf("oversize: %d bytes, %v", len(body), err)
	}
	b.client.Transport.(*http.Transport).DisableCompression = true
	resp, body := run(Fault{Kind: Gzip})
	zip, err := gzip.NewReader(strings.NewReader(body))
	if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal(err, resp.Header)
	}
	if plain, err := io.ReadAll(zip); err != nil || string(plain) != rightBody {
		t.Errorf("gzip: %q, %v", plain, err)
	}
}

func TestManglingOfOtherBodies(t *testing.T) {
	for _, body := range []string{"", "NOT_JSON", "[1]", "{", "{}", " { } "} {
		dup, unk := bytes.NewBufferString(body), bytes.NewBufferString(body)
		duplicateMembers(dup)
		if dup.String() != body {
			t.Errorf("%q became %q", body, dup)
		}
		unknownMembers(unk)
		if strings.Contains(body, "}") {
			if unk.String() != "{"+strangers+"}" {
				t.Errorf("%q became %q", body, unk)
			}
		} else if unk.String() != body {
			t.Errorf("%q became %q", body, unk)
		}
		head, filler, tail := padding([]byte(body))
		padded := string(head) + strings.Repeat(string(filler), 3) + string(tail)
		if json.Valid([]byte(body)) != json.Valid([]byte(padded)) {
			t.Errorf("%q padded to %q", body, padded)
		}
	}
}

func TestSlowLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		start := time.Now()
		took := func() time.Duration { d := time.Since(start); start = time.Now(); return d }

		b.faults.Add(Fault{Kind: Late, Delay: time.Hour})
		if _, body, err := b.post(t.Context(), "/"); body != rightBody || err != nil || took() != time.Hour {
			t.Errorf("late: %q, %v", body, err)
		}
		b.faults.Add(Fault{Kind: Drip})
		if _, body, err := b.post(t.Context(), "/"); body != rightBody || err != nil || took() != time.Duration(len(rightBody))*time.Second {
			t.Errorf("drip: %q, %v", body, err)
		}
		b.faults.Add(Fault{Status: 503, Delay: time.Minute})
		if resp, _, err := b.post(t.Context(), "/"); err != nil || resp.StatusCode != 503 || took() != time.Minute {
			t.Errorf("delayed answer: %v", err)
		}
		for _, f := range []Fault{{Kind: Silence}, {Kind: Late, Delay: time.Hour}, {Status: 503, Delay: time.Hour}, {Kind: Drip}} {
			b.faults.Add(f)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if _, _, err := b.post(ctx, "/"); !errors.Is(err, context.DeadlineExceeded) || took() != 10*time.Second {
				t.Errorf("kind %d: %v", f.Kind, err)
			}
			cancel()
		}
	})
}

func TestSilenceEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.faults.Add(Fault{Kind: Silence})
		failed := make(chan error)
		go func() {
			_, _, err := b.post(context.Background(), "/")
			failed <- err
		}()
		synctest.Wait()
		b.server.Close()
		if err := <-failed; err == nil {
			t.Error("silence became an answer")
		}
	})
}

// The script is read from the top; Skip and Count move through it request by request.
func TestScript(t *testing.T) {
	b := newBench(t)
	b.faults.Add(Fault{Method: "GET", Status: 599})
	b.faults.Add(Fault{Path: "/devices/*", Skip: 1, Count: 2, Status: 500})
	b.faults.Add(Fault{Path: "/devices/sync", Status: 503})
	b.faults.Add(Fault{Path: "[", Count: -1, Status: 501})
	if got := b.faults.Pending(); got != 4 {
		t.Errorf("pending %d", got)
	}
	var got []int
	for _, path := range []string{"/devices/sync", "/account", "/devices/disown", "/devices/sync", "/devices/sync", "/devices/sync"} {
		resp, _, err := b.post(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, resp.StatusCode)
	}
	want := []int{200, 200, 500, 500, 503, 200}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("statuses %v, want %v", got, want)
		}
	}
	if got := b.faults.Pending(); got != 1 {
		t.Errorf("pending %d", got)
	}
	b.faults.Reset()
	if got := b.faults.Pending(); got != 0 {
		t.Errorf("pending %d after Reset", got)
	}
	b.faults.Add(Fault{Count: -1, Status: 500})
	for range 3 {
		if resp, _, _ := b.post(t.Context(), "/"); resp.StatusCode != 500 {
			t.Errorf("status %d of a fault for ever", resp.StatusCode)
		}
	}
}

func TestRefuseLater(t *testing.T) {
	b := newBench(t)
	b.faults.Add(Fault{Kind: Refuse, Skip: 2, Count: 2})
	for i, refused := range []bool{false, false, true, true, false} {
		_, _, err := b.post(t.Context(), "/")
		if errors.Is(err, syscall.ECONNREFUSED) != refused || (err != nil) != refused {
			t.Errorf("request %d: %v", i, err)
		}
	}
}

func TestResetOnHTTP2(t *testing.T) {
	var faults Faults
	s := memhttp.NewTLSServer(faults.Wrap(http.NotFoundHandler()), nil)
	defer s.Close()
	faults.Add(Fault{Kind: Reset})
	faults.Add(Fault{Kind: Empty})
	c := s.Client()
	if _, err := c.Post(s.URL, "", nil); err == nil {
		t.Error("no error")
	}
	resp, err := c.Post(s.URL, "", nil)
	if err != nil || resp.StatusCode != 500 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
}

func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.log.Keep = 2
		for _, path := range []string{"/a?x=1", "/b/1", "/b/2"} {
			if _, _, err := b.post(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		got := b.log.Requests()
		if len(got) != 2 || got[0].Path != "/b/1" || got[1].Path != "/b/2" {
			t.Fatalf("remembered %+v", got)
		}
		if r := got[1]; r.Method != "POST" || r.Host != "memhttp.test" || string(r.Body) != `{"a":1}` || r.Status != 200 ||
			!r.Time.Equal(time.Date(2000, 1, 1, 0, 0, 2, 0, time.UTC)) || r.Header.Get("User-Agent") == "" {
			t.Errorf("remembered %+v", r)
		}
		for _, tc := range []struct {
			method, path string
			want         int
		}{{"", "", 3}, {"POST", "", 3}, {"GET", "", 0}, {"", "/a", 1}, {"POST", "/b/*", 2}} {
			if n := b.log.Count(tc.method, tc.path); n != tc.want {
				t.Errorf("Count(%q, %q) = %d, want %d", tc.method, tc.path, n, tc.want)
			}
		}
		b.log.Reset()
		if len(b.log.Requests()) != 0 || b.log.Count("", "") != 0 {
			t.Error("Reset left something")
		}
	})
}

func TestLogKeepsNothing(t *testing.T) {
	l := Log{Keep: -1}
	s := memhttp.NewServer(l.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	defer s.Close()
	if resp, err := s.Client().Get(s.URL + "/?q=1"); err != nil || resp.StatusCode != 200 {
		t.Fatal(err)
	}
	if len(l.Requests()) != 0 || l.Count("GET", "/") != 1 {
		t.Errorf("%d remembered, %d counted", len(l.Requests()), l.Count("GET", "/"))
	}
}

func TestFront(t *testing.T) {
	for _, withTLS := range []bool{false, true} {
		var f Front
		service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.Notes.Add(r, "odd %d\xff", 7)
			_, _ = io.WriteString(w, rightBody)
		})
		around := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Around", "yes")
				h.ServeHTTP(w, r)
			})
		}
		f.Open(service, around, withTLS)
		defer f.Close()
		if strings.HasPrefix(f.URL(), "https:") != withTLS {
			t.Error(f.URL())
		}
		f.Faults.Add(Fault{Kind: Empty})
		c := f.Client()
		for _, status := range []int{500, 200} {
			resp, err := c.Get(f.URL() + "/x")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != status || resp.Header.Get("X-Around") != "yes" {
				t.Error(resp.StatusCode, resp.Header)
			}
		}
		f.Faults.Add(Fault{Kind: Refuse})
		c.CloseIdleConnections()
		if _, err := c.Get(f.URL()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("refused: %v", err)
		}
		if n := f.Log.Count("GET", "/x"); n != 2 || f.Dials() < 1 {
			t.Errorf("%d requests, %d connections", n, f.Dials())
		}
		if notes := f.Notes.List(); len(notes) != 1 || notes[0] != "GET /x: odd 7?" {
			t.Errorf("%q", notes)
		}
		f.Forget()
		if len(f.Notes.List()) != 0 || f.Log.Count("", "") != 0 {
			t.Error("Forget left something")
		}
	}
}

func TestNotesAreBounded(t *testing.T) {
	var n Notes
	r, err := http.NewRequest("GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range maxNotes + 5 {
		n.Add(r, "again")
	}
	if got := len(n.List()); got != maxNotes {
		t.Errorf("%d notes", got)
	}
}

func TestFaultsGetTheirType(t *testing.T) {
	set := WithType(Fault{}, "text/plain")
	if set.Header.Get("Content-Type") != "text/plain" {
		t.Error(set.Header)
	}
	given := http.Header{"Content-Type": {"text/html"}, "X-Other": {"1"}}
	if kept := WithType(Fault{Header: given}, "text/plain"); kept.Header.Get("Content-Type") != "text/html" {
		t.Error(kept.Header)
	}
	other := http.Header{"X-Other": {"1"}}
	if both := WithType(Fault{Header: other}, "text/plain"); len(both.Header) != 2 || len(other) != 1 {
		t.Errorf("%v, and the caller's %v", both.Header, other)
	}
	for kind, want := range map[Kind]bool{Busy: true, BusySeconds: true, BusyDate: true, Answer: false, HTML: false} {
		if IsBusy(Fault{Kind: kind}) != want {
			t.Errorf("kind %d", kind)
		}
	}
}
