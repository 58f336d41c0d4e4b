package axm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

const activitiesPath = "/v1/orgDeviceActivities"

// When the answer to a request gets lost, nothing is sent again: the devices tell what became of it.
func TestOperationWhoseAnswerIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		kind   axmtest.Kind
		done   string
		within time.Duration
	}{
		"carried out":      {axmtest.Lose, "A1: done, A2: done, A3: done", time.Minute},
		"not carried out":  {axmtest.Reset, "A1: uncertain, A2: uncertain, A3: uncertain", 15 * time.Minute},
		"by a gateway":     {axmtest.HTML, "A1: uncertain, A2: uncertain, A3: uncertain", 15 * time.Minute},
		"busy":             {axmtest.Busy, "A1: uncertain, A2: uncertain, A3: uncertain", 15 * time.Minute},
		"elsewhere":        {axmtest.Redirect, "A1: uncertain, A2: uncertain, A3: uncertain", 15 * time.Minute},
		"cut in the body":  {axmtest.ResetBody, "A1: done, A2: done, A3: done", time.Minute},
		"no JSON any more": {axmtest.Truncate, "A1: done, A2: done, A3: done", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &axmtest.Options{Lag: 15 * time.Second}, nil)
				lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
				s.AddSerials("A1", "A2", "A3")
				s.srv.Fail(axmtest.Fault{Path: activitiesPath, Kind: c.kind})
				op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2", "A3"}))
				before := op.Result()
				if got := statuses(before); got != "A1: uncertain, A2: uncertain, A3: uncertain" || before.Outcomes[0].Err == nil || op.ActivityIDs() != nil {
					t.Error(got, before.Outcomes[0].Err)
				}
				if p := op.Progress(); p.Uncertain != 3 {
					t.Error(p)
				}
				start := time.Now()
				r := waited(t, op)
				if got := statuses(r); got != c.done || s.posts() != 1 {
					t.Error(got, s.posts())
				}
				if took := time.Since(start); took > c.within {
					t.Errorf("took %v", took)
				}
				if reads := len(s.srv.Received()); reads > 14 {
					t.Errorf("%d requests", reads)
				}
				if r.Outcomes[0].Status == axm.StatusUncertain && r.Outcomes[0].Err.Error() != before.Outcomes[0].Err.Error() {
					t.Error(r.Outcomes[0].Err)
				}
				s.clean(t, r.Err())
			})
		})
	}
}

// What goes wrong with one of several activities is an outcome of its devices.
func TestOperationThatIsSentInPart(t *testing.T) {
	notSent := "done,done,not sent,not sent"
	for name, c := range map[string]struct {
		options *axmtest.Options
		fault   axmtest.Fault
		prepare func(*site)
		want    string // of the activities
		is      error
	}{
		"too many requests":     {options: &axmtest.Options{Budget: map[string]axmtest.Quota{"POST": {Calls: 2, Per: time.Hour}}}, want: notSent, is: axm.ErrTooManyRequests},
		"no permission":         {fault: axmtest.ErrorFault(403, "FORBIDDEN_ERROR", "no"), want: notSent, is: axm.ErrForbidden},
		"the server is gone":    {fault: axmtest.ErrorFault(409, "ENTITY_ERROR", "no"), want: "done,done,failed,not sent", is: axm.ErrConflict},
		"the answer is lost":    {fault: axmtest.Fault{Kind: axmtest.Lose}, want: "done,done,done,not sent"},
		"a device is not known": {options: &axmtest.Options{StrictSerials: true}, prepare: func(s *site) { s.ReleaseDevices(s.Devices()[5].SerialNumber) }, want: "done,done,failed,done", is: axm.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, c.options, func(o *axm.Options) { o.ActivitySize = 2 })
				lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
				serials := s.AddRandomDevices(8)
				if c.prepare != nil {
					c.prepare(s)
				} else if c.options == nil {
					c.fault.Path, c.fault.Skip = activitiesPath, 2
					s.srv.Fail(c.fault)
				}
				op := begun(t)(s.client.AssignDevices(t.Context(), lab, serials))
				sent := s.posts()
				r := waited(t, op)
				var got []string
				for o := range slices.Chunk(r.Outcomes, 2) {
					if o[0].Status != o[1].Status || (o[0].Err == nil) != (o[0].Status == axm.StatusDone) {
						t.Error(o)
					}
					got = append(got, string(o[0].Status))
				}
				if strings.Join(got, ",") != c.want || c.is != nil && !errors.Is(r.Err(), c.is) {
					t.Error(got, r.Err())
				}
				left := len(r.Outcomes.With(axm.StatusNotSent))
				if p := op.Progress(); p.NotSent != left || p.Total != 8 || p.Done+p.Failed+p.NotSent != 8 {
					t.Errorf("%+v", p)
				}
				if s.posts() != sent {
					t.Error("something was sent again")
				}
				s.hides(t, r.Err())
				if name != "too many requests" {
					s.clean(t)
				}
			})
		})
	}
}

