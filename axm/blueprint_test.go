package axm_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/internal/exchange"
)

// relatedIDs reads a relation.
func relatedIDs(t testing.TB, c *axm.Client, id string, relation axm.BlueprintRelation) []string {
	t.Helper()
	ids, err := exchange.Collect(c.BlueprintRelated(t.Context(), id, relation, axm.ListOptions{}))
	if err != nil {
		t.Error(err)
	}
	return ids
}

func TestBlueprintLifecycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := newBusiness(t), t.Context()
		wanted := axm.BlueprintRelations{
			axm.BlueprintApps: {"1", "2", "none", "none"}, axm.BlueprintPackages: {"p-1"}, axm.BlueprintConfigurations: {"c-1", "c-9"},
			axm.BlueprintDevices: {"ZZ9PLURALA1", "ZZ9PLURALA9"}, axm.BlueprintUserGroups: {"g-1"}, axm.BlueprintUsers: {},
		}
		made, err := s.client.CreateBlueprint(ctx, axm.NewBlueprint{Name: "lab-ipads", Description: "Lab", Relations: wanted})
		if err != nil {
			t.Fatal(err)
		}
		if made.Name != "lab-ipads" || made.Description != "Lab" || made.Status != axm.BlueprintActive || made.ID == "" || made.Created == "" || made.Apps != nil {
			t.Errorf("%+v", made)
		}
		missing, err := s.client.MissingInBlueprint(ctx, made.ID, wanted)
		want := axm.BlueprintRelations{axm.BlueprintApps: {"none"}, axm.BlueprintConfigurations: {"c-9"}, axm.BlueprintDevices: {"ZZ9PLURALA9"}}
		if diff := cmp.Diff(want, missing); diff != "" || err != nil {
			t.Errorf("missing (-want +got):\n%s%v", diff, err)
		}
		if n := s.srv.Count("GET", "/v1/blueprints/*/relationships/*"); n != 5 {
			t.Errorf("%d requests", n)
		}

		if err := s.client.AddToBlueprint(ctx, made.ID, axm.BlueprintUsers, []string{"u-1", "u-2", "u-9"}); err != nil {
			t.Error(err)
		}
		if err := s.client.RemoveFromBlueprint(ctx, made.ID, axm.BlueprintUsers, []string{"u-1"}); err != nil {
			t.Error(err)
		}
		if got := relatedIDs(t, s.client, made.ID, axm.BlueprintUsers); !slices.Equal(got, []string{"u-2"}) {
			t.Errorf("users %q", got)
		}

		changed, err := s.client.UpdateBlueprint(ctx, made.ID, axm.BlueprintUpdate{Description: new(""), Relations: axm.BlueprintRelations{
			axm.BlueprintApps: {"2"}, axm.BlueprintPackages: {}}})
		if err != nil || changed.Name != "lab-ipads" || changed.Description != "" {
			t.Errorf("%+v, %v", changed, err)
		}
		b, _ := s.Blueprints.Get(made.ID)
		if !slices.Equal(b.Apps, []string{"2"}) || len(b.Packages) != 0 || !slices.Equal(b.Configurations, []string{"c-1"}) || !slices.Equal(b.Users, []string{"u-2"}) {
			t.Errorf("%+v", b)
		}

		if err := s.client.DeleteBlueprint(ctx, made.ID); err != nil {
			t.Error(err)
		}
		if _, err := s.client.Blueprint(ctx, made.ID, nil); !errors.Is(err, axm.ErrNotFound) {
			t.Error(err)
		}
		if _, err := s.client.MissingInBlueprint(ctx, made.ID, wanted); !errors.Is(err, axm.ErrNotFound) {
			t.Error(err)
		}
		s.clean(t)
	})
}

