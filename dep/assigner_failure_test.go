package dep_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// gateway stands between client and Apple. It answers, instead of Apple, the requests that answer
// has a status for.
type gateway struct {
	apple  http.RoundTripper
	mu     sync.Mutex
	answer func(path, body string) (status int, text string)
	passed map[string][]time.Duration // when what path was let through or answered
}

func (g *gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	g.mu.Lock()
	g.passed[r.URL.Path] = append(g.passed[r.URL.Path], time.Since(bubbleBegin()))
	answer := g.answer
	g.mu.Unlock()
	if answer != nil {
		if status, text := answer(r.URL.Path, string(body)); status != 0 {
			return &http.Response{StatusCode: status, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text))}, nil
		}
	}
	return g.apple.RoundTrip(r)
}

func (g *gateway) set(answer func(path, body string) (int, string)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer = answer
}

// requests returns how many there were for path.
func (g *gateway) requests(path string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.passed[path])
}

// behind returns a server, a client that repeats nothing by itself, and the gateway between them.
func behind(t testing.TB) (*deptest.Server, *dep.Client, *gateway) {
	g := &gateway{passed: map[string][]time.Duration{}}
	srv, client := simulated(t, nil, func(o *dep.Options) {
		g.apple = o.HTTPClient.Transport
		o.HTTPClient = &http.Client{Transport: g}
		o.Retry = dep.Retry{Tries: 1}
	})
	return srv, client, g
}

// whenever answers the requests to assign whose body has a string.
func whenever(has string, status int, text string) func(path, body string) (int, string) {
	return func(path, body string) (int, string) {
		if path == "/profile/devices" && strings.Contains(body, has) {
			return status, text
		}
		return 0, ""
	}
}

// A device that is moved here again, while it is being assigned, has lost what it gets.
func TestAssignerAskedAgainDuringATry(t *testing.T) {
	for _, test := range []struct {
		name      string
		meanwhile func(a *dep.Assigner, profile string) error
	}{
		{"again", func(a *dep.Assigner, profile string) error { return a.Assign(profile, []string{"A"}) }},
		{"again, spelled in another way", func(a *dep.Assigner, profile string) error {
			return a.Assign(strings.ToLower(profile), []string{"A"})
		}},
		{"forgotten, and again", func(a *dep.Assigner, profile string) error {
			a.Forget([]string{"A"})
			return a.Assign(profile, []string{"A"})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client := simulated(t, nil, nil)
				srv.AddSerials("A", "B")
				profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
				late(srv)
				a, outcomes := newAssigner(t, client, dep.AssignerOptions{})
				background(t, a)
				assign(t, a, profile, "A", "B")
				pass(10 * time.Second)
				srv.MoveDevice("A")
				if err := test.meanwhile(a, profile); err != nil {
					t.Fatal(err)
				}
				pass(time.Minute)
				want := []string{"30s B SUCCESS done", "30s A SUCCESS done"}
				if diff := cmp.Diff(want, outcomes.lines()); diff != "" {
					t.Errorf("outcomes (-want +got):\n%s", diff)
				}
				if d, _ := srv.Device("A"); d.ProfileUUID != profile || d.ProfileStatus != deptest.StatusAssigned {
					t.Errorf("A has %q, %s", d.ProfileUUID, d.ProfileStatus)
				}
			})
		})
	}
}

// A throttle is the device's: it outlives every wish for another profile, whenever that comes.
func TestAssignerThrottleOutlivesTheWish(t *testing.T) {
	for name, when := range map[string]time.Duration{"during the try": 10 * time.Second, "after it": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client := simulated(t, nil, nil)
				srv.AddSerials("A")
				srv.Throttle("A", time.Hour)
				first := srv.AddProfile("First", "https://mdm.example.com/enrol")
				second := srv.AddProfile("Second", "https://mdm.example.com/enrol")
				late(srv)
				a, outcomes := newAssigner(t, client, dep.AssignerOptions{})
				background(t, a)
				assign(t, a, first, "A")
				pass(when)
				assign(t, a, second, "A")
				pass(30 * time.Minute)
				if n := srv.Count("", "/profile/devices"); n != 1 {
					t.Errorf("assigned %d times while throttled", n)
				}
				pending := a.Pending()
				if len(pending) != 1 || pending[0].Status != dep.StatusThrottled || pending[0].ProfileUUID != second || pending[0].NotBefore.IsZero() {
					t.Errorf("pending: %+v", pending)
				}
				pass(time.Hour)
				if got := outcomes.lines(); len(got) == 0 || !strings.HasSuffix(got[len(got)-1], "A SUCCESS done") {
					t.Errorf("outcomes: %q", got)
				}
				if d, _ := srv.Device("A"); d.ProfileUUID != second {
					t.Errorf("A has %q", d.ProfileUUID)
				}
			})
		})
	}
}

func TestAssignerTellsOfFailedRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client, gate := behind(t)
		srv.AddSerials("A", "B")
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		gate.set(whenever("", 400, "USER_AGENT_INVALID"))
		var told []error
		a, err := dep.NewAssigner(client, &dep.AssignerOptions{OnError: func(err error) { told = append(told, err) }})
		if err != nil {
			t.Fatal(err)
		}
		assign(t, a, profile, "A", "B")
		background(t, a)
		pass(time.Minute)
		pending := a.Pending()
		if len(pending) != 2 {
			t.Fatalf("pending: %+v", pending)
		}
		for _, p := range pending {
			if !errors.Is(p.Err, dep.ErrUserAgent) || p.Status != "" || p.Tries != 0 || p.Settled {
				t.Errorf("pending: %+v", p)
			}
		}
		if len(told) < 3 || len(told) != gate.requests("/profile/devices") {
			t.Errorf("told %d errors of %d requests", len(told), gate.requests("/profile/devices"))
		}
		for _, err := range told {
			if !errors.Is(err, dep.ErrUserAgent) {
				t.Errorf("told %v", err)
			}
		}
		gate.set(nil)
		srv.SetOutcome("A", deptest.Failed)
		before := len(told)
		pass(3 * time.Minute)
		if len(told) != before {
			t.Errorf("told of a success: %v", told[before:])
		}
		if pending := a.Pending(); len(pending) != 1 || pending[0].Err != nil || pending[0].Status != dep.StatusFailed {
			t.Errorf("pending: %+v", pending)
		}
	})
}

// Drain comes back with what repeating does not mend, and waits out the rest.
func TestAssignerDrainEndsWithWhatLasts(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		text   string
		path   string
		lasts  error // nil if Drain goes on
	}{
		{"User-Agent", 400, "USER_AGENT_INVALID", "/devices", dep.ErrUserAgent},
		{"an unknown code", 400, "SOMETHING_NEW", "/devices", errAny4xx},
		{"access denied", 403, "ACCESS_DENIED", "/profile/devices", dep.ErrAccessDenied},
		{"terms", 403, "T_C_NOT_SIGNED", "/devices", dep.ErrTermsNotSigned},
		{"terms at the login", 403, "T_C_NOT_SIGNED", "/session", dep.ErrTermsNotSigned},
		{"an expired token", 403, "token_expiredForbidden", "/session", dep.ErrTokenExpired},
		{"lost rights", 403, "FORBIDDEN", "/devices", dep.ErrForbidden},
		{"the wrong method", 405, "", "/profile/devices", dep.ErrMethodNotAllowed},
		{"a gateway's page, 404", 404, "<html>404 Not Found</html>", "/profile/devices", errAny4xx},
		{"an empty 404", 404, "", "/profile/devices", errAny4xx},
		{"too many requests", 429, "TOO_MANY_REQUESTS", "/devices", nil},
		{"the session", 401, "UNAUTHORIZED", "/devices", nil},
		{"request timeout", 408, "", "/devices", nil},
		{"unavailable", 503, "", "/devices", nil},
		{"a failure", 500, "", "/profile/devices", nil},
		{"a page instead of the answer", 200, "<html>", "/devices", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client, gate := behind(t)
				serials := srv.AddRandomDevices(3)
				profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
				gate.set(func(path, _ string) (int, string) {
					if path != test.path {
						return 0, ""
					}
					return test.status, test.text
				})
				a, outcomes := newAssigner(t, client, dep.AssignerOptions{})
				assign(t, a, profile, serials...)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				err := a.Drain(ctx)
				want := test.lasts
				if want == nil {
					want = context.DeadlineExceeded
				}
				e, refused := errors.AsType[*dep.Error](err)
				if !errors.Is(err, want) && !(want == errAny4xx && refused && e.StatusCode == test.status) {
					t.Errorf("Drain = %v, want %v", err, want)
				}
				if pending := a.Pending(); len(pending) != 3 || pending[0].Err == nil || len(outcomes.got) != 0 {
					t.Errorf("told %q, pending %+v", outcomes.lines(), pending)
				}
				gate.set(nil)
				pass(10 * time.Second) // a login that was refused is left alone for so long
				drain(t, a)
				if len(outcomes.got) != 3 {
					t.Errorf("outcomes: %q", outcomes.lines())
				}
			})
		})
	}
}

