package axmtest

import (
	"strings"
	"time"
)

// AuditEvent is something that has happened in an organisation.
type AuditEvent struct {
	ID          string // default invented
	Time        time.Time
	Type        string
	Category    string
	ActorType   string
	ActorID     string
	ActorName   string
	SubjectType string
	SubjectID   string
	SubjectName string
	Outcome     string // SUCCESS (default), FAILURE
	GroupID     string

	// Payload is what the type has of its own; nil is none. PayloadKey is its name, by default
	// "eventData" and the type in camel case.
	Payload    any
	PayloadKey string

	Extra map[string]any
}

// subject is what an event is about.
type subject struct{ kind, id, name string }

// happened notes an event.
func (o *Org) happened(at time.Time, kind string, about subject, payload object) {
	e := AuditEvent{
		Time: at, Type: kind, SubjectType: about.kind, SubjectID: about.id, SubjectName: about.name,
		ActorType: "SYSTEM", Category: categoryOf(kind),
	}
	if payload != nil {
		e.Payload = payload
	}
	o.addEvent(e)
}

// categoryOf tells the category of the events that this server makes.
func categoryOf(kind string) string {
	switch {
	case strings.HasSuffix(kind, "_ORG"):
		return "DEVICE_INVENTORY"
	case strings.HasPrefix(kind, "API_ACCOUNT_"):
		return "ACCOUNT_ACTIVITY"
	}
	return "DEVICE_MANAGEMENT"
}

func (o *Org) addEvent(e AuditEvent) {
	or(&e.ID, uuidOf("event", o.id, o.s.next()))
	or(&e.Outcome, "SUCCESS")
	if e.Payload != nil && e.PayloadKey == "" {
		e.PayloadKey = payloadKey(e.Type)
	}
	o.audit.put(e.ID, &e)
}

// payloadKey is the name of the payload of a type: DEVICE_ADDED_TO_ORG has eventDataDeviceAddedToOrg.
func payloadKey(kind string) string {
	key := "eventData"
	for word := range strings.SplitSeq(strings.ToLower(kind), "_") {
		if word != "" {
			key += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return key
}
