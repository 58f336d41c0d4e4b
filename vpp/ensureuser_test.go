package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

const patAccount = "pat@example.test"

// roundTrip lets a test change what a client sends and gets.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// through returns an option that sends the requests of a client through change.
func (s *site) through(change func(r *http.Request)) func(*vpp.Options) {
	return func(o *vpp.Options) {
		inner := s.srv.Client().Transport
		o.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			changed := r.Clone(r.Context())
			change(changed)
			return inner.RoundTrip(changed)
		})}
	}
}

// calls returns what was asked of the service, without the configuration and the status of events.
func (s *site) calls() []string {
	var calls []string
	for _, r := range s.srv.Received() {
		path := strings.TrimPrefix(r.Path, "/mdm/v2/")
		if path == "service/config" || path == "status" {
			continue
		}
		switch {
		case r.Query.Has("managedAppleId"):
			path += " by account"
		case r.Query.Has("clientUserId"):
			path += " by ID"
		}
		calls = append(calls, path)
	}
	return calls
}

func TestEnsureUser(t *testing.T) {
	const byAccount, byID, create, update = "users by account", "users by ID", "users/create", "users/update"
	pat := vpp.UserRequest{ClientUserID: "u-1", Email: "pat@personal.example", ManagedAppleAccount: patAccount}
	plain := vpp.UserRequest{ClientUserID: "u-1", Email: "pat@personal.example"}
	has := func(id, account string) func(*site) {
		return func(s *site) { s.CreateUserByOther(id, "", account) }
	}
	fails := func(number int) func(*site) { return func(s *site) { s.SetOutcome("u-1", number) } }
	for name, tc := range map[string]struct {
		want      vpp.UserRequest
		options   vpptest.Options
		before    func(*site)            // who is there
		meanwhile map[string]func(*site) // before the first request to that path is sent
		id        string                 // of the user that comes of it
		status    vpp.UserStatus
		email     string // checked if set
		calls     []string
		is        error
	}{
		"who is there": {want: plain, before: has("u-1", ""),
			id: "u-1", status: vpp.UserRegistered, calls: []string{byID}},
		"who is new": {want: plain, email: "pat@personal.example",
			id: "u-1", status: vpp.UserRegistered, calls: []string{byID, create, byID}},
		"who was retired": {want: plain, before: func(s *site) {
			s.CreateUserByOther("u-1", "", patAccount)
			s.RetireUserByOther("u-1")
		}, id: "u-1", status: vpp.UserRegistered, calls: []string{byID, create, byID}},
		"who is created meanwhile": {want: plain, meanwhile: map[string]func(*site){create: has("u-1", "")},
			id: "u-1", status: vpp.UserRegistered, calls: []string{byID, create, byID}},

		"with an account, who is there": {want: pat, before: has("u-1", patAccount),
			id: "u-1", status: vpp.UserAssociated, calls: []string{byAccount}},
		"with an account, who has another ID": {want: pat, before: has("u-9", patAccount),
			id: "u-9", status: vpp.UserAssociated, calls: []string{byAccount, byAccount}},
		"with an account, who is new": {want: pat,
			id: "u-1", status: vpp.UserAssociated, calls: []string{byAccount, byID, create, byID}},
		"with an account, who had none": {want: pat, before: func(s *site) { s.CreateUserByOther("u-1", "first@example.test", "") }, email: "first@example.test",
			id: "u-1", status: vpp.UserAssociated, calls: []string{byAccount, byID, update, byID}},
		"with an account, who had another one": {want: pat, before: has("u-1", "pat2@example.test"),
			id: "u-1", status: vpp.UserAssociated, calls: []string{byAccount, byID, update, byID}},
		"with an account, who was retired": {want: pat, before: func(s *site) {
			s.CreateUserByOther("u-1", "", patAccount)
			s.RetireUserByOther("u-1")
		}, id: "u-1", status: vpp.UserAssociated, calls: []string{byAccount, byID, create, byID}},
		"with an account, who is created with another ID meanwhile": {want: pat,
			meanwhile: map[string]func(*site){create: has("u-9", patAccount)},
			id:        "u-9", status: vpp.UserAssociated, calls: []string{byAccount, byID, create, byAccount, byAccount}},
		"with an account, the same, which Apple tells with 9635": {want: pat, options: vpptest.Options{AccountCollision: 9635},
			meanwhile: map[string]func(*site){create: has("u-9", patAccount)},
			id:        "u-9", status: vpp.UserAssociated, calls: []string{byAccount, byID, create, byAccount, byAccount}},
		"with an account, who is created without it meanwhile": {want: pat,
			meanwhile: map[string]func(*site){create: has("u-1", "")},
			id:        "u-1", status: vpp.UserAssociated, calls: []string{byAccount, byID, create, byAccount, byID, update, byID}},
		"with an account, who is retired meanwhile": {want: pat, before: has("u-1", ""),
			meanwhile: map[string]func(*site){update: func(s *site) { s.RetireUserByOther("u-1") }},
			id:        "u-1", status: vpp.UserAssociated, calls: []string{byAccount, byID, update, byAccount, byID, create, byID}},
		"with an account, who is always too late": {want: pat, before: has("u-1", ""),
			meanwhile: map[string]func(*site){
				update: func(s *site) { s.RetireUserByOther("u-1") },
				create: has("u-1", ""),
			},
			is: vpp.ErrUserExists, calls: []string{byAccount, byID, update, byAccount, byID, create}},

		"with an account that is not known": {want: pat, before: fails(9635),
			is: vpp.ErrAccountUnusable, calls: []string{byAccount, byID, create, byAccount, byID}},
		"with an account of somebody who cannot be found": {want: pat, before: fails(9641),
			is: vpp.ErrAccountTaken, calls: []string{byAccount, byID, create, byAccount, byID}},
		"while Apple fails": {want: plain, before: fails(9644),
			is: vpp.ErrMaintenance, calls: []string{byID, create}},
		"where another server is": {want: plain, before: func(s *site) { s.ClaimByOther("c0ffee", "Old MDM", "x") },
			is: vpp.ErrClaimedByOther, calls: []string{byID}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &tc.options, nil)
				if tc.before != nil {
					tc.before(s)
				}
				client := s.newClient(t, s.through(func(r *http.Request) {
					path := strings.TrimPrefix(r.URL.Path, "/mdm/v2/")
					if change := tc.meanwhile[path]; change != nil {
						delete(tc.meanwhile, path)
						change(s)
					}
				}))
				user, err := client.EnsureUser(t.Context(), tc.want)
				if !errors.Is(err, tc.is) || (user == nil) != (err != nil) {
					t.Fatalf("%+v, %v", user, err)
				}
				if user != nil && (user.ClientUserID != tc.id || user.Status != tc.status || tc.email != "" && user.Email != tc.email) {
					t.Errorf("%+v", user)
				}
				if diff := cmp.Diff(tc.calls, s.calls()); diff != "" {
					t.Error(diff)
				}
				s.noViolations(t)
			})
		})
	}
}

