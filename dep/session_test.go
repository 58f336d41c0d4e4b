package dep_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

const sessionHeader = "X-ADM-Auth-Session"

func TestOneLoginForFiftyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Late, Delay: time.Second})
		for _, err := range together(50, func() error { _, err := o.client.Account(t.Context()); return err }) {
			if err != nil {
				t.Error(err)
			}
		}
		if o.Logins() != 1 || o.logins() != 1 || o.Count("", "/account") != 50 {
			t.Errorf("%d logins, %d requests for the account; want 1 and 50", o.logins(), o.Count("", "/account"))
		}
		o.hides(t, o.secrets())
	})
}

func TestOneReloginForFiftyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, &deptest.Options{SingleSession: true}, nil)
		o.account(t)
		o.ExpireSessions()
		for _, err := range together(50, func() error { _, err := o.client.Account(t.Context()); return err }) {
			if err != nil {
				t.Error(err)
			}
		}
		if o.Logins() != 2 {
			t.Errorf("%d logins, want 2", o.Logins())
		}
	})
}

func TestWaitingForALoginEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Late, Delay: 10 * time.Second})
		leader := make(chan error)
		go func() { _, err := o.client.Account(t.Context()); leader <- err }()
		synctest.Wait()

		start := time.Now()
		err := within(t.Context(), 2*time.Second, func(ctx context.Context) error {
			_, err := o.client.Account(ctx)
			return err
		})
		lost, ok := errors.AsType[*dep.TransportError](err)
		if !ok || !errors.Is(err, context.DeadlineExceeded) || lost.Sent || lost.Op != "read the account" || lost.Path != "/account" {
			t.Errorf("the error of one who waited too long: %#v", err)
		}
		if waited := time.Since(start); waited != 2*time.Second {
			t.Errorf("waited %v with a deadline of 2s", waited)
		}
		if err := <-leader; err != nil {
			t.Errorf("the one who logged in: %v", err)
		}
		if o.logins() != 1 {
			t.Errorf("%d logins, want 1", o.logins())
		}
	})
}

func TestAWaiterTakesOverTheLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Late, Delay: 10 * time.Second})
		leader := make(chan error)
		go func() {
			leader <- within(t.Context(), time.Second, func(ctx context.Context) error {
				_, err := o.client.Account(ctx)
				return err
			})
		}()
		synctest.Wait()
		o.account(t)
		if err := <-leader; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one who gave up: %v", err)
		}
		if o.logins() != 2 {
			t.Errorf("%d logins, want 2", o.logins())
		}
	})
}

func TestALoginFailureIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.Fail(deptest.Fault{
			Path: "/session", Kind: deptest.Answer, Delay: time.Second, Status: 403, Body: "token_rejectedForbidden",
		})
		errs := together(50, func() error {
			_, err := o.client.Account(t.Context())
			if e, ok := err.(*dep.Error); ok {
				e.Op += "!" // the race detector watches
			}
			return err
		})
		for _, err := range errs {
			if !errors.Is(err, dep.ErrTokenRejected) || !strings.HasPrefix(err.Error(), "log in!: ") {
				t.Errorf("err = %v", err)
			}
		}
		if o.logins() != 1 || o.Count("", "/account") != 0 {
			t.Errorf("%d logins, %d other requests; want 1 and none", o.logins(), o.Count("", "/account"))
		}
		o.client.ResetSession()
		o.account(t)
	})
}

