package rest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

// hush stands for a secret, in whatever place.
const hush = "hush-hush"

// secretive is a request with a secret in each place that must not show.
func secretive() rest.Request {
	return rest.Request{
		Op: "assign", Method: "POST", Path: rest.Path{"profile", "devices"}, Repeatable: true,
		Query:  url.Values{"token": {hush}},
		Header: http.Header{"X-Adm-Auth-Session": {hush}},
		Body:   []byte(hush),
		Sign: func(r *http.Request) error {
			r.Header.Set("Authorization", hush)
			return nil
		},
	}
}

// troubled scripts one attempt of each sort: busy, lost, refused by the service.
func troubled(b *bench) {
	echo := http.Header{"X-Answer": {"id-1"}, "X-Session": {hush}}
	b.faults.Add(sim.Fault{Kind: sim.BusySeconds, RetryAfter: 3 * time.Second, Delay: time.Second, Body: hush, Header: echo})
	b.faults.Add(sim.Fault{Kind: sim.Reset, Delay: 2 * time.Second})
	b.faults.Add(sim.Fault{Status: 403, Delay: 4 * time.Second, Body: hush, Header: http.Header{"X-Answer": {"id-3"}}})
}

func TestTraceTellsOfEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		troubled(b)
		mustDo(t, b.engine(t, nil), secretive(), 403)
		got := b.traced()
		want := []rest.Attempt{
			{Op: "assign", Method: "POST", Path: "/profile/devices", Number: 1, Status: 503, RequestID: "id-1",
				Bytes: len(hush), Duration: time.Second, Wait: 3 * time.Second},
			{Op: "assign", Method: "POST", Path: "/profile/devices", Number: 2, Duration: 2 * time.Second},
			{Op: "assign", Method: "POST", Path: "/profile/devices", Number: 3, Status: 403, RequestID: "id-3",
				Bytes: len(hush), Duration: 4 * time.Second},
		}
		ignored := cmpopts.IgnoreFields(rest.Attempt{}, "Err")
		if len(got) == 3 {
			if w := got[1].Wait; w < time.Second/2 || w > time.Second {
				t.Errorf("the pause after attempt 2 is %v", w)
			}
			if got[0].Err != nil || !errors.Is(got[1].Err, syscall.ECONNRESET) || got[2].Err != nil {
				t.Errorf("errors %v, %v, %v", got[0].Err, got[1].Err, got[2].Err)
			}
			want[1].Wait = got[1].Wait
		}
		if diff := cmp.Diff(want, got, ignored); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if s := fmt.Sprintf("%+v", got); strings.Contains(s, hush) {
			t.Errorf("the trace shows a secret: %s", s)
		}
	})
}

func TestLogTellsOfEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var out bytes.Buffer
		e := b.engine(t, func(c *rest.Config) {
			c.Logger = slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		troubled(b)
		mustDo(t, e, secretive(), 403)
		mustDo(t, e, secretive(), 200)

		if strings.Contains(out.String(), hush) {
			t.Errorf("the log shows a secret:\n%s", &out)
		}
		var got []map[string]any
		for line := range strings.Lines(out.String()) {
			var entry map[string]any
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatal(err)
			}
			delete(entry, "time")
			got = append(got, entry)
		}
		if len(got) != 4 {
			t.Fatalf("%d lines:\n%s", len(got), &out)
		}
		base := func(level string, attempt, status, bytes int, took time.Duration) map[string]any {
			return map[string]any{
				"level": level, "msg": "request", "op": "assign", "method": "POST", "path": "/profile/devices",
				"attempt": float64(attempt), "status": float64(status), "bytes": float64(bytes), "duration": float64(took),
			}
		}
		want := []map[string]any{
			base("WARN", 1, 503, len(hush), time.Second), base("WARN", 2, 0, 0, 2*time.Second),
			base("WARN", 3, 403, len(hush), 4*time.Second), base("DEBUG", 1, 200, len(rightBody), 0),
		}
		want[0]["request_id"], want[0]["wait"] = "id-1", float64(3*time.Second)
		want[1]["wait"], want[1]["error"] = got[1]["wait"], got[1]["error"] // of chance, and of the system
		want[2]["request_id"], want[3]["request_id"] = "id-3", "answer-1"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if text, _ := got[1]["error"].(string); !strings.Contains(text, "reset") {
			t.Errorf("error %q", text)
		}
	})
}

func TestAnAnswerThatIsNotRepeatedAnnouncesNoWait(t *testing.T) {
	b := newBench(t)
	b.faults.Add(sim.Fault{Kind: sim.BusySeconds, RetryAfter: time.Hour})
	mustDo(t, b.engine(t, nil), post(), 503)
	if got := b.traced(); len(got) != 1 || got[0].Wait != 0 || got[0].Status != 503 {
		t.Errorf("traced %+v", got)
	}
}

// Neither the caller's part of the request nor the service's shows in an error.
func TestErrorsShowNoSecret(t *testing.T) {
	for name, fault := range map[string]sim.Fault{
		"refused":    {Kind: sim.Refuse, Count: -1},
		"reset":      {Kind: sim.Reset, Count: -1},
		"bad body":   {Kind: sim.ResetBody, Count: -1},
		"no answer":  {Kind: sim.Silence, Count: -1},
		"oversized":  {Kind: sim.Oversize, Size: 100 << 20, Count: -1},
		"bad length": {Status: 200, Header: http.Header{"Content-Encoding": {"gzip"}}, Body: hush, Count: -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.faults.Add(fault)
				resp, err := b.engine(t, nil).Do(t.Context(), secretive())
				failed := transportError(t, resp, err)
				if s := fmt.Sprintf("%v %+v %#v", err, failed, failed); strings.Contains(s, hush) || strings.Contains(err.Error(), "?") {
					t.Errorf("the error shows too much: %s", s)
				}
				if !strings.HasPrefix(err.Error(), fmt.Sprintf("assign: POST /profile/devices: no answer (attempts: %d): ", failed.Attempts)) {
					t.Errorf("error %q", err)
				}
				if failed.Op != "assign" || failed.Method != "POST" || failed.Path != "/profile/devices" {
					t.Errorf("%+v", failed)
				}
				for _, a := range b.traced() {
					if a.Err == nil || strings.Contains(fmt.Sprintf("%v %+v", a.Err, a), hush) {
						t.Errorf("traced %+v", a)
					}
				}
			})
		})
	}
}
