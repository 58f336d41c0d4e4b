package axm

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/rest"
)

// BlueprintRelation is one of the six relations of blueprints, by Apple's name for what it relates.
type BlueprintRelation string

// The relations: first what blueprints bring, then to whom.
const (
	BlueprintApps           BlueprintRelation = kindApps
	BlueprintPackages       BlueprintRelation = kindPackages
	BlueprintConfigurations BlueprintRelation = kindConfigurations
	BlueprintDevices        BlueprintRelation = kindDevices // IDs are serial numbers
	BlueprintUsers          BlueprintRelation = kindUsers
	BlueprintUserGroups     BlueprintRelation = kindUserGroups
)

// BlueprintRelations are IDs by their relation; those of devices are serial numbers.
type BlueprintRelations map[BlueprintRelation][]string

// relations are some of the six.
type relations []BlueprintRelation

// allRelations returns the relations in Apple's order.
func allRelations() relations {
	return relations{
		BlueprintApps, BlueprintPackages, BlueprintConfigurations, BlueprintDevices, BlueprintUsers, BlueprintUserGroups,
	}
}

func (r relations) texts() []string {
	texts := make([]string, len(r))
	for i, relation := range r {
		texts[i] = string(relation)
	}
	return texts
}

func (r BlueprintRelation) check() error {
	if !slices.Contains(allRelations(), r) {
		return &InputError{Field: "relation", Rule: fmt.Sprintf("is %q, but must be one of %q", r, allRelations())}
	}
	return nil
}

// linkages returns what names the resources of a relation, each once.
func (r BlueprintRelation) linkages(name string, ids []string) ([]linkage, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if r == BlueprintDevices && len(ids) > 0 {
		unique, err := field.Serials(name, ids)
		return linkages(kindDevices, unique), err
	}
	seen := make(map[string]bool, len(ids))
	named := make([]linkage, 0, len(ids))
	for i, id := range ids {
		if rule := idRule(id); rule != "" {
			return nil, &InputError{Field: fmt.Sprintf("%s[%d]", name, i), Rule: rule}
		}
		if !seen[id] {
			named = append(named, linkage{string(r), id})
		}
		seen[id] = true
	}
	return named, nil
}

// outgoing returns the relations as documents have them; nil if there are none.
func (r BlueprintRelations) outgoing() (map[string]relationship, error) {
	if len(r) == 0 {
		return nil, nil
	}
	sent := make(map[string]relationship, len(r))
	for _, relation := range slices.Sorted(maps.Keys(r)) { // errors do not change from run to run
		named, err := relation.linkages(fmt.Sprintf("Relations[%s]", relation), r[relation])
		if err != nil {
			return nil, err
		}
		sent[string(relation)] = relationship{named}
	}
	return sent, nil
}

// BlueprintRelated returns an iterator over the IDs in a relation of a blueprint. It is read as
// [Client.Devices] is; there are no fields to choose. Roles that may read blueprints have been seen to
// get [ErrForbidden] here. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-all-app-ids-for-a-blueprint
func (c *Client) BlueprintRelated(ctx context.Context, blueprintID string, relation BlueprintRelation, options ListOptions) iter.Seq2[string, error] {
	return items(c.BlueprintRelatedPages(ctx, blueprintID, relation, options))
}

// BlueprintRelatedPages is [Client.BlueprintRelated] by the page.
func (c *Client) BlueprintRelatedPages(ctx context.Context, blueprintID string, relation BlueprintRelation, options ListOptions) iter.Seq2[*Page[string], error] {
	l := businessLinkages(fmt.Sprintf("read %s of blueprint", relation), options, "blueprintID", kindBlueprints, blueprintID, string(relation))
	if err := relation.check(); err != nil {
		l.invalid = err
	}
	return pages(ctx, c, l)
}

// AddToBlueprint adds to a relation of a blueprint. Apple documents no limit on the number of IDs. Those
// that it does not know it leaves out without a word: [Client.MissingInBlueprint] tells which. The
// request is not repeated when its answer gets lost. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/add-apps-to-a-blueprint
func (c *Client) AddToBlueprint(ctx context.Context, blueprintID string, relation BlueprintRelation, ids []string) error {
	return c.changeRelation(ctx, "add %s to blueprint", http.MethodPost, blueprintID, relation, ids)
}

// RemoveFromBlueprint removes from a relation of a blueprint. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/remove-apps-from-a-blueprint
func (c *Client) RemoveFromBlueprint(ctx context.Context, blueprintID string, relation BlueprintRelation, ids []string) error {
	return c.changeRelation(ctx, "remove %s from blueprint", http.MethodDelete, blueprintID, relation, ids)
}

func (c *Client) changeRelation(ctx context.Context, op, method, blueprintID string, relation BlueprintRelation, ids []string) error {
	if err := checkID("blueprintID", blueprintID); err != nil {
		return err
	}
	named, err := relation.linkages("ids", ids)
	if err == nil && len(named) == 0 {
		err = &InputError{Field: "ids", Rule: "needs at least one"}
	}
	if err != nil {
		return err
	}
	return callNone(ctx, c, request{
		op: fmt.Sprintf(op, relation), method: method, businessOnly: true,
		path: rest.Path{kindBlueprints, blueprintID, "relationships", string(relation)},
		body: relationship{named},
	})
}

// MissingInBlueprint returns what of wanted a blueprint does not have, by relation; nothing of it is
// empty. After a write that is what Apple has left out, because it does not know the IDs. It costs a
// request for every thousand that are in each of the relations that wanted names. Apple Business only.
func (c *Client) MissingInBlueprint(ctx context.Context, blueprintID string, wanted BlueprintRelations) (BlueprintRelations, error) {
	if _, err := wanted.outgoing(); err != nil {
		return nil, err
	}
	if err := c.allows(ctx, request{op: "compare blueprint", businessOnly: true}); err != nil {
		return nil, err
	}
	missing := BlueprintRelations{}
	for _, relation := range allRelations() {
		if len(wanted[relation]) == 0 {
			continue
		}
		there := make(map[string]bool)
		for id, err := range c.BlueprintRelated(ctx, blueprintID, relation, ListOptions{}) {
			if err != nil {
				return nil, err
			}
			there[id] = true
		}
		for _, id := range wanted[relation] {
			if !there[id] {
				missing[relation] = append(missing[relation], id)
				there[id] = true // once
			}
		}
	}
	return missing, nil
}
