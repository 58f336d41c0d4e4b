package h2

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/applemdm/applemdm/internal/memhttp"
)

// answerAll is the cheapest server there is: 200 and an apns-id of its own for each HEADERS.
func answerAll(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	_, _ = in.Discard(len(preface))
	out := appendSettings(nil, setting{settingMaxConcurrentStreams, 1000})
	id := []byte("8B16D295-AB2C-4E0B-9B7A-000000000000")
	for {
		h, err := in.Peek(frameHeaderLen)
		if err != nil {
			return
		}
		f := parseFrameHeader(h)
		_, _ = in.Discard(frameHeaderLen + f.length)
		if f.typ == frameHeaders {
			for i := len(id) - 1; ; i-- { // the next number
				if id[i]++; id[i] <= '9' || id[i] >= 'A' {
					break
				}
				id[i] = '0'
			}
			out = appendFrameHeader(out, 11+len(id), frameHeaders, flagEndStream|flagEndHeaders, f.stream)
			out = append(out, "\x88\x00\x07apns-id\x24"...)
			out = append(out, id[:]...)
		}
		if in.Buffered() < frameHeaderLen || len(out) > 16<<10 {
			if _, err := conn.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}
}

// push is a call with all that a push has; the path differs from push to push.
func push() *Call {
	token := make([]byte, 32)
	for i := range token {
		token[i] = byte(rand.Uint32())
	}
	return &Call{
		Fields: []hpack.HeaderField{
			{Name: ":method", Value: "POST"},
			{Name: ":scheme", Value: "https"},
			{Name: ":authority", Value: "api.push.apple.com"},
			{Name: ":path", Value: fmt.Sprintf("/3/device/%x", token), Sensitive: true},
			{Name: "apns-topic", Value: "com.apple.mgmt.External.8b16d295-ab2c-4e0b-9b7a-0123456789ab"},
			{Name: "apns-push-type", Value: "mdm"},
			{Name: "apns-priority", Value: "10"},
			{Name: "apns-expiration", Value: "1796000000"},
			{Name: "apns-id", Value: "0cf2e1a4-4f3e-4b8e-9d0c-5a1d2f3b4c5d", Sensitive: true},
		},
		Body:     []byte(`{"mdm":"8B16D295-AB2C-4E0B-9B7A-0123456789AB"}`),
		Deadline: time.Now().Add(time.Hour),
	}
}

// keepInFlight runs b.N calls, so many at a time, each started from Done of another.
func keepInFlight(b *testing.B, c *Conn, flight int) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var running sync.WaitGroup
	again := func(call *Call) {
		if call.Err != nil || call.Status == 0 {
			b.Error(call.Status, call.Err)
		}
		if left.Add(-1) < 0 {
			running.Done()
			return
		}
		if err := c.Start(call); err != nil {
			b.Error(err)
			running.Done()
		}
	}
	running.Add(flight)
	b.ReportAllocs()
	b.ResetTimer()
	for range flight {
		call := push()
		call.Done, call.Status = again, 200
		again(call)
	}
	running.Wait()
	b.StopTimer()
	b.ReportMetric(float64(c.Stats().Writes)/float64(b.N), "writes/op")
}

// BenchmarkCall is client and server in one process, in memory, without TLS.
func BenchmarkCall(b *testing.B) {
	for _, flight := range []int{1, 100, 500} {
		b.Run(fmt.Sprintf("flight=%d", flight), func(b *testing.B) {
			client, server := memhttp.Pipe("client", "server")
			go answerAll(server)
			c := New(client, Config{EarlyStreams: flight})
			keepInFlight(b, c, flight)
			_ = c.Close()
			<-c.Done()
		})
	}
}

// BenchmarkCallGoroutines has a goroutine for each call that waits for it.
func BenchmarkCallGoroutines(b *testing.B) {
	client, server := memhttp.Pipe("client", "server")
	go answerAll(server)
	c := New(client, Config{EarlyStreams: 500})
	var left atomic.Int64
	left.Store(int64(b.N))
	var running sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range 500 {
		running.Go(func() {
			call, done := push(), make(chan struct{}, 1)
			call.Done = func(*Call) { done <- struct{}{} }
			for left.Add(-1) >= 0 {
				if err := c.Start(call); err != nil {
					b.Error(err)
					return
				}
				<-done
			}
		})
	}
	running.Wait()
	b.StopTimer()
	b.ReportMetric(float64(c.Stats().Writes)/float64(b.N), "writes/op")
	_ = c.Close()
	<-c.Done()
}

// BenchmarkEncode is the request's half of a call without any output: HPACK and frames.
func BenchmarkEncode(b *testing.B) {
	var out outBuffer
	var enc encoder
	enc.init(&out)
	fields := push().Fields
	b.ReportAllocs()
	for b.Loop() {
		out.b = out.b[:0]
		enc.write(fields)
	}
}
