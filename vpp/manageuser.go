package vpp

import (
	"context"
	"fmt"
	"strings"
)

// UserRequest is a user to be created or updated.
//
// https://developer.apple.com/documentation/devicemanagement/requestuser
type UserRequest struct {
	// ClientUserID is yours to choose: unique in the organisation, for ever that of this person, and
	// no e-mail address, for these are given to others in time. A UUID is good.
	ClientUserID string `json:"clientUserId"`

	// Email is for your own information: Apple sends nothing to it.
	Email string `json:"email,omitzero"`

	// ManagedAppleAccount associates the user at once, without an invitation. It must be one of the
	// organisation of the token, and each can be one user's only; see [ErrAccountUnusable] and
	// [ErrAccountTaken].
	ManagedAppleAccount string `json:"managedAppleId,omitzero"`
}

// CreateUsers creates users. Those without a Managed Apple Account have to be invited: their
// [User.InviteCode] comes with the notification, and [Client.Users] has it. Limits, outcomes and
// errors are as with [Client.Associate].
//
// For an ID that an active user has already, the outcome is [ErrUserExists], unless it may be of this
// very call: when an answer of Apple's gets lost, the request is sent again, and what is there then
// is done. So is a user who is there as asked for where Apple does not say which of several failed.
//
// https://developer.apple.com/documentation/devicemanagement/create-users
func (c *Client) CreateUsers(ctx context.Context, users []UserRequest) (*Operation, error) {
	return c.orderUsers(ctx, EventCreate, users)
}

// UpdateUsers changes the e-mail address and the Managed Apple Account of users; what is empty stays
// as it is. Limits, outcomes and errors are as with [Client.Associate]. For users that are not
// active, the outcome is [ErrUserNotFound].
//
// https://developer.apple.com/documentation/devicemanagement/update-users
func (c *Client) UpdateUsers(ctx context.Context, users []UserRequest) (*Operation, error) {
	return c.orderUsers(ctx, EventUpdate, users)
}

// RetireUsers takes everything back from users but what is not revocable, which is lost to them, and
// parts them from their Apple Accounts. Limits, outcomes and errors are as with [Client.Associate].
// For users that are not active, the outcome is [ErrUserNotFound].
//
// https://developer.apple.com/documentation/devicemanagement/retire-users
func (c *Client) RetireUsers(ctx context.Context, clientUserIDs []string) (*Operation, error) {
	holders, err := userHolders("clientUserIDs", clientUserIDs)
	if err != nil {
		return nil, err
	}
	o := orderFor(EventRetire, false)
	o.targets = holders
	return c.begin(ctx, o)
}

func (c *Client) orderUsers(ctx context.Context, kind EventType, users []UserRequest) (*Operation, error) {
	o := orderFor(kind, false)
	at := make(map[string]int, len(users))
	for i, u := range users {
		name := fmt.Sprintf("users[%d]", i)
		if err := u.check(name); err != nil {
			return nil, err
		}
		first, again := at[u.ClientUserID]
		switch {
		case !again:
			at[u.ClientUserID] = len(o.users)
			o.users = append(o.users, u)
			o.targets = append(o.targets, holder{clientUserID: u.ClientUserID})
		case o.users[first] != u:
			return nil, &InputError{Field: name + ".ClientUserID", Rule: "comes twice, with different members"}
		}
	}
	if len(users) == 0 {
		return nil, &InputError{Field: "users", Rule: "needs at least one user"}
	}
	return c.begin(ctx, o)
}

func (u UserRequest) check(name string) error {
	if err := checkUserID(name+".ClientUserID", u.ClientUserID); err != nil {
		return err
	}
	for member, address := range map[string]string{"Email": u.Email, "ManagedAppleAccount": u.ManagedAppleAccount} {
		if err := checkAddress(name+"."+member, address); err != nil {
			return err
		}
	}
	return nil
}

// checkAddress refuses what cannot be an e-mail address. The rest is Apple's to judge.
func checkAddress(name, address string) error {
	local, domain, _ := strings.Cut(address, "@")
	if address != "" && (local == "" || domain == "" || strings.ContainsAny(address, " \t\r\n")) {
		return &InputError{Field: name, Rule: fmt.Sprintf("is %q; it must look like an e-mail address", address)}
	}
	return nil
}
