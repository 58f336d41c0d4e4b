package axm_test

import (
	"context"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/internal/exchange"
)

func updateBlueprint(change axm.BlueprintUpdate) func(context.Context, *axm.Client) (any, error) {
	return func(ctx context.Context, c *axm.Client) (any, error) {
		return exchange.Value(c.UpdateBlueprint(ctx, "b-1", change))
	}
}

func blueprintReplays() []replay {
	return []replay{
		{"blueprints/list",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.Blueprints(ctx, nil, axm.ListOptions{}))
			},
			[]axm.Blueprint{
				{ID: "b-1", Name: "lab-ipads", Description: "Lab", Status: axm.BlueprintActive, AppLicenseDeficient: true,
					Created: "2026-01-01T00:00:00.000Z", Updated: "2026-01-02T00:00:00.000Z"},
				{ID: "b-2", Name: "old", Status: axm.BlueprintToBeDeleted, Unknown: raw("color", `"red"`)},
			}, nil},
		{"blueprints/list with what is related",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Values(c.BlueprintPages(ctx, axm.BlueprintInclude{axm.BlueprintDevices: 1, axm.BlueprintApps: 0},
					axm.ListOptions{PageSize: 2, Fields: []string{"name", "apps"}}))
			},
			[]axm.Page[axm.Blueprint]{
				{Begins: true, Cursor: "n", Items: []axm.Blueprint{
					{ID: "b-1", Name: "lab-ipads",
						Apps:    &axm.Related[axm.App]{Total: 2, Items: []axm.App{{ID: "361300000", Name: "Sums", Unknown: raw("rating", "5")}, {ID: "361300001"}}},
						Devices: &axm.Related[axm.Device]{Total: 9, More: true, Items: []axm.Device{{ID: "ZZ9PLURALA1", SerialNumber: "ZZ9PLURALA1", IMEI: []string{"35"}, Unknown: raw("color", "1")}}}},
					{ID: "b-2", Unknown: raw("name", "5"),
						Apps:    &axm.Related[axm.App]{More: true, Items: []axm.App{{ID: "361300000", Name: "Sums", Unknown: raw("rating", "5")}}},
						Devices: &axm.Related[axm.Device]{Items: []axm.Device{}}},
				}},
				{Completes: true, Items: []axm.Blueprint{
					{ID: "b-3", Unknown: axm.Unknown{}, Apps: &axm.Related[axm.App]{More: true}, Devices: &axm.Related[axm.Device]{More: true}}}},
			}, nil},
		{"blueprints/one",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.Blueprint(ctx, "b-1", nil, "name", "status"))
			},
			axm.Blueprint{ID: "b-1", Name: "lab-ipads", Status: axm.BlueprintActive}, nil},
		{"blueprints/one with all that is related",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.Blueprint(ctx, "b-1", axm.BlueprintInclude{axm.BlueprintApps: 0, axm.BlueprintPackages: 1000, axm.BlueprintConfigurations: 0,
					axm.BlueprintDevices: 0, axm.BlueprintUsers: 0, axm.BlueprintUserGroups: 0}))
			},
			axm.Blueprint{ID: "b-1", Name: "lab-ipads",
				Apps:           &axm.Related[axm.App]{Total: 1, Items: []axm.App{{ID: "361300000", Name: "Sums"}}},
				Packages:       &axm.Related[axm.Package]{More: true, Items: []axm.Package{{ID: "p-1", Name: "Agent"}}},
				Configurations: &axm.Related[axm.Configuration]{Items: []axm.Configuration{{ID: "c-1", Type: axm.ConfigurationVPN}}},
				Devices:        &axm.Related[axm.Device]{Total: 1, Items: []axm.Device{{ID: "ZZ9PLURALA1", Status: axm.DeviceAssigned}}},
				Users:          &axm.Related[axm.User]{Items: []axm.User{{ID: "u-77", FirstName: "Ada"}, {ID: "u-78"}}},
				UserGroups:     &axm.Related[axm.UserGroup]{More: true},
			}, nil},
		{"blueprints/create",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.CreateBlueprint(ctx, axm.NewBlueprint{Name: "lab-ipads", Description: "Lab", Relations: axm.BlueprintRelations{
					axm.BlueprintApps: {"361300000", "361300000"}, axm.BlueprintDevices: {"ZZ9PLURALA1", "ZZ9PLURALA1"}}}))
			},
			axm.Blueprint{ID: "b-1", Name: "lab-ipads", Description: "Lab", Status: axm.BlueprintActive,
				Created: "2026-01-01T00:00:00.000Z", Updated: "2026-01-01T00:00:00.000Z"}, nil},
		{"blueprints/create without members",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.CreateBlueprint(ctx, axm.NewBlueprint{Name: "Lab iPads"}))
			},
			nil, &wireError{status: 409, is: axm.ErrConflict, op: "create blueprint", items: []axm.ErrorItem{{
				ID: "5d0f", Status: "409", Code: "ENTITY_ERROR.MISSING_MEMBERS", Title: "t", Detail: "d"}}}},
		{"blueprints/update",
			updateBlueprint(axm.BlueprintUpdate{Name: "lab", Description: new(""), Relations: axm.BlueprintRelations{
				axm.BlueprintUsers: {"u-77", "u-78"}, axm.BlueprintApps: nil}}),
			axm.Blueprint{ID: "b-1", Name: "lab", Status: axm.BlueprintActive}, nil},
		{"blueprints/clear a relation",
			updateBlueprint(axm.BlueprintUpdate{Relations: axm.BlueprintRelations{axm.BlueprintDevices: {}}}), axm.Blueprint{ID: "b-1", Name: "lab"}, nil},
		{"blueprints/rename", updateBlueprint(axm.BlueprintUpdate{Name: "new"}), axm.Blueprint{ID: "b-1", Name: "new"}, nil},
		{"blueprints/delete",
			func(ctx context.Context, c *axm.Client) (any, error) { return nil, c.DeleteBlueprint(ctx, "b-1") }, nil, nil},
	}
}

