package vpp

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/lenient"
)

// Notification is a message that Apple posts to the URL that [Client.Subscribe] has set. A
// [Receiver] takes them in. Notifications are a hurry-up and no record: they come late, twice, out
// of order, or never.
//
// It can be handed on to another process as JSON: encoding one gives what Apple posted, and decoding
// it is the same as [ParseNotification].
//
// https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications
type Notification struct {
	ID   string           `json:"notificationId,omitzero"` // the same in every copy of it
	Type NotificationType `json:"notificationType"`
	UID  string           `json:"uId,omitzero"` // Apple's number of the location: see [Client.UID]

	// What it tells. The field that belongs to the type is set, whatever Apple left out, and the
	// others are nil; the types that are not named here have Raw only.
	Event             *EventNotice             `json:"-"` // ASSET_MANAGEMENT, USER_MANAGEMENT, SUBSCRIPTION_MANAGEMENT
	AssetCount        *AssetCountChange        `json:"-"` // ASSET_COUNT
	SubscriptionCount *SubscriptionCountChange `json:"-"` // SUBSCRIPTION_COUNT
	AssociatedUsers   []User                   `json:"-"` // USER_ASSOCIATED; Apple's sample still has the InviteCode

	Raw     jsontext.Value `json:"notification,omitzero"` // all of what it tells, as it came
	Unknown Unknown        `json:",embed"`
}

// MarshalJSON writes what [ParseNotification] reads, also for encoding/json.
func (n Notification) MarshalJSON() ([]byte, error) {
	type plain Notification
	return json.Marshal(plain(n))
}

// UnmarshalJSON is [ParseNotification].
func (n *Notification) UnmarshalJSON(data []byte) error {
	parsed, err := ParseNotification(data)
	if err == nil {
		*n = *parsed
	}
	return err
}

// EventNotice tells what became of an event, or of a part of it: Apple names at most 100 assignments
// or users in one notification and sends several of the same EventID when there are more. Successes
// and each kind of failure come apart.
type EventNotice struct {
	EventID string
	Type    EventType
	Result  EventResult
	Err     *Error // why, of a failure; nil otherwise

	// Those it happened to: one of the three, by the type of the notification.
	Assignments             []Assignment
	Users                   []User // with InviteCode or IDHash, where they were created
	SubscriptionAssignments []SubscriptionAssignment

	Unknown Unknown
}

// EventResult says how it went.
type EventResult string

// The results that Apple names.
const (
	ResultSuccess EventResult = "SUCCESS"
	ResultFailure EventResult = "FAILURE"
)

// AssetCountChange tells that licences of an asset came or went: bought, moved, or refunded.
type AssetCountChange struct {
	AdamID       AdamID       `json:"adamId,omitzero"`
	PricingParam PricingParam `json:"pricingParam,omitzero"`
	CountDelta   int          `json:"countDelta,omitzero"` // less than 0 where they went
	Unknown      Unknown      `json:",embed"`
}

// SubscriptionCountChange tells how many seats of a subscription there are now.
type SubscriptionCountChange struct {
	AdamID       AdamNumber         `json:"adamId,omitzero"`
	ParentAdamID AdamNumber         `json:"parentAdamId,omitzero"` // the app; 0 is none
	Counts       SubscriptionCounts `json:"counts,omitzero"`       // Available and Total only
	Unknown      Unknown            `json:",embed"`
}

// maxNotification bounds what is read as a notification. Apple's have at most 100 elements.
const maxNotification = 1 << 20

// ParseNotification reads the body of a notification, which may have up to 1 MiB. It needs nothing
// but the type, known here or not: what is of another form than Apple documents is left in Unknown,
// or in Raw, and does not cost the rest. Errors are [*InputError].
func ParseNotification(data []byte) (*Notification, error) {
	if len(data) > maxNotification {
		return nil, &InputError{Field: "notification", Rule: "is larger than 1 MiB"}
	}
	var members Unknown
	if lenient.Decode(data, &members) != nil {
		return nil, &InputError{Field: "notification", Rule: "is not a JSON object"}
	}
	n := new(Notification)
	if !take(members, "notificationType", &n.Type) || n.Type == "" {
		return nil, &InputError{Field: "notificationType", Rule: "must be a string, and not empty"}
	}
	n.ID, n.UID = takeID(members, "notificationId"), takeID(members, "uId")
	n.Raw = members["notification"]
	delete(members, "notification")
	n.Unknown = orNil(members)
	n.tell()
	return n, nil
}