// A service that ignores the filter by account answers with the users of others. They are not taken.
func TestEnsureUserWhereTheFilterIsIgnored(t *testing.T) {
	pat := vpp.UserRequest{ClientUserID: "u-1", ManagedAppleAccount: patAccount}
	for name, others := range map[string][]string{
		"one other user":         {"u-8"},
		"several":                {"u-7", "u-8", "u-9"},
		"and the user":           {"u-7", "u-1"},
		"no other user":          nil,
		"the user alone":         {"u-1"},
		"who has no account":     {"u-6"},
		"the user, without":      {"u-1 without an account"},
		"the user, with another": {"u-1 with another account", "u-7"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				for _, id := range others {
					account := id + "@example.test"
					id, without, _ := strings.Cut(id, " ")
					switch id + without {
					case "u-1":
						account = patAccount
					case "u-6", "u-1without an account":
						account = ""
					case "u-1with another account":
						account = "pat2@example.test"
					}
					s.CreateUserByOther(id, "", account)
				}
				client := s.newClient(t, s.through(func(r *http.Request) {
					q := r.URL.Query()
					q.Del("managedAppleId")
					r.URL.RawQuery = q.Encode()
				}))
				for range 2 { // the second finds what the first has made
					user, err := client.EnsureUser(t.Context(), pat)
					if err != nil || user.ClientUserID != "u-1" || user.Status != vpp.UserAssociated {
						t.Errorf("%+v, %v", user, err)
					}
				}
				if u, _ := s.User("u-1"); u.ManagedAppleID != patAccount {
					t.Errorf("%+v", u)
				}
				s.noViolations(t)
			})
		})
	}
}

// Retired users are not taken, also where they come although active ones were asked for.
func TestEnsureUserPassesOverTheRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.CreateUserByOther("u-8", "", patAccount)
		s.RetireUserByOther("u-8")
		s.CreateUserByOther("u-9", "", patAccount)
		client := s.newClient(t, s.through(func(r *http.Request) {
			q := r.URL.Query()
			q.Del("activeOnly")
			r.URL.RawQuery = q.Encode()
		}))
		user, err := client.EnsureUser(t.Context(), vpp.UserRequest{ClientUserID: "u-1", ManagedAppleAccount: patAccount})
		if err != nil || user.ClientUserID != "u-9" {
			t.Errorf("%+v, %v", user, err)
		}
	})
}

