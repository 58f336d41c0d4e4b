package vpp

import (
	"context"
	"errors"
	"fmt"
)

// InvitationProgram is the ProgramID of the MDM command InviteToProgram that asks for the acceptance
// of an invitation. Its other key is InvitationURL, which takes what [Client.Invitation] returns. The
// command works on iOS, and on macOS for users; not on devices enrolled with an account. That it is
// acknowledged does not mean that the invitation is accepted: a [NotificationUserAssociated] does.
//
// https://developer.apple.com/documentation/devicemanagement/invite-to-program-command
const InvitationProgram = "com.apple.cloudvpp"

// ErrNoInvitation: the user has an Apple Account already, so there is nothing to accept.
var ErrNoInvitation = errors.New("the user needs no invitation")

const opInvite = "invite a user"

// Invitation returns the address at which a registered user accepts the invitation, with any Apple
// Account: whoever opens it first gets what the location assigns to the user. Apple sends no mail;
// send the address yourself, or with the MDM command InviteToProgram (see [InvitationProgram]).
//
// It costs one request, or none more than [ServiceConfig.InvitationURL] where the invite code is
// known, from a notification say. Errors: [ErrUserNotFound] where there is no active user of that ID,
// [ErrNoInvitation] where it is associated already, or has a Managed Apple Account, which comes to
// the same.
//
// https://developer.apple.com/documentation/devicemanagement/managing-users
func (c *Client) Invitation(ctx context.Context, clientUserID string) (string, error) {
	if err := checkUserID("clientUserID", clientUserID); err != nil {
		return "", err
	}
	service, err := c.currentConfig(ctx)
	if err != nil {
		return "", err
	}
	user, err := c.activeUser(ctx, clientUserID)
	switch {
	case err != nil:
		return "", err
	case user == nil:
		return "", fmt.Errorf("%s: %w", opInvite, ErrUserNotFound)
	case user.Status == UserAssociated:
		return "", fmt.Errorf("%s: %w", opInvite, ErrNoInvitation)
	case user.InviteCode == "":
		return "", incomplete(opInvite, "the user has no invite code")
	}
	address := service.config.InvitationURL(user.InviteCode)
	if address == "" {
		return "", incomplete(opInvite, "the service publishes no address")
	}
	return address, nil
}
