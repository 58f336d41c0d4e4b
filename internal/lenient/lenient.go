// Package lenient decodes what Apple's services answer, also where that is not quite JSON.
package lenient

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Decode decodes body into v. It is lenient where Apple has been seen, or may start, to be sloppy:
// unknown members are kept or skipped, of repeated ones the last counts, and broken UTF-8 is mended.
// An empty body, and null, are errors.
func Decode(body []byte, v any) error {
	switch trimmed := bytes.TrimSpace(body); {
	case len(trimmed) == 0:
		return errors.New("the body is empty")
	case string(trimmed) == "null": // which would decode into anything
		return errors.New("the body is null")
	}
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	better, mended := mend(body)
	if !mended {
		return err
	}
	return json.Unmarshal(better, v)
}

// mend returns body without repeated members and broken UTF-8, and whether it could. It does so for
// the whole body, because the members that are kept as raw JSON must be fit for encoding.
func mend(body []byte) ([]byte, bool) {
	var whole any
	err := json.Unmarshal(body, &whole,
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true), json.WithUnmarshalers(rawNumbers))
	if err != nil {
		return nil, false
	}
	better, err := json.Marshal(whole)
	return better, err == nil
}

// rawNumbers leaves numbers as they are written: a float64 may lose digits.
var rawNumbers = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != jsontext.KindNumber {
		return errors.ErrUnsupported
	}
	number, err := dec.ReadValue()
	*v = number.Clone()
	return err
})
