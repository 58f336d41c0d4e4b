package h2

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/applemdm/applemdm/internal/memhttp"
)

// wildServer answers, resets, ignores, and changes its limit, as it likes; in the end it goes away.
type wildServer struct {
	conn net.Conn
	fr   *http2.Framer
	rnd  *rand.Rand
	ok   []byte
	last uint32 // above it nothing is processed
	seen atomic.Int64
}

func newWildServer(conn net.Conn, seed uint64) *wildServer {
	s := &wildServer{conn: conn, fr: http2.NewFramer(conn, conn), rnd: rand.New(rand.NewPCG(seed, 1)), last: maxStreamID}
	var b outBuffer
	_ = hpack.NewEncoder(&b).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	s.ok = b.b
	return s
}

func (s *wildServer) serve(calls int64) {
	defer s.conn.Close()
	if _, err := io.ReadFull(s.conn, make([]byte, len(preface))); err != nil {
		return
	}
	if s.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 100}) != nil {
		return
	}
	for {
		f, err := s.fr.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = s.fr.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			if s.seen.Add(1) == calls {
				s.last = f.StreamID
				_ = s.fr.WriteGoAway(s.last, http2.ErrCodeNo, []byte(`{"reason":"Shutdown"}`))
			}
			s.answer(f.StreamID)
		}
	}
}

func (s *wildServer) answer(id uint32) {
	if id > s.last {
		return
	}
	switch s.rnd.IntN(12) {
	case 0:
		_ = s.fr.WriteRSTStream(id, http2.ErrCodeRefusedStream)
	case 1:
		_ = s.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: uint32(1 + s.rnd.IntN(100))},
			http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(s.rnd.IntN(100))},
			http2.Setting{ID: http2.SettingHeaderTableSize, Val: uint32(s.rnd.IntN(5000))})
		fallthrough
	case 2:
		_ = s.fr.WriteWindowUpdate(id, 50)
		fallthrough
	default:
		_ = s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndStream: true, EndHeaders: true, BlockFragment: s.ok})
	case 3: // never
	}
}

// Many goroutines start and cancel while the server does its worst. Every call ends exactly once.
func TestRace(t *testing.T) {
	for seed := range uint64(4) {
		client, server := memhttp.Pipe("client", "server")
		wild := newWildServer(server, seed)
		go wild.serve(800)
		changed := make(chan struct{}, 1)
		c := New(client, Config{EarlyStreams: 5, PingAfter: 5 * time.Millisecond, PingTimeout: 10 * time.Second,
			OnChange: func() {
				select {
				case changed <- struct{}{}:
				default:
				}
			}})
		var accepted, ended atomic.Int64
		var workers sync.WaitGroup
		for w := range 8 {
			workers.Go(func() {
				raceWorker(t, c, rand.New(rand.NewPCG(seed, uint64(w))), changed, &accepted, &ended)
			})
		}
		if seed%2 == 0 {
			workers.Go(func() {
				time.Sleep(20 * time.Millisecond)
				c.Drain()
			})
		}
		workers.Wait()
		_ = c.Close()
		<-c.Done()
		if accepted.Load() != ended.Load() || accepted.Load() == 0 {
			t.Errorf("seed %d: %d calls accepted, %d ended", seed, accepted.Load(), ended.Load())
		}
		if s := c.Stats(); s.InFlight != 0 || int64(s.Streams) != accepted.Load() {
			t.Errorf("seed %d: %+v", seed, s)
		}
	}
}

func raceWorker(t *testing.T, c *Conn, rnd *rand.Rand, changed <-chan struct{}, accepted, ended *atomic.Int64) {
	for {
		var once atomic.Bool
		done := make(chan struct{})
		call := &Call{Fields: request("/race"), Body: make([]byte, rnd.IntN(80)),
			Deadline: time.Now().Add(time.Duration(5+rnd.IntN(20)) * time.Millisecond)}
		call.Done = func(*Call) {
			if once.Swap(true) {
				t.Error("Done twice")
				return
			}
			ended.Add(1)
			close(done)
		}
		switch err := c.Start(call); {
		case err == nil:
			accepted.Add(1)
		case errors.Is(err, ErrNoRoom):
			select {
			case <-changed:
			case <-time.After(time.Millisecond):
			}
			continue
		case errors.Is(err, ErrDraining), errors.Is(err, ErrClosed):
			return
		default:
			t.Error(err)
			return
		}
		if rnd.IntN(10) == 0 {
			c.Cancel(call)
		}
		<-done
	}
}
