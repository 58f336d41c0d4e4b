package dep_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
	"github.com/applemdm/applemdm/internal/faultmatrix"
	"github.com/applemdm/applemdm/internal/leak"
	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/internal/sim"
)

// What comes of a cell beside what package faultmatrix has.
const (
	works   = faultmatrix.Works
	noEntry = "401"      // ErrUnauthorized
	noLogin = "no login" // ErrLoginRefused
)

var sentinels = faultmatrix.Sentinels{
	faultmatrix.Busy429: dep.ErrTooManyRequests, faultmatrix.Busy503: dep.ErrUnavailable, faultmatrix.Server: dep.ErrServer,
	faultmatrix.Odd: dep.ErrUnexpectedAnswer, noEntry: dep.ErrUnauthorized, noLogin: dep.ErrLoginRefused,
}

// ending names what err is, or says that it is none of what it may be.
func ending(err error) string {
	_, answered := errors.AsType[*dep.Error](err)
	return sentinels.Ending(err, answered)
}

// faultRows returns the faults of the line, and what Device Assignment has of its own.
func faultRows() []faultmatrix.Row {
	return append(faultmatrix.Line(), faultmatrix.Row{
		Name: "expired session", Fault: deptest.Fault{Kind: deptest.Answer, Status: 401, Body: "UNAUTHORIZED"}, Once: works, Always: noEntry,
	})
}

// outcome returns what has to come of a cell.
func (call *faultCall) outcome(row faultmatrix.Row, forEver bool) string {
	switch {
	case row.BodyOnly && call.noBody && row.Fault.Kind == deptest.ResetBody:
		return faultmatrix.Either(works, faultmatrix.Lost) // the reset may overtake the header
	case row.BodyOnly && call.noBody && row.Fault.Kind != deptest.Oversize:
		return works
	case row.Fault.Status == 401 && call.name == "unlock" && !forEver:
		return noEntry // there is no session to open anew
	case row.Fault.Status == 401 && call.name == "login" && forEver:
		return noLogin
	}
	return row.Want(call.unsafe, forEver)
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
	if done := outcomes.With(dep.StatusSuccess); len(done) != n {
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
		opts.HTTPClient.Timeout = faultmatrix.Timeout
		opts.MaxBody = faultmatrix.MaxBody
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
	client.Timeout = faultmatrix.Timeout
	var err error
	c.unlocker, err = dep.NewUnlocker(push, &dep.UnlockOptions{
		HTTPClient: client, BaseURL: unlock.URL, Logger: c.shown.Logger(), Trace: c.trace,
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
func (c *faultCell) begin(t *testing.T, row faultmatrix.Row, call *faultCall, forEver bool) {
	fault := row.Script(call.path, call.skip, forEver)
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
func runFault(t *testing.T, row faultmatrix.Row, call *faultCall, forEver bool, push tls.Certificate) string {
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

	took, err := faultmatrix.Try(t, faultmatrix.Deadline, func(ctx context.Context) error { return call.do(ctx, c) })
	end := ending(err)
	faultmatrix.Check(t, end, call.outcome(row, forEver), err)
	c.checkRetryAfter(t, row, err, took, forEver)
	c.checkRequests(t, row, call, forEver)
	if v := c.Violations(); v != nil {
		t.Errorf("violations: %q", v)
	}
	secrets := append(c.secrets(), faultCode, strings.ReplaceAll(faultCode, "-", ""), faultRawCode, faultEscrowKey)
	c.hides(t, append(secrets, leak.Key(push.PrivateKey)...), err)

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
func (c *faultCell) checkRetryAfter(t *testing.T, row faultmatrix.Row, err error, took time.Duration, forEver bool) {
	t.Helper()
	pauses := 1
	if forEver {
		pauses = 3
	}
	row.CheckWait(t, took, pauses)
	if e, ok := errors.AsType[*dep.Error](err); ok {
		row.CheckTold(t, e.RetryAfter)
	}
}

// checkRequests: nothing is done twice that must not be, nothing is tried without end, and nothing
// follows a redirect.
func (c *faultCell) checkRequests(t *testing.T, row faultmatrix.Row, call *faultCall, forEver bool) {
	t.Helper()
	mayBeDone := 0
	sent := c.requests(call)
	for _, r := range sent {
		if r.Status != 429 && r.Status != 503 && r.Status != 401 {
			mayBeDone++
		}
	}
	if call.unsafe && mayBeDone > 1 {
		t.Errorf("%d requests that may have been processed", mayBeDone)
	}
	faultmatrix.CheckRequests(t, sent, call.path, 8+4*call.skip) // net/http repeats a GET once by itself
	if refusedForEver := row.Fault.Status == 401 && forEver; refusedForEver && call.path != "/session" && c.Logins() > 2+call.skip {
		t.Errorf("%d logins", c.Logins())
	}
}

// checkNothingLost: what a success promises was done, and what failed can be gone on with.
func (c *faultCell) checkNothingLost(t *testing.T, row faultmatrix.Row, call *faultCall, err error) {
	t.Helper()
	if call.effect != nil {
		if want := err == nil || row.Processed; call.effect(t, c) != want {
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
	rows := faultRows()
	faultmatrix.EveryKind(t, rows, func(row faultmatrix.Row) deptest.Fault { return row.Fault })
	faultmatrix.Matrix{
		Service: "dep",
		Rows:    faultmatrix.Names(rows, func(row faultmatrix.Row) string { return row.Name }),
		Columns: faultmatrix.Names(faultCalls, func(call *faultCall) string { return call.name }),
		Cell: func(t *testing.T, row, column int, forEver bool) string {
			return runFault(t, rows[row], faultCalls[column], forEver, push)
		},
	}.Run(t)
}

// Error texts are for people and for logs: short, of one line, and with the name of the call.
func TestErrorsAreOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		texts := make(map[string]bool)
		for _, row := range faultRows() {
			o := newOrg(t, nil, func(opts *dep.Options) {
				opts.HTTPClient.Timeout, opts.MaxBody, opts.Retry.Tries = faultmatrix.Timeout, faultmatrix.MaxBody, 1
			})
			fault := row.Fault
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
