package axm_test

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// statuses are those of outcomes, by serial number, in order.
func statuses(r *axm.Result) string {
	text := ""
	for i, o := range r.Outcomes {
		if i > 0 {
			text += ", "
		}
		text += o.String()
	}
	return text
}

// begun returns an operation that was begun.
func begun(t testing.TB) func(op *axm.Operation, err error) *axm.Operation {
	return func(op *axm.Operation, err error) *axm.Operation {
		t.Helper()
		if err != nil || op == nil {
			t.Fatal(op, err)
		}
		return op
	}
}

// waited waits for an operation.
func waited(t testing.TB, op *axm.Operation) *axm.Result {
	t.Helper()
	r, err := op.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// polls returns when activities were asked for, since the start of time.
func (s *site) polls() (at []time.Duration) {
	for _, r := range s.srv.Received() {
		if is, _ := path.Match("/v1/orgDeviceActivities/*", r.Path); is && r.Method == "GET" {
			at = append(at, r.Time.Sub(startOfTime))
		}
	}
	return at
}

// posts returns how many requests for activities there were.
func (s *site) posts() int { return s.srv.Count("POST", "/v1/orgDeviceActivities") }

// What becomes of each device, in one activity.
func TestOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{ActivityStep: 2 * time.Second}, nil)
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1", "A2", "A3")
		s.AssignDevices(lab, "A2")
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2", "A1", "NONE", "A3"}))
		if got := statuses(op.Result()); got != "A1: pending, A2: pending, NONE: pending, A3: pending" {
			t.Error(got)
		}
		if diff := cmp.Diff(axm.Progress{Total: 4, Pending: 4}, op.Progress()); diff != "" {
			t.Error(diff)
		}
		r := waited(t, op)
		if got := statuses(r); got != "A1: done, A2: failed, NONE: missing from the log, A3: done" {
			t.Error(got)
		}
		if diff := cmp.Diff(axm.Progress{Total: 4, Done: 2, Failed: 1, Missing: 1}, op.Progress()); diff != "" {
			t.Error(diff)
		}
		ids := op.ActivityIDs()
		if len(ids) != 1 || ids[0] != s.Activities()[0].ID || r.Outcomes[2].ActivityID != ids[0] {
			t.Error(ids, r.Outcomes)
		}
		if err := r.Err(); err == nil || err.Error() != "2 of 4 not done: the activity failed for the device: ISSUE OPERATION_NOT_ALLOWED (one of 2 reasons)" {
			t.Error(err)
		}
		if r.Done() || len(r.Failed()) != 1 || len(r.Pending()) != 0 || !slices.Equal(r.Missing().Serials(), []string{"NONE"}) {
			t.Error(r)
		}
		start := time.Now()
		if again := waited(t, op); statuses(again) != statuses(r) || time.Since(start) != 0 {
			t.Error(again, time.Since(start))
		}
		s.clean(t, r.Err())
	})
}

// Any number of devices is cut into activities, whose outcomes come together again.
func TestOperationOfManyActivities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *axm.Options) { o.ActivitySize = 10 })
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		serials := s.AddRandomDevices(25)
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, serials))
		r := waited(t, op)
		if !r.Done() || r.Err() != nil || !slices.Equal(r.Outcomes.Serials(), serials) || s.posts() != 3 {
			t.Error(statuses(r), s.posts())
		}
		for i, a := range s.Activities() {
			want := serials[10*i : min(10*i+10, 25)]
			if !slices.Equal(a.SerialNumbers, want) || op.ActivityIDs()[i] != a.ID || r.Outcomes[10*i].ActivityID != a.ID {
				t.Errorf("%+v", a)
			}
		}
		s.clean(t)
	})
}

// An activity is asked for after 5 seconds and then less and less often, up to once a minute.
func TestOperationPollsLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1")
		s.HoldActivities()
		time.AfterFunc(10*time.Minute, s.RunActivities)
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1"}))
		if r := waited(t, op); !r.Done() {
			t.Error(statuses(r))
		}
		at := s.polls()
		if at[0] != 5*time.Second || len(at) < 12 || len(at) > 25 {
			t.Error(at)
		}
		for i := 1; i < len(at); i++ {
			if pause := at[i] - at[i-1]; pause < 5*time.Second || pause > time.Minute || i > 5 && pause < 30*time.Second {
				t.Errorf("%v: pause %d is %v", at, i, pause)
			}
		}
		if end := at[len(at)-1]; end > 11*time.Minute {
			t.Errorf("ended at %v", end)
		}
		s.clean(t)
	})
}

