package vpp_test

import (
	"context"
	"errors"
	"net/http"
	"path"
	"sync/atomic"
	"testing"
	"time"

	"github.com/applemdm/applemdm/internal/faultmatrix"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// What comes of a cell beside what package faultmatrix has.
const (
	works    = faultmatrix.Works
	invalid  = "invalid"     // ErrInvalidRequest
	revoked  = "revoked"     // ErrTokenRevoked
	expired  = "expired"     // ErrTokenExpired
	claimed  = "claimed"     // ErrClaimedByOther
	changed  = "changed"     // ErrVersionChanged
	noCursor = "cursor"      // ErrCursor
	noEvent  = "no event"    // ErrEvent
	noMore   = "no licences" // ErrNotEnoughLicenses
	pending  = "pending"     // UndoneError, of outcomes that have no other reason
)

var sentinels = faultmatrix.Sentinels{
	faultmatrix.Busy429: vpp.ErrTooManyRequests, faultmatrix.Busy503: vpp.ErrMaintenance, faultmatrix.Server: vpp.ErrServer,
	faultmatrix.Odd: vpp.ErrUnexpectedAnswer, invalid: vpp.ErrInvalidRequest, revoked: vpp.ErrTokenRevoked,
	expired: vpp.ErrTokenExpired, claimed: vpp.ErrClaimedByOther, changed: vpp.ErrVersionChanged, noCursor: vpp.ErrCursor, noEvent: vpp.ErrEvent,
	noMore: vpp.ErrNotEnoughLicenses,
}

// ending names what err is, or says that it is none of what it may be.
func ending(err error) string {
	_, answered := errors.AsType[*vpp.Error](err)
	_, other := errors.AsType[*vpp.ClaimedError](err)
	undone, some := errors.AsType[*vpp.UndoneError](err)
	if some && len(undone.Reasons) == 1 && undone.Reasons[0].Error() == string(vpp.StatusPending) {
		return pending
	}
	return sentinels.Ending(err, answered || other || errors.Is(err, vpp.ErrVersionChanged))
}

// faultRow is a row of the matrix: a fault that meets requests, or something that happens at Apple's
// side just before they arrive.
type faultRow struct {
	faultmatrix.Row
	happens func(c *faultCell)
	undo    func(c *faultCell)         // what an administrator does about it
	only    func(call *faultCall) bool // which calls it can happen to; nil is all
}

// faultRows returns the faults of the line, and what Apps and Books has of its own.
func faultRows() []faultRow {
	var rows []faultRow
	for _, row := range faultmatrix.Line() {
		rows = append(rows, faultRow{Row: row})
	}
	said := func(name string, number, status int, once, always string) faultRow {
		fault := vpptest.ErrorFault(number)
		if status != 0 {
			fault.Status = status
		}
		return faultRow{Row: faultmatrix.Row{Name: name, Fault: fault, Once: once, Always: always}}
	}
	happens := func(name string, once, always string, only func(*faultCall) bool, do, undo func(*faultCell)) faultRow {
		return faultRow{Row: faultmatrix.Row{Name: name, Once: once, Always: always}, happens: do, undo: undo, only: only}
	}
	events := func(name string, fate vpptest.Fate, always string) faultRow {
		return happens(name, works, always, (*faultCall).hasEvents, func(c *faultCell) { c.NextEvents(fate) }, nil)
	}
	return append(rows,
		said("9602 in 200", 9602, 200, invalid, invalid),
		said("9603", 9603, 0, works, faultmatrix.Server),
		said("9603 in 200", 9603, 200, works, faultmatrix.Server),
		said("9644 in 200", 9644, 200, works, faultmatrix.Busy503),
		said("9646 with 429", 9646, 429, works, faultmatrix.Busy429),
		said("9646 in 200", 9646, 200, works, faultmatrix.Busy429),
		said("9812", 9812, 0, works, noCursor).where(func(call *faultCall) bool { return call.cursor }),
		happens("token revoked, a new one there", works, revoked, (*faultCall).hasToken, (*faultCell).renewAfterRevocation, nil),
		happens("token expired, a new one there", works, expired, (*faultCall).hasToken, (*faultCell).renewAfterExpiry, nil),
		happens("token revoked", revoked, revoked, (*faultCall).hasToken, (*faultCell).revoke, (*faultCell).renew),
		happens("list changed in between", works, changed, func(call *faultCall) bool { return call.numbered }, (*faultCell).touch, nil),
		happens("claimed by another in between", works, works, nil, (*faultCell).claimByOther, (*faultCell).giveBack),
		happens("refunded in between", noMore, noMore, func(call *faultCall) bool { return call.name == "associate" }, (*faultCell).refund, (*faultCell).buy),
		events("event forgotten", vpptest.Forget, noEvent),
		events("event forgotten, done", vpptest.ForgetRun, works),
		events("event without end", vpptest.Stall, pending),
		events("event without end, done", vpptest.StallRun, works),
	)
}

func (row faultRow) where(only func(*faultCall) bool) faultRow {
	row.only = only
	return row
}

// outcome returns what has to come of a cell.
func (call *faultCall) outcome(row faultRow, forEver bool) string {
	want := row.Want(false, forEver)
	switch {
	case row.Name == "claimed by another in between" && call.claims:
		return claimed // before the second request, or as the answer to the first
	case call.split && want == row.Always && want != invalid:
		return want // for the second request, which is not sent
	case call.name == "administrators" && want == invalid && !forEver:
		return works // in two halves
	case !call.hasEvents() || row.happens != nil:
		return want
	case want == invalid && !forEver:
		return works // likewise
	case row.Processed || !forEver:
		return works // it is read back
	}
	return want
}

// faultDeadline is how long a cell may take: an event that does not end is given ten minutes, twice.
const faultDeadline = 25 * time.Minute

// faultRequests is how many requests a call may take: 32 that Apple refuses for something in them, each
// of which is cut in two, and what is sent in their place.
const faultRequests = 40

// faultCell is one call in one location with one fault.
type faultCell struct {
	*site
	t  *testing.T
	op *vpp.Operation // that the call began

	call    *faultCall
	armed   atomic.Bool
	forEver bool
	passed  atomic.Int32 // requests to the path of the call
	happens func(c *faultCell)
}

// newFaultCell makes a location with ten users, assets and subscriptions, in lists of four pages. Where
// something happens in between, limits make two requests of what is written.
func newFaultCell(t *testing.T, row faultRow, call *faultCall, forEver bool) *faultCell {
	c := &faultCell{t: t, call: call, forEver: forEver, happens: row.happens}
	c.site = newSite(t, &vpptest.Options{PageSize: 3, EventDelay: time.Second}, c.watched)
	if call.split || row.happens != nil {
		for limit, n := range map[string]int{
			"maxSerialNumbers": 5, "maxRevokeSerialNumbers": 5, "maxUsers": 3, "maxSubscriptionClientUserIds": 5,
		} {
			c.srv.SetLimit(limit, n)
		}
	}
	c.srv.DeliverTo(c.newReceiver(t, nil))
	c.people(10)
	for i := range 10 {
		c.Buy(vpptest.Asset{AdamID: string(keys(i + 1)[i].AdamID), Total: 30})
	}
	c.subscriptions(t.Context(), 10)
	return c
}

// watched sends the requests of a client past [faultCell.arrives].
func (c *faultCell) watched(o *vpp.Options) {
	inner := o.HTTPClient.Transport
	o.HTTPClient.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		c.arrives(r)
		return inner.RoundTrip(r)
	})
	o.HTTPClient.Timeout, o.MaxBody = faultmatrix.Timeout, faultmatrix.MaxBody
}

