package sniff

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
)

// Unarmor returns the ASN.1 (or whatever was encoded) inside data: S/MIME text with a base64 body,
// a PEM block, bare base64, or data itself when it is binary already. It returns nil when data is
// none of these. The result may share memory with data.
//
// The headers of the message are not interpreted: everything up to the first blank line is dropped.
// Some copies of Apple's files have headers folded without the white space that a continuation line
// must begin with, and strict readers of MIME refuse those.
func Unarmor(data []byte) []byte {
	if looksBinary(data) {
		return data
	}
	text := trimText(data)
	if block, _ := pem.Decode(text); block != nil {
		return block.Bytes
	}
	return decodeBase64(afterHeader(text))
}

// JoinLines removes line ends and joins with nothing, which undoes a hard wrap at any column.
func JoinLines(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, c := range text {
		if c != '\r' && c != '\n' {
			out = append(out, c)
		}
	}
	return out
}

// looksBinary recognises the SEQUENCE tag that every ASN.1 file here begins with. It is also the
// digit zero, with which no base64 of a SEQUENCE, no PEM and no header begins.
func looksBinary(data []byte) bool { return len(data) > 0 && data[0] == 0x30 }

func trimText(data []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")))
}

// afterHeader returns what follows the first blank line if text begins with a header field, nil if
// the header has no end, and text itself if there is no header.
func afterHeader(text []byte) []byte {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	if !bytes.Contains(first, []byte(":")) {
		return text
	}
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		if len(bytes.TrimSpace(line)) == 0 {
			return rest
		}
	}
	return nil
}

// decodeBase64 ignores white space and missing padding, and returns nil for anything else.
func decodeBase64(text []byte) []byte {
	packed := make([]byte, 0, len(text))
	for _, c := range text {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			packed = append(packed, c)
		}
	}
	packed = bytes.TrimRight(packed, "=")
	if len(packed) == 0 {
		return nil
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(packed)))
	n, err := base64.RawStdEncoding.Decode(out, packed)
	if err != nil {
		return nil
	}
	return out[:n]
}

// contentOf steps over tag and length of an ASN.1 element. The length itself is not believed.
func contentOf(ber []byte) []byte {
	if len(ber) < 2 {
		return nil
	}
	skip := 2
	if ber[1] > 0x80 {
		skip += int(ber[1] & 0x7F)
	}
	return ber[min(skip, len(ber)):]
}
