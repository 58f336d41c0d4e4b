package axm

import (
	"context"
	"iter"
	"maps"
	"net/http"

	"github.com/applemdm/applemdm/internal/rest"
)

// kindBlueprints is the type of blueprints in documents and paths.
const kindBlueprints = "blueprints"

// Blueprint says what goes to whom: apps, packages and configurations to devices, users and user
// groups. Every member may be missing, and the enumerated ones may have values that are not listed
// here.
//
// https://developer.apple.com/documentation/applebusinessapi/blueprint
type Blueprint struct {
	ID          string          `json:"id,omitzero"`
	Name        string          `json:"name,omitzero"`
	Description string          `json:"description,omitzero"`
	Status      BlueprintStatus `json:"status,omitzero"`

	// AppLicenseDeficient: there are fewer licences than the apps of the blueprint need.
	AppLicenseDeficient bool `json:"appLicenseDeficient,omitzero"`

	Created Time `json:"createdDateTime,omitzero"`
	Updated Time `json:"updatedDateTime,omitzero"`

	// What was asked for with a [BlueprintInclude], and never nil then; all else is nil.
	Apps           *Related[App]           `json:"apps,omitzero"`
	Packages       *Related[Package]       `json:"packages,omitzero"`
	Configurations *Related[Configuration] `json:"configurations,omitzero"`
	Devices        *Related[Device]        `json:"orgDevices,omitzero"`
	Users          *Related[User]          `json:"users,omitzero"`
	UserGroups     *Related[UserGroup]     `json:"userGroups,omitzero"`

	Unknown Unknown `json:",embed"`
}

// BlueprintStatus is the condition of a blueprint.
type BlueprintStatus string

// The conditions that Apple names.
const (
	BlueprintActive      BlueprintStatus = "ACTIVE"
	BlueprintToBeDeleted BlueprintStatus = "TO_BE_DELETED"
)

func (b *Blueprint) flatten(id string) { b.ID = id }
func (b *Blueprint) unknown() *Unknown { return &b.Unknown }

// Blueprints returns an iterator over the blueprints of the organisation, with what include names;
// nil is nothing. It is read as [Client.Devices] is. With much included, pages become large, and may
// end in [ErrBodyTooLarge]: choose a small [ListOptions.PageSize] then. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-blueprints
func (c *Client) Blueprints(ctx context.Context, include BlueprintInclude, options ListOptions) iter.Seq2[Blueprint, error] {
	return items(c.BlueprintPages(ctx, include, options))
}

// BlueprintPages is [Client.Blueprints] by the page.
func (c *Client) BlueprintPages(ctx context.Context, include BlueprintInclude, options ListOptions) iter.Seq2[*Page[Blueprint], error] {
	include = maps.Clone(include) // callers may change theirs while the list is read
	options.Fields = include.fields(options.Fields)
	l := businessList[Blueprint]("read blueprints", kindBlueprints, options)
	l.query, l.invalid = include.query()
	if len(include) > 0 {
		l.decode = include.decodePage
	}
	return pages(ctx, c, l)
}

// Blueprint reads one blueprint, with what include names; nil is nothing. With fields given, Apple
// sends these attributes only. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-blueprint-information
func (c *Client) Blueprint(ctx context.Context, id string, include BlueprintInclude, fields ...string) (*Blueprint, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	query, err := fieldsQuery(kindBlueprints, include.fields(fields))
	if err != nil {
		return nil, err
	}
	related, err := include.query()
	if err != nil {
		return nil, err
	}
	maps.Copy(query, related)
	r := request{
		op: "read blueprint", method: http.MethodGet, path: rest.Path{kindBlueprints, id}, query: query, businessOnly: true,
	}
	if len(include) == 0 {
		return call[Blueprint](ctx, c, r)
	}
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return include.decodeBlueprint(r.op, resp)
}
