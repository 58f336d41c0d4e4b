package apnstest

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bubble runs test with a connected client in a synctest bubble.
func bubble(t *testing.T, opts Options, test func(t *testing.T, srv *Server, c *raw)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opts.InMemory = true
		srv := start(t, &opts)
		test(t, srv, dialRaw(t, srv).hello())
	})
}

func in(d time.Duration) []string {
	return with(good(), "apns-expiration", fmt.Sprint(time.Now().Add(d).Unix()))
}

func body(magic string) string { return `{"mdm":"` + magic + `"}` }

func TestStoreAndForward(t *testing.T) {
	const id = "123e4567-e89b-12d3-a456-426614174000"
	for name, test := range map[string]struct {
		push func() []string
		drop bool
		wait time.Duration // until the device is online
		want bool          // received
	}{
		"in time":          {push: func() []string { return in(time.Hour) }, wait: 59 * time.Minute, want: true},
		"too late":         {push: func() []string { return in(time.Hour) }, wait: time.Hour},
		"one attempt":      {push: good},
		"was over":         {push: func() []string { return with(good(), "apns-expiration", "300") }},
		"undated":          {push: func() []string { return with(good(), "apns-expiration", "-") }, wait: 29 * 24 * time.Hour, want: true},
		"undated too late": {push: func() []string { return with(good(), "apns-expiration", "-") }, wait: 30 * 24 * time.Hour},
		"undated dropped":  {push: func() []string { return with(good(), "apns-expiration", "-") }, drop: true},
		"at most 30 days":  {push: func() []string { return in(365 * 24 * time.Hour) }, wait: 31 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{DropUndated: test.drop}, func(t *testing.T, srv *Server, c *raw) {
				d := srv.Device(token)
				d.Online(false)
				if got := c.reply(with(test.push(), "apns-id", id), body(magic)); got != "200" {
					t.Fatalf("answer = %s", got)
				}
				if len(d.Received()) != 0 {
					t.Error("an offline device received a push")
				}
				time.Sleep(test.wait)
				if _, ok := d.Stored(); ok != test.want {
					t.Errorf("stored = %v", ok)
				}
				d.Online(true)
				var want []Delivery
				if test.want {
					want = []Delivery{{Topic: topic, Magic: magic, ID: id, When: time.Now()}}
				}
				if diff := cmp.Diff(want, d.Received()); diff != "" {
					t.Error(diff)
				}
				if _, ok := d.Stored(); ok {
					t.Error("still stored")
				}
			})
		})
	}
}

func TestNewestIsStored(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		d := srv.Device(token)
		d.Online(false)
		c.reply(in(time.Hour), body("first"))
		c.reply(in(time.Hour), body("second"))
		d.Online(true)
		d.Online(true)
		if got := d.Received(); len(got) != 1 || got[0].Magic != "second" || !got[0].Ignored {
			t.Errorf("received %+v", got)
		}
	})
}

// Whoever enrolls anew does not react to the old magic, also when a stored push brings it.
func TestMagic(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		d := srv.AddToken(topic, strings.ToUpper(token), magic)
		for _, text := range []string{body(magic), body("old"), `{"aps":{}}`} {
			if got := c.reply(good(), text); got != "200" {
				t.Errorf("%s: %s", text, got)
			}
		}
		d.Online(false)
		c.reply(in(time.Hour), body(magic))
		if srv.AddToken(topic, token, "new") != d {
			t.Error("a device of its own for the same token")
		}
		d.Online(true)
		var ignored []bool
		for _, push := range d.Received() {
			ignored = append(ignored, push.Ignored)
		}
		if diff := cmp.Diff([]bool{false, true, true, true}, ignored); diff != "" {
			t.Error(diff)
		}
		if d.Woken() != 1 {
			t.Errorf("woken %d times", d.Woken())
		}
		if n := srv.Stats().Delivered; n != 4 {
			t.Errorf("delivered %d", n)
		}
		d.Online(false)
		c.reply(in(time.Hour), body("new"))
		srv.AddToken("com.apple.mgmt.External.other", token, "new")
		if _, ok := d.Stored(); ok {
			t.Error("a push for the old topic is stored")
		}
	})
}

