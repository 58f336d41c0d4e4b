package undone

import (
	"errors"
	"io"
	"testing"
)

func TestOf(t *testing.T) {
	parts := func(yield func(string, error) bool) {
		_ = yield("failed", io.EOF) && yield("pending", nil) && yield("failed", io.EOF) && yield("pending", nil)
	}
	err := Of(7, parts)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Undone != 4 || e.Total != 7 || len(e.Reasons) != 2 || !errors.Is(err, io.EOF) {
		t.Fatalf("%#v", err)
	}
	if got, want := err.Error(), "4 of 7 not done: EOF (one of 2 reasons)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	one := Of(2, func(yield func(string, error) bool) { yield("not sent", nil) })
	if got, want := one.Error(), "1 of 2 not done: not sent"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := Of(3, func(func(string, error) bool) {}); err != nil {
		t.Errorf("nothing undone, and %v", err)
	}
}
