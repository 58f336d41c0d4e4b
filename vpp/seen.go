package vpp

import "context"

// maxSeen is how many notifications a [Receiver] remembers.
const maxSeen = 1024

// seen is the notifications that came last, by ID. It is guarded by the mutex of its Receiver.
type seen struct {
	byID  map[string]*seenEntry
	order []string // oldest first
}

// seenEntry is a notification that has come.
type seenEntry struct {
	handled bool
	ended   chan struct{} // closed when the handling under way ends; nil if there is none
}

// entry returns the entry of id, making one, and forgetting the oldest, if there is none. Without an
// ID nothing is remembered.
func (s *seen) entry(id string) *seenEntry {
	if id == "" {
		return new(seenEntry)
	}
	if known := s.byID[id]; known != nil {
		return known
	}
	if s.byID == nil {
		s.byID = make(map[string]*seenEntry)
	}
	e := new(seenEntry)
	s.byID[id] = e
	s.order = append(s.order, id)
	s.forget()
	return e
}

// forget drops what is oldest, but not what is being handled.
func (s *seen) forget() {
	for i := 0; i < len(s.order) && len(s.order) > maxSeen; {
		id := s.order[i]
		if s.byID[id].ended != nil {
			i++
			continue
		}
		delete(s.byID, id)
		s.order = append(s.order[:i], s.order[i+1:]...)
	}
}

// begin reports whether the notification is to be handled now, in which case end must follow. It is
// not if it was handled before. While another copy is being handled, begin waits for what comes of
// that, until ctx ends.
func (r *Receiver) begin(ctx context.Context, id string) (bool, *seenEntry, error) {
	for {
		r.mu.Lock()
		e := r.seen.entry(id)
		under := e.ended
		if under == nil && !e.handled {
			e.ended = make(chan struct{})
		}
		handled := e.handled
		r.mu.Unlock()
		switch {
		case handled:
			return false, e, nil
		case under == nil:
			return true, e, nil
		}
		select {
		case <-under:
		case <-ctx.Done():
			return false, e, ctx.Err()
		}
	}
}

// end notes what came of a notification and lets those who wait for that go on.
func (r *Receiver) end(e *seenEntry, handled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(e.ended)
	e.handled, e.ended = handled, nil
}