// relationReplays list, add to and remove from each of the relations.
func relationReplays() []replay {
	replays := []replay{{"blueprints/a relation that the role must not read",
		func(ctx context.Context, c *axm.Client) (any, error) {
			return exchange.Collect(c.BlueprintRelated(ctx, "b-1", axm.BlueprintUsers, axm.ListOptions{}))
		},
		[]string(nil), &wireError{status: 403, is: axm.ErrForbidden, op: "read users of blueprint", items: []axm.ErrorItem{{
			ID: "f2", Status: "403", Code: "FORBIDDEN_ERROR", Title: "t", Detail: "d"}}}}}
	for relation, id := range map[axm.BlueprintRelation]string{
		axm.BlueprintApps: "361300000", axm.BlueprintPackages: "p-1", axm.BlueprintConfigurations: "c-1",
		axm.BlueprintDevices: "ZZ9PLURALA1", axm.BlueprintUsers: "u-77", axm.BlueprintUserGroups: "g-1",
	} {
		replays = append(replays,
			replay{"blueprints/" + string(relation),
				func(ctx context.Context, c *axm.Client) (any, error) {
					return exchange.Values(c.BlueprintRelatedPages(ctx, "b-1", relation, axm.ListOptions{PageSize: 1}))
				},
				[]axm.Page[string]{{Items: []string{id}, Cursor: "MDow", Begins: true}, {Items: []string{"X2"}, Completes: true}}, nil},
			replay{"blueprints/add " + string(relation),
				func(ctx context.Context, c *axm.Client) (any, error) {
					return nil, c.AddToBlueprint(ctx, "b-1", relation, []string{id, "X2", id})
				}, nil, nil},
			replay{"blueprints/remove " + string(relation),
				func(ctx context.Context, c *axm.Client) (any, error) {
					return nil, c.RemoveFromBlueprint(ctx, "b-1", relation, []string{id})
				}, nil, nil})
	}
	return replays
}
