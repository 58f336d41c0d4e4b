package apns_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

const topic = "com.apple.mgmt.External.6f2d3c1e-8a54-4a57-9c0e-0d4f7b1a2e33"

// issue returns a push certificate for topic that srv accepts, unless opts make it one that it does
// not.
func issue(t testing.TB, srv *apnstest.Server, opts apnstest.CertOptions) *apns.Certificate {
	t.Helper()
	opts.EC = opts.Key == nil
	cert, err := apns.ParseCertificate(srv.IssuePushCertificate(topic, &opts))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// newClient returns a client of srv with a certificate for topic. It is shut down with the test.
func newClient(t testing.TB, srv *apnstest.Server, opts *apns.Options) *apns.Client {
	t.Helper()
	return newClientWith(t, srv, issue(t, srv, apnstest.CertOptions{}), opts)
}

// newClientWith returns a client of srv that shows what certificates holds.
func newClientWith(t testing.TB, srv *apnstest.Server, certificates apns.CertificateSource, opts *apns.Options) *apns.Client {
	t.Helper()
	var o apns.Options
	if opts != nil {
		o = *opts
	}
	if o.RootCAs == nil {
		o.RootCAs = srv.RootCAs()
	}
	if o.DialContext == nil {
		o.DialContext = srv.Dial
	}
	if o.LookupNetIP == nil {
		o.LookupNetIP = addresses("17.0.0.1")
	}
	client, err := apns.New(certificates, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := client.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return client
}

// addresses is a LookupNetIP that always finds the same.
func addresses(texts ...string) func(context.Context, string, string) ([]netip.Addr, error) {
	return func(context.Context, string, string) ([]netip.Addr, error) {
		var found []netip.Addr
		for _, text := range texts {
			found = append(found, netip.MustParseAddr(text))
		}
		return found, nil
	}
}

// newServer returns a server in memory. The client must have done nothing wrong when the test ends.
func newServer(t testing.TB, opts *apnstest.Options) *apnstest.Server {
	t.Helper()
	var o apnstest.Options
	if opts != nil {
		o = *opts
	}
	o.InMemory = true
	srv := apnstest.NewServer(&o)
	t.Cleanup(srv.Close)
	t.Cleanup(func() {
		if v := srv.Violations(); len(v) > 0 {
			t.Errorf("violations: %q", v)
		}
		if n := srv.PendingFaults(); n > 0 {
			t.Errorf("%d faults did not happen", n)
		}
		if t.Failed() {
			t.Log(srv.Log())
		}
	})
	return srv
}

// anyToken is a server that knows every token.
func anyToken(t testing.TB) *apnstest.Server {
	t.Helper()
	return newServer(t, &apnstest.Options{AcceptAnyToken: true})
}

func token(n int) string { return fmt.Sprintf("%064x", n) }

func target(n int) apns.Target {
	return apns.Target{Topic: topic, Token: token(n), PushMagic: fmt.Sprintf("magic-%d", n)}
}

func pushTo(n int) apns.Push { return apns.Push{Target: target(n), Key: n} }

// bubble runs a test in which time passes as soon as everybody waits.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// wants checks that a push ended as it should have.
func wants(t testing.TB, err error, disposition apns.Disposition, is ...error) {
	t.Helper()
	if got := apns.DispositionOf(err); got != disposition {
		t.Errorf("disposition %q of %v, want %q", got, err, disposition)
	}
	for _, target := range is {
		if !errors.Is(err, target) {
			t.Errorf("%v is not %q", err, target)
		}
	}
}

// lost returns err as the TransportError that it has to be.
func lost(t testing.TB, err error) *apns.TransportError {
	t.Helper()
	e, ok := errors.AsType[*apns.TransportError](err)
	if !ok {
		t.Fatalf("%v is no TransportError", err)
	}
	return e
}

func header(p apnstest.Push) map[string]string {
	fields := map[string]string{}
	for _, f := range p.Header {
		fields[f.Name] = f.Value
	}
	return fields
}

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

func TestTwoPushesToOneTokenAreOneWakeUp(t *testing.T) {
	const n = 100
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{Latency: time.Second})
		device := srv.AddToken(topic, token(1), "magic-1")
		client := newClient(t, srv, nil)
		same := func(yield func(apns.Push) bool) {
			for range n {
				if !yield(pushTo(1)) {
					return
				}
			}
		}
		ids, shared := map[string]int{}, 0
		for r := range client.PushAll(t.Context(), same) {
			if r.Err != nil || r.Push.Key != 1 {
				t.Fatalf("%+v", r)
			}
			ids[r.ID]++
			if r.Shared {
				shared++
			}
		}
		if len(ids) != 1 || shared != n-1 || device.Woken() != 1 {
			t.Errorf("ids %v, %d shared, woken %d times", ids, shared, device.Woken())
		}
		if got := client.Stats().Accepted; got != 1 {
			t.Errorf("%d accepted", got)
		}
	})
}

