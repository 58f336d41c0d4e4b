package dep_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
	"github.com/applemdm/applemdm/internal/memhttp"
)

// Defects that clients of this service have had in the field, each as a test that ours has not.

// walkDevices returns the serial numbers that a walk yields before it ends, and how it ends.
func walkDevices(ctx context.Context, client *dep.Client, from dep.Cursor) (serials []string, last dep.Cursor, err error) {
	for page, err := range client.Changes(ctx, from) {
		if err != nil {
			return serials, last, err
		}
		for _, d := range page.Items {
			serials = append(serials, d.SerialNumber)
		}
		last = page.Cursor
	}
	return serials, last, nil
}

// A cursor that comes back with more_to_follow made thousands of requests in a fraction of a second.
func TestRegressionSameCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, func(opts *dep.Options) { opts.PageSize = 2 })
		o.AddRandomDevices(10)
		o.RepeatCursor(-1)
		_, _, err := walkDevices(t.Context(), o.client, dep.Cursor{})
		if !errors.Is(err, dep.ErrSameCursor) || o.Count("POST", "/server/devices") > 3 {
			t.Errorf("err = %v after %d requests", err, o.Count("POST", "/server/devices"))
		}
		syncer, err := dep.NewSyncer(o.client, func(context.Context, *dep.Batch) error { return nil }, nil)
		if err != nil {
			t.Fatal(err)
		}
		o.ResetReceived()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		if err := syncer.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run: %v", err)
		}
		if n := o.Count("", ""); n > 400 { // every half hour a few
			t.Errorf("%d requests in a day", n)
		}
	})
}

// INVALID_CURSOR in reply to everything restarted the fetch without end and without a pause.
func TestRegressionInvalidCursorForEver(t *testing.T) {
	for _, code := range []string{"INVALID_CURSOR", "EXPIRED_CURSOR", "CURSOR_REQUIRED", "EXHAUSTED_CURSOR"} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, nil, nil)
				o.AddRandomDevices(10)
				_, cursor, err := walkDevices(t.Context(), o.client, dep.Cursor{})
				if err != nil {
					t.Fatal(err)
				}
				o.ResetReceived()
				for _, path := range []string{"/server/devices", "/devices/sync"} {
					o.Fail(deptest.Fault{Path: path, Kind: deptest.Answer, Status: 400, Body: code, Count: -1})
				}
				_, _, err = walkDevices(t.Context(), o.client, cursor)
				if e, ok := errors.AsType[*dep.Error](err); !ok || e.Code != code || o.Count("", "") > 2 {
					t.Errorf("err = %v after %d requests", err, o.Count("", ""))
				}
			})
		})
	}
}

// memoryCursor is a CursorStore that counts what is saved.
type memoryCursor struct {
	cursor dep.Cursor
	saves  int
}

func (m *memoryCursor) LoadCursor(context.Context) (dep.Cursor, error) { return m.cursor, nil }

func (m *memoryCursor) SaveCursor(_ context.Context, cursor dep.Cursor) error {
	m.cursor = cursor
	m.saves++
	return nil
}

// The cursor was stored although the callback had failed, so that the events never came again.
func TestRegressionFailedHandlerKeepsTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		serials := o.AddRandomDevices(10)
		down := errors.New("the database is down")
		store := new(memoryCursor)
		failing := true
		var got []string
		syncer, err := dep.NewSyncer(o.client, func(_ context.Context, batch *dep.Batch) error {
			if failing {
				return down
			}
			for _, d := range batch.Devices {
				got = append(got, d.SerialNumber)
			}
			return nil
		}, &dep.SyncerOptions{Cursors: store})
		if err != nil {
			t.Fatal(err)
		}
		if err := syncer.Sync(t.Context()); !errors.Is(err, down) || !errors.Is(err, dep.ErrHandler) {
			t.Errorf("err = %v", err)
		}
		if store.saves != 0 || store.cursor != (dep.Cursor{}) {
			t.Errorf("saved %+v", store.cursor)
		}
		failing = false
		if err := syncer.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(serials, got); diff != "" || store.saves == 0 {
			t.Errorf("%d saves, devices: %s", store.saves, diff)
		}
	})
}

// A body of unknown length, as a proxy passes it on, made the transport panic once a session was
// there. Ours are always of known length, with a session and without, first time and again.
func TestRegressionBodiesOfUnknownLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, &deptest.Options{Account: deptest.Account{OrgType: "edu"}}, nil)
		var mu sync.Mutex
		bodies := 0
		proxy := memhttp.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || r.ContentLength != int64(len(body)) || r.TransferEncoding != nil {
				t.Errorf("%s %s: length %d, encoding %q, %d bytes, %v", r.Method, r.URL.Path, r.ContentLength, r.TransferEncoding, len(body), err)
			}
			if len(body) > 0 {
				bodies++
			}
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(string(body))), -1
			o.ServeHTTP(w, r)
		}))
		defer proxy.Close()
		client := o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) {
			opts.HTTPClient, opts.BaseURL = proxy.Client(), proxy.URL
		})
		for range 2 {
			everyEndpoint(t, o, client)
			o.ExpireSessions()
		}
		if bodies < 14 {
			t.Errorf("%d requests with a body", bodies)
		}
	})
}

