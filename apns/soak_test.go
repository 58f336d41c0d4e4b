package apns_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// soak pushes to very many tokens, over TLS in memory, while everything goes wrong that a seed chooses:
// GOAWAYs of all kinds, resets, lost connections, lowered limits, silence, refused tokens, certificates
// that are renewed. Each push has exactly one result, and memory does not grow with their number.
type soak struct {
	*testing.T
	rng    *rand.Rand
	srv    *apnstest.Server
	source *vault
	client *apns.Client

	start time.Time
	got   map[apns.Disposition]int
	lost  int            // pushes that got no answer in three tries or in time
	why   map[string]int // by their errors
	heap  [2]uint64      // after a tenth, and in the end
}

// soakSeed is the seed of the run: SOAK_SEED of the environment repeats one.
func soakSeed(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SOAK_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SOAK_SEED=%d", seed)
	return seed
}

// rottenEvery is the share of tokens that are not accepted.
const rottenEvery = 97

func newSoak(t *testing.T, seed uint64, timeout, latency time.Duration) *soak {
	s := &soak{T: t, rng: rand.New(rand.NewPCG(seed, 1)), start: time.Now(), got: map[apns.Disposition]int{}, why: map[string]int{}}
	s.srv = apnstest.NewServer(&apnstest.Options{
		InMemory: true, AcceptAnyToken: true, KeepPushes: -1, LimitAfterError: 1, Latency: latency, Jitter: latency,
	})
	s.source = &vault{cert: issue(t, s.srv, apnstest.CertOptions{})}
	var err error
	s.client, err = apns.New(s.source, &apns.Options{
		RootCAs: s.srv.RootCAs(), DialContext: s.srv.Dial, LookupNetIP: addresses("17.0.0.1", "17.0.0.2"),
		// Pushes outlast the pauses that a row of failed connections makes.
		Timeout: max(timeout, 5*time.Minute), MaxDials: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run pushes to n tokens and does harm after every 1,000 results; now and then all connections die
// silently.
func (s *soak) run(n, silences int) {
	for i := 0; i < min(n, 10*rottenEvery); i += rottenEvery {
		s.srv.AddToken(topic, token(i), "magic")
		s.srv.Unregister(token(i), time.Now())
	}
	results := newOnce(s, n)
	for r := range s.client.PushAll(s.Context(), pushesTo(n)) {
		results.note(r)
		s.note(r)
		switch {
		case results.n == n/10:
			s.heap[0] = heapInUse()
		case results.n == n:
			s.heap[1] = heapInUse()
		case results.n%(n/(silences+1)) == 0:
			s.srv.Silence()
		case results.n%1000 == 0:
			s.harm()
		}
	}
	s.report(n, results.n)

	ctx, cancel := context.WithTimeout(s.Context(), 30*time.Second)
	defer cancel()
	if err := s.client.Shutdown(ctx); err != nil {
		s.Errorf("Shutdown: %v", err)
	}
	s.srv.Close()
}

func (s *soak) note(r apns.Result) {
	s.got[r.Disposition()]++
	if _, ok := errors.AsType[*apns.TransportError](r.Err); ok {
		s.lost++
		s.why[r.Err.Error()]++
	}
}

// harm does something that the client has to cope with.
func (s *soak) harm() {
	fault := func(kind apnstest.Kind) apnstest.Fault {
		return apnstest.Fault{Kind: kind, Count: 1 + s.rng.IntN(20), Skip: s.rng.IntN(100), Code: uint32(s.rng.IntN(14))}
	}
	pick := func(kinds ...apnstest.Kind) apnstest.Kind { return kinds[s.rng.IntN(len(kinds))] }
	switch s.rng.IntN(12) {
	case 0:
		s.srv.GoAway("")
	case 1:
		s.srv.GoAway("Shutdown")
	case 2:
		s.srv.Disconnect()
	case 3:
		s.srv.Reset()
	case 4:
		s.srv.SetStreamLimit(1 + s.rng.IntN(50))
	case 5, 6:
		s.srv.SetStreamLimit(1000)
	case 7:
		s.srv.Fail(fault(pick(apnstest.RefuseStream, apnstest.ResetStream, apnstest.ResetBody)))
	case 8:
		f := fault(pick(apnstest.GoAwayBefore, apnstest.GoAwayAfter, apnstest.GoAwayLost, apnstest.Disconnect, apnstest.ResetConn))
		f.Count = 1
		s.srv.Fail(f)
	case 9:
		f := fault(apnstest.Answer)
		f.Status, f.Reason = 400, "BadDeviceToken"
		s.srv.Fail(f)
	case 10:
		s.srv.Fail(fault(pick(apnstest.Padded, apnstest.Continued, apnstest.SplitBody, apnstest.Trailers, apnstest.UnknownFrames, apnstest.Informational)))
	case 11:
		if s.rng.IntN(10) == 0 {
			s.source.put(issue(s, s.srv, apnstest.CertOptions{}), nil)
			if err := s.client.Refresh(s.Context()); err != nil {
				s.Error(err)
			}
		}
		s.srv.Fail(apnstest.Fault{Kind: apnstest.Swallow, Count: 1 + s.rng.IntN(3)})
	}
}

func (s *soak) report(n, results int) {
	client, srv := s.client.Stats(), s.srv.Stats()
	s.Logf("%v; %v; heap %d KiB, then %d KiB\n%+v\n%+v", time.Since(s.start), s.got, s.heap[0]>>10, s.heap[1]>>10, client, srv)
	s.Logf("%d without an answer: %v", s.lost, s.why)
	if results != n {
		s.Errorf("%d results for %d pushes", results, n)
	}
	if v := s.srv.Violations(); len(v) > 0 {
		s.Errorf("violations: %q", v)
	}
	if s.got[apns.DropToken] > 10 || s.got[apns.DropToken]+s.lost < 10 {
		s.Errorf("%d pushes to tokens that are not in use, want 10", s.got[apns.DropToken])
	}
	if s.lost > n/50 {
		s.Errorf("%d pushes got no answer", s.lost)
	}
	if s.got[apns.Accepted] < n*9/10 || s.got[apns.FixCertificate]+s.got[apns.FixRequest] > 0 {
		s.Errorf("%v", s.got)
	}
	if client.Retried == 0 || srv.GoAways == 0 || srv.Dials < 5 {
		s.Error("nothing went wrong")
	}
	if s.heap[1] > s.heap[0]+8<<20 {
		s.Errorf("the heap grew from %d to %d bytes", s.heap[0], s.heap[1])
	}
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
