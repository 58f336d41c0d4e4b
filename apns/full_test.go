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

// mute is a connection that can be made to fail when it is written to.
type mute struct {
	net.Conn
	muted *atomic.Bool
}

func (m mute) Write(p []byte) (int, error) {
	if m.muted.Load() {
		return 0, errors.New("muted")
	}
	return m.Conn.Write(p)
}

// In a bubble time stands still while anything runs. These tests would not end if the pool looked at
// its connections again and again while none of them has room.

func TestWaitForAFailingConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true})
		var muted atomic.Bool
		client := newClient(t, srv, &apns.Options{MaxConns: 2, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := srv.Dial(ctx, network, address)
			if muted.Load() {
				return conn, err
			}
			return mute{conn, &muted}, err
		}})
		if _, err := client.Push(t.Context(), apns.Push{Target: target(1)}); err != nil {
			t.Fatal(err)
		}
		muted.Store(true)
		// Writing fails at once. The connection gets some time to tell why, in which it takes no pushes.
		var pushes sync.WaitGroup
		for n := range 3 {
			pushes.Go(func() {
				if _, err := client.Push(t.Context(), apns.Push{Target: target(n + 2)}); err != nil {
					t.Errorf("push %d: %v", n, err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		pushes.Wait()
		if stats := srv.Stats(); stats.Dials != 2 || stats.Accepted != 4 {
			t.Errorf("%d connections and %d pushes, want 2 and 4", stats.Dials, stats.Accepted)
		}
	})
}

func TestWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: time.Second})
		client := newClient(t, srv, &apns.Options{MaxConns: 1, MaxStreams: 2})
		start := time.Now()
		var pushes sync.WaitGroup
		for n := range 9 {
			pushes.Go(func() {
				if _, err := client.Push(t.Context(), apns.Push{Target: target(n)}); err != nil {
					t.Errorf("push %d: %v", n, err)
				}
			})
		}
		pushes.Wait()
		// One alone, as the probe, then two at a time.
		if took := time.Since(start); took < 5*time.Second || took > 5100*time.Millisecond {
			t.Errorf("the pushes took %v, want 5s", took)
		}
	})
}

func TestDrainingConnectionIsReplacedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: 10 * time.Second})
		client := newClient(t, srv, &apns.Options{MaxConns: 1, MaxStreams: 2})
		if _, err := client.Push(t.Context(), apns.Push{Target: target(0)}); err != nil {
			t.Fatal(err)
		}
		var pushes sync.WaitGroup
		for n := range 3 { // the third waits for room
			pushes.Go(func() {
				if _, err := client.Push(t.Context(), apns.Push{Target: target(n + 1)}); err != nil {
					t.Errorf("push %d: %v", n, err)
				}
			})
		}
		time.Sleep(time.Second)
		start := time.Now()
		srv.GoAway("")
		for srv.Stats().Dials < 2 && time.Since(start) < time.Second {
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(start); took > 10*time.Millisecond {
			t.Errorf("the next connection was opened after %v", took)
		}
		pushes.Wait()
	})
}

// Whether yet another connection is needed shows when the one before is full, too.
func TestAnotherConnectionNeedsItsOwnWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: 140 * time.Millisecond})
		var dials []time.Time
		client := newClient(t, srv, &apns.Options{
			MaxStreams: 1, Timeout: 300 * time.Millisecond, // so a connection is waited for only 50 ms
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				dials = append(dials, time.Now())
				return srv.Dial(ctx, network, address)
			},
		})
		if _, err := client.Push(t.Context(), pushTo(99)); err != nil {
			t.Fatal(err)
		}
		var pushes sync.WaitGroup
		for n := range 10 {
			pushes.Go(func() { client.Push(t.Context(), pushTo(n)) })
		}
		time.Sleep(120 * time.Millisecond)                         // the second connection is open for 20 ms
		pushes.Go(func() { client.Push(t.Context(), pushTo(99)) }) // is held off for 30 ms, which wakes the manager
		pushes.Wait()
		if len(dials) < 2 {
			t.Fatalf("%d connections", len(dials))
		}
		for i := 1; i < len(dials); i++ {
			if after := dials[i].Sub(dials[i-1]); after < 100*time.Millisecond {
				t.Errorf("connection %d was opened %v after the one before", i+1, after)
			}
		}
	})
}