// countedBody counts itself among the bodies that are open.
type countedBody struct {
	io.ReadCloser
	open *int
	once sync.Once
}

func (b *countedBody) Close() error {
	b.once.Do(func() { *b.open-- })
	return b.ReadCloser.Close()
}

// bodyCounter fails the test when a request is sent while the answer before it is still open. It is
// for one call at a time.
type bodyCounter struct {
	t    *testing.T
	next http.RoundTripper
	open int
}

func (c *bodyCounter) RoundTrip(req *http.Request) (*http.Response, error) {
	if c.open != 0 {
		c.t.Errorf("%s is sent while %d answers are open", req.URL.Path, c.open)
	}
	resp, err := c.next.RoundTrip(req)
	if err == nil {
		c.open++
		resp.Body = &countedBody{ReadCloser: resp.Body, open: &c.open}
	}
	return resp, err
}

// The answer to the refused request stayed open during the replay, and one to a login that failed
// was used without looking at the error.
func TestRegressionRefusalsAreClosedBeforeTheReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		counter := &bodyCounter{t: t, next: o.Client().Transport}
		client := o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.HTTPClient.Transport = counter })
		mustReadAccount(t, client)
		o.ExpireSessions()
		mustReadAccount(t, client)
		if o.Dials() != 1 {
			t.Errorf("%d connections for one call after another", o.Dials())
		}
		o.ExpireSessions()
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Reset, Count: -1})
		if _, err := client.Account(t.Context()); err == nil {
			t.Error("no error without a login")
		}
		if counter.open != 0 {
			t.Errorf("%d answers are open", counter.open)
		}
	})
}

// A guard that compared after overwriting took every cursor for the same: one page in each run.
func TestRegressionAllPagesInOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, func(opts *dep.Options) { opts.PageSize = 10 })
		want := o.AddRandomDevices(50)
		got, cursor, err := walkDevices(t.Context(), o.client, dep.Cursor{})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("fetch: %v, %s", err, diff)
		}
		want = o.AddRandomDevices(50)
		got, _, err = walkDevices(t.Context(), o.client, cursor)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("sync: %v, %s", err, diff)
		}
		if f, s := o.Count("", "/server/devices"), o.Count("", "/devices/sync"); f != 5 || s != 6 {
			t.Errorf("%d fetches and %d syncs, want 5 and 1+5", f, s)
		}
	})
}

// Any 401 and 403 made the client log in and call itself again, without bound.
func TestRegressionRefusalsWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.SetSeedForIT(false)
		if _, err := o.client.BetaTokens(t.Context()); !errors.Is(err, dep.ErrSeedForITOff) || o.Count("", "") != 2 {
			t.Errorf("err = %v after %d requests", err, o.Count("", ""))
		}
		for _, code := range []string{"UNAUTHORIZED", "FORBIDDEN"} {
			o.ResetReceived()
			o.ResetFaults()
			status := map[string]int{"UNAUTHORIZED": 401, "FORBIDDEN": 403}[code]
			o.Fail(deptest.Fault{Path: "/account", Kind: deptest.Answer, Status: status, Body: code, Count: -1})
			_, err := o.client.Account(t.Context())
			if e, ok := errors.AsType[*dep.Error](err); !ok || e.Code != code || o.Count("", "/account") != 2 || o.logins() > 2 {
				t.Errorf("err = %v after %d requests and %d logins", err, o.Count("", "/account"), o.logins())
			}
		}
	})
}

// A 401 dropped the session but failed the call, and the HTTP client did not obey the base URL.
func TestRegressionReplayAtTheBaseURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		client := o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.BaseURL = "http://dep.example.org:8080" })
		mustReadAccount(t, client)
		o.ExpireSessions()
		mustReadAccount(t, client)
		for _, r := range o.Received() {
			if r.Host != "dep.example.org:8080" {
				t.Errorf("%s was sent to %s", r.Path, r.Host)
			}
		}
	})
}

// The words of errors were looked for in the bodies of successes, and one device that is not
// accessible killed the whole batch.
func TestRegressionErrorWordsInSuccesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		words := "FORBIDDEN NOT_FOUND T_C_NOT_SIGNED INVALID_CURSOR"
		o.AddDevices(deptest.Device{SerialNumber: "C02A", Model: "Mac", OS: "OSX", Description: words}, deptest.Device{SerialNumber: "C02B"})
		o.UpdateAccount(func(a *deptest.Account) { a.OrgName = words })
		if account, err := o.client.Account(t.Context()); err != nil || account.OrgName != words {
			t.Errorf("%+v, %v", account, err)
		}
		if got, _, err := walkDevices(t.Context(), o.client, dep.Cursor{}); err != nil || len(got) != 2 {
			t.Errorf("%q, %v", got, err)
		}
		details, err := o.client.DeviceDetails(t.Context(), []string{"C02X", "C02A"})
		if err != nil || !details[0].ResponseStatus.Gone() || details[1].Description != words {
			t.Errorf("%+v, %v", details, err)
		}
		o.SetOutcome("C02B", "NOT_FOUND")
		outcomes, err := o.client.RemoveProfile(t.Context(), []string{"C02B", "C02A", "C02X"})
		if err != nil || !outcomes[0].Status.Gone() || !outcomes[1].Status.Done() || !outcomes[2].Status.Gone() {
			t.Errorf("%+v, %v", outcomes, err)
		}
		if o.Logins() != 1 {
			t.Errorf("%d logins", o.Logins())
		}
	})
}

