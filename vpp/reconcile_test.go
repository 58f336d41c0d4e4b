package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// holdings renders who has what, by asset.
func (s *site) holdings() string {
	var lines []string
	for _, a := range s.Assignments() {
		lines = append(lines, fmt.Sprintf("%s %s%s", a.AdamID[len(a.AdamID)-1:], a.ClientUserID, a.SerialNumber))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// give lets another one assign.
func (s *site) give(asset int, targets ...vpptest.Target) {
	s.AssignByOther(fmt.Sprint(1000000000+asset), "", targets...)
}

func key(asset int) vpp.AssetKey {
	return vpp.AssetKey{AdamID: vpp.AdamID(fmt.Sprint(1000000000 + asset))}
}

func TestReconcileKeepsToItsScope(t *testing.T) {
	const before = "1 A, 1 B, 1 u, 2 A, 2 B, 2 u, 3 A"
	for scope, want := range map[vpp.Scope]string{
		vpp.ScopeNone:     "1 A, 1 B, 1 C, 1 u, 2 A, 2 B, 2 u, 3 A",
		vpp.ScopeNamed:    "1 B, 1 C, 1 u, 2 A, 2 B, 2 u, 3 A",
		vpp.ScopeAssets:   "1 C, 2 A, 2 B, 2 u, 3 A",
		vpp.ScopeTargets:  "1 B, 1 C, 1 u, 2 B, 2 u",
		vpp.ScopeLocation: "1 C",
	} {
		t.Run(string(scope), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				s.stock(3)
				s.CreateUserByOther("u", "", "")
				for asset := range 3 {
					targets := []vpptest.Target{vpptest.ToDevice("A"), vpptest.ToDevice("B"), vpptest.ToUser("u")}
					s.give(asset+1, targets[:3-asset/2*2]...)
				}
				if got := s.holdings(); got != before {
					t.Fatal(got)
				}
				wishes := []vpp.Grant{
					{Assets: []vpp.AssetKey{key(1)}, To: vpp.Devices("C")},
					{To: vpp.Devices("A")},
				}
				snapshot, err := s.client.Snapshot(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				plan, err := s.client.PlanAssignments(t.Context(), wishes, scope)
				if err != nil {
					t.Fatal(err)
				}
				offline, err := snapshot.Plan(wishes, scope)
				if diff := cmp.Diff(plan, offline); diff != "" || err != nil {
					t.Error(diff, err)
				}
				for range 2 { // the second time does no harm
					r, err := s.client.RunPlan(t.Context(), plan)
					if err != nil || !r.Done() || r.Err() != nil {
						t.Fatalf("%v %v", r, err)
					}
					if got := s.holdings(); got != want {
						t.Errorf("%s, want %s", got, want)
					}
				}
				again, err := s.client.Reconcile(t.Context(), wishes, scope)
				if err != nil || !again.Plan.Empty() || again.Plan.Fulfilled != 1 || !again.Done() || len(again.Operations) != 0 {
					t.Errorf("%v %v", again.Plan, err)
				}
				s.noViolations(t)
			})
		})
	}
}

