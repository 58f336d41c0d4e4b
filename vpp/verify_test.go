package vpp_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// What becomes of the events of every kind that Apple forgets, carried out or not, is read back.
func TestEveryKindIsReadBack(t *testing.T) {
	for name, begin := range map[string]func(ctx context.Context, s *site, people []string, fate vpptest.Fate) (*vpp.Operation, error){
		"associate": func(ctx context.Context, s *site, people []string, fate vpptest.Fate) (*vpp.Operation, error) {
			return s.client.Associate(ctx, keys(2), vpp.Users(people...))
		},
		"disassociate": func(ctx context.Context, s *site, people []string, fate vpptest.Fate) (*vpp.Operation, error) {
			for _, id := range people {
				s.AssignByOther("1000000001", "", vpptest.ToUser(id))
			}
			return s.client.Disassociate(ctx, keys(2), vpp.Users(people...))
		},
		"revoke": func(ctx context.Context, s *site, people []string, fate vpptest.Fate) (*vpp.Operation, error) {
			s.Buy(vpptest.Asset{AdamID: "9", ProductType: vpptest.Book, Total: 100})
			for _, id := range people {
				s.AssignByOther("1000000001", "", vpptest.ToUser(id))
				s.AssignByOther("9", "", vpptest.ToUser(id))
			}
			return s.client.Revoke(ctx, vpp.Users(people...))
		},
		"create": func(ctx context.Context, s *site, people []string, fate vpptest.Fate) (*vpp.Operation, error) {
			var users []vpp.UserRequest
			for _, id := range people {
				s.RetireUserByOther(id)
				users = append(users, vpp.UserRequest{ClientUserID: id})
			}
			return s.client.CreateUsers(ctx, users)
		},
		"update": func(ctx context.Context, s *site, people []string, fate vpptest.Fate) (*vpp.Operation, error) {
			var users []vpp.UserRequest
			for _, id := range people {
				users = append(users, vpp.UserRequest{ClientUserID: id, Email: "new@example.test", ManagedAppleAccount: id + "@example.test"})
			}
			return s.client.UpdateUsers(ctx, users)
		},
		"retire": func(ctx context.Context, s *site, people []string, fate vpptest.Fate) (*vpp.Operation, error) {
			return s.client.RetireUsers(ctx, people)
		},
		"associate subscriptions": func(ctx context.Context, s *site, people []string, fate vpptest.Fate) (*vpp.Operation, error) {
			return s.client.AssociateSubscriptions(ctx, s.subscriptions(ctx, 2), people, true)
		},
		"disassociate subscriptions": func(ctx context.Context, s *site, people []string, fate vpptest.Fate) (*vpp.Operation, error) {
			ids := s.subscriptions(ctx, 2)
			op, err := s.client.AssociateSubscriptions(ctx, ids, people, true)
			if err == nil {
				_, err = op.Wait(ctx)
			}
			if err != nil {
				return nil, err
			}
			s.NextEvents(fate)
			return s.client.DisassociateSubscriptions(ctx, ids, people, false)
		},
	} {
		for kind, fate := range map[string]vpptest.Fate{"carried out": vpptest.ForgetRun, "not carried out": vpptest.Forget} {
			for _, n := range []int{2, 9} {
				t.Run(fmt.Sprintf("%s for %d %s", name, n, kind), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := newSite(t, &vpptest.Options{PageSize: 2}, nil)
						s.stock(2)
						people := s.people(n)
						s.CreateUserByOther("other", "", "")
						s.AssignByOther("1000000002", "", vpptest.ToUser("other"))
						if name != "disassociate subscriptions" {
							s.NextEvents(fate)
						}
						op, err := begin(t.Context(), s, people, fate)
						if r := wait(t, op, err); !r.Done() {
							t.Error(told(r))
						}
						want := 1
						if fate == vpptest.Forget {
							want = 2
						}
						if events := s.Events(); len(events) != want && name != "disassociate subscriptions" {
							t.Errorf("%d events", len(events))
						}
						if r, err := op.Verify(t.Context()); err != nil || !r.Done() {
							t.Errorf("%v\n%s", err, told(r))
						}
						s.noViolations(t)
					})
				})
			}
		}
	}
}