// errAny4xx stands for an answer without a sentinel.
var errAny4xx = errors.New("an answer without a sentinel")

// An incomplete token cannot be sent: nothing that Apple could mend.
func TestAssignerDrainEndsWithBadInput(t *testing.T) {
	client, err := dep.New(&dep.Token{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := newAssigner(t, client, dep.AssignerOptions{})
	assign(t, a, "0F1E", "A")
	if _, ok := errors.AsType[*dep.InputError](a.Drain(t.Context())); !ok || len(a.Pending()) != 1 {
		t.Errorf("pending: %+v", a.Pending())
	}
}

// One profile's failures are not another's.
func TestAssignerPausesTheProfileThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client, gate := behind(t)
		srv.AddSerials("A", "B")
		bad := srv.AddProfile("Bad", "https://mdm.example.com/enrol")
		good := srv.AddProfile("Good", "https://mdm.example.com/enrol")
		gate.set(whenever(bad, 500, ""))
		a, outcomes := newAssigner(t, client, dep.AssignerOptions{Always: true})
		background(t, a)
		assign(t, a, bad, "A")
		pass(2*time.Hour + time.Minute + time.Second/2) // a pause is up to half an hour by now
		before := gate.requests("/profile/devices")
		assign(t, a, good, "B")
		synctest.Wait()
		if diff := cmp.Diff([]string{"2h1m0.5s B SUCCESS done"}, outcomes.lines()); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if n := gate.requests("/profile/devices") - before; n != 1 {
			t.Errorf("%d requests to assign", n)
		}
		if before < 8 || before > 25 {
			t.Errorf("%d requests in two hours", before)
		}
	})
}

func TestAssignerNewWishEndsAPause(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault deptest.Fault
		want  time.Duration // after the new wish
	}{
		{"of this package", deptest.Fault{Kind: deptest.Empty}, 0},
		{"that Apple asked for", deptest.Fault{Kind: deptest.BusySeconds, RetryAfter: 10 * time.Minute}, 9 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client, gate := behind(t)
				srv.AddSerials("A", "B")
				profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
				a, outcomes := newAssigner(t, client, dep.AssignerOptions{Always: true})
				gate.set(whenever("", 500, ""))
				assign(t, a, profile, "A")
				background(t, a)
				for n := gate.requests("/profile/devices"); n < 9; n = gate.requests("/profile/devices") {
					pass(time.Second) // until the pauses are of ten minutes or more
				}
				gate.set(nil)
				test.fault.Path = "/profile/devices"
				srv.Fail(test.fault)
				for srv.PendingFaults() > 0 {
					pass(time.Second)
				}
				pass(time.Minute - time.Second)
				assign(t, a, profile, "A") // known already
				synctest.Wait()
				if len(outcomes.got) > 0 {
					t.Errorf("the old wish ended the pause: %q", outcomes.lines())
				}
				asked := time.Since(bubbleBegin())
				assign(t, a, profile, "B")
				pass(time.Hour)
				if len(outcomes.got) != 2 {
					t.Fatalf("outcomes: %q", outcomes.lines())
				}
				after := outcomes.at[0] - asked
				if test.want == 0 && after != 0 || after < test.want {
					t.Errorf("tried %v after the new wish, want %v", after, test.want)
				}
			})
		})
	}
}

