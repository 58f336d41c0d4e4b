package apns_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// push sends n pushes, and fails if one fails.
func pushMany(t testing.TB, client *apns.Client, n int) {
	t.Helper()
	results := newOnce(t, n)
	for r := range client.PushAll(t.Context(), pushesTo(n)) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		results.note(r)
	}
	if results.n != n {
		t.Fatalf("%d results for %d pushes", results.n, n)
	}
}

// Until the first answer a connection carries one push; then as many as the server allows.
func TestOneProbeThenTheBurst(t *testing.T) {
	const pushes = 300
	for name, c := range map[string]struct {
		server apnstest.Options
		fault  *apnstest.Fault
	}{
		"limit":         {apnstest.Options{MaxStreams: 40, EnforceEarly: true}, nil},
		"limit of 1":    {apnstest.Options{MaxStreams: 1, EnforceEarly: true}, nil},
		"late settings": {apnstest.Options{MaxStreams: 40, EnforceEarly: true}, &apnstest.Fault{Kind: apnstest.LateSettings, Delay: 5 * time.Second}},
		"none":          {apnstest.Options{}, nil},
	} {
		bubble(t, name, func(t *testing.T) {
			c.server.AcceptAnyToken, c.server.Latency = true, time.Second
			srv := newServer(t, &c.server)
			if c.fault != nil {
				srv.Fail(*c.fault)
			}
			client := newClient(t, srv, &apns.Options{MaxConns: 1, Timeout: time.Hour})
			var first, second time.Time
			start := time.Now()
			for range client.PushAll(t.Context(), pushesTo(pushes)) {
				if first.IsZero() {
					first = time.Now()
				} else if second.IsZero() {
					second = time.Now()
				}
			}
			received := srv.Received()
			if len(received) != pushes || received[1].Time.Sub(received[0].Time) < time.Second {
				t.Errorf("the second push came %v after the first", received[1].Time.Sub(received[0].Time))
			}
			limit := c.server.MaxStreams
			if limit == 0 {
				limit = pushes - 1
			}
			if got := srv.Stats(); got.MostStreams != limit || got.GoAways != 0 || got.Dials != 1 {
				t.Errorf("%+v", got)
			}
			rounds := 1 + (pushes-1+limit-1)/limit
			if took := time.Since(start); took > time.Duration(rounds)*time.Second+5*time.Second {
				t.Errorf("took %v, want %d s", took, rounds)
			}
		})
	}
}

// MaxStreams caps below what the server allows.
func TestMaxStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: time.Millisecond})
		pushMany(t, newClient(t, srv, &apns.Options{MaxStreams: 7, MaxConns: 1}), 500)
		if got := srv.Stats().MostStreams; got != 7 {
			t.Errorf("%d streams at once", got)
		}
	})
}

// APNs lowers the limit to 1 after a refusal and restores it with the next success. Nothing stalls,
// and the limit is never exceeded.
func TestALimitThatIsLoweredAfterErrors(t *testing.T) {
	const n = 5000
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, LimitAfterError: 1, Latency: 100 * time.Millisecond, Jitter: 50 * time.Millisecond})
		for i := range n / 20 {
			srv.AddToken(topic, token(i*20), "old")
			srv.Fail(apnstest.Fault{Kind: apnstest.Answer, Status: 400, Reason: "BadDeviceToken", Token: token(i * 20)})
		}
		client := newClient(t, srv, nil)
		results, bad := newOnce(t, n), 0
		start := time.Now()
		for r := range client.PushAll(t.Context(), pushesTo(n)) {
			results.note(r)
			if errors.Is(r.Err, apns.ErrBadDeviceToken) {
				bad++
			} else if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if results.n != n || bad != n/20 || srv.Stats().GoAways != 0 {
			t.Errorf("%d results, %d bad, %+v", results.n, bad, srv.Stats())
		}
		t.Logf("%v, %d dials", time.Since(start), srv.Stats().Dials)
	})
}

// A limit of 0 stops everything until it is raised; what waits longer than it may is told.
func TestALimitOfZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, &apns.Options{MaxConns: 1})
		pushMany(t, client, 10)
		srv.SetStreamLimit(0)
		time.AfterFunc(10*time.Second, func() { srv.SetStreamLimit(5) })
		start := time.Now()
		time.Sleep(2 * time.Second)
		if _, err := client.Push(t.Context(), pushTo(99)); err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		srv.SetStreamLimit(0)
		time.Sleep(time.Second)
		_, err := client.Push(t.Context(), pushTo(100))
		wants(t, err, apns.RetryLater, context.DeadlineExceeded)
		if e := lost(t, err); e.Sent || e.Tries != 0 {
			t.Errorf("%+v", e)
		}
	})
}

