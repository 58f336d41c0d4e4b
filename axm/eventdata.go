package axm

import (
	"errors"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/lenient"
)

// EventData is what an event has of its own: of each type other members, and of many none. What this
// package has no field for is in Unknown.
type EventData struct {
	// Of devices.
	SerialNumber       string             `json:"serialNumber,omitzero"`
	PurchaseSourceType PurchaseSourceType `json:"purchaseSourceType,omitzero"`
	PurchaseSourceID   string             `json:"purchaseSourceId,omitzero"`
	ReleaseEntityType  ReleaseEntityType  `json:"releaseEntityType,omitzero"` // who released it
	ReleaseEntityID    string             `json:"releaseEntityId,omitzero"`
	TargetServerName   string             `json:"targetServerName,omitzero"`

	// Of purchases and subscriptions.
	SubscriptionID string `json:"subscriptionId,omitzero"`
	PlanCaption    string `json:"planCaption,omitzero"`

	// Of configurations.
	ConfigType    string `json:"configType,omitzero"`
	ConfigID      string `json:"configId,omitzero"`
	ConfigVersion string `json:"configVersion,omitzero"`

	// Of collections, which are blueprints.
	Name        string `json:"name,omitzero"`
	Description string `json:"description,omitzero"`

	// Of users and API accounts.
	AccountRoleLocations    []RoleLocation `json:"accountRoleLocationList,omitzero"`
	APIAccountRoleLocations []RoleLocation `json:"apiAccountRoleLocationList,omitzero"`
	KeyID                   string         `json:"keyId,omitzero"`
	NewName                 string         `json:"newName,omitzero"`

	// Of identity providers and roles.
	VendorName        IdPVendor `json:"vendorName,omitzero"`
	Protocol          string    `json:"protocol,omitzero"`
	ActivityID        string    `json:"activityId,omitzero"` // of a synchronisation of accounts
	PrivilegesAdded   []string  `json:"privilegesAdded,omitzero"`
	PrivilegesRemoved []string  `json:"privilegesRemoved,omitzero"`

	Unknown Unknown `json:",embed"`
}

// RoleLocation is a role at a location.
type RoleLocation struct {
	RoleName   string  `json:"roleName,omitzero"`
	LocationID string  `json:"locationUniqueIdentifier,omitzero"`
	Unknown    Unknown `json:",embed"`
}

// ReleaseEntityType says who released a device from the organisation.
type ReleaseEntityType string

// The entities that Apple names.
const (
	ReleasedByUser        ReleaseEntityType = "USER"
	ReleasedByMDM         ReleaseEntityType = "MDM"
	ReleasedByReseller    ReleaseEntityType = "RESELLER"
	ReleasedByAPI         ReleaseEntityType = "API"
	ReleasedByReplacement ReleaseEntityType = "REPLACEMENT"
)

// IdPVendor is who made an identity provider.
type IdPVendor string

// The vendors that Apple names.
const (
	IdPGoogle        IdPVendor = "GOOGLE"
	IdPMicrosoft     IdPVendor = "MICROSOFT"
	IdPMicrosoftOIDC IdPVendor = "MICROSOFT_OIDC"
	IdPGeneric       IdPVendor = "GENERIC_IDP"
)

// takeData moves the data of the event from the name that Apple gives it to Data. Only objects have a
// place there.
func (e *AuditEvent) takeData() {
	name := e.dataName()
	if name == "" || !reflect.ValueOf(e.Data).IsZero() || e.Unknown["eventData"] != nil {
		return
	}
	var data EventData
	if lenient.Decode(e.Unknown[name], &data, lenientData) != nil {
		return
	}
	e.Data = data
	delete(e.Unknown, name)
	if e.EventDataPropertyKey == "" {
		e.EventDataPropertyKey = name
	}
}

// lenientData takes numbers for texts, which Apple says that versions and identifiers are.
var lenientData = lenient.Record(func(d *EventData) *Unknown { return &d.Unknown }, textOrNumber)

var textOrNumber = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, text *string) error {
	if dec.PeekKind() != jsontext.KindNumber {
		return errors.ErrUnsupported
	}
	number, err := dec.ReadValue()
	*text = string(number)
	return err
})

// dataName returns the name of the member that has the data: the one that the event names, whose case
// may differ, or else the only one that it can be; "" if there is none.
func (e *AuditEvent) dataName() string {
	var candidates []string
	for name, value := range e.Unknown {
		switch {
		case value.Kind() == jsontext.KindNull:
		case strings.EqualFold(name, e.EventDataPropertyKey):
			return name
		case strings.HasPrefix(strings.ToLower(name), "eventdata"):
			candidates = append(candidates, name)
		}
	}
	if len(candidates) != 1 {
		return ""
	}
	return candidates[0]
}
