package vpp_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// snapshot takes one, and returns how many requests it cost.
func (s *site) snapshot(t *testing.T, last *vpp.Snapshot) (*vpp.Snapshot, int) {
	t.Helper()
	before := len(s.srv.Received())
	snap, err := s.client.Snapshot(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	return snap, len(s.srv.Received()) - before
}

// compare holds a snapshot against what the simulator has.
func (s *site) compare(t *testing.T, snap *vpp.Snapshot) {
	t.Helper()
	var assets, assignments, users []string
	for _, a := range s.Assets() {
		assets = append(assets, fmt.Sprint(a.AdamID, a.PricingParam, a.Assigned, a.Total))
	}
	for _, a := range s.Assignments() {
		if a.UserStatus == vpptest.Retired || a.UserStatus == vpptest.Deleted {
			if u, _ := s.User(a.ClientUserID); slices.Contains(s.Assignments(), as(a, u.Status)) {
				continue // the active user of that ID has it too, and counts
			}
		}
		assignments = append(assignments, fmt.Sprint(a))
	}
	slices.Sort(assignments)
	assignments = slices.Compact(assignments) // of several retired ones, one counts
	for _, u := range s.Users() {
		if u.Status == vpptest.Registered || u.Status == vpptest.Associated {
			users = append(users, fmt.Sprint(u.ClientUserID, u.Email, u.IDHash, u.InviteCode, u.Status))
		}
	}
	var gotAssets, gotAssignments, gotUsers []string
	for _, a := range snap.Assets {
		gotAssets = append(gotAssets, fmt.Sprint(a.AdamID, a.PricingParam, a.AssignedCount, a.TotalCount))
	}
	for _, a := range snap.Assignments {
		gotAssignments = append(gotAssignments, fmt.Sprint(vpptest.Assignment{AdamID: string(a.AdamID),
			PricingParam: string(a.PricingParam), ClientUserID: a.ClientUserID, SerialNumber: a.SerialNumber, UserStatus: string(a.UserStatus)}))
	}
	for _, u := range snap.Users {
		gotUsers = append(gotUsers, fmt.Sprint(u.ClientUserID, u.Email, u.IDHash, u.InviteCode, u.Status))
	}
	for _, pair := range [][2][]string{{assets, gotAssets}, {assignments, gotAssignments}, {users, gotUsers}} {
		slices.Sort(pair[0])
		slices.Sort(pair[1])
		if diff := cmp.Diff(pair[0], pair[1], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("snapshot (-want +got):\n%s", diff)
		}
	}
}

func as(a vpptest.Assignment, status string) vpptest.Assignment {
	a.UserStatus = status
	return a
}

func TestSnapshotsCostLittleWhenNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 2}, nil)
		s.stock(6)
		for i := range 6 {
			s.CreateUserByOther(fmt.Sprint("u-", i), "", "")
			s.AssignByOther("1000000001", "", vpptest.ToDevice(fmt.Sprint("DEMO", i)))
		}
		first, n := s.snapshot(t, nil)
		if n != 10 || first.UID != s.UID() { // the configuration, and three lists of three pages
			t.Errorf("%d requests, UID %s", n, first.UID)
		}
		s.compare(t, first)

		text, err := json.Marshal(first) // kept, and read again by another process
		if err != nil {
			t.Fatal(err)
		}
		kept := new(vpp.Snapshot)
		if err := json.Unmarshal(text, kept); err != nil {
			t.Fatal(err)
		}
		second, n := s.snapshot(t, kept)
		if n != 3 {
			t.Errorf("%d requests although nothing changed", n)
		}
		s.compare(t, second)
		if diff := first.Diff(second); !diff.Empty() {
			t.Errorf("%+v", diff)
		}
	})
}

