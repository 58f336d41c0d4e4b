package vpp_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

const (
	statusPath    = "/mdm/v2/status"
	associatePath = "/mdm/v2/assets/associate"
)

// associate begins to give n assets to m devices.
func (s *site) associate(t *testing.T, n, m int) *vpp.Operation {
	t.Helper()
	op, err := s.client.Associate(t.Context(), keys(n), vpp.Devices(serials(m)...))
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func (s *site) polls() int { return s.srv.Count("GET", statusPath) }

func TestFailuresAreToldApart(t *testing.T) {
	for name, tc := range map[string]struct {
		detail vpptest.FailureDetail
		reads  int // of assignments
	}{
		"by asset":     {vpptest.DetailByAsset, 0},
		"merged":       {vpptest.DetailMerged, 1},
		"not at all":   {vpptest.DetailNone, 1},
		"by asset too": {vpptest.DetailByAsset, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &vpptest.Options{FailureDetail: tc.detail}, nil)
				s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 3})
				s.Buy(vpptest.Asset{AdamID: "1000000002", Total: 7})
				r := wait(t, s.associate(t, 2, 9), nil)
				if failed := r.Failed(); len(failed) != 6+2 || len(r.Outcomes.With(vpp.StatusDone)) != 10 {
					t.Errorf("%s", told(r))
				} else if !errors.Is(failed[0].Err, vpp.ErrNotEnoughLicenses) || !errors.Is(r.Err(), vpp.ErrNotEnoughLicenses) {
					t.Errorf("%v", failed[0].Err)
				}
				for _, o := range r.Outcomes {
					got := slices.ContainsFunc(s.Assignments(), func(a vpptest.Assignment) bool {
						return a.AdamID == string(o.Asset.AdamID) && a.SerialNumber == o.SerialNumber
					})
					if got != (o.Status == vpp.StatusDone) {
						t.Errorf("%v, and it is there: %v", o, got)
					}
				}
				if read := s.srv.Count("GET", "/mdm/v2/assignments") > 0; read != (tc.reads > 0) {
					t.Errorf("read back: %v", read)
				}
				s.noViolations(t)
			})
		})
	}
}

func TestEverythingFailedForOneReasonNeedsNoReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{FailureDetail: vpptest.DetailNone}, nil)
		r := wait(t, s.associate(t, 1, 20), nil)
		if len(r.Failed()) != 20 || s.srv.Count("GET", "/mdm/v2/assignments") != 0 {
			t.Errorf("%s", told(r))
		}
	})
}

// What becomes of an event that Apple loses or never ends.
func TestEventsThatDoNotTell(t *testing.T) {
	for name, tc := range map[string]struct {
		fates []vpptest.Fate
		after time.Duration
		sent  int
		want  vpp.Status
	}{
		"unknown, but done":              {[]vpptest.Fate{vpptest.ForgetRun}, 5 * time.Second, 1, vpp.StatusDone},
		"unknown and not done":           {[]vpptest.Fate{vpptest.Forget}, 10 * time.Second, 2, vpp.StatusDone},
		"unknown twice":                  {[]vpptest.Fate{vpptest.Forget, vpptest.Forget}, 10*time.Minute + 10*time.Second, 2, vpp.StatusUncertain},
		"pending for ever, but done":     {[]vpptest.Fate{vpptest.StallRun}, 10 * time.Minute, 1, vpp.StatusDone},
		"pending for ever":               {[]vpptest.Fate{vpptest.Stall}, 10*time.Minute + 5*time.Second, 2, vpp.StatusDone},
		"pending for ever and once more": {[]vpptest.Fate{vpptest.Stall, vpptest.Stall}, 20 * time.Minute, 2, vpp.StatusPending},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				s.stock(1)
				s.NextEvents(tc.fates...)
				start := time.Now()
				op := s.associate(t, 1, 3)
				r := wait(t, op, nil)
				if took := time.Since(start); took < tc.after || took > tc.after+time.Second {
					t.Errorf("after %v, want %v", took, tc.after)
				}
				if len(r.Outcomes.With(tc.want)) != 3 || s.srv.Count("POST", associatePath) != tc.sent {
					t.Errorf("%s%d requests", told(r), s.srv.Count("POST", associatePath))
				}
				if tc.want == vpp.StatusUncertain && !errors.Is(r.Err(), vpp.ErrEvent) {
					t.Error(r.Err())
				}
				s.noViolations(t)
			})
		})
	}
}

