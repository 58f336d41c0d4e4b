package axm

import (
	"errors"
	"testing"
)

// A list without end takes too long to be read here, so the walk is put just before its cap.
func TestPageCap(t *testing.T) {
	w := &walk[Device]{pages: maxPages, list: list[Device]{op: "read devices"}}
	if _, more, err := w.next(t.Context()); !errors.Is(err, ErrPageCap) || more {
		t.Error(err)
	}
}