func TestTokenStates(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		check := func(what, want string) {
			t.Helper()
			if got := c.reply(good(), body(magic)); got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		srv.Device(token).Online(false)
		c.reply(in(time.Hour), body(magic))
		srv.Unregister(token, time.UnixMilli(1_700_000_000_123))
		check("unregistered", `410 {"reason":"Unregistered","timestamp":1700000000123}`)
		if _, ok := srv.Device(token).Stored(); ok {
			t.Error("a push is stored for an inactive token")
		}
		srv.Expire(strings.ToUpper(token))
		check("expired", `410 {"reason":"ExpiredToken","timestamp":946684800000}`) // the bubble's epoch
		srv.AddToken(topic, token, magic)
		check("again", "200")
		srv.Throttle(token, time.Minute)
		check("throttled", `429 {"reason":"TooManyRequests"}`)
		time.Sleep(time.Minute)
		check("later", "200")
		srv.AddToken("com.apple.mgmt.External.other", token, magic)
		check("other topic", `400 {"reason":"DeviceTokenNotForTopic"}`)
		want := map[string]int{"Unregistered": 1, "ExpiredToken": 1, "TooManyRequests": 1, "DeviceTokenNotForTopic": 1}
		if st := srv.Stats(); st.Pushes != 7 || st.Accepted != 3 || cmp.Diff(want, st.Reasons) != "" {
			t.Errorf("stats = %+v", st)
		}
	})
}

func TestTokenLimit(t *testing.T) {
	bubble(t, Options{TokenLimit: TokenLimit{Pushes: 2, Per: time.Minute}}, func(t *testing.T, srv *Server, c *raw) {
		srv.AddToken(topic, "abcd", magic)
		for i, want := range []string{"200", "200", "429", "429", "wait", "200", "200", "429"} {
			if want == "wait" {
				time.Sleep(time.Minute)
				continue
			}
			if got := c.reply(good(), body(magic)); !strings.HasPrefix(got, want) {
				t.Errorf("push %d: %s", i, got)
			}
			if got := c.reply(with(good(), ":path", "/3/device/abcd"), body(magic)); i < 2 && got != "200" {
				t.Errorf("another token: %s", got)
			}
		}
	})
}

func TestAcceptAnyToken(t *testing.T) {
	bubble(t, Options{AcceptAnyToken: true}, func(t *testing.T, srv *Server, c *raw) {
		srv.Unregister(token, time.Now())
		if got := c.reply(with(good(), ":path", "/3/device/abcd"), body(magic)); got != "200" {
			t.Errorf("unknown: %s", got)
		}
		if got := c.reply(good(), body(magic)); !strings.HasPrefix(got, "410") {
			t.Errorf("known: %s", got)
		}
		if srv.Device("abcd") != nil {
			t.Error("a device came into being")
		}
	})
}

func TestBadTokensPanic(t *testing.T) {
	srv := start(t, nil)
	for name, call := range map[string]func(){
		"base64":  func() { srv.AddToken(topic, "q83vEjRW", magic) },
		"empty":   func() { srv.AddToken(topic, "", magic) },
		"unknown": func() { srv.Expire("abcd") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			call()
		})
	}
}

func TestRecord(t *testing.T) {
	bubble(t, Options{KeepPushes: 2}, func(t *testing.T, srv *Server, c *raw) {
		const id = "123e4567-e89b-12d3-a456-426614174000"
		for range 7 {
			c.reply(good(), body("x"))
		}
		srv.Fail(Fault{Kind: Answer, Status: 503, Reason: "Shutdown"})
		c.reply(good(), body("y"))
		c.reply(with(with(good(), "apns-id", id), "apns-priority", "7"), "z")
		want := []Push{
			{Connection: 1, Stream: 15, Topic: topic, Token: token, Magic: "y", Body: []byte(body("y")), Fault: "Answer"},
			{Connection: 1, Stream: 17, Topic: topic, Token: token, ID: id, Body: []byte("z"), Status: 400, Reason: "BadPriority"},
		}
		got := srv.Received()
		want[0].ID = got[0].ID
		for i := range want {
			want[i].Time = time.Now()
			if p := got[i].Get("apns-priority"); p != []string{"10", "7"}[i] {
				t.Errorf("priority %d = %q", i, p)
			}
			if got[i].Get("x-none") != "" || got[i].Header[0] != (Field{":method", "POST"}) {
				t.Errorf("header = %v", got[i].Header)
			}
			got[i].Header = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if ok, lower := isUUID(got[0].ID); !ok || lower {
			t.Errorf("the server's identifier is %q", got[0].ID)
		}
		if n := len(srv.Device(token).Received()); n != 2 {
			t.Errorf("%d deliveries", n)
		}
		srv.ResetReceived()
		if len(srv.Received()) != 0 || len(srv.Violations()) != 0 {
			t.Error("not forgotten")
		}
	})
	bubble(t, Options{KeepPushes: -1}, func(t *testing.T, srv *Server, c *raw) {
		c.reply(good(), body(magic))
		if len(srv.Received()) != 0 || srv.Device(token).Woken() != 1 {
			t.Error("a push was kept")
		}
	})
}