// Nor are users with another ID, where no filter counts.
func TestEnsureUserWhereNoFilterCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.CreateUserByOther("u-0", "", "")
		s.CreateUserByOther("u-1", "", patAccount)
		s.RetireUserByOther("u-1")
		s.CreateUserByOther("u-2", "", patAccount)
		s.RetireUserByOther("u-2")
		client := s.newClient(t, s.through(func(r *http.Request) {
			q := r.URL.Query()
			q.Del("activeOnly")
			q.Del("clientUserId")
			r.URL.RawQuery = q.Encode()
		}))
		for range 2 {
			user, err := client.EnsureUser(t.Context(), vpp.UserRequest{ClientUserID: "u-1", ManagedAppleAccount: patAccount})
			if err != nil || user.ClientUserID != "u-1" || user.Status != vpp.UserAssociated {
				t.Errorf("%+v, %v", user, err)
			}
		}
		user, err := client.EnsureUser(t.Context(), vpp.UserRequest{ClientUserID: "u-2"})
		if err != nil || user.ClientUserID != "u-2" || user.Status != vpp.UserRegistered {
			t.Errorf("%+v, %v", user, err)
		}
	})
}

// What was just created may take a moment to show.
func TestEnsureUserWaitsForWhatWasCreated(t *testing.T) {
	for hidden, after := range map[int]time.Duration{1: 0, 2: 2 * time.Second, 3: 10 * time.Second, 4: -1} {
		t.Run(fmt.Sprint(hidden), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				reads := 0
				var created time.Time
				client := s.newClient(t, s.through(func(r *http.Request) {
					switch r.URL.Path {
					case "/mdm/v2/status":
						created = time.Now()
					case "/mdm/v2/users":
						if reads++; reads <= hidden {
							r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "u-1", "u-0", 1)
						}
					}
				}))
				user, err := client.EnsureUser(t.Context(), vpp.UserRequest{ClientUserID: "u-1"})
				if after < 0 {
					if !errors.Is(err, vpp.ErrUnexpectedAnswer) || user != nil {
						t.Errorf("%+v, %v", user, err)
					}
					return
				}
				if err != nil || user.InviteCode == "" || time.Since(created).Truncate(time.Second) != after {
					t.Errorf("%+v after %v, %v", user, time.Since(created), err)
				}
			})
		})
	}
}

// Whatever fails on the way is told as it is.
func TestEnsureUserFails(t *testing.T) {
	pat := vpp.UserRequest{ClientUserID: "u-1", ManagedAppleAccount: patAccount}
	for name, tc := range map[string]struct {
		want   vpp.UserRequest
		before func(s *site)
		nth    int // request of those that calls tells
	}{
		"at the first look":               {want: pat, nth: 1},
		"at the look by ID":               {want: pat, nth: 2},
		"when it is created":              {want: pat, nth: 3},
		"at the look after that":          {want: pat, nth: 4},
		"when the filter is put to proof": {want: pat, nth: 2, before: func(s *site) { s.CreateUserByOther("u-9", "", patAccount) }},
		"at the look after a refusal":     {want: pat, nth: 4, before: func(s *site) { s.SetOutcome("u-1", 9635) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				if tc.before != nil {
					tc.before(s)
				}
				n := 0
				client := s.newClient(t, s.through(func(r *http.Request) {
					if strings.HasPrefix(r.URL.Path, "/mdm/v2/users") {
						if n++; n == tc.nth {
							s.srv.Fail(vpptest.ErrorFault(9637))
						}
					}
				}))
				user, err := client.EnsureUser(t.Context(), tc.want)
				if !errors.Is(err, vpp.ErrForbidden) || user != nil || n != tc.nth {
					t.Errorf("%+v, %v after %d", user, err, n)
				}
			})
		})
	}
	s := newSite(t, nil, nil)
	for _, want := range []vpp.UserRequest{{}, {ClientUserID: "u\n"}, {ClientUserID: "u", Email: "x"}, {ClientUserID: "u", ManagedAppleAccount: "@x"}} {
		if _, err := s.client.EnsureUser(t.Context(), want); err == nil || len(s.srv.Received()) != 0 {
			t.Errorf("%+v: %v", want, err)
		}
	}
}

func TestEnsureUserEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.NextEvents(vpptest.Stall)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := s.client.EnsureUser(ctx, vpp.UserRequest{ClientUserID: "u-1"})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while the event is pending: %v", err)
		}

		ctx, cancel = context.WithCancel(t.Context())
		defer cancel()
		reads := 0
		client := s.newClient(t, s.through(func(r *http.Request) {
			if r.URL.Path == "/mdm/v2/users" {
				r.URL.RawQuery = "clientUserId=nobody"
				if reads++; reads == 2 {
					time.AfterFunc(time.Second, cancel)
				}
			}
		}))
		if _, err = client.EnsureUser(ctx, vpp.UserRequest{ClientUserID: "u-2"}); !errors.Is(err, context.Canceled) {
			t.Errorf("while the user does not show: %v", err)
		}
	})
}

func TestInvitation(t *testing.T) {
	s := newSite(t, nil, nil)
	s.CreateUserByOther("u-1", "", "")
	s.CreateUserByOther("u-2", "", patAccount)
	s.CreateUserByOther("u-3", "", "")
	s.RetireUserByOther("u-3")
	address, err := s.client.Invitation(t.Context(), "u-1")
	u, _ := s.User("u-1")
	if err != nil || len(u.InviteCode) != 32 || !strings.HasSuffix(address, "/associateVPPUserWithITSAccount?inviteCode="+u.InviteCode+"&mt=8") {
		t.Errorf("%q, %v", address, err)
	}
	for id, is := range map[string]error{"u-2": vpp.ErrNoInvitation, "u-3": vpp.ErrUserNotFound, "u-4": vpp.ErrUserNotFound} {
		if address, err := s.client.Invitation(t.Context(), id); !errors.Is(err, is) || address != "" {
			t.Errorf("%s: %q, %v", id, address, err)
		}
	}
	_, err = s.client.Invitation(t.Context(), "")
	if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != "clientUserID" {
		t.Error(err)
	}
	fresh := s.newClient(t, nil)
	s.srv.Fail(vpptest.Fault{Path: configPath, Kind: vpptest.HTML, Status: 404})
	if _, err := fresh.Invitation(t.Context(), "u-1"); err == nil {
		t.Error("an invitation without a service configuration")
	}
	s.RevokeTokens()
	if _, err := s.client.Invitation(t.Context(), "u-1"); !errors.Is(err, vpp.ErrTokenRevoked) {
		t.Error(err)
	}
}

func TestInvitationThatTheServiceDoesNotGive(t *testing.T) {
	for user, says := range map[string]string{
		`{"clientUserId":"u-1","status":"Registered"}`:                     "the user has no invite code",
		`{"clientUserId":"u-1","status":"Registered","inviteCode":"00ff"}`: "the service publishes no address",
	} {
		c := wireClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == configPath {
				_, _ = w.Write([]byte("{}"))
				return
			}
			_, _ = w.Write([]byte(`{"uId":"42","users":[` + user + `]}`))
		}), nil)
		address, err := c.Invitation(t.Context(), "u-1")
		if !errors.Is(err, vpp.ErrUnexpectedAnswer) || !strings.Contains(err.Error(), says) || address != "" {
			t.Errorf("%q, %v", address, err)
		}
	}
}

// Several processes see to it at once that a person has a user.
func TestEnsureUserTogether(t *testing.T) {
	for name, tc := range map[string]struct {
		account string
		lost    int // answers
	}{
		"by ID":                        {"", 0},
		"by ID, answers lost":          {"", 2},
		"by the account":               {"pat@example.test", 0},
		"by the account, answers lost": {"pat@example.test", 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &vpptest.Options{EventDelay: 3 * time.Second}, nil)
				if tc.lost > 0 {
					s.srv.Fail(vpptest.Fault{Kind: vpptest.Lose, Path: "/mdm/v2/users/create", Count: tc.lost})
				}
				var wg sync.WaitGroup
				for i := range 6 {
					want := vpp.UserRequest{ClientUserID: "u-0", ManagedAppleAccount: tc.account}
					if tc.account != "" {
						want.ClientUserID = fmt.Sprint("u-", i)
					}
					client := s.newClient(t, nil)
					wg.Go(func() {
						later(time.Duration(i) * 500 * time.Millisecond)
						user, err := client.EnsureUser(t.Context(), want)
						if err != nil || user.ClientUserID != "u-0" {
							t.Errorf("%+v, %v", user, err)
						}
					})
				}
				wg.Wait()
				if n := len(s.Users()); n != 1 {
					t.Errorf("%d users", n)
				}
				s.noViolations(t)
			})
		})
	}
}
