package h2

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func TestExchange(t *testing.T) {
	script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		a := l.start("/a", "hello")
		b := l.start("/b", "")
		p.want("HEADERS 1 :path=/a", "DATA 1 end hello", "HEADERS 3 end :path=/b")
		p.headers(3, true, ":status", "200", "apns-id", "B")
		p.headers(1, false, ":status", "400", "apns-id", "A")
		p.must(p.fr.WriteData(1, false, []byte("so")))
		p.must(p.fr.WriteData(1, true, []byte("rry")))
		l.ended(a)
		l.ended(b)
		if a.Err != nil || a.Status != 400 || a.Header("apns-id") != "A" || string(a.ResponseBody) != "sorry" {
			t.Errorf("a: %+v", a)
		}
		if b.Err != nil || b.Status != 200 || b.Header("apns-id") != "B" || b.Header("none") != "" || len(b.ResponseBody) > 0 {
			t.Errorf("b: %+v", b)
		}
		p.wantSilence()
	})
}

func TestCallsAreReusable(t *testing.T) {
	script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		rounds := 0
		call := &Call{Fields: request("/again"), Body: []byte("x")}
		call.Done = func(call *Call) {
			rounds++
			if call.Err != nil || call.Status != 200+rounds || string(call.ResponseBody) != fmt.Sprint("body ", rounds) ||
				len(call.Response) != 1 || len(call.Trailer) != 1 {
				t.Errorf("round %d: %+v", rounds, call)
			}
			if rounds < 3 {
				if err := c.Start(call); err != nil {
					t.Error(err)
				}
			}
		}
		p.must(c.Start(call))
		if err := c.Start(call); err != ErrBusy {
			t.Errorf("Start of a call under way: %v", err)
		}
		for i := 1; i <= 3; i++ {
			id := uint32(2*i - 1)
			p.want(fmt.Sprintf("HEADERS %d :path=/again", id), fmt.Sprintf("DATA %d end x", id))
			p.headers(id, false, ":status", fmt.Sprint(200+i), "round", "x")
			p.must(p.fr.WriteData(id, false, fmt.Append(nil, "body ", i)))
			p.headers(id, true, "trailer", "y")
		}
		synctest.Wait()
		if rounds != 3 {
			t.Errorf("%d rounds", rounds)
		}
	})
}

// Frames of calls started while a write is under way leave in one write, and a batch of answers
// makes one batch of new calls.
func TestWritesAreBatched(t *testing.T) {
	const n = 100
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		again := func(call *Call) {
			l.done(call)
			l.start("/second", "body")
			time.Sleep(time.Millisecond) // a writer that was awake would write now
		}
		for range n {
			call := l.call("/first", "body")
			call.Done = again
			p.must(c.Start(call))
		}
		synctest.Wait()
		before := c.Stats().Writes
		p.readCalls(n)
		p.okInOneWrite(n)
		synctest.Wait()
		p.readCalls(n)
		if writes := c.Stats().Writes - before; writes > 1 {
			t.Errorf("%d writes for the calls started by one batch of answers", writes)
		}
		for i := range n {
			p.ok(uint32(2*(n+i) + 1))
		}
		synctest.Wait()
	})
}

// readCalls expects n times HEADERS and DATA.
func (p *peer) readCalls(n int) {
	p.t.Helper()
	for range n {
		for _, want := range []http2.FrameType{http2.FrameHeaders, http2.FrameData} {
			f, err := p.fr.ReadFrame()
			p.must(err)
			if f.Header().Type != want {
				p.t.Fatalf("got %v, want %v", f, want)
			}
		}
	}
}

// okInOneWrite answers the first n calls in one write.
func (p *peer) okInOneWrite(n int) {
	var b strings.Builder
	fr := http2.NewFramer(&b, nil)
	for i := range n {
		p.must(fr.WriteHeaders(http2.HeadersFrameParam{
			StreamID: uint32(2*i + 1), EndStream: true, EndHeaders: true, BlockFragment: p.block(":status", "200")}))
	}
	_, err := p.conn.Write([]byte(b.String()))
	p.must(err)
}