func TestVerifyTakesTheCheapestWay(t *testing.T) {
	for name, tc := range map[string]struct {
		assets, devices int // asked for
		others, apps    int // assignments there are of each of so many apps, to devices
		want            int // requests
	}{
		"few devices":                        {3, 2, 40, 3, 2},
		"one app in a small location":        {1, 30, 10, 1, 1 + 1},
		"one app of many in a large one":     {1, 30, 25, 20, 1 + 1 + 3},
		"many apps, many devices":            {20, 40, 3, 20, 1 + 6},
		"many apps for some devices":         {20, 6, 40, 20, 1 + 2*6},
		"an app that many more devices have": {1, 7, 90, 3, 1 + 1 + 7},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &vpptest.Options{PageSize: 10}, nil)
				for i := range tc.apps {
					id := fmt.Sprint(1000000001 + i)
					s.Buy(vpptest.Asset{AdamID: id, Total: 1000})
					for _, serial := range serials(tc.others) {
						s.AssignByOther(id, "", vpptest.ToDevice(serial))
					}
				}
				want := map[vpp.AssignmentKey]bool{}
				var ask []vpp.AssignmentKey
				for i, key := range keys(tc.assets) {
					for j, serial := range serials(tc.devices) {
						k := vpp.AssignmentKey{Asset: key, SerialNumber: serial}
						want[k] = i < tc.apps && j < tc.others
						ask = append(ask, k)
					}
				}
				s.srv.ResetReceived()
				got, err := s.client.Verify(t.Context(), ask)
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Error(err, diff)
				}
				if n := s.srv.Count("GET", "/mdm/v2/assignments"); n != tc.want {
					t.Errorf("%d requests, want %d", n, tc.want)
				}
				s.noViolations(t)
			})
		})
	}
}

func TestVerifyChecksItsArguments(t *testing.T) {
	s := newSite(t, nil, nil)
	for want, key := range map[string]vpp.AssignmentKey{
		"keys[0].Asset.AdamID: must not be empty":                                                            {SerialNumber: "X"},
		"keys[0]: must have one of ClientUserID and SerialNumber":                                            {Asset: keys(1)[0]},
		`keys[0].SerialNumber: is "X Y"; a serial number has neither spaces nor characters outside of ASCII`: {Asset: keys(1)[0], SerialNumber: "X Y"},
		`keys[0].Asset.AdamID: is "x"; an Adam ID is a number greater than 0 in plain digits`:                {Asset: vpp.AssetKey{AdamID: "x"}, ClientUserID: "u"},
	} {
		if _, err := s.client.Verify(t.Context(), []vpp.AssignmentKey{key}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestOperationVerifyTellsWhatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		op := s.associate(t, 1, 3)
		if r, err := op.Verify(t.Context()); err != nil || !r.Done() {
			t.Errorf("what is pending and there is done: %v %v", err, told(r))
		}
		wait(t, op, nil)
		s.UnassignByOther("1000000001", "", vpptest.ToDevice("DEMO00000002"))
		r, err := op.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Outcomes.With(vpp.StatusUnverified); len(got) != 1 || got[0].SerialNumber != "DEMO00000002" {
			t.Error(told(r))
		}
		if !op.Result().Done() {
			t.Error("it has changed what was known")
		}
	})
}

// Whatever fails while things are read back, fails the call.
func TestReadingBackMayFail(t *testing.T) {
	for name, tc := range map[string]struct {
		begin func(ctx context.Context, s *site) (*vpp.Operation, error)
		path  string
		at    int // request number that fails
	}{
		"assets": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.Revoke(ctx, vpp.Devices(serials(9)...))
		}, "/mdm/v2/assets", 1},
		"assignments of revoked": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.Revoke(ctx, vpp.Devices(serials(9)...))
		}, "/mdm/v2/assignments", 1},
		"pages of an asset": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.Associate(ctx, keys(1), vpp.Devices(serials(9)...))
		}, "/mdm/v2/assignments", 2},
		"count of users": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.RetireUsers(ctx, s.people(9))
		}, "/mdm/v2/users", 1},
		"users": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.RetireUsers(ctx, s.people(9))
		}, "/mdm/v2/users", 2},
		"seats": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.AssociateSubscriptions(ctx, s.subscriptions(ctx, 1), s.people(1), true)
		}, "/mdm/v2/subscriptions/assignments", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &vpptest.Options{PageSize: 2}, func(o *vpp.Options) { o.Retry = vpp.Retry{Tries: 1} })
				s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 100})
				for _, serial := range serials(30) {
					s.AssignByOther("1000000001", "", vpptest.ToDevice(serial))
				}
				op, err := tc.begin(t.Context(), s)
				if err != nil {
					t.Fatal(err)
				}
				s.srv.Fail(vpptest.Fault{Kind: vpptest.HTML, Path: tc.path, Skip: tc.at - 1})
				if r, err := op.Verify(t.Context()); r != nil || err == nil {
					t.Errorf("%v, %v", r, err)
				}
			})
		})
	}
}