// Many activities, of several operations, share what may be asked, and each has its turn.
func TestOperationsShareTheBudget(t *testing.T) {
	for name, c := range map[string]struct {
		budget axm.Budget
		most   int // polls in any minute
	}{
		"by default": {axm.Budget{}, 12},
		"of a rate":  {axm.Budget{Reads: axm.Rate{Requests: 10, Per: time.Minute}}, 6},
		"of one":     {axm.Budget{Reads: axm.Rate{Requests: 1, Per: 30 * time.Second}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				observed := axmtest.ObservedBudget()
				delete(observed, "POST")
				s := newSite(t, &axmtest.Options{Budget: observed}, func(o *axm.Options) { o.ActivitySize, o.Budget = 5, c.budget })
				lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
				serials := s.AddRandomDevices(100)
				s.HoldActivities()
				time.AfterFunc(20*time.Minute, s.RunActivities)
				var all sync.WaitGroup
				for half := range slices.Chunk(serials, 50) {
					all.Go(func() {
						if r := waited(t, begun(t)(s.client.AssignDevices(t.Context(), lab, half))); !r.Done() {
							t.Error(statuses(r))
						}
					})
				}
				all.Wait()
				at := s.polls()
				for i := c.most; i < len(at); i++ {
					if at[i]-at[i-c.most] < time.Minute {
						t.Errorf("more than %d polls between %v and %v", c.most, at[i-c.most], at[i])
					}
				}
				asked := map[string]int{}
				for _, r := range s.srv.Received() {
					if r.Method == "GET" && r.Time.Sub(startOfTime) < 20*time.Minute {
						asked[r.Path]++
					}
				}
				counts := slices.Sorted(maps.Values(asked))
				if len(counts) != 20 || counts[19] > 3*counts[0]+1 {
					t.Errorf("asked %v", counts)
				}
				if n := s.srv.Traffic().Throttled; n != 0 {
					t.Errorf("%d refused", n)
				}
				s.clean(t)
			})
		})
	}
}

// What ends an activity in another way than with a log of all devices.
func TestOperationEnds(t *testing.T) {
	const uncertain = "activity 0 ended as COMPLETED (COMPLETED_POST_PROCESSING_FAILED): the log of the activity cannot be read: there is none"
	for name, c := range map[string]struct {
		fate axmtest.Fate
		want string
		err  string
	}{
		"carried out":               {axmtest.Run, "A1: done, A2: done", ""},
		"stopped":                   {axmtest.Stop, "A1: done, A2: failed", "1 of 2 not done: activity 0 ended as STOPPED (COMPLETED_WITH_ERROR)"},
		"failed":                    {axmtest.Break, "A1: failed, A2: failed", "2 of 2 not done: activity 0 ended as FAILED (COMPLETED_WITH_FAILURE)"},
		"carried out without a log": {axmtest.BreakAfter, "A1: done, A2: done", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
				s.AddSerials("A1", "A2")
				s.NextActivities(c.fate)
				op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2"}))
				r := waited(t, op)
				text := ""
				if err := r.Err(); err != nil {
					text = strings.ReplaceAll(err.Error(), op.ActivityIDs()[0], "0")
				}
				if statuses(r) != c.want || text != c.err {
					t.Error(statuses(r), text)
				}
				s.clean(t, r.Err())
			})
		})
	}
	t.Run("never", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, nil, nil)
			lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
			s.AddSerials("A1")
			s.NextActivities(axmtest.Stall)
			op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1"}))
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			if r, err := op.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || r != nil {
				t.Error(r, err)
			}
			if got := statuses(op.Result()); got != "A1: pending" || len(op.Result().Pending()) != 1 {
				t.Error(got)
			}
			s.clean(t)
		})
	})
	t.Run("done, but the log was never there, and nobody sees it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, &axmtest.Options{Lag: 24 * time.Hour}, nil)
			lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
			s.AddSerials("A1")
			s.NextActivities(axmtest.BreakAfter)
			op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1"}))
			r := waited(t, op)
			o := r.Outcomes[0]
			e, ok := errors.AsType[*axm.ActivityError](o.Err)
			if o.Status != axm.StatusUncertain || !ok || !errors.Is(o.Err, axm.ErrNoActivityLog) || !errors.Is(o.Err, axm.ErrActivityLog) {
				t.Fatal(o, o.Err)
			}
			if text := strings.ReplaceAll(e.Error(), e.ID, "0"); text != uncertain {
				t.Error(text)
			}
			if took := time.Since(startOfTime); took < 10*time.Minute || took > 14*time.Minute {
				t.Errorf("took %v", took)
			}
			time.Sleep(24 * time.Hour)
			n := len(s.srv.Received())
			if r := waited(t, op); !r.Done() || len(s.srv.Received()) > n+2 { // a token, and the device
				t.Error(statuses(r), len(s.srv.Received())-n)
			}
			s.clean(t)
		})
	})
}

