package dep_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// At the login there is no session to blame: what Apple does not name is the login itself.
func TestLoginRefusals(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		is     error
		state  dep.StateKind
	}{
		{401, "UNAUTHORIZED", dep.ErrLoginRefused, dep.StateLoginRefused},
		{401, "", dep.ErrLoginRefused, dep.StateLoginRefused},
		{401, "Unauthorized", dep.ErrLoginRefused, dep.StateLoginRefused},
		{401, "nonce_usedUnauthorized", dep.ErrLoginRefused, dep.StateLoginRefused},
		{401, "oauth_problem_adviceBad Request", dep.ErrLoginRefused, dep.StateLoginRefused},
		{401, "token_rejected", dep.ErrTokenRejected, dep.StateTokenRejected},
		{403, "", dep.ErrLoginRefused, dep.StateLoginRefused},
		{403, "Forbidden", dep.ErrLoginRefused, dep.StateLoginRefused},
		{403, "SOMETHING_NEW", dep.ErrLoginRefused, dep.StateLoginRefused},
		{403, "FORBIDDEN", dep.ErrForbidden, dep.StateForbidden},
		{403, "ACCESS_DENIED", dep.ErrAccessDenied, dep.StateAccessDenied},
		{403, "token_expiredUnauthorized", dep.ErrTokenExpired, dep.StateTokenExpired},
		{403, `"token_expired Forbidden"`, dep.ErrTokenExpired, dep.StateTokenExpired},
		{400, "", dep.ErrLoginRefused, dep.StateLoginRefused},
		{400, "nonce_usedBad Request", dep.ErrLoginRefused, dep.StateLoginRefused},
		{400, "token_rejectedForbidden", dep.ErrTokenRejected, dep.StateTokenRejected},
		{400, "USER_AGENT_INVALID", dep.ErrUserAgent, dep.StateUnknown},
		{404, "", nil, dep.StateUnknown},
		{500, "", dep.ErrServer, dep.StateUnknown},
		{503, "UNAUTHORIZED", dep.ErrUnauthorized, dep.StateUnknown},
	} {
		t.Run(fmt.Sprint(test.status, " ", test.body), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, nil, nil)
				o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Answer, Status: test.status, Body: test.body, Count: -1})
				_, err := o.client.Account(t.Context())
				e, ok := errors.AsType[*dep.Error](err)
				if !ok || e.Err != test.is || e.Op != "log in" || string(e.Body) != test.body {
					t.Errorf("err = %#v", err)
				}
				if s := o.client.State(); s.Kind != test.state {
					t.Errorf("state %q, want %q", s.Kind, test.state)
				}
			})
		})
	}
}

// A busy backend with a revoked token asks Apple once in a while, not once for each of its calls.
func TestARefusedLoginIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := renewing(t, nil)
		refused := func(logins int) {
			t.Helper()
			for range 20 {
				_, err := o.client.Account(t.Context())
				if e, ok := errors.AsType[*dep.Error](err); !ok || !errors.Is(err, dep.ErrTokenRejected) {
					t.Errorf("err = %v", err)
				} else {
					e.Err = nil // each is the caller's own
				}
			}
			if o.logins() != logins {
				t.Errorf("%d logins, want %d", o.logins(), logins)
			}
		}
		o.RevokeToken()
		refused(1)
		time.Sleep(10*time.Second - 1)
		refused(1)
		time.Sleep(time.Nanosecond)
		refused(2)
		o.client.ResetSession()
		refused(3)
		o.RenewToken() // another token is another question
		o.account(t)
		if o.logins() != 4 {
			t.Errorf("%d logins", o.logins())
		}
		if diff := cmp.Diff([]dep.StateKind{dep.StateTokenRejected, dep.StateOK}, o.kinds()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatIsNotAboutTheAccountIsNotRemembered(t *testing.T) {
	for name, fault := range map[string]deptest.Fault{
		"User-Agent":  {Kind: deptest.Answer, Status: 400, Body: "USER_AGENT_INVALID"},
		"failure":     {Kind: deptest.Empty, Count: 4},
		"no session":  {Kind: deptest.Answer, Body: "{}"},
		"unreachable": {Kind: deptest.Refuse, Count: 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, nil, nil)
				fault.Path = "/session"
				o.Fail(fault)
				if _, err := o.client.Account(t.Context()); err == nil {
					t.Error("no error")
				}
				o.account(t)
			})
		})
	}
}