func TestReloginAndReplay(t *testing.T) {
	for _, test := range []struct {
		name    string
		status  int
		body    string
		relogin bool
		is      error
	}{
		{"401", 401, "UNAUTHORIZED", true, dep.ErrUnauthorized},
		{"401 in quotes", 401, `"UNAUTHORIZED"`, true, dep.ErrUnauthorized},
		{"401 without a body", 401, "", true, dep.ErrUnauthorized},
		{"401 of a proxy", 401, "<html>log in here</html>", true, dep.ErrUnauthorized},
		{"403 FORBIDDEN", 403, "FORBIDDEN", true, dep.ErrForbidden},
		{"403 FORBIDDEN in quotes", 403, `"FORBIDDEN"`, true, dep.ErrForbidden},
		{"403 FORBIDDEN with a line end", 403, "FORBIDDEN\r\n", true, dep.ErrForbidden},
		{"403 T_C_NOT_SIGNED", 403, "T_C_NOT_SIGNED", false, dep.ErrTermsNotSigned},
		{"403 ACCESS_DENIED", 403, "ACCESS_DENIED", false, dep.ErrAccessDenied},
		{"403 SERVER_INACTIVE", 403, "SERVER_INACTIVE", false, dep.ErrServerInactive},
		{"403 token_expired", 403, "token_expiredForbidden", false, dep.ErrTokenExpired},
		{"403 token_rejected", 403, "token_rejectedForbidden", false, dep.ErrTokenRejected},
		{"403 signature_invalid", 403, "signature_invalid", false, dep.ErrSignatureInvalid},
		{"403 AppleSeed", 403, "APPLE_SEED_FOR_IT_TURNED_OFF", false, dep.ErrSeedForITOff},
		{"403 of a proxy", 403, "<html>FORBIDDEN</html>", false, nil},
		{"403 without a body", 403, "", false, nil},
		{"403 of tomorrow", 403, "SOMETHING_NEW", false, nil},
		{"400 FORBIDDEN", 400, "FORBIDDEN", false, nil},
		{"400 oauth_problem_advice", 400, "oauth_problem_adviceBad Request", false, dep.ErrLoginRefused},
		{"400", 400, "MALFORMED_REQUEST_BODY", false, dep.ErrMalformedRequest},
		{"400 User-Agent", 400, "USER_AGENT_INVALID", false, dep.ErrUserAgent},
		{"404", 404, "NOT_FOUND", false, dep.ErrNotFound},
		{"405", 405, "", false, dep.ErrMethodNotAllowed},
		{"418", 418, "", false, nil},
	} {
		for _, forEver := range []bool{false, true} {
			name := test.name + " once"
			fault := deptest.Fault{Path: "/devices", Kind: deptest.Answer, Status: test.status, Body: test.body}
			if forEver {
				name, fault.Count = test.name+" for ever", -1
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := newOrg(t, nil, nil)
					o.AddSerials("C02A")
					o.account(t)
					o.Fail(fault)
					_, err := o.client.DeviceDetails(t.Context(), []string{"C02A"})
					want := 1
					if test.relogin {
						want = 2
					}
					if o.Logins() != want || o.Count("", "/devices") != want {
						t.Errorf("%d logins, %d requests; want %d of each", o.Logins(), o.Count("", "/devices"), want)
					}
					if test.relogin && !forEver {
						if err != nil {
							t.Error(err)
						}
						return
					}
					e, ok := errors.AsType[*dep.Error](err)
					if !ok || e.StatusCode != test.status || string(e.Body) != test.body {
						t.Fatalf("err = %#v", err)
					}
					if test.is != nil && !errors.Is(err, test.is) {
						t.Errorf("err = %v, want %v", err, test.is)
					}
				})
			})
		}
	}
}

func TestReplaySendsTheWholeBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		serials := o.AddRandomDevices(900)
		for path, do := range map[string]func() error{
			"/devices": func() error { _, err := o.client.DeviceDetails(t.Context(), serials); return err },
			"/profile/devices": func() error {
				_, err := o.client.RemoveProfile(t.Context(), serials)
				return err
			},
		} {
			o.account(t)
			o.ExpireSessions()
			if err := do(); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			sent := o.received(path)
			if len(sent) != 2 {
				t.Fatalf("%d requests to %s, want 2", len(sent), path)
			}
			if diff := cmp.Diff(string(sent[0].Body), string(sent[1].Body)); diff != "" {
				t.Errorf("%s: the second body differs: %s", path, diff)
			}
			if !strings.Contains(string(sent[1].Body), serials[899]) {
				t.Errorf("%s: the second body is not whole", path)
			}
		}
		if v := o.Violations(); v != nil {
			t.Error(v)
		}
	})
}

