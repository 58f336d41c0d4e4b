package axmtest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

type blueprintAttributes struct {
	Name        *string `json:"name"`
	Description *string `json:"description"`
}

// blueprintRelations are the relationships that a client writes with a blueprint, by name.
type blueprintRelations map[string]struct {
	Data []ref `json:"data"`
}

// isBlueprintName is the form of the names of blueprints: letters, digits and hyphens.
func isBlueprintName(s string) bool {
	return s != "" && strings.Trim(s, "-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// readInclude reads the parameters of blueprints that other lists do not have.
func (c *call) readInclude() *reply {
	c.includeLimits = make(map[string]int)
	for _, name := range relationNames() {
		n, rep := c.number("limit["+name+"]", defaultLimit)
		if rep != nil {
			return rep
		}
		c.includeLimits[name] = n
	}
	text, given := c.query["include"]
	if !given {
		return nil
	}
	for name := range strings.SplitSeq(text[0], ",") {
		if !slices.Contains(relationNames(), name) {
			return badParameter(codeParamInvalid, "include", "'"+name+"' is not a valid relationship name.")
		}
		c.include = append(c.include, name)
	}
	return nil
}

// included is the resources that come with blueprints, each once.
func (c *call) included(all ...*Blueprint) []object {
	out, seen := []object{}, make(map[ref]bool)
	for _, b := range all {
		for _, name := range c.include {
			ids, _ := c.includedIDs(b, name)
			for _, id := range ids {
				r, ok := c.org.relatedResource(c, name, id)
				if ok && !seen[ref{name, id}] {
					seen[ref{name, id}] = true
					out = append(out, c.show(r))
				}
			}
		}
	}
	return out
}

// listBlueprints is GET /v1/blueprints.
func listBlueprints(c *call) *reply {
	if rep := c.readInclude(); rep != nil {
		return rep
	}
	var shown []*Blueprint
	show := func(b *Blueprint) object {
		shown = append(shown, b)
		return c.show(b.resource(c, false))
	}
	all := c.org.Blueprints.table.all(nil)
	if c.include == nil {
		return page(c, all, show)
	}
	return page(c, all, show, func() member { return member{"included", c.included(shown...)} })
}

// getBlueprint is GET /v1/blueprints/{id}.
func getBlueprint(c *call) *reply {
	if rep := c.readInclude(); rep != nil {
		return rep
	}
	b, ok := c.org.Blueprints.table.get(c.id)
	if !ok {
		return notFound(blueprints, c.id)
	}
	o := object{{"data", c.show(b.resource(c, true))}, {"links", object{{"self", c.self()}}}}
	if c.include != nil {
		o = append(o, member{"included", c.included(b)})
	}
	return success(o)
}

// createBlueprint is POST /v1/blueprints.
func createBlueprint(c *call) *reply {
	body, rep := decodeData[blueprintAttributes, blueprintRelations](c, blueprints)
	if rep != nil {
		return rep
	}
	b, rels := &Blueprint{}, body.Data.Relationships
	if rep := b.write(c, &body.Data.Attributes, rels, true); rep != nil {
		return rep
	}
	has := func(name string) bool { return len(rels[name].Data) > 0 }
	switch {
	case !slices.ContainsFunc(resourceNames(), has):
		return conflict(codeResources, "/data/relationships", "A blueprint needs an app, a package or a configuration.")
	case !slices.ContainsFunc(memberNames(), has):
		return conflict(codeMembers, "/data/relationships", "A blueprint needs a device, a user or a user group.")
	}
	c.org.Blueprints.add(b, c.now)
	c.org.blueprintChanged(c.now, "CREATED", b)
	return c.created(b.resource(c, true), member{"included", []object{}})
}

// updateBlueprint is PATCH /v1/blueprints/{id}. A relationship in the body takes the place of what
// was there.
func updateBlueprint(c *call) *reply {
	old, ok := c.org.Blueprints.table.get(c.id)
	if !ok {
		return notFound(blueprints, c.id)
	}
	body, rep := decodeData[blueprintAttributes, blueprintRelations](c, blueprints)
	if rep != nil {
		return rep
	}
	if body.Data.Attributes == (blueprintAttributes{}) && len(body.Data.Relationships) == 0 {
		c.note("nothing to change")
	}
	b := new(old.clone())
	if rep := b.write(c, &body.Data.Attributes, body.Data.Relationships, false); rep != nil {
		return rep
	}
	b.Updated = c.now
	c.org.Blueprints.table.put(b.ID, b)
	c.org.blueprintChanged(c.now, "UPDATED", b)
	return c.one(b.resource(c, true))
}

// write takes over what a client has written.
func (b *Blueprint) write(c *call, attrs *blueprintAttributes, rels blueprintRelations, isNew bool) *reply {
	if rep := checkName("name", attrs.Name, isNew, isBlueprintName); rep != nil {
		return rep
	}
	replace(&b.Name, attrs.Name)
	replace(&b.Description, attrs.Description)
	for _, name := range sortedKeys(rels) {
		at := "/data/relationships/" + name
		if !slices.Contains(relationNames(), name) {
			return conflict(codeRelInvalid, at, "A blueprint has no relationship '"+name+"'.")
		}
		if rep := checkRefs(at, name, rels[name].Data); rep != nil {
			return rep
		}
		*b.related(name) = nil
		b.connect(c, name, rels[name].Data)
	}
	return nil
}

func checkRefs(at, kind string, refs []ref) *reply {
	for _, r := range refs {
		if r.Type != kind || r.ID == "" {
			return conflict(codeRelInvalid, at, "Each entry must have the type '"+kind+"' and an id.")
		}
	}
	return nil
}

// deleteBlueprint is DELETE /v1/blueprints/{id}.
func deleteBlueprint(c *call) *reply {
	b, ok := c.org.Blueprints.table.get(c.id)
	if !ok {
		return notFound(blueprints, c.id)
	}
	c.org.Blueprints.table.remove(b.ID)
	c.org.blueprintChanged(c.now, "DELETED", b)
	return noContent()
}

// changeBlueprintLinks is POST and DELETE of a relationship, both with a body.
func changeBlueprintLinks(c *call) *reply {
	old, ok := c.org.Blueprints.table.get(c.id)
	if !ok {
		return notFound(blueprints, c.id)
	}
	body, rep := decode[struct {
		Data []ref `json:"data"`
	}](c)
	if rep != nil {
		return rep
	}
	if len(body.Data) == 0 {
		return conflict(codeRelRequired, "/data", "The list of resources is empty.")
	}
	if rep := checkRefs("/data", c.related, body.Data); rep != nil {
		return rep
	}
	b := new(old.clone())
	if c.r.Method == http.MethodDelete {
		b.disconnect(c.related, body.Data)
	} else {
		b.connect(c, c.related, body.Data)
	}
	b.Updated = c.now
	c.org.Blueprints.table.put(b.ID, b)
	c.org.blueprintChanged(c.now, "UPDATED", b)
	return noContent()
}

// blueprintChanged tells of a change of a blueprint, which the audit calls a collection.
func (o *Org) blueprintChanged(at time.Time, what string, b *Blueprint) {
	o.happened(at, "COLLECTION_"+what, subject{"COLLECTION", b.ID, b.Name}, object{{"name", b.Name}, {"description", b.Description}})
}
