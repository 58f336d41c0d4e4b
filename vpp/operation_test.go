package vpp_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// serials returns serial numbers.
func serials(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("DEMO%08d", i+1)
	}
	return out
}

// keys returns the keys of the first n assets of [site.stock].
func keys(n int) []vpp.AssetKey {
	out := make([]vpp.AssetKey, n)
	for i := range out {
		out[i] = vpp.AssetKey{AdamID: vpp.AdamID(fmt.Sprint(1000000001 + i))}
	}
	return out
}

// wait waits for an operation that must have begun.
func wait(t *testing.T, op *vpp.Operation, err error) *vpp.Result {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	r, err := op.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told renders outcomes, one a line.
func told(r *vpp.Result) string {
	var b strings.Builder
	for _, o := range r.Outcomes {
		b.WriteString(o.String())
		if o.Err != nil {
			b.WriteString(" " + o.Err.Error())
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestAssociateGivesEveryAssetToEveryTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{EventDelay: time.Second}, nil)
		s.stock(2)
		s.CreateUserByOther("u-1", "", "")
		op, err := s.client.Associate(t.Context(), append(keys(2), keys(1)...), vpp.Targets{
			ClientUserIDs: []string{"u-1", "u-1"}, SerialNumbers: []string{"DEMO00000001", "DEMO00000002", "DEMO00000001"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := op.Progress(), (vpp.Progress{Total: 6, Pending: 6}); got != want {
			t.Errorf("%+v", got)
		}
		start := time.Now()
		r, err := op.Wait(t.Context())
		if err != nil || time.Since(start) != 5*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		if diff := cmp.Diff(`1000000001 (STDQ) for u-1: done
1000000001 (STDQ) for DEMO00000001: done
1000000001 (STDQ) for DEMO00000002: done
1000000002 (STDQ) for u-1: done
1000000002 (STDQ) for DEMO00000001: done
1000000002 (STDQ) for DEMO00000002: done
`, told(r)); diff != "" {
			t.Error(diff)
		}
		if !r.Done() || r.Err() != nil || op.Progress() != (vpp.Progress{Total: 6, Done: 6}) || len(s.Assignments()) != 6 {
			t.Errorf("%v %+v", r.Err(), op.Progress())
		}
		s.noViolations(t)
	})
}

func TestANotificationEndsTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.HoldEvents()
		op, err := s.client.Associate(t.Context(), keys(1), vpp.Devices(serials(2)...))
		if err != nil {
			t.Fatal(err)
		}
		eventID := s.Events()[0].ID
		time.AfterFunc(time.Second, func() {
			s.client.Notice(&vpp.Notification{Event: &vpp.EventNotice{
				EventID: eventID, Type: vpp.EventAssociate, Result: vpp.ResultSuccess,
				Assignments: []vpp.Assignment{{AdamID: "1000000001", SerialNumber: "DEMO00000001"}, {AdamID: "1000000001", SerialNumber: "DEMO00000002"}},
			}})
		})
		start := time.Now()
		if r := wait(t, op, nil); !r.Done() || time.Since(start) != time.Second {
			t.Errorf("%v after %v", r, time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := op.Wait(ctx); err != nil {
			t.Errorf("what is known needs no context: %v", err)
		}
		s.noViolations(t)
	})
}

// Package fmt knows no lock: it must not come upon what changes.
func TestAnOperationAtWorkCanBePrinted(t *testing.T) {
	s := newSite(t, nil, func(o *vpp.Options) { o.PollAfter = time.Millisecond })
	s.stock(1)
	for range 20 {
		op := s.associate(t, 1, 3)
		var wg sync.WaitGroup
		wg.Go(func() {
			for !op.Result().Done() {
				_ = fmt.Sprintf("%v %+v %#v", op, op, op)
			}
		})
		wait(t, op, nil)
		wg.Wait()
	}
}
