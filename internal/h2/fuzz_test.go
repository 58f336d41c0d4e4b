package h2

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/applemdm/applemdm/internal/memhttp"
)

// fuzzAnswer plays input as all that a server ever says. Whatever it is, each call must end once
// and nothing of the connection may be left; synctest fails when anything hangs.
func fuzzAnswer(t *testing.T, input []byte) {
	synctest.Test(t, func(t *testing.T) {
		client, server := memhttp.Pipe("client", "server")
		c := New(client, Config{EarlyStreams: 3, MaxResponseBody: 1000, PingAfter: 20 * time.Second})
		ends := 0
		calls := make([]*Call, 3)
		for i := range calls {
			calls[i] = &Call{Fields: request("/fuzz"), Body: []byte("body"), Deadline: time.Now().Add(time.Minute)}
			calls[i].Done = func(call *Call) {
				ends++ // in a race with itself if two goroutines did this at a time, which the detector would see
				if (call.Err == nil) != (call.Status >= 200) && call.Err == nil {
					t.Errorf("status %d without an error", call.Status)
				}
				if len(call.ResponseBody) > 1000 {
					t.Errorf("a body of %d bytes", len(call.ResponseBody))
				}
			}
			if err := c.Start(calls[i]); err != nil {
				t.Fatal(err)
			}
		}
		go func() { // the server reads, so that writing never blocks for good
			buf := make([]byte, 4096)
			for {
				if _, err := server.Read(buf); err != nil {
					return
				}
			}
		}()
		go func() {
			_, _ = server.Write(input)
		}()
		<-c.Done() // by the deadline and the PING at the latest
		_ = server.Close()
		synctest.Wait()
		if ends != len(calls) {
			t.Errorf("%d of %d calls ended", ends, len(calls))
		}
		if c.Err() == nil || c.Room() != 0 {
			t.Error(c.Err(), c.Room())
		}
	})
}

// FuzzFrames: any bytes after the server's SETTINGS.
func FuzzFrames(f *testing.F) {
	add := func(write func(fr *http2.Framer)) {
		var b bytes.Buffer
		fr := http2.NewFramer(&b, nil)
		fr.AllowIllegalWrites = true
		write(fr)
		f.Add(b.Bytes())
	}
	ok := []byte{0x88}
	add(func(fr *http2.Framer) {
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, EndHeaders: true, BlockFragment: ok})
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, PadLength: 3, BlockFragment: ok})
		_ = fr.WriteContinuation(3, true, nil)
		_ = fr.WriteDataPadded(3, true, []byte("body"), []byte{0, 0})
		_ = fr.WriteGoAway(3, 0, []byte("{}"))
	})
	add(func(fr *http2.Framer) {
		_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0},
			http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
		_ = fr.WriteWindowUpdate(0, 1<<30)
		_ = fr.WriteWindowUpdate(1, 1)
		_ = fr.WritePing(false, [8]byte{})
		_ = fr.WriteRSTStream(5, http2.ErrCodeRefusedStream)
		_ = fr.WritePriority(3, http2.PriorityParam{StreamDep: 1})
		_ = fr.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
	})
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 32<<10 {
			return
		}
		settings := appendSettings(nil)
		fuzzAnswer(t, append(settings, input...))
	})
}

// FuzzHeaders: any bytes as the header block of the first answer, cut in two at any place.
func FuzzHeaders(f *testing.F) {
	add := func(cut uint8, fields ...hpack.HeaderField) {
		var b outBuffer
		enc := hpack.NewEncoder(&b)
		for _, field := range fields {
			_ = enc.WriteField(field)
		}
		f.Add(b.b, cut, true)
	}
	add(0, hpack.HeaderField{Name: ":status", Value: "200"})
	add(7, hpack.HeaderField{Name: ":status", Value: "410"}, hpack.HeaderField{Name: "content-length", Value: "0"},
		hpack.HeaderField{Name: "apns-id", Value: "8B16D295-AB2C-4E0B-9B7A-0123456789AB", Sensitive: true})
	f.Add([]byte("\x3f\xe1\x1f\x88\xbe"), uint8(2), false)
	f.Fuzz(func(t *testing.T, block []byte, cut uint8, end bool) {
		if len(block) > maxFrameSize {
			return
		}
		at := min(int(cut), len(block))
		var flags uint8
		if end {
			flags = flagEndStream
		}
		b := appendSettings(nil)
		b = appendFrameHeader(b, at, frameHeaders, flags, 1)
		b = append(b, block[:at]...)
		b = appendFrameHeader(b, len(block)-at, frameContinuation, flagEndHeaders, 1)
		b = append(b, block[at:]...)
		fuzzAnswer(t, b)
	})
}
