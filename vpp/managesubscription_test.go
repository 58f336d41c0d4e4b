package vpp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// subscriptions buys seats of n subscriptions.
func (s *site) subscriptions(ctx context.Context, n int) []vpp.AdamNumber {
	if err := s.client.EnableSubscriptions(ctx); err != nil {
		panic(err)
	}
	ids := make([]vpp.AdamNumber, n)
	for i := range ids {
		ids[i] = vpp.AdamNumber(900001 + i)
		if err := s.BuySubscription(vpptest.Subscription{AdamID: int64(ids[i]), Renewing: 10, Expiring: 2}); err != nil {
			panic(err)
		}
	}
	return ids
}

func TestSubscriptionAdmins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.srv.SetLimit("maxSubscriptionClientUserIds", 2)
		ids, people := s.subscriptions(t.Context(), 2), s.people(3)
		r, err := s.client.AddSubscriptionAdmins(t.Context(), ids, people)
		if err != nil || !r.Done() || len(r.Outcomes) != 6 {
			t.Fatal(r, err)
		}
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Lose, Path: "/mdm/v2/subscriptions/admins/remove"})
		r, err = s.client.RemoveSubscriptionAdmins(t.Context(), ids, people)
		if err != nil || !r.Done() {
			t.Errorf("%v %v", told(r), err)
		}
		if r, err := s.client.RemoveSubscriptionAdmins(t.Context(), ids, people); r != nil || !errors.Is(err, vpp.ErrNoSubscription) {
			t.Errorf("%v, %v", r, err)
		}
		s.noViolations(t)
	})
}

func TestDeferredDisassociationIsDoneWhenItIsTakenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		ids, people := s.subscriptions(t.Context(), 1), s.people(2)
		op, err := s.client.AssociateSubscriptions(t.Context(), ids, people, true)
		wait(t, op, err)
		s.NextEvents(vpptest.ForgetRun)
		op, err = s.client.DisassociateSubscriptions(t.Context(), ids, people, true)
		start := time.Now()
		if r := wait(t, op, err); !r.Done() || time.Since(start) > time.Minute {
			t.Errorf("%s after %v", told(r), time.Since(start))
		}
		r, err := op.Verify(t.Context())
		if err != nil || !r.Done() {
			t.Errorf("%v %v", r, err)
		}
	})
}
