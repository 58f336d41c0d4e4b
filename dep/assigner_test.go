package dep_test

import (
	"context"
	"errors"
	"fmt"
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

// told is what OnOutcome was told, each with the time since the bubble began.
type told struct {
	mu  sync.Mutex
	got []dep.Assignment
	at  []time.Duration
}

func (o *told) note(a dep.Assignment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, a)
	o.at = append(o.at, time.Since(bubbleBegin()))
}

// bubbleBegin is what the clock says when a bubble begins.
func bubbleBegin() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// lines sums up, in order, what was told.
func (o *told) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var lines []string
	for i, a := range o.got {
		line := fmt.Sprintf("%v %s %s", o.at[i], a.SerialNumber, a.Status)
		if a.Settled {
			line += " done"
		}
		lines = append(lines, line)
	}
	return lines
}

// newAssigner returns an Assigner whose outcomes are noted.
func newAssigner(t testing.TB, client *dep.Client, opts dep.AssignerOptions) (*dep.Assigner, *told) {
	t.Helper()
	outcomes := &told{}
	opts.OnOutcome = outcomes.note
	a, err := dep.NewAssigner(client, &opts)
	if err != nil {
		t.Fatal(err)
	}
	return a, outcomes
}

func assign(t testing.TB, a *dep.Assigner, profile string, serials ...string) {
	t.Helper()
	if err := a.Assign(profile, serials); err != nil {
		t.Fatal(err)
	}
}

func drain(t testing.TB, a *dep.Assigner) {
	t.Helper()
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if pending := a.Pending(); len(pending) > 0 {
		t.Errorf("pending after Drain: %+v", pending)
	}
}

// counted returns how many times devices were looked at and assigned.
func counted(srv *deptest.Server) string {
	return fmt.Sprintf("looked %d assigned %d", srv.Count("POST", "/devices"), srv.Count("", "/profile/devices"))
}

// background runs a until the test ends.
func background(t testing.TB, a *dep.Assigner) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