// However fast wishes come, Apple is asked every five seconds at most while it fails.
func TestAssignerNewWishesDoNotHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client, gate := behind(t)
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		gate.set(whenever("", 500, ""))
		a, _ := newAssigner(t, client, dep.AssignerOptions{Always: true})
		background(t, a)
		for _, serial := range srv.AddRandomDevices(600) {
			assign(t, a, profile, serial)
			pass(100 * time.Millisecond)
		}
		if n := gate.requests("/profile/devices"); n < 5 || n > 14 { // in a minute; the first pause may be of 2.5 seconds
			t.Errorf("%d requests", n)
		}
	})
}

// A Retry-After that a wrong clock has made a date far away is kept, but not waited for.
func TestAssignerDoesNotWaitForMonths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A")
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		const twoMonths = 60 * 24 * time.Hour
		srv.Fail(deptest.Fault{Kind: deptest.BusySeconds, Path: "/profile/devices", RetryAfter: twoMonths})
		var failure error
		a, outcomes := newAssigner(t, client, dep.AssignerOptions{OnError: func(err error) { failure = err }})
		assign(t, a, profile, "A")
		drain(t, a)
		if diff := cmp.Diff([]string{"24h0m0s A SUCCESS done"}, outcomes.lines()); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if e, ok := errors.AsType[*dep.Error](failure); !ok || e.RetryAfter != twoMonths {
			t.Errorf("told %v", failure)
		}
	})
}

// Devices that Apple cannot read are found among a thousand, and the others get what they should.
func TestAssignerHalvesWhatIsMalformed(t *testing.T) {
	for _, test := range []struct {
		name     string
		path     string
		devices  int
		bad      []int
		requests int // at most
	}{
		{"one of a thousand", "/profile/devices", 1_000, []int{777}, 45},
		{"one of a thousand, when looked at", "/devices", 1_000, []int{0}, 45},
		{"the only one", "/profile/devices", 1, []int{0}, 2},
		{"five, scattered", "/profile/devices", 1_000, []int{0, 200, 400, 600, 999}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client, gate := behind(t)
				serials := srv.AddRandomDevices(test.devices)
				profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
				bad := map[string]bool{}
				for _, i := range test.bad {
					bad[serials[i]] = true
				}
				gate.set(func(path, body string) (int, string) {
					for serial := range bad {
						if path == test.path && strings.Contains(body, serial) {
							return 400, "MALFORMED_REQUEST_BODY"
						}
					}
					return 0, ""
				})
				a, outcomes := newAssigner(t, client, dep.AssignerOptions{})
				assign(t, a, profile, serials...)
				drain(t, a)
				for _, o := range outcomes.got {
					want := dep.StatusSuccess
					if bad[o.SerialNumber] {
						want = dep.StatusFailed
					}
					if o.Status != want || !o.Settled || errors.Is(o.Err, dep.ErrMalformedRequest) != bad[o.SerialNumber] {
						t.Errorf("outcome %+v", o)
					}
				}
				if n := gate.requests("/devices") + gate.requests("/profile/devices"); len(outcomes.got) != test.devices || n > test.requests {
					t.Errorf("%d outcomes after %d requests", len(outcomes.got), n)
				}
			})
		})
	}
}

// When Apple reads nothing at all, it is not the devices.
func TestAssignerStopsHalving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client, gate := behind(t)
		serials := srv.AddRandomDevices(1_000)
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		gate.set(whenever("", 400, "MALFORMED_REQUEST_BODY"))
		a, outcomes := newAssigner(t, client, dep.AssignerOptions{Always: true})
		assign(t, a, profile, serials...)
		if err := a.Drain(t.Context()); !errors.Is(err, dep.ErrMalformedRequest) {
			t.Errorf("Drain = %v", err)
		}
		if n := gate.requests("/profile/devices"); n > 41 {
			t.Errorf("%d requests", n)
		}
		if n := len(outcomes.got); n < 1 || n > 20 || len(a.Pending()) != 1_000-n {
			t.Errorf("%d settled, %d pending", n, len(a.Pending()))
		}
	})
}

// That the devices cannot be read back does not make the throttle of the others forgotten.
func TestAssignerKeepsWhatNeedsNoReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client, gate := behind(t)
		srv.AddSerials("A", "B")
		srv.Throttle("B", time.Hour)
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		gate.set(func(path, body string) (int, string) {
			if path == "/devices" && gate.requests(path) == 2 { // which reads A back
				return 500, ""
			}
			return 0, ""
		})
		a, outcomes := newAssigner(t, client, dep.AssignerOptions{Verify: true})
		assign(t, a, profile, "A", "B")
		drain(t, a)
		got := outcomes.lines()
		if len(got) != 3 || got[0] != "0s B THROTTLED" || !strings.HasSuffix(got[1], "A skipped done") || got[2] != "1h0m0s B SUCCESS done" {
			t.Errorf("outcomes: %q", got)
		}
		if n := gate.requests("/profile/devices"); n != 2 {
			t.Errorf("%d requests to assign", n)
		}
	})
}

