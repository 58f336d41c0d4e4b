package legacy

import (
	"context"
	"iter"

	"github.com/applemdm/applemdm/vpp"
)

// User is a record of a person to whom assets can be assigned.
//
// https://developer.apple.com/documentation/devicemanagement/vppuser
type User struct {
	UserID int64 `json:"userId,omitzero"` // Apple's, of the record; the person may get another one

	// ClientUserID is the ID that the device-management server has given. Any number of retired
	// records may share it with at most one active one.
	ClientUserID string         `json:"clientUserIdStr,omitzero"`
	Email        string         `json:"email,omitzero"`     // Apple sends nothing to it
	IDHash       string         `json:"itsIdHash,omitzero"` // of the Apple Account: equal hashes are the same account
	Status       vpp.UserStatus `json:"status,omitzero"`

	// Until the invitation is accepted.
	InviteCode string `json:"inviteCode,omitzero"`
	InviteURL  string `json:"inviteUrl,omitzero"`

	Licenses []License `json:"licenses,omitzero"` // not in lists

	Unknown vpp.Unknown `json:",embed"`
}

// UserKey names a user by one of both IDs.
type UserKey struct {
	// ClientUserID finds the active record of a person.
	ClientUserID string `json:"clientUserIdStr,omitzero"`

	// IDHash with ClientUserID finds the record with that Apple Account, retired ones too.
	IDHash string `json:"itsIdHash,omitzero"`

	// UserID finds one record, whatever has become of it.
	UserID int64 `json:"userId,omitzero"`
}

func (k UserKey) check() error {
	switch {
	case k.UserID < 0:
		return &vpp.InputError{Field: "UserKey.UserID", Rule: "must not be negative"}
	case (k.UserID == 0) == (k.ClientUserID == ""):
		return &vpp.InputError{Field: "UserKey", Rule: "must have one of ClientUserID and UserID"}
	case k.IDHash != "" && k.ClientUserID == "":
		return &vpp.InputError{Field: "UserKey.IDHash", Rule: "goes with ClientUserID only"}
	}
	return nil
}

// UserChange is what can be changed of a user; "" leaves it.
type UserChange struct {
	Email               string `json:"email,omitzero"`
	ManagedAppleAccount string `json:"managedAppleIDStr,omitzero"` // as in [vpp.UserRequest]
}

type userAnswer struct {
	envelope
	User *User `json:"user"`
}

// callUser makes a call that answers with a user.
func (c *Client) callUser(ctx context.Context, op, service string, body any) (*User, error) {
	answer := new(userAnswer)
	if err := c.call(ctx, request{op: op, service: service, body: body}, answer); err != nil {
		return nil, err
	}
	if answer.User == nil {
		return nil, incomplete(op, "it holds no user")
	}
	return answer.User, nil
}

// RegisterUser registers a user, or returns the one who is active under that ID. A user who was
// retired and never had an Apple Account is registered again; one who had gets a new record, and the
// old one back if the new invitation is accepted with the same account. It costs one request.
//
// Without a Managed Apple Account send [User.InviteURL] to the person; Apple does not. An account of
// another organisation is [vpp.ErrAccountUnusable], one that another user has [vpp.ErrAccountTaken].
//
// https://developer.apple.com/documentation/devicemanagement/register-a-user
func (c *Client) RegisterUser(ctx context.Context, user vpp.UserRequest) (*User, error) {
	if user.ClientUserID == "" {
		return nil, &vpp.InputError{Field: "UserRequest.ClientUserID", Rule: "must not be empty"}
	}
	return c.callUser(ctx, "register the user", serviceRegisterUser, struct {
		UserKey
		UserChange
	}{UserKey{ClientUserID: user.ClientUserID}, UserChange{user.Email, user.ManagedAppleAccount}})
}

