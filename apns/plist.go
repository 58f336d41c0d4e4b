package apns

import (
	"bytes"
	"encoding/xml"
	"io"
	"maps"
	"slices"

	"github.com/micromdm/plist"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/sniff"
)

const (
	maxCheckin = 1 << 20 // bytes; real messages have a few kilobytes
	maxDepth   = 32      // of elements; the library recurses
)

// plistKeys are the members of the dictionary that a message is.
type plistKeys map[string]any

// parsePlist reads a property list in XML. The binary form is refused: devices do not send it, and the
// library's reader of it can be made to recurse without end. Nor are the library's errors passed on,
// for some quote what they stumbled over.
func parsePlist(body []byte) (plistKeys, error) {
	switch {
	case len(body) > maxCheckin:
		return nil, plistError("is larger than 1 MiB")
	case bytes.HasPrefix(body, []byte("bplist0")):
		return nil, plistError("is a binary property list; devices send XML (convert it: plutil -convert xml1)")
	case sniff.Of(body) != sniff.Plist:
		return nil, plistError("is no property list (this is: " + string(sniff.Of(body)) + ")")
	}
	if err := checkDepth(body); err != nil {
		return nil, err
	}
	var root any
	if err := plist.NewXMLDecoder(bytes.NewReader(body)).Decode(&root); err != nil {
		return nil, plistError("is damaged or cut short")
	}
	keys, ok := root.(map[string]any)
	if !ok {
		return nil, plistError("is no dictionary")
	}
	return keys, nil
}

// checkDepth reads all of the elements, so that what follows the first property list must be sound
// too.
func checkDepth(body []byte) error {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	depth := 0
	for {
		token, err := decoder.Token()
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return plistError("is damaged or cut short")
		case depth > maxDepth:
			return plistError("is nested too deeply")
		}
	}
}

func plistError(rule string) error { return &field.InputError{Field: "check-in message", Rule: rule} }

// text returns "" for a key that is missing.
func (k plistKeys) text(key string) (string, error) {
	switch value := k[key].(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	}
	return "", &field.InputError{Field: key, Rule: "must be a string"}
}

func (k plistKeys) required(key string) (string, error) {
	value, err := k.text(key)
	if err == nil && value == "" {
		err = &field.InputError{Field: key, Rule: "is missing or empty"}
	}
	return value, err
}

// texts fills in many at once, in a fixed order, so that errors do not change from run to run.
func (k plistKeys) texts(into map[string]*string) error {
	for _, key := range slices.Sorted(maps.Keys(into)) {
		value, err := k.text(key)
		if err != nil {
			return err
		}
		*into[key] = value
	}
	return nil
}

func (k plistKeys) data(key string) ([]byte, error) {
	switch value := k[key].(type) {
	case nil:
		return nil, nil
	case []byte:
		return value, nil
	}
	return nil, &field.InputError{Field: key, Rule: "must be data"}
}

func (k plistKeys) boolean(key string) (bool, error) {
	switch value := k[key].(type) {
	case nil:
		return false, nil
	case bool:
		return value, nil
	}
	return false, &field.InputError{Field: key, Rule: "must be true or false"}
}
