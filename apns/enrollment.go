package apns

import (
	"fmt"

	"github.com/applemdm/applemdm/internal/field"
)

// EnrollmentType is what a check-in message comes from. Each one has a token of its own.
type EnrollmentType string

// The values read as they do in the tables of NanoMDM.
const (
	EnrollmentDevice               EnrollmentType = "Device"                   // a device, or a Mac, enrolled as such
	EnrollmentUser                 EnrollmentType = "User"                     // a user of a Mac
	EnrollmentUserEnrollmentDevice EnrollmentType = "User Enrollment (Device)" // a personal device
	EnrollmentUserEnrollment       EnrollmentType = "User Enrollment"          // the user of a personal Mac
	EnrollmentSharedIPad           EnrollmentType = "Shared iPad"              // a Managed Apple Account on a Shared iPad
)

// Enrollment says who sent a check-in message. It can be a key of maps.
type Enrollment struct {
	// ID is unique among all enrolments: UDID or EnrollmentID for a device, and that with the user
	// appended ("device:user") for a user. NanoMDM makes its ids the same way. Use it as the key under
	// which a [Target] is stored.
	ID string `json:"id"`
	// Type says which keys the ID is made of.
	Type EnrollmentType `json:"type"`
	// ParentID is the ID of the device if this is a user, and empty if it is a device.
	ParentID string `json:"parent_id,omitzero"`
}

// IsUser reports whether this is a user channel. When its device checks out or authenticates anew, it
// is void too.
func (e Enrollment) IsUser() bool { return e.ParentID != "" }

// sharedIPadUserID is the UserID of every user of every Shared iPad. Who they are stands in
// UserShortName.
const sharedIPadUserID = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"

// Identity holds the keys with which a check-in message says who it is from.
type Identity struct {
	// Enrollment is drawn from the other fields.
	Enrollment Enrollment

	UDID             string // of the device; empty in User Enrollment
	EnrollmentID     string // in place of the UDID in User Enrollment
	EnrollmentUserID string // the user in User Enrollment on a Mac
	UserID           string // of the user; the same for all users of Shared iPads
	UserShortName    string // of the user; on Shared iPads the Managed Apple Account
	UserLongName     string // of the user of a Mac
}

// Sender returns i. All messages have it by embedding, so that a [Checkin] can be asked who sent it.
func (i Identity) Sender() Identity { return i }

// enrollment applies the rules by which Apple's keys identify somebody.
func (i Identity) enrollment() (Enrollment, error) {
	switch {
	case i.UDID != "" && i.UserID == sharedIPadUserID && i.UserShortName == "":
		return Enrollment{}, &field.InputError{Field: "UserShortName",
			Rule: "is missing: the UserID is that of all users of Shared iPads"}
	case i.UDID != "" && i.UserID == sharedIPadUserID:
		return userOf(i.UDID, i.UserShortName, EnrollmentSharedIPad), nil
	case i.UDID != "" && i.UserID != "":
		return userOf(i.UDID, i.UserID, EnrollmentUser), nil
	case i.UDID != "":
		return Enrollment{ID: i.UDID, Type: EnrollmentDevice}, nil
	case i.EnrollmentID != "" && i.EnrollmentUserID != "":
		return userOf(i.EnrollmentID, i.EnrollmentUserID, EnrollmentUserEnrollment), nil
	case i.EnrollmentID != "":
		return Enrollment{ID: i.EnrollmentID, Type: EnrollmentUserEnrollmentDevice}, nil
	}
	return Enrollment{}, &field.InputError{Field: "UDID", Rule: "is missing, and so is EnrollmentID: the sender is unknown"}
}

func userOf(device, user string, kind EnrollmentType) Enrollment {
	return Enrollment{ID: fmt.Sprintf("%s:%s", device, user), Type: kind, ParentID: device}
}
