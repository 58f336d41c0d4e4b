package legacy_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

func userIDs(users []legacy.User) []string {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ClientUserID
	}
	return ids
}

// readUsers reads all pages and returns who is in them since the list began last, and the last page.
func readUsers(t *testing.T, c *legacy.Client, f legacy.UserFilter) (ids []string, last *legacy.Page[legacy.User]) {
	t.Helper()
	var read []legacy.User
	for p, err := range c.UserPages(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		if p.Begins {
			read = nil
		}
		read, last = append(read, p.Items...), p
	}
	return userIDs(read), last
}

func TestUsersAndTheirChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 3}, nil)
		want := s.users(10)
		for range 2 { // each range starts afresh
			ids, last := readUsers(t, s.client, legacy.UserFilter{})
			if diff := cmp.Diff(want, ids); diff != "" || !last.Completes || last.Delta {
				t.Errorf("%s\n%+v", diff, last)
			}
		}
		if n := s.count("getVPPUsersSrv"); n != 8 {
			t.Errorf("%d requests", n)
		}
		_, last := readUsers(t, s.client, legacy.UserFilter{IncludeRetired: true})
		s.CreateUserByOther("late", "", "")
		s.RetireUserByOther("u3")
		ids, last := readUsers(t, s.client, legacy.UserFilter{IncludeRetired: true, SinceModifiedToken: last.SinceModifiedToken})
		if diff := cmp.Diff([]string{"u3", "late"}, ids); diff != "" || !last.Delta {
			t.Errorf("%s\n%+v", diff, last)
		}
		ids, last = readUsers(t, s.client, legacy.UserFilter{IncludeRetired: true, SinceModifiedToken: last.SinceModifiedToken})
		if len(ids) != 0 || last.SinceModifiedToken == "" || !last.Begins || !last.Completes {
			t.Errorf("%q, %+v", ids, last)
		}
		ids, _ = readUsers(t, s.client, legacy.UserFilter{RetiredOnly: true})
		if diff := cmp.Diff([]string{"u3"}, ids); diff != "" {
			t.Error(diff)
		}
		s.noViolations(t)
	})
}

func TestBatchesWithoutTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 3}, nil)
		want := s.users(5)
		s.OmitTokens(3) // as many as there are repetitions
		if ids, _ := readUsers(t, s.client, legacy.UserFilter{}); !slices.Equal(ids, want) {
			t.Errorf("%q", ids)
		}
		s.OmitTokens(1_000_000)
		start := time.Now()
		got, err := exchange.Collect(s.client.Users(t.Context(), legacy.UserFilter{}))
		if e, ok := errors.AsType[*vpp.Error](err); !ok || !errors.Is(err, vpp.ErrUnexpectedAnswer) || e.Op != "read users" || len(got) != 0 {
			t.Errorf("%d users, %v", len(got), err)
		}
		if took := time.Since(start); took < time.Second || took > time.Minute {
			t.Errorf("took %v", took)
		}
		s.noViolations(t)
	})
}

func TestTheRepetitionOfABatchEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *legacy.Options) { o.Retry = vpp.Retry{MinWait: time.Hour, MaxWait: time.Hour} })
		s.OmitTokens(1)
		broken := errors.New("broken off")
		ctx, cancel := contextWithin(t, time.Second, broken)
		defer cancel()
		_, err := exchange.Collect(s.client.Users(ctx, legacy.UserFilter{}))
		if !errors.Is(err, broken) {
			t.Error(err)
		}
	})
}

func TestLostLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 2}, nil)
		want := s.users(5)
		var read []string
		begins := 0
		for p, err := range s.client.UserPages(t.Context(), legacy.UserFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if p.Begins {
				read = nil
				if begins++; begins == 1 {
					synctest.Wait() // for the page that is read ahead
					s.LoseBatches()
				}
			}
			read = append(read, userIDs(p.Items)...)
		}
		if begins != 2 || !slices.Equal(read, want) {
			t.Errorf("began %d times: %q", begins, read)
		}
		s.noViolations(t)
	})
}

// A list that is always lost after its first batch is begun four times.
func TestAListThatIsAlwaysLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 2}, nil)
		s.users(5)
		pages := 0
		var last error
		for p, err := range s.client.UserPages(t.Context(), legacy.UserFilter{}) {
			if last = err; err == nil && p.Begins {
				pages++
				f := vpptest.LegacyErrorFault(9633)
				f.Path = "/mdm/getVPPUsersSrv"
				s.srv.ResetFaults()
				synctest.Wait()
				s.srv.Fail(f)
			}
		}
		if !errors.Is(last, legacy.ErrBatchLost) || pages != 4 {
			t.Errorf("%d pages, %v", pages, last)
		}
	})
}

