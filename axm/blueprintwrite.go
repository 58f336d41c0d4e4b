package axm

import (
	"context"
	"net/http"

	"github.com/applemdm/applemdm/internal/rest"
)

// NewBlueprint is what a blueprint is made from.
type NewBlueprint struct {
	// Name is required. Apple has been seen to take letters, digits and hyphens only, which
	// [CheckBlueprintName] looks for, although its own samples have spaces.
	Name string

	Description string

	// Relations are what goes to whom. Apple's pages call them optional, but it has been seen to want
	// at least one app, package or configuration, and one device, user or user group, and to answer
	// with [ErrConflict] otherwise; [Error.Items] has codes that end in MISSING_RESOURCES and
	// MISSING_MEMBERS.
	Relations BlueprintRelations
}

// BlueprintUpdate is what is to change of a blueprint. Nil members, and an empty name, leave things as
// they are.
type BlueprintUpdate struct {
	Name        string  // as in NewBlueprint
	Description *string // "" clears it

	// Relations take the place of what there is in the relations that they name; an empty list
	// clears one. To add and to remove see [Client.AddToBlueprint] and [Client.RemoveFromBlueprint].
	Relations BlueprintRelations
}

// blueprintAttributes are those that can be sent.
type blueprintAttributes struct {
	Name        string  `json:"name,omitzero"`
	Description *string `json:"description,omitzero"`
}

// CheckBlueprintName refuses, with an [*InputError], a name of which Apple has been seen to refuse the
// like: one with anything but letters, digits and hyphens. Calls do not apply it, so that they need
// no change when Apple does.
func CheckBlueprintName(name string) error {
	if name == "" {
		return &InputError{Field: "Name", Rule: "must not be empty"}
	}
	for _, r := range name {
		if notInName(r) && r != '-' {
			return &InputError{Field: "Name", Rule: "must have letters of ASCII, digits and hyphens only"}
		}
	}
	return nil
}

// CreateBlueprint makes a blueprint and returns it as Apple does, without its relations. IDs that Apple
// does not know are left out without a word: [Client.MissingInBlueprint] tells which. The request is
// not repeated when its answer gets lost; look for the name before trying again. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/create-a-blueprint
func (c *Client) CreateBlueprint(ctx context.Context, blueprint NewBlueprint) (*Blueprint, error) {
	if blueprint.Name == "" {
		return nil, &InputError{Field: "Name", Rule: "must not be empty"}
	}
	related, err := blueprint.Relations.outgoing()
	if err != nil {
		return nil, err
	}
	attributes := blueprintAttributes{Name: blueprint.Name}
	if blueprint.Description != "" {
		attributes.Description = &blueprint.Description
	}
	return call[Blueprint](ctx, c, request{
		op: "create blueprint", method: http.MethodPost, path: rest.Path{kindBlueprints}, businessOnly: true,
		body: outgoing{outgoingResource{Type: kindBlueprints, Attributes: attributes, Relationships: related}},
	})
}

// UpdateBlueprint changes a blueprint and returns it as it is then, without its relations. IDs that
// Apple does not know are left out without a word: [Client.MissingInBlueprint] tells which. Apple
// Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/update-a-blueprint
func (c *Client) UpdateBlueprint(ctx context.Context, id string, update BlueprintUpdate) (*Blueprint, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	related, err := update.Relations.outgoing()
	if err != nil {
		return nil, err
	}
	resource := outgoingResource{Type: kindBlueprints, ID: id, Relationships: related}
	if attributes := (blueprintAttributes{update.Name, update.Description}); attributes != (blueprintAttributes{}) {
		resource.Attributes = attributes
	} else if len(related) == 0 {
		return nil, &InputError{Field: "update", Rule: "must change something"}
	}
	return call[Blueprint](ctx, c, request{
		op: "update blueprint", method: http.MethodPatch, path: rest.Path{kindBlueprints, id}, businessOnly: true,
		body: outgoing{resource},
	})
}

// DeleteBlueprint deletes a blueprint, but nothing of what it relates. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/delete-a-blueprint
func (c *Client) DeleteBlueprint(ctx context.Context, id string) error {
	if err := checkID("id", id); err != nil {
		return err
	}
	return callNone(ctx, c, request{
		op: "delete blueprint", method: http.MethodDelete, path: rest.Path{kindBlueprints, id}, businessOnly: true,
	})
}
