package axm_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/internal/faultmatrix"
)

// What comes of a cell beside what package faultmatrix has.
const (
	works   = faultmatrix.Works
	noEntry = "401"      // ErrUnauthorized
	noToken = "no token" // ErrTokenRefused
)

var sentinels = faultmatrix.Sentinels{
	faultmatrix.Busy429: axm.ErrTooManyRequests, faultmatrix.Busy503: axm.ErrUnavailable, faultmatrix.Server: axm.ErrServer,
	faultmatrix.Odd: axm.ErrUnexpectedAnswer, noEntry: axm.ErrUnauthorized, noToken: axm.ErrTokenRefused,
}

// ending names what err is, or says that it is none of what it may be.
func ending(err error) string {
	_, answered := errors.AsType[*axm.Error](err)
	_, authError := errors.AsType[*axm.AuthError](err)
	return sentinels.Ending(err, answered || authError)
}

// faultRows returns the faults of the line, and what this service has of its own.
func faultRows() []faultmatrix.Row {
	rows := faultmatrix.Line()
	for i := range rows {
		if rows[i].Always == faultmatrix.Busy503 {
			rows[i].Unsafe = faultmatrix.Busy503 // Apple does not say that it has done nothing
		}
	}
	return append(rows, faultmatrix.Row{
		Name: "refused token", Fault: axmtest.Fault{Kind: axmtest.Answer, Status: 401}, Once: works, Always: noEntry,
	})
}

// outcome returns what has to come of a cell.
func (call *faultCall) outcome(row faultmatrix.Row, forEver bool) string {
	switch {
	case row.Fault.Kind == axmtest.Refuse && call.name == "fan-out" && forEver:
		// Its connections are open, unless one is idle just then; and what was sent on one that breaks is
		// lost, although no other connection is to be had.
		return faultmatrix.Either(works, faultmatrix.Refused, faultmatrix.Lost)
	case row.Fault.Kind == axmtest.ResetBody && call.noBody:
		return faultmatrix.Either(works, faultmatrix.Lost) // the reset may overtake the header
	case row.BodyOnly && call.noBody:
		return works
	case row.Fault.Status == 401 && call.path == tokenPath:
		return noToken
	}
	return row.Want(call.unsafe, forEver)
}

// faultCell is one call in one organisation with one fault.
type faultCell struct {
	*site
	serials  []string // of the devices of the organisation
	serverID string   // which all of them are assigned to
	spare    string   // a server without devices
	got      []string // what the pages had
	cursor   string   // of the last page
}

// faultCall is a column of the matrix.
type faultCall struct {
	name   string
	path   string // where the fault happens; a pattern
	skip   int    // requests there that pass before it
	unsafe bool   // must not be processed twice
	noBody bool   // success has no body

	do func(ctx context.Context, c *faultCell) error

	// effect reports whether Apple did what the call is for; nil for calls that only read.
	effect func(t *testing.T, c *faultCell) bool

	// resume goes on after a failure; then got must have all serial numbers, once.
	resume bool
}

// readDevices walks through pages from where the last walk ended.
func readDevices(ctx context.Context, c *faultCell) error {
	for p, err := range c.client.DevicePages(ctx, axm.ListOptions{PageSize: 10, Cursor: c.cursor}) {
		if err != nil {
			return err
		}
		for _, d := range p.Items {
			c.got = append(c.got, d.ID)
		}
		c.cursor = p.Cursor
	}
	return nil
}

func readAssignments(ctx context.Context, c *faultCell) error {
	for p, err := range c.client.ServerDevicePages(ctx, c.serverID, axm.ListOptions{PageSize: 10, Cursor: c.cursor}) {
		if err != nil {
			return err
		}
		c.got = append(c.got, p.Items...)
		c.cursor = p.Cursor
	}
	return nil
}

