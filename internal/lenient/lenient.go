// Package lenient decodes what Apple's services answer, also where that is not quite JSON.
package lenient

import (
	"bytes"
	"errors"
	"maps"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Decode decodes body into v. It is lenient where Apple has been seen, or may start, to be sloppy:
// unknown members are kept or skipped, of repeated ones the last counts, and broken UTF-8 is mended.
// An empty body, and null, are errors.
//
// Where a value is of another type than v has room for, forgiving gets a second chance: see [Record].
func Decode(body []byte, v any, forgiving ...*json.Unmarshalers) error {
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
	return json.Unmarshal(better, v, json.WithUnmarshalers(json.JoinUnmarshalers(forgiving...)))
}

// Record makes a T out of an object of which some members are of a type that T has no room for: one
// odd member must not cost the whole answer. These members go into the map that unknown points to,
// where they survive encoding; the others are decoded as ever.
//
// A T within a T is a record as well, to a depth that Apple has use for, and inner says what else
// within it is one: an odd member of an inner record stays in that.
func Record[T any](unknown func(*T) *map[string]jsontext.Value, inner ...*json.Unmarshalers) *json.Unmarshalers {
	return json.UnmarshalFromFunc(recordAt(0, unknown, inner))
}

// maxDepth bounds the work, which each odd member multiplies at each depth.
const maxDepth = 3

// recordAt reads a T that lies within so many others.
func recordAt[T any](depth int, unknown func(*T) *map[string]jsontext.Value, inner []*json.Unmarshalers) func(*jsontext.Decoder, *T) error {
	return func(dec *jsontext.Decoder, v *T) error {
		object, err := dec.ReadValue()
		if err != nil {
			return err
		}
		odd, err := fit(object.Clone(), v, func() *json.Unmarshalers { return within(depth, unknown, inner) })
		if err != nil || len(odd) == 0 {
			return err
		}
		kept := unknown(v)
		if *kept == nil {
			*kept = map[string]jsontext.Value{}
		}
		maps.Copy(*kept, odd)
		return nil
	}
}

// within forgives what is inside a T, and leaves the T itself alone.
func within[T any](depth int, unknown func(*T) *map[string]jsontext.Value, inner []*json.Unmarshalers) *json.Unmarshalers {
	if depth == maxDepth {
		return json.JoinUnmarshalers(inner...)
	}
	outermost, next := true, recordAt(depth+1, unknown, inner)
	itself := json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *T) error {
		if outermost {
			outermost = false
			return errors.ErrUnsupported
		}
		return next(dec, v)
	})
	return json.JoinUnmarshalers(itself, json.JoinUnmarshalers(inner...))
}

// fit decodes object into v without the members that do not fit, and returns these.
func fit[T any](object jsontext.Value, v *T, within func() *json.Unmarshalers) (odd map[string]jsontext.Value, err error) {
	odd = map[string]jsontext.Value{}
	for {
		var none T
		*v = none
		err := json.Unmarshal(object, v, json.WithUnmarshalers(within()))
		e, ok := errors.AsType[*json.SemanticError](err)
		if !ok || e.JSONPointer == "" {
			return odd, err
		}
		var members map[string]jsontext.Value
		if err := json.Unmarshal(object, &members); err != nil {
			return odd, err
		}
		for name := range e.JSONPointer.Tokens() {
			odd[name] = members[name]
			delete(members, name)
			break
		}
		if object, err = json.Marshal(members, json.Deterministic(true)); err != nil {
			return odd, err
		}
	}
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
