package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/leak"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

const hookURL = "https://mdm.example.test/vpp/42"

// hookToken is what the receivers of these tests accept.
var hookToken = vpp.NewSecret("s3cr3t-42")

// newReceiver returns a Receiver for the site that accepts hookToken, unless change says otherwise.
func (s *site) newReceiver(t testing.TB, change func(*vpp.ReceiverOptions)) *vpp.Receiver {
	t.Helper()
	opts := &vpp.ReceiverOptions{Token: hookToken}
	if change != nil {
		change(opts)
	}
	r, err := vpp.NewReceiver(s.client, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// handled collects what a Receiver hands on. answer, if set, is what its Handle returns.
type handled struct {
	mu     sync.Mutex
	all    []*vpp.Notification
	answer func(n *vpp.Notification) error
}

func (h *handled) handle(_ context.Context, n *vpp.Notification) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, n)
	if h.answer != nil {
		return h.answer(n)
	}
	return nil
}

func (h *handled) types() []vpp.NotificationType {
	h.mu.Lock()
	defer h.mu.Unlock()
	var types []vpp.NotificationType
	for _, n := range h.all {
		types = append(types, n.Type)
	}
	return types
}

// post delivers a body with hookToken.
func post(h http.Handler, body string) *httptest.ResponseRecorder {
	return postAs(h, "Bearer s3cr3t-42", body)
}

func postAs(h http.Handler, authorization, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, hookURL, strings.NewReader(body))
	r.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// note is the body of a notification of no known type.
func note(id string) string {
	return fmt.Sprintf(`{"notificationId":%q,"notificationType":"NEWS","notification":{},"uId":"2049000000000001"}`, id)
}