// An error means that nothing was begun.
func TestOperationThatIsNotBegun(t *testing.T) {
	for name, c := range map[string]struct {
		fault axmtest.Fault
		is    error
		posts int
	}{
		"refused":            {axmtest.ErrorFault(409, "ENTITY_ERROR", "no"), axm.ErrConflict, 1},
		"not processable":    {axmtest.ErrorFault(422, "ENTITY_ERROR", "no"), axm.ErrInvalidRequest, 1},
		"no permission":      {axmtest.ErrorFault(403, "FORBIDDEN_ERROR", "no"), axm.ErrForbidden, 1},
		"not acceptable":     {axmtest.Fault{Kind: axmtest.Answer, Status: 406}, nil, 1},
		"too many requests":  {axmtest.Fault{Kind: axmtest.Busy, Status: 429}, axm.ErrTooManyRequests, 4},
		"no token":           {axmtest.Fault{Kind: axmtest.HTML, Path: tokenPath}, axm.ErrServer, 0},
		"no line for tokens": {axmtest.Fault{Kind: axmtest.Reset, Path: tokenPath}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, func(o *axm.Options) { o.ActivitySize = 2 })
				lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
				serials := s.AddRandomDevices(8)
				if c.fault.Path == "" {
					c.fault.Path = activitiesPath
				}
				c.fault.Count = -1
				s.srv.Fail(c.fault)
				op, err := s.client.AssignDevices(t.Context(), lab, serials)
				if op != nil || err == nil || c.is != nil && !errors.Is(err, c.is) || s.posts() != c.posts || len(s.Activities()) != 0 {
					t.Error(op, err, s.posts())
				}
				s.hides(t, err)
			})
		})
	}
	t.Run("the context has ended", func(t *testing.T) {
		s := newSite(t, nil, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		op, err := s.client.CancelMigration(ctx, []string{"A1"})
		if op != nil || !errors.Is(err, context.Canceled) || s.posts() != 0 {
			t.Error(op, err)
		}
	})
}

// Devices that Apple objects to are no reason to give up on the others, when all are refused it is an
// error all the same.
func TestOperationWhoseDevicesAreAllRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{StrictSerials: true}, func(o *axm.Options) { o.ActivitySize = 1 })
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		op, err := s.client.AssignDevices(t.Context(), lab, []string{"NONE1", "NONE2"})
		if op != nil || !errors.Is(err, axm.ErrConflict) || !strings.Contains(err.Error(), "NONE1") || s.posts() != 2 {
			t.Error(op, err, s.posts())
		}
		s.clean(t, err)
	})
}

// Activities that are too large for Apple would all be, so one refusal is enough.
func TestOperationWhoseActivitiesAreTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{MaxActivityDevices: 5}, func(o *axm.Options) { o.ActivitySize = 10 })
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		op, err := s.client.AssignDevices(t.Context(), lab, s.AddRandomDevices(50))
		if op != nil || !errors.Is(err, axm.ErrInvalidRequest) || s.posts() != 1 {
			t.Error(op, err, s.posts())
		}
		s.clean(t, err)
	})
}

// A request that was surely not processed is repeated.
func TestOperationThatIsRefusedOnce(t *testing.T) {
	for name, fault := range map[string]axmtest.Fault{
		"refused connection": {Kind: axmtest.Refuse},
		"429":                {Kind: axmtest.BusySeconds, Status: 429, RetryAfter: 90 * time.Second},
		"401":                {Kind: axmtest.Answer, Status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
				s.AddSerials("A1")
				fault.Path = activitiesPath
				s.srv.Fail(fault)
				op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1"}))
				if r := waited(t, op); !r.Done() || len(s.Activities()) != 1 {
					t.Error(statuses(r), s.Activities())
				}
				s.clean(t)
			})
		})
	}
}

// Without a server, devices are unassigned from wherever they are.
func TestUnassignFromWhereverTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		one, two := s.AddServer(axmtest.MDMServer{Name: "One"}), s.AddServer(axmtest.MDMServer{Name: "Two"})
		serials := s.AddRandomDevices(60)
		s.AssignDevices(one, serials[:20]...)
		s.AssignDevices(two, serials[30:]...)
		op := begun(t)(s.client.UnassignDevices(t.Context(), "", append(slices.Clone(serials[10:]), "NONE")))
		if reads := s.srv.Count("GET", ""); reads != 6 {
			t.Errorf("%d reads", reads)
		}
		var groups []string
		for _, a := range s.Activities() {
			name := "none"
			if server, ok := s.Server(a.ServerID); ok {
				name = server.Name
			}
			groups = append(groups, fmt.Sprint(name, len(a.SerialNumbers)))
		}
		if got := fmt.Sprint(groups); got != "[One10 none11 Two30]" {
			t.Error(got)
		}
		r := waited(t, op)
		if n := len(r.Outcomes.With(axm.StatusDone)); n != 40 || len(r.Failed()) != 10 || len(r.Missing()) != 1 || !slices.Equal(r.Outcomes.Serials()[:50], serials[10:]) {
			t.Error(n, statuses(r))
		}
		verified, err := op.Verify(t.Context())
		if err != nil || len(verified.Outcomes.With(axm.StatusDone)) != 50 || len(verified.Missing()) != 1 {
			t.Error(verified, err)
		}
		s.clean(t, r.Err())
	})
}

