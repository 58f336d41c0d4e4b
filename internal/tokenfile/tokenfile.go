// Package tokenfile is what reading the credentials that Apple hands out as files has in common.
package tokenfile

import (
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/sniff"
)

// MaxSize bounds what is read as a token. Real ones have a few kilobytes.
const MaxSize = 1 << 20

// Bytes reads the file at path, but no more than it takes to see that it has over limit bytes.
func Bytes(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit+1))
}

// Read reads the file at path with parse. Its errors name the path.
func Read[T any](path string, parse func([]byte) (*T, error)) (*T, error) {
	text, err := Bytes(path, MaxSize)
	if err != nil {
		return nil, err
	}
	token, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return token, nil
}

// Check refuses data that is too large, as a [*field.InputError] of the argument name, or not of the
// wanted kind, as a [*sniff.WrongFileError]. short is what people call such a file.
func Check(name string, data []byte, want sniff.Kind, short string) error {
	if len(data) > MaxSize {
		return &field.InputError{Field: name, Rule: "is larger than 1 MiB, so it is no " + short}
	}
	if kind := sniff.Of(data); kind != want {
		return &sniff.WrongFileError{Want: want, Got: kind}
	}
	return nil
}

// Member returns a member of the JSON in a token that must be there, a string, and not empty.
func Member(members map[string]jsontext.Value, name string) (string, error) {
	raw, ok := members[name]
	if !ok {
		return "", &field.InputError{Field: name, Rule: "is missing from the token"}
	}
	var value string
	if raw.Kind() != '"' || json.Unmarshal(raw, &value, jsontext.AllowInvalidUTF8(true)) != nil {
		return "", &field.InputError{Field: name, Rule: "must be a string"}
	}
	if value == "" {
		return "", &field.InputError{Field: name, Rule: "must not be empty"}
	}
	return value, nil
}