func TestNewReceiverChecksItsOptions(t *testing.T) {
	s := newSite(t, nil, nil)
	for name, tc := range map[string]struct {
		client *vpp.Client
		opts   *vpp.ReceiverOptions
		field  string
	}{
		"no client":        {nil, &vpp.ReceiverOptions{Token: hookToken}, "client"},
		"no options":       {s.client, nil, "ReceiverOptions.Token"},
		"no token":         {s.client, &vpp.ReceiverOptions{}, "ReceiverOptions.Token"},
		"negative timeout": {s.client, &vpp.ReceiverOptions{Token: hookToken, Timeout: -1}, "ReceiverOptions.Timeout"},
	} {
		r, err := vpp.NewReceiver(tc.client, tc.opts)
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != tc.field || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReceiverAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		method, authorization, body string
		change                      func(*vpp.ReceiverOptions)
		status                      int
		stats                       vpp.ReceiverStats
		header                      http.Header
		types                       []vpp.NotificationType
	}{
		"a notification":    {body: note("1"), status: 200, stats: vpp.ReceiverStats{Handled: 1}, types: []vpp.NotificationType{"NEWS"}},
		"without an ID":     {body: `{"notificationType":"NEWS"}`, status: 200, stats: vpp.ReceiverStats{Handled: 1}, types: []vpp.NotificationType{"NEWS"}},
		"a test":            {body: `{"notificationType":"TEST_NOTIFICATION","notification":{}}`, status: 200, stats: vpp.ReceiverStats{Handled: 1}},
		"another location":  {body: `{"notificationType":"NEWS","uId":"7"}`, status: 421, stats: vpp.ReceiverStats{Foreign: 1}},
		"a test of another": {body: `{"notificationType":"TEST_NOTIFICATION","uId":7}`, status: 421, stats: vpp.ReceiverStats{Foreign: 1}},
		"no JSON":           {body: "hello", status: 400, stats: vpp.ReceiverStats{Malformed: 1}},
		"no type":           {body: "{}", status: 400, stats: vpp.ReceiverStats{Malformed: 1}},
		"too large":         {body: note(strings.Repeat("x", 1<<20)), status: 413, stats: vpp.ReceiverStats{Malformed: 1}},
		"GET": {method: "GET", status: 405, stats: vpp.ReceiverStats{Malformed: 1},
			header: http.Header{"Allow": {"POST"}}},
		"no token": {authorization: "none", body: note("1"), status: 401, stats: vpp.ReceiverStats{Unauthorized: 1},
			header: http.Header{"Www-Authenticate": {"Bearer"}}},
		"an empty token": {authorization: "Bearer ", body: note("1"), status: 401, stats: vpp.ReceiverStats{Unauthorized: 1},
			header: http.Header{"Www-Authenticate": {"Bearer"}},
			change: func(o *vpp.ReceiverOptions) {
				o.Tokens = func(context.Context) ([]vpp.Secret, error) { return []vpp.Secret{{}}, nil }
			}},
		"another token": {authorization: "Bearer s3cr3t-43", body: note("1"), status: 401, stats: vpp.ReceiverStats{Unauthorized: 1},
			header: http.Header{"Www-Authenticate": {"Bearer"}}},
		"another scheme": {authorization: "Basic s3cr3t-42", body: note("1"), status: 401, stats: vpp.ReceiverStats{Unauthorized: 1},
			header: http.Header{"Www-Authenticate": {"Bearer"}}},
		"a scheme in small letters": {authorization: "bearer  s3cr3t-42", body: note("1"), status: 200, stats: vpp.ReceiverStats{Handled: 1},
			types: []vpp.NotificationType{"NEWS"}},
		"no source of tokens": {body: note("1"), status: 500, stats: vpp.ReceiverStats{Failed: 1},
			change: func(o *vpp.ReceiverOptions) {
				o.Tokens = func(context.Context) ([]vpp.Secret, error) { return nil, errors.New("away") }
			}},
		"one of the older tokens": {authorization: "Bearer old", body: note("1"), status: 200, stats: vpp.ReceiverStats{Handled: 1},
			types: []vpp.NotificationType{"NEWS"},
			change: func(o *vpp.ReceiverOptions) {
				o.Tokens = func(context.Context) ([]vpp.Secret, error) {
					return []vpp.Secret{vpp.NewSecret("older"), vpp.NewSecret("old")}, nil
				}
			}},
		"no handler": {body: note("1"), status: 200, stats: vpp.ReceiverStats{Handled: 1},
			change: func(o *vpp.ReceiverOptions) { o.Handle = nil }},
		"a handler that fails": {body: note("1"), status: 500, stats: vpp.ReceiverStats{Failed: 1},
			change: func(o *vpp.ReceiverOptions) {
				o.Handle = func(context.Context, *vpp.Notification) error { return errors.New("away") }
			}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, nil, nil)
			if err := s.ask(t); err != nil { // the client learns its UID
				t.Fatal(err)
			}
			got := &handled{}
			r := s.newReceiver(t, func(o *vpp.ReceiverOptions) {
				o.Handle = got.handle
				if tc.change != nil {
					tc.change(o)
				}
			})
			method, authorization := tc.method, tc.authorization
			if method == "" {
				method = "POST"
			}
			if authorization == "" {
				authorization = "Bearer s3cr3t-42"
			}
			req := httptest.NewRequest(method, hookURL, strings.NewReader(tc.body))
			req.Header.Set("Authorization", authorization)
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			if w.Code != tc.status || w.Body.Len() != 0 {
				t.Errorf("status %d with %q, want %d", w.Code, w.Body, tc.status)
			}
			if diff := cmp.Diff(tc.stats, r.Stats()); diff != "" {
				t.Error(diff)
			}
			if tc.status != 413 && len(w.Header())+len(tc.header) > 0 { // which closes the connection
				if diff := cmp.Diff(tc.header, w.Header()); diff != "" {
					t.Error(diff)
				}
			}
			if diff := cmp.Diff(tc.types, got.types()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// brokenBody fails after its first bytes.
type brokenBody struct{}

func (brokenBody) Read(p []byte) (int, error) { return copy(p, "{"), errors.New("reset") }

func TestReceiverOfABrokenBody(t *testing.T) {
	r := newSite(t, nil, nil).newReceiver(t, nil)
	req := httptest.NewRequest(http.MethodPost, hookURL, brokenBody{})
	req.Header.Set("Authorization", "Bearer s3cr3t-42")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	if w.Code != 400 || r.Stats() != (vpp.ReceiverStats{Malformed: 1}) {
		t.Errorf("%d, %+v", w.Code, r.Stats())
	}
}

// A client that does not know its location takes what has the token.
func TestReceiverBeforeTheUIDIsKnown(t *testing.T) {
	r := newSite(t, nil, nil).newReceiver(t, nil)
	if w := post(r, `{"notificationType":"TEST_NOTIFICATION","uId":"7"}`); w.Code != 200 {
		t.Errorf("test: %d", w.Code)
	}
	if w := post(r, `{"notificationType":"NEWS","uId":"7"}`); w.Code != 200 {
		t.Errorf("news: %d", w.Code)
	}
}

func TestDuplicatesAreDropped(t *testing.T) {
	got := &handled{}
	r := newSite(t, nil, nil).newReceiver(t, func(o *vpp.ReceiverOptions) { o.Handle = got.handle })
	for _, id := range []string{"1", "2", "1", "1", "3", "2"} {
		if w := post(r, note(id)); w.Code != 200 {
			t.Errorf("%s: %d", id, w.Code)
		}
	}
	if diff := cmp.Diff(vpp.ReceiverStats{Handled: 3, Duplicates: 3}, r.Stats()); diff != "" || len(got.all) != 3 {
		t.Error(diff, len(got.all))
	}
	for i := range 1024 {
		post(r, note(fmt.Sprint("more ", i)))
	}
	if post(r, note("1")); r.Stats().Handled != 3+1024+1 { // forgotten
		t.Errorf("%+v", r.Stats())
	}
}

// A copy that comes while the first is being handled waits for what comes of that.
func TestADuplicateMeanwhile(t *testing.T) {
	for name, tc := range map[string]struct {
		first, second int
		fail          error
		calls         int
		stats         vpp.ReceiverStats
	}{
		"of a success": {200, 200, nil, 1, vpp.ReceiverStats{Handled: 1, Duplicates: 1}},
		"of a failure": {500, 200, errors.New("away"), 2, vpp.ReceiverStats{Handled: 1, Failed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				calls := 0
				r := s.newReceiver(t, func(o *vpp.ReceiverOptions) {
					o.Handle = func(ctx context.Context, n *vpp.Notification) error {
						calls++
						if calls > 1 {
							return nil
						}
						later(5 * time.Second)
						return tc.fail
					}
				})
				var first, second int
				var both sync.WaitGroup
				both.Go(func() { first = post(r, note("1")).Code })
				synctest.Wait()
				both.Go(func() { second = post(r, note("1")).Code })
				both.Wait()
				if first != tc.first || second != tc.second || calls != tc.calls {
					t.Errorf("%d and %d, %d calls", first, second, calls)
				}
				if diff := cmp.Diff(tc.stats, r.Stats()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestAnswersComeInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		stubborn := make(chan struct{})
		r := s.newReceiver(t, func(o *vpp.ReceiverOptions) {
			o.Timeout = 3 * time.Second
			o.Handle = func(ctx context.Context, n *vpp.Notification) error {
				<-ctx.Done()
				if n.ID == "stubborn" {
					<-stubborn
				}
				return ctx.Err()
			}
		})
		start := time.Now()
		if w := post(r, note("1")); w.Code != 500 || time.Since(start) != 3*time.Second {
			t.Errorf("%d after %v", w.Code, time.Since(start))
		}
		slow := s.newReceiver(t, func(o *vpp.ReceiverOptions) {
			o.Timeout = 2 * time.Second
			o.Tokens = func(ctx context.Context) ([]vpp.Secret, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		start = time.Now()
		if w := post(slow, note("1")); w.Code != 500 || time.Since(start) != 2*time.Second {
			t.Errorf("%d after %v", w.Code, time.Since(start))
		}
		var first sync.WaitGroup
		first.Go(func() { post(r, note("stubborn")) })
		synctest.Wait()
		start = time.Now()
		if w := post(r, note("stubborn")); w.Code != 503 || time.Since(start) != 3*time.Second {
			t.Errorf("%d after %v", w.Code, time.Since(start))
		}
		close(stubborn)
		first.Wait()
		if diff := cmp.Diff(vpp.ReceiverStats{Failed: 3}, r.Stats()); diff != "" {
			t.Error(diff)
		}
	})
}

// What a panic has cut short is handled when it comes again.
func TestAHandlerThatPanics(t *testing.T) {
	calls := 0
	r := newSite(t, nil, nil).newReceiver(t, func(o *vpp.ReceiverOptions) {
		o.Handle = func(context.Context, *vpp.Notification) error {
			if calls++; calls == 1 {
				panic("out of order")
			}
			return nil
		}
	})
	func() {
		defer func() {
			if v := recover(); v != "out of order" {
				t.Errorf("recovered %v", v)
			}
		}()
		post(r, note("1"))
	}()
	if w := post(r, note("1")); w.Code != 200 || calls != 2 {
		t.Errorf("%d after %d calls", w.Code, calls)
	}
}

// hooked is a site whose notifications of all types go to a Receiver of its client.
func hooked(t *testing.T, simulator *vpptest.Options, change func(*vpp.ReceiverOptions)) (*site, *vpp.Receiver) {
	s := newSite(t, simulator, nil)
	r := s.newReceiver(t, change)
	s.srv.DeliverTo(r)
	if _, err := s.client.Subscribe(t.Context(), hookURL, hookToken); err != nil {
		t.Fatal(err)
	}
	return s, r
}

func TestAFailedDeliveryIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := &handled{}
		got.answer = func(*vpp.Notification) error {
			if len(got.all) < 3 {
				return errors.New("away")
			}
			return nil
		}
		s, r := hooked(t, nil, func(o *vpp.ReceiverOptions) { o.Handle = got.handle })
		s.Notify("NEWS", "{}")
		later(5 * time.Minute)
		sent := s.Notifications()
		if diff := cmp.Diff([]int{500, 500, 200}, sent[len(sent)-1].Attempts); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(vpp.ReceiverStats{Handled: 2, Failed: 2}, r.Stats()); diff != "" { // with the test
			t.Error(diff)
		}
	})
}

// Notifications get lost, come twice and out of order: each that comes is handled once.
func TestUnreliableDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := &handled{}
		s, r := hooked(t, nil, func(o *vpp.ReceiverOptions) { o.Handle = got.handle })
		n := 0
		s.SetDelivery(vpptest.Delivery{
			Lose:   func(vpptest.Notification) bool { n++; return n%5 == 0 },
			Copies: func(vpptest.Notification) int { return n % 3 },
			Delay:  func(vpptest.Notification) time.Duration { return time.Duration(20-n) * time.Second },
		})
		for range 20 {
			s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 1})
		}
		later(time.Minute)
		synctest.Wait()
		var ids []string
		for _, n := range got.all {
			ids = append(ids, n.ID)
			if n.Type != vpp.NotificationAssetCount || n.AssetCount.CountDelta != 1 || n.UID != s.UID() {
				t.Errorf("%+v", n)
			}
		}
		var sent []string
		for _, n := range s.Notifications()[1:] {
			if !n.Lost {
				sent = append(sent, n.ID)
			}
		}
		if slices.Equal(sent, ids) {
			t.Error("nothing was out of order")
		}
		slices.Sort(ids)
		slices.Sort(sent)
		if diff := cmp.Diff(sent, ids); diff != "" || len(sent) != 16 {
			t.Errorf("%d sent: %s", len(sent), diff)
		}
		if stats := r.Stats(); stats.Duplicates != 16 || stats.Failed != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestATokenIsReplacedWithoutLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var accepted []vpp.Secret
		s, r := hooked(t, nil, func(o *vpp.ReceiverOptions) {
			o.Tokens = func(context.Context) ([]vpp.Secret, error) { return accepted, nil }
		})
		renewed := vpp.NewSecret("s3cr3t-43")
		if _, err := s.client.Subscribe(t.Context(), hookURL, renewed); !errors.Is(err, vpp.ErrNotificationUnreachable) {
			t.Errorf("the receiver does not know it: %v", err)
		}
		accepted = []vpp.Secret{renewed}
		if _, err := s.client.Subscribe(t.Context(), hookURL, renewed); err != nil {
			t.Error(err)
		}
		s.Notify("NEWS", "{}")
		synctest.Wait()
		if w := post(r, note("of the old token")); w.Code != 200 {
			t.Error(w.Code)
		}
		if diff := cmp.Diff(vpp.ReceiverStats{Handled: 4, Unauthorized: 1}, r.Stats()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReceiversShowNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		opts := vpp.ReceiverOptions{Token: hookToken}
		r := s.newReceiver(t, func(o *vpp.ReceiverOptions) {
			o.Handle = func(context.Context, *vpp.Notification) error { return errors.New("away") }
		})
		s.srv.DeliverTo(r)
		config, err := s.client.Subscribe(t.Context(), hookURL, hookToken)
		if err != nil {
			t.Fatal(err)
		}
		_, refused := s.client.Subscribe(t.Context(), hookURL, vpp.NewSecret("s3cr3t-43"))
		_, invalid := s.client.Subscribe(t.Context(), hookURL, vpp.NewSecret("s3cr3t 44"))
		_, odd := s.client.Subscribe(t.Context(), "https://s3cr3t-45@x", hookToken)
		post(r, note("1"))
		post(r, "s3cr3t-46")
		leak.Find(t, []string{"s3cr3t"}, r, opts, config, *config, refused, invalid, odd, r.Stats(), s.shown.Log())
		for _, want := range []string{`msg=notification status=200 type=TEST_NOTIFICATION`, "msg=notification status=401", "status=500 type=NEWS id=1 uid=2049000000000001 error=away",
			`level=WARN msg=notification status=400 error="notification: is not a JSON object"`} {
			if !strings.Contains(s.shown.Log(), want) {
				t.Errorf("%s is not in %s", want, s.shown.Log())
			}
		}
	})
}
