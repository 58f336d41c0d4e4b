package vpp

import (
	"runtime"
	"sync"
	"weak"
)

// maxEarly bounds what is kept of notices that come before the answer which names their event.
const maxEarly = 100

// notices brings what notifications tell to the operations that wait for it. An operation that
// nobody holds any more is forgotten.
type notices struct {
	mu       sync.Mutex
	waiting  map[string]weak.Pointer[Operation] // by event ID
	arrive   map[NotificationType]bool          // of these, notifications are known to come
	underWay int                                // requests whose answers will name events
	early    []*EventNotice                     // come while there were such requests
}

// noticed tells the operation that waits for the event of n. It never blocks.
func (c *Client) noticed(n *EventNotice) {
	if op := c.notices.take(n); op != nil {
		op.notice(n)
	}
}

// take returns the operation that waits for n, if there is one, and keeps n if there may be soon.
func (s *notices) take(n *EventNotice) *Operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.arrive == nil {
		s.arrive = make(map[NotificationType]bool)
	}
	s.arrive[n.topic()] = true
	if op := s.waiting[n.EventID].Value(); op != nil {
		return op
	}
	if s.underWay > 0 {
		drop := max(len(s.early)+1-maxEarly, 0) // the oldest: the newest may be about what is under way
		s.early = append(s.early[drop:], n)
	}
	return nil
}

// topic returns the type of the notifications in which such a notice comes.
func (n *EventNotice) topic() NotificationType {
	switch {
	case n.Users != nil || n.Type == EventCreate || n.Type == EventUpdate || n.Type == EventRetire:
		return NotificationUserManagement
	case n.SubscriptionAssignments != nil:
		return NotificationSubscriptionManagement
	}
	return NotificationAssetManagement
}

// begin says that a request is sent whose answer will name an event. end must follow.
func (s *notices) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.underWay++
}

func (s *notices) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.underWay--; s.underWay == 0 {
		s.early = nil
	}
}

// wait makes op wait for an event, and tells it what has come already.
func (s *notices) wait(op *Operation, eventID string) {
	for _, n := range s.enter(op, eventID) {
		op.notice(n)
	}
	runtime.AddCleanup(op, s.forget, eventID)
}

func (s *notices) enter(op *Operation, eventID string) (early []*EventNotice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = make(map[string]weak.Pointer[Operation])
	}
	s.waiting[eventID] = weak.Make(op)
	for _, n := range s.early {
		if n.EventID == eventID {
			early = append(early, n)
		}
	}
	return early
}

// forget drops an event whose operation is gone; another may have resumed it.
func (s *notices) forget(eventID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[eventID].Value() == nil {
		delete(s.waiting, eventID)
	}
}

// expected reports whether notifications of that type are known to come.
func (s *notices) expected(topic NotificationType) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrive[topic]
}

// missed notes that one of that type did not come.
func (s *notices) missed(topic NotificationType) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.arrive, topic)
}