// Tokens of lists belong to the content token: with a renewed one, everything is read.
func TestChangesAfterARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 2}, nil)
		want := s.users(5)
		_, last := readUsers(t, s.client, legacy.UserFilter{})
		old := s.source
		s.store(s.IssueToken(vpptest.TokenOptions{}))
		s.RevokeToken(old)
		ids, last := readUsers(t, s.client, legacy.UserFilter{SinceModifiedToken: last.SinceModifiedToken})
		if !slices.Equal(ids, want) || last.Delta {
			t.Errorf("%q, %+v", ids, last)
		}
		s.noViolations(t)
	})
}

// A token that Apple does not take any more for a reason of its own costs a whole read, too.
func TestChangesSinceATokenThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 2}, nil)
		want := s.users(3)
		ids, last := readUsers(t, s.client, legacy.UserFilter{SinceModifiedToken: "H4sI"})
		if !slices.Equal(ids, want) || last.Delta {
			t.Errorf("%q, %+v", ids, last)
		}
		s.srv.Fail(func() vpptest.Fault { f := vpptest.LegacyErrorFault(9602); f.Count = -1; return f }())
		s.srv.ResetReceived()
		_, err := exchange.Collect(s.client.Users(t.Context(), legacy.UserFilter{SinceModifiedToken: "H4sI"}))
		if !errors.Is(err, vpp.ErrInvalidRequest) || s.count("getVPPUsersSrv") != 2 {
			t.Errorf("%v after %d requests", err, s.count("getVPPUsersSrv"))
		}
	})
}

func TestLeavingALoopCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 2}, nil)
		s.users(20)
		users := s.client.Users(t.Context(), legacy.UserFilter{})
		if n := len(s.srv.Received()); n != 0 {
			t.Errorf("%d requests before the loop", n)
		}
		for range users {
			break
		}
		if n := s.count("getVPPUsersSrv"); n > 2 {
			t.Errorf("%d requests", n)
		}
	})
}

// However many lists are read at once, Apple is asked for five pages at once, and who waits for that
// gives up when the own time is up.
func TestPagesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 2, Latency: time.Second}, nil)
		s.users(9)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		var readers sync.WaitGroup
		for range 10 {
			readers.Go(func() {
				if got, err := exchange.Collect(s.client.Users(t.Context(), legacy.UserFilter{})); err != nil || len(got) != 9 {
					t.Errorf("%d users, %v", len(got), err)
				}
			})
		}
		time.Sleep(500 * time.Millisecond)
		hurried := errors.New("hurried")
		ctx, cancel := contextWithin(t, 100*time.Millisecond, hurried)
		defer cancel()
		_, err := exchange.Collect(s.client.Assignments(ctx, legacy.AssignmentFilter{}))
		if !errors.Is(err, hurried) {
			t.Error(err)
		}
		readers.Wait()
		if peak := s.Traffic().PeakPages; peak != 5 {
			t.Errorf("%d pages at once", peak)
		}
		s.noViolations(t)
	})
}

func TestAssignments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.Buy(vpptest.Asset{AdamID: "1", Total: 1000})
		for i := range 700 {
			s.AssignByOther("1", "", vpptest.ToDevice(fmt.Sprint("D", i)))
		}
		found, err := exchange.Collect(s.client.Assignments(t.Context(), legacy.AssignmentFilter{}))
		if err != nil || len(found) != 700 || found[699].SerialNumber != "D699" || s.count("getAssignments") != 3 {
			t.Errorf("%d assignments, %d requests, %v", len(found), s.count("getAssignments"), err)
		}
		found, err = exchange.Collect(s.client.Assignments(t.Context(), legacy.AssignmentFilter{SerialNumber: "D7"}))
		if err != nil || len(found) != 1 {
			t.Errorf("%v, %v", found, err)
		}
		s.noViolations(t)
	})
}

func TestLicensesAndTheirChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 2}, nil)
		s.Buy(vpptest.Asset{AdamID: "1", Total: 5})
		s.AssignByOther("1", "", vpptest.ToDevice("A"))
		read := func(f legacy.LicenseFilter, want int) (token string) {
			t.Helper()
			n := 0
			for p, err := range s.client.LicensePages(t.Context(), f) {
				if err != nil {
					t.Fatal(err)
				}
				n += len(p.Items)
				token = p.SinceModifiedToken
			}
			if n != want {
				t.Errorf("%+v: %d licenses, want %d", f, n, want)
			}
			return token
		}
		read(legacy.LicenseFilter{AssignedOnly: true}, 1)
		read(legacy.LicenseFilter{UserAssignedOnly: true}, 0)
		read(legacy.LicenseFilter{DeviceAssignedOnly: true, SerialNumber: "A"}, 1)
		since := read(legacy.LicenseFilter{}, 5)
		s.UnassignByOther("1", "", vpptest.ToDevice("A"))
		read(legacy.LicenseFilter{SinceModifiedToken: since}, 1)
		s.noViolations(t)
	})
}