// User returns a user with the licences that it holds: one request. Nobody of that name is
// [ErrNotFound].
//
// https://developer.apple.com/documentation/devicemanagement/get-a-user
func (c *Client) User(ctx context.Context, key UserKey) (*User, error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	return c.callUser(ctx, "read the user", serviceGetUser, key)
}

// EditUser changes a user: one request.
//
// https://developer.apple.com/documentation/devicemanagement/edit-a-user
func (c *Client) EditUser(ctx context.Context, key UserKey, change UserChange) (*User, error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	if change == (UserChange{}) {
		return nil, &vpp.InputError{Field: "UserChange", Rule: "must change something"}
	}
	return c.callUser(ctx, "edit the user", serviceEditUser, struct {
		UserKey
		UserChange
	}{key, change})
}

// RetireUser ends the association of a user with its Apple Account and takes back the licences that
// can be: one request. The answer has those that cannot, books.
//
// [ErrUserRetired] and [vpp.ErrUserNotFound] say that there is no such active user (any more). Take
// both as done: an attempt whose answer got lost may have been the one that did it.
//
// https://developer.apple.com/documentation/devicemanagement/retire-a-user
func (c *Client) RetireUser(ctx context.Context, key UserKey) (*User, error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	if key.IDHash != "" {
		return nil, &vpp.InputError{Field: "UserKey.IDHash", Rule: "is not for retiring"}
	}
	return c.callUser(ctx, "retire the user", serviceRetireUser, key)
}

// UserFilter selects users. The zero value selects the active ones.
//
// https://developer.apple.com/documentation/devicemanagement/get-users-5boi1
type UserFilter struct {
	IncludeRetired bool
	RetiredOnly    bool

	// SinceModifiedToken asks for what has changed since [Page.SinceModifiedToken] of an earlier
	// read. When Apple does not take it any more, after a renewal of the content token for one,
	// everything comes: see [Page.Delta].
	SinceModifiedToken string
}

func (f UserFilter) check() error {
	if f.IncludeRetired && f.RetiredOnly {
		return &vpp.InputError{Field: "UserFilter", Rule: "must not have both IncludeRetired and RetiredOnly"}
	}
	return nil
}

type usersRequest struct {
	IncludeRetired     int  `json:"includeRetired,omitzero"`
	IncludeRetiredOnly bool `json:"includeRetiredOnly,omitzero"`
	batchRequest
}

type usersAnswer struct {
	batchTail
	Users []User `json:"users"`
}

func (a *usersAnswer) items() []User { return a.Users }

func userList(filter UserFilter) list[User] {
	return list[User]{
		op: "read users", service: serviceGetUsers, invalid: filter.check(), since: filter.SinceModifiedToken,
		body: func(batch batchRequest) any {
			r := usersRequest{IncludeRetiredOnly: filter.RetiredOnly, batchRequest: batch}
			if filter.IncludeRetired {
				r.IncludeRetired = 1
			}
			return r
		},
		answer: func() batchAnswer[User] { return new(usersAnswer) },
	}
}

// Users returns an iterator over the users, without their licences. It costs a request for each
// batch, whose size Apple decides (some hundreds), reads one ahead of the caller, and keeps two in
// memory, whatever the length of the list. Each range starts afresh; an error comes once, last, with
// the zero User.
//
// When Apple loses the list while it is read, it begins again and users come twice; [Client.UserPages]
// shows where. When it has been lost four times, the error is [ErrBatchLost].
//
// https://developer.apple.com/documentation/devicemanagement/get-users-5boi1
func (c *Client) Users(ctx context.Context, filter UserFilter) iter.Seq2[User, error] {
	return items(c.UserPages(ctx, filter))
}

// UserPages is [Client.Users] by the batch.
//
// https://developer.apple.com/documentation/devicemanagement/retrieving-a-large-record-set
func (c *Client) UserPages(ctx context.Context, filter UserFilter) iter.Seq2[*Page[User], error] {
	return pages(ctx, c, userList(filter))
}