// Apple tells of activities for 30 days; then the devices tell.
func TestOperationThatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1", "A2")
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2", "A3"}))
		time.Sleep(31 * 24 * time.Hour)
		start := time.Now()
		r := waited(t, op)
		if got := statuses(r); got != "A1: done, A2: done, A3: uncertain" || !errors.Is(r.Outcomes[2].Err, axm.ErrNotFound) || time.Since(start) != 0 {
			t.Error(got, r.Err(), time.Since(start))
		}
		s.clean(t, r.Err())
	})
}

// Of several who wait, one asks, and each can give up alone.
func TestOperationWaitOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{ActivityStep: 10 * time.Second}, nil)
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1")
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1"}))
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if r := waited(t, op); !r.Done() {
					t.Error(statuses(r))
				}
			})
		}
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := op.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		time.Sleep(6 * time.Second) // somebody asks by now
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := op.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			cancel()
		}
		all.Wait()
		if at := s.polls(); len(at) > 8 {
			t.Error(at)
		}
		s.clean(t)
	})
}

func TestWaitActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{ActivityStep: 10 * time.Second}, nil)
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1")
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1"}))
		id := op.ActivityIDs()[0]
		for _, give := range []time.Duration{0, 3 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), give)
			if a, err := s.client.WaitActivity(ctx, id); !errors.Is(err, context.DeadlineExceeded) || a != nil {
				t.Error(a, err)
			}
			cancel()
		}
		a, err := s.client.WaitActivity(t.Context(), id)
		if err != nil || !a.Succeeded() || a.ID != id || a.Completed.Time().Sub(startOfTime) != 50*time.Second {
			t.Errorf("%+v, %v", a, err)
		}
		log, err := s.client.ActivityLog(t.Context(), id)
		if err != nil || log.Value("ACTIVITY_ID") != id || len(log.Devices()) != 1 {
			t.Error(log, err)
		}
		if _, err := s.client.WaitActivity(t.Context(), "none"); !errors.Is(err, axm.ErrNotFound) {
			t.Error(err)
		}
		if _, err := s.client.ActivityLog(t.Context(), "none"); !errors.Is(err, axm.ErrNotFound) {
			t.Error(err)
		}
		s.clean(t, err)
	})
}

// A budget that leaves no time for a question is an error, and so is a question without an answer.
// Waiting goes on after both.
func TestOperationThatCannotBeAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *axm.Options) { o.ActivitySize = 1 })
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1", "A2")
		s.srv.Fail(axmtest.Fault{Path: activitiesPath, Skip: 1, Kind: axmtest.Lose})
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2"}))
		if err := s.client.SetBudget(axm.Budget{Reads: axm.Rate{Requests: 1, Per: time.Hour}}); err != nil {
			t.Fatal(err)
		}
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if r, err := op.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || r != nil || time.Since(startOfTime) > 6*time.Second {
			t.Error(r, err, time.Since(startOfTime))
		}
		if _, err := s.client.WaitActivity(ctx, op.ActivityIDs()[0]); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := s.client.SetBudget(axm.Budget{}); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/v1/orgDeviceActivities/*", "/v1/orgDevices/*/relationships/assignedServer"} {
			s.srv.Fail(axmtest.Fault{Path: path, Kind: axmtest.Answer, Status: 403})
			if r, err := op.Wait(t.Context()); !errors.Is(err, axm.ErrForbidden) || r != nil {
				t.Error(r, err)
			}
		}
		if r := waited(t, op); !r.Done() {
			t.Error(statuses(r))
		}
		s.clean(t)
	})
}

// An activity whose log cannot be had for a while does not keep what is known of the others.
func TestOperationWithOneLogOutOfReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *axm.Options) { o.ActivitySize = 1 })
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1", "A2", "A3")
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2", "A3"}))
		s.srv.Fail(axmtest.Fault{Path: "/activity-logs/" + op.ActivityIDs()[0] + "/*", Kind: axmtest.HTML, Count: -1})
		for range 2 {
			if r, err := op.Wait(t.Context()); !errors.Is(err, axm.ErrServer) || r != nil {
				t.Error(r, err)
			}
		}
		if got := statuses(op.Result()); got != "A1: pending, A2: done, A3: done" {
			t.Error(got)
		}
		s.srv.ResetFaults()
		if r := waited(t, op); !r.Done() {
			t.Error(statuses(r))
		}
		s.clean(t)
	})
}