func TestAssignerOutcomes(t *testing.T) {
	for _, test := range []struct {
		name    string
		opts    dep.AssignerOptions
		version int
		prepare func(srv *deptest.Server, profile string)
		want    []string
		counted string
	}{
		{
			name:    "assigned",
			prepare: func(*deptest.Server, string) {},
			want:    []string{"0s A SUCCESS done"}, counted: "looked 1 assigned 1",
		},
		{
			name: "the device has the profile: nothing to assign",
			prepare: func(srv *deptest.Server, profile string) {
				srv.ModifyDevice("A", func(d *deptest.Device) {
					d.ProfileStatus, d.ProfileUUID = deptest.StatusPushed, strings.ToLower(profile)
				})
			},
			want: []string{"0s A skipped done"}, counted: "looked 1 assigned 0",
		},
		{
			name: "the device had the profile",
			prepare: func(srv *deptest.Server, profile string) {
				srv.ModifyDevice("A", func(d *deptest.Device) {
					d.ProfileStatus, d.ProfileUUID = deptest.StatusRemoved, profile
				})
			},
			want: []string{"0s A SUCCESS done"}, counted: "looked 1 assigned 1",
		},
		{
			name: "always assigned, also when the device has the profile", opts: dep.AssignerOptions{Always: true},
			prepare: func(srv *deptest.Server, profile string) {
				srv.ModifyDevice("A", func(d *deptest.Device) {
					d.ProfileStatus, d.ProfileUUID = deptest.StatusAssigned, profile
				})
			},
			want: []string{"0s A SUCCESS done"}, counted: "looked 0 assigned 1",
		},
		{
			name:    "throttled: tried again when Apple wants it",
			prepare: func(srv *deptest.Server, _ string) { srv.Throttle("A", 90*time.Minute+500*time.Millisecond) },
			want:    []string{"0s A THROTTLED", "1h30m1s A SUCCESS done"}, counted: "looked 2 assigned 2",
		},
		{
			name: "throttled again", opts: dep.AssignerOptions{Always: true, MaxTries: 1},
			prepare: func(srv *deptest.Server, _ string) {
				srv.Throttle("A", time.Minute)
				time.AfterFunc(59*time.Second, func() { srv.Throttle("A", time.Hour) })
			},
			want: []string{"0s A THROTTLED", "1m0s A THROTTLED", "1h0m59s A SUCCESS done"}, counted: "looked 0 assigned 3",
		},
		{
			name: "throttled without a time", version: 9,
			prepare: func(srv *deptest.Server, _ string) { srv.Throttle("A", 25*time.Hour) },
			want:    []string{"0s A THROTTLED", "24h0m0s A THROTTLED", "48h0m0s A SUCCESS done"}, counted: "looked 3 assigned 3",
		},
		{
			name: "throttled without a time, by option", version: 9, opts: dep.AssignerOptions{ThrottleWait: time.Hour},
			prepare: func(srv *deptest.Server, _ string) { srv.Throttle("A", time.Minute) },
			want:    []string{"0s A THROTTLED", "1h0m0s A SUCCESS done"}, counted: "looked 2 assigned 2",
		},
		{
			name:    "released: settled without a try",
			prepare: func(srv *deptest.Server, _ string) { srv.RemoveDevices("A") },
			want:    []string{"0s A NOT_ACCESSIBLE done"}, counted: "looked 1 assigned 0",
		},
		{
			name: "released: settled by the try", opts: dep.AssignerOptions{Always: true},
			prepare: func(srv *deptest.Server, _ string) { srv.RemoveDevices("A") },
			want:    []string{"0s A NOT_ACCESSIBLE done"}, counted: "looked 0 assigned 1",
		},
		{
			name: "given up", opts: dep.AssignerOptions{MaxTries: 1},
			prepare: func(srv *deptest.Server, _ string) { srv.SetOutcome("A", deptest.Failed) },
			want:    []string{"0s A FAILED done"}, counted: "looked 1 assigned 1",
		},
		{
			name: "not mentioned", opts: dep.AssignerOptions{MaxTries: 1},
			prepare: func(srv *deptest.Server, _ string) { srv.DropFromAnswer("A") },
			want:    []string{"0s A missing from the answer done"}, counted: "looked 1 assigned 1",
		},
		{
			name: "verified", opts: dep.AssignerOptions{Verify: true},
			prepare: func(*deptest.Server, string) {},
			want:    []string{"0s A SUCCESS done"}, counted: "looked 2 assigned 1",
		},
		{
			name: "verified, but the device did not take it", opts: dep.AssignerOptions{Verify: true, MaxTries: 1},
			prepare: func(srv *deptest.Server, _ string) { srv.SetOutcome("A", deptest.Success) },
			want:    []string{"0s A assigned but not confirmed done"}, counted: "looked 2 assigned 1",
		},
		{
			name: "nothing to verify", opts: dep.AssignerOptions{Verify: true, MaxTries: 1},
			prepare: func(srv *deptest.Server, _ string) { srv.SetOutcome("A", deptest.Failed) },
			want:    []string{"0s A FAILED done"}, counted: "looked 1 assigned 1",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client := simulated(t, nil, func(o *dep.Options) { o.ProtocolVersion = test.version })
				srv.AddSerials("A")
				profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
				test.prepare(srv, profile)
				a, outcomes := newAssigner(t, client, test.opts)
				assign(t, a, profile, "A")
				drain(t, a)
				if diff := cmp.Diff(test.want, outcomes.lines()); diff != "" {
					t.Errorf("outcomes (-want +got):\n%s", diff)
				}
				if got := counted(srv); got != test.counted {
					t.Errorf("%s, want %s", got, test.counted)
				}
				if v := srv.Violations(); len(v) > 0 {
					t.Errorf("violations: %q", v)
				}
			})
		})
	}
}

func TestAssignerPausesGrow(t *testing.T) {
	for _, test := range []struct {
		name   string
		status dep.Status
		spoil  func(*deptest.Server)
	}{
		{"FAILED", dep.StatusFailed, func(srv *deptest.Server) { srv.SetOutcome("A", deptest.Failed) }},
		{"missing", dep.StatusMissing, func(srv *deptest.Server) { srv.DropFromAnswer("A") }},
		{"unverified", dep.StatusUnverified, func(srv *deptest.Server) { srv.SetOutcome("A", deptest.Success) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client := simulated(t, nil, nil)
				srv.AddSerials("A")
				profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
				test.spoil(srv)
				a, outcomes := newAssigner(t, client, dep.AssignerOptions{Verify: true})
				assign(t, a, profile, "A")
				drain(t, a)
				if len(outcomes.got) != 5 {
					t.Fatalf("outcomes: %q", outcomes.lines())
				}
				for i, o := range outcomes.got {
					last := i == 4
					if o.Status != test.status || o.Tries != i+1 || o.Settled != last || o.Err != nil {
						t.Errorf("outcome %d: %+v", i, o)
					}
					if last {
						break
					}
					whole := 5 * time.Minute << i
					if pause := outcomes.at[i+1] - outcomes.at[i]; pause < whole/2 || pause > whole {
						t.Errorf("pause %d was %v, want between %v and %v", i, pause, whole/2, whole)
					}
				}
			})
		})
	}
}