// A refusal is shared as well.
func TestARefusalIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{Latency: time.Second})
		srv.AddToken(topic, token(1), "magic-1")
		srv.Unregister(token(1), time.Now())
		client := newClient(t, srv, nil)
		results := map[bool]int{}
		for r := range client.PushAll(t.Context(), slices.Values([]apns.Push{pushTo(1), pushTo(1), pushTo(1)})) {
			wants(t, r.Err, apns.DropToken, apns.ErrUnregistered)
			results[r.Shared]++
		}
		if diff := cmp.Diff(map[bool]int{true: 2, false: 1}, results); diff != "" || srv.Stats().Pushes != 1 {
			t.Errorf("shared %v, %d sent", results, srv.Stats().Pushes)
		}
	})
}

// A push with another magic is from another enrolment: it would not wake the device that the first
// one does.
func TestAnotherMagicIsAnotherPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		device := srv.AddToken(topic, token(1), "new")
		client := newClient(t, srv, &apns.Options{HoldOff: -1})
		old, renewed := pushTo(1), pushTo(1)
		old.PushMagic, renewed.PushMagic = "old", "new"
		for r := range client.PushAll(t.Context(), slices.Values([]apns.Push{old, renewed})) {
			if r.Err != nil || r.Shared {
				t.Errorf("%+v", r)
			}
		}
		if len(device.Received()) != 2 || device.Woken() != 1 {
			t.Errorf("received %+v", device.Received())
		}
	})
}

func TestHoldOffDelaysAndMerges(t *testing.T) {
	for name, c := range map[string]struct {
		holdOff time.Duration
		reached []time.Duration // when pushes at 0 s, 0.4 s, 0.5 s and 3 s reach the device
	}{
		"default": {0, []time.Duration{0, time.Second, 3 * time.Second}},
		"longer":  {10 * time.Second, []time.Duration{0, 10 * time.Second}},
		"off":     {-1, []time.Duration{0, 400 * time.Millisecond, 500 * time.Millisecond, 3 * time.Second}},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, nil)
			device := srv.AddToken(topic, token(1), "magic-1")
			client := newClient(t, srv, &apns.Options{HoldOff: c.holdOff})
			start := time.Now()
			for _, at := range []time.Duration{0, 400 * time.Millisecond, 500 * time.Millisecond, 3 * time.Second} {
				time.AfterFunc(at, func() {
					if _, err := client.Push(t.Context(), pushTo(1)); err != nil {
						t.Error(err)
					}
				})
			}
			time.Sleep(time.Minute)
			var reached []time.Duration
			for _, d := range device.Received() {
				reached = append(reached, d.When.Sub(start))
			}
			if !slices.Equal(reached, c.reached) {
				t.Errorf("reached at %v, want %v", reached, c.reached)
			}
		})
	}
}

