package axm

import (
	"context"
	"iter"
	"net/url"
	"time"
)

// kindAuditEvents is the type of audit events in documents and paths.
const kindAuditEvents = "auditEvents"

// AuditEvent is something that has happened in the organisation. Every member may be missing, and the
// enumerated ones may have values that are not listed here.
//
// https://developer.apple.com/documentation/applebusinessapi/auditevent
type AuditEvent struct {
	ID        string        `json:"id,omitzero"`
	EventTime Time          `json:"eventDateTime,omitzero"`
	Type      EventType     `json:"type,omitzero"`
	Category  EventCategory `json:"category,omitzero"`
	Outcome   EventOutcome  `json:"outcome,omitzero"`
	GroupID   string        `json:"groupId,omitzero"`

	// Who did it.
	ActorType ActorType `json:"actorType,omitzero"`
	ActorID   string    `json:"actorId,omitzero"`
	ActorName string    `json:"actorName,omitzero"`

	// What it was done to.
	SubjectType SubjectType `json:"subjectType,omitzero"`
	SubjectID   string      `json:"subjectId,omitzero"`
	SubjectName string      `json:"subjectName,omitzero"`

	// Data is what events of this type have of their own, whatever it is called: Apple gives it a name
	// for each type, which is EventDataPropertyKey.
	Data                 EventData `json:"eventData,omitzero"`
	EventDataPropertyKey string    `json:"eventDataPropertyKey,omitzero"`

	// Unknown has Data too if that is no object, or not the only one.
	Unknown Unknown `json:",embed"`
}

// EventCategory is what an event has to do with.
type EventCategory string

// The categories that Apple names.
const (
	CategoryOrganization     EventCategory = "ORGANIZATION"
	CategoryAccountActivity  EventCategory = "ACCOUNT_ACTIVITY"
	CategoryDeviceInventory  EventCategory = "DEVICE_INVENTORY"
	CategoryPurchasing       EventCategory = "PURCHASING"
	CategoryDeviceManagement EventCategory = "DEVICE_MANAGEMENT"
)

// EventOutcome says whether what was tried was done.
type EventOutcome string

// The outcomes that Apple names.
const (
	EventSuccess EventOutcome = "SUCCESS"
	EventFailure EventOutcome = "FAILURE"
)

// ActorType says who causes an event.
type ActorType string

// The types that Apple names.
const (
	ActorUser    ActorType = "USER"
	ActorAPIUser ActorType = "API_USER"
	ActorSystem  ActorType = "SYSTEM"
)

// SubjectType says what an event is about.
type SubjectType string

// The types that Apple names.
const (
	SubjectOrganization            SubjectType = "ORGANIZATION"
	SubjectUser                    SubjectType = "USER"
	SubjectLocation                SubjectType = "LOCATION"
	SubjectDevice                  SubjectType = "DEVICE"
	SubjectCollection              SubjectType = "COLLECTION"
	SubjectDeviceManagementSetting SubjectType = "DEVICE_MANAGEMENT_SETTING"
	SubjectSubscription            SubjectType = "SUBSCRIPTION"
	SubjectDomain                  SubjectType = "DOMAIN"
	SubjectAPIUser                 SubjectType = "API_USER"
)

func (e *AuditEvent) flatten(id string) {
	e.ID = id
	e.takeData()
}

func (e *AuditEvent) unknown() *Unknown { return &e.Unknown }

// AuditFilter says which events are read. Start and End are required.
type AuditFilter struct {
	Start, End time.Time // to the millisecond

	// One of each only; "" is all.
	ActorID   string
	SubjectID string
	Type      EventType
}

// auditTime is how Apple writes points in time. Events have milliseconds.
const auditTime = "2006-01-02T15:04:05.000Z"

func (f *AuditFilter) query() (url.Values, error) {
	switch {
	case f.Start.IsZero():
		return nil, &InputError{Field: "AuditFilter.Start", Rule: "must be set"}
	case f.End.IsZero():
		return nil, &InputError{Field: "AuditFilter.End", Rule: "must be set"}
	case f.End.Before(f.Start):
		return nil, &InputError{Field: "AuditFilter.End", Rule: "must not be before Start"}
	}
	query := url.Values{
		"filter[startTimestamp]": {f.Start.UTC().Format(auditTime)},
		"filter[endTimestamp]":   {f.End.UTC().Format(auditTime)},
	}
	for name, value := range map[string]string{"actorId": f.ActorID, "subjectId": f.SubjectID, "type": string(f.Type)} {
		if value != "" {
			query.Set("filter["+name+"]", value)
		}
	}
	return query, nil
}

// AuditEvents returns an iterator over the events that filter chooses, in Apple's order. It is read as
// [Client.Devices] is; a read is resumed with the same filter. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-audit-events
func (c *Client) AuditEvents(ctx context.Context, filter AuditFilter, options ListOptions) iter.Seq2[AuditEvent, error] {
	return items(c.AuditEventPages(ctx, filter, options))
}

// AuditEventPages is [Client.AuditEvents] by the page.
func (c *Client) AuditEventPages(ctx context.Context, filter AuditFilter, options ListOptions) iter.Seq2[*Page[AuditEvent], error] {
	l := businessList[AuditEvent]("read audit events", kindAuditEvents, options)
	l.query, l.invalid = filter.query()
	return pages(ctx, c, l)
}