// arrives lets happen what happens just before a request to the path of the call.
func (c *faultCell) arrives(r *http.Request) {
	if c.happens == nil || !c.armed.Load() || r.Method != c.call.method {
		return
	}
	if match, _ := path.Match(c.call.path, r.URL.Path); !match {
		return
	}
	if n := int(c.passed.Add(1)); n == c.call.skip+1 || c.forEver && n > c.call.skip {
		c.happens(c)
	}
}

func (c *faultCell) renew() { c.store(c.IssueToken(vpptest.TokenOptions{})) }

func (c *faultCell) revoke() { c.RevokeTokens() }

func (c *faultCell) renewAfterRevocation() {
	c.RevokeTokens()
	c.renew()
}

func (c *faultCell) renewAfterExpiry() {
	c.ExpireTokens()
	c.renew()
}

func (c *faultCell) touch() { c.Touch() }

func (c *faultCell) claimByOther() { c.ClaimByOther("c0ffee", "Old MDM", "old.example.test") }

func (c *faultCell) giveBack() { c.ClaimByOther(wireMDM.ID, wireMDM.Name, wireMDM.Metadata) }

func (c *faultCell) refund() { c.Refund("1000000001", "", 30) }

func (c *faultCell) buy() { c.Buy(vpptest.Asset{AdamID: "1000000001", Total: 30}) }

// begin makes the fault happen.
func (c *faultCell) begin(row faultRow) {
	c.srv.ResetReceived()
	c.armed.Store(true)
	if row.happens != nil {
		return
	}
	fault := row.Script(c.call.path, c.call.skip, c.forEver)
	fault.Method = c.call.method
	c.srv.Fail(fault)
}

// end makes it happen no more, and does what an administrator has to do.
func (c *faultCell) end(t *testing.T, row faultRow) {
	c.armed.Store(false)
	c.srv.ResetFaults()
	if row.undo != nil {
		row.undo(c)
	}
	if err := c.ask(t); err != nil {
		t.Errorf("the client does not go on: %v", err)
	}
}