func TestRotationByAnyAnswer(t *testing.T) {
	for _, status := range []int{200, 400, 403, 404, 429, 500, 503} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, nil, func(opts *dep.Options) { opts.Retry.Tries = 1 })
				o.account(t)
				next := o.NewSession()
				o.Fail(deptest.Fault{
					Kind: deptest.Answer, Status: status, Body: "{}", Header: http.Header{sessionHeader: {next}},
				})
				if _, err := o.client.Account(t.Context()); (err == nil) != (status == 200) {
					t.Errorf("status %d: %v", status, err)
				}
				o.account(t)
				if used := o.sessionsUsed("/account"); used[2] != next || used[1] == next {
					t.Errorf("sessions used: %q, handed out: %q", used, next)
				}
				if o.Logins() != 1 {
					t.Errorf("%d logins", o.Logins())
				}
				o.hides(t, append(o.secrets(), next))
			})
		})
	}
}

// The answers that a call is repeated after count as any other: the next attempt uses what they
// hand out, even where the session before it ends at once.
func TestRotationByAnswersThatAreRepeatedAfter(t *testing.T) {
	for name, fault := range map[string]deptest.Fault{
		"503":         {Kind: deptest.Answer, Status: 503},
		"429":         {Kind: deptest.Answer, Status: 429},
		"500":         {Kind: deptest.Answer, Status: 500},
		"a lost body": {Kind: deptest.Drip, Delay: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, store, clients := replicas(t, 1, nil)
				mustReadAccount(t, clients[0])
				next, last := o.NewSession(), o.NewSession()
				for _, session := range []string{next, last} {
					fault.Path, fault.Header = "/account", http.Header{sessionHeader: {session}}
					o.Fail(fault)
				}
				mustReadAccount(t, clients[0], clients[0])
				first := o.sessionsUsed("/account")[0]
				if diff := cmp.Diff([]string{first, first, next, last, last}, o.sessionsUsed("/account")); diff != "" {
					t.Errorf("sessions used: %s", diff)
				}
				if store.stored.Reveal() != last || o.Logins() != 1 {
					t.Errorf("%d logins, or the session handed out last is not stored", o.Logins())
				}
			})
		})
	}
}

// A refused session that an answer has just handed out is dropped as any other.
func TestARotationByARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store, clients := replicas(t, 1, nil)
		mustReadAccount(t, clients[0])
		o.Fail(deptest.Fault{
			Path: "/account", Kind: deptest.Answer, Status: 401, Body: "UNAUTHORIZED", Header: http.Header{sessionHeader: {"4711"}},
		})
		mustReadAccount(t, clients[0])
		used := o.sessionsUsed("/account")
		if o.Logins() != 2 || len(used) != 3 || used[2] == "4711" || store.stored.Reveal() != used[2] {
			t.Errorf("%d logins, sessions used: %q", o.Logins(), used)
		}
	})
}

func TestRotationThatEndsTheOldSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, &deptest.Options{DropRotated: true}, nil)
		o.RotateSessions(1)
		for range 20 {
			o.account(t)
		}
		used := o.sessionsUsed("/account")
		if distinct := slices.Compact(slices.Sorted(slices.Values(used))); len(distinct) != 20 || o.Logins() != 1 {
			t.Errorf("%d sessions and %d logins, want 20 and 1", len(distinct), o.Logins())
		}
	})
}

func TestEmptyOrSameRotationIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.account(t)
		first := o.sessionsUsed("/account")[0]
		for _, same := range []string{"", first} {
			o.Fail(deptest.Fault{Path: "/account", Kind: deptest.Late, Header: http.Header{sessionHeader: {same}}})
			o.account(t)
		}
		o.account(t)
		if used := o.sessionsUsed("/account"); slices.ContainsFunc(used, func(s string) bool { return s != first }) {
			t.Errorf("sessions used: %q", used)
		}
	})
}

