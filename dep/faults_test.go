package dep_test

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/internal/sim"
)

// What comes of a cell of the fault matrix: success, or a typed error.
const (
	works    = "ok"
	refused  = "refused"   // TransportError: ECONNREFUSED, not sent
	lost     = "lost"      // TransportError: broken line, sent
	timedOut = "timeout"   // TransportError: context.DeadlineExceeded, sent
	tooLarge = "too large" // TransportError: ErrBodyTooLarge, sent
	busy429  = "429"       // ErrTooManyRequests
	busy503  = "503"       // ErrUnavailable
	server   = "5xx"       // ErrServer
	odd      = "odd"       // ErrUnexpectedAnswer
	noEntry  = "401"       // ErrUnauthorized
	noLogin  = "no login"  // ErrLoginRefused
	either   = "ok or lost"
)

// ending names what err is, or says that it is none of the above.
func ending(err error) string {
	if err == nil {
		return works
	}
	if line, ok := errors.AsType[*dep.TransportError](err); ok {
		switch {
		case errors.Is(err, syscall.ECONNREFUSED) && !line.Sent:
			return refused
		case !line.Sent:
			return fmt.Sprintf("not sent, but not refused: %v", err)
		case errors.Is(err, dep.ErrBodyTooLarge):
			return tooLarge
		case errors.Is(err, context.DeadlineExceeded):
			return timedOut
		}
		return lost
	}
	if _, ok := errors.AsType[*dep.Error](err); ok {
		for name, sentinel := range map[string]error{
			busy429: dep.ErrTooManyRequests, busy503: dep.ErrUnavailable, server: dep.ErrServer,
			odd: dep.ErrUnexpectedAnswer, noEntry: dep.ErrUnauthorized,
			noLogin: dep.ErrLoginRefused,
		} {
			if errors.Is(err, sentinel) {
				return name
			}
		}
	}
	return fmt.Sprintf("untyped: %v", err)
}

// faultRow is one thing that goes wrong, and what has to come of it when it happens once and when
// it goes on for ever.
type faultRow struct {
	name      string
	fault     deptest.Fault
	processed bool // the service does what it was asked for before it goes wrong

	once   string // for calls that are repeated
	unsafe string // for those that must not be; "" is once
	always string

	bodyOnly   bool          // what answers without a body is not harmed
	retryAfter time.Duration // asked for by the answer
}

var faultRows = []faultRow{
	{name: "connection refused", fault: deptest.Fault{Kind: deptest.Refuse}, once: works, always: refused},
	{name: "reset before headers", fault: deptest.Fault{Kind: deptest.Reset}, once: works, unsafe: lost, always: lost},
	{name: "answer lost", fault: deptest.Fault{Kind: deptest.Lose}, processed: true, once: works, unsafe: lost, always: lost},
	{name: "reset in body", fault: deptest.Fault{Kind: deptest.ResetBody}, processed: true, once: works, unsafe: lost, always: lost, bodyOnly: true},
	{name: "truncated JSON", fault: deptest.Fault{Kind: deptest.Truncate}, processed: true, once: odd, always: odd, bodyOnly: true},
	{name: "dripping body", fault: deptest.Fault{Kind: deptest.Drip}, processed: true, once: works, unsafe: timedOut, always: timedOut, bodyOnly: true},
	{name: "late answer", fault: deptest.Fault{Kind: deptest.Late, Delay: 9 * time.Second}, processed: true, once: works, always: works},
	{name: "silence", fault: deptest.Fault{Kind: deptest.Silence}, once: works, unsafe: timedOut, always: timedOut},
	{name: "HTML 502", fault: deptest.Fault{Kind: deptest.HTML}, once: works, unsafe: server, always: server},
	{name: "empty 500", fault: deptest.Fault{Kind: deptest.Empty}, once: works, unsafe: server, always: server},
	{name: "429", fault: deptest.Fault{Kind: deptest.Busy, Status: 429}, once: works, always: busy429},
	{name: "429, seconds", fault: deptest.Fault{Kind: deptest.BusySeconds, Status: 429}, once: works, always: busy429, retryAfter: 7 * time.Second},
	{name: "429, date", fault: deptest.Fault{Kind: deptest.BusyDate, Status: 429}, once: works, always: busy429, retryAfter: 7 * time.Second},
	{name: "503", fault: deptest.Fault{Kind: deptest.Busy}, once: works, always: busy503},
	{name: "503, seconds", fault: deptest.Fault{Kind: deptest.BusySeconds}, once: works, always: busy503, retryAfter: 7 * time.Second},
	{name: "503, date", fault: deptest.Fault{Kind: deptest.BusyDate}, once: works, always: busy503, retryAfter: 7 * time.Second},
	{name: "expired session", fault: deptest.Fault{Kind: deptest.Answer, Status: 401, Body: "UNAUTHORIZED"}, once: works, always: noEntry},
	{name: "redirect", fault: deptest.Fault{Kind: deptest.Redirect}, once: odd, always: odd},
	{name: "oversized", fault: deptest.Fault{Kind: deptest.Oversize, Size: 2 * faultMaxBody}, processed: true, once: tooLarge, always: tooLarge},
	{name: "gzip", fault: deptest.Fault{Kind: deptest.Gzip}, processed: true, once: works, always: works},
	{name: "wrong media type", fault: deptest.Fault{Kind: deptest.WrongType}, processed: true, once: works, always: works},
	{name: "duplicate members", fault: deptest.Fault{Kind: deptest.Duplicate}, processed: true, once: works, always: works},
	{name: "unknown members", fault: deptest.Fault{Kind: deptest.Unknown}, processed: true, once: works, always: works},
}

