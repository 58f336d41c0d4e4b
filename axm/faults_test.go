package axm_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
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
	noToken  = "no token"  // ErrTokenRefused
)

// ending names what err is, or says that it is none of the above.
func ending(err error) string {
	if err == nil {
		return works
	}
	if line, ok := errors.AsType[*axm.TransportError](err); ok {
		switch {
		case errors.Is(err, syscall.ECONNREFUSED) && !line.Sent:
			return refused
		case !line.Sent:
			return fmt.Sprintf("not sent, but not refused: %v", err)
		case errors.Is(err, axm.ErrBodyTooLarge):
			return tooLarge
		case errors.Is(err, context.DeadlineExceeded):
			return timedOut
		}
		return lost
	}
	_, answered := errors.AsType[*axm.Error](err)
	_, authError := errors.AsType[*axm.AuthError](err)
	if answered || authError {
		for name, sentinel := range map[string]error{
			busy429: axm.ErrTooManyRequests, busy503: axm.ErrUnavailable, server: axm.ErrServer,
			odd: axm.ErrUnexpectedAnswer, noEntry: axm.ErrUnauthorized, noToken: axm.ErrTokenRefused,
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
	fault     axmtest.Fault
	processed bool // the service does what it was asked for before it goes wrong

	once   string // for calls that are repeated
	unsafe string // for those that must not be; "" is once
	always string

	bodyOnly   bool          // what answers without a body is not harmed
	retryAfter time.Duration // asked for by the answer
}

var faultRows = []faultRow{
	{name: "connection refused", fault: axmtest.Fault{Kind: axmtest.Refuse}, once: works, always: refused},
	{name: "reset before headers", fault: axmtest.Fault{Kind: axmtest.Reset}, once: works, unsafe: lost, always: lost},
	{name: "answer lost", fault: axmtest.Fault{Kind: axmtest.Lose}, processed: true, once: works, unsafe: lost, always: lost},
	{name: "reset in body", fault: axmtest.Fault{Kind: axmtest.ResetBody}, processed: true, once: works, unsafe: lost, always: lost, bodyOnly: true},
	{name: "truncated JSON", fault: axmtest.Fault{Kind: axmtest.Truncate}, processed: true, once: odd, always: odd, bodyOnly: true},
	{name: "dripping body", fault: axmtest.Fault{Kind: axmtest.Drip}, processed: true, once: works, unsafe: timedOut, always: timedOut, bodyOnly: true},
	{name: "late answer", fault: axmtest.Fault{Kind: axmtest.Late, Delay: 9 * time.Second}, processed: true, once: works, always: works},
	{name: "silence", fault: axmtest.Fault{Kind: axmtest.Silence}, once: works, unsafe: timedOut, always: timedOut},
	{name: "HTML 502", fault: axmtest.Fault{Kind: axmtest.HTML}, once: works, unsafe: server, always: server},
	{name: "empty 500", fault: axmtest.Fault{Kind: axmtest.Empty}, once: works, unsafe: server, always: server},
	{name: "429", fault: axmtest.Fault{Kind: axmtest.Busy, Status: 429}, once: works, always: busy429},
	{name: "429, seconds", fault: axmtest.Fault{Kind: axmtest.BusySeconds, Status: 429}, once: works, always: busy429, retryAfter: 7 * time.Second},
	{name: "429, date", fault: axmtest.Fault{Kind: axmtest.BusyDate, Status: 429}, once: works, always: busy429, retryAfter: 7 * time.Second},
	{name: "503", fault: axmtest.Fault{Kind: axmtest.Busy}, once: works, unsafe: busy503, always: busy503},
	{name: "503, seconds", fault: axmtest.Fault{Kind: axmtest.BusySeconds}, once: works, unsafe: busy503, always: busy503, retryAfter: 7 * time.Second},
	{name: "503, date", fault: axmtest.Fault{Kind: axmtest.BusyDate}, once: works, unsafe: busy503, always: busy503, retryAfter: 7 * time.Second},
	{name: "refused token", fault: axmtest.Fault{Kind: axmtest.Answer, Status: 401}, once: works, always: noEntry},
	{name: "redirect", fault: axmtest.Fault{Kind: axmtest.Redirect}, once: odd, always: odd},
	{name: "oversized", fault: axmtest.Fault{Kind: axmtest.Oversize, Size: 2 * faultMaxBody}, processed: true, once: tooLarge, always: tooLarge, bodyOnly: true},
	{name: "gzip", fault: axmtest.Fault{Kind: axmtest.Gzip}, processed: true, once: works, always: works},
	{name: "wrong media type", fault: axmtest.Fault{Kind: axmtest.WrongType}, processed: true, once: works, always: works},
	{name: "duplicate members", fault: axmtest.Fault{Kind: axmtest.Duplicate}, processed: true, once: works, always: works},
	{name: "unknown members", fault: axmtest.Fault{Kind: axmtest.Unknown}, processed: true, once: works, always: works},
}

const (
	faultMaxBody  = 64 << 10 // of the client
	faultTimeout  = 10 * time.Second
	faultDeadline = 5 * time.Minute
)

// want returns what has to come of a cell; "or" stands between what may.
func (row faultRow) want(call *faultCall, forEver bool) string {
	switch {
	case row.fault.Kind == axmtest.Refuse && call.name == "fan-out" && forEver:
		return works + " or " + refused // its connections are open, unless one is idle just then
	case row.fault.Kind == axmtest.ResetBody && call.noBody:
		return works + " or " + lost // the reset may overtake the header
	case row.bodyOnly && call.noBody:
		return works
	case row.fault.Status == 401 && call.path == tokenPath:
		return noToken
	case forEver:
		return row.always
	case call.unsafe && row.unsafe != "":
		return row.unsafe
	}
	return row.once
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
		o.HTTPClient.Timeout = faultTimeout
		o.MaxBody = faultMaxBody
	})
	c.serials = c.AddRandomDevices(25)
	c.serverID = c.AddServer(axmtest.MDMServer{Name: "Lab"})
	c.spare = c.AddServer(axmtest.MDMServer{Name: "Spare"})
	c.AssignDevices(c.serverID, c.serials...)
	return c
}