var faultCalls = []*faultCall{
	{
		name: "token", path: tokenPath,
		do: func(ctx context.Context, c *faultCell) error {
			_, err := c.client.Device(ctx, c.serials[0])
			return err
		},
	},
	{
		name: "device", path: "/v1/orgDevices/*",
		do: func(ctx context.Context, c *faultCell) error {
			d, err := c.client.Device(ctx, c.serials[0])
			if err == nil && (d.ID != c.serials[0] || d.Status != axm.DeviceAssigned) {
				return fmt.Errorf("device %+v", d)
			}
			return err
		},
	},
	{name: "devices", path: "/v1/orgDevices", skip: 1, do: readDevices, resume: true},
	{name: "assigned", path: "/v1/mdmServers/*/relationships/devices", skip: 1, do: readAssignments, resume: true},
	{
		name: "fan-out", path: "/v1/orgDevices/*/relationships/assignedServer", skip: 3,
		do: func(ctx context.Context, c *faultCell) error {
			n := 0
			for r, err := range c.client.AssignedServerIDsOf(ctx, c.serials) {
				if err := errors.Join(err, r.Err); err != nil {
					return err
				}
				if r.Value != c.serverID || r.Serial != c.serials[n] {
					return fmt.Errorf("%+v", r)
				}
				n++
			}
			return nil
		},
	},
	{
		name: "create", path: "/v1/mdmServers", unsafe: true,
		do: func(ctx context.Context, c *faultCell) error {
			made, err := c.client.CreateServer(ctx, axm.NewServer{ServerName: "New", Certificate: certificateFile("lab.pem")})
			if err == nil && (made.ID == "" || made.ServerName != "New") {
				return fmt.Errorf("server %+v", made)
			}
			return err
		},
		effect: func(t *testing.T, c *faultCell) bool {
			if n := len(c.Servers()); n > 3 {
				t.Errorf("%d servers", n)
			}
			return len(c.Servers()) == 3
		},
	},
	{
		name: "update", path: "/v1/mdmServers/*",
		do: func(ctx context.Context, c *faultCell) error {
			_, err := c.client.UpdateServer(ctx, c.spare, axm.ServerUpdate{ServerName: "New"})
			return err
		},
		effect: func(t *testing.T, c *faultCell) bool {
			m, _ := c.Server(c.spare)
			return m.Name == "New"
		},
	},
	{
		name: "delete", path: "/v1/mdmServers/*", noBody: true,
		do: func(ctx context.Context, c *faultCell) error { return c.client.DeleteServer(ctx, c.spare) },
		effect: func(t *testing.T, c *faultCell) bool {
			_, there := c.Server(c.spare)
			return !there
		},
	},
	{
		name: "activity", path: activitiesPath, unsafe: true,
		do: func(ctx context.Context, c *faultCell) error {
			op, err := c.client.AssignDevices(ctx, c.spare, c.serials)
			if err != nil {
				return err
			}
			for _, o := range op.Result().Outcomes {
				if o.Err != nil {
					return o.Err // it is uncertain
				}
			}
			return nil
		},
		effect: func(t *testing.T, c *faultCell) bool {
			activities := c.Activities()
			if len(activities) > 1 {
				t.Errorf("%d activities", len(activities))
			}
			return len(activities) == 1 && slices.Equal(activities[0].SerialNumbers, c.serials)
		},
	},
}

// newFaultCell makes an organisation with 25 devices, which are assigned to one of two servers.
func newFaultCell(t *testing.T) *faultCell {
	c := &faultCell{}
	c.site = newSite(t, nil, func(o *axm.Options) {
		o.HTTPClient.Timeout = faultmatrix.Timeout
		o.MaxBody = faultmatrix.MaxBody
	})
	c.serials = c.AddRandomDevices(25)
	c.serverID = c.AddServer(axmtest.MDMServer{Name: "Lab"})
	c.spare = c.AddServer(axmtest.MDMServer{Name: "Spare"})
	c.AssignDevices(c.serverID, c.serials...)
	return c
}

// runFault runs one cell and returns what came of it.
func runFault(t *testing.T, row faultmatrix.Row, call *faultCall, forEver bool) string {
	c := newFaultCell(t)
	if call.path != tokenPath {
		if err := c.ask(t); err != nil {
			t.Fatal(err)
		}
	}
	c.srv.ResetReceived()
	c.srv.Fail(row.Script(call.path, call.skip, forEver))

	took, err := faultmatrix.Try(t, faultmatrix.Deadline, func(ctx context.Context) error { return call.do(ctx, c) })
	end := ending(err)
	faultmatrix.Check(t, end, call.outcome(row, forEver), err)
	checkRetryAfter(t, row, call, err, took, forEver && !(call.unsafe && row.Unsafe != ""), end)
	c.checkRequests(t, row, call)
	c.checkViolations(t, row, call)
	c.hides(t, err)

	c.srv.ResetFaults()
	c.checkNothingLost(t, row, call, err)
	time.Sleep(2 * time.Minute) // as long as the longest pause
	if err := c.ask(t); err != nil {
		t.Errorf("the client does not go on: %v", err)
	}
	return end
}