// A call that began in the first session ends after the second one was opened.
func TestLateAnswersCannotBringBackAnOldSession(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault func(o *org) deptest.Fault
		slow  int // requests of the slow call
	}{
		{"a rotation", func(o *org) deptest.Fault {
			return deptest.Fault{Kind: deptest.Late, Header: http.Header{sessionHeader: {o.NewSession()}}}
		}, 1},
		{"a refusal", func(*org) deptest.Fault {
			return deptest.Fault{Kind: deptest.Answer, Status: 401, Body: "UNAUTHORIZED"}
		}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, nil, nil)
				o.AddSerials("C02A")
				o.account(t)
				fault := test.fault(o)
				fault.Path, fault.Delay = "/devices", 10*time.Second
				o.Fail(fault)
				slow := make(chan error)
				go func() {
					_, err := o.client.DeviceDetails(t.Context(), []string{"C02A"})
					slow <- err
				}()
				synctest.Wait()
				o.ExpireSessions()
				o.account(t)
				second := o.sessionsUsed("/account")[2]
				if err := <-slow; err != nil {
					t.Error(err)
				}
				o.account(t)
				if used := o.sessionsUsed("/account"); used[3] != second {
					t.Errorf("after the late answer: session %q, want %q", used[3], second)
				}
				if o.Logins() != 2 || o.Count("", "/devices") != test.slow {
					t.Errorf("%d logins, %d requests; want 2 and %d", o.Logins(), o.Count("", "/devices"), test.slow)
				}
			})
		})
	}
}

func TestEveryLoginAttemptHasAFreshNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Empty})
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Busy})
		o.account(t)
		nonces := make(map[string]bool)
		for _, r := range o.received("/session") {
			_, rest, _ := strings.Cut(r.Header.Get("Authorization"), `oauth_nonce="`)
			nonce, _, _ := strings.Cut(rest, `"`)
			nonces[nonce] = true
		}
		if len(nonces) != 3 || o.logins() != 3 {
			t.Errorf("%d nonces in %d logins, want 3 in 3", len(nonces), o.logins())
		}
		if v := o.Violations(); v != nil {
			t.Error(v)
		}
	})
}

// net/http sends a GET again by itself when a connection that it kept alive breaks. Here the first
// one was processed, so that its nonce is used up.
func TestALoginThatTheTransportRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.account(t) // opens the connection
		o.ExpireSessions()
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Lose})
		o.account(t)
		if v := o.Violations(); len(v) != 1 || !strings.Contains(v[0], "oauth_nonce") || o.logins() != 4 {
			t.Errorf("the transport has not repeated the login: %d requests, %q", o.logins(), v)
		}
		if diff := cmp.Diff([]dep.StateKind{dep.StateOK}, o.kinds()); diff != "" {
			t.Error(diff)
		}

		o.RevokeToken() // a refusal that is meant costs one request
		_, err := o.client.Account(t.Context())
		if !errors.Is(err, dep.ErrTokenRejected) || o.logins() != 5 {
			t.Errorf("err = %v after %d requests", err, o.logins())
		}
	})
}

func TestTheTokenIsReadAtEachLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		reads := 0
		client := o.newClient(t, dep.TokenFunc(func(context.Context) (*dep.Token, error) {
			reads++
			return depToken(t, o.Token()), nil
		}), nil)
		for range 3 {
			if _, err := client.Account(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if reads != 1 {
			t.Errorf("%d reads for one login", reads)
		}
		o.RenewToken()
		if _, err := client.Account(t.Context()); err != nil {
			t.Errorf("after the renewal: %v", err)
		}
		client.ResetSession()
		if _, err := client.Account(t.Context()); err != nil {
			t.Errorf("after the reset: %v", err)
		}
		if reads != 3 || o.Logins() != 3 {
			t.Errorf("%d reads and %d logins, want 3 of each", reads, o.Logins())
		}

		if _, err := o.client.Account(t.Context()); !errors.Is(err, dep.ErrTokenRejected) {
			t.Errorf("with the replaced token: %v", err)
		}
	})
}

func TestResetSessionDuringALogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Late, Delay: 10 * time.Second})
		early := make(chan error)
		go func() { _, err := o.client.Account(t.Context()); early <- err }()
		synctest.Wait()
		o.client.ResetSession()
		o.account(t)
		if err := <-early; err != nil {
			t.Error(err)
		}
		o.account(t)
		used := o.sessionsUsed("/account")
		if o.Logins() != 2 || used[0] != used[2] || used[0] == used[1] {
			t.Errorf("%d logins, sessions used: %q", o.Logins(), used)
		}
	})
}

func TestAnExpiredTokenCostsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, &deptest.Options{TokenLife: 24 * time.Hour}, nil)
		time.Sleep(24 * time.Hour)
		_, err := o.client.Account(t.Context())
		if !errors.Is(err, dep.ErrTokenExpired) || !strings.Contains(err.Error(), "2000-01-02") {
			t.Errorf("err = %v", err)
		}
		if n := o.Count("", ""); n != 0 {
			t.Errorf("%d requests", n)
		}
		if s := o.client.State(); s.Kind != dep.StateTokenExpired {
			t.Errorf("state %q", s.Kind)
		}
		o.hides(t, o.secrets(), err)
	})
}

func TestATokenThatCannotBeUsedCostsNoRequest(t *testing.T) {
	unreadable := errors.New("the database is down")
	for name, test := range map[string]struct {
		change func(*dep.Token)
		err    error
	}{
		"no consumer key":    {change: func(k *dep.Token) { k.ConsumerKey = "" }},
		"no consumer secret": {change: func(k *dep.Token) { k.ConsumerSecret = dep.Secret{} }},
		"no access token":    {change: func(k *dep.Token) { k.AccessToken = dep.Secret{} }},
		"no access secret":   {change: func(k *dep.Token) { k.AccessSecret = dep.Secret{} }},
		"no token":           {},
		"no source":          {err: unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, nil, nil)
				client := o.newClient(t, dep.TokenFunc(func(context.Context) (*dep.Token, error) {
					if test.change == nil {
						return nil, test.err
					}
					token := *depToken(t, o.Token())
					test.change(&token)
					return &token, nil
				}), nil)
				_, err := client.Account(t.Context())
				if _, isInput := errors.AsType[*dep.InputError](err); isInput == (test.err != nil) || !errors.Is(err, test.err) && test.err != nil {
					t.Errorf("err = %v", err)
				}
				if n := o.Count("", ""); n != 0 {
					t.Errorf("%d requests", n)
				}
				if s := client.State(); s.Kind != dep.StateUnknown {
					t.Errorf("state %q", s.Kind)
				}
				o.hides(t, o.secrets(), err)
			})
		})
	}
}

func TestLoginAnswersThatAreNoSession(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
	}{
		"empty body":       {200, ""},
		"HTML":             {200, "<html>auth_session_token 4711081547110815O1O</html>"},
		"cut off":          {200, `{"auth_session_token":"4711081547110815O1O`},
		"empty session":    {200, `{"auth_session_token":""}`},
		"no session":       {200, `{"session":"4711081547110815O1O"}`},
		"a number":         {200, `{"auth_session_token":4711081547110815}`},
		"another success":  {201, `{"auth_session_token":"4711081547110815O1O"}`},
		"a list":           {200, `["4711081547110815O1O"]`},
		"trailing garbage": {200, `{"auth_session_token":"4711081547110815O1O"}4711081547110815O1O`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, nil, nil)
				o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Answer, Status: test.status, Body: test.body})
				_, err := o.client.Account(t.Context())
				if e, ok := errors.AsType[*dep.Error](err); !ok || !errors.Is(err, dep.ErrUnexpectedAnswer) || e.Op != "log in" {
					t.Errorf("err = %#v", err)
				}
				if o.logins() != 1 || o.Count("", "/account") != 0 {
					t.Errorf("%d logins, %d further requests", o.logins(), o.Count("", "/account"))
				}
				o.hides(t, append(o.secrets(), "4711081547110815"), err)
				o.account(t)
			})
		})
	}
}