// runFault runs one cell and returns what came of it.
func runFault(t *testing.T, row faultRow, call *faultCall, forEver bool) string {
	c := newFaultCell(t)
	if call.path != tokenPath {
		if err := c.ask(t); err != nil {
			t.Fatal(err)
		}
	}
	c.srv.ResetReceived()
	fault := row.fault
	fault.Path, fault.Skip, fault.RetryAfter = call.path, call.skip, row.retryAfter
	if forEver {
		fault.Count = -1
	}
	c.srv.Fail(fault)

	ctx, cancel := context.WithTimeout(t.Context(), faultDeadline)
	defer cancel()
	start := time.Now()
	err := call.do(ctx, c)
	took := time.Since(start)
	end := ending(err)

	if want := row.want(call, forEver); !slices.Contains(strings.Split(want, " or "), end) {
		t.Errorf("ended with %q, want %q: %v", end, want, err)
	}
	if took >= faultDeadline {
		t.Errorf("took %v", took)
	}
	checkRetryAfter(t, row, call, err, took, forEver && !(call.unsafe && row.unsafe != ""), end)
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
func checkRetryAfter(t *testing.T, row faultRow, call *faultCall, err error, took time.Duration, forEver bool, end string) {
	t.Helper()
	if row.retryAfter == 0 {
		return
	}
	waits := time.Duration(1)
	switch {
	case forEver:
		waits = 3
	case end != works:
		waits = 0
	}
	least := waits * (row.retryAfter - time.Second) // a date has whole seconds
	most := waits * row.retryAfter
	if call.name == "fan-out" {
		most *= 2 // what is asked of one of its calls holds the others
	}
	if took < least || took > most {
		t.Errorf("took %v, want %v to %v", took, least, most)
	}
	var told time.Duration
	if e, ok := errors.AsType[*axm.Error](err); ok {
		told = e.RetryAfter
	} else if e, ok := errors.AsType[*axm.AuthError](err); ok {
		told = e.RetryAfter
	} else {
		return
	}
	if told < row.retryAfter-time.Second || told > row.retryAfter {
		t.Errorf("RetryAfter = %v", told)
	}
}

// checkRequests: nothing is done twice that must not be, nothing is tried without end, and nothing
// follows a redirect.
func (c *faultCell) checkRequests(t *testing.T, row faultRow, call *faultCall) {
	t.Helper()
	mayBeDone, sent := 0, 0
	for _, r := range c.srv.Received() {
		if r.Host == "elsewhere.test" {
			t.Error("a redirect to another host was followed")
		}
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
	if sent = c.srv.Count("", call.path); sent > most {
		t.Errorf("%d requests", sent)
	}
	if row.fault.Status == 401 && c.tokens() > 2+call.skip {
		t.Errorf("%d tokens", c.tokens())
	}
}

// checkViolations: a faulty answer is no reason to do what Apple only tolerates, but for what cannot be
// helped.
func (c *faultCell) checkViolations(t *testing.T, row faultRow, call *faultCall) {
	t.Helper()
	for _, violation := range c.srv.Violations() {
		switch {
		case row.processed && strings.Contains(violation, "changes nothing"):
			// the answer to the first try was spoiled
		case call.name == "fan-out" && strings.Contains(violation, "sent 7s before Retry-After"):
			// it was under way when Apple asked for a pause
		default:
			t.Error(violation)
		}
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
	matrix := make([][][2]string, len(faultRows))
	t.Cleanup(func() { t.Log("\n" + faultMatrix(matrix)) }) // when the parallel rows have ended
	kinds := make(map[axmtest.Kind]bool)
	for i, row := range faultRows {
		matrix[i] = make([][2]string, len(faultCalls))
		kinds[row.fault.Kind] = true
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			runFaultRow(t, row, matrix[i])
		})
	}
	for kind := axmtest.Answer; kind <= axmtest.Unknown; kind++ {
		if !kinds[kind] {
			t.Errorf("kind %d is not in the matrix", kind)
		}
	}
}

func runFaultRow(t *testing.T, row faultRow, ends [][2]string) {
	for i, call := range faultCalls {
		for j, often := range []string{"once", "always"} {
			t.Run(call.name+" "+often, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ends[i][j] = runFault(t, row, call, often == "always")
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
		fmt.Fprintf(&b, "%-15s", call.name)
	}
	for i, row := range faultRows {
		fmt.Fprintf(&b, "\n%-22s", row.name)
		for _, ends := range matrix[i] {
			text := ends[0]
			if ends[0] != ends[1] {
				text += " / " + ends[1]
			}
			fmt.Fprintf(&b, "%-15s", text)
		}
	}
	return b.String()
}

// Error texts are for people and for logs: short, of one line, and with the name of the call.
func TestErrorsAreOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		texts := make(map[string]bool)
		for _, row := range faultRows {
			for path, op := range map[string]string{tokenPath: "ask for an access token", "/v1/*": "read servers"} {
				s := newSite(t, nil, func(o *axm.Options) {
					o.HTTPClient.Timeout, o.MaxBody, o.Retry.Tries = faultTimeout, faultMaxBody, 1
				})
				fault := row.fault
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
