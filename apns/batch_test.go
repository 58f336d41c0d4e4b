package apns_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

func TestPushAllHasOneResultForEach(t *testing.T) {
	const n = 10_000
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, KeepPushes: -1, Latency: 100 * time.Millisecond, Jitter: 300 * time.Millisecond})
		client := newClient(t, srv, nil)
		results := newOnce(t, n)
		for r := range client.PushAll(t.Context(), pushesTo(n)) {
			if r.Err != nil || r.ID == "" || r.Shared || r.Disposition() != apns.Accepted {
				t.Fatalf("%+v", r)
			}
			results.note(r)
		}
		if results.n != n || srv.Stats().Accepted != n {
			t.Errorf("%d results, %d accepted", results.n, srv.Stats().Accepted)
		}
	})
}

func TestPushAllOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		client := newClient(t, srv, nil)
		for r := range client.PushAll(t.Context(), pushesTo(0)) {
			t.Errorf("%+v", r)
		}
		if srv.Stats().Dials != 0 {
			t.Error("it dialled")
		}
	})
}

func TestPushAllDoesNothingBeforeTheRangeAndCanBeRangedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, &apns.Options{HoldOff: -1})
		asked := 0
		all := client.PushAll(t.Context(), func(yield func(apns.Push) bool) {
			asked++
			yield(pushTo(1))
		})
		synctest.Wait()
		if asked != 0 {
			t.Fatal("the input was asked before the range")
		}
		for range 2 {
			for r := range all {
				if r.Err != nil {
					t.Error(r.Err)
				}
			}
		}
		if asked != 2 || srv.Stats().Pushes != 2 {
			t.Errorf("asked %d times, %d pushes", asked, srv.Stats().Pushes)
		}
	})
}

// Good and bad pushes among one another: each has its own outcome.
func TestPushAllWithAllSortsOfOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		srv.AddToken(topic, token(0), "magic-0")
		srv.AddToken(topic, token(1), "magic-1")
		srv.Unregister(token(1), time.Now())
		wrong := pushTo(3)
		wrong.Topic = otherTopic
		want := []apns.Disposition{apns.Accepted, apns.DropToken, apns.KeepToken, apns.FixRequest}
		got := make([]apns.Disposition, len(want))
		for r := range newClient(t, srv, nil).PushAll(t.Context(), slices.Values([]apns.Push{pushTo(0), pushTo(1), pushTo(2), wrong})) {
			got[r.Push.Key.(int)] = r.Disposition()
		}
		if !slices.Equal(got, want) {
			t.Errorf("dispositions %q", got)
		}
	})
}

// When the context ends, everything that was taken from the input has its one result, at once.
func TestPushAllEndsWithItsContext(t *testing.T) {
	const n = 20_000
	for name, opts := range map[string]apnstest.Options{
		"while answers come":         {AcceptAnyToken: true, KeepPushes: -1, Latency: 200 * time.Millisecond, Jitter: time.Second},
		"while the server is silent": {AcceptAnyToken: true, KeepPushes: -1, Latency: time.Hour},
		"before the first handshake": {AcceptAnyToken: true, KeepPushes: -1, HandshakeDelay: 5 * time.Second},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, &opts)
			client := newClient(t, srv, nil)
			why := errors.New("shift is over")
			ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, why)
			defer cancel()
			start, taken := time.Now(), 0
			results, cut := newOnce(t, n), 0
			for r := range client.PushAll(ctx, func(yield func(apns.Push) bool) {
				for i := range n {
					taken++
					if !yield(pushTo(i)) {
						return
					}
				}
			}) {
				results.note(r)
				if r.Err != nil {
					cut++
					wants(t, r.Err, apns.RetryLater, context.DeadlineExceeded, why)
				}
			}
			if results.n != taken || cut == 0 || time.Since(start) != 2*time.Second {
				t.Errorf("taken %d, %d results, %d cut off, after %v", taken, results.n, cut, time.Since(start))
			}
		})
	}
	bubble(t, "before it begins", func(t *testing.T) {
		srv := newServer(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		results := 0
		for r := range newClient(t, srv, nil).PushAll(ctx, pushesTo(10)) {
			results++
			wants(t, r.Err, apns.RetryLater, context.Canceled)
		}
		if results != 1 || srv.Stats().Dials != 0 { // the one that was taken
			t.Errorf("%d results, %d dials", results, srv.Stats().Dials)
		}
	})
}

