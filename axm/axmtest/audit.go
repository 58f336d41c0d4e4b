package axmtest

import (
	"maps"
	"strings"
	"time"
)

const auditEvents = "auditEvents"

// AuditEvent is something that has happened in an organisation.
type AuditEvent struct {
	ID          string    // default invented
	Time        time.Time // default now
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

	Extra map[string]any // as in [Device]
}

// subject is what an event is about.
type subject struct{ kind, id, name string }

// happened notes an event.
func (o *Org) happened(at time.Time, kind string, about subject, payload object) {
	e := AuditEvent{
		Time: at, Type: kind, SubjectType: about.kind, SubjectID: about.id, SubjectName: about.name,
		ActorType: "SYSTEM", Category: categoryOf(kind),
	}
	if a := o.actor; a != nil {
		e.ActorType, e.ActorID, e.ActorName = "API_USER", a.opts.ClientID, a.opts.Name
	}
	if payload != nil {
		e.Payload = payload
	}
	o.AuditEvents.add(&e, at)
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

func (e *AuditEvent) ident() *string { return &e.ID }

func (e *AuditEvent) clone() AuditEvent {
	out := *e
	out.Extra = maps.Clone(e.Extra)
	return out
}

func (e *AuditEvent) complete(now time.Time) {
	or(&e.Time, now)
	or(&e.Outcome, "SUCCESS")
	if e.Payload != nil && e.PayloadKey == "" {
		e.PayloadKey = payloadKey(e.Type)
	}
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

func (e *AuditEvent) resource(*call, bool) resource {
	r := resource{kind: auditEvents, id: e.ID, extra: e.Extra, attributes: object{
		{"eventDateTime", formatTime(e.Time)},
		{"type", e.Type},
		{"category", e.Category},
		{"actorType", e.ActorType},
		{"actorId", e.ActorID},
		{"actorName", e.ActorName},
		{"subjectType", e.SubjectType},
		{"subjectId", e.SubjectID},
		{"subjectName", e.SubjectName},
		{"outcome", e.Outcome},
		{"groupId", e.GroupID},
	}}
	if e.Payload != nil {
		r.attributes = append(r.attributes, member{"eventDataPropertyKey", e.PayloadKey}, member{e.PayloadKey, e.Payload})
	}
	return r
}

// listAuditEvents is GET /v1/auditEvents.
func listAuditEvents(c *call) *reply {
	from, rep := c.timestamp("filter[startTimestamp]")
	if rep != nil {
		return rep
	}
	until, rep := c.timestamp("filter[endTimestamp]")
	if rep != nil {
		return rep
	}
	if until.Before(from) {
		return badParameter(codeParamInvalid, "filter[endTimestamp]", "The end is before the start.")
	}
	matches := func(e *AuditEvent) bool {
		return !e.Time.Before(from) && !e.Time.After(until) && c.filter("filter[actorId]", e.ActorID) &&
			c.filter("filter[subjectId]", e.SubjectID) && c.filter("filter[type]", e.Type)
	}
	return page(c, c.org.AuditEvents.table.all(matches), func(e *AuditEvent) object { return c.show(e.resource(c, false)) })
}

// timestamp reads a parameter that must be there.
func (c *call) timestamp(name string) (time.Time, *reply) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, badParameter(codeParamRequired, name, "The parameter '"+name+"' is required.")
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, badParameter(codeParamInvalid, name, "The value is not a date and time of ISO 8601.")
	}
	return t, nil
}

// filter reports whether a value is the one that the client wants, if it wants one.
func (c *call) filter(name, value string) bool {
	want, given := c.query[name]
	return !given || want[0] == value
}