// What becomes good after some tries ends well.
func TestAssignerRecovers(t *testing.T) {
	for name, spoil := range map[string]func(*deptest.Server) (mend func()){
		"FAILED": func(srv *deptest.Server) func() {
			srv.SetOutcome("A", deptest.Failed)
			return func() { srv.SetOutcome("A", "") }
		},
		"missing": func(srv *deptest.Server) func() {
			srv.DropFromAnswer("A")
			return func() { srv.DropFromAnswer() }
		},
		"unverified": func(srv *deptest.Server) func() {
			srv.SetOutcome("A", deptest.Success)
			return func() { srv.SetOutcome("A", "") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, client := simulated(t, nil, nil)
				srv.AddSerials("A", "B")
				profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
				mend := spoil(srv)
				a, outcomes := newAssigner(t, client, dep.AssignerOptions{Verify: true})
				background(t, a)
				assign(t, a, profile, "A", "B")
				pass(6 * time.Minute)
				mend()
				if pending := a.Pending(); len(pending) != 1 || pending[0].SerialNumber != "A" || pending[0].Tries < 1 {
					t.Errorf("pending: %+v", pending)
				}
				pass(time.Hour)
				if pending := a.Pending(); len(pending) > 0 {
					t.Errorf("pending: %+v, told %q", pending, outcomes.lines())
				}
				if d, _ := srv.Device("A"); d.ProfileUUID != profile {
					t.Errorf("A has %q", d.ProfileUUID)
				}
			})
		})
	}
}

// A profile that does not exist is a settled matter, in all of Apple's words for it.
func TestAssignerProfileUnknown(t *testing.T) {
	for _, manner := range []deptest.Manner{deptest.Apple, deptest.Depsim} {
		synctest.Test(t, func(t *testing.T) {
			srv, client := simulated(t, &deptest.Options{Manner: manner}, func(o *dep.Options) { o.AssignMethod = http.MethodPut })
			srv.AddSerials("A", "B")
			a, outcomes := newAssigner(t, client, dep.AssignerOptions{})
			assign(t, a, "0F1E2D3C4B5A6978", "A", "B")
			drain(t, a)
			want := []string{"0s A FAILED done", "0s B FAILED done"}
			if diff := cmp.Diff(want, outcomes.lines()); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			for _, o := range outcomes.got {
				if !errors.Is(o.Err, dep.ErrProfileNotFound) {
					t.Errorf("%s: %v", o.SerialNumber, o.Err)
				}
			}
		})
	}
}

// depsim takes nothing but PUT.
func TestAssignerWithPUT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, &deptest.Options{Manner: deptest.Depsim}, func(o *dep.Options) { o.AssignMethod = http.MethodPut })
		srv.AddSerials("A")
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		a, _ := newAssigner(t, client, dep.AssignerOptions{})
		assign(t, a, profile, "A")
		drain(t, a)
		if d, _ := srv.Device("A"); d.ProfileUUID != profile || srv.Count("PUT", "/profile/devices") != 1 {
			t.Errorf("A has %q after %d PUTs", d.ProfileUUID, srv.Count("PUT", "/profile/devices"))
		}
	})
}

// While Apple cannot be asked, or refuses the account, everything stays pending.
func TestAssignerOutlivesRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A")
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		srv.SetTermsSigned(false)
		a, outcomes := newAssigner(t, client, dep.AssignerOptions{})
		assign(t, a, profile, "A")
		background(t, a)
		pass(24 * time.Hour)
		if lines := outcomes.lines(); lines != nil || len(a.Pending()) != 1 {
			t.Errorf("told %q, pending %+v", lines, a.Pending())
		}
		if n := srv.Count("", ""); n < 48 || n > 130 {
			t.Errorf("%d requests in a day", n)
		}
		srv.SetTermsSigned(true)
		pass(30 * time.Minute)
		if got := outcomes.lines(); len(got) != 1 || !strings.HasSuffix(got[0], "A SUCCESS done") {
			t.Errorf("told %q", got)
		}
	})
}

func TestAssignerWaitsAsLongAsAppleAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A")
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		srv.Fail(deptest.Fault{Kind: deptest.BusySeconds, Path: "/profile/devices", Status: 429, RetryAfter: 2 * time.Hour})
		a, outcomes := newAssigner(t, client, dep.AssignerOptions{})
		assign(t, a, profile, "A")
		drain(t, a)
		if diff := cmp.Diff([]string{"2h0m0s A SUCCESS done"}, outcomes.lines()); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
	})
}

// late makes the next assignment take half a minute; Apple carries it out at once.
func late(srv *deptest.Server) {
	srv.Fail(deptest.Fault{Kind: deptest.Late, Path: "/profile/devices", Delay: 30 * time.Second})
}

func TestAssignerNewWishWhileARequestIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B")
		first := srv.AddProfile("First", "https://mdm.example.com/enrol")
		second := srv.AddProfile("Second", "https://mdm.example.com/enrol")
		late(srv)
		a, outcomes := newAssigner(t, client, dep.AssignerOptions{})
		background(t, a)
		assign(t, a, first, "A", "B")
		pass(10 * time.Second)
		assign(t, a, second, "A")
		pass(time.Hour)
		want := []string{"30s B SUCCESS done", "30s A SUCCESS done"} // the first outcome for A is no longer wanted
		if diff := cmp.Diff(want, outcomes.lines()); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if d, _ := srv.Device("A"); d.ProfileUUID != second {
			t.Errorf("A has %s", d.ProfileUUID)
		}
		if d, _ := srv.Device("B"); d.ProfileUUID != first {
			t.Errorf("B has %s", d.ProfileUUID)
		}
	})
}

func TestAssignerForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B", "C")
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		srv.Throttle("B", time.Hour)
		late(srv)
		a, outcomes := newAssigner(t, client, dep.AssignerOptions{})
		background(t, a)
		assign(t, a, profile, "A", "B", "C")
		pass(10 * time.Second)
		a.Forget([]string{"A", "X"}) // with the request under way
		pass(30 * time.Second)
		a.Forget([]string{"B"}) // while it waits
		pass(2 * time.Hour)
		want := []string{"30s B THROTTLED", "30s C SUCCESS done"}
		if diff := cmp.Diff(want, outcomes.lines()); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if pending := a.Pending(); len(pending) > 0 {
			t.Errorf("pending: %+v", pending)
		}
	})
}

// What was pending goes on in a new process where it was, and a throttle is not cut short.
func TestAssignerRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A", "B")
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		srv.Throttle("A", time.Hour)
		srv.SetOutcome("B", deptest.Failed)
		opts := dep.AssignerOptions{MaxTries: 2, RetryWait: 4 * time.Hour}
		first, _ := newAssigner(t, client, opts)
		assign(t, first, profile, "B", "A")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := first.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run = %v", err)
		}
		pending := first.Pending()
		if len(pending) != 2 || pending[0].SerialNumber != "A" || !pending[0].NotBefore.Equal(bubbleBegin().Add(time.Hour)) ||
			pending[0].Tries != 0 || pending[1].Tries != 1 {
			t.Fatalf("pending: %+v", pending)
		}

		second, outcomes := newAssigner(t, client, opts)
		done := dep.Assignment{SerialNumber: "C", ProfileUUID: profile, Settled: true}
		if err := second.Restore(append(pending, done)); err != nil {
			t.Fatal(err)
		}
		assign(t, second, profile, "A") // known already: it keeps its place
		drain(t, second)
		got := outcomes.lines()
		if len(got) != 2 || got[0] != "1h0m0s A SUCCESS done" || !strings.HasSuffix(got[1], "B FAILED done") {
			t.Errorf("outcomes: %q", got)
		}
		if at := outcomes.at[len(outcomes.at)-1]; at < 2*time.Hour || at > 4*time.Hour {
			t.Errorf("B was tried after %v", at)
		}
	})
}

func TestAssignerManyDevicesAndProfiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		serials := srv.AddRandomDevices(3_300)
		phones := srv.AddProfile("Phones", "https://mdm.example.com/phones")
		others := srv.AddProfile("Others", "https://mdm.example.com/others")
		a, outcomes := newAssigner(t, client, dep.AssignerOptions{})
		assign(t, a, others, serials...)
		assign(t, a, phones, serials[:1_500]...)
		drain(t, a)
		for i, d := range srv.Devices() {
			if want := i < 1_500; (d.ProfileUUID == phones) != want || (d.ProfileUUID == others) == want {
				t.Fatalf("device %d has %q", i, d.ProfileUUID)
			}
		}
		if got := counted(srv); len(outcomes.got) != 3_300 || got != "looked 4 assigned 4" {
			t.Errorf("%d outcomes, %s", len(outcomes.got), got)
		}
		if v := srv.Violations(); len(v) > 0 {
			t.Errorf("violations: %q", v)
		}
	})
}

