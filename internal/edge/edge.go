// Package edge reports changes of a state, each once.
package edge

import "sync"

// Watch remembers a state and tells a function when it becomes another one.
//
// Calls of the function never overlap and come in the order of the changes, without a lock held:
// it may call anything, the Watch included. A goroutine that sets a state while the function runs
// does not wait for it.
type Watch[S any] struct {
	same   func(a, b S) bool
	notify func(S)

	mu      sync.Mutex
	state   S
	pending []S
	telling bool
}

// NewWatch returns a Watch that starts with the zero state. same decides what is no change. A nil
// notify makes a Watch that only remembers.
func NewWatch[S any](same func(a, b S) bool, notify func(S)) *Watch[S] {
	return &Watch[S]{same: same, notify: notify}
}

// State returns the state set last.
func (w *Watch[S]) State() S {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// Set makes state the current one, and tells of it if it is a change.
func (w *Watch[S]) Set(state S) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.same(w.state, state) {
		return
	}
	w.state = state
	if w.notify == nil {
		return
	}
	w.pending = append(w.pending, state)
	if w.telling {
		return
	}
	w.telling = true
	defer func() { w.telling = false }()
	for len(w.pending) > 0 {
		next := w.pending[0]
		w.pending = w.pending[1:]
		w.tell(next)
	}
}

// tell calls notify without the lock, and takes it again even when notify panics.
func (w *Watch[S]) tell(state S) {
	w.mu.Unlock()
	defer w.mu.Lock()
	w.notify(state)
}
