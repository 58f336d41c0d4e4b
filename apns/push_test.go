package apns_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/internal/leak"
)

func TestAPushFollowsTheRecipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{RequireTopic: true, RefuseOtherTypes: true, RefuseBadPayloads: true})
		device := srv.AddToken(topic, strings.Repeat("ab", 32), `mag"ic`)
		client := newClient(t, srv, nil)
		id, err := client.Push(t.Context(), apns.Push{Target: apns.Target{Token: strings.Repeat("AB", 32), PushMagic: `mag"ic`}})
		if err != nil {
			t.Fatal(err)
		}
		if got := device.Received(); len(got) != 1 || got[0].Magic != `mag"ic` || got[0].Ignored || got[0].ID != id {
			t.Errorf("the device received %+v", got)
		}
		push := srv.Received()[0]
		want := map[string]string{
			":method": "POST", ":scheme": "https", ":authority": "api.push.apple.com",
			":path":      "/3/device/" + strings.Repeat("ab", 32),
			"apns-topic": topic, "apns-push-type": "mdm", "apns-priority": "10",
			"apns-expiration": "947289600", // 2000-01-08T00:00:00Z, 7 days after the bubble began
		}
		if diff := cmp.Diff(want, header(push)); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
		if got := string(push.Body); got != `{"mdm":"mag\"ic"}` {
			t.Errorf("body %s", got)
		}
	})
}

func TestWhatAPushCanChange(t *testing.T) {
	const id = "0f0e0d0c-0b0a-4988-8776-655443322110"
	for name, c := range map[string]struct {
		opts *apns.Options
		push apns.Push
		want map[string]string
	}{
		"expiration of the push": {nil, apns.Push{Expiration: time.Hour}, map[string]string{"apns-expiration": "946688400"}},
		"expiration of the options": {&apns.Options{Expiration: 24 * time.Hour}, apns.Push{},
			map[string]string{"apns-expiration": "946771200"}},
		"expiration of both": {&apns.Options{Expiration: 24 * time.Hour}, apns.Push{Expiration: time.Hour},
			map[string]string{"apns-expiration": "946688400"}},
		"expiration at the most":      {nil, apns.Push{Expiration: 30 * 24 * time.Hour}, map[string]string{"apns-expiration": "949276800"}},
		"expiration rounded up":       {nil, apns.Push{Expiration: 59*time.Second + 1}, map[string]string{"apns-expiration": "946684860"}},
		"expiration of a full minute": {nil, apns.Push{Expiration: time.Minute}, map[string]string{"apns-expiration": "946684860"}},
		"expiration of a nanosecond":  {nil, apns.Push{Expiration: 1}, map[string]string{"apns-expiration": "946684860"}},
		"not kept":                    {nil, apns.Push{Keep: apns.KeepNot}, map[string]string{"apns-expiration": "0"}},
		"immediate":                   {nil, apns.Push{Priority: apns.PriorityImmediate}, map[string]string{"apns-priority": "10"}},
		"conserving":                  {nil, apns.Push{Priority: apns.PriorityConserving}, map[string]string{"apns-priority": "5"}},
		"never wakes":                 {nil, apns.Push{Priority: apns.PriorityNeverWake}, map[string]string{"apns-priority": "1"}},
		"id":                          {nil, apns.Push{ID: id}, map[string]string{"apns-id": id}},
		"port 2197":                   {&apns.Options{BaseURL: "https://api.push.apple.com:2197/"}, apns.Push{}, map[string]string{":authority": "api.push.apple.com:2197"}},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := anyToken(t)
			client := newClient(t, srv, c.opts)
			c.push.Target = target(1)
			got, err := client.Push(t.Context(), c.push)
			if err != nil {
				t.Fatal(err)
			}
			if c.push.ID != "" && got != c.push.ID {
				t.Errorf("Push = %q", got)
			}
			fields := header(srv.Received()[0])
			for field, want := range c.want {
				if fields[field] != want {
					t.Errorf("%s: %q, want %q", field, fields[field], want)
				}
			}
		})
	}
}

// What is kept for a device that is offline reaches it when it comes back.
func TestAPushForADeviceThatIsOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		client := newClient(t, srv, nil)
		asleep, away := srv.AddToken(topic, token(1), "magic-1"), srv.AddToken(topic, token(2), "magic-2")
		asleep.Online(false)
		away.Online(false)
		if _, err := client.Push(t.Context(), pushTo(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Push(t.Context(), apns.Push{Target: target(2), Keep: apns.KeepNot}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * 24 * time.Hour)
		asleep.Online(true)
		away.Online(true)
		if asleep.Woken() != 1 || away.Woken() != 0 {
			t.Errorf("woken: %d and %d, want 1 and 0", asleep.Woken(), away.Woken())
		}
	})
}