func TestAssignerEnds(t *testing.T) {
	shutdown := errors.New("shutdown")
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		srv.AddSerials("A")
		profile := srv.AddProfile("Phones", "https://mdm.example.com/enrol")
		a, _ := newAssigner(t, client, dep.AssignerOptions{})
		drain(t, a) // of nothing
		if n := srv.Count("", ""); n != 0 {
			t.Errorf("%d requests for nothing", n)
		}
		srv.Throttle("A", 24*time.Hour)
		assign(t, a, profile, "A")
		for name, work := range map[string]func(context.Context) error{"Run": a.Run, "Drain": a.Drain} {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Minute, func() { cancel(shutdown) })
			if err := work(ctx); !errors.Is(err, shutdown) || !errors.Is(err, context.Canceled) {
				t.Errorf("%s = %v", name, err)
			}
			if err := work(ctx); !errors.Is(err, shutdown) {
				t.Errorf("%s with a context that has ended = %v", name, err)
			}
		}

		// One worker at a time: the second waits for the first, or for its own context.
		background(t, a)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := a.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain beside Run = %v", err)
		}
	})
}

// An outcome may ask for more, and many may ask at a time.
func TestAssignerIsSafeForConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		profiles := []string{srv.AddProfile("One", "https://mdm.example.com/1"), srv.AddProfile("Two", "https://mdm.example.com/2")}
		serials := srv.AddRandomDevices(200)
		last := srv.AddProfile("Last", "https://mdm.example.com/last")
		var a *dep.Assigner
		a, err := dep.NewAssigner(client, &dep.AssignerOptions{OnOutcome: func(o dep.Assignment) {
			if o.ProfileUUID != last {
				if err := a.Assign(last, []string{o.SerialNumber}); err != nil {
					t.Error(err)
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		background(t, a)
		var callers sync.WaitGroup
		for i := range 8 {
			callers.Go(func() {
				for chunk := range slices.Chunk(serials, 10) {
					if err := a.Assign(profiles[i%2], chunk); err != nil {
						t.Error(err)
					}
					a.Forget([]string{"NOBODY"})
					a.Pending()
					time.Sleep(time.Millisecond)
				}
			})
		}
		callers.Wait()
		pass(time.Hour)
		for _, d := range srv.Devices() {
			if d.ProfileUUID != last {
				t.Fatalf("%s has %q", d.SerialNumber, d.ProfileUUID)
			}
		}
	})
}

func TestAssignerInput(t *testing.T) {
	_, client := simulated(t, nil, nil)
	a, _ := newAssigner(t, client, dep.AssignerOptions{})
	_, noClient := dep.NewAssigner(nil, nil)
	_, tries := dep.NewAssigner(client, &dep.AssignerOptions{MaxTries: -1})
	_, wait := dep.NewAssigner(client, &dep.AssignerOptions{RetryWait: -1})
	_, throttle := dep.NewAssigner(client, &dep.AssignerOptions{ThrottleWait: -1})
	for _, test := range []struct {
		field string
		err   error
	}{
		{"client", noClient},
		{"AssignerOptions.MaxTries", tries},
		{"AssignerOptions", wait},
		{"AssignerOptions", throttle},
		{"profileUUID", a.Assign("", []string{"A"})},
		{"profileUUID", a.Assign("a/b", []string{"A"})},
		{"serials", a.Assign("0F1E", nil)},
		{"serials", a.Assign("0F1E", []string{"A", ""})},
		{"Assignment.SerialNumber", a.Restore([]dep.Assignment{{SerialNumber: "A", ProfileUUID: "0F1E"}, {ProfileUUID: "0F1E"}})},
		{"profileUUID", a.Restore([]dep.Assignment{{SerialNumber: "A", ProfileUUID: "0F1E"}, {SerialNumber: "B"}})},
	} {
		if input, ok := errors.AsType[*dep.InputError](test.err); !ok || !strings.HasPrefix(input.Field, test.field) {
			t.Errorf("%s: %v", test.field, test.err)
		}
	}
	if pending := a.Pending(); len(pending) > 0 {
		t.Errorf("taken in all the same: %+v", pending)
	}
}