// What cannot be is told before, and the rest is done; licences are taken back before they are given.
func TestReconcileTellsWhatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{EventDelay: time.Second}, nil)
		s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 2})
		s.Buy(vpptest.Asset{AdamID: "1000000002", Total: 9, ProductType: vpptest.Book})
		s.Buy(vpptest.Asset{AdamID: "1000000003", Unlimited: true})
		s.CreateUserByOther("u", "", "")
		s.CreateUserByOther("gone", "", "")
		s.give(2, vpptest.ToUser("u"), vpptest.ToUser("gone"))
		s.give(1, vpptest.ToDevice("old"))
		s.RetireUserByOther("gone") // and keeps the book
		wishes := []vpp.Grant{
			{Assets: []vpp.AssetKey{key(1)}, To: vpp.Devices("A", "B", "C", "D")},
			{Assets: []vpp.AssetKey{key(3)}, To: vpp.Devices("A", "B", "C", "D")},
			{Assets: []vpp.AssetKey{key(2)}, To: vpp.Devices("A")},
			{Assets: []vpp.AssetKey{key(3)}, To: vpp.Users("gone", "u")},
			{Assets: []vpp.AssetKey{key(4)}, To: vpp.Users("u")}, // not owned
		}
		snapshot, err := s.client.Snapshot(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.client.Reconcile(t.Context(), wishes, vpp.ScopeLocation)
		if err != nil {
			t.Fatal(err)
		}
		offline, err := snapshot.Plan(wishes, vpp.ScopeLocation)
		if diff := cmp.Diff(r.Plan, offline, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if got, want := s.holdings(), "1 A, 1 B, 2 gone, 2 u, 3 A, 3 B, 3 C, 3 D, 3 u"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		want := &vpp.Plan{
			UID:          s.UID(),
			Disassociate: []vpp.Grant{{Assets: []vpp.AssetKey{{AdamID: "1000000001", PricingParam: "STDQ"}}, To: vpp.Devices("old")}},
			Associate: []vpp.Grant{
				{Assets: []vpp.AssetKey{{AdamID: "1000000003", PricingParam: "STDQ"}}, To: vpp.Users("u")},
				{Assets: []vpp.AssetKey{{AdamID: "1000000003", PricingParam: "STDQ"}}, To: vpp.Devices("A", "B", "C", "D")},
			},
			Afterwards: []vpp.Grant{{Assets: []vpp.AssetKey{{AdamID: "1000000001", PricingParam: "STDQ"}}, To: vpp.Devices("A", "B")}},
			Impossible: vpp.Outcomes{
				{Asset: vpp.AssetKey{AdamID: "1000000001", PricingParam: "STDQ"}, SerialNumber: "C", Status: vpp.StatusNotSent, Err: vpp.ErrNotEnoughLicenses},
				{Asset: vpp.AssetKey{AdamID: "1000000001", PricingParam: "STDQ"}, SerialNumber: "D", Status: vpp.StatusNotSent, Err: vpp.ErrNotEnoughLicenses},
				{Asset: vpp.AssetKey{AdamID: "1000000002", PricingParam: "STDQ"}, SerialNumber: "A", Status: vpp.StatusNotSent, Err: vpp.ErrNotDeviceAssignable},
				{Asset: vpp.AssetKey{AdamID: "1000000003", PricingParam: "STDQ"}, ClientUserID: "gone", Status: vpp.StatusNotSent, Err: vpp.ErrUserNotFound},
				{Asset: vpp.AssetKey{AdamID: "1000000004", PricingParam: "STDQ"}, ClientUserID: "u", Status: vpp.StatusNotSent, Err: vpp.ErrNotEnoughLicenses},
			},
			Irrevocable: vpp.Outcomes{
				{Asset: vpp.AssetKey{AdamID: "1000000002", PricingParam: "STDQ"}, ClientUserID: "u", Status: vpp.StatusNotSent, Err: vpp.ErrNotRevocable},
			},
			Shortages: []vpp.Shortage{
				{Asset: vpp.AssetKey{AdamID: "1000000001", PricingParam: "STDQ"}, Missing: 2},
				{Asset: vpp.AssetKey{AdamID: "1000000004", PricingParam: "STDQ"}, Missing: 1},
			},
		}
		if diff := cmp.Diff(want, r.Plan, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
			t.Error(diff)
		}
		if got, want := r.Plan.String(), "take back 1, give 5, and 2 more afterwards; 0 wishes are fulfilled; 5 cannot be given; 1 cannot be taken back"; got != want {
			t.Error(got)
		}
		for _, err := range []error{vpp.ErrNotEnoughLicenses, vpp.ErrNotDeviceAssignable, vpp.ErrUserNotFound, vpp.ErrNotRevocable} {
			if !errors.Is(r.Err(), err) {
				t.Errorf("%v is not %v", r.Err(), err)
			}
		}
		if r.Done() || len(r.Operations) != 4 || len(r.Associated.Outcomes) != 12 || len(r.Disassociated.Outcomes) != 2 {
			t.Errorf("%+v", r)
		}
		s.noViolations(t)
	})
}

// As few requests as possible: targets alike go together, the odd ones by the asset.
func TestReconcileSendsFewRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		for i := range 30 {
			s.Buy(vpptest.Asset{AdamID: fmt.Sprint(1000000001 + i), Unlimited: true})
		}
		all := keys(30)
		wishes := []vpp.Grant{{Assets: all[:25], To: vpp.Devices(serials(1000)...)}}
		for i := range 40 { // odd ones: 40 subsets of 5 assets
			wishes = append(wishes, vpp.Grant{Assets: subset(all[25:], i), To: vpp.Devices(fmt.Sprint("ODD", i))})
		}
		r, err := s.client.Reconcile(t.Context(), wishes, vpp.ScopeLocation)
		if err != nil || !r.Done() {
			t.Fatal(err, r.Err())
		}
		if n := s.srv.Count("POST", associatePath); n != 6 {
			t.Errorf("%d requests", n)
		}
		wanted := 0
		for _, g := range wishes {
			wanted += len(g.Assets) * len(g.To.SerialNumbers)
		}
		if n := len(s.Assignments()); n != wanted {
			t.Errorf("%d assignments, want %d", n, wanted)
		}
		s.noViolations(t)
	})
}

