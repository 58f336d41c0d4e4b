package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// users returns client user IDs and makes them known.
func (s *site) people(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("u-%d", i+1)
		s.CreateUserByOther(ids[i], "", ids[i]+"@example.test")
	}
	return ids
}

func TestRequestsKeepToTheLimits(t *testing.T) {
	for name, tc := range map[string]struct {
		begin func(ctx context.Context, s *site) (*vpp.Operation, error)
		path  string
		want  int // requests
	}{
		"associate": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.Associate(ctx, keys(5), vpp.Targets{ClientUserIDs: s.people(5), SerialNumbers: serials(7)})
		}, associatePath, 3 * (2 + 2)},
		"disassociate": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.Disassociate(ctx, keys(3), vpp.Devices(serials(9)...))
		}, "/mdm/v2/assets/disassociate", 2 * 3},
		"revoke": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.Revoke(ctx, vpp.Targets{ClientUserIDs: s.people(5), SerialNumbers: serials(5)})
		}, "/mdm/v2/assets/revoke", 3 + 2},
		"create": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.CreateUsers(ctx, []vpp.UserRequest{{ClientUserID: "a"}, {ClientUserID: "b"}, {ClientUserID: "c"}, {ClientUserID: "d"}, {ClientUserID: "e"}, {ClientUserID: "f"}})
		}, "/mdm/v2/users/create", 2},
		"update": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			var users []vpp.UserRequest
			for _, id := range s.people(7) {
				users = append(users, vpp.UserRequest{ClientUserID: id, Email: "new@example.test"})
			}
			return s.client.UpdateUsers(ctx, users)
		}, "/mdm/v2/users/update", 2},
		"retire": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.RetireUsers(ctx, s.people(6))
		}, "/mdm/v2/users/retire", 2},
		"subscriptions": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.AssociateSubscriptions(ctx, s.subscriptions(ctx, 3), s.people(4), true)
		}, "/mdm/v2/subscriptions/associate", 2 * 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				for limit, n := range map[string]int{
					"maxAssets": 2, "maxClientUserIds": 3, "maxSerialNumbers": 4, "maxRevokeClientUserIds": 2, "maxRevokeSerialNumbers": 3,
					"maxUsers": 5, "maxSubscriptions": 2, "maxSubscriptionClientUserIds": 3,
				} {
					s.srv.SetLimit(limit, n)
				}
				s.stock(5)
				op, err := tc.begin(t.Context(), s)
				r := wait(t, op, err)
				if n := s.srv.Count("POST", tc.path); n != tc.want {
					t.Errorf("%d requests, want %d", n, tc.want)
				}
				for _, o := range r.Outcomes {
					if o.Status != vpp.StatusDone && !errors.Is(o.Err, vpp.ErrNotEnoughLicenses) {
						t.Error(o, o.Err)
					}
				}
				s.noViolations(t)
			})
		})
	}
}

// The limits are lowered after the client has read them.
func TestLimitsThatChangeAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(4)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		s.srv.SetLimit("maxAssets", 2)
		s.srv.SetLimit("maxSerialNumbers", 3)
		before := s.srv.Count("GET", configPath)
		r := wait(t, s.associate(t, 4, 6), nil)
		if !r.Done() || s.srv.Count("POST", associatePath) != 1+4 || s.srv.Count("GET", configPath)-before != 1 {
			t.Errorf("%s%d requests", told(r), s.srv.Count("POST", associatePath))
		}
	})
}

// The service refuses more than it publishes that it takes.
func TestLimitsThatAreNotTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.srv.Fail(vpptest.ErrorFault(9702))
		if err := s.ask(t); err == nil {
			t.Fatal("the fault was for another request")
		}
		fault := vpptest.ErrorFault(9702)
		fault.Path, fault.Count = associatePath, 2
		s.srv.Fail(fault)
		r := wait(t, s.associate(t, 1, 4), nil)
		if !r.Done() || s.srv.Count("POST", associatePath) != 2+3 {
			t.Errorf("%s%d requests", told(r), s.srv.Count("POST", associatePath))
		}
	})
}