// checkRetryAfter: what the service asks for is waited for, and told when there is no more trying.
func checkRetryAfter(t *testing.T, row faultmatrix.Row, call *faultCall, err error, took time.Duration, forEver bool, end string) {
	t.Helper()
	pauses := 1
	switch {
	case forEver:
		pauses = 3
	case end != works:
		pauses = 0
	}
	asked := time.Duration(pauses) * row.RetryAfter
	if call.name == "fan-out" && took <= 2*asked+500*time.Millisecond {
		took = min(took, asked) // what is asked of one of its calls holds the others
	}
	row.CheckWait(t, took, pauses)
	if e, ok := errors.AsType[*axm.Error](err); ok {
		row.CheckTold(t, e.RetryAfter)
	} else if e, ok := errors.AsType[*axm.AuthError](err); ok {
		row.CheckTold(t, e.RetryAfter)
	}
}

// checkRequests: nothing is done twice that must not be, nothing is tried without end, and nothing
// follows a redirect.
func (c *faultCell) checkRequests(t *testing.T, row faultmatrix.Row, call *faultCall) {
	t.Helper()
	mayBeDone := 0
	for _, r := range c.srv.Received() {
		if r.Method == "POST" && r.Path == call.path && r.Status != 429 && r.Status != 401 {
			mayBeDone++
		}
	}
	if call.unsafe && mayBeDone > 1 {
		t.Errorf("%d requests that may have been processed", mayBeDone)
	}
	most := 8 + 4*call.skip
	if call.name == "fan-out" {
		most = 8 * len(c.serials) // several are under way, and net/http repeats a GET once by itself
	}
	faultmatrix.CheckRequests(t, c.srv.Received(), call.path, most)
	if row.Fault.Status == 401 && c.tokens() > 2+call.skip {
		t.Errorf("%d tokens", c.tokens())
	}
}

// checkViolations: a faulty answer is no reason to do what Apple only tolerates, but for what cannot be
// helped.
func (c *faultCell) checkViolations(t *testing.T, row faultmatrix.Row, call *faultCall) {
	t.Helper()
	for _, violation := range c.srv.Violations() {
		switch {
		case row.Processed && strings.Contains(violation, "changes nothing"):
			// the answer to the first try was spoiled
		case call.name == "fan-out" && strings.Contains(violation, "sent 7s before Retry-After"):
			// it was under way when Apple asked for a pause
		default:
			t.Error(violation)
		}
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
	if !call.resume {
		return
	}
	if err != nil {
		time.Sleep(2 * time.Minute)
		if err := call.do(t.Context(), c); err != nil {
			t.Errorf("going on: %v", err)
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(c.serials)), slices.Sorted(slices.Values(c.got))); diff != "" {
		t.Errorf("items: %s", diff)
	}
}

// TestFaults is the fault matrix: every fault of the simulator, once and for ever, with every sort
// of call. Run it with -v to see it.
func TestFaults(t *testing.T) {
	rows := faultRows()
	faultmatrix.EveryKind(t, rows, func(row faultmatrix.Row) axmtest.Fault { return row.Fault })
	faultmatrix.Matrix{
		Service: "axm",
		Rows:    faultmatrix.Names(rows, func(row faultmatrix.Row) string { return row.Name }),
		Columns: faultmatrix.Names(faultCalls, func(call *faultCall) string { return call.name }),
		Cell: func(t *testing.T, row, column int, forEver bool) string {
			return runFault(t, rows[row], faultCalls[column], forEver)
		},
	}.Run(t)
}

// Error texts are for people and for logs: short, of one line, and with the name of the call.
func TestErrorsAreOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		texts := make(map[string]bool)
		for _, row := range faultRows() {
			for path, op := range map[string]string{tokenPath: "ask for an access token", "/v1/*": "read servers"} {
				s := newSite(t, nil, func(o *axm.Options) {
					o.HTTPClient.Timeout, o.MaxBody, o.Retry.Tries = faultmatrix.Timeout, faultmatrix.MaxBody, 1
				})
				fault := row.Fault
				fault.Path, fault.Count = path, -1
				if fault.Kind == axmtest.Refuse {
					op = "ask for an access token"
				}
				s.srv.Fail(fault)
				if err := s.ask(t); err != nil {
					texts[err.Error()] = true
					if !strings.HasPrefix(err.Error(), op) {
						t.Errorf("%q does not begin with %q", err, op)
					}
				}
			}
		}
		for text := range texts {
			if strings.ContainsAny(text, "\r\n") || len(text) > 300 {
				t.Errorf("%q", text)
			}
		}
		if len(texts) < 20 {
			t.Errorf("%d texts only: %q", len(texts), slices.Collect(maps.Keys(texts)))
		}
	})
}