func TestUnassignWhereReadingFails(t *testing.T) {
	for name, fault := range map[string]axmtest.Fault{
		"of the first":  {Path: "/v1/orgDevices/*/relationships/assignedServer"},
		"of the list":   {Path: "/v1/mdmServers/*/relationships/devices"},
		"of one device": {Path: "/v1/orgDevices/*/relationships/assignedServer", Skip: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
				serials := s.AddRandomDevices(10)
				s.AssignDevices(lab, serials...)
				if name == "of one device" {
					serials = serials[:3]
				}
				fault.Kind, fault.Status = axmtest.Answer, 400
				s.srv.Fail(fault)
				op, err := s.client.UnassignDevices(t.Context(), "", serials)
				if op != nil || !errors.Is(err, axm.ErrInvalidRequest) || s.posts() != 0 {
					t.Error(op, err)
				}
			})
		})
	}
}

func TestActivityInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		ctx, c, some := t.Context(), s.client, []string{"A1"}
		soon, late := time.Now().Add(time.Hour), time.Now().Add(90*24*time.Hour+time.Second)
		for want, do := range map[string]func() (*axm.Operation, error){
			"serverID: must not be empty":         func() (*axm.Operation, error) { return c.AssignDevices(ctx, "", some) },
			"serverID: must not have spaces":      func() (*axm.Operation, error) { return c.UnassignDevices(ctx, "a b", some) },
			"serverID: must":                      func() (*axm.Operation, error) { return c.MigrateDevices(ctx, "", soon, some) },
			"serials: needs at least one":         func() (*axm.Operation, error) { return c.AssignDevices(ctx, "F1", nil) },
			"serials[1]: must not be empty":       func() (*axm.Operation, error) { return c.UnassignDevices(ctx, "", []string{"A1", ""}) },
			`serials[0]: is "A 1"`:                func() (*axm.Operation, error) { return c.CancelMigration(ctx, []string{"A 1"}) },
			"serials[0]: is":                      func() (*axm.Operation, error) { return c.ReleaseDevicesIrreversibly(ctx, []string{"Ä"}) },
			"deadline: must be set":               func() (*axm.Operation, error) { return c.MigrateDevices(ctx, "F1", time.Time{}, some) },
			"deadline: must be":                   func() (*axm.Operation, error) { return c.UpdateMigrationDeadline(ctx, time.Time{}, some) },
			"deadline: must be in the future":     func() (*axm.Operation, error) { return c.MigrateDevices(ctx, "F1", time.Now(), some) },
			"deadline: must be within 90 days":    func() (*axm.Operation, error) { return c.MigrateDevices(ctx, "F1", late, some) },
			"deadline: must be within":            func() (*axm.Operation, error) { return c.UpdateMigrationDeadline(ctx, late, some) },
			"id: must not be empty":               func() (*axm.Operation, error) { _, err := c.Activity(ctx, ""); return nil, err },
			"fields: must be names of attributes": func() (*axm.Operation, error) { _, err := c.Activity(ctx, "1", "a b"); return nil, err },
			"serverID: must not have":             func() (*axm.Operation, error) { _, err := c.VerifyAssigned(ctx, "ü", some); return nil, err },
			"serials: needs":                      func() (*axm.Operation, error) { _, err := c.VerifyAssigned(ctx, "", nil); return nil, err },
			"serials[0]: has 65 characters; a serial n": func() (*axm.Operation, error) {
				return c.UpdateMigrationDeadline(ctx, soon, []string{strings.Repeat("A", 65)})
			},
		} {
			op, err := do()
			if e, ok := errors.AsType[*axm.InputError](err); !ok || op != nil || !strings.HasPrefix(e.Error(), want) {
				t.Errorf("%q: %v, %v", want, op, err)
			}
		}
		if n := len(s.srv.Received()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestActivityOptions(t *testing.T) {
	key := mustKey(t, businessID)
	for want, opts := range map[string]*axm.Options{
		"Options.ActivitySize: must not be negative": {ActivitySize: -1},
		"Options.PollAfter: must not be negative":    {PollAfter: -1},
		"Options.LogHosts[1]: must be a host":        {LogHosts: []string{"a.test:8443", "https://b.test"}},
		"Options.LogHosts[0]: must be a host":        {LogHosts: []string{"a.test/logs"}},
		"Options.LogHosts[0]: must be":               {LogHosts: []string{""}},
		"Options.LogHosts[0]: must":                  {LogHosts: []string{"a b"}},
		"Options.LogHosts[0]":                        {LogHosts: []string{"me@a.test"}},
	} {
		if c, err := axm.New(key, opts); c != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
