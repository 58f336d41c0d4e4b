// Package undone tells of work that is done in part.
package undone

import (
	"errors"
	"fmt"
	"iter"
)

// Error says that a part of the work is not done. It is each of its reasons.
type Error struct {
	Undone, Total int
	Reasons       []error // each once, by its text; at least one
}

// Of returns nil if all of total is done, and otherwise an *Error. undone has the status of each part
// that is not, and why; where nothing says why, the status does.
func Of(total int, undone iter.Seq2[string, error]) error {
	e := &Error{Total: total}
	said := map[string]bool{}
	for status, reason := range undone {
		e.Undone++
		if reason == nil {
			reason = errors.New(status)
		}
		if text := reason.Error(); !said[text] {
			said[text] = true
			e.Reasons = append(e.Reasons, reason)
		}
	}
	if e.Undone == 0 {
		return nil
	}
	return e
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%d of %d not done: %v", e.Undone, e.Total, e.Reasons[0])
	if n := len(e.Reasons); n > 1 {
		text += fmt.Sprintf(" (one of %d reasons)", n)
	}
	return text
}

func (e *Error) Unwrap() []error { return e.Reasons }
