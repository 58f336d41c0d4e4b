package dep_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/applemdm/applemdm/dep"
)

func TestFileCursor(t *testing.T) {
	file := dep.FileCursor(filepath.Join(t.TempDir(), "cursor"))
	cursor, err := file.LoadCursor(t.Context())
	if err != nil || cursor != (dep.Cursor{}) {
		t.Fatalf("a missing file: %v, %v", cursor, err)
	}
	for _, want := range []dep.Cursor{
		{Value: "MDowOjE3NjcyMjU2"},
		{Value: "a;b;c", Phase: dep.PhaseSync, Started: time.Date(2026, 3, 9, 10, 0, 5, 123456789, time.UTC)},
		{},
	} {
		if err := file.SaveCursor(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got, err := file.LoadCursor(t.Context())
		if err != nil || got != want {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	}
	info, err := os.Stat(string(file))
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}

func TestFileCursorOfOthers(t *testing.T) {
	for text, want := range map[string]dep.Cursor{
		"MDowOjE3NjcyMjU2\r\n":                 {Value: "MDowOjE3NjcyMjU2"}, // as another client keeps it
		"sync;2026-03-09T10:00:05Z;MDowOjE3\n": {Value: "MDowOjE3", Phase: dep.PhaseSync, Started: time.Date(2026, 3, 9, 10, 0, 5, 0, time.UTC)},
		" \n":                                  {},
	} {
		path := filepath.Join(t.TempDir(), "cursor")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := dep.FileCursor(path).LoadCursor(t.Context())
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestFileCursorFailures(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) dep.FileCursor {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dep.FileCursor(path)
	}
	for _, text := range []string{"sync;yesterday;MDow", "sync;;", strings.Repeat("x", 1001)} {
		file := write("bad", text)
		_, err := file.LoadCursor(t.Context())
		if input, ok := errors.AsType[*dep.InputError](err); !ok || input.Field != "cursor" || !strings.Contains(err.Error(), string(file)) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if _, err := dep.FileCursor(folder).LoadCursor(t.Context()); err == nil {
		t.Error("a folder was read")
	}
	missing := dep.FileCursor(filepath.Join(folder, "missing", "cursor"))
	if err := missing.SaveCursor(t.Context(), dep.Cursor{Value: "c"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("saving into a folder that does not exist: %v", err)
	}

	// A file that cannot be replaced: what was written beside it goes away again.
	taken := filepath.Join(folder, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := dep.FileCursor(taken).SaveCursor(t.Context(), dep.Cursor{Value: "c"}); err == nil {
		t.Error("a folder was replaced")
	}
	names, err := filepath.Glob(filepath.Join(folder, "taken*"))
	if err != nil || len(names) != 1 {
		t.Errorf("left behind: %q, %v", names, err)
	}
}

// A reader sees the old or the new cursor, never a part of one.
func TestFileCursorIsReplacedInOneStep(t *testing.T) {
	file := dep.FileCursor(filepath.Join(t.TempDir(), "cursor"))
	a := dep.Cursor{Value: strings.Repeat("a", 1000), Phase: dep.PhaseSync}
	b := dep.Cursor{Value: strings.Repeat("b", 500), Phase: dep.PhaseSync}
	if err := file.SaveCursor(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 100 {
			next := a
			if i%2 == 0 {
				next = b
			}
			if err := file.SaveCursor(t.Context(), next); err != nil {
				t.Error(err)
			}
		}
	})
	for range 500 {
		if got, err := file.LoadCursor(t.Context()); err != nil || got != a && got != b {
			t.Fatalf("read %v, %v", got, err)
		}
	}
	writer.Wait()
}
