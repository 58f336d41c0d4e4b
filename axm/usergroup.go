package axm

import (
	"context"
	"iter"
)

// kindUserGroups is the type of user groups in documents and paths.
const kindUserGroups = "userGroups"

// UserGroup is a group of users. Every member may be missing, and the enumerated ones may have values
// that are not listed here. Who is in it, [Client.UserGroupUsers] tells.
//
// https://developer.apple.com/documentation/applebusinessapi/usergroup
type UserGroup struct {
	ID               string          `json:"id,omitzero"`
	OUID             string          `json:"ouId,omitzero"` // of the [OrganizationalUnit]
	Name             string          `json:"name,omitzero"`
	Type             UserGroupType   `json:"type,omitzero"`
	Status           UserGroupStatus `json:"status,omitzero"`
	TotalMemberCount *int            `json:"totalMemberCount,omitzero"` // nil if Apple does not say
	Created          Time            `json:"createdDateTime,omitzero"`
	Updated          Time            `json:"updatedDateTime,omitzero"`
	Unknown          Unknown         `json:",embed"`
}

// UserGroupType says how users come into a group.
type UserGroupType string

// The types that Apple names.
const (
	UserGroupStandard UserGroupType = "STANDARD" // somebody puts them there
	UserGroupSmart    UserGroupType = "SMART"    // by rules
)

// UserGroupStatus is the condition of a group.
type UserGroupStatus string

// UserGroupActive is the one condition that Apple names.
const UserGroupActive UserGroupStatus = "ACTIVE"

func (g *UserGroup) flatten(id string) { g.ID = id }
func (g *UserGroup) unknown() *Unknown { return &g.Unknown }

// UserGroups returns an iterator over the user groups of the organisation. It is read as
// [Client.Devices] is. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-user-groups
func (c *Client) UserGroups(ctx context.Context, options ListOptions) iter.Seq2[UserGroup, error] {
	return items(c.UserGroupPages(ctx, options))
}

// UserGroupPages is [Client.UserGroups] by the page.
func (c *Client) UserGroupPages(ctx context.Context, options ListOptions) iter.Seq2[*Page[UserGroup], error] {
	return pages(ctx, c, businessList[UserGroup]("read user groups", kindUserGroups, options))
}

// UserGroup reads one user group. With fields given, Apple sends these attributes only. Apple
// Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-usergroup-information
func (c *Client) UserGroup(ctx context.Context, id string, fields ...string) (*UserGroup, error) {
	return businessOne[UserGroup](ctx, c, "read user group", kindUserGroups, id, fields)
}

// UserGroupUsers returns an iterator over the IDs of the users in a group. It is read as
// [Client.Devices] is; there are no fields to choose. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-all-user-ids-for-a-user-group
func (c *Client) UserGroupUsers(ctx context.Context, groupID string, options ListOptions) iter.Seq2[string, error] {
	return items(c.UserGroupUserPages(ctx, groupID, options))
}

// UserGroupUserPages is [Client.UserGroupUsers] by the page.
func (c *Client) UserGroupUserPages(ctx context.Context, groupID string, options ListOptions) iter.Seq2[*Page[string], error] {
	return pages(ctx, c, businessLinkages("read users of group", options, "groupID", kindUserGroups, groupID, kindUsers))
}
