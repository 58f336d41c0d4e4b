package apns_test

import (
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// A push with another magic is from another enrolment: it would not wake the device that the first
// one does.
func TestAnotherMagicIsAnotherPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		device := srv.AddToken(topic, token(1), "new")
		srv.AddToken(topic, token(2), "magic-2")
		client := newClient(t, srv, &apns.Options{HoldOff: 10 * time.Second})
		start := time.Now()
		if _, err := client.Push(t.Context(), pushTo(2)); err != nil { // so that there is a connection
			t.Fatal(err)
		}
		old, renewed := pushTo(1), pushTo(1)
		old.PushMagic, renewed.PushMagic = "old", "new"
		for _, push := range []apns.Push{old, renewed} {
			if _, err := client.Push(t.Context(), push); err != nil {
				t.Error(err)
			}
		}
		if got := reached(device, start); !slices.Equal(got, []time.Duration{0, 0}) || device.Woken() != 1 {
			t.Errorf("received at %v, woken %d times", got, device.Woken())
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
			if got := reached(device, start); !slices.Equal(got, c.reached) {
				t.Errorf("reached at %v, want %v", got, c.reached)
			}
		})
	}
}

// To hold off many tokens costs no more memory than to hold off some.
func TestHoldOffTakesConstantMemory(t *testing.T) {
	srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, KeepPushes: -1})
	client := newClient(t, srv, &apns.Options{HoldOff: time.Hour, Timeout: 2 * time.Hour})
	heap := func() uint64 {
		for range 2 { // the first leaves what a sync.Pool holds
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	push := func(from, to int) {
		for r := range client.PushAll(t.Context(), func(yield func(apns.Push) bool) {
			for i := from; i < to && yield(apns.Push{Target: target(i)}); i++ {
			}
		}) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	push(0, 10_000)
	before := heap()
	push(10_000, 30_000)
	if after := heap(); after > before+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
}

// HoldOff has to fit into Timeout, also when nobody has set it.
func TestHoldOffIsShortWhereTimeoutIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		device := srv.AddToken(topic, token(1), "magic-1")
		client := newClient(t, srv, &apns.Options{Timeout: 500 * time.Millisecond})
		start := time.Now()
		for range 3 {
			if _, err := client.Push(t.Context(), pushTo(1)); err != nil {
				t.Fatal(err)
			}
		}
		if got := reached(device, start); !slices.Equal(got, []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond}) {
			t.Errorf("reached at %v", got)
		}
	})
}