// What is included comes with its attributes, as much as was asked for, and says whether there is more.
func TestInclude(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := newBusiness(t), t.Context()
		s.Blueprints.Add(axmtest.Blueprint{ID: "b-2", Name: "all", Apps: []string{"1", "2"}, Packages: []string{"p-1"}, Configurations: []string{"c-1"},
			Devices: []string{"ZZ9PLURALA1", "ZZ9PLURALA2"}, Users: []string{"u-1", "u-2", "u-3"}, UserGroups: []string{"g-1"}})
		everything := axm.BlueprintInclude{axm.BlueprintApps: 0, axm.BlueprintPackages: 0, axm.BlueprintConfigurations: 0,
			axm.BlueprintDevices: 2, axm.BlueprintUsers: 2, axm.BlueprintUserGroups: 0}
		b, err := s.client.Blueprint(ctx, "b-2", everything, "name", "users")
		if err != nil {
			t.Fatal(err)
		}
		if b.Name != "all" || b.Status != "" || b.Apps.Items[1].Name != "Words" || !b.Apps.Items[0].IsCustomApp || b.Packages.Items[0].BundleIDs[0] != "test.example.agent" ||
			b.Configurations.Items[0].Name != "Wifi" || b.Configurations.Items[0].CustomSettingsValues != nil || b.Devices.Items[1].SerialNumber != "ZZ9PLURALA2" ||
			b.UserGroups.Items[0].ID != "g-1" || *b.UserGroups.Items[0].TotalMemberCount != 3 {
			t.Errorf("%s", jsonText(t, b))
		}
		if b.Devices.More || b.Devices.Total != 2 || !b.Users.More || b.Users.Total != 3 || len(b.Users.Items) != 2 || b.Users.Items[0].Roles[0].RoleName != "Staff" {
			t.Errorf("%s", jsonText(t, b))
		}

		some := axm.BlueprintInclude{axm.BlueprintApps: 1}
		list := s.client.Blueprints(ctx, some, axm.ListOptions{PageSize: 1})
		clear(some) // which the list does not see
		all, err := exchange.Collect(list)
		if err != nil || len(all) != 2 || all[0].Apps.More || !all[1].Apps.More || all[1].Apps.Items[0].Name != "Sums" || all[1].Users != nil {
			t.Errorf("%s, %v", jsonText(t, all), err)
		}
		s.clean(t)
	})
}

// Names are Apple's to judge; the check tells before what it has been seen to refuse.
func TestBlueprintNames(t *testing.T) {
	for name, good := range map[string]bool{
		"lab-ipads": true, "Lab2": true, "-": true, "lab ipads": false, "lab_ipads": false, "läb": false, "lab\n": false,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newBusiness(t)
			checked := axm.CheckBlueprintName(name)
			if _, ok := errors.AsType[*axm.InputError](checked); ok == good {
				t.Errorf("%q: %v", name, checked)
			}
			_, err := s.client.UpdateBlueprint(t.Context(), "b-1", axm.BlueprintUpdate{Name: name})
			e, refused := errors.AsType[*axm.Error](err)
			if refused == good || refused && (!errors.Is(err, axm.ErrConflict) || !e.HasCode("ENTITY_ERROR.ATTRIBUTE.INVALID") || e.Items[0].Source.Pointer != "/data/attributes/name") {
				t.Errorf("%q: %v", name, err)
			}
		})
	}
	if err := axm.CheckBlueprintName(""); err == nil || err.Error() != "Name: must not be empty" {
		t.Error(err)
	}
}

// Apple wants something for somebody.
func TestABlueprintOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBusiness(t)
		for code, relations := range map[string]axm.BlueprintRelations{
			"ENTITY_ERROR.MISSING_RESOURCES": {axm.BlueprintUsers: {"u-1"}},
			"ENTITY_ERROR.MISSING_MEMBERS":   {axm.BlueprintApps: {"1"}},
		} {
			_, err := s.client.CreateBlueprint(t.Context(), axm.NewBlueprint{Name: "a", Relations: relations})
			e, ok := errors.AsType[*axm.Error](err)
			if !ok || !errors.Is(err, axm.ErrConflict) || !e.HasCode(code) {
				t.Errorf("%s: %v", code, err)
			}
		}
	})
}

// A removal whose answer gets lost is repeated; an addition is not.
func TestALostAnswerToAChangeOfARelation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := newBusiness(t), t.Context()
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Lose, Path: "/v1/blueprints/b-1/relationships/apps"})
		if err := s.client.RemoveFromBlueprint(ctx, "b-1", axm.BlueprintApps, []string{"1"}); err != nil {
			t.Error(err)
		}
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Lose, Path: "/v1/blueprints/b-1/relationships/apps"})
		err := s.client.AddToBlueprint(ctx, "b-1", axm.BlueprintApps, []string{"2"})
		if line, ok := errors.AsType[*axm.TransportError](err); !ok || !line.Sent {
			t.Error(err)
		}
		if got := relatedIDs(t, s.client, "b-1", axm.BlueprintApps); !slices.Equal(got, []string{"2"}) {
			t.Errorf("apps %q", got)
		}
		const path = "/v1/blueprints/b-1/relationships/apps"
		if s.srv.Count("DELETE", path) != 2 || s.srv.Count("POST", path) != 1 {
			t.Errorf("%d removals and %d additions", s.srv.Count("DELETE", path), s.srv.Count("POST", path))
		}
	})
}
