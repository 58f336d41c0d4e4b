package axm

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// BlueprintInclude names the relations of blueprints of which the related resources are to come along,
// and how many of each at most: between 1 and 1000, which 0 stands for.
type BlueprintInclude map[BlueprintRelation]int

// query returns the parameters that ask for what is to be included.
func (i BlueprintInclude) query() (url.Values, error) {
	for _, relation := range slices.Sorted(maps.Keys(i)) {
		if err := relation.check(); err != nil {
			return nil, err
		}
	}
	query := url.Values{}
	for _, relation := range i.sorted() {
		limit := i[relation]
		switch {
		case limit == 0:
			limit = maxPageSize
		case limit < 1 || limit > maxPageSize:
			return nil, &InputError{Field: fmt.Sprintf("include[%s]", relation), Rule: "must be between 1 and 1000"}
		}
		query.Set(fmt.Sprintf("limit[%s]", relation), strconv.Itoa(limit))
	}
	if names := i.sorted(); len(names) > 0 {
		query.Set("include", strings.Join(names.texts(), ","))
	}
	return query, nil
}

// fields adds to fields, if there are any, what would be dropped otherwise: fields name relations
// too.
func (i BlueprintInclude) fields(fields []string) []string {
	if len(fields) == 0 {
		return fields
	}
	all := slices.Clone(fields)
	for _, name := range i.sorted().texts() {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// sorted returns the relations in Apple's order.
func (i BlueprintInclude) sorted() relations {
	return slices.DeleteFunc(allRelations(), func(r BlueprintRelation) bool {
		_, wanted := i[r]
		return !wanted
	})
}
