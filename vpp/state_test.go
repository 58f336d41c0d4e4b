package vpp_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// Every condition of a location, how it comes about at Apple's side, and how it ends.
var stateEdges = []struct {
	name   string
	kind   vpp.StateKind
	err    error // of the calls meanwhile; nil for a condition in which they succeed
	bring  func(s *site)
	end    func(s *site)
	usable bool
}{
	{"expiring", vpp.StateTokenExpiring, nil,
		func(s *site) { later(336 * 24 * time.Hour) },
		func(s *site) { s.RevokeToken(s.source); s.store(s.IssueToken(vpptest.TokenOptions{})) }, true},
	{"expiring, as Apple says", vpp.StateTokenExpiring, nil,
		func(s *site) {
			s.srv.Fail(vpptest.Fault{Kind: vpptest.Answer, Body: `{"uId":"` + s.UID() + `","tokenExpirationDate":"2000-01-09T00:00:00+0000"}`})
		},
		func(s *site) { s.RevokeToken(s.source); s.store(s.IssueToken(vpptest.TokenOptions{})) }, true},
	{"expired", vpp.StateTokenExpired, vpp.ErrTokenExpired,
		func(s *site) { s.srv.Fail(vpptest.ErrorFault(9621)) }, func(s *site) {}, false},
	{"revoked", vpp.StateTokenRevoked, vpp.ErrTokenRevoked,
		func(s *site) { s.RevokeTokens() }, func(s *site) { s.store(s.IssueToken(vpptest.TokenOptions{})) }, false},
	{"invalid", vpp.StateTokenInvalid, vpp.ErrTokenInvalid,
		func(s *site) { s.srv.Fail(vpptest.ErrorFault(9722)) }, func(s *site) {}, false},
	{"legacy", vpp.StateNotLocationToken, vpp.ErrNotLocationToken,
		func(s *site) { s.srv.Fail(vpptest.ErrorFault(9647)) }, func(s *site) {}, false},
	{"claimed", vpp.StateClaimedByOther, nil,
		func(s *site) { s.ClaimByOther("mdm-9", "Other MDM", "x") },
		func(s *site) { s.ClaimByOther(wireMDM.ID, wireMDM.Name, wireMDM.Metadata) }, false},
	{"another location", vpp.StateOtherLocation, vpp.ErrOtherLocation,
		func(s *site) {
			s.RevokeTokens()
			s.store(s.srv.AddLocation(vpptest.LocationOptions{}).Token())
		},
		func(s *site) { s.store(s.IssueToken(vpptest.TokenOptions{})) }, false},
}

func TestStateEdges(t *testing.T) {
	for _, edge := range stateEdges {
		t.Run(edge.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				if err := s.ask(t); err != nil {
					t.Fatal(err)
				}
				edge.bring(s)
				if err := s.ask(t); !errors.Is(err, edge.err) {
					t.Errorf("call: %v", err)
				}
				state := s.client.State()
				if state.Kind != edge.kind || state.Kind.Usable() != edge.usable || (state.Err == nil) != edge.usable || state.UID != s.UID() {
					t.Errorf("%+v", state)
				}
				edge.end(s)
				for range 2 {
					if err := s.ask(t); err != nil {
						t.Error(err)
					}
				}
				if diff := cmp.Diff([]vpp.StateKind{vpp.StateOK, edge.kind, vpp.StateOK}, s.kinds()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestAFailureOfTheLineChangesNoState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *vpp.Options) { o.Retry.Tries = 1 })
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		for _, fault := range []vpptest.Fault{{Kind: vpptest.HTML}, {Kind: vpptest.Truncate}, vpptest.ErrorFault(9602)} {
			s.srv.Fail(fault)
			if err := s.ask(t); err == nil {
				t.Errorf("%+v was no failure", fault)
			}
		}
		if diff := cmp.Diff([]vpp.StateKind{vpp.StateOK}, s.kinds()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheEarlierExpiryCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		for _, said := range []string{"2000-06-01T00:00:00+0000", "2050-06-01T00:00:00+0000"} {
			s.srv.Fail(vpptest.Fault{Path: "/mdm/v2/client/config", Kind: vpptest.Answer, Body: `{"tokenExpirationDate":"` + said + `"}`})
			if err := s.ask(t); err != nil {
				t.Fatal(err)
			}
			if got := s.client.State().TokenExpiry.Format(time.DateOnly); got != "2000-06-01" {
				t.Errorf("%s after %s", got, said)
			}
		}
	})
}

func TestAnotherLocationIsNoticedFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *vpp.Options) { o.UID = "4711" })
		if err := s.ask(t); !errors.Is(err, vpp.ErrOtherLocation) || s.client.UID() != "4711" {
			t.Errorf("%v, UID %s", err, s.client.UID())
		}
		if err := s.client.EnableSubscriptions(t.Context()); !errors.Is(err, vpp.ErrOtherLocation) {
			t.Error(err)
		}
		if n := s.srv.Count("POST", ""); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
}

func TestAnothersClaimStopsWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if _, err := s.client.Claim(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.client.EnableSubscriptions(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.ClaimByOther("mdm-9", "Other MDM", "x")
		if err := s.client.DisableSubscriptions(t.Context()); err != nil {
			t.Errorf("the write that learns of it: %v", err)
		}
		err := s.client.EnableSubscriptions(t.Context())
		claimed, ok := errors.AsType[*vpp.ClaimedError](err)
		if !ok || claimed.By.ID != "mdm-9" || claimed.By.Name != "Other MDM" || !errors.Is(err, vpp.ErrClaimedByOther) {
			t.Errorf("%v", err)
		}
		if _, err := s.client.Claim(t.Context()); !errors.Is(err, vpp.ErrClaimedByOther) {
			t.Errorf("Claim: %v", err)
		}
		if _, err := exchange.Collect(s.client.Assets(t.Context(), vpp.AssetFilter{})); err != nil {
			t.Errorf("reading: %v", err)
		}
		s.ClaimByOther("mdm-10", "Third MDM", "x")
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
		if _, err := s.client.TakeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.client.EnableSubscriptions(t.Context()); err != nil {
			t.Error(err)
		}
		want := []vpp.StateKind{vpp.StateOK, vpp.StateClaimedByOther, vpp.StateClaimedByOther, vpp.StateOK}
		if diff := cmp.Diff(want, s.kinds()); diff != "" {
			t.Error(diff)
		}
	})
}

// An answer that was asked for before our claim and comes after it tells of the past.
func TestAnOldAnswerDoesNotUndoAClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.ClaimByOther("mdm-9", "Other MDM", "x")
		s.srv.Fail(vpptest.Fault{Path: "/mdm/v2/assets", Kind: vpptest.Late, Delay: time.Minute})
		done := make(chan error)
		go func() {
			_, err := exchange.Collect(s.client.Assets(t.Context(), vpp.AssetFilter{}))
			done <- err
		}()
		later(time.Second)
		if _, err := s.client.TakeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := s.client.State(); got.Kind != vpp.StateOK || got.ClaimedBy.ID != wireMDM.ID {
			t.Errorf("%+v", got)
		}
	})
}

func TestWithoutAnIdentityNobodysClaimMatters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *vpp.Options) { o.MDM = vpp.MDMInfo{} })
		s.ClaimByOther("mdm-9", "Other MDM", "x")
		if err := s.client.EnableSubscriptions(t.Context()); err != nil {
			t.Error(err)
		}
		if got := s.client.State(); got.Kind != vpp.StateOK {
			t.Errorf("%+v", got)
		}
		for _, claim := range []func() error{
			func() error { _, err := s.client.Claim(t.Context()); return err },
			func() error { _, err := s.client.TakeOver(t.Context()); return err },
		} {
			if _, ok := errors.AsType[*vpp.InputError](claim()); !ok {
				t.Error(claim())
			}
		}
	})
}

func TestAClaimKeepsToTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.srv.SetLimit("maxMdmNameLength", 7)
		_, err := s.client.TakeOver(t.Context())
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Error() != "Options.MDM.Name: has 8 characters; Apple allows 7" {
			t.Error(err)
		}
		if n := s.srv.Count("", "/mdm/v2/client/config"); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// What no answer has told yet is asked for before anything is written.
func TestTheFirstWriteLooksAtTheLocation(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*vpp.Options)
		bring  func(s *site)
		is     error
		reads  int // of the client configuration
	}{
		"mine":                {nil, func(s *site) {}, nil, 1},
		"of another":          {nil, func(s *site) { s.ClaimByOther("mdm-9", "Other MDM", "x") }, vpp.ErrClaimedByOther, 1},
		"the expected one":    {func(o *vpp.Options) { o.UID = "2049000000000001" }, func(s *site) {}, nil, 1},
		"another location":    {func(o *vpp.Options) { o.UID, o.MDM = "999", vpp.MDMInfo{} }, func(s *site) {}, vpp.ErrOtherLocation, 1},
		"nothing to look for": {func(o *vpp.Options) { o.MDM = vpp.MDMInfo{} }, func(s *site) { s.ClaimByOther("mdm-9", "Other MDM", "x") }, nil, 0},
		"no token":            {nil, func(s *site) { s.RevokeTokens() }, vpp.ErrTokenRevoked, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, tc.change)
				s.stock(1)
				tc.bring(s)
				for range 2 {
					op, err := s.client.Associate(t.Context(), keys(1), vpp.Devices("DEMO00000001"))
					if !errors.Is(err, tc.is) || (op == nil) != (tc.is != nil) {
						t.Errorf("%v, %v", op, err)
					}
				}
				if tc.is != nil && len(s.Events()) != 0 {
					t.Error("something was queued")
				}
				if n := s.srv.Count("GET", clientConfigPath); n != tc.reads {
					t.Errorf("%d reads, want %d", n, tc.reads)
				}
			})
		})
	}
}