// tell reads from Raw what is documented of the type.
func (n *Notification) tell() {
	switch n.Type {
	case NotificationAssetManagement, NotificationUserManagement, NotificationSubscriptionManagement:
		n.Event = readEvent(n.Type, n.content())
	case NotificationAssetCount:
		n.AssetCount, _ = decodeRecord[AssetCountChange](n.Raw,
			lenient.Record(func(a *AssetCountChange) *Unknown { return &a.Unknown }))
	case NotificationSubscriptionCount:
		n.SubscriptionCount, _ = decodeRecord[SubscriptionCountChange](n.Raw, seatRecords())
	case NotificationUserAssociated:
		n.AssociatedUsers = takeUsers(n.content(), "associatedUsers")
	}
}

// content returns the members of Raw; none if it is no object.
func (n *Notification) content() Unknown {
	var members Unknown
	if lenient.Decode(n.Raw, &members) != nil {
		return Unknown{}
	}
	return members
}

// readEvent makes an EventNotice from the members of the content.
func readEvent(kind NotificationType, members Unknown) *EventNotice {
	e := &EventNotice{EventID: takeID(members, "eventId")}
	take(members, "type", &e.Type)
	take(members, "result", &e.Result)
	switch kind {
	case NotificationAssetManagement:
		e.Assignments = takeList[Assignment](members, "assignments",
			lenient.Record(func(a *Assignment) *Unknown { return &a.Unknown }))
	case NotificationUserManagement:
		e.Users = takeUsers(members, "users")
	case NotificationSubscriptionManagement:
		e.SubscriptionAssignments = takeList[SubscriptionAssignment](members, "assignments",
			lenient.Record(func(a *SubscriptionAssignment) *Unknown { return &a.Unknown }))
	}
	e.Err = takeReason(members, e)
	e.Unknown = orNil(members)
	return e
}

// errNoReason is in the Error of a failure that came without one.
var errNoReason = errors.New("no reason was given")

// takeReason returns why e failed, or nil if it did not.
func takeReason(members Unknown, e *EventNotice) *Error {
	reason := &Error{Op: e.Type.op(), Err: errNoReason}
	raw := members["error"]
	var said Unknown
	if take(members, "error", &said) && said != nil {
		var r reported
		take(said, "errorNumber", &r.Number)
		take(said, "errorMessage", &r.Message)
		r.Info = said["errorInfo"]
		reason.Body = raw
		if r.Number != 0 || r.Message != "" {
			r.fill(reason)
			return reason
		}
	}
	if e.Result == ResultFailure {
		return reason
	}
	return nil
}

// take decodes a member into v and removes it, or leaves it where it is and returns false.
func take(members Unknown, name string, v any) bool {
	raw, ok := members[name]
	if !ok || raw.Kind() != jsontext.KindNull && lenient.Decode(raw, v) != nil {
		return false
	}
	delete(members, name)
	return true
}

// takeID takes an ID, which may be a number.
func takeID(members Unknown, name string) string {
	var id AdamID // which is read in both spellings
	take(members, name, &id)
	return string(id)
}

func takeUsers(members Unknown, name string) []User {
	return takeList[User](members, name, lenient.Record(func(u *User) *Unknown { return &u.Unknown }))
}

// takeList takes a list of records. What is in it without being one is left out.
func takeList[T any](members Unknown, name string, record *json.Unmarshalers) []T {
	var values []jsontext.Value
	if !take(members, name, &values) {
		return nil
	}
	list := make([]T, 0, len(values))
	for _, value := range values {
		if item, ok := decodeRecord[T](value, record); ok {
			list = append(list, *item)
		}
	}
	return list
}

// decodeRecord decodes an object, of which members that do not fit become unknown ones. The T is the
// zero one if there is no object.
func decodeRecord[T any](value jsontext.Value, record *json.Unmarshalers) (*T, bool) {
	v := new(T)
	if lenient.Decode(value, v, record) != nil {
		return new(T), false
	}
	return v, true
}

// seatRecords keeps what fits of the counts of a subscription.
func seatRecords() *json.Unmarshalers {
	seats := lenient.Record(func(s *SeatCount) *Unknown { return &s.Unknown })
	counts := lenient.Record(func(s *SubscriptionCounts) *Unknown { return &s.Unknown }, seats)
	return lenient.Record(func(s *SubscriptionCountChange) *Unknown { return &s.Unknown }, counts)
}

func orNil(members Unknown) Unknown {
	if len(members) == 0 {
		return nil
	}
	return members
}
