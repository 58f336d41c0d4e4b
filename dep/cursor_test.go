package dep_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
)

func TestCursorText(t *testing.T) {
	started := time.Date(2026, 3, 9, 16, 49, 9, 0, time.UTC)
	for text, want := range map[string]dep.Cursor{
		"":                                   {},
		"fetch;;MDowOjE3NjcyMjU2":            {Value: "MDowOjE3NjcyMjU2"},
		"fetch;2026-03-09T16:49:09Z;c1":      {Value: "c1", Started: started},
		"sync;2026-03-09T16:49:09Z;c2":       {Value: "c2", Phase: dep.PhaseSync, Started: started},
		"sync;2026-03-09T16:49:09.000001Z;c": {Value: "c", Phase: dep.PhaseSync, Started: started.Add(time.Microsecond)},
		"sync;;a;b;;c=/+":                    {Value: "a;b;;c=/+", Phase: dep.PhaseSync},
		"fetch;2026-03-09T16:49:09Z;":        {Started: started},
	} {
		if got := want.String(); got != text {
			t.Errorf("text of %#v is %q, want %q", want, got, text)
		}
		got, err := dep.ParseCursor(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got != want { // what is kept and read back is the same in every respect
			t.Errorf("%q is read as %#v, want %#v", text, got, want)
		}
	}
}

// What other programs kept are Apple's bare cursors; they belong to the fetch until Apple objects.
func TestParseCursorTakesBareCursors(t *testing.T) {
	for _, text := range []string{
		"MDowOjE3NjcyMjU2", "0:0:1767225600000:1767225600000:true:1767225600000", "fetch", "sync;", "a;b;c", "fetched;;x",
		" spaces are kept ",
	} {
		got, err := dep.ParseCursor(text)
		if want := (dep.Cursor{Value: text}); err != nil || got != want {
			t.Errorf("%q is read as %#v, error %v", text, got, err)
		}
	}
}

func TestParseCursorTakesAnyZone(t *testing.T) {
	got, err := dep.ParseCursor("sync;2026-03-09T18:49:09+02:00;c")
	if err != nil || got.String() != "sync;2026-03-09T16:49:09Z;c" {
		t.Errorf("%v, error %v", got, err)
	}
}

func TestParseCursorRefuses(t *testing.T) {
	long := strings.Repeat("c", 1001)
	for text, rule := range map[string]string{
		"sync;;":                                 "is for a sync but empty",
		"sync;2026-03-09T16:49:09Z;":             "is for a sync but empty",
		"sync;yesterday;c":                       "has a time that cannot be read",
		"sync;0001-01-01T00:00:00+10:00;c":       "has a time that cannot be read",
		"sync;9999-12-31T23:59:59-10:00;c":       "has a time that cannot be read",
		long:                                     "has 1001 characters",
		"fetch;2026-03-09T16:49:09Z;" + long:     "has 1001 characters",
		"fetch;" + strings.Repeat("0", 9) + ";c": "has a time that cannot be read",
	} {
		_, err := dep.ParseCursor(text)
		input, ok := errors.AsType[*dep.InputError](err)
		if !ok || input.Field != "cursor" || !strings.Contains(input.Rule, rule) {
			t.Errorf("%.40q: error %v, want one that says %q", text, err, rule)
		}
	}
	if _, err := dep.ParseCursor("sync;;" + strings.Repeat("c", 1000)); err != nil {
		t.Errorf("a cursor of 1000 characters: %v", err)
	}
}

func TestCursorInJSON(t *testing.T) {
	type row struct{ Cursor dep.Cursor }
	const text = `{"Cursor":"sync;2026-03-09T16:49:09Z;c1"}`
	var got row
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := row{dep.Cursor{Value: "c1", Phase: dep.PhaseSync, Started: time.Date(2026, 3, 9, 16, 49, 9, 0, time.UTC)}}
	if got != want {
		t.Errorf("read %#v", got)
	}
	if out, err := json.Marshal(got); string(out) != text || err != nil {
		t.Errorf("written as %s, error %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"Cursor":"sync;;"}`), &got); err == nil {
		t.Error("a cursor that is not valid was taken")
	}
}

func TestPhaseNames(t *testing.T) {
	if dep.PhaseFetch.String() != "fetch" || dep.PhaseSync.String() != "sync" {
		t.Errorf("names %v and %v", dep.PhaseFetch, dep.PhaseSync)
	}
}

func TestFileCursor(t *testing.T) {
	dir := t.TempDir()
	file := dep.FileCursor(filepath.Join(dir, "cursor"))
	if got, err := file.LoadCursor(t.Context()); err != nil || got != (dep.Cursor{}) {
		t.Errorf("without a file: %v, error %v", got, err)
	}
	started := time.Date(2026, 3, 9, 16, 49, 9, 123456789, time.UTC)
	for _, want := range []dep.Cursor{
		{Value: "c1", Started: started},
		{Value: strings.Repeat("c", 1000), Phase: dep.PhaseSync, Started: started},
		{Value: "c2", Phase: dep.PhaseSync},
		{},
	} {
		if err := file.SaveCursor(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if got, err := file.LoadCursor(t.Context()); err != nil || got != want {
			t.Errorf("saved %v, loaded %v, error %v", want, got, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"cursor"}, names); diff != "" {
		t.Errorf("files left (-want +got):\n%s", diff)
	}
}

func TestFileCursorFailures(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("sync;yesterday;c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := dep.FileCursor(broken).LoadCursor(t.Context())
	if _, ok := errors.AsType[*dep.InputError](err); !ok || !strings.Contains(err.Error(), broken) {
		t.Errorf("a broken file: %v", err)
	}
	if _, err := dep.FileCursor(dir).LoadCursor(t.Context()); err == nil {
		t.Error("a directory was read")
	}
	if err := dep.FileCursor(filepath.Join(dir, "missing", "cursor")).SaveCursor(t.Context(), dep.Cursor{Value: "c"}); err == nil {
		t.Error("saved where there is no directory")
	}
	occupied := filepath.Join(dir, "occupied")
	if err := os.MkdirAll(filepath.Join(occupied, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := dep.FileCursor(occupied).SaveCursor(t.Context(), dep.Cursor{Value: "c"}); err == nil {
		t.Error("replaced a directory")
	}
	if left, _ := filepath.Glob(occupied + ".*"); len(left) > 0 {
		t.Errorf("a failed save leaves %v", left)
	}
}

func TestCursorRemembersThatItStalled(t *testing.T) {
	for _, want := range []dep.Cursor{
		{Value: "MDow;OjE", Phase: dep.PhaseSync, Stalled: true, Started: time.Date(2026, 3, 9, 10, 0, 0, 0, time.UTC)},
		{Value: "MDow", Stalled: true},
	} {
		got, err := dep.ParseCursor(want.String())
		if err != nil || got != want {
			t.Errorf("%q became %+v, %v", want, got, err)
		}
	}
	if c, err := dep.ParseCursor("fetching-stalled;;x"); err != nil || c.Value != "fetching-stalled;;x" {
		t.Errorf("an opaque cursor became %+v, %v", c, err)
	}
}
