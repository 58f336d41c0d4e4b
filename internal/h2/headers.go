package h2

import (
	"errors"
	"strconv"

	"golang.org/x/net/http2/hpack"
)

const (
	// maxResponseFields bounds the decoded header of an answer, as RFC 9113, section 10.5.1 counts
	// it. The server is told.
	maxResponseFields = 16 << 10
	// maxBlock bounds the encoded header block, whatever the number of its frames.
	maxBlock = 2 * maxResponseFields
)

// headerBlock is the header that is being read. Also blocks for calls that have ended must be
// decoded, or the compression state would be lost.
type headerBlock struct {
	dec *hpack.Decoder

	open      bool // CONTINUATION must follow
	stream    uint32
	endStream bool
	wire      int // encoded bytes so far

	fields   []hpack.HeaderField
	size     int
	tooLarge bool
}

func (b *headerBlock) init() {
	b.dec = hpack.NewDecoder(maxTableSize, b.add)
	b.dec.SetMaxStringLength(maxResponseFields)
}

func (b *headerBlock) begin(stream uint32, endStream, wanted bool) {
	b.open, b.stream, b.endStream = true, stream, endStream
	b.fields, b.wire, b.size, b.tooLarge = b.fields[:0], 0, 0, false
	b.dec.SetEmitEnabled(wanted)
}

func (b *headerBlock) add(f hpack.HeaderField) {
	if b.size += int(f.Size()); b.size > maxResponseFields {
		b.tooLarge = true
		b.dec.SetEmitEnabled(false)
		return
	}
	b.fields = append(b.fields, f)
}

// write decodes a fragment of the block.
func (b *headerBlock) write(fragment []byte) error {
	if b.wire += len(fragment); b.wire > maxBlock {
		return protocolError(CodeEnhanceYourCalm, "an endless header")
	}
	_, err := b.dec.Write(fragment)
	return decodeError(err)
}

// end checks that the block was complete.
func (b *headerBlock) end() error {
	b.open = false
	return decodeError(b.dec.Close())
}

func decodeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, hpack.ErrStringLength):
		return protocolError(CodeEnhanceYourCalm, "a header field of more than 16 KiB")
	}
	return protocolError(CodeCompression, err.Error())
}

func (c *Conn) onHeaders(h frameHeader, p []byte) error {
	if err := c.checkStream(h); err != nil {
		return err
	}
	p, err := unpad(h, p)
	if err != nil {
		return err
	}
	if h.has(flagPriority) {
		if len(p) < 5 {
			return protocolError(CodeFrameSize, "HEADERS too short for its priority")
		}
		p = p[5:]
	}
	c.block.begin(h.stream, h.has(flagEndStream), c.streams[h.stream] != nil)
	return c.headerFragment(h, p)
}

func (c *Conn) onContinuation(h frameHeader, p []byte) error {
	if !c.block.open {
		return protocolError(CodeProtocol, "CONTINUATION without HEADERS")
	}
	return c.headerFragment(h, p)
}

func (c *Conn) headerFragment(h frameHeader, p []byte) error {
	if err := c.block.write(p); err != nil {
		return err
	}
	if !h.has(flagEndHeaders) {
		return nil
	}
	if err := c.block.end(); err != nil {
		return err
	}
	if call := c.streams[c.block.stream]; call != nil {
		c.headerComplete(call)
	}
	return nil
}

// headerComplete hands the header that was read to its call.
func (c *Conn) headerComplete(call *Call) {
	b := &c.block
	switch {
	case b.tooLarge:
		c.reset(call, CodeCancel, ErrResponseTooLarge)
	case call.state == callAnswered:
		c.trailer(call)
	default:
		c.header(call)
	}
}

// header takes a header in place of the answer's: the final one, or an interim one to skip.
func (c *Conn) header(call *Call) {
	b := &c.block
	status := parseStatus(b.fields)
	switch {
	case status == 0 || status == 101:
		c.malformed(call, "a header without a valid :status")
		return
	case !validFields(b.fields[1:]):
		c.malformed(call, "a field that HTTP/2 does not allow")
		return
	case status < 200 && b.endStream:
		c.malformed(call, "an interim header that ends the stream")
		return
	case status < 200:
		return
	}
	call.Status = status
	call.Response = append(call.Response, b.fields[1:]...)
	call.state = callAnswered
	if !call.readLength() {
		c.malformed(call, "an invalid content-length")
		return
	}
	if b.endStream {
		c.answered(call)
	}
}

func (c *Conn) trailer(call *Call) {
	b := &c.block
	if !b.endStream || !validFields(b.fields) {
		c.malformed(call, "an invalid trailer")
		return
	}
	call.Trailer = append(call.Trailer, b.fields...)
	c.answered(call)
}

// malformed ends a call whose answer breaks the rules; RFC 9113, section 8.1.1.
func (c *Conn) malformed(call *Call, reason string) {
	c.reset(call, CodeProtocol, &StreamError{Code: CodeProtocol, Reason: reason})
}

// parseStatus returns the status of an answer that begins with one, else 0.
func parseStatus(fields []hpack.HeaderField) int {
	if len(fields) == 0 || fields[0].Name != ":status" || len(fields[0].Value) != 3 {
		return 0
	}
	status := 0
	for _, d := range []byte(fields[0].Value) {
		if d < '0' || d > '9' {
			return 0
		}
		status = status*10 + int(d-'0')
	}
	if status < 100 {
		return 0
	}
	return status
}

// validFields applies RFC 9113, sections 8.2 and 8.2.2, to what follows the pseudo field.
func validFields(fields []hpack.HeaderField) bool {
	for i := range fields {
		if !validName(fields[i].Name) || !validValue(fields[i].Value) {
			return false
		}
	}
	return true
}

func validValue(value string) bool {
	for i := range len(value) {
		if b := value[i]; b == 0 || b == '\r' || b == '\n' {
			return false
		}
	}
	return true
}

func validName(name string) bool {
	switch name {
	case "", "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return false
	}
	for i := range len(name) {
		if b := name[i]; b <= ' ' || b >= 0x7f || b == ':' || 'A' <= b && b <= 'Z' {
			return false
		}
	}
	return true
}

// readLength notes the content-length of the answer. Two that differ are as bad as a wrong one.
func (c *Call) readLength() bool {
	for i := range c.Response {
		if c.Response[i].Name != "content-length" {
			continue
		}
		n, err := strconv.ParseUint(c.Response[i].Value, 10, 62)
		if err != nil || c.length >= 0 && c.length != int64(n) {
			return false
		}
		c.length = int64(n)
	}
	return true
}

// isHead reports whether the answer has the length of a body without having the body.
func (c *Call) isHead() bool {
	return c.Status == 304 || len(c.Fields) > 0 && c.Fields[0] == hpack.HeaderField{Name: ":method", Value: "HEAD"}
}