// everyEndpoint makes each call of a client that is for itself.
func everyEndpoint(t *testing.T, o *org, client *dep.Client) {
	t.Helper()
	ctx := t.Context()
	check := func(name string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	serials := o.AddRandomDevices(4)
	_, err := client.Account(ctx)
	check("Account", err)
	for _, err := range client.Changes(ctx, dep.Cursor{}) {
		check("Changes", err)
	}
	_, err = client.DeviceDetails(ctx, serials)
	check("DeviceDetails", err)
	defined, err := client.DefineProfile(ctx, &dep.Profile{ProfileName: "demo", URL: "https://mdm.example.org/enroll"})
	check("DefineProfile", err)
	_, err = client.Profile(ctx, defined.ProfileUUID)
	check("Profile", err)
	_, err = client.AssignProfile(ctx, defined.ProfileUUID, serials)
	check("AssignProfile", err)
	_, err = client.RemoveProfile(ctx, serials)
	check("RemoveProfile", err)
	_, err = client.LockActivation(ctx, dep.LockRequest{SerialNumber: serials[0]})
	check("LockActivation", err)
	_, err = client.BetaTokens(ctx)
	check("BetaTokens", err)
	check("SetDiscoveryURL", client.SetDiscoveryURL(ctx, "https://mdm.example.org/discovery"))
	_, err = client.DiscoveryURL(ctx)
	check("DiscoveryURL", err)
	check("RemoveDiscoveryURL", client.RemoveDiscoveryURL(ctx))
	o.ReplaceDevice(serials[1], "C02NEW")
	_, err = client.ReplacementDetails(ctx, "C02NEW")
	check("ReplacementDetails", err)
	_, err = client.Disown(ctx, serials[2:])
	check("Disown", err)
	for _, err := range client.Classes(ctx) {
		check("Classes", err)
	}
}

func TestHeadersOfEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, &deptest.Options{Account: deptest.Account{OrgType: "edu"}},
			func(opts *dep.Options) { opts.UserAgent = "demomdm/1.2" })
		everyEndpoint(t, o, o.client)

		const media = "application/json;charset=UTF8"
		for _, r := range o.Received() {
			want := http.Header{
				"Accept": {media}, "Content-Type": {media}, "User-Agent": {"demomdm/1.2"},
				"X-Server-Protocol-Version": {"10"}, "Accept-Encoding": {"gzip"},
			}
			if r.Path == "/session" {
				want["Authorization"] = []string{r.Header.Get("Authorization")}
				if !strings.HasPrefix(want.Get("Authorization"), "OAuth ") {
					t.Errorf("Authorization of /session: %q", want.Get("Authorization"))
				}
			} else {
				want["X-Adm-Auth-Session"] = []string{r.Header.Get(sessionHeader)}
				if want.Get(sessionHeader) == "" {
					t.Errorf("%s has no session", r.Path)
				}
			}
			got := r.Header.Clone()
			got.Del("Content-Length") // of those with a body
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("header of %s %s:\n%s", r.Method, r.Path, diff)
			}
		}
		if v := o.Violations(); v != nil {
			t.Error(v)
		}
		if n := len(o.Received()); n != 17 {
			t.Errorf("%d requests, want 17: one for each endpoint", n)
		}
	})
}

func TestEachClientHasItsProtocolVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		old := o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.ProtocolVersion = 2 })
		withURLs, err := o.client.Account(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		without, err := old.Account(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(withURLs.URLs) == 0 || len(without.URLs) != 0 {
			t.Errorf("%d URLs in version 10, %d in version 2", len(withURLs.URLs), len(without.URLs))
		}
		var versions []string
		for _, r := range o.Received() {
			versions = append(versions, r.Header.Get("X-Server-Protocol-Version"))
		}
		if diff := cmp.Diff([]string{"10", "10", "2", "2"}, versions); diff != "" {
			t.Error(diff)
		}
	})
}
