package vpp

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// AdamID is Apple's number of a product in its stores, as text, which is how Apple writes it where
// apps and books are concerned. It is read in both spellings.
type AdamID string

// Number returns the ID as subscriptions write it, and whether it is a number.
func (id AdamID) Number() (AdamNumber, bool) {
	n, err := strconv.ParseInt(string(id), 10, 64)
	return AdamNumber(n), err == nil && n > 0
}

// UnmarshalJSONFrom takes the ID also without quotes.
func (id *AdamID) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	text, err := readID(dec)
	*id = AdamID(text)
	return err
}

// check returns why id cannot be the ID of a product, if it is set.
func (id AdamID) check(field string) error {
	if n, _ := id.Number(); id != "" && n.ID() != id {
		return &InputError{Field: field, Rule: fmt.Sprintf("is %q; an Adam ID is a number greater than 0 in plain digits", string(id))}
	}
	return nil
}

// AdamNumber is an [AdamID] as a number, which is how Apple writes it where subscriptions are
// concerned. 0 is none. It is read in both spellings.
type AdamNumber int64

// ID returns the number as the text that [Asset] has, or "" for none.
func (n AdamNumber) ID() AdamID {
	if n == 0 {
		return ""
	}
	return AdamID(strconv.FormatInt(int64(n), 10))
}

// UnmarshalJSONFrom takes the number also in quotes.
func (n *AdamNumber) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	text, err := readID(dec)
	if err != nil || text == "" {
		*n = 0
		return err
	}
	number, err := strconv.ParseInt(text, 10, 64)
	*n = AdamNumber(number)
	return err
}

// readID reads a number with or without quotes; null is "".
func readID(dec *jsontext.Decoder) (string, error) {
	value, err := dec.ReadValue()
	if err != nil {
		return "", err
	}
	switch value.Kind() {
	case jsontext.KindNull:
		return "", nil
	case jsontext.KindNumber:
		return string(value), nil
	}
	var text string
	err = json.Unmarshal(value, &text)
	return text, err
}
