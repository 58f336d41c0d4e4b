package vpp

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

const opEnsure = "ensure a user"

// EnsureUser makes sure that a person has exactly one active user, and returns it. Store the
// ClientUserID that it has: with a Managed Apple Account it can be another one than want has.
//
// Apple allows one active user for each client user ID, and one for each Managed Apple Account. So
// that user is looked for by the account first, as [UserFilter.ManagedAppleAccount] does, and is
// taken whatever its ID; then by the ID, and given the account if it has another one or none; then
// it is created. When Apple says that somebody was quicker (9716, 9635, 9641), the user is looked for
// once more. Without an account, the user returned may still have to be invited: see
// [Client.Invitation]. The e-mail address is used to create it only.
//
// Call it again with the ID that you have stored when Apple does not know that any more
// ([ErrUserNotFound], 9609, from [Client.Associate], say): people are retired elsewhere, and come
// back with another ID.
//
// It costs one request where the user is there already, two or three where its ID is another one.
// To create a user takes about five, and the time that Apple needs to carry it out: see
// [Operation.Wait]. For many people at once read [Client.Users], create those who are missing with
// [Client.CreateUsers], and call EnsureUser for those whose outcome is one of the three numbers.
//
// Errors, beside those of the calls named: [ErrAccountUnusable], for an account that Apple does not
// know or that is of another organisation, and [ErrAccountTaken], if the user that has it cannot be
// found.
//
// https://developer.apple.com/documentation/devicemanagement/managing-users
func (c *Client) EnsureUser(ctx context.Context, want UserRequest) (*User, error) {
	if err := want.check("want"); err != nil {
		return nil, err
	}
	user, change, err := c.resolveUser(ctx, want)
	for again := false; ; again = true {
		if err != nil || user != nil {
			return user, err
		}
		reason := c.changeUser(ctx, change, want)
		switch {
		case reason == nil:
			return c.changedUser(ctx, want.ClientUserID)
		case again || !mayBeThere(reason):
			return nil, reason
		}
		last := change
		if user, change, err = c.resolveUser(ctx, want); err == nil && user == nil && change == last {
			return nil, reason
		}
	}
}

// mayBeThere reports whether a refusal may mean that there is another user than was thought.
func mayBeThere(err error) bool {
	return errors.Is(err, ErrUserExists) || errors.Is(err, ErrUserNotFound) ||
		errors.Is(err, ErrAccountUnusable) || errors.Is(err, ErrAccountTaken)
}

// resolveUser returns the user that want describes, or what has to be done to have it.
func (c *Client) resolveUser(ctx context.Context, want UserRequest) (*User, EventType, error) {
	if want.ManagedAppleAccount != "" {
		user, err := c.userOfAccount(ctx, want)
		if user != nil || err != nil {
			return user, "", err
		}
	}
	user, err := c.activeUser(ctx, want.ClientUserID)
	switch {
	case err != nil:
		return nil, "", err
	case user == nil:
		return nil, EventCreate, nil
	case want.ManagedAppleAccount != "":
		return nil, EventUpdate, nil
	}
	return user, "", nil
}

// activeUser returns the active user of an ID, or nil if there is none.
func (c *Client) activeUser(ctx context.Context, id string) (*User, error) {
	for user, err := range c.Users(ctx, UserFilter{ActiveOnly: true, ClientUserID: id}) {
		if err != nil {
			return nil, err
		}
		if user.ClientUserID == id && user.Status.Active() {
			return &user, nil
		}
	}
	return nil, nil
}

// userOfAccount returns the active user of the account of want, or nil if there is none.
//
// Apple does not document the filter and does not say which account a user has. Should it ignore the
// filter some day, the users of others would come: so there must be one alone, with an account, and
// if it has not the ID that it is expected to have, the filter has to find nobody for an account that
// nobody has.
func (c *Client) userOfAccount(ctx context.Context, want UserRequest) (*User, error) {
	user, alone, err := c.firstOfAccount(ctx, want.ManagedAppleAccount)
	if err != nil || user == nil || !alone || user.Status != UserAssociated {
		return nil, err
	}
	if user.ClientUserID != want.ClientUserID {
		_, domain, _ := strings.Cut(want.ManagedAppleAccount, "@")
		nobody, _, err := c.firstOfAccount(ctx, strings.ToLower(rand.Text())+"@"+domain)
		if err != nil || nobody != nil {
			return nil, err
		}
	}
	return user, nil
}

// firstOfAccount returns the first active user of those that the filter finds, and whether it finds
// no other one.
func (c *Client) firstOfAccount(ctx context.Context, account string) (first *User, alone bool, err error) {
	for user, err := range c.Users(ctx, UserFilter{ActiveOnly: true, ManagedAppleAccount: account}) {
		switch {
		case err != nil:
			return nil, false, err
		case !user.Status.Active():
		case first != nil:
			return first, false, nil
		default:
			first = &user
		}
	}
	return first, true, nil
}

// changeUser creates or updates the user, and returns why it is not done.
func (c *Client) changeUser(ctx context.Context, change EventType, want UserRequest) error {
	call := c.CreateUsers
	if change == EventUpdate {
		call, want.Email = c.UpdateUsers, ""
	}
	op, err := call(ctx, []UserRequest{want})
	if err != nil {
		return err
	}
	result, err := op.Wait(ctx)
	if err != nil {
		return err
	}
	return result.Err()
}

// changedUser reads a user that Apple has just created or updated, which may take a moment to show.
func (c *Client) changedUser(ctx context.Context, id string) (*User, error) {
	for _, pause := range []time.Duration{0, 2 * time.Second, 8 * time.Second} {
		if err := poll.Wait(ctx, pause); err != nil {
			return nil, err
		}
		if user, err := c.activeUser(ctx, id); user != nil || err != nil {
			return user, err
		}
	}
	return nil, incomplete(opEnsure, "the user that was made does not show")
}
