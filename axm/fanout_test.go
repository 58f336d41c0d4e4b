package axm_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// The results come in the order of the serial numbers, four at once, each device once.
func TestFanOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{Latency: time.Second}, nil)
		serials := s.AddRandomDevices(40)
		for _, serial := range serials[:5] {
			s.ModifyDevice(serial, func(d *axmtest.Device) { d.Coverage = []axmtest.Coverage{{ID: "C-" + serial}, {ID: "D"}} })
		}
		if _, err := s.client.TokenSource().Token(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		fan := s.client.AppleCareOf(t.Context(), append(serials, serials[:3]...), "status")
		for range 2 {
			var got []string
			for r, err := range fan {
				if err != nil || r.Err != nil {
					t.Fatal(err, r.Err)
				}
				if covered := len(got) < 5; covered && (len(r.Value) != 2 || r.Value[0].ID != "C-"+r.Serial) || !covered && r.Value != nil {
					t.Errorf("%+v", r)
				}
				got = append(got, r.Serial)
			}
			if diff := cmp.Diff(serials, got); diff != "" {
				t.Error(diff)
			}
		}
		if took := time.Since(start); took != 20*time.Second || s.srv.Traffic().Peak != 4 {
			t.Errorf("took %v, %+v", took, s.srv.Traffic())
		}
		s.clean(t)
	})
}

func TestFanOutOfTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		id := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1", "A2", "A3")
		s.AssignDevices(id, "A2")
		s.ModifyDevice("A3", func(d *axmtest.Device) { d.ActivationLock = "USER" })
		want := map[string]string{"A1": "", "A2": id, "A3": ""}
		for r, err := range s.client.AssignedServerIDsOf(t.Context(), []string{"A1", "A2", "A3"}) {
			if err != nil || r.Err != nil || r.Value != want[r.Serial] {
				t.Errorf("%+v, %v", r, err)
			}
		}
		for r, err := range s.client.ActivationLocksOf(t.Context(), []string{"A1", "A3"}) {
			if err != nil || r.Err != nil || r.Value.ID != r.Serial || r.Value.IsLocked != (r.Serial == "A3") {
				t.Errorf("%+v, %v", r, err)
			}
		}
		for r, err := range s.client.ActivationLocksOf(t.Context(), nil) {
			t.Errorf("%+v, %v", r, err)
		}
		s.clean(t)
	})
}

// What is wrong with one device does not hold up the others.
func TestFanOutWithOddDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.AddSerials("A1", "A2", "A3")
		s.ModifyDevice("A2", func(d *axmtest.Device) { d.ActivationLock = "INTERNAL" })
		want := map[string]error{"A1": nil, "A2": axm.ErrServer, "XX": axm.ErrNotFound, "A3": nil}
		n := 0
		for r, err := range s.client.ActivationLocksOf(t.Context(), []string{"A1", "A2", "XX", "A3"}) {
			n++
			if err != nil || !errors.Is(r.Err, want[r.Serial]) || (r.Value == nil) != (r.Err != nil) {
				t.Errorf("%+v, %v", r, err)
			}
		}
		if n != 4 {
			t.Errorf("%d results", n)
		}
	})
}

// What would go wrong with all of them ends the run, which is resumed at the serial number that comes
// with the error.
func TestFanOutIsResumed(t *testing.T) {
	for name, tc := range map[string]struct {
		fault axmtest.Fault
		is    error
	}{
		"too many":     {axmtest.Fault{Kind: axmtest.BusySeconds, Status: 429, RetryAfter: 10 * time.Minute}, axm.ErrTooManyRequests},
		"down":         {axmtest.Fault{Kind: axmtest.BusySeconds, RetryAfter: 10 * time.Minute}, axm.ErrUnavailable},
		"forbidden":    {axmtest.ErrorFault(403, "FORBIDDEN_ERROR", "x"), axm.ErrForbidden},
		"unauthorized": {axmtest.Fault{Kind: axmtest.Answer, Status: 401, Count: -1}, axm.ErrUnauthorized},
		"line":         {axmtest.Fault{Kind: axmtest.Reset, Count: -1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				serials := s.AddRandomDevices(20)
				tc.fault.Path, tc.fault.Skip = "/v1/orgDevices/*/activationLockStatus", 9
				s.srv.Fail(tc.fault)
				var got []string
				todo := serials
				for range 2 {
					var stopped string
					for r, err := range s.client.ActivationLocksOf(t.Context(), todo) {
						if err != nil {
							if tc.is != nil && !errors.Is(err, tc.is) || r.Value != nil || r.Err != nil {
								t.Errorf("%+v, %v", r, err)
							}
							stopped = r.Serial
							break
						}
						got = append(got, r.Serial)
					}
					if stopped == "" {
						break
					}
					s.srv.ResetFaults()
					time.Sleep(10 * time.Minute)
					todo = todo[slices.Index(todo, stopped):]
				}
				if diff := cmp.Diff(serials, got); diff != "" || len(todo) == 20 || len(todo) == 0 {
					t.Errorf("resumed with %d: %s", len(todo), diff)
				}
			})
		})
	}
}

func TestFanOutEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{Latency: time.Second}, nil)
		serials := s.AddRandomDevices(100)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		n := 0
		var last error
		for r, err := range s.client.AppleCareOf(ctx, serials) {
			if last = err; err == nil {
				n++
			} else if r.Serial != serials[n] {
				t.Errorf("ended at %s, want %s", r.Serial, serials[n])
			}
		}
		if !errors.Is(last, context.DeadlineExceeded) || n < 8 || n > 16 {
			t.Errorf("%d results, %v", n, last)
		}

		// Leaving the loop ends what is under way.
		start := time.Now()
		for range s.client.AppleCareOf(t.Context(), serials) {
			break
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// An answer that is too large is about one device.
func TestFanOutWithAnAnswerTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *axm.Options) { o.MaxBody = 8 << 10 })
		serials := s.AddRandomDevices(3)
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Oversize, Path: "/v1/orgDevices/" + serials[1] + "/*", Size: 16 << 10})
		for r, err := range s.client.AppleCareOf(t.Context(), serials) {
			if err != nil || errors.Is(r.Err, axm.ErrBodyTooLarge) != (r.Serial == serials[1]) {
				t.Errorf("%+v, %v", r, err)
			}
		}
	})
}