// runFault runs one cell and returns what came of it.
func runFault(t *testing.T, row faultRow, call *faultCall, forEver bool) string {
	c := newFaultCell(t, row, call, forEver)
	if call.path != configPath {
		if err := c.ask(t); err != nil {
			t.Fatal(err)
		}
	} else {
		later(6 * time.Minute)
	}
	if call.prepare != nil {
		call.prepare(t, c)
	}
	c.begin(row)
	took, err := faultmatrix.Try(t, faultDeadline, func(ctx context.Context) error { return call.do(ctx, c) })
	end := ending(err)
	faultmatrix.Check(t, end, call.outcome(row, forEver), err)
	c.checkRetryAfter(t, row, err, took)
	faultmatrix.CheckRequests(t, c.srv.Received(), call.path, faultRequests)
	c.shown.Note(err)
	c.noViolations(t)
	c.checkNothingLost(t, row, err)
	return end
}

// checkRetryAfter: what the service asks for is waited for, and told when there is no more trying.
func (c *faultCell) checkRetryAfter(t *testing.T, row faultRow, err error, took time.Duration) {
	t.Helper()
	if row.RetryAfter == 0 {
		return
	}
	if least := row.RetryAfter - time.Second; took < least {
		t.Errorf("took %v", took)
	}
	if e, ok := errors.AsType[*vpp.Error](err); ok {
		row.CheckTold(t, e.RetryAfter)
	}
}

// checkNothingLost: outcomes are true, nothing is there twice, and what failed can be gone on with
// until everything is as it was asked for.
func (c *faultCell) checkNothingLost(t *testing.T, row faultRow, err error) {
	t.Helper()
	if c.call.effect != nil {
		is, want := c.call.effect(t, c), err == nil || row.Processed
		if is != want && (c.op == nil || err == nil) {
			t.Errorf("done: %v, want %v", is, want)
		}
	}
	c.checkOutcomes(t)
	c.end(t, row)
	if err != nil && c.op != nil {
		if _, err := c.op.Wait(t.Context()); err != nil {
			t.Errorf("waiting on: %v", err)
		}
		c.checkOutcomes(t)
	}
	if again := c.call.do(t.Context(), c); again != nil && (c.call.already == nil || !errors.Is(again, c.call.already)) {
		t.Errorf("going on: %v", again)
	}
	if c.call.effect != nil && !c.call.effect(t, c) {
		t.Error("not done in the end")
	}
	c.checkBooks(t)
}

// checkOutcomes holds what the operation says against what is.
func (c *faultCell) checkOutcomes(t *testing.T) {
	t.Helper()
	if c.op == nil || c.call.is == nil {
		return
	}
	for _, o := range c.op.Result().Outcomes {
		if is := c.call.is(c, o); o.Status == vpp.StatusDone && !is || o.Status == vpp.StatusFailed && is {
			t.Errorf("%v %v, and it is %v", o, o.Err, is)
		}
	}
}

// checkBooks: licences, seats and users add up; nothing is there twice.
func (c *faultCell) checkBooks(t *testing.T) {
	t.Helper()
	held, seen := make(map[string]int), make(map[vpptest.Assignment]bool)
	for _, a := range c.Assignments() {
		if seen[a] {
			t.Errorf("twice: %+v", a)
		}
		seen[a] = true
		held[a.AdamID]++
	}
	for _, a := range c.Assets() {
		if a.Assigned != held[a.AdamID] || a.Assigned+a.Available != a.Total {
			t.Errorf("%d hold %+v", held[a.AdamID], a)
		}
	}
	active := make(map[string]int)
	for _, u := range c.Users() {
		if u.Status != vpptest.Retired {
			active[u.ClientUserID]++
		}
	}
	for id, n := range active {
		if n > 1 {
			t.Errorf("%d active users %s", n, id)
		}
	}
}

// TestFaults is the fault matrix: every fault of the simulator, once and for ever, with every sort
// of call. Run it with -v to see it.
func TestFaults(t *testing.T) {
	rows := faultRows()
	faultmatrix.EveryKind(t, rows, func(row faultRow) vpptest.Fault { return row.Fault })
	faultmatrix.Matrix{
		Service: "vpp",
		Rows:    faultmatrix.Names(rows, func(row faultRow) string { return row.Name }),
		Columns: faultmatrix.Names(faultCalls, func(call *faultCall) string { return call.name }),
		Cell: func(t *testing.T, row, column int, forEver bool) string {
			return runFault(t, rows[row], faultCalls[column], forEver)
		},
		Applies: func(row, column int) bool { return rows[row].only == nil || rows[row].only(faultCalls[column]) },
	}.Run(t)
}