func TestWaitGoesOnWhereItGaveUp(t *testing.T) {
	for name, fate := range map[string]vpptest.Fate{"pending": vpptest.Stall, "unknown": vpptest.Forget} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				s.stock(1)
				s.NextEvents(fate, fate)
				op := s.associate(t, 1, 2)
				if r := wait(t, op, nil); r.Done() {
					t.Fatal("done")
				}
				s.AssignByOther("1000000001", "", vpptest.ToDevice("DEMO00000001"), vpptest.ToDevice("DEMO00000002"))
				if r := wait(t, op, nil); !r.Done() {
					t.Error(told(r))
				}
				if n := s.srv.Count("POST", associatePath); n != 2 {
					t.Errorf("sent %d times", n)
				}
				s.noViolations(t)
			})
		})
	}
}

// Others may have changed what was asked for long ago.
func TestNothingIsSentAgainAfterAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.NextEvents(vpptest.Forget)
		op := s.associate(t, 1, 1)
		later(2 * time.Hour)
		r := wait(t, op, nil)
		if r.Outcomes[0].Status != vpp.StatusUncertain || s.srv.Count("POST", associatePath) != 1 {
			t.Error(told(r))
		}
	})
}

func TestPollsBecomeRareAndKeepToTheirDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.HoldEvents()
		op := s.associate(t, 1, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
		defer cancel()
		if r, err := op.Wait(ctx); r != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v", r, err)
		}
		if n := s.polls(); n < 5 || n > 12 {
			t.Errorf("%d polls in 9 minutes", n)
		}
		if r := op.Result(); len(r.Pending()) != 1 || r.Err() == nil {
			t.Error(told(r))
		}
		s.RunEvents()
		if r := wait(t, op, nil); !r.Done() {
			t.Error(told(r))
		}
		s.noViolations(t)
	})
}

func TestProgressCountsWhatAppleCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.HoldEvents()
		op := s.associate(t, 1, 5)
		s.RunTasks(3)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := op.Wait(ctx); err == nil {
			t.Fatal("no error")
		}
		if got, want := op.Progress(), (vpp.Progress{Total: 5, Done: 3, Pending: 2}); got != want {
			t.Errorf("%+v", got)
		}
	})
}

func TestPollAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *vpp.Options) { o.PollAfter = time.Minute })
		s.stock(1)
		start := time.Now()
		wait(t, s.associate(t, 1, 1), nil)
		if took := time.Since(start); took < time.Minute || took > 61*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

func TestTwoWhoWaitAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{EventDelay: time.Second}, nil)
		s.stock(1)
		op := s.associate(t, 1, 1)
		first, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		errs := make(chan error, 1)
		go func() {
			_, err := op.Wait(first)
			errs <- err
		}()
		synctest.Wait()
		second, cancelSecond := context.WithTimeout(t.Context(), time.Second)
		defer cancelSecond()
		if _, err := op.Wait(second); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if r := wait(t, op, nil); !r.Done() || s.polls() != 1 {
			t.Errorf("%d polls", s.polls())
		}
		if err := <-errs; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestWaitFailsWhereAppleCannotBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		op := s.associate(t, 1, 1)
		s.RevokeTokens()
		if r, err := op.Wait(t.Context()); r != nil || !errors.Is(err, vpp.ErrTokenRevoked) {
			t.Errorf("%v, %v", r, err)
		}
		s.store(s.IssueToken(vpptest.TokenOptions{}))
		if r := wait(t, op, nil); !r.Done() {
			t.Error(told(r))
		}
	})
}

func TestReadingBackFailsWhereAppleCannotBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *vpp.Options) { o.Retry = vpp.Retry{Tries: 1} })
		s.stock(1)
		s.NextEvents(vpptest.Forget)
		op := s.associate(t, 1, 1)
		s.srv.Fail(vpptest.Fault{Kind: vpptest.HTML, Path: "/mdm/v2/assignments"})
		if _, err := op.Wait(t.Context()); err == nil {
			t.Error("no error")
		}
		s.srv.Fail(vpptest.Fault{Kind: vpptest.HTML, Path: associatePath})
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Busy, Path: associatePath})
		for range 2 { // what is missing cannot be sent
			if _, err := op.Wait(t.Context()); err == nil {
				t.Error("no error")
			}
		}
		if r := wait(t, op, nil); !r.Done() {
			t.Error(told(r))
		}
		s.noViolations(t)
	})
}

// Nothing more is written when another server has the location.
func TestNothingIsSentAgainToALocationOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.NextEvents(vpptest.Forget)
		op := s.associate(t, 1, 1)
		s.ClaimByOther("c0ffee", "Other", "other.example.test")
		r := wait(t, op, nil)
		if o := r.Outcomes[0]; o.Status != vpp.StatusUncertain || !errors.Is(o.Err, vpp.ErrClaimedByOther) {
			t.Errorf("%v %v", o, o.Err)
		}
		if n := s.srv.Count("POST", associatePath); n != 1 {
			t.Errorf("sent %d times", n)
		}
		s.noViolations(t)
	})
}

// All who wait get what the one who asks has found, also when it has given up.
func TestThoseWhoWaitTogetherGiveUpTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.NextEvents(vpptest.Stall, vpptest.Stall)
		op := s.associate(t, 1, 1)
		start := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if r, err := op.Wait(t.Context()); err != nil || len(r.Pending()) != 1 {
					t.Errorf("%v, %v", r, err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took > 21*time.Minute {
			t.Errorf("after %v", took)
		}
		s.noViolations(t)
	})
}

// The list shows a seat that Apple says is not there, whenever it is to be taken back.
func TestWaitEndsWhereAppleContradictsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const path = "/mdm/v2/subscriptions/disassociate"
		s := newSite(t, nil, nil)
		ids, people := s.subscriptions(t.Context(), 1), s.people(1)
		op, err := s.client.AssociateSubscriptions(t.Context(), ids, people, true)
		wait(t, op, err)
		s.NextEvents(vpptest.Stall)
		op, err = s.client.DisassociateSubscriptions(t.Context(), ids, people, false)
		if err != nil {
			t.Fatal(err)
		}
		fault := vpptest.ErrorFault(9815)
		fault.Path, fault.Count = path, 1000
		s.srv.Fail(fault)
		r := wait(t, op, nil)
		if o := r.Outcomes[0]; o.Status != vpp.StatusUncertain || !errors.Is(o.Err, vpp.ErrNoSubscription) {
			t.Error(told(r))
		}
		if n := s.srv.Count("POST", path); n != 2 {
			t.Errorf("sent %d times", n)
		}
		s.srv.ResetFaults()
		again, err := s.client.DisassociateSubscriptions(t.Context(), ids, people, false)
		wait(t, again, err)
		if r := wait(t, op, nil); !r.Done() {
			t.Error(told(r))
		}
		s.noViolations(t)
	})
}

// Those who keep on waiting while requests get lost have the hour counted from the first one.
func TestWhatGetsLostIsSentForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *vpp.Options) { o.Retry = vpp.Retry{Tries: 1} })
		s.stock(1)
		s.srv.Fail(vpptest.Fault{Kind: vpptest.HTML, Path: associatePath, Count: 10})
		op := s.associate(t, 1, 1)
		for range 2 { // within the hour
			if r, err := op.Wait(t.Context()); err == nil {
				t.Error(told(r))
			}
			later(25 * time.Minute)
		}
		restarted, err := s.client.ResumeOperation(op.Record())
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range []*vpp.Operation{op, restarted} {
			later(25 * time.Minute)
			r := wait(t, op, nil)
			if o := r.Outcomes[0]; o.Status != vpp.StatusUncertain || s.srv.Count("POST", associatePath) != 3 {
				t.Errorf("%s%d requests", told(r), s.srv.Count("POST", associatePath))
			}
		}
		s.noViolations(t)
	})
}