// Another connection is opened when those there are have been full for a while, not before.
func TestMoreConnectionsWhenFull(t *testing.T) {
	for name, c := range map[string]struct {
		latency  time.Duration
		pushes   int
		maxConns int
		want     int
	}{
		"never full":        {time.Second, 90, 3, 1},
		"full for a while":  {time.Second, 1000, 3, 3},
		"full for a moment": {10 * time.Millisecond, 500, 3, 1},
		"no more allowed":   {time.Second, 1000, 2, 2},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, MaxStreams: 100, Latency: c.latency})
			client := newClient(t, srv, &apns.Options{MaxConns: c.maxConns})
			if _, err := client.Push(t.Context(), pushTo(999_999)); err != nil {
				t.Fatal(err)
			}
			pushMany(t, client, c.pushes)
			if got := srv.Stats(); got.Dials != c.want || client.Stats().Connections != c.want {
				t.Errorf("%d dials, want %d", got.Dials, c.want)
			}
		})
	}
}

// Connections are replaced when they are old, without losing a push.
func TestMaxConnAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: 3 * time.Second})
		client := newClient(t, srv, &apns.Options{MaxConnAge: time.Hour})
		for i := range 5 * 60 * 12 {
			go func() {
				if _, err := client.Push(t.Context(), pushTo(i)); err != nil {
					t.Error(err)
				}
			}()
			time.Sleep(5 * time.Second)
		}
		time.Sleep(time.Minute)
		if got := srv.Stats(); got.Dials != 5 || got.Open > 1 {
			t.Errorf("%d connections in 5 hours, %d open", got.Dials, got.Open)
		}
		time.Sleep(2 * time.Hour)
		if got := srv.Stats(); got.Open != 0 || got.Dials != 5 {
			t.Errorf("%d are open after 2 hours of silence, %d dials", got.Open, got.Dials)
		}
	})
}

// Refresh while pushes are on their way: new connections show the new certificate, old ones are closed,
// and every push has its one success.
func TestRotationUnderLoad(t *testing.T) {
	const n = 12_000
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, KeepPushes: -1, Latency: 50 * time.Millisecond, Jitter: 100 * time.Millisecond})
		source := &vault{cert: issue(t, srv, apnstest.CertOptions{})}
		client := newClientWith(t, srv, source, nil)
		rotations := 0
		results := newOnce(t, n)
		for r := range client.PushAll(t.Context(), pushesTo(n)) {
			if r.Err != nil || r.Shared {
				t.Fatalf("%+v", r)
			}
			results.note(r)
			if results.n%3000 == 0 {
				rotations++
				source.put(issue(t, srv, apnstest.CertOptions{}), nil)
				if err := client.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Second)
		got := srv.Stats()
		if results.n != n || got.Accepted != n || got.Pushes != n {
			t.Errorf("%d results, %+v", results.n, got)
		}
		if got.Dials < rotations || got.Open > 3 {
			t.Errorf("%d dials for %d certificates, %d open", got.Dials, rotations, got.Open)
		}
		old := srv.Stats().Open
		source.put(issue(t, srv, apnstest.CertOptions{}), nil)
		if err := client.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := srv.Stats().Open; got != 0 {
			t.Errorf("%d of %d old connections are open", got, old)
		}
	})
}

// A renewed certificate in the source is noticed with the next connection.
func TestARenewalIsNoticedWithoutRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, BadCertificates: apnstest.ByAnswer})
		old := issue(t, srv, apnstest.CertOptions{})
		source := &vault{cert: old}
		client := newClientWith(t, srv, source, nil)
		pushMany(t, client, 10)
		source.put(issue(t, srv, apnstest.CertOptions{}), nil)
		srv.RevokeCertificate(old.Leaf().SerialNumber)
		srv.Disconnect()
		time.Sleep(time.Minute)
		pushMany(t, client, 10)
	})
}