// A hold-off that is longer than the patience of a push does not let it wait past that.
func TestAPushTimesOutWhileItIsHeldOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		srv.AddToken(topic, token(1), "magic-1")
		client := newClient(t, srv, &apns.Options{HoldOff: time.Minute, Timeout: 5 * time.Second})
		if _, err := client.Push(t.Context(), pushTo(1)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err := client.Push(t.Context(), pushTo(1))
		wants(t, err, apns.RetryLater, context.DeadlineExceeded)
		if e := lost(t, err); e.Sent || time.Since(start) != 5*time.Second {
			t.Errorf("%+v after %v", e, time.Since(start))
		}
	})
}

// Whoever joins a push does not share the fate of the context of whoever asked for it first.
func TestThoseWhoJoinedGoOnWhenTheFirstGivesUp(t *testing.T) {
	for name, fault := range map[string]apnstest.Fault{
		"before it is sent": {Kind: apnstest.LateHandshake, Delay: 3 * time.Second},
		"on its way":        {Kind: apnstest.Swallow},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, nil)
			device := srv.AddToken(topic, token(1), "magic-1")
			srv.Fail(fault)
			client := newClient(t, srv, nil)
			impatient, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			first := make(chan error)
			go func() {
				_, err := client.Push(impatient, pushTo(1))
				first <- err
			}()
			synctest.Wait()
			second := make(chan error)
			go func() {
				_, err := client.Push(t.Context(), pushTo(1))
				second <- err
			}()
			wants(t, <-first, apns.RetryLater, context.DeadlineExceeded)
			if err := <-second; err != nil {
				t.Errorf("the second: %v", err)
			}
			if device.Woken() != 1 {
				t.Errorf("woken %d times", device.Woken())
			}
		})
	}
}

// And the other way round.
func TestTheFirstGoesOnWhenSomebodyWhoJoinedGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		srv.AddToken(topic, token(1), "magic-1")
		srv.Fail(apnstest.Fault{Kind: apnstest.Late, Delay: 5 * time.Second})
		client := newClient(t, srv, nil)
		first := make(chan error)
		go func() {
			_, err := client.Push(t.Context(), pushTo(1))
			first <- err
		}()
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := client.Push(impatient, pushTo(1))
		wants(t, err, apns.RetryLater, context.DeadlineExceeded)
		if time.Since(start) != time.Second {
			t.Errorf("it took %v", time.Since(start))
		}
		if err := <-first; err != nil {
			t.Errorf("the first: %v", err)
		}
	})
}

// No log line, error or state shows what it should not: the private key, a magic, a whole token.
func TestNothingSecretIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		const secretToken, magic = "c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77c0ffee88", "a-very-secret-magic"
		var log bytes.Buffer
		var states []apns.State
		cert := issue(t, srv, apnstest.CertOptions{})
		client := newClientWith(t, srv, cert, &apns.Options{
			Logger:  slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			OnState: func(s apns.State) { states = append(states, s) },
		})
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
		if len(errs) != 6 || len(states) < 2 || log.Len() == 0 {
			t.Fatalf("%d errors, %d states, log: %s", len(errs), len(states), &log)
		}
		shapes := everyShape(t, errs)
		for i, err := range errs {
			shapes[fmt.Sprint("error ", i)] = fmt.Sprintf("%v %+v %#v", err, err, err)
		}
		maps.Copy(shapes, map[string]string{"log": log.String(), "states": fmt.Sprintf("%+v", states), "client": client.State().Err.Error(),
			"result": fmt.Sprintf("%v %+v", apns.Result{Push: push}, apns.Result{Push: push})})
		for where, text := range shapes {
			for _, secret := range []string{secretToken, strings.ToUpper(secretToken), magic, "PRIVATE KEY"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s shows %q: %s", where, secret, text)
				}
			}
		}
		hidesKey(t, cert.TLS().PrivateKey.(crypto.Signer), errs)
	})
}