// Calls that were refused at the same time raced for the session and logged in several times.
func TestRegressionConcurrentRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, &deptest.Options{SingleSession: true}, nil)
		o.AddSerials("C02A")
		for round := range 5 {
			o.ExpireSessions()
			o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Late, Delay: time.Second})
			for i, err := range together(30, func() error {
				_, err := o.client.DeviceDetails(t.Context(), []string{"C02A"})
				return err
			}) {
				if err != nil {
					t.Errorf("round %d, call %d: %v", round, i, err)
				}
			}
			if o.Logins() != round+1 {
				t.Errorf("%d logins in round %d", o.Logins(), round)
			}
		}
	})
}

// Seconds in Retry-After were taken for a date, and once one had been seen nothing was sent any more.
// To disown and to lock did nothing at all.
func TestRegressionRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.AddSerials("C02A", "C02B")
		o.account(t)
		for _, fault := range []deptest.Fault{
			{Kind: deptest.BusySeconds, Status: 429, RetryAfter: 20 * time.Second},
			{Kind: deptest.BusyDate, RetryAfter: 20 * time.Second},
		} {
			o.Fail(fault)
			start := time.Now()
			o.account(t)
			if waited := time.Since(start); waited < 19*time.Second || waited > 20*time.Second {
				t.Errorf("waited %v", waited)
			}
		}

		o.Fail(deptest.Fault{Kind: deptest.BusySeconds, RetryAfter: 2 * time.Minute}) // longer than a call waits
		start := time.Now()
		_, err := o.client.Account(t.Context())
		if e, ok := errors.AsType[*dep.Error](err); !ok || !errors.Is(err, dep.ErrUnavailable) || e.RetryAfter != 2*time.Minute || time.Since(start) != 0 {
			t.Errorf("err = %v after %v", err, time.Since(start))
		}
		o.account(t)

		if _, err := o.client.LockActivation(t.Context(), dep.LockRequest{SerialNumber: "C02A"}); err != nil {
			t.Error(err)
		}
		if _, err := o.client.Disown(t.Context(), []string{"C02B"}); err != nil {
			t.Error(err)
		}
		_, locked := o.Lock("C02A")
		_, here := o.Device("C02B")
		if !locked || here {
			t.Errorf("locked: %v, still here: %v", locked, here)
		}
	})
}

// A User-Agent that Apple refuses was sent to /session by default; whatever is set goes everywhere.
func TestRegressionUserAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.account(t)
		refused := o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.UserAgent = "nanodep-godep/0" })
		if _, err := refused.Account(t.Context()); !errors.Is(err, dep.ErrUserAgent) {
			t.Errorf("err = %v", err)
		}
		if n := slices.Index(o.kinds(), dep.StateLoginRefused); n >= 0 {
			t.Error("the User-Agent was blamed on the token")
		}
	})
}

// A login that failed logged the Authorization header and the body.
func TestRegressionNothingSecretIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, &deptest.Options{Account: deptest.Account{OrgType: "edu"}}, nil)
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Answer, Status: 401, Body: "oauth_problem_adviceUnauthorized"})
		_, err := o.client.Account(t.Context())
		if !errors.Is(err, dep.ErrLoginRefused) {
			t.Errorf("err = %v", err)
		}
		o.client.ResetSession()
		everyEndpoint(t, o, o.client)
		if log := o.shown.Log(); !strings.Contains(log, "path=/session") || !strings.Contains(log, "status=401") {
			t.Errorf("the log tells too little: %s", log)
		}
		o.hides(t, append(o.secrets(), "oauth_nonce", "profile_uuid", "@example.org"), err)
	})
}

// Requests of many calls went through one shared, changing client. The caller's stays as it is.
func TestRegressionTheCallersClientIsNotChanged(t *testing.T) {
	server := deptest.NewServer(nil)
	defer server.Close()
	listener := httptest.NewServer(server)
	defer listener.Close()
	shared := &http.Client{}
	client, err := dep.New(depToken(t, server.Token()), &dep.Options{HTTPClient: shared, BaseURL: listener.URL})
	if err != nil {
		t.Fatal(err)
	}
	mustReadAccount(t, client)
	if shared.Timeout != 0 || shared.Transport != nil || shared.CheckRedirect != nil || shared.Jar != nil {
		t.Errorf("the caller's client is now %+v", shared)
	}
}
