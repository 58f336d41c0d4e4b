package vpp

import (
	"context"
	"iter"
	"net/url"

	"github.com/applemdm/applemdm/internal/rest"
)

// User is a person to whom the location can assign assets.
//
// https://developer.apple.com/documentation/devicemanagement/responseuser
type User struct {
	// ClientUserID is the ID that the device-management server has given. Any number of retired
	// users may share it with at most one active one.
	ClientUserID string     `json:"clientUserId,omitzero"`
	Email        string     `json:"email,omitzero"`      // Apple sends nothing to it
	IDHash       string     `json:"idHash,omitzero"`     // of the Apple Account: equal hashes are the same account
	InviteCode   string     `json:"inviteCode,omitzero"` // until the invitation is accepted: see [ServiceConfig.InvitationURL]
	Status       UserStatus `json:"status,omitzero"`

	Unknown Unknown `json:",embed"`
}

// UserStatus says how far a user has come.
type UserStatus string

// The conditions that Apple names.
const (
	UserRegistered UserStatus = "Registered" // known, but without an Apple Account: invite
	UserAssociated UserStatus = "Associated" // with an Apple Account
	UserRetired    UserStatus = "Retired"    // gone; keeps what is not revocable
	UserDeleted    UserStatus = "Deleted"    // gone, and the Apple Account is a newer user's
)

// Active reports whether the user is registered or associated.
func (s UserStatus) Active() bool { return s == UserRegistered || s == UserAssociated }

// UserFilter selects users. Zero fields select all, retired ones too.
//
// https://developer.apple.com/documentation/devicemanagement/get-users-4mwln
type UserFilter struct {
	ActiveOnly   bool
	RetiredOnly  bool
	ClientUserID string

	// ManagedAppleAccount finds the user of a Managed Apple Account. Apple does not document this
	// filter (managedAppleId); it is known to work, and is the way to a user whose ID got lost.
	ManagedAppleAccount string

	// SinceVersionID asks for what has changed since [Page.VersionID] of an earlier read with the
	// same filter. Users who left show as retired. When Apple does not know the version, everything
	// comes: see [Page.Delta].
	SinceVersionID string
}

func (f UserFilter) query() url.Values {
	q := query{}
	q.flag("activeOnly", f.ActiveOnly)
	q.flag("retiredOnly", f.RetiredOnly)
	q.text("clientUserId", f.ClientUserID)
	q.text("managedAppleId", f.ManagedAppleAccount)
	return url.Values(q)
}

func (f UserFilter) check() error {
	if f.ActiveOnly && f.RetiredOnly {
		return &InputError{Field: "UserFilter", Rule: "must not have both ActiveOnly and RetiredOnly"}
	}
	return nil
}

type usersAnswer struct {
	pageTail
	Users []User `json:"users"`
}

func (a *usersAnswer) items() []User { return a.Users }

func userList(filter UserFilter) list[User] {
	return list[User]{
		op: "read users", url: URLGetUsers, path: rest.Path{"users"}, query: filter.query(),
		invalid: filter.check(), since: filter.SinceVersionID,
		answer: func() pageAnswer[User] { return new(usersAnswer) },
	}
}

// Users returns an iterator over the users of the location. Cost, memory, errors and lists that
// change are as with [Client.Assets].
//
// https://developer.apple.com/documentation/devicemanagement/get-users-4mwln
func (c *Client) Users(ctx context.Context, filter UserFilter) iter.Seq2[User, error] {
	return items(c.UserPages(ctx, filter))
}

// UserPages is [Client.Users] by the page.
func (c *Client) UserPages(ctx context.Context, filter UserFilter) iter.Seq2[*Page[User], error] {
	return pages(ctx, c, userList(filter))
}