const (
	faultMaxBody  = 64 << 10 // of the client
	faultTimeout  = 10 * time.Second
	faultDeadline = 2 * time.Minute
)

// want returns what has to come of a cell.
func (row faultRow) want(call *faultCall, forEver bool) string {
	switch {
	case row.bodyOnly && call.noBody && row.fault.Kind == deptest.ResetBody:
		return either // the reset may overtake the header
	case row.bodyOnly && call.noBody:
		return works
	case row.fault.Status == 401 && call.name == "unlock" && !forEver:
		return noEntry // there is no session to open anew
	case row.fault.Status == 401 && call.name == "login" && forEver:
		return noLogin
	case forEver:
		return row.always
	case call.unsafe && row.unsafe != "":
		return row.unsafe
	}
	return row.once
}

// faultCell is one call in one organisation with one fault.
type faultCell struct {
	*org
	unlocker     *dep.Unlocker
	unlockLog    sim.Log
	unlockFaults sim.Faults
	unlocked     atomic.Int32 // times

	forEver bool     // how often the fault happens
	serials []string // of devices that the calls are about
	profile string   // one that is defined
	code    dep.BypassCode
	cursor  dep.Cursor // behind the full list

	got  []string   // what the pages had
	last dep.Cursor // of the last page
}

// faultCall is a column of the matrix.
type faultCall struct {
	name   string
	path   string // where the fault happens
	skip   int    // requests there that pass before it
	unsafe bool   // must not be processed twice
	noBody bool   // success has no body

	prepare func(t *testing.T, c *faultCell)
	do      func(ctx context.Context, c *faultCell) error

	// effect reports whether Apple did what the call is for; nil for calls that only read.
	effect func(t *testing.T, c *faultCell) bool

	// resume goes on after a failure; then got must have all of want, once.
	resume func(ctx context.Context, c *faultCell) error
	want   func(c *faultCell) []string
}

// read walks through pages and notes their items.
func read[T any](c *faultCell, pages iter.Seq2[*dep.Page[T], error], id func(T) string) error {
	for page, err := range pages {
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			c.got = append(c.got, id(item))
		}
		c.last = page.Cursor
	}
	return nil
}

func serialOf(d dep.Device) string         { return d.SerialNumber }
func classOf(class dep.RosterClass) string { return class.UniqueIdentifier }

// mustBeDone turns outcomes of which one is not a success into an error.
func mustBeDone(outcomes dep.Outcomes, n int, err error) error {
	if err != nil {
		return err
	}
	if done := outcomes.Serials(dep.StatusSuccess); len(done) != n {
		return fmt.Errorf("outcomes: %v", outcomes)
	}
	return nil
}

// hasProfile reports whether all of the devices have a profile; mixed is an error.
func hasProfile(t *testing.T, c *faultCell) bool {
	with := 0
	for _, serial := range c.serials {
		if d, ok := c.Device(serial); ok && d.ProfileStatus == deptest.StatusAssigned {
			with++
		}
	}
	if with != 0 && with != len(c.serials) {
		t.Errorf("%d of %d devices have a profile", with, len(c.serials))
	}
	return with > 0
}

