package h2

import "golang.org/x/net/http2/hpack"

// encoder writes header blocks to the output. Most fields of a request are those of the one before,
// in the same place, and known to the compression table; for these it remembers the one or two
// bytes, which saves the hpack package its search.
type encoder struct {
	out  *outBuffer
	enc  *hpack.Encoder
	memo []indexedField // by position in the request
}

// indexedField is how a field was encoded by a reference to the table. Any change of the table
// makes it worthless.
type indexedField struct {
	name, value string
	n           uint8 // bytes; 0 when there is nothing to remember
	bytes       [3]byte
}

const (
	indexedBit         = 0x80 // begins a reference to the table
	literalMask        = 0xc0
	literalIndexed     = 0x40 // begins a literal that is added to the table
	tableSizeMask      = 0xe0
	tableSizeUpdate    = 0x20
	maxRememberedPlace = 32
)

func (e *encoder) init(out *outBuffer) {
	e.out = out
	e.enc = hpack.NewEncoder(out)
}

// resize takes in the size of the server's table, of which we use no more than we need.
func (e *encoder) resize(size uint32) {
	size = min(size, maxTableSize)
	e.enc.SetMaxDynamicTableSizeLimit(size) // lowers the size
	e.enc.SetMaxDynamicTableSize(size)      // raises it again
	e.forget()
}

func (e *encoder) forget() { clear(e.memo) }

func (e *encoder) write(fields []hpack.HeaderField) {
	for i := range fields {
		f := &fields[i]
		if i < len(e.memo) {
			if m := &e.memo[i]; m.n > 0 && m.value == f.Value && m.name == f.Name && !f.Sensitive {
				e.out.b = append(e.out.b, m.bytes[:m.n]...)
				continue
			}
		}
		if i > 0 && f.Sensitive && f.Name == ":path" { // what comes first may have to follow a change of the table's size
			e.writePath(f.Value)
			continue
		}
		start := len(e.out.b)
		_ = e.enc.WriteField(*f) // the output does not fail
		e.learn(i, f, e.out.b[start:])
	}
}

// pathNever begins a field that no table may hold, with the name of entry 5 of the static one (:path,
// as is 4): RFC 7541, section 6.2.3.
const pathNever = 0x10 | 5

// writePath writes the one field that differs from push to push, as the hpack package would after a
// search.
func (e *encoder) writePath(path string) {
	size := hpack.HuffmanEncodeLength(path)
	if size >= 127 { // its length takes more than a byte
		_ = e.enc.WriteField(hpack.HeaderField{Name: ":path", Value: path, Sensitive: true})
		return
	}
	e.out.b = hpack.AppendHuffmanString(append(e.out.b, pathNever, 0x80|byte(size)), path)
}

// learn looks at how the field at position i was encoded.
func (e *encoder) learn(i int, f *hpack.HeaderField, encoded []byte) {
	switch {
	case encoded[0]&literalMask == literalIndexed, encoded[0]&tableSizeMask == tableSizeUpdate:
		e.forget()
	case encoded[0]&indexedBit != 0 && len(encoded) <= len(indexedField{}.bytes) && i < maxRememberedPlace:
		for len(e.memo) <= i {
			e.memo = append(e.memo, indexedField{})
		}
		m := &e.memo[i]
		m.name, m.value, m.n = f.Name, f.Value, uint8(copy(m.bytes[:], encoded))
	}
}