func TestLongHeaderIsContinued(t *testing.T) {
	script(t, Config{}, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		call := l.call("/long", "body")
		long := strings.Repeat("~", 20_000) // 13 bits each in Huffman code: sent as it is
		call.Fields = append(call.Fields, hpack.HeaderField{Name: "long", Value: long, Sensitive: true},
			hpack.HeaderField{Name: "longer", Value: long, Sensitive: true})
		p.must(c.Start(call))
		var block []byte
		for i, want := range []string{"HEADERS 1, 16384 bytes", "CONTINUATION 1, 16384 bytes, more", "CONTINUATION 1, 7269 bytes"} {
			f, err := p.fr.ReadFrame()
			p.must(err)
			switch f := f.(type) {
			case *http2.HeadersFrame:
				block = append(block, f.HeaderBlockFragment()...)
			case *http2.ContinuationFrame:
				block = append(block, f.HeaderBlockFragment()...)
			}
			if got := p.show(f); got != want {
				t.Errorf("frame %d: %s, want %s", i, got, want)
			}
		}
		if got := p.fields(block); got != " :path=/long long="+long+" longer="+long {
			t.Error("the pieces do not make the header")
		}
		p.want("DATA 1 end body")
		p.ok(1)
		l.ended(call)
	})
}

func TestRepeatingFieldsTakeOneByte(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		sizes := make([]int, 4)
		for i := range sizes {
			call := l.call(fmt.Sprintf("/3/device/%064x", i), "")
			call.Fields = append(call.Fields,
				hpack.HeaderField{Name: "apns-topic", Value: "com.apple.mgmt.External.0001"},
				hpack.HeaderField{Name: "apns-push-type", Value: "mdm"})
			p.must(c.Start(call))
			f, err := p.fr.ReadFrame()
			p.must(err)
			sizes[i] = int(f.Header().Length)
			block := f.(*http2.HeadersFrame).HeaderBlockFragment()
			path, topic := fmt.Sprintf(" :path=/3/device/%064x", i), " apns-topic=com.apple.mgmt.External.0001 apns-push-type=mdm"
			if got := p.fields(block); got != path+topic {
				t.Errorf("fields %q", got)
			}
			p.ok(uint32(2*i + 1))
		}
		if sizes[1] != sizes[3] || sizes[1] > sizes[0]-20 {
			t.Errorf("header sizes %d", sizes)
		}
		// What the server keeps is what repeats, and not the paths.
		if got := c.enc.memo; len(got) != 6 || got[3].n != 0 || got[4].n != 1 || got[5].n != 1 {
			t.Errorf("memo %+v", got)
		}
	})
}

func TestTableSizeFollowsTheServer(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		topic := hpack.HeaderField{Name: "apns-topic", Value: "com.apple.mgmt.External.0001"}
		id := uint32(1)
		exchange := func() []byte {
			call := l.call("/t", "")
			call.Fields = append(call.Fields, topic)
			p.must(c.Start(call))
			f, err := p.fr.ReadFrame()
			p.must(err)
			block := append([]byte(nil), f.(*http2.HeadersFrame).HeaderBlockFragment()...)
			if got := p.fields(block); got != " :path=/t apns-topic=com.apple.mgmt.External.0001" {
				t.Errorf("fields %q", got)
			}
			p.ok(id)
			id += 2
			return block
		}
		exchange()
		small := len(exchange())
		p.settings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
		if b := exchange(); b[0] != 0x20 || len(b) < small+20 {
			t.Errorf("after the table was taken away: %x", b)
		}
		exchange()
		p.settings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1 << 20})
		if b := exchange(); cmp.Diff([]byte{0x3f, 0xe1, 0x1f}, b[:3]) != "" {
			t.Errorf("want an update to 4096, got %x", b)
		}
		if b := exchange(); len(b) != small {
			t.Errorf("the table is not used again: %x", b)
		}
	})
}

// Calls that ended in one batch are not tied together afterwards.
func TestReuseAfterABatch(t *testing.T) {
	script(t, many, func(c *Conn, p *peer, l *ledger) {
		p.greet()
		ends := make([]int, 2)
		calls := make([]*Call, 2)
		for i := range calls {
			calls[i] = &Call{Fields: request("/a"), Done: func(*Call) { ends[i]++ }}
			p.must(c.Start(calls[i]))
		}
		p.okInOneWrite(2)
		synctest.Wait()
		p.must(c.Start(calls[0]))
		p.ok(5)
		synctest.Wait()
		if ends[0] != 2 || ends[1] != 1 {
			t.Errorf("the calls ended %d times", ends)
		}
	})
}