var faultCalls = []*faultCall{
	{
		name: "login", path: "/session",
		do: func(ctx context.Context, c *faultCell) error { _, err := c.client.Account(ctx); return err },
	},
	{
		name: "account", path: "/account",
		do: func(ctx context.Context, c *faultCell) error {
			account, err := c.client.Account(ctx)
			if err == nil && (account.OrgName != "Example Org" || len(account.URLs) == 0) {
				return fmt.Errorf("account %+v", account)
			}
			return err
		},
	},
	{
		name: "fetch", path: "/server/devices", skip: 1,
		do: func(ctx context.Context, c *faultCell) error {
			return read(c, c.client.Changes(ctx, dep.Cursor{}), serialOf)
		},
		resume: func(ctx context.Context, c *faultCell) error {
			return read(c, c.client.Changes(ctx, c.last), serialOf)
		},
		want: func(c *faultCell) []string { return c.serials },
	},
	{
		name: "sync", path: "/devices/sync", skip: 1,
		prepare: func(t *testing.T, c *faultCell) {
			if err := read(c, c.client.Changes(t.Context(), dep.Cursor{}), serialOf); err != nil {
				t.Fatal(err)
			}
			c.got, c.cursor = nil, c.last
			c.serials = c.AddRandomDevices(25)
		},
		do: func(ctx context.Context, c *faultCell) error {
			return read(c, c.client.Changes(ctx, c.cursor), serialOf)
		},
		resume: func(ctx context.Context, c *faultCell) error {
			return read(c, c.client.Changes(ctx, c.last), serialOf)
		},
		want: func(c *faultCell) []string { return c.serials },
	},
	{
		name: "details", path: "/devices",
		do: func(ctx context.Context, c *faultCell) error {
			devices, err := c.client.DeviceDetails(ctx, c.serials)
			for i, d := range devices {
				if d.SerialNumber != c.serials[i] || d.Model == "" || !d.ResponseStatus.Done() {
					return fmt.Errorf("device %d: %+v", i, d)
				}
			}
			return err
		},
	},
	{
		name: "assign", path: "/profile/devices",
		do: func(ctx context.Context, c *faultCell) error {
			result, err := c.client.AssignProfile(ctx, c.profile, c.serials)
			if err != nil {
				return err
			}
			return mustBeDone(result.Outcomes, len(c.serials), nil)
		},
		effect: hasProfile,
	},
	{
		name: "remove", path: "/profile/devices",
		prepare: func(t *testing.T, c *faultCell) {
			if _, err := c.client.AssignProfile(t.Context(), c.profile, c.serials); err != nil {
				t.Fatal(err)
			}
		},
		do: func(ctx context.Context, c *faultCell) error {
			outcomes, err := c.client.RemoveProfile(ctx, c.serials)
			return mustBeDone(outcomes, len(c.serials), err)
		},
		effect: func(t *testing.T, c *faultCell) bool { return !hasProfile(t, c) },
	},
	{
		name: "define", path: "/profile", unsafe: true,
		do: func(ctx context.Context, c *faultCell) error {
			defined, err := c.client.DefineProfile(ctx, &dep.Profile{
				ProfileName: "new", URL: "https://mdm.example.org/enroll", Devices: c.serials,
			})
			if err != nil {
				return err
			}
			if d, _ := c.Device(c.serials[0]); d.ProfileUUID != defined.ProfileUUID {
				return fmt.Errorf("the device has the profile %s, defined was %s", d.ProfileUUID, defined.ProfileUUID)
			}
			return mustBeDone(defined.Outcomes, len(c.serials), nil)
		},
		effect: hasProfile,
	},
	{
		name: "disown", path: "/devices/disown", unsafe: true,
		do: func(ctx context.Context, c *faultCell) error {
			outcomes, err := c.client.Disown(ctx, c.serials)
			return mustBeDone(outcomes, len(c.serials), err)
		},
		effect: func(t *testing.T, c *faultCell) bool { return len(c.Devices()) == 0 },
	},
	{
		name: "lock", path: "/device/activationlock", unsafe: true,
		do: func(ctx context.Context, c *faultCell) error {
			lock := dep.LockRequest{SerialNumber: faultPhone}
			if !c.forEver { // once is enough for a key that is slow to derive
				lock.BypassCode = c.code
			}
			status, err := c.client.LockActivation(ctx, lock)
			if err == nil && status != dep.LockSuccess {
				return fmt.Errorf("status %s", status)
			}
			return err
		},
		effect: func(t *testing.T, c *faultCell) bool {
			lock, locked := c.Lock(faultPhone)
			if locked && !c.forEver && lock.EscrowKey != faultEscrowKey {
				t.Errorf("locked with %s", lock.EscrowKey)
			}
			return locked
		},
	},
	{
		name: "discovery", path: "/account-driven-enrollment/profile", noBody: true,
		do: func(ctx context.Context, c *faultCell) error {
			return c.client.SetDiscoveryURL(ctx, "https://mdm.example.org/discovery")
		},
		effect: func(t *testing.T, c *faultCell) bool {
			_, err := c.client.DiscoveryURL(t.Context())
			if err != nil && !errors.Is(err, dep.ErrNotFound) {
				t.Error(err)
			}
			return err == nil
		},
	},
	{
		name: "roster", path: "/roster/class", skip: 1,
		prepare: func(_ *testing.T, c *faultCell) {
			c.serials = nil
			for i := range 25 {
				id := fmt.Sprintf("class-%02d", i)
				c.AddClasses(deptest.Class{UniqueIdentifier: id, SourceSystemIdentifier: id})
				c.serials = append(c.serials, id)
			}
		},
		do: func(ctx context.Context, c *faultCell) error {
			return read(c, c.client.ClassChanges(ctx, dep.Cursor{}), classOf)
		},
		resume: func(ctx context.Context, c *faultCell) error {
			return read(c, c.client.ClassChanges(ctx, c.last), classOf)
		},
		want: func(c *faultCell) []string { return c.serials },
	},
	{
		name: "unlock", path: deptest.UnlockPath, unsafe: true, noBody: true,
		do: func(ctx context.Context, c *faultCell) error {
			return c.unlocker.Unlock(ctx, dep.UnlockRequest{
				SerialNumber: faultPhone, ProductType: "iPhone18,1", OrgName: "Example Org",
				GUID: "admin@example.org", BypassCode: c.code,
			})
		},
		effect: func(t *testing.T, c *faultCell) bool {
			n := c.unlocked.Load()
			if n > 1 {
				t.Errorf("unlocked %d times", n)
			}
			return n > 0
		},
	},
}

