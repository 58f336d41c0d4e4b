package axm

import (
	"context"
	"iter"
)

// kindOrganizationalUnits is the type of organizational units in documents and paths.
const kindOrganizationalUnits = "organizationalUnits"

// OrganizationalUnit is a part of the organisation. Every member may be missing. Who belongs to it,
// [Client.OrganizationalUnitUsers] tells; which unit is within which, Apple does not.
//
// https://developer.apple.com/documentation/applebusinessapi/organizationalunit
type OrganizationalUnit struct {
	ID          string  `json:"id,omitzero"`
	Name        string  `json:"name,omitzero"`
	Description string  `json:"description,omitzero"`
	Created     Time    `json:"createdDateTime,omitzero"`
	Updated     Time    `json:"updatedDateTime,omitzero"`
	Unknown     Unknown `json:",embed"`
}

func (u *OrganizationalUnit) flatten(id string) { u.ID = id }
func (u *OrganizationalUnit) unknown() *Unknown { return &u.Unknown }

// OrganizationalUnits returns an iterator over the organizational units. It is read as
// [Client.Devices] is. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-organizational-units
func (c *Client) OrganizationalUnits(ctx context.Context, options ListOptions) iter.Seq2[OrganizationalUnit, error] {
	return items(c.OrganizationalUnitPages(ctx, options))
}

// OrganizationalUnitPages is [Client.OrganizationalUnits] by the page.
func (c *Client) OrganizationalUnitPages(ctx context.Context, options ListOptions) iter.Seq2[*Page[OrganizationalUnit], error] {
	return pages(ctx, c, businessList[OrganizationalUnit]("read organizational units", kindOrganizationalUnits, options))
}

// OrganizationalUnit reads one organizational unit. With fields given, Apple sends these attributes
// only. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-organizationalunit-information
func (c *Client) OrganizationalUnit(ctx context.Context, id string, fields ...string) (*OrganizationalUnit, error) {
	return businessOne[OrganizationalUnit](ctx, c, "read organizational unit", kindOrganizationalUnits, id, fields)
}

// OrganizationalUnitUsers returns an iterator over the IDs of the users that belong to a unit. It is
// read as [Client.Devices] is; there are no fields to choose. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-all-user-ids-for-an-organizationalunit
func (c *Client) OrganizationalUnitUsers(ctx context.Context, unitID string, options ListOptions) iter.Seq2[string, error] {
	return items(c.OrganizationalUnitUserPages(ctx, unitID, options))
}

// OrganizationalUnitUserPages is [Client.OrganizationalUnitUsers] by the page.
func (c *Client) OrganizationalUnitUserPages(ctx context.Context, unitID string, options ListOptions) iter.Seq2[*Page[string], error] {
	return pages(ctx, c, businessLinkages("read users of organizational unit", options, "unitID", kindOrganizationalUnits, unitID, kindUsers))
}
