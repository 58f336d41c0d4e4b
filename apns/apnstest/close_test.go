package apnstest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Close leaves no goroutine behind, whatever state the connections are in.
func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, memory := range []bool{true, false} {
		srv := NewServer(&Options{InMemory: memory, Latency: time.Hour})
		for _, kind := range []Kind{Silence, Stall, Swallow, Late, Drip, SilentConn, LateSettings, HangHandshake, LateHandshake} {
			fault := Fault{Kind: kind, Delay: time.Hour}
			if kind == Silence || kind == Stall {
				fault.Delay = 0
			}
			srv.Fail(fault)
			if kind == HangHandshake || kind == LateHandshake {
				hang(t, srv)
				continue
			}
			dialRaw(t, srv).goodPush()
		}
		dialRaw(t, srv) // idle
		srv.Close()
		srv.Close()
		if st := srv.Stats(); st.Open != 0 {
			t.Errorf("stats = %+v", st)
		}
		if _, err := srv.Dial(t.Context(), "tcp", srv.Addr); err == nil {
			t.Error("a closed server is dialled")
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	var stacks strings.Builder
	buf := make([]byte, 1<<20)
	stacks.Write(buf[:runtime.Stack(buf, true)])
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks.String())
}

// hang begins a handshake that will not end.
func hang(t *testing.T, srv *Server) {
	t.Helper()
	line, err := srv.Dial(t.Context(), "tcp", srv.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.Close() })
	if _, err := line.Write([]byte{22, 3, 1}); err != nil {
		t.Fatal(err)
	}
}

// Everything at once: many pushes, faults that no client sees as an error, and commands. Each push is
// accepted once.
func TestConcurrentUse(t *testing.T) {
	srv := start(t, &Options{Jitter: 200 * time.Microsecond, LimitAfterError: 50})
	clients := []*http.Client{httpClient(t, srv, certificate(t, srv, nil)), httpClient(t, srv, certificate(t, srv, nil))}
	const workers, each = 10, 40
	for i := range workers {
		srv.AddToken(topic, fmt.Sprintf("%04x", i), magic)
	}
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			for n := range each {
				r := newRequest(t, srv)
				r.URL.Path = fmt.Sprintf("/3/device/%04x", i)
				resp, err := clients[n%2].Do(r)
				if err != nil {
					t.Errorf("push: %v", err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("status %d", resp.StatusCode)
				}
			}
		})
	}
	for range 50 {
		srv.Fail(Fault{Kind: []Kind{Late, Padded, Continued, Trailers, EmptyData, Informational}[rand.IntN(6)]})
		srv.SetStreamLimit(100 + rand.IntN(100))
		_, _, _, _ = srv.Stats(), srv.Received(), srv.Log(), srv.PendingFaults()
		time.Sleep(time.Millisecond)
	}
	group.Wait()
	for i := range workers {
		if n := srv.Device(fmt.Sprintf("%04x", i)).Woken(); n != each {
			t.Errorf("device %d was woken %d times", i, n)
		}
	}
	if v := srv.Violations(); len(v) != 0 {
		t.Errorf("violations: %q", v)
	}
}

func TestNoSecretsInText(t *testing.T) {
	srv := start(t, nil)
	srv.Fail(Fault{Kind: Padded, Token: token})
	c := dialRaw(t, srv).hello()
	c.goodPush()
	c.want("headers 1 200 end")
	for _, text := range []string{srv.Log(), fmt.Sprint(srv), fmt.Sprint(srv.Device(token)), fmt.Sprint(srv.Violations())} {
		if text == "" || strings.Contains(text, token) || strings.Contains(text, magic) {
			t.Errorf("%q", text)
		}
	}
}

func TestRing(t *testing.T) {
	r := ring[int]{keep: 3}
	for i := range 20 {
		r.add(i)
	}
	if got := fmt.Sprint(r.last()); got != "[17 18 19]" || len(r.list) > 6 {
		t.Errorf("kept %s of %d", got, len(r.list))
	}
	none := ring[int]{keep: -1}
	none.add(1)
	if len(none.last()) != 0 {
		t.Error("kept something")
	}
}
