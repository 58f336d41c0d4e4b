package dep

import (
	"errors"
	"fmt"

	"github.com/applemdm/applemdm/internal/tokenfile"
)

// maxBERDepth bounds the nesting; an envelope with its recipient's name needs less than half.
const maxBERDepth = 24

var errBERShort = errors.New("ASN.1 ends early")

// berElement is one decoded element. tag is its identifier octet.
type berElement struct {
	tag  byte
	body []byte
}

// berToDER rewrites the first element of ber with definite lengths and with every octet string in
// one piece, which encoding/asn1 demands. What follows the element is dropped. The order of sets
// is kept: nothing here is signed.
//
// Apple streams its envelopes, so nearly every length in them is indefinite. The decryption library
// can rewrite those itself, but follows nesting without a limit and leaves octet strings in pieces.
func berToDER(ber []byte) ([]byte, error) {
	element, _, err := readBER(ber, 0)
	if err != nil {
		return nil, err
	}
	return appendDER(nil, element), nil
}

// readBER decodes the first element of in, and returns what follows it.
func readBER(in []byte, depth int) (element berElement, rest []byte, err error) {
	if depth > maxBERDepth {
		return berElement{}, nil, fmt.Errorf("ASN.1 is nested more than %d levels deep", maxBERDepth)
	}
	tag, length, in, err := readBERHeader(in)
	if err != nil {
		return berElement{}, nil, err
	}
	constructed := tag&0x20 != 0
	switch {
	case length == indefinite && !constructed:
		return berElement{}, nil, errors.New("ASN.1 has an indefinite length where none is allowed")
	case length == indefinite:
		return readBERParts(tag, in, true, depth)
	case length > len(in):
		return berElement{}, nil, errBERShort
	case !constructed:
		return berElement{tag, in[:length]}, in[length:], nil
	}
	element, _, err = readBERParts(tag, in[:length], false, depth)
	return element, in[length:], err
}

// readBERParts decodes the parts of a constructed element: up to the end-of-contents octets if
// marked, else to the end of in. An octet string becomes primitive.
func readBERParts(tag byte, in []byte, marked bool, depth int) (berElement, []byte, error) {
	const octetString, constructedOctetString = 0x04, 0x24
	whole := berElement{tag: tag}
	if tag == constructedOctetString {
		whole.tag = octetString
	}
	for {
		switch {
		case !marked && len(in) == 0:
			return whole, nil, nil
		case marked && len(in) >= 2 && in[0] == 0 && in[1] == 0:
			return whole, in[2:], nil
		}
		part, rest, err := readBER(in, depth+1)
		if err != nil {
			return berElement{}, nil, err
		}
		in = rest
		if whole.tag != octetString {
			whole.body = appendDER(whole.body, part)
			continue
		}
		if part.tag != octetString {
			return berElement{}, nil, errors.New("ASN.1 octet string has a part that is none")
		}
		whole.body = append(whole.body, part.body...)
	}
}

// indefinite stands for a length that is marked by end-of-contents octets.
const indefinite = -1

func readBERHeader(in []byte) (tag byte, length int, rest []byte, err error) {
	if len(in) < 2 {
		return 0, 0, nil, errBERShort
	}
	tag, first, in := in[0], in[1], in[2:]
	if tag&0x1F == 0x1F {
		return 0, 0, nil, errors.New("ASN.1 has a tag number that no envelope uses")
	}
	switch {
	case first < 0x80:
		return tag, int(first), in, nil
	case first == 0x80:
		return tag, indefinite, in, nil
	}
	octets := int(first & 0x7F)
	if octets > len(in) {
		return 0, 0, nil, errBERShort
	}
	for _, octet := range in[:octets] {
		length = length<<8 | int(octet)
		if length > tokenfile.MaxSize {
			return 0, 0, nil, errBERShort
		}
	}
	return tag, length, in[octets:], nil
}

func appendDER(out []byte, element berElement) []byte {
	out = append(out, element.tag)
	switch n := len(element.body); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 1<<8:
		out = append(out, 0x81, byte(n))
	case n < 1<<16:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, element.body...)
}