// The device that is locked, and the code of a published example with the key derived from it.
const (
	faultPhone     = "C02PHONE"
	faultCode      = "3UM43-PUYVY-QYD1-UVCC-HEHJ-FKA4"
	faultRawCode   = "1ea841db5edfafe6075b5ae0d845d254"
	faultEscrowKey = "6ab40d5eabe7218ec04182f461005600c7e3426bddd82cdb405bde9a1e0014b5"
)

// newFaultCell makes an organisation with 25 devices, a profile, and clients of both services.
func newFaultCell(t *testing.T) *faultCell {
	c := &faultCell{}
	c.org = newOrg(t, &deptest.Options{Account: deptest.Account{OrgType: "edu"}}, func(opts *dep.Options) {
		opts.HTTPClient.Timeout = faultTimeout
		opts.MaxBody = faultMaxBody
		opts.PageSize = 10
	})
	c.serials = c.AddRandomDevices(24)
	c.AddSerials(faultPhone)
	c.serials = append(c.serials, faultPhone)
	c.profile = c.AddProfile("demo", "https://mdm.example.org/enroll")
	var err error
	if c.code, err = dep.ParseBypassCode(faultCode); err != nil {
		t.Fatal(err)
	}
	return c
}

// serveUnlock stands for the simulator's unlock service, which faults cannot be scripted for and
// whose derivation of keys is slow on purpose. That a lock is really taken away is proved elsewhere.
func (c *faultCell) serveUnlock(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("serial") != faultPhone || r.FormValue("escrowKey") != faultCode {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	c.unlocked.Add(1)
}

// startUnlock gives the cell an unlock service that faults can happen to.
func (c *faultCell) startUnlock(t *testing.T, push tls.Certificate) {
	unlock := memhttp.NewTLSServer(c.unlockLog.Wrap(c.unlockFaults.Wrap(http.HandlerFunc(c.serveUnlock))),
		&tls.Config{ClientAuth: tls.RequireAnyClientCert})
	t.Cleanup(unlock.Close)
	c.unlockFaults.Refuser = unlock
	client := unlock.Client()
	client.Timeout = faultTimeout
	var err error
	c.unlocker, err = dep.NewUnlocker(push, &dep.UnlockOptions{
		HTTPClient: client, BaseURL: unlock.URL, Logger: c.logger(), Trace: c.trace,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// requests returns the requests to the path of the call, at either service.
func (c *faultCell) requests(call *faultCall) []deptest.Request {
	all := append(c.Received(), c.unlockLog.Requests()...)
	return slices.DeleteFunc(all, func(r deptest.Request) bool { return r.Path != call.path })
}

// begin makes the fault happen.
func (c *faultCell) begin(t *testing.T, row faultRow, call *faultCall, forEver bool) {
	fault := row.fault
	fault.Path, fault.Skip, fault.RetryAfter = call.path, call.skip, row.retryAfter
	if forEver {
		fault.Count = -1
	}
	switch {
	case call.name == "unlock":
		if fault.Kind == deptest.Oversize {
			fault.Size = 2 << 20 // an Unlocker has a limit of its own
		}
		c.unlockFaults.Add(fault)
	case fault.Status == 401 && !forEver:
		c.account(t)
		c.ExpireSessions()
	default:
		c.Fail(fault)
	}
}

// runFault runs one cell and returns what came of it.
func runFault(t *testing.T, row faultRow, call *faultCall, forEver bool, push tls.Certificate) string {
	c := newFaultCell(t)
	c.forEver = forEver
	if call.name == "unlock" {
		c.startUnlock(t, push)
	}
	if call.name != "login" {
		c.account(t)
	}
	if call.prepare != nil {
		call.prepare(t, c)
	}
	c.ResetReceived()
	c.begin(t, row, call, forEver)

	start := time.Now()
	err := within(t.Context(), faultDeadline, func(ctx context.Context) error { return call.do(ctx, c) })
	took := time.Since(start)
	end := ending(err)

	if want := row.want(call, forEver); end != want && !(want == either && (end == works || end == lost)) {
		t.Errorf("ended with %q, want %q: %v", end, want, err)
	}
	if took >= faultDeadline {
		t.Errorf("took %v", took)
	}
	c.checkRetryAfter(t, row, err, took, forEver)
	c.checkRequests(t, row, call, forEver)
	if v := c.Violations(); v != nil {
		t.Errorf("violations: %q", v)
	}
	secrets := append(c.secrets(), faultCode, strings.ReplaceAll(faultCode, "-", ""), faultRawCode, faultEscrowKey)
	c.hides(t, append(secrets, keyForms(t, push)...), err)

	c.ResetFaults()
	c.unlockFaults.Reset()
	c.checkNothingLost(t, row, call, err)
	if end == noLogin {
		c.client.ResetSession() // a refusal is remembered for a while
	}
	c.account(t) // the client goes on as if nothing had been
	return end
}

// checkRetryAfter: what the service asks for is waited for, and told when there is no more trying.
func (c *faultCell) checkRetryAfter(t *testing.T, row faultRow, err error, took time.Duration, forEver bool) {
	t.Helper()
	if row.retryAfter == 0 {
		return
	}
	waits := time.Duration(1)
	if forEver {
		waits = 3
	}
	least := waits * (row.retryAfter - time.Second) // a date has whole seconds
	if most := waits * row.retryAfter; took < least || took > most {
		t.Errorf("took %v, want %v to %v", took, least, most)
	}
	if e, ok := errors.AsType[*dep.Error](err); ok && (e.RetryAfter < row.retryAfter-time.Second || e.RetryAfter > row.retryAfter) {
		t.Errorf("RetryAfter = %v", e.RetryAfter)
	}
}

// checkRequests: nothing is done twice that must not be, nothing is tried without end, and nothing
// follows a redirect.
func (c *faultCell) checkRequests(t *testing.T, row faultRow, call *faultCall, forEver bool) {
	t.Helper()
	mayBeDone := 0
	sent := c.requests(call)
	for _, r := range sent {
		if r.Host == "elsewhere.test" {
			t.Error("a redirect to another host was followed")
		}
		if r.Status != 429 && r.Status != 503 && r.Status != 401 {
			mayBeDone++
		}
	}
	if call.unsafe && mayBeDone > 1 {
		t.Errorf("%d requests that may have been processed", mayBeDone)
	}
	if most := 8 + 4*call.skip; len(sent) > most { // net/http repeats a GET once by itself
		t.Errorf("%d requests", len(sent))
	}
	if refusedForEver := row.fault.Status == 401 && forEver; refusedForEver && call.path != "/session" && c.Logins() > 2+call.skip {
		t.Errorf("%d logins", c.Logins())
	}
}

// checkNothingLost: what a success promises was done, and what failed can be gone on with.
func (c *faultCell) checkNothingLost(t *testing.T, row faultRow, call *faultCall, err error) {
	t.Helper()
	if call.effect != nil {
		if want := err == nil || row.processed; call.effect(t, c) != want {
			t.Errorf("done: %v, want %v", !want, want)
		}
	}
	if call.resume == nil {
		return
	}
	if err != nil {
		if err := call.resume(t.Context(), c); err != nil {
			t.Errorf("going on: %v", err)
		}
	}
	want, got := slices.Sorted(slices.Values(call.want(c))), slices.Sorted(slices.Values(c.got))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items: %s", diff)
	}
}

// TestFaults is the fault matrix: every fault of the simulator, once and for ever, with every sort
// of call. Run it with -v to see it.
func TestFaults(t *testing.T) {
	push := newPushCertificate(t)
	matrix := make([][][2]string, len(faultRows))
	t.Cleanup(func() { t.Log("\n" + faultMatrix(matrix)) }) // when the parallel rows have ended
	kinds := make(map[deptest.Kind]bool)
	for i, row := range faultRows {
		matrix[i] = make([][2]string, len(faultCalls))
		kinds[row.fault.Kind] = true
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			runFaultRow(t, row, push, matrix[i])
		})
	}
	for kind := deptest.Answer; kind <= deptest.Unknown; kind++ {
		if !kinds[kind] {
			t.Errorf("kind %d is not in the matrix", kind)
		}
	}
}

func runFaultRow(t *testing.T, row faultRow, push tls.Certificate, ends [][2]string) {
	for i, call := range faultCalls {
		for j, often := range []string{"once", "always"} {
			t.Run(call.name+" "+often, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ends[i][j] = runFault(t, row, call, often == "always", push)
				})
			})
		}
	}
}

