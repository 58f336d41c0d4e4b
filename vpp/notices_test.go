package vpp_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// receive subscribes to notifications and hands them to the client.
func (s *site) receive(t *testing.T) {
	t.Helper()
	token := vpp.NewSecret("hook-token")
	r, err := vpp.NewReceiver(s.client, &vpp.ReceiverOptions{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	s.srv.DeliverTo(r)
	if _, err := s.client.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Subscribe(t.Context(), "https://mdm.example.test/hook", token); err != nil {
		t.Fatal(err)
	}
}

func TestNotificationsAreWaitedForWhileTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{EventDelay: 40 * time.Second}, nil)
		s.stock(3)
		s.receive(t)

		wait(t, s.associate(t, 1, 1), nil) // none is known to come
		if n := s.polls(); n == 0 {
			t.Error("it did not ask")
		}

		start, before := time.Now(), s.polls()
		r := wait(t, s.associate(t, 3, 150), nil) // 450 outcomes, of which 30 succeed
		if took := time.Since(start); took > 41*time.Second || s.polls() != before {
			t.Errorf("after %v and %d polls", took, s.polls()-before)
		}
		if len(r.Failed()) != 420 || len(r.Outcomes.With(vpp.StatusDone)) != 30 {
			t.Errorf("%d failed", len(r.Failed()))
		}

		s.SetDelivery(vpptest.Delivery{Lose: func(vpptest.Notification) bool { return true }})
		start = time.Now()
		wait(t, s.associate(t, 1, 1), nil)
		if took := time.Since(start); took < 5*time.Minute || took > 301*time.Second {
			t.Errorf("asked after %v", took)
		}
		start = time.Now()
		wait(t, s.associate(t, 1, 1), nil) // one has failed to come
		if took := time.Since(start); took > 2*time.Minute {
			t.Errorf("asked after %v", took)
		}
		s.noViolations(t)
	})
}

func TestALostNotificationOfManyIsAskedForSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *vpp.Options) { o.PollAfter = 3 * time.Minute })
		s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 1000})
		s.receive(t)
		lost := false
		s.SetDelivery(vpptest.Delivery{Lose: func(vpptest.Notification) bool { was := lost; lost = true; return !was }})
		start := time.Now()
		if r := wait(t, s.associate(t, 1, 250), nil); !r.Done() {
			t.Error(told(r))
		}
		if took := time.Since(start); took < 15*time.Second || took > 17*time.Second || s.polls() != 1 {
			t.Errorf("after %v and %d polls", took, s.polls())
		}
	})
}

// A notification may be there before the answer that names its event.
func TestANotificationThatOvertakesTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.receive(t)
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Late, Path: associatePath, Delay: 3 * time.Second})
		op := s.associate(t, 1, 2)
		if p := op.Progress(); p.Done != 2 {
			t.Errorf("%+v", p)
		}
		if r := wait(t, op, nil); !r.Done() || s.polls() != 0 {
			t.Errorf("%d polls", s.polls())
		}
	})
}

func TestARevocationIsAskedForWhenANotificationComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{EventDelay: 20 * time.Second}, func(o *vpp.Options) { o.PollAfter = time.Hour })
		s.stock(2)
		s.receive(t)
		wait(t, s.associate(t, 2, 3), nil)
		op, err := s.client.Revoke(t.Context(), vpp.Devices(serials(3)...))
		start := time.Now()
		if r := wait(t, op, err); !r.Done() || len(r.Outcomes) != 3 || len(s.Assignments()) != 0 {
			t.Error(told(r))
		}
		if took := time.Since(start); took > 21*time.Second {
			t.Errorf("after %v", took)
		}
		s.noViolations(t)
	})
}

// What was given up may still be told of, and so need not be asked about again.
func TestALateNotificationOfTheFirstEventCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.NextEvents(vpptest.Forget, vpptest.Stall)
		op := s.associate(t, 1, 2)
		first := s.Events()[0].ID
		time.AfterFunc(time.Minute, func() {
			for _, serial := range serials(2) {
				s.client.Notice(&vpp.Notification{Event: &vpp.EventNotice{EventID: first, Type: vpp.EventAssociate, Result: vpp.ResultSuccess,
					Assignments: []vpp.Assignment{{AdamID: "1000000001", PricingParam: "STDQ", SerialNumber: serial}}}})
			}
		})
		start := time.Now()
		if r := wait(t, op, nil); !r.Done() || time.Since(start) != time.Minute || len(s.Events()) != 2 {
			t.Errorf("%safter %v", told(r), time.Since(start))
		}
	})
}

// Notices that make no sense do no harm.
func TestStrangeNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.HoldEvents()
		op := s.associate(t, 1, 1)
		id := s.Events()[0].ID
		for _, n := range []vpp.EventNotice{
			{}, {EventID: id}, {EventID: id, Result: "ODD"}, {EventID: id, Result: vpp.ResultSuccess},
			{EventID: id, Result: vpp.ResultSuccess, Assignments: []vpp.Assignment{{}, {AdamID: "7", SerialNumber: "DEMO00000001"}}},
			{EventID: id, Result: vpp.ResultSuccess, Users: []vpp.User{{ClientUserID: "u"}}},
			{EventID: id, Result: vpp.ResultSuccess, SubscriptionAssignments: []vpp.SubscriptionAssignment{{AdamID: 1000000001, ClientUserID: "u"}}},
			{EventID: id, Result: "ODD", Assignments: []vpp.Assignment{{AdamID: "1000000001", SerialNumber: "DEMO00000001"}}},
		} {
			s.client.Notice(&vpp.Notification{Event: &n})
		}
		if p := op.Progress(); p.Pending != 1 {
			t.Errorf("%+v", p)
		}
		s.RunEvents()
		if r := wait(t, op, nil); !r.Done() {
			t.Error(told(r))
		}
		s.noViolations(t)
	})
}

// Notifications of others do not crowd out those of a request whose answer has not come.
func TestAnEarlyNotificationAmongManyOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *vpp.Options) { o.PollAfter = time.Hour })
		s.stock(2)
		s.receive(t)
		fault := vpptest.Fault{Kind: vpptest.Late, Path: associatePath, Delay: 20 * time.Second}
		s.srv.Fail(fault)
		var wg sync.WaitGroup
		wg.Go(func() { s.associate(t, 1, 1) })
		synctest.Wait()
		for i := range 500 {
			s.client.Notice(&vpp.Notification{Event: &vpp.EventNotice{EventID: fmt.Sprint("of another ", i)}})
		}
		s.srv.Fail(fault)
		op := s.associate(t, 2, 1)
		if r := wait(t, op, nil); !r.Done() || s.polls() != 0 {
			t.Errorf("%s%d polls", told(r), s.polls())
		}
		wg.Wait()
	})
}

// Notifications may be made by hand, without a reason.
func TestANoticeOfAFailureWithoutAReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		op := s.associate(t, 1, 1)
		s.client.Notice(&vpp.Notification{Event: &vpp.EventNotice{
			EventID: op.Record().Requests[0].EventID, Type: vpp.EventAssociate, Result: vpp.ResultFailure,
			Assignments: []vpp.Assignment{{AdamID: "1000000001", SerialNumber: "DEMO00000001"}},
		}})
		r := wait(t, op, nil)
		if want := "1000000001 (STDQ) for DEMO00000001: failed associate: no reason was given\n"; told(r) != want {
			t.Error(told(r))
		}
	})
}
