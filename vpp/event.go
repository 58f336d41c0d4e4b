package vpp

import (
	"context"
	"net/http"
	"net/url"

	"github.com/applemdm/applemdm/internal/rest"
)

// EventType is what an event does. Those about subscriptions are EventAssociate and
// EventDisassociate too.
type EventType string

// The types that Apple names.
const (
	EventAssociate    EventType = "ASSOCIATE"
	EventDisassociate EventType = "DISASSOCIATE"
	EventRevoke       EventType = "REVOKE"
	EventCreate       EventType = "CREATE"
	EventUpdate       EventType = "UPDATE"
	EventRetire       EventType = "RETIRE"
)

// EventState is how far an event has come.
type EventState string

// The states that Apple names.
const (
	EventPending  EventState = "PENDING"
	EventComplete EventState = "COMPLETE" // everything is done
	EventFailed   EventState = "FAILED"   // something failed; the rest is done
)

// EventStatus is what Apple says of an event. A task is one asset for one user or device, or one
// user.
//
// https://developer.apple.com/documentation/devicemanagement/statusresponse
type EventStatus struct {
	State     EventState
	Type      EventType
	Requested int      // tasks
	Completed int      // tasks
	Failures  []*Error // one at least of an event that failed; [Error.Info] may name the tasks, or be empty
}

// EventStatus asks what became of an event: one request. An [Operation] does so by itself; this is
// for event IDs that came from elsewhere. For an event that Apple does not know, or not any more, the
// error is [ErrEvent].
//
// Apple wants to be asked only when no notification has come for 5 minutes, and not more often than
// every 30 seconds while the event is pending.
//
// https://developer.apple.com/documentation/devicemanagement/events-status
func (c *Client) EventStatus(ctx context.Context, eventID string) (*EventStatus, error) {
	if eventID == "" {
		return nil, &InputError{Field: "eventID", Rule: "must not be empty"}
	}
	answer := new(statusAnswer)
	err := c.call(ctx, request{
		op: opStatus, method: http.MethodGet, url: URLEventStatus, path: rest.Path{"status"},
		query: url.Values{"eventId": {eventID}}, repeatable: true,
	}, answer)
	if err == nil && answer.State == "" {
		err = incomplete(opStatus, "it has no status")
	}
	if err != nil {
		return nil, err
	}
	return answer.status(), nil
}

const opStatus = "read the status of an event"

type statusAnswer struct {
	envelope
	State     EventState `json:"eventStatus"`
	Type      EventType  `json:"eventType"`
	Requested int        `json:"numRequested"`
	Completed int        `json:"numCompleted"`
	Failures  []reported `json:"failures"`
}

func (a *statusAnswer) status() *EventStatus {
	s := &EventStatus{State: a.State, Type: a.Type, Requested: a.Requested, Completed: a.Completed}
	failures := a.Failures
	if a.State == EventFailed && len(failures) == 0 {
		failures = make([]reported, 1)
	}
	for _, r := range failures {
		e := &Error{Op: a.Type.op()}
		if r.fill(e); r.Number == 0 && r.Message == "" {
			e.Err = errNoReason
		}
		s.Failures = append(s.Failures, e)
	}
	return s
}

// op says in words what an event of the type is for.
func (t EventType) op() string {
	switch t {
	case EventAssociate:
		return "associate"
	case EventDisassociate:
		return "disassociate"
	case EventRevoke:
		return "revoke assets"
	case EventCreate:
		return "create users"
	case EventUpdate:
		return "update users"
	case EventRetire:
		return "retire users"
	}
	return "event"
}
