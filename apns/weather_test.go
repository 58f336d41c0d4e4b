package apns_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// weather is a minute of few devices that are pushed to often, so that pushes share, wait and are held
// off, while whatever a seed chooses goes wrong.
type weather struct {
	*testing.T
	rng    *rand.Rand
	srv    *apnstest.Server
	source *vault
	client *apns.Client
	all    sync.WaitGroup

	mu     sync.Mutex
	pushes []*forecast // by their keys
}

// forecast is a push that was asked for, and what became of it.
type forecast struct {
	push         apns.Push
	asked, ended time.Time
	results      []apns.Result
}

const (
	weatherMinute = time.Minute
	weatherLate   = 30*time.Second + 1200*time.Millisecond // Timeout, and how exactly it is kept
)

// In all weathers each push has one result, in time, and one that was accepted has woken the device after it
// was asked for.
func TestWeather(t *testing.T) {
	for seed := range uint64(60) {
		bubble(t, fmt.Sprint(seed), func(t *testing.T) {
			w := newWeather(t, rand.New(rand.NewPCG(seed, 7)))
			for range 40 {
				w.batch()
			}
			for range w.rng.IntN(15) {
				w.fail()
			}
			for range w.rng.IntN(6) {
				w.harm()
			}
			if w.rng.IntN(3) == 0 {
				w.at(func() { w.shutdown(10 * time.Second) })
			}
			w.all.Wait()
			w.shutdown(time.Minute)
			w.check()
			w.srv.Close()
		})
	}
}

func newWeather(t *testing.T, rng *rand.Rand) *weather {
	w := &weather{T: t, rng: rng}
	w.srv = apnstest.NewServer(&apnstest.Options{
		InMemory: true, AcceptAnyToken: true, MaxStreams: 1 + rng.IntN(20),
		Latency: w.upTo(2 * time.Second), Jitter: w.upTo(2 * time.Second),
	})
	w.source = &vault{cert: issue(t, w.srv, apnstest.CertOptions{})}
	var err error
	w.client, err = apns.New(w.source, &apns.Options{
		RootCAs: w.srv.RootCAs(), DialContext: w.srv.Dial, LookupNetIP: w.srv.LookupNetIP,
		MaxConns: 1 + rng.IntN(3), MaxStreams: 1 + rng.IntN(20),
		HoldOff: []time.Duration{-1, 0, w.upTo(8 * time.Second)}[rng.IntN(3)],
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *weather) upTo(most time.Duration) time.Duration {
	return time.Duration(w.rng.Int64N(int64(most)))
}

// at runs f at some moment.
func (w *weather) at(f func()) {
	pause := w.upTo(weatherMinute)
	w.all.Go(func() {
		time.Sleep(pause)
		f()
	})
}

// batch pushes to some devices, in one case of four with a context that ends soon.
func (w *weather) batch() {
	var devices []int
	for range 1 + w.rng.IntN(20) {
		devices = append(devices, w.rng.IntN(6))
	}
	patience := time.Hour
	if w.rng.IntN(4) == 0 {
		patience = w.upTo(5 * time.Second)
	}
	w.at(func() {
		ctx, cancel := context.WithTimeout(w.Context(), patience)
		defer cancel()
		start := time.Now()
		for r := range w.client.PushAll(ctx, w.ask(devices)) {
			w.note(r)
		}
		if took := time.Since(start); took > patience {
			w.Errorf("a batch took %v of %v", took, patience)
		}
	})
}

func (w *weather) ask(devices []int) func(func(apns.Push) bool) {
	return func(yield func(apns.Push) bool) {
		for _, device := range devices {
			w.mu.Lock()
			f := &forecast{push: apns.Push{Target: target(device), Key: len(w.pushes)}, asked: time.Now()}
			w.pushes = append(w.pushes, f)
			w.mu.Unlock()
			if !yield(f.push) {
				return
			}
		}
	}
}

func (w *weather) note(r apns.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.pushes[r.Push.Key.(int)]
	f.results, f.ended = append(f.results, r), time.Now()
}

// fail scripts a fault of single pushes or connections.
func (w *weather) fail() {
	kinds := []apnstest.Kind{
		apnstest.Answer, apnstest.Swallow, apnstest.Lose, apnstest.RefuseStream, apnstest.ResetStream, apnstest.GoAwayBefore,
		apnstest.GoAwayAfter, apnstest.GoAwayLost, apnstest.Disconnect, apnstest.ResetConn, apnstest.Silence, apnstest.Stall,
		apnstest.RefuseConn, apnstest.DropConn, apnstest.LateSettings, apnstest.DropFirst, apnstest.SilentConn,
	}
	f := apnstest.Fault{Kind: kinds[w.rng.IntN(len(kinds))], Skip: w.rng.IntN(40), Count: 1 + w.rng.IntN(3), Delay: w.upTo(2 * time.Second)}
	if f.Kind == apnstest.Answer {
		f.Status, f.Reason = 500, "InternalServerError"
		if w.rng.IntN(2) == 0 {
			f.Status, f.Reason = 403, "BadCertificate"
		}
	}
	w.srv.Fail(f)
}

// harm does something to all connections, at some moment.
func (w *weather) harm() {
	renewed, limit := issue(w, w.srv, apnstest.CertOptions{}), w.rng.IntN(10)
	w.at([]func(){
		func() { w.srv.SetStreamLimit(limit) },
		func() { w.srv.GoAway("") },
		w.srv.Disconnect,
		func() {
			w.source.put(renewed, nil)
			if err := w.client.Refresh(w.Context()); err != nil {
				w.Error(err)
			}
		},
	}[w.rng.IntN(4)])
}

func (w *weather) shutdown(patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start := time.Now()
	err := w.client.Shutdown(ctx)
	if took := time.Since(start); took > patience+time.Second || took < patience && err != nil {
		w.Errorf("Shutdown in %v: %v after %v", patience, err, took)
	}
}

func (w *weather) check() {
	synctest.Wait()
	if got := w.client.Stats(); got.Connections != 0 || got.InFlight != 0 || got.Queued != 0 {
		w.Errorf("left after Shutdown: %+v", got)
	}
	if v := w.srv.Violations(); len(v) > 0 {
		w.Errorf("violations: %q", v)
	}
	received := w.srv.Received()
	for _, f := range w.pushes {
		if len(f.results) != 1 {
			w.Fatalf("%d results for push %v", len(f.results), f.push.Key)
		}
		if took := f.ended.Sub(f.asked); took > weatherLate {
			w.Errorf("push %v took %v", f.push.Key, took)
		}
		woke := func(p apnstest.Push) bool {
			return p.Token == f.push.Token && p.Status == 200 && !p.Time.Before(f.asked) && !p.Time.After(f.ended)
		}
		if f.results[0].Err == nil && !slices.ContainsFunc(received, woke) {
			w.Errorf("push %v was accepted and woke nobody; %+v", f.push.Key, f.results[0])
		}
	}
}
