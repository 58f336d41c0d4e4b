package apns_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

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

// stubborn sleeps for an hour, whatever happens to the context.
func stubborn(context.Context) { time.Sleep(time.Hour) }

// Functions of the caller that do not heed their context keep Shutdown no longer than a second.
func TestShutdownLeavesBehindWhatDoesNotEnd(t *testing.T) {
	for name, opts := range map[string]apns.Options{
		"DialContext": {LookupNetIP: addresses("17.0.0.1"), DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			stubborn(ctx)
			return nil, errors.New("too late")
		}},
		"LookupNetIP": {LookupNetIP: func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
			stubborn(ctx)
			return nil, errors.New("too late")
		}},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := anyToken(t)
			opts.RootCAs = srv.RootCAs()
			client, err := apns.New(issue(t, srv, apnstest.CertOptions{}), &opts)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := client.Push(t.Context(), pushTo(1))
				done <- err
			}()
			time.Sleep(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			start := time.Now()
			if err := client.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 6*time.Second {
				t.Errorf("Shutdown: %v after %v", err, time.Since(start))
			}
			wants(t, <-done, apns.RetryLater, apns.ErrClosed)
			time.Sleep(time.Hour) // the bubble ends with its last goroutine
		})
	}
}

// Shutdown may be called by OnState, on whatever occasion that is called.
func TestShutdownInOnState(t *testing.T) {
	for name, fault := range map[string]*apnstest.Fault{
		"by an answer":     nil,
		"by a refusal":     {Kind: apnstest.Answer, Status: 403, Reason: "BadCertificate"},
		"by a failed dial": {Kind: apnstest.RefuseConn, Count: 2},
		"by a lost one":    {Kind: apnstest.RejectConn},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: time.Second})
			if fault != nil {
				srv.Fail(*fault)
			}
			down := make(chan error, 10)
			var client *apns.Client
			client = newClient(t, srv, &apns.Options{OnState: func(apns.State) { down <- client.Shutdown(context.Background()) }})
			results := newOnce(t, 50)
			for r := range client.PushAll(t.Context(), pushesTo(50)) {
				results.note(r)
			}
			if err := <-down; err != nil || results.n != 50 {
				t.Errorf("Shutdown: %v, %d results", err, results.n)
			}
			synctest.Wait()
			if got := srv.Stats().Open; got != 0 {
				t.Errorf("%d connections are open", got)
			}
			_, err := client.Push(t.Context(), pushTo(1))
			wants(t, err, apns.RetryLater, apns.ErrClosed)
		})
	}
}

// What waits for the end of another push to the same device is not forgotten.
func TestShutdownWithPushesToOneDevice(t *testing.T) {
	for name, c := range map[string]struct {
		patience time.Duration
		ok       bool
	}{"in peace": {time.Minute, true}, "in a hurry": {2 * time.Second, false}} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: 5 * time.Second})
			client := newClient(t, srv, nil)
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 50 * time.Millisecond)
					if _, err := client.Push(t.Context(), pushTo(1)); (err == nil) != c.ok || err != nil && !errors.Is(err, apns.ErrClosed) {
						t.Errorf("push %d: %v", i, err)
					}
				})
			}
			time.Sleep(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), c.patience)
			defer cancel()
			if err := client.Shutdown(ctx); (err == nil) != c.ok {
				t.Errorf("Shutdown: %v", err)
			}
			wg.Wait()
			if n := client.Stats(); n.InFlight != 0 || n.Queued != 0 || n.Connections != 0 {
				t.Errorf("%+v", n)
			}
		})
	}
}

// Also a push that would not be sent again is cut off with ErrClosed.
func TestShutdownInTheLastTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, nil)
		pushMany(t, client, 5)
		srv.Fail(apnstest.Fault{Kind: apnstest.Disconnect, Count: 2})
		srv.Fail(apnstest.Fault{Kind: apnstest.Swallow})
		done := make(chan error, 1)
		go func() {
			_, err := client.Push(t.Context(), pushTo(50))
			done <- err
		}()
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := client.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown: %v", err)
		}
		err := <-done
		wants(t, err, apns.RetryLater, apns.ErrClosed)
		if e := lost(t, err); e.Attempts != 3 || !e.Sent {
			t.Errorf("%+v", e)
		}
	})
}

// A server that reads no more keeps nobody waiting, although TLS would like to say goodbye.
func TestShutdownOfAConnectionThatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, nil)
		pushMany(t, client, 5)
		srv.Fail(apnstest.Fault{Kind: apnstest.Stall})
		var wg sync.WaitGroup
		for i := range 3000 {
			wg.Go(func() {
				if _, err := client.Push(t.Context(), pushTo(100+i)); err != nil && !errors.Is(err, apns.ErrClosed) {
					t.Errorf("push %d: %v", i, err)
				}
			})
		}
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := client.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) >= 2*time.Second {
			t.Errorf("Shutdown: %v after %v", err, time.Since(start))
		}
		if got := client.Stats().Connections; got != 0 {
			t.Errorf("%d connections are left", got)
		}
		wg.Wait()
	})
}
