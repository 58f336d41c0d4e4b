package axm_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// families returns the default families of a server at Apple's side.
func (s *site) families(id string) []string {
	m, _ := s.Server(id)
	return m.DefaultFamilies
}

func TestMoveDefaultFamilies(t *testing.T) {
	for name, tc := range map[string]struct {
		from, to []string
		move     []axm.DefaultFamily
		left     []axm.DefaultFamily
		gained   []axm.DefaultFamily
		patches  int
	}{
		"one of two":   {[]string{"IPAD", "MAC"}, nil, []axm.DefaultFamily{"MAC"}, []axm.DefaultFamily{"IPAD"}, []axm.DefaultFamily{"MAC"}, 2},
		"the only one": {[]string{"MAC"}, []string{"IPHONE"}, []axm.DefaultFamily{"MAC"}, []axm.DefaultFamily{}, []axm.DefaultFamily{"IPHONE", "MAC"}, 2},
		"two, one named twice": {[]string{"IPAD", "MAC"}, nil, []axm.DefaultFamily{"MAC", "IPAD", "MAC"},
			[]axm.DefaultFamily{}, []axm.DefaultFamily{"MAC", "IPAD"}, 2},
		"none that it has": {[]string{"IPAD"}, nil, []axm.DefaultFamily{"MAC"}, []axm.DefaultFamily{"IPAD"}, []axm.DefaultFamily{"MAC"}, 1},
		"done already":     {[]string{"IPAD"}, []string{"MAC"}, []axm.DefaultFamily{"MAC"}, []axm.DefaultFamily{"IPAD"}, []axm.DefaultFamily{"MAC"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				from := s.AddServer(axmtest.MDMServer{Name: "old", DefaultFamilies: tc.from})
				to := s.AddServer(axmtest.MDMServer{Name: "new", DefaultFamilies: tc.to})
				move, err := s.client.MoveDefaultFamilies(t.Context(), from, to, tc.move...)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.left, move.From.DefaultProductFamilies); diff != "" || move.From.ID != from {
					t.Error(diff)
				}
				if diff := cmp.Diff(tc.gained, move.To.DefaultProductFamilies); diff != "" || move.To.ID != to {
					t.Error(diff)
				}
				if len(s.families(from)) != len(tc.left) || len(s.families(to)) != len(tc.gained) || s.srv.Count("PATCH", "") != tc.patches {
					t.Errorf("%q, %q, %d requests", s.families(from), s.families(to), s.srv.Count("PATCH", ""))
				}
				s.clean(t)
			})
		})
	}
}

// When the second step fails, the error says what was done, and calling again does the rest.
func TestMoveDefaultFamiliesHalfWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		from := s.AddServer(axmtest.MDMServer{Name: "old", DefaultFamilies: []string{"IPAD", "MAC"}})
		to := s.AddServer(axmtest.MDMServer{Name: "new"})
		fault := axmtest.ErrorFault(409, "STATE_ERROR", "not now")
		fault.Method, fault.Path = "PATCH", "/v1/mdmServers/"+to
		s.srv.Fail(fault)
		move, err := s.client.MoveDefaultFamilies(t.Context(), from, to, axm.DefaultMac, axm.DefaultWatch)
		e, ok := errors.AsType[*axm.FamilyMoveError](err)
		if !ok || move != nil || !errors.Is(err, axm.ErrConflict) || e.From != from || e.To != to {
			t.Fatalf("%+v", err)
		}
		if diff := cmp.Diff([]axm.DefaultFamily{axm.DefaultMac}, e.Families); diff != "" {
			t.Error(diff)
		}
		want := "move default families [MAC]: taken from " + from + " but not given to " + to + ": update server: status 409"
		if got := err.Error(); len(got) < len(want) || got[:len(want)] != want {
			t.Error(got)
		}
		if _, err := s.client.MoveDefaultFamilies(t.Context(), from, to, axm.DefaultMac, axm.DefaultWatch); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"MAC", "WATCH"}, s.families(to)); diff != "" {
			t.Error(diff)
		}
		s.clean(t, err)
	})
}

func TestMoveDefaultFamiliesThatChangesNothing(t *testing.T) {
	for name, fail := range map[string]func(s *site, from, to string){
		"first read": func(s *site, from, _ string) { s.RemoveServer(from) },
		"second":     func(s *site, _, to string) { s.RemoveServer(to) },
		"first step": func(s *site, from, _ string) {
			fault := axmtest.ErrorFault(409, "STATE_ERROR", "not now")
			fault.Method, fault.Path = "PATCH", "/v1/mdmServers/"+from
			s.srv.Fail(fault)
		},
		"only step": func(s *site, from, to string) {
			s.ModifyServer(from, func(m *axmtest.MDMServer) { m.DefaultFamilies = nil })
			fault := axmtest.ErrorFault(409, "STATE_ERROR", "another has it")
			fault.Method, fault.Path = "PATCH", "/v1/mdmServers/"+to
			s.srv.Fail(fault)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				from := s.AddServer(axmtest.MDMServer{Name: "old", DefaultFamilies: []string{"MAC"}})
				to := s.AddServer(axmtest.MDMServer{Name: "new"})
				fail(s, from, to)
				move, err := s.client.MoveDefaultFamilies(t.Context(), from, to, axm.DefaultMac)
				_, half := errors.AsType[*axm.FamilyMoveError](err)
				if err == nil || half || move != nil || len(s.families(to)) != 0 {
					t.Errorf("%+v, %v", move, err)
				}
			})
		})
	}
}