// subset returns those of the assets whose bit is set in n+1 modulo all.
func subset(assets []vpp.AssetKey, n int) (some []vpp.AssetKey) {
	for i, a := range assets {
		if (n%31+1)>>i&1 == 1 {
			some = append(some, a)
		}
	}
	return some
}

func TestPlanAssignmentsReadsLittle(t *testing.T) {
	for name, tc := range map[string]struct {
		wishes []vpp.Grant
		scope  vpp.Scope
		reads  int // requests for assignments
	}{
		"one device":          {[]vpp.Grant{{Assets: keys(1), To: vpp.Devices("DEMO00000001")}}, vpp.ScopeTargets, 1},
		"one asset":           {[]vpp.Grant{{Assets: keys(1)}}, vpp.ScopeAssets, 4},
		"two assets":          {[]vpp.Grant{{Assets: keys(2)}}, vpp.ScopeAssets, 1 + 2 + 4 + 4},
		"all assets":          {[]vpp.Grant{{Assets: keys(3), To: vpp.Devices(serials(10)...)}}, vpp.ScopeAssets, 1 + 3 + 10},
		"more assets":         {[]vpp.Grant{{Assets: keys(30)}}, vpp.ScopeAssets, 1 + 10},
		"all":                 {[]vpp.Grant{{Assets: keys(1)}}, vpp.ScopeLocation, 10},
		"nothing to look for": {[]vpp.Grant{{Assets: keys(1)}}, vpp.ScopeNone, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &vpptest.Options{PageSize: 3}, nil)
				s.stock(3)
				for i, serial := range serials(30) {
					s.give(i%3+1, vpptest.ToDevice(serial))
				}
				plan, err := s.client.PlanAssignments(t.Context(), tc.wishes, tc.scope)
				if err != nil {
					t.Fatal(err)
				}
				if n := s.srv.Count("GET", "/mdm/v2/assignments"); n != tc.reads || s.srv.Count("GET", "/mdm/v2/users") != 0 {
					t.Errorf("%d requests: %v", n, plan)
				}
				s.noViolations(t)
			})
		})
	}
}

func TestPlanRefusesBadInput(t *testing.T) {
	s := newSite(t, nil, nil)
	good := vpp.Grant{Assets: keys(1), To: vpp.Devices("A")}
	for want, tc := range map[string]struct {
		wishes []vpp.Grant
		scope  vpp.Scope
	}{
		"scope":                         {[]vpp.Grant{good}, ""},
		"wishes":                        {nil, vpp.ScopeLocation},
		"wishes[1].assets":              {[]vpp.Grant{good, {}}, vpp.ScopeNone},
		"wishes[0].assets[0].AdamID":    {[]vpp.Grant{{Assets: []vpp.AssetKey{{AdamID: "x"}}}}, vpp.ScopeNone},
		"wishes[0].To.SerialNumbers[0]": {[]vpp.Grant{{To: vpp.Devices("a b")}}, vpp.ScopeNone},
		"wishes[1].To.ClientUserIDs[1]": {[]vpp.Grant{good, {To: vpp.Users("a", "")}}, vpp.ScopeNone},
	} {
		_, err := s.client.PlanAssignments(t.Context(), tc.wishes, tc.scope)
		_, err2 := new(vpp.Snapshot).Plan(tc.wishes, tc.scope)
		_, err3 := s.client.Reconcile(t.Context(), tc.wishes, tc.scope)
		for _, err := range []error{err, err2, err3} {
			if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != want {
				t.Errorf("%v, want %s", err, want)
			}
		}
	}
	if err := s.ask(t); err != nil {
		t.Fatal(err)
	}
	for want, plan := range map[string]*vpp.Plan{
		"plan":                                   {},
		"plan.UID":                               {UID: "7"},
		"plan.Afterwards[1].To.SerialNumbers[0]": {Afterwards: []vpp.Grant{good, {To: vpp.Devices("")}}},
	} {
		if want == "plan" {
			plan = nil
		}
		_, err := s.client.RunPlan(t.Context(), plan)
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if n := s.srv.Count("POST", ""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestPlanAssignmentsFailsWhereItCannotRead(t *testing.T) {
	wishes := []vpp.Grant{{Assets: keys(9), To: vpp.Users("u")}}
	for name, tc := range map[string]struct {
		path  string
		skip  int
		scope vpp.Scope
	}{
		"config":      {configPath, 0, vpp.ScopeLocation},
		"assets":      {"/mdm/v2/assets", 0, vpp.ScopeLocation},
		"users":       {"/mdm/v2/users", 0, vpp.ScopeLocation},
		"assignments": {"/mdm/v2/assignments", 0, vpp.ScopeLocation},
		"pages":       {"/mdm/v2/assignments", 0, vpp.ScopeAssets},
		"count":       {"/mdm/v2/assignments", 1, vpp.ScopeAssets},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &vpptest.Options{PageSize: 2}, nil)
				s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 99})
				for _, serial := range serials(40) {
					s.give(1, vpptest.ToDevice(serial))
				}
				s.srv.Fail(vpptest.Fault{Path: tc.path, Skip: tc.skip, Count: -1, Status: 500})
				plan, err := s.client.PlanAssignments(t.Context(), wishes, tc.scope)
				if plan != nil || !errors.Is(err, vpp.ErrServer) {
					t.Errorf("%v %v", plan, err)
				}
			})
		})
	}
}

