package axm

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/rest"
)

// Related is what came along of one relation of a blueprint.
type Related[T any] struct {
	// Items are in Apple's order. One of which Apple tells nothing but its ID has only that.
	Items []T `json:"items,omitzero"`

	Total int `json:"total,omitzero"` // of the relation, if Apple says so

	// More: the relation has more than came along, or may have. [Client.BlueprintRelated] reads them
	// all.
	More bool `json:"more,omitzero"`
}

// includingResource is a blueprint with its relationships.
type includingResource struct {
	resource[Blueprint]
	Relationships map[BlueprintRelation]jsontext.Value `json:"relationships"`
}

// includedResource is what came along.
type includedResource struct {
	linkage
	Attributes jsontext.Value `json:"attributes"`
}

// decodePage decodes a page of blueprints and what came along with them.
func (i BlueprintInclude) decodePage(body []byte) ([]Blueprint, pageTail, error) {
	var document struct {
		pageTail
		Data     *[]includingResource `json:"data"`
		Included []includedResource   `json:"included"`
	}
	err := decode[Blueprint](body, &document)
	if err == nil && document.Data == nil {
		err = errNoData
	}
	if err != nil {
		return nil, pageTail{}, err
	}
	included := byLinkage(document.Included)
	items := make([]Blueprint, len(*document.Data))
	for n, r := range *document.Data {
		if err := r.relate(i, included); err != nil {
			return nil, pageTail{}, err
		}
		items[n] = r.Attributes
	}
	return items, document.pageTail, nil
}

// decodeBlueprint decodes a document with one blueprint and what came along with it, and gives its
// memory back.
func (i BlueprintInclude) decodeBlueprint(op string, resp *rest.Response) (*Blueprint, error) {
	var document struct {
		Data     *includingResource `json:"data"`
		Included []includedResource `json:"included"`
	}
	err := decode[Blueprint](resp.Body, &document)
	if err == nil && (document.Data == nil || document.Data.ID == "") {
		err = errNoData
	}
	if err == nil {
		err = document.Data.relate(i, byLinkage(document.Included))
	}
	if err != nil {
		return nil, misunderstood(op, resp, err)
	}
	resp.Release() // decoding copies what it keeps
	return &document.Data.Attributes, nil
}

// byLinkage returns the attributes of the resources.
func byLinkage(resources []includedResource) map[linkage]jsontext.Value {
	attributes := make(map[linkage]jsontext.Value, len(resources))
	for _, r := range resources {
		attributes[r.linkage] = r.Attributes
	}
	return attributes
}

// relate puts the id and what was asked for into the blueprint.
func (r *includingResource) relate(include BlueprintInclude, included map[linkage]jsontext.Value) error {
	b := &r.Attributes
	flatten(b, r.ID)
	var errs []error
	for relation := range include {
		delete(b.Unknown, string(relation)) // an attribute of that name has no place
		var err error
		switch relation {
		case BlueprintApps:
			b.Apps, err = related[App](r.Relationships[relation], included)
		case BlueprintPackages:
			b.Packages, err = related[Package](r.Relationships[relation], included)
		case BlueprintConfigurations:
			b.Configurations, err = related[Configuration](r.Relationships[relation], included)
		case BlueprintDevices:
			b.Devices, err = related[Device](r.Relationships[relation], included)
		case BlueprintUsers:
			b.Users, err = related[User](r.Relationships[relation], included)
		case BlueprintUserGroups:
			b.UserGroups, err = related[UserGroup](r.Relationships[relation], included)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// related returns what came along of one relation that was asked for. A relationship without data may
// have more.
func related[T any, P flat[T]](text jsontext.Value, included map[linkage]jsontext.Value) (*Related[T], error) {
	var relationship struct {
		Data *[]linkage `json:"data"`
		Meta struct {
			Paging relatedPaging `json:"paging"`
		} `json:"meta"`
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &relationship); err != nil {
			return nil, err
		}
	}
	if relationship.Data == nil {
		return &Related[T]{More: true}, nil
	}
	named, paging := *relationship.Data, relationship.Meta.Paging
	r := &Related[T]{Items: make([]T, len(named)), Total: paging.Total, More: paging.more(len(named))}
	for i, l := range named {
		if attributes := included[l]; len(attributes) > 0 && attributes.Kind() != jsontext.KindNull {
			if err := decode[T, P](attributes, &r.Items[i]); err != nil {
				return nil, err
			}
		}
		flatten[T, P](&r.Items[i], l.ID)
	}
	return r, nil
}

// relatedPaging is what a relationship says of how much of it came along.
type relatedPaging struct {
	Total      int    `json:"total"`
	Limit      int    `json:"limit"`
	NextCursor string `json:"nextCursor"`
}

// more reports whether there may be more than those that came along.
func (p relatedPaging) more(came int) bool {
	if p.Total > 0 {
		return p.Total > came
	}
	return p.NextCursor != "" || p.Limit > 0 && came >= p.Limit
}
