package axm

import (
	"context"
	"iter"
)

// kindUsers is the type of users in documents and paths.
const kindUsers = "users"

// User is a person of the organisation. Every member may be missing, and the enumerated ones may have
// values that are not listed here.
//
// https://developer.apple.com/documentation/applebusinessapi/user
type User struct {
	ID                  string     `json:"id,omitzero"`
	FirstName           string     `json:"firstName,omitzero"`
	MiddleName          string     `json:"middleName,omitzero"`
	LastName            string     `json:"lastName,omitzero"`
	Status              UserStatus `json:"status,omitzero"`
	ManagedAppleAccount string     `json:"managedAppleAccount,omitzero"`
	IsExternalUser      bool       `json:"isExternalUser,omitzero"`

	// Roles is what the user may do, and in which organizational unit.
	Roles []UserRole `json:"roleOuList,omitzero"`

	Email          string        `json:"email,omitzero"`
	PhoneNumbers   []PhoneNumber `json:"phoneNumbers,omitzero"`
	EmployeeNumber string        `json:"employeeNumber,omitzero"`
	CostCenter     string        `json:"costCenter,omitzero"`
	Division       string        `json:"division,omitzero"`
	Department     string        `json:"department,omitzero"`
	JobTitle       string        `json:"jobTitle,omitzero"`

	Start   Time `json:"startDateTime,omitzero"` // of the employment
	Created Time `json:"createdDateTime,omitzero"`
	Updated Time `json:"updatedDateTime,omitzero"`

	Unknown Unknown `json:",embed"`
}

// UserStatus is the condition of an account.
type UserStatus string

// The conditions that Apple names.
const (
	UserNew                 UserStatus = "NEW"
	UserReleased            UserStatus = "RELEASED"
	UserActive              UserStatus = "ACTIVE"
	UserDeactivated         UserStatus = "DEACTIVATED"
	UserLocked              UserStatus = "LOCKED"
	UserLockedForSharedIPad UserStatus = "LOCKED_FOR_SHARED_IPAD"
)

// UserRole is a role of a user in an organizational unit.
//
// https://developer.apple.com/documentation/applebusinessapi/userroleoumapping
type UserRole struct {
	RoleName string  `json:"roleName,omitzero"`
	OUID     string  `json:"ouId,omitzero"` // of the [OrganizationalUnit]
	Unknown  Unknown `json:",embed"`
}

// PhoneNumber is a phone number of a user.
//
// https://developer.apple.com/documentation/applebusinessapi/userphonenumber
type PhoneNumber struct {
	Number  string    `json:"phoneNumber,omitzero"`
	Type    PhoneType `json:"type,omitzero"`
	Unknown Unknown   `json:",embed"`
}

// PhoneType says where a phone number reaches somebody.
type PhoneType string

// The types that Apple names.
const (
	PhoneWork   PhoneType = "WORK"
	PhoneHome   PhoneType = "HOME"
	PhoneMobile PhoneType = "MOBILE"
)

func (u *User) flatten(id string) { u.ID = id }
func (u *User) unknown() *Unknown { return &u.Unknown }

// Users returns an iterator over the users of the organisation. It is read as [Client.Devices] is.
// Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-users
func (c *Client) Users(ctx context.Context, options ListOptions) iter.Seq2[User, error] {
	return items(c.UserPages(ctx, options))
}

// UserPages is [Client.Users] by the page.
func (c *Client) UserPages(ctx context.Context, options ListOptions) iter.Seq2[*Page[User], error] {
	return pages(ctx, c, businessList[User]("read users", kindUsers, options))
}

// User reads one user. With fields given, Apple sends these attributes only. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-user-information
func (c *Client) User(ctx context.Context, id string, fields ...string) (*User, error) {
	return businessOne[User](ctx, c, "read user", kindUsers, id, fields)
}