func TestDiffTellsWhatHasBecomeDifferent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(2)
		s.CreateUserByOther("u-1", "a@example.test", "")
		s.CreateUserByOther("u-2", "", "two@example.test")
		s.CreateUserByOther("u-3", "", "")
		s.AssignByOther("1000000001", "", vpptest.ToDevice("DEMO1"), vpptest.ToDevice("DEMO2"))
		before, _ := s.snapshot(t, nil)

		s.Refund("1000000002", "", 10)
		s.Buy(vpptest.Asset{AdamID: "1000000009", Total: 1})
		s.UnassignByOther("1000000001", "", vpptest.ToDevice("DEMO1"))
		s.AssignByOther("1000000001", "", vpptest.ToUser("u-2"))
		s.AcceptInvitation("u-1", "one@example.test")
		s.RetireUserByOther("u-3")
		s.CreateUserByOther("u-4", "", "")
		after, _ := s.snapshot(t, before)
		s.compare(t, after)

		var got []string
		for _, c := range before.Diff(after).Assets {
			got = append(got, fmt.Sprint("asset ", known(c, func(a *vpp.Asset) any { return fmt.Sprint(a.AdamID, " ", a.AssignedCount, "/", a.TotalCount) })))
		}
		for _, c := range before.Diff(after).Assignments {
			got = append(got, fmt.Sprint("assignment ", known(c, func(a *vpp.Assignment) any { return a.SerialNumber + a.ClientUserID })))
		}
		for _, c := range before.Diff(after).Users {
			got = append(got, fmt.Sprint("user ", known(c, func(u *vpp.User) any { return fmt.Sprint(u.ClientUserID, " ", u.Status) })))
		}
		want := []string{
			"asset 1000000002 0/10 -> 1000000002 0/0", "asset none -> 1000000009 0/1",
			"assignment DEMO1 -> none", "assignment none -> u-2",
			"user u-1 Registered -> u-1 Associated", "user u-3 Registered -> none", "user none -> u-4 Registered",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// known shows a change.
func known[T any](c vpp.Change[T], show func(*T) any) string {
	side := func(v *T) any {
		if v == nil {
			return "none"
		}
		return show(v)
	}
	return fmt.Sprint(side(c.Before), " -> ", side(c.After))
}

// After whatever happens, a snapshot made from the last one is the one that would be read afresh. To
// see others than the first 50 histories: VPP_HISTORIES=2000.
func TestSnapshotsOfRandomHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(runs("VPP_HISTORIES", 50)) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			s := newSite(t, &vpptest.Options{PageSize: 3}, nil)
			s.stock(3)
			s.Buy(vpptest.Asset{AdamID: "1000000004", ProductType: vpptest.Book, Total: 9})
			var last *vpp.Snapshot
			for range 6 {
				for range r.IntN(4) {
					s.happen(r)
				}
				if r.IntN(6) == 0 {
					s.srv.Fail(vpptest.Fault{Path: "/mdm/v2/*", Skip: r.IntN(3), Kind: vpptest.Answer, Status: 400,
						Body: `{"errorNumber":9721}`}) // versions may be forgotten
				}
				next, err := s.client.Snapshot(t.Context(), last)
				s.srv.ResetFaults()
				if err != nil {
					if !errors.Is(err, vpp.ErrVersion) { // also of a request without one
						t.Fatal(err)
					}
					continue
				}
				s.compare(t, next)
				last = next
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
}

// happen lets somebody else change the location.
func (s *site) happen(r *rand.Rand) {
	user := fmt.Sprint("u-", r.IntN(4))
	asset := fmt.Sprint(1000000001 + r.IntN(4))
	target := vpptest.ToUser(user)
	if r.IntN(2) == 0 {
		target = vpptest.ToDevice(fmt.Sprint("DEMO", r.IntN(5)))
	}
	switch r.IntN(8) {
	case 0:
		s.CreateUserByOther(user, "", "")
	case 1:
		s.CreateUserByOther(user, "", user+"@example.test")
	case 2:
		s.RetireUserByOther(user)
	case 3:
		s.AcceptInvitation(user, fmt.Sprint("p-", r.IntN(3), "@example.test"))
	case 4, 5:
		s.AssignByOther(asset, "", target)
	case 6:
		s.UnassignByOther(asset, "", target)
	case 7:
		s.Buy(vpptest.Asset{AdamID: asset, Total: 1})
	}
}

// Assignments tell how their users are. That changes without them.
func TestASnapshotKnowsHowHoldersAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.Buy(vpptest.Asset{AdamID: "1000000004", ProductType: vpptest.Book, Total: 9})
		s.CreateUserByOther("u-1", "", "")
		s.AssignByOther("1000000004", "", vpptest.ToUser("u-1"))
		snap, _ := s.snapshot(t, nil)
		for _, happen := range []func(){
			func() { s.AcceptInvitation("u-1", "p@example.test") },
			func() { s.RetireUserByOther("u-1") },
			func() { s.CreateUserByOther("u-1", "", "") },
			func() { s.AssignByOther("1000000004", "", vpptest.ToUser("u-1")) },
			func() { s.AcceptInvitation("u-1", "p@example.test") },
		} {
			happen()
			snap, _ = s.snapshot(t, snap)
			s.compare(t, snap)
		}
	})
}

func TestASnapshotOfAnotherLocationIsReadAfresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(3)
		last, _ := s.snapshot(t, nil)
		for name, client := range map[string]*vpp.Client{"known": s.client, "new": s.newClient(t, nil)} {
			last.UID = "4711"
			s.client = client
			snap, _ := s.snapshot(t, last)
			if snap.UID != s.UID() {
				t.Errorf("%s: UID %s", name, snap.UID)
			}
			s.compare(t, snap)
		}
	})
}

func TestASnapshotIsWholeOrNothing(t *testing.T) {
	for _, path := range []string{"/mdm/v2/assets", "/mdm/v2/users", "/mdm/v2/assignments"} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, nil, nil)
			fault := vpptest.ErrorFault(9637)
			fault.Path = path
			s.srv.Fail(fault)
			if snap, err := s.client.Snapshot(t.Context(), nil); snap != nil || !errors.Is(err, vpp.ErrForbidden) {
				t.Errorf("%+v, %v", snap, err)
			}
		})
	}
}
