package dep_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// Every condition of an account, how it comes about at Apple's side, and how it ends.
var stateEdges = []struct {
	kind      dep.StateKind
	err       error // of the calls meanwhile; nil for a condition in which they succeed
	bring     func(t *testing.T, o *org)
	end       func(o *org)
	afterward dep.StateKind // "" is OK
}{
	{
		kind: dep.StateTermsNotSigned, err: dep.ErrTermsNotSigned,
		bring: func(_ *testing.T, o *org) { o.SetTermsSigned(false) },
		end:   func(o *org) { o.SetTermsSigned(true) },
	},
	{
		kind: dep.StateTokenExpiring,
		bring: func(t *testing.T, o *org) {
			time.Sleep(time.Until(o.Token().Expiry) - 30*24*time.Hour + time.Second)
		},
		end: func(o *org) { o.RenewToken() },
	},
	{
		kind: dep.StateTokenExpired, err: dep.ErrTokenExpired, // the token says so
		bring: func(t *testing.T, o *org) { time.Sleep(time.Until(o.Token().Expiry)) },
		end:   func(o *org) { o.RenewToken() },
	},
	{
		kind: dep.StateTokenExpired, err: dep.ErrTokenExpired, // Apple says so
		bring: func(_ *testing.T, o *org) {
			o.ExpireSessions()
			o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Answer, Status: 403, Body: "token_expiredForbidden", Count: -1})
		},
		end: (*org).ResetFaults,
	},
	{
		kind: dep.StateTokenRejected, err: dep.ErrTokenRejected,
		bring: func(_ *testing.T, o *org) { o.RevokeToken() },
		end:   func(o *org) { o.RenewToken() },
	},
	{
		kind: dep.StateSignatureInvalid, err: dep.ErrSignatureInvalid,
		bring: func(_ *testing.T, o *org) {
			o.ExpireSessions()
			o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Answer, Status: 401, Body: "signature_invalidUnauthorized", Count: -1})
		},
		end: (*org).ResetFaults,
	},
	{
		kind: dep.StateLoginRefused, err: dep.ErrLoginRefused,
		bring: func(_ *testing.T, o *org) {
			o.ExpireSessions()
			o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Answer, Status: 400, Body: "oauth_problem_adviceBad Request", Count: -1})
		},
		end: (*org).ResetFaults,
	},
	{
		kind: dep.StateAccessDenied, err: dep.ErrAccessDenied,
		bring: func(_ *testing.T, o *org) { o.SetAccessDenied(true); o.ExpireSessions() },
		end:   func(o *org) { o.SetAccessDenied(false) },
	},
	{
		kind: dep.StateForbidden, err: dep.ErrForbidden,
		bring: func(_ *testing.T, o *org) { o.SetForbidden(true) },
		end:   func(o *org) { o.SetForbidden(false) },
	},
	{
		kind: dep.StateServerInactive, err: dep.ErrServerInactive,
		bring: func(_ *testing.T, o *org) { o.SetServerInactive(true) },
		end:   func(o *org) { o.SetServerInactive(false) },
	},
}

// renewing returns an organisation whose client always has the token in force.
func renewing(t *testing.T, change func(*dep.Options)) *org {
	o := newOrg(t, nil, nil)
	o.client = o.newClient(t, dep.TokenFunc(func(context.Context) (*dep.Token, error) {
		return depToken(t, o.Token()), nil
	}), change)
	return o
}

// twenty makes the same call by twenty callers at once, and again, and checks every error.
func (o *org) twenty(t *testing.T, want error) {
	t.Helper()
	for range 2 {
		for _, err := range together(20, func() error { _, err := o.client.Account(t.Context()); return err }) {
			if want == nil && err != nil || want != nil && !errors.Is(err, want) {
				t.Errorf("err = %v, want %v", err, want)
			}
		}
	}
}

func TestStateEdges(t *testing.T) {
	for _, test := range stateEdges {
		t.Run(string(test.kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := renewing(t, nil)
				o.twenty(t, nil)
				test.bring(t, o)
				if test.kind == dep.StateTokenExpired {
					o.client.ResetSession() // a session outlives the token's own idea of its end
				}
				o.twenty(t, test.err)
				began := time.Now() // a login that may pass is repeated after a pause
				time.Sleep(time.Hour)
				o.twenty(t, test.err)

				s := o.client.State()
				if s.Kind != test.kind || !s.Since.Equal(began) || !s.TokenExpiry.Equal(o.Token().Expiry) {
					t.Errorf("State() = %+v, want %q since %v until %v", s, test.kind, began, o.Token().Expiry)
				}
				if usable := test.err == nil; s.Kind.Usable() != usable || (s.Err == nil) != usable || !errors.Is(s.Err, test.err) {
					t.Errorf("Usable = %v, Err = %v", s.Kind.Usable(), s.Err)
				}

				test.end(o)
				o.client.ResetSession()
				o.twenty(t, nil)
				want := []dep.StateKind{dep.StateOK, test.kind, dep.StateOK}
				if diff := cmp.Diff(want, o.kinds()); diff != "" {
					t.Errorf("edges: %s", diff)
				}
				o.hides(t, o.secrets(), s.Err)
			})
		})
	}
}

func TestStateGoesFromOneTroubleToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := renewing(t, nil)
		if s := o.client.State(); s != (dep.State{}) || s.Kind.Usable() {
			t.Errorf("State() of a new client = %+v", s)
		}
		o.SetTermsSigned(false)
		o.twenty(t, dep.ErrTermsNotSigned)
		time.Sleep(10 * time.Second) // for so long a refused login is remembered
		o.SetServerInactive(true)
		o.twenty(t, dep.ErrServerInactive)
		o.SetServerInactive(false)
		time.Sleep(10 * time.Second)
		o.twenty(t, dep.ErrTermsNotSigned)
		want := []dep.StateKind{dep.StateTermsNotSigned, dep.StateServerInactive, dep.StateTermsNotSigned}
		if diff := cmp.Diff(want, o.kinds()); diff != "" {
			t.Error(diff)
		}
	})
}

// Terms that are not signed are told by any call, with a session that goes on.
func TestTermsAreToldByAnyCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.account(t)
		o.SetTermsSigned(false)
		if _, err := o.client.AssignProfile(t.Context(), "ABC", []string{"C02A"}); !errors.Is(err, dep.ErrTermsNotSigned) {
			t.Errorf("err = %v", err)
		}
		for _, err := range o.client.Devices(t.Context()) {
			if !errors.Is(err, dep.ErrTermsNotSigned) {
				t.Errorf("err = %v", err)
			}
		}
		o.SetTermsSigned(true)
		o.account(t)
		want := []dep.StateKind{dep.StateOK, dep.StateTermsNotSigned, dep.StateOK}
		if diff := cmp.Diff(want, o.kinds()); diff != "" || o.Logins() != 1 {
			t.Errorf("%d logins, edges: %s", o.Logins(), diff)
		}
	})
}

func TestWhatSaysNothingOfTheAccountChangesNoState(t *testing.T) {
	for name, fault := range map[string]deptest.Fault{
		"connection refused": {Kind: deptest.Refuse},
		"connection lost":    {Kind: deptest.Reset},
		"no answer":          {Kind: deptest.Silence},
		"500":                {Kind: deptest.Empty},
		"503":                {Kind: deptest.Busy},
		"429":                {Kind: deptest.BusySeconds, Status: 429},
		"a gateway":          {Kind: deptest.HTML},
		"401 for ever":       {Kind: deptest.Answer, Status: 401, Body: "UNAUTHORIZED", Path: "/account"},
		"404":                {Kind: deptest.Answer, Status: 404, Body: "NOT_FOUND"},
		"one resource":       {Kind: deptest.Answer, Status: 403, Body: "ACCESS_DENIED"},
		"User-Agent":         {Kind: deptest.Answer, Status: 400, Body: "USER_AGENT_INVALID"},
	} {
		for _, before := range []dep.StateKind{dep.StateOK, dep.StateTermsNotSigned} {
			t.Run(name+" while "+string(before), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := newOrg(t, nil, nil)
					o.account(t)
					o.SetTermsSigned(before == dep.StateOK)
					o.client.Account(t.Context())
					earlier, edges := o.client.State(), o.kinds()
					fault.Count = -1
					o.Fail(fault)
					err := within(t.Context(), time.Minute, func(ctx context.Context) error {
						_, err := o.client.Account(ctx)
						return err
					})
					if err == nil {
						t.Error("no error")
					}
					if diff := cmp.Diff(edges, o.kinds()); diff != "" {
						t.Errorf("edges: %s", diff)
					}
					if now := o.client.State(); now != earlier || now.Kind != before {
						t.Errorf("State() = %+v, was %+v", now, earlier)
					}
				})
			})
		}
	}
}

func TestOnStateMayCallTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o *org
		inside := 0
		o = renewing(t, func(opts *dep.Options) {
			opts.OnState = func(s dep.State) {
				o.note(s)
				if inside++; inside != 1 {
					t.Error("calls of OnState overlap")
				}
				defer func() { inside-- }()
				if now := o.client.State(); now.Kind != s.Kind {
					t.Errorf("State() = %q inside of the call for %q", now.Kind, s.Kind)
				}
				if s.Kind == dep.StateTermsNotSigned {
					o.SetTermsSigned(true) // what an administrator would do
					o.client.ResetSession()
					if _, err := o.client.Account(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
		o.SetTermsSigned(false)
		if _, err := o.client.Account(t.Context()); !errors.Is(err, dep.ErrTermsNotSigned) {
			t.Errorf("err = %v", err)
		}
		o.account(t)
		if diff := cmp.Diff([]dep.StateKind{dep.StateTermsNotSigned, dep.StateOK}, o.kinds()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestExpiryWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, &deptest.Options{TokenLife: 10 * 24 * time.Hour}, nil)
		tight := o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.ExpiryWarning = 24 * time.Hour })
		mustReadAccount(t, tight)
		o.account(t) // warns 30 days before by default
		if a, b := tight.State().Kind, o.client.State().Kind; a != dep.StateOK || b != dep.StateTokenExpiring {
			t.Errorf("states %q and %q", a, b)
		}
		time.Sleep(9*24*time.Hour + time.Second)
		mustReadAccount(t, tight)
		if a := tight.State().Kind; a != dep.StateTokenExpiring {
			t.Errorf("state %q a day before the expiry", a)
		}
	})
}
