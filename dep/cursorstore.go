package dep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// CursorStore keeps the cursor of one device list, in a database row or a file for instance.
type CursorStore interface {
	// LoadCursor returns the cursor kept last, or the zero Cursor if there is none.
	LoadCursor(ctx context.Context) (Cursor, error)

	// SaveCursor keeps the cursor.
	SaveCursor(ctx context.Context, cursor Cursor) error
}

// FileCursor is a [CursorStore] in a file, whose path it is. A save writes another file beside it, to
// the disk, and puts that in its place in one step: whatever happens, the old or the new cursor is
// there. It is for one process.
type FileCursor string

// LoadCursor reads the file. One that does not exist is the zero Cursor.
func (f FileCursor) LoadCursor(context.Context) (Cursor, error) {
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return Cursor{}, nil
	}
	if err != nil {
		return Cursor{}, err
	}
	cursor, err := ParseCursor(strings.TrimSpace(string(text)))
	if err != nil {
		return Cursor{}, fmt.Errorf("%s: %w", f, err)
	}
	return cursor, nil
}

// SaveCursor replaces the file.
func (f FileCursor) SaveCursor(_ context.Context, cursor Cursor) (err error) {
	next, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			next.Close()
			os.Remove(next.Name())
		}
	}()
	if _, err := next.WriteString(cursor.String() + "\n"); err != nil {
		return err
	}
	if err := next.Sync(); err != nil {
		return err
	}
	if err := next.Close(); err != nil {
		return err
	}
	return os.Rename(next.Name(), string(f))
}

// memoryCursor is the store of a Syncer that has none.
type memoryCursor struct {
	mu     sync.Mutex
	cursor Cursor
}

func (m *memoryCursor) LoadCursor(context.Context) (Cursor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor, nil
}

func (m *memoryCursor) SaveCursor(_ context.Context, cursor Cursor) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cursor = cursor
	return nil
}