// faultMatrix prints what came of each fault: once, and for ever if that differs.
func faultMatrix(matrix [][][2]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-22s", "once / for ever")
	for _, call := range faultCalls {
		fmt.Fprintf(&b, "%-13s", call.name)
	}
	for i, row := range faultRows {
		fmt.Fprintf(&b, "\n%-22s", row.name)
		for _, ends := range matrix[i] {
			text := ends[0]
			if ends[0] != ends[1] {
				text += " / " + ends[1]
			}
			fmt.Fprintf(&b, "%-13s", text)
		}
	}
	return b.String()
}

// keyForms returns the forms in which a private key could show.
func keyForms(t *testing.T, certificate tls.Certificate) []string {
	t.Helper()
	raw := keyBytes(t, certificate)
	return []string{string(raw), hex.EncodeToString(raw), fmt.Sprint(raw), fmt.Sprintf("%#v", raw)}
}

// Error texts are for people and for logs: short, of one line, and with the name of the call.
func TestErrorsAreOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		texts := make(map[string]bool)
		for _, row := range faultRows {
			o := newOrg(t, nil, func(opts *dep.Options) {
				opts.HTTPClient.Timeout, opts.MaxBody, opts.Retry.Tries = faultTimeout, faultMaxBody, 1
			})
			fault := row.fault
			fault.Count = -1
			o.Fail(fault)
			if _, err := o.client.Account(t.Context()); err != nil {
				texts[err.Error()] = true
			}
		}
		for text := range texts {
			if strings.ContainsAny(text, "\r\n") || len(text) > 300 || !strings.HasPrefix(text, "log in: ") {
				t.Errorf("%q", text)
			}
		}
		if len(texts) < 10 {
			t.Errorf("%d texts only: %q", len(texts), slices.Collect(maps.Keys(texts)))
		}
	})
}
