package apns_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// asked is a push that is asked for after a while, and what becomes of it.
type asked struct {
	after  time.Duration
	push   apns.Push
	result apns.Result
}

// all makes the pushes, each in its time, and waits until all are accepted.
func all(t *testing.T, client *apns.Client, list ...*asked) {
	t.Helper()
	var wg sync.WaitGroup
	for _, a := range list {
		wg.Go(func() {
			time.Sleep(a.after)
			for a.result = range client.PushAll(t.Context(), slices.Values([]apns.Push{a.push})) {
			}
			if a.result.Err != nil {
				t.Errorf("asked for after %v: %v", a.after, a.result.Err)
			}
		})
	}
	wg.Wait()
}

// reached returns when pushes reached a device.
func reached(device *apnstest.Device, start time.Time) []time.Duration {
	var times []time.Duration
	for _, d := range device.Received() {
		times = append(times, d.When.Sub(start))
	}
	return times
}

func TestPushesThatWaitTogetherAreOneWakeUp(t *testing.T) {
	const n = 100
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{HandshakeDelay: time.Second})
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

// The wake-up of a push that was sent may have come before what another one is asked for. So that one
// is sent, too, when the answer is there and HoldOff has passed; those behind it join it.
func TestNobodyJoinsAPushThatWasSent(t *testing.T) {
	for name, c := range map[string]struct {
		holdOff time.Duration
		second  time.Duration // when it reaches the device
	}{
		"hold-off": {0, 3 * time.Second},
		"none":     {-1, 2 * time.Second},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, &apnstest.Options{Latency: 2 * time.Second})
			device := srv.AddToken(topic, token(1), "magic-1")
			client := newClient(t, srv, &apns.Options{HoldOff: c.holdOff})
			first, second, third := &asked{push: pushTo(1)}, &asked{after: time.Second, push: pushTo(1)}, &asked{after: 1500 * time.Millisecond, push: pushTo(1)}
			start := time.Now()
			all(t, client, first, second, third)
			if got := reached(device, start); !slices.Equal(got, []time.Duration{0, c.second}) {
				t.Errorf("reached at %v", got)
			}
			if first.result.Shared || second.result.Shared || !third.result.Shared || first.result.ID == second.result.ID || third.result.ID != second.result.ID {
				t.Errorf("%+v\n%+v\n%+v", first.result, second.result, third.result)
			}
		})
	}
}

// A push that APNs has surely not looked at can be joined.
func TestAPushThatWasNotProcessedCanBeJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		device := srv.AddToken(topic, token(1), "magic-1")
		srv.Fail(apnstest.Fault{Kind: apnstest.RefuseStream})
		second := &asked{after: 50 * time.Millisecond, push: pushTo(1)} // within the pause before the next try
		all(t, newClient(t, srv, nil), &asked{push: pushTo(1)}, second)
		if device.Woken() != 1 || !second.result.Shared {
			t.Errorf("woken %d times, %+v", device.Woken(), second.result)
		}
	})
}

// What is sent for several is as urgent, and is kept as long, as one of them wants.
func TestTheStrongestIsSent(t *testing.T) {
	weak := apns.Push{Target: target(1), Keep: apns.KeepNot, Priority: apns.PriorityNeverWake}
	mild := apns.Push{Target: target(1), Expiration: time.Hour, Priority: apns.PriorityConserving}
	strong := apns.Push{Target: target(1), Expiration: 24 * time.Hour}
	for name, c := range map[string]struct {
		first, second, third apns.Push
		priority, expiration string
	}{
		"stronger later":   {weak, mild, strong, "10", "946771260"}, // 2 ms later is the next full minute
		"stronger earlier": {strong, mild, weak, "10", "946771200"},
		"one of each":      {mild, weak, apns.Push{Target: target(1), Keep: apns.KeepNot}, "10", "946688400"},
		"all weak":         {weak, weak, weak, "1", "0"},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, &apnstest.Options{HandshakeDelay: time.Second, AcceptAnyToken: true})
			second := &asked{after: time.Millisecond, push: c.second}
			all(t, newClient(t, srv, nil), &asked{push: c.first}, second, &asked{after: 2 * time.Millisecond, push: c.third})
			received := srv.Received()
			if len(received) != 1 {
				t.Fatalf("%d pushes", len(received))
			}
			got := header(received[0])
			if got["apns-priority"] != c.priority || got["apns-expiration"] != c.expiration {
				t.Errorf("priority %s, expiration %s", got["apns-priority"], got["apns-expiration"])
			}
			if !second.result.Shared || second.result.Push != c.second {
				t.Errorf("%+v", second.result)
			}
		})
	}
}

// A refusal is shared as well. Who came later does not wait for HoldOff then.
func TestARefusalIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{Latency: time.Second, HandshakeDelay: time.Second})
		srv.AddToken(topic, token(1), "magic-1")
		srv.Unregister(token(1), time.Now())
		client := newClient(t, srv, nil)
		later := make(chan error)
		time.AfterFunc(1500*time.Millisecond, func() {
			_, err := client.Push(t.Context(), pushTo(1))
			later <- err
		})
		results := map[bool]int{}
		for r := range client.PushAll(t.Context(), slices.Values([]apns.Push{pushTo(1), pushTo(1), pushTo(1)})) {
			wants(t, r.Err, apns.DropToken, apns.ErrUnregistered)
			results[r.Shared]++
		}
		if diff := cmp.Diff(map[bool]int{true: 2, false: 1}, results); diff != "" {
			t.Errorf("shared %v", results)
		}
		wants(t, <-later, apns.DropToken, apns.ErrUnregistered)
		if received := srv.Received(); len(received) != 2 || received[1].Time.Sub(received[0].Time) != time.Second {
			t.Errorf("sent: %+v", received)
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

// Whoever has waited longest is the heir of one who gives up: nobody waits longer than Timeout.
func TestTheOldestInherits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		srv.Fail(apnstest.Fault{Kind: apnstest.RefuseConn, Count: -1})
		client := newClient(t, srv, nil)
		impatient, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		go client.Push(impatient, pushTo(1))
		var wg sync.WaitGroup
		for _, at := range []time.Duration{time.Second, 8 * time.Second, 15 * time.Second} {
			wg.Go(func() {
				time.Sleep(at)
				start := time.Now()
				_, err := client.Push(t.Context(), pushTo(1))
				wants(t, err, apns.RetryLater, context.DeadlineExceeded)
				if took := time.Since(start); took != 30*time.Second {
					t.Errorf("asked for after %v: it took %v", at, took)
				}
			})
		}
		wg.Wait()
	})
}
