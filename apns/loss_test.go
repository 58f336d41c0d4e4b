package apns_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

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
		for n := range 20 {
			srv.Fail(apnstest.Fault{Kind: apnstest.Swallow})
			start := time.Now()
			if _, err := client.Push(t.Context(), pushTo(50)); err != nil || time.Since(start).Truncate(time.Second) != 15*time.Second {
				t.Fatalf("after %v: %v", time.Since(start), err)
			}
			time.Sleep(time.Second)
			if got := client.Stats(); int(got.Lost) != n+1 || int(got.Retried) != n+1 {
				t.Errorf("%+v", got)
			}
			pushMany(t, client, 10)
		}
		if got := srv.Stats(); got.Open == 0 || got.Dials > 2 {
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
		time.Sleep(time.Second)
		if got := srv.Stats(); got.Dials != 2 || got.Open != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// After an outage the oldest pushes are about to expire. They would leave one connection after the other
// without its first answer, or have it replaced for the silence that is theirs.
func TestTheFirstConnectionAfterAnOutageStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience, latency = 30 * time.Second, 3 * time.Second
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: latency})
		start := time.Now()
		var back atomic.Pointer[time.Time]
		client := newClient(t, srv, &apns.Options{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if time.Since(start) < 40*time.Second {
				return nil, errors.New("the line is down")
			}
			back.CompareAndSwap(nil, new(time.Now()))
			return srv.Dial(ctx, network, address)
		}})
		var wg sync.WaitGroup
		for i := range 300 {
			time.Sleep(400 * time.Millisecond)
			wg.Go(func() {
				asked := time.Now()
				_, err := client.Push(t.Context(), pushTo(i))
				// One latency for the probe, one for the push itself.
				if up := back.Load(); err != nil && up != nil && asked.Add(patience).Sub(*up) > 2*latency+time.Second {
					t.Errorf("push %d, which had %v left: %v", i, asked.Add(patience).Sub(*up), err)
				}
			})
		}
		wg.Wait()
		if got := srv.Stats().Dials; got != 1 {
			t.Errorf("%d connections", got)
		}
	})
}

// Where the time of every push is short, their silence counts nevertheless.
func TestSilenceWithAShortTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, &apns.Options{Timeout: 4 * time.Second, MaxConns: 1})
		pushMany(t, client, 10)
		srv.Fail(apnstest.Fault{Kind: apnstest.Swallow, Count: 20})
		pushMany(t, client, 20)
		if got := srv.Stats().Dials; got != 2 {
			t.Errorf("%d connections", got)
		}
	})
}