// The refusal that a login under way brings home belongs to the time before the reset.
func TestARefusalFromBeforeTheResetIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Answer, Delay: 5 * time.Second, Status: 403, Body: "T_C_NOT_SIGNED"})
		early := make(chan error)
		go func() { _, err := o.client.Account(t.Context()); early <- err }()
		synctest.Wait()
		o.client.ResetSession()
		if err := <-early; !errors.Is(err, dep.ErrTermsNotSigned) {
			t.Errorf("err = %v", err)
		}
		o.account(t)
	})
}

const adviceBody = "oauth_problem_adviceBad Request"

func TestALoginThatMayPassIsRepeatedOnce(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  deptest.Fault
		change func(*dep.Options)
		within time.Duration
		logins int
		took   time.Duration
		works  bool
	}{
		{name: "it passes", fault: deptest.Fault{Status: 400, Body: adviceBody}, logins: 2, took: 10 * time.Second, works: true},
		{name: "it stays", fault: deptest.Fault{Status: 400, Body: adviceBody, Count: -1}, logins: 2, took: 10 * time.Second},
		{name: "another phrase", fault: deptest.Fault{Status: 400, Body: "oauth_problem_advice"}, logins: 2, took: 10 * time.Second, works: true},
		{name: "time enough", fault: deptest.Fault{Status: 400, Body: adviceBody}, within: 11 * time.Second, logins: 2, took: 10 * time.Second, works: true},
		{name: "no time", fault: deptest.Fault{Status: 400, Body: adviceBody}, within: 10 * time.Second, logins: 1},
		{name: "shorter pauses", fault: deptest.Fault{Status: 400, Body: adviceBody}, logins: 2, took: time.Second, works: true,
			change: func(opts *dep.Options) { opts.Retry.MaxWait = time.Second }},
		{name: "nothing is repeated", fault: deptest.Fault{Status: 400, Body: adviceBody}, logins: 1,
			change: func(opts *dep.Options) { opts.Retry.Tries = 1 }},
		{name: "401", fault: deptest.Fault{Status: 401, Body: "oauth_problem_adviceUnauthorized"}, logins: 1},
		{name: "another code", fault: deptest.Fault{Status: 400, Body: "nonce_usedBad Request"}, logins: 1},
		{name: "no code", fault: deptest.Fault{Status: 400}, logins: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, nil, test.change)
				test.fault.Path, test.fault.Kind = "/session", deptest.Answer
				o.Fail(test.fault)
				ctx := t.Context()
				if test.within > 0 {
					limited, cancel := context.WithTimeout(ctx, test.within)
					defer cancel()
					ctx = limited
				}
				start := time.Now()
				_, err := o.client.Account(ctx)
				if (err == nil) != test.works || err != nil && !errors.Is(err, dep.ErrLoginRefused) {
					t.Errorf("err = %v", err)
				}
				if took := time.Since(start); took != test.took || o.logins() != test.logins {
					t.Errorf("%d logins in %v, want %d in %v", o.logins(), took, test.logins, test.took)
				}
			})
		})
	}
}

func TestGivingUpBeforeTheLoginIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Answer, Status: 400, Body: adviceBody})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		start := time.Now()
		_, err := o.client.Account(ctx)
		if _, ok := errors.AsType[*dep.TransportError](err); !ok || !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		if took := time.Since(start); took != 3*time.Second || o.logins() != 1 {
			t.Errorf("%d logins in %v", o.logins(), took)
		}
		o.account(t)
	})
}