func TestBadPushesAreRefusedBeforeAnything(t *testing.T) {
	srv := newServer(t, nil)
	client := newClient(t, srv, nil)
	for name, c := range map[string]struct {
		change func(*apns.Push)
		field  string
		text   string
	}{
		"other topic":          {func(p *apns.Push) { p.Topic = otherTopic }, "Push.Topic", topic},
		"no token":             {func(p *apns.Push) { p.Token = "" }, "Token", "empty"},
		"token of half a byte": {func(p *apns.Push) { p.Token = "abc" }, "Token", "hex"},
		"no magic":             {func(p *apns.Push) { p.PushMagic = "" }, "PushMagic", "empty"},
		"negative expiration":  {func(p *apns.Push) { p.Expiration = -1 }, "Push.Expiration", "30 days"},
		"long expiration":      {func(p *apns.Push) { p.Expiration = 31 * 24 * time.Hour }, "Push.Expiration", "30 days"},
		"not kept for an hour": {func(p *apns.Push) { p.Keep, p.Expiration = apns.KeepNot, time.Hour }, "Push.Expiration", "not kept"},
		"unknown keep":         {func(p *apns.Push) { p.Keep = 7 }, "Push.Keep", "KeepNot"},
		"unknown priority":     {func(p *apns.Push) { p.Priority = 7 }, "Push.Priority", "10, 5 or 1"},
		"id in upper case":     {func(p *apns.Push) { p.ID = "0F0E0D0C-0B0A-4988-8776-655443322110" }, "Push.ID", "lower case"},
		"id without dashes":    {func(p *apns.Push) { p.ID = strings.Repeat("a", 36) }, "Push.ID", "UUID"},
		"short id":             {func(p *apns.Push) { p.ID = "1" }, "Push.ID", "UUID"},
	} {
		t.Run(name, func(t *testing.T) {
			push := pushTo(1)
			c.change(&push)
			id, err := client.Push(t.Context(), push)
			refusedAs(t, err, c.field, c.text)
			if id != "" || apns.DispositionOf(err) != apns.FixRequest {
				t.Errorf("Push = %q, disposition %q", id, apns.DispositionOf(err))
			}
			for r := range client.PushAll(t.Context(), slices.Values([]apns.Push{push})) {
				refusedAs(t, r.Err, c.field, c.text)
				if r.Push.Key != 1 || r.Disposition() != apns.FixRequest {
					t.Errorf("%+v", r)
				}
			}
		})
	}
	if got := srv.Stats(); got.Dials != 0 {
		t.Errorf("%d connections", got.Dials)
	}
}

// An empty topic is that of the certificate.
func TestTheTopicOfTheCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, nil)
		push := pushTo(1)
		push.Topic = ""
		if _, err := client.Push(t.Context(), push); err != nil {
			t.Fatal(err)
		}
		if got := srv.Received()[0].Get("apns-topic"); got != topic {
			t.Errorf("apns-topic %q", got)
		}
	})
}

func TestPushReturnsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, nil)
		why := errors.New("somebody pulled the plug")

		ended, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		_, err := client.Push(ended, pushTo(1))
		wants(t, err, apns.RetryLater, context.Canceled, why)
		if lost(t, err).Sent || srv.Stats().Dials != 0 {
			t.Errorf("a push with an ended context went out: %v", err)
		}

		srv.Fail(apnstest.Fault{Kind: apnstest.Late, Delay: 10 * time.Second, Token: token(2)})
		short, cancelShort := context.WithTimeout(t.Context(), time.Second)
		defer cancelShort()
		start := time.Now()
		_, err = client.Push(short, pushTo(2))
		wants(t, err, apns.RetryLater, context.DeadlineExceeded)
		if e := lost(t, err); !e.Sent || time.Since(start) != time.Second {
			t.Errorf("%+v after %v", e, time.Since(start))
		}
		if _, err := client.Push(t.Context(), pushTo(3)); err != nil {
			t.Errorf("the next push: %v", err)
		}
	})
}

// No log line, error or state shows what it should not: the private key, a magic, a whole token.
func TestNothingSecretIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		const secretToken, magic = "c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77c0ffee88", "a-very-secret-magic"
		var told edges
		cert := issue(t, srv, apnstest.CertOptions{})
		hidden := append(leak.Key(cert.TLS().PrivateKey), secretToken, strings.ToUpper(secretToken), magic)
		shown := leak.Watch(t, func() []string { return hidden })
		client := newClientWith(t, srv, cert, &apns.Options{Logger: shown.Logger(), OnState: told.note})
		push := apns.Push{Target: apns.Target{Topic: topic, Token: secretToken, PushMagic: magic}}
		var errs []error
		note := func() {
			if _, err := client.Push(t.Context(), push); err != nil {
				errs = append(errs, err)
			}
			time.Sleep(time.Hour)
		}
		note() // 400
		srv.Fail(apnstest.Fault{Kind: apnstest.RefuseConn})
		srv.Disconnect()
		note()
		srv.Fail(apnstest.Fault{Kind: apnstest.ResetStream, Count: 3})
		note()
		srv.Fail(apnstest.Fault{Kind: apnstest.HTML, Count: 1})
		note()
		srv.Fail(apnstest.Fault{Kind: apnstest.Reject})
		note()
		push.Priority = 7
		note()
		synctest.Wait()
		states := told.states
		if len(errs) != 6 || len(states) < 2 || shown.Log() == "" {
			t.Fatalf("%d errors, %d states, log: %s", len(errs), len(states), shown.Log())
		}
		shown.Note(errs, states, client.State(), fmt.Sprintf("%v %+v", apns.Result{Push: push}, apns.Result{Push: push}))
		for _, err := range errs {
			shown.Note(err)
		}
	})
}
