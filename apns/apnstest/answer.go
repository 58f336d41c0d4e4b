package apnstest

import (
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// answer is what a push is answered with.
type answer struct {
	status int
	reason string // of the JSON body; "" is no body
	stamp  int64
	id     string
	fault  *Fault // what is odd about it, or nil
}

func appendInt(to []byte, n int64) []byte { return strconv.AppendInt(to, n, 10) }

func expirationSeconds(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64) // it was checked
	return n
}

// answerAfter answers when delay and the usual latency have passed.
func (c *conn) answerAfter(delay time.Duration, st *stream, a *answer) {
	delay += c.srv.latency()
	if delay <= 0 {
		c.answerNow(st, a)
		return
	}
	c.later.add(delay, delayed{stream: st.id, answer: *a})
}

// isDue continues what was delayed, unless the stream is gone.
func (c *conn) isDue(d delayed) {
	st := c.streams[d.stream]
	switch {
	case st == nil:
	case d.drip:
		c.dripOne(st)
	case d.end:
		c.meetEnd(st, &d.answer)
	default:
		c.answerNow(st, &d.answer)
	}
}

// answerNow writes an answer; its body as far as the windows allow. The caller holds mu.
func (c *conn) answerNow(st *stream, a *answer) {
	f := a.fault
	st.after = f
	st.pending = a.appendBody(st.pending[:0])
	if f.is(UnknownFrames) {
		c.writeUnknown(st.id)
	}
	if f.is(Informational) {
		c.hbuf.Reset()
		c.encode(":status", "103")
		c.writeBlock(st.id, false, nil)
	}
	c.encodeHeader(a, len(st.pending))
	alone := len(st.pending) == 0 && !f.is(EmptyData) && !f.is(Trailers) && !f.is(ResetBody)
	c.writeBlock(st.id, alone, f)
	switch {
	case alone:
		c.endStream(st)
	case f.is(Drip):
		c.later.add(f.drip(), delayed{stream: st.id, drip: true})
	default:
		c.pump(st)
	}
	c.afterAnswer(a)
}

func (a *answer) appendBody(to []byte) []byte {
	if a.fault != nil && a.fault.Body != "" {
		return append(to, a.fault.Body...)
	}
	if a.reason == "" {
		return to
	}
	return appendReason(to, a.reason, a.stamp)
}

func (c *conn) encode(name, value string) {
	c.must(c.henc.WriteField(hpack.HeaderField{Name: name, Value: value}))
}

// encodeID encodes the apns-id, now with and now without putting it into the client's table: clients
// have to cope with both, and the latter is quicker.
func (c *conn) encodeID(id string) {
	c.ids++
	c.must(c.henc.WriteField(hpack.HeaderField{Name: "apns-id", Value: id, Sensitive: c.ids%8 != 1}))
}

// encodeHeader fills hbuf with the header block of an answer.
func (c *conn) encodeHeader(a *answer, size int) {
	c.hbuf.Reset()
	c.encode(":status", statusText(a.status))
	c.encodeID(a.id)
	typed := false
	if a.fault != nil {
		for _, h := range a.fault.Header {
			typed = typed || h.Name == "content-type"
			c.encode(h.Name, h.Value)
		}
	}
	if size > 0 && !typed {
		c.encode("content-type", "application/json")
	}
}

func statusText(status int) string {
	if status == http.StatusOK {
		return "200"
	}
	return strconv.Itoa(status)
}

// continuations is how many CONTINUATION frames Continued makes. More than eight are an attack to
// some clients.
const continuations = 4

// writeBlock writes the header block in hbuf.
func (c *conn) writeBlock(id uint32, end bool, f *Fault) {
	block := c.hbuf.Bytes()
	p := http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: end, EndHeaders: true}
	var rest []byte
	switch {
	case f.is(Continued):
		p.BlockFragment, rest = block[:1], block[1:]
	case f.is(Padded):
		p.PadLength = 200
	}
	if len(p.BlockFragment) > c.maxFrame {
		p.BlockFragment, rest = block[:c.maxFrame], block[c.maxFrame:]
	}
	p.EndHeaders = len(rest) == 0
	c.must(c.fr.WriteHeaders(p))
	most := c.maxFrame
	if f.is(Continued) {
		most = (len(rest) + continuations - 1) / continuations
	}
	for len(rest) > 0 {
		n := min(len(rest), most)
		c.must(c.fr.WriteContinuation(id, n == len(rest), rest[:n]))
		rest = rest[n:]
	}
}

// writeUnknown writes what a client has to ignore: a setting, flags and frames nobody knows.
func (c *conn) writeUnknown(id uint32) {
	c.limits.send(c.limits.last)
	c.must(c.fr.WriteSettings(http2.Setting{ID: 0xf0f0, Val: 1}))
	c.must(c.fr.WriteRawFrame(0xbb, 0xff, 0, []byte("unknown")))
	c.must(c.fr.WriteRawFrame(0xbb, 0xff, id, nil))
}

// afterAnswer lowers and restores the limit of streams as answers go, and counts errors.
func (c *conn) afterAnswer(a *answer) {
	lower := c.srv.opts.LimitAfterError
	switch {
	case a.status == http.StatusGone || c.leaving:
	case a.status != http.StatusOK:
		if lower > 0 && !c.limits.lowered {
			c.limits.lowered = true
			c.writeLimit(lower)
		}
		c.errors++
		if most := c.srv.opts.MaxErrors; most > 0 && c.errors >= most {
			c.goAway(c.lastID, http2.ErrCodeNo, "")
			c.doneEnds = true
			c.endWhenDone()
		}
	case c.limits.lowered:
		c.limits.lowered = false
		c.writeLimit(c.limits.usual)
	}
}