func TestLostAnswersAreNotDoneTwice(t *testing.T) {
	for _, kind := range []vpptest.Kind{vpptest.Lose, vpptest.Truncate} {
		for name, tc := range map[string]struct {
			path  string
			begin func(ctx context.Context, s *site) (*vpp.Operation, error)
		}{
			"associate": {associatePath, func(ctx context.Context, s *site) (*vpp.Operation, error) {
				return s.client.Associate(ctx, keys(1), vpp.Devices(serials(2)...))
			}},
			"create": {"/mdm/v2/users/create", func(ctx context.Context, s *site) (*vpp.Operation, error) {
				return s.client.CreateUsers(ctx, []vpp.UserRequest{{ClientUserID: "new-1"}, {ClientUserID: "new-2"}})
			}},
			"retire": {"/mdm/v2/users/retire", func(ctx context.Context, s *site) (*vpp.Operation, error) {
				return s.client.RetireUsers(ctx, s.people(3))
			}},
			"give subscriptions back": {"/mdm/v2/subscriptions/disassociate", func(ctx context.Context, s *site) (*vpp.Operation, error) {
				ids, people := s.subscriptions(ctx, 1), s.people(2)
				op, err := s.client.AssociateSubscriptions(ctx, ids, people, true)
				if err != nil {
					return nil, err
				}
				if _, err := op.Wait(ctx); err != nil {
					return nil, err
				}
				return s.client.DisassociateSubscriptions(ctx, ids, people, false)
			}},
		} {
			t.Run(fmt.Sprintf("%s %v", name, kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t, nil, nil)
					s.stock(1)
					s.srv.Fail(vpptest.Fault{Kind: kind, Path: tc.path})
					op, err := tc.begin(t.Context(), s)
					if r := wait(t, op, err); !r.Done() {
						t.Error(told(r))
					}
					if n := s.srv.Count("POST", tc.path); n > 2 || n < 2 && kind == vpptest.Lose {
						t.Errorf("%d requests", n)
					}
					s.noViolations(t)
				})
			})
		}
	}
}

// Without repetition, what became of a lost request is read back.
func TestALostAnswerIsReadBack(t *testing.T) {
	for name, tc := range map[string]struct {
		fault vpptest.Kind
		sent  int
	}{
		"carried out":     {vpptest.Lose, 1},
		"not carried out": {vpptest.HTML, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, func(o *vpp.Options) { o.Retry = vpp.Retry{Tries: 1} })
				s.stock(1)
				s.srv.Fail(vpptest.Fault{Kind: tc.fault, Path: associatePath})
				op := s.associate(t, 1, 2)
				if r := op.Result(); len(r.Outcomes.With(vpp.StatusUncertain)) != 2 || r.Outcomes[0].Err == nil {
					t.Error(told(r))
				}
				if p := op.Progress(); p.Uncertain != 2 {
					t.Errorf("%+v", p)
				}
				if r := wait(t, op, nil); !r.Done() || s.srv.Count("POST", associatePath) != tc.sent {
					t.Errorf("%s%d requests", told(r), s.srv.Count("POST", associatePath))
				}
			})
		})
	}
}

func TestUsersWhoExist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.people(1)
		op, err := s.client.CreateUsers(t.Context(), []vpp.UserRequest{{ClientUserID: "u-1"}, {ClientUserID: "u-2"}})
		r := wait(t, op, err)
		if failed := r.Failed(); len(failed) != 1 || !errors.Is(failed[0].Err, vpp.ErrUserExists) {
			t.Error(told(r))
		}
	})
}

func TestErrorsMeanThatNothingWasQueued(t *testing.T) {
	for name, tc := range map[string]struct {
		break_ func(s *site)
		is     error
	}{
		"revoked token":      {func(s *site) { s.RevokeTokens() }, vpp.ErrTokenRevoked},
		"another has it":     {func(s *site) { s.ClaimByOther("c0ffee", "Other", "x") }, vpp.ErrClaimedByOther},
		"down":               {func(s *site) { s.srv.Fail(vpptest.Fault{Kind: vpptest.Busy, Path: associatePath, Count: 9}) }, vpp.ErrMaintenance},
		"managed by Apple":   {func(s *site) { s.SetManagedByApple(true) }, nil},
		"no configuration":   {func(s *site) { s.srv.Fail(vpptest.Fault{Kind: vpptest.HTML, Path: configPath, Count: 9}) }, vpp.ErrServer},
		"only what is wrong": {func(s *site) { s.Refund("1000000001", "", 10); s.srv.Fail(refusal(9602)) }, vpp.ErrInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				s.stock(1)
				tc.break_(s)
				if name == "another has it" {
					_ = s.ask(t)
				}
				op, err := s.client.Associate(t.Context(), keys(1), vpp.Devices(serials(1)...))
				if err == nil || op != nil || tc.is != nil && !errors.Is(err, tc.is) {
					t.Errorf("%v, %v", op, err)
				}
				if len(s.Events()) != 0 {
					t.Error("something was queued")
				}
				s.noViolations(t)
			})
		})
	}
}

func TestSeveralReasonsAreAllTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.Buy(vpptest.Asset{AdamID: "1000000001", ProductType: vpptest.Book, Total: 10})
		_, err := s.client.Associate(t.Context(), keys(1), vpp.Targets{ClientUserIDs: []string{"nobody"}, SerialNumbers: serials(1)})
		if !errors.Is(err, vpp.ErrUserNotFound) || !errors.Is(err, vpp.ErrNotDeviceAssignable) {
			t.Error(err)
		}
	})
}

func TestWhatCannotBeSentAnyMoreIsAnOutcome(t *testing.T) {
	for name, tc := range map[string]struct {
		after func(s *site, cancel func())
		is    error
	}{
		"another claims it": {func(s *site, _ func()) { s.ClaimByOther("c0ffee", "Other", "x") }, vpp.ErrClaimedByOther},
		"the token ends":    {func(s *site, _ func()) { s.RevokeTokens() }, vpp.ErrTokenRevoked},
		"the caller goes":   {func(_ *site, cancel func()) { cancel() }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, func(o *vpp.Options) { o.Retry = vpp.Retry{Tries: 1} })
				s.srv.SetLimit("maxRequestPerSecond", 1)
				s.srv.SetLimit("maxSerialNumbers", 1)
				s.stock(1)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(2500*time.Millisecond, func() { tc.after(s, cancel) })
				op, err := s.client.Associate(ctx, keys(1), vpp.Devices(serials(8)...))
				if err != nil {
					t.Fatal(err)
				}
				r := op.Result()
				left := r.Outcomes.With(vpp.StatusNotSent)
				if len(left) < 4 || len(left) > 7 || !errors.Is(left[0].Err, tc.is) || len(r.Pending()) == 0 {
					t.Error(told(r))
				}
				if got := len(s.Assignments()); got != 8-len(left) {
					t.Errorf("%d assignments", got)
				}
				if p := op.Progress(); p.NotSent != len(left) {
					t.Errorf("%+v", p)
				}
				s.noViolations(t)
			})
		})
	}
}

func TestAnAnswerOfAnotherLocationStopsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		other := s.srv.AddLocation(vpptest.LocationOptions{})
		other.Buy(vpptest.Asset{AdamID: "1000000001", Total: 1})
		s.RevokeTokens()
		s.store(other.Token())
		op := s.associate(t, 1, 1)
		if o := op.Result().Outcomes[0]; o.Status != vpp.StatusUncertain || !errors.Is(o.Err, vpp.ErrOtherLocation) {
			t.Errorf("%v %v", o, o.Err)
		}
		if _, err := s.client.Associate(t.Context(), keys(1), vpp.Devices("X")); !errors.Is(err, vpp.ErrOtherLocation) {
			t.Error(err)
		}
	})
}

// An event that does not say whom it could not create does not make an account of somebody who is
// there without one.
func TestUsersWhoExistOtherThanAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{FailureDetail: vpptest.DetailNone}, nil)
		s.CreateUserByOther("u-1", "", "")
		s.CreateUserByOther("u-2", "other@example.test", "")
		op, err := s.client.CreateUsers(t.Context(), []vpp.UserRequest{
			{ClientUserID: "u-1", ManagedAppleAccount: "a@example.test"},
			{ClientUserID: "u-2", Email: "b@example.test"},
			{ClientUserID: "u-3", Email: "C@example.test", ManagedAppleAccount: "c@example.test"},
		})
		r := wait(t, op, err)
		want := "u-1: failed create users: error 9716: the user exists\nu-2: failed create users: error 9716: the user exists\nu-3: done\n"
		if told(r) != want {
			t.Error(told(r))
		}
	})
}