// A small profile does not wait for a large one to be done.
func TestAssignerProfilesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		serials := srv.AddRandomDevices(6_002)
		profiles := []string{
			srv.AddProfile("One", "https://mdm.example.com/1"), srv.AddProfile("Many", "https://mdm.example.com/2"),
			srv.AddProfile("Two", "https://mdm.example.com/3"),
		}
		a, outcomes := newAssigner(t, client, dep.AssignerOptions{Always: true})
		assign(t, a, profiles[1], serials[2:]...)
		assign(t, a, profiles[0], serials[0])
		assign(t, a, profiles[2], serials[1])
		drain(t, a)
		for _, serial := range serials[:2] {
			at := slices.IndexFunc(outcomes.got, func(o dep.Assignment) bool { return o.SerialNumber == serial })
			if at < 0 || at > 1_001 { // a batch of the large profile may come before
				t.Errorf("%s was outcome number %d", serial, at)
			}
		}
		if n := srv.Count("", "/profile/devices"); n != 8 || len(outcomes.got) != 6_002 {
			t.Errorf("%d outcomes of %d requests", len(outcomes.got), n)
		}
	})
}

// Drain does not wait for a device that was forgotten.
func TestAssignerForgetEndsDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A")
		srv.Throttle("A", 24*time.Hour)
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		a, _ := newAssigner(t, client, dep.AssignerOptions{})
		assign(t, a, profile, "A")
		time.AfterFunc(time.Minute, func() { a.Forget([]string{"A"}) })
		drain(t, a)
		if took := time.Since(bubbleBegin()); took != time.Minute {
			t.Errorf("Drain took %v", took)
		}
	})
}

// What is restored does not take the place of what was asked for since.
func TestAssignerRestoresBehindNewWishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B")
		older := srv.AddProfile("Older", "https://mdm.example.com/enrol")
		newer := srv.AddProfile("Newer", "https://mdm.example.com/enrol")
		a, outcomes := newAssigner(t, client, dep.AssignerOptions{})
		assign(t, a, newer, "A", "B")
		err := a.Restore([]dep.Assignment{
			{SerialNumber: "A", ProfileUUID: older, Status: dep.StatusThrottled, NotBefore: bubbleBegin().Add(time.Hour)},
			{SerialNumber: "B", ProfileUUID: older, Status: dep.StatusFailed, NotBefore: bubbleBegin().Add(time.Hour), Tries: 4},
		})
		if err != nil {
			t.Fatal(err)
		}
		drain(t, a)
		if diff := cmp.Diff([]string{"0s B SUCCESS done", "1h0m0s A SUCCESS done"}, outcomes.lines()); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		for _, d := range srv.Devices() {
			if d.ProfileUUID != newer {
				t.Errorf("%s has %q", d.SerialNumber, d.ProfileUUID)
			}
		}
	})
}

// Pending survives JSON, also with an error in it.
func TestAssignerPendingAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client, gate := behind(t)
		srv.AddSerials("A", "B")
		srv.Throttle("B", time.Hour)
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		gate.set(whenever(`"A"`, 403, "ACCESS_DENIED"))
		a, _ := newAssigner(t, client, dep.AssignerOptions{})
		for _, serial := range []string{"B", "A"} {
			assign(t, a, profile, serial)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			a.Drain(ctx)
			cancel()
		}
		pending := a.Pending()
		if len(pending) != 2 || pending[0].Err == nil {
			t.Fatalf("pending: %+v", pending)
		}
		text, err := json.Marshal(pending)
		if err != nil {
			t.Fatal(err)
		}
		var restored []dep.Assignment
		if err := json.Unmarshal(text, &restored); err != nil {
			t.Fatal(err)
		}
		pending[0].Err = nil
		if diff := cmp.Diff(pending, restored); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
	})
}
