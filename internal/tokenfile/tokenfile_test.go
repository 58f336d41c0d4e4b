package tokenfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/sniff"
)

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	damaged := errors.New("damaged")
	parse := func(text []byte) (*int, error) {
		if len(text) == 0 {
			return nil, damaged
		}
		return new(len(text)), nil
	}
	if _, err := Read(path, parse); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for size, want := range map[int]int{5: 5, MaxSize: MaxSize, MaxSize + 1: MaxSize + 1, MaxSize + 9: MaxSize + 1} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path, parse); err != nil || *got != want {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path, parse)
	if got != nil || !errors.Is(err, damaged) || err.Error() != path+": damaged" {
		t.Errorf("damaged: %v, %v", got, err)
	}
}

func TestCheck(t *testing.T) {
	if err := Check("token", []byte("<html>"), sniff.HTML, "page"); err != nil {
		t.Error(err)
	}
	err := Check("token", make([]byte, MaxSize+1), sniff.HTML, "page")
	if e, ok := errors.AsType[*field.InputError](err); !ok || e.Error() != "token: is larger than 1 MiB, so it is no page" {
		t.Error(err)
	}
	err = Check("token", nil, sniff.HTML, "page")
	if e, ok := errors.AsType[*sniff.WrongFileError](err); !ok || *e != (sniff.WrongFileError{Want: sniff.HTML, Got: sniff.Empty}) {
		t.Error(err)
	}
}

func TestMember(t *testing.T) {
	members := map[string]jsontext.Value{"a": jsontext.Value(`"x"`), "b": jsontext.Value(`""`), "c": jsontext.Value(`5`),
		"d": jsontext.Value(`"\ud800"`), "e": jsontext.Value(`null`)}
	for name, want := range map[string]string{
		"b": "b: must not be empty", "c": "c: must be a string", "e": "e: must be a string", "f": "f: is missing from the token",
	} {
		value, err := Member(members, name)
		if e, ok := errors.AsType[*field.InputError](err); !ok || e.Error() != want || value != "" {
			t.Errorf("%s: %q, %v", name, value, err)
		}
	}
	for name, want := range map[string]string{"a": "x", "d": "�"} {
		if value, err := Member(members, name); value != want || err != nil {
			t.Errorf("%s: %q, %v", name, value, err)
		}
	}
}