// A certificate with another topic is another client's.
func TestAnotherTopicIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		source := &vault{cert: issue(t, srv, apnstest.CertOptions{})}
		client := newClientWith(t, srv, source, nil)
		pushMany(t, client, 10)
		other, err := apns.ParseCertificate(srv.IssuePushCertificate(otherTopic, &apnstest.CertOptions{EC: true}))
		if err != nil {
			t.Fatal(err)
		}
		source.put(other, nil)
		err = client.Refresh(t.Context())
		if e, ok := errors.AsType[*apns.TopicError](err); !ok || !errors.Is(err, apns.ErrTopicChanged) {
			t.Fatalf("Refresh: %v (%v)", err, e)
		}
		time.Sleep(time.Minute)
		pushMany(t, client, 10) // the connection and its certificate are as good as before
		srv.Disconnect()
		time.Sleep(time.Minute)
		_, err = client.Push(t.Context(), pushTo(1))
		wants(t, err, apns.FixCertificate, apns.ErrTopicChanged)
		if s := client.State(); s.Kind != apns.StateRefused || !errors.Is(s.Err, apns.ErrTopicChanged) || srv.Stats().Dials != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestShutdown(t *testing.T) {
	shut := func(t *testing.T, client *apns.Client, patience time.Duration) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		start := time.Now()
		err := client.Shutdown(ctx)
		return time.Since(start), err
	}
	for name, c := range map[string]struct {
		server   apnstest.Options
		fault    *apnstest.Fault
		after    time.Duration
		patience time.Duration
		takes    time.Duration
		cut      bool
	}{
		"waits for answers":     {apnstest.Options{Latency: 5 * time.Second}, nil, time.Second, time.Minute, 9 * time.Second, false},
		"waits for the dial":    {apnstest.Options{HandshakeDelay: 5 * time.Second}, nil, time.Second, time.Minute, 4 * time.Second, false},
		"sends again meanwhile": {apnstest.Options{}, &apnstest.Fault{Kind: apnstest.Swallow}, time.Second, time.Minute, 14 * time.Second, false},
		"cuts answers off":      {apnstest.Options{Latency: time.Hour}, nil, time.Second, 5 * time.Second, 5 * time.Second, true},
		"cuts the dial off":     {apnstest.Options{HandshakeDelay: time.Hour}, nil, time.Second, 5 * time.Second, 5 * time.Second, true},
		"does not wait":         {apnstest.Options{Latency: time.Hour}, nil, time.Second, 0, 0, true},
	} {
		bubble(t, name, func(t *testing.T) {
			c.server.AcceptAnyToken = true
			srv := newServer(t, &c.server)
			if c.fault != nil {
				srv.Fail(*c.fault)
			}
			client := newClient(t, srv, nil)
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					_, err := client.Push(t.Context(), pushTo(i%40))
					if !c.cut && err != nil {
						t.Errorf("push %d: %v", i, err)
					}
					if c.cut {
						wants(t, err, apns.RetryLater, apns.ErrClosed)
					}
				})
			}
			time.Sleep(c.after)
			took, err := shut(t, client, c.patience)
			if errors.Is(err, context.DeadlineExceeded) != c.cut || took < c.takes || took > c.takes+3*time.Second {
				t.Errorf("Shutdown: %v after %v", err, took)
			}
			wg.Wait()
			if n := client.Stats(); n.InFlight != 0 || n.Queued != 0 || n.Connections != 0 {
				t.Errorf("%+v", n)
			}
			for range 3 {
				_, err = client.Push(t.Context(), pushTo(1))
				wants(t, err, apns.RetryLater, apns.ErrClosed)
				if lost(t, err).Sent {
					t.Error("sent after Shutdown")
				}
			}
			for r := range client.PushAll(t.Context(), pushesTo(3)) {
				wants(t, r.Err, apns.RetryLater, apns.ErrClosed)
			}
			if _, err := shut(t, client, time.Second); err != nil {
				t.Errorf("the second Shutdown: %v", err)
			}
		})
	}
	bubble(t, "while a rotated connection is still busy", func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: 10 * time.Second})
		source := &vault{cert: issue(t, srv, apnstest.CertOptions{})}
		client := newClientWith(t, srv, source, nil)
		done := make(chan error, 1)
		go func() {
			_, err := client.Push(t.Context(), pushTo(1))
			done <- err
		}()
		time.Sleep(time.Second)
		source.put(issue(t, srv, apnstest.CertOptions{}), nil)
		if err := client.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if took, err := shut(t, client, time.Second); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("Shutdown: %v after %v", err, took)
		}
		wants(t, <-done, apns.RetryLater, apns.ErrClosed)
	})
	bubble(t, "of a client that never pushed", func(t *testing.T) {
		client := newClient(t, newServer(t, nil), nil)
		if took, err := shut(t, client, time.Minute); err != nil || took != 0 {
			t.Errorf("Shutdown: %v after %v", err, took)
		}
	})
}

// A connection that dies without a sign is found out by a PING, also when it is idle.
func TestAnIdleConnectionThatDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, nil)
		pushMany(t, client, 10)
		srv.Silence()
		time.Sleep(90 * time.Second)
		if got := client.Stats(); got.Connections != 0 {
			t.Errorf("%+v", got)
		}
		start := time.Now()
		pushMany(t, client, 10)
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// A connection that dies with a thousand pushes on it: each is sent again elsewhere in time.
func TestABusyConnectionThatDies(t *testing.T) {
	for name, die := range map[string]func(*apnstest.Server){
		"silently":     (*apnstest.Server).Silence,
		"with a reset": (*apnstest.Server).Reset,
		"with an end":  (*apnstest.Server).Disconnect,
		"with GOAWAY":  func(s *apnstest.Server) { s.GoAway("") },
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, KeepPushes: -1, Latency: time.Second})
			client := newClient(t, srv, nil)
			time.AfterFunc(1500*time.Millisecond, func() { die(srv) })
			start := time.Now()
			pushMany(t, client, 5000)
			if took := time.Since(start); took > 29*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// One answer that never comes is no reason to give up a connection whose others do.
func TestASwallowedAnswerDoesNotCostTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, nil)
		pushMany(t, client, 10)
		srv.Fail(apnstest.Fault{Kind: apnstest.Swallow})
		start := time.Now()
		if _, err := client.Push(t.Context(), pushTo(50)); err != nil || time.Since(start).Truncate(time.Second) != 15*time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		time.Sleep(time.Second)
		if got := srv.Stats(); got.Open == 0 || got.Dials > 2 {
			t.Errorf("%+v", got)
		}
		if got := client.Stats(); got.Lost != 1 || got.Retried != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// A connection that answers PINGs and no push is replaced.
func TestAConnectionThatAnswersNothingIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, &apns.Options{MaxConns: 1})
		pushMany(t, client, 10)
		srv.Fail(apnstest.Fault{Kind: apnstest.Swallow, Count: 200})
		results := newOnce(t, 200)
		for r := range client.PushAll(t.Context(), pushesTo(200)) {
			results.note(r)
			if r.Err != nil {
				t.Error(r.Err)
			}
		}
		if got := srv.Stats(); got.Dials != 2 {
			t.Errorf("%+v", got)
		}
	})
}

// To hold off many tokens costs no more memory than to hold off some.
func TestHoldOffTakesConstantMemory(t *testing.T) {
	srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, KeepPushes: -1})
	client := newClient(t, srv, &apns.Options{HoldOff: time.Hour})
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	all := func(from, to int) {
		for r := range client.PushAll(t.Context(), func(yield func(apns.Push) bool) {
			for i := from; i < to && yield(apns.Push{Target: target(i)}); i++ {
			}
		}) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	all(0, 10_000)
	before := heap()
	all(10_000, 30_000)
	if after := heap(); after > before+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	cert := mint(topic).parsed(t)
	for name, c := range map[string]struct {
		opts  apns.Options
		field string
		text  string
	}{
		"no URL":          {apns.Options{BaseURL: "https://a b"}, "Options.BaseURL", "no URL"},
		"http":            {apns.Options{BaseURL: "http://api.push.apple.com"}, "Options.BaseURL", "https"},
		"no host":         {apns.Options{BaseURL: "https://:443"}, "Options.BaseURL", "host"},
		"path":            {apns.Options{BaseURL: "https://api.push.apple.com/3/device"}, "Options.BaseURL", "nothing but"},
		"query":           {apns.Options{BaseURL: "https://api.push.apple.com?x"}, "Options.BaseURL", "nothing but"},
		"user":            {apns.Options{BaseURL: "https://u:p@api.push.apple.com"}, "Options.BaseURL", "nothing but"},
		"expiration":      {apns.Options{Expiration: 31 * 24 * time.Hour}, "Options.Expiration", "30 days"},
		"past expiration": {apns.Options{Expiration: -1}, "Options.Expiration", "negative"},
		"timeout":         {apns.Options{Timeout: -1}, "Options.Timeout", "negative"},
		"age":             {apns.Options{MaxConnAge: -1}, "Options.MaxConnAge", "negative"},
		"ping":            {apns.Options{PingAfter: -1}, "Options.PingAfter", "negative"},
		"warning":         {apns.Options{ExpiryWarning: -1}, "Options.ExpiryWarning", "negative"},
		"connections":     {apns.Options{MaxConns: -1}, "Options.MaxConns", "at least 1"},
		"streams":         {apns.Options{MaxStreams: -1}, "Options.MaxStreams", "at least 1"},
		"dials":           {apns.Options{MaxDials: -1}, "Options.MaxDials", "at least 1"},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := apns.New(cert, &c.opts)
			refusedAs(t, err, c.field, c.text)
			if client != nil || strings.Contains(err.Error(), "u:p@") {
				t.Errorf("New: %v, %v", client, err)
			}
		})
	}
	_, err := apns.New(nil, nil)
	refusedAs(t, err, "certificates", "nil")
}

// Options are copied: what is done to them later changes nothing.
func TestOptionsAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		opts := &apns.Options{RootCAs: srv.RootCAs(), DialContext: srv.Dial, LookupNetIP: addresses("17.0.0.1")}
		client, err := apns.New(issue(t, srv, apnstest.CertOptions{}), opts)
		if err != nil {
			t.Fatal(err)
		}
		*opts = apns.Options{DialContext: func(context.Context, string, string) (net.Conn, error) { panic("used") }}
		if _, err := client.Push(t.Context(), pushTo(1)); err != nil {
			t.Error(err)
		}
		if err := client.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if srv.Stats().Open != 0 {
			t.Error("a connection is open")
		}
	})
}
