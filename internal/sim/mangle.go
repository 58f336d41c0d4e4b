package sim

import (
	"bytes"
	"compress/gzip"

	"github.com/go-json-experiment/json/jsontext"
)

func compress(body *bytes.Buffer) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, _ = zip.Write(body.Bytes()) // a bytes.Buffer takes everything
	_ = zip.Close()
	*body = out
}

// isObject reports whether body is a JSON object.
func isObject(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) > 0 && body[0] == '{' && jsontext.Value(body).IsValid()
}

// padding splits body where filler bytes, any number of them, leave it valid.
func padding(body []byte) (head []byte, filler byte, tail []byte) {
	if !isObject(body) {
		return nil, ' ', body
	}
	rest := bytes.TrimSpace(body)[1:]
	tail = append([]byte(`",`), rest...)
	if bytes.HasPrefix(bytes.TrimSpace(rest), []byte("}")) {
		tail = append([]byte(`"`), rest...)
	}
	return []byte(`{"zz_padding":"`), 'x', tail
}

// duplicateMembers repeats the members of the object in body, in the same order.
func duplicateMembers(body *bytes.Buffer) {
	if !isObject(body.Bytes()) {
		return
	}
	whole := bytes.TrimSpace(body.Bytes())
	members := bytes.TrimSpace(whole[1 : len(whole)-1])
	if len(members) == 0 {
		return
	}
	var out bytes.Buffer
	out.WriteByte('{')
	out.Write(members)
	out.WriteByte(',')
	out.Write(members)
	out.WriteByte('}')
	*body = out
}

const strangers = `"zz_string":"new","zz_number":-1.5e3,"zz_bool":true,"zz_null":null,` +
	`"zz_array":[1,"a",{"b":[]}],"zz_object":{"c":{"d":"e"}}`

// unknownMembers puts the strangers into the objects of body that are records: the outermost one
// and the elements of arrays. Other objects may be maps, by serial number say, where a stranger
// would not be an unknown member but a wrong entry.
func unknownMembers(body *bytes.Buffer) {
	if !isObject(body.Bytes()) {
		return
	}
	var out bytes.Buffer
	addStrangers(jsontext.NewDecoder(bytes.NewReader(body.Bytes())), &out, true)
	*body = out
}

// addStrangers copies the next value of dec, which is known to be valid.
func addStrangers(dec *jsontext.Decoder, out *bytes.Buffer, record bool) {
	switch dec.PeekKind() {
	case '{':
		addToObject(dec, out, record)
	case '[':
		_, _ = dec.ReadToken()
		out.WriteByte('[')
		for first := true; dec.PeekKind() != ']'; first = false {
			if !first {
				out.WriteByte(',')
			}
			addStrangers(dec, out, true)
		}
		_, _ = dec.ReadToken()
		out.WriteByte(']')
	default:
		value, _ := dec.ReadValue()
		out.Write(value)
	}
}

func addToObject(dec *jsontext.Decoder, out *bytes.Buffer, record bool) {
	_, _ = dec.ReadToken()
	out.WriteByte('{')
	separator := ""
	for dec.PeekKind() != '}' {
		out.WriteString(separator)
		name, _ := dec.ReadValue()
		out.Write(name)
		out.WriteByte(':')
		addStrangers(dec, out, false)
		separator = ","
	}
	_, _ = dec.ReadToken()
	if record {
		out.WriteString(separator + strangers)
	}
	out.WriteByte('}')
}