func TestRunPlanFailsWhereNothingIsQueued(t *testing.T) {
	plan := &vpp.Plan{
		Disassociate: []vpp.Grant{{Assets: keys(1), To: vpp.Devices("A")}, {Assets: keys(1), To: vpp.Devices("B")}},
		Associate:    []vpp.Grant{{Assets: keys(1), To: vpp.Devices("C")}},
		Afterwards:   []vpp.Grant{{Assets: keys(1), To: vpp.Devices("D")}},
	}
	for name, tc := range map[string]struct {
		before func(s *site)
		want   error
		writes int
	}{
		"claimed by another": {func(s *site) { s.ClaimByOther("o", "Other", "x"); _, _ = s.client.ClientConfig(context.Background()) }, vpp.ErrClaimedByOther, 0},
		"token revoked":      {func(s *site) { s.RevokeTokens() }, vpp.ErrTokenRevoked, 3},
		"no configuration":   {func(s *site) { s.srv.Fail(vpptest.Fault{Path: configPath, Count: -1, Status: 500}) }, vpp.ErrServer, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				s.stock(1)
				tc.before(s)
				r, err := s.client.RunPlan(t.Context(), plan)
				if r != nil || !errors.Is(err, tc.want) {
					t.Errorf("%v %v", r, err)
				}
				if n := s.srv.Count("POST", ""); n > tc.writes {
					t.Errorf("%d requests", n)
				}
				s.noViolations(t)
			})
		})
	}
}

// When ctx ends midway it is known what was sent, and what was not.
func TestRunPlanEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 1})
		s.Buy(vpptest.Asset{AdamID: "1000000002", Total: 9})
		s.give(1, vpptest.ToDevice("A"))
		s.HoldEvents()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		wishes := []vpp.Grant{{Assets: keys(1), To: vpp.Devices("B")}, {Assets: keys(2)[1:], To: vpp.Devices("B")}}
		r, err := s.client.Reconcile(ctx, wishes, vpp.ScopeAssets)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := told(r.Disassociated)+told(r.Associated), `1000000001 (STDQ) for A: pending context deadline exceeded
1000000002 (STDQ) for B: pending context deadline exceeded
1000000001 (STDQ) for B: not sent context deadline exceeded
`; got != want {
			t.Errorf("%s", got)
		}
		if !errors.Is(r.Err(), context.DeadlineExceeded) || len(r.Operations) != 2 {
			t.Errorf("%v %d", r.Err(), len(r.Operations))
		}
		s.RunEvents()
		for _, op := range r.Operations {
			if result, err := op.Wait(t.Context()); err != nil || !result.Done() {
				t.Error(result, err)
			}
		}
		if got := s.holdings(); got != "2 B" {
			t.Error(got)
		}
		s.noViolations(t)
	})
}

// What has changed since the plan was made is an outcome of the one it concerns.
func TestRunPlanBearsWhatHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 2})
		s.CreateUserByOther("u", "", "")
		s.CreateUserByOther("v", "", "")
		s.give(1, vpptest.ToDevice("A"))
		wishes := []vpp.Grant{{Assets: keys(1), To: vpp.Users("u", "v")}}
		plan, err := s.client.PlanAssignments(t.Context(), wishes, vpp.ScopeAssets)
		if err != nil {
			t.Fatal(err)
		}
		s.RetireUserByOther("v")
		s.UnassignByOther("1000000001", "", vpptest.ToDevice("A"))
		r, err := s.client.RunPlan(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Disassociated.Done() || s.holdings() != "1 u" || !errors.Is(r.Err(), vpp.ErrUserNotFound) {
			t.Errorf("%s %s: %v", told(r.Disassociated), told(r.Associated), r.Err())
		}
		s.noViolations(t)
	})
}
