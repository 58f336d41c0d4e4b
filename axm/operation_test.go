package axm_test

import (
	"path"
	"slices"
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

// polls returns when activities were asked for, since the start of time in the bubble.
func (s *site) polls() (at []time.Duration) {
	for _, r := range s.srv.Received() {
		if ok, _ := path.Match("/v1/orgDeviceActivities/*", r.Path); ok && r.Method == "GET" {
			at = append(at, r.Time.Sub(startOfTime))
		}
	}
	return at
}

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
		if err := r.Err(); err == nil || err.Error() != "2 of 4 not done: the activity failed for the device: ISSUE OPERATION_NOT_ALLOWED (and 1 more reasons)" {
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
		if diff := cmp.Diff(5*time.Second, s.polls()[0]); diff != "" {
			t.Error(diff)
		}
	})
}