// Leaving the loop stops the input and drops what was not sent.
func TestLeavingPushAllEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, KeepPushes: -1, Latency: time.Second})
		client := newClient(t, srv, nil)
		over := false
		for r := range client.PushAll(t.Context(), func(yield func(apns.Push) bool) {
			defer func() { over = true }()
			for i := 0; yield(pushTo(i)); i++ {
			}
		}) {
			if r.Err != nil {
				t.Error(r.Err)
			}
			break
		}
		if !over {
			t.Error("the input goes on")
		}
		time.Sleep(time.Minute)
		if got := srv.Stats().Pushes; got > 4000 {
			t.Errorf("%d pushes went out", got)
		}
		if got := client.Stats(); got.InFlight != 0 || got.Queued != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// Results are handed out while the input waits for more.
func TestAnInputThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, nil)
		input := make(chan apns.Push)
		go func() {
			defer close(input)
			for i := range 3 {
				input <- pushTo(i)
				time.Sleep(time.Minute)
			}
		}()
		start, results := time.Now(), 0
		for r := range client.PushAll(t.Context(), func(yield func(apns.Push) bool) {
			for p := range input {
				if !yield(p) {
					return
				}
			}
		}) {
			if r.Err != nil || time.Since(start).Truncate(time.Minute) != time.Since(start) {
				t.Errorf("%v: %+v", time.Since(start), r)
			}
			results++
		}
		if results != 3 {
			t.Errorf("%d results", results)
		}
	})
}

// A caller who takes the results slowly slows the input down.
func TestPushAllHoldsAFewThousand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, KeepPushes: -1})
		client := newClient(t, srv, nil)
		var taken atomic.Int64
		results := 0
		for range client.PushAll(t.Context(), func(yield func(apns.Push) bool) {
			for i := range 15_000 {
				taken.Add(1)
				if !yield(pushTo(i)) {
					return
				}
			}
		}) {
			if results++; results%5000 == 1 {
				time.Sleep(time.Minute)
				if ahead := int(taken.Load()) - results; ahead > 13_000 {
					t.Fatalf("%d ahead", ahead)
				}
			}
		}
	})
}

// A panic of the input comes out of the range, where the caller can recover.
func TestAnInputThatPanics(t *testing.T) {
	for name, after := range map[string]int{"at once": 0, "after some": 100} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: time.Second})
			client := newClient(t, srv, nil)
			defer func() {
				if got := recover(); got != "no more" {
					t.Errorf("recovered %v", got)
				}
			}()
			for range client.PushAll(t.Context(), func(yield func(apns.Push) bool) {
				for i := range after {
					yield(pushTo(i))
				}
				panic("no more")
			}) {
			}
			t.Error("the range ended")
		})
	}
	bubble(t, "when it is told to stop", func(t *testing.T) {
		client := newClient(t, anyToken(t), nil)
		defer func() {
			if got := recover(); got != "why" {
				t.Errorf("recovered %v", got)
			}
		}()
		for range client.PushAll(t.Context(), func(yield func(apns.Push) bool) {
			for i := 0; yield(pushTo(i)); i++ {
			}
			panic("why")
		}) {
			break
		}
		t.Error("the range ended")
	})
}

// A push that is taken just as the context ends counts like the others: none of those under way loses
// its result to it.
func TestPushAllCountsWhatItTakesLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: 10 * time.Second})
		client := newClient(t, srv, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		taken := 0
		pushes := func(yield func(apns.Push) bool) {
			for i, push := range []apns.Push{{Key: "refused at once"}, pushTo(1), pushTo(2)} {
				if i == 2 {
					<-ctx.Done()
				}
				taken++
				if !yield(push) {
					return
				}
			}
		}
		results := 0
		for range client.PushAll(ctx, pushes) {
			if results++; results == 1 {
				time.Sleep(time.Second)
				cancel()
				time.Sleep(time.Second)
			}
		}
		if results != taken {
			t.Errorf("%d taken, %d results", taken, results)
		}
	})
}
