package dep_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/applemdm/applemdm/dep"
)

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
	if info, err := os.Stat(string(file)); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file is open to others: %v, %v", info, err)
	}
}
