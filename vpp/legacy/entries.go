package legacy

import (
	"fmt"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/vpp"
)

// entries are what a management names on one side: users, devices or licences.
type entries struct {
	kind entryKind
	ids  []string
}

type entryKind int

const (
	noEntries entryKind = iota
	userEntries
	deviceEntries
	licenseEntries
)

// cut returns the first n entries, or all, and the rest.
func (e entries) cut(n int) (first, rest entries) {
	n = min(n, len(e.ids))
	return entries{e.kind, e.ids[:n]}, entries{e.kind, e.ids[n:]}
}

// of returns the entries if they are of that kind.
func (e entries) of(kind entryKind) []string {
	if e.kind != kind {
		return nil
	}
	return e.ids
}

// outcome returns an outcome of entry number i about which nothing is known.
func (e entries) outcome(i int) Outcome {
	switch e.kind {
	case userEntries:
		return Outcome{ClientUserID: e.ids[i]}
	case deviceEntries:
		return Outcome{SerialNumber: e.ids[i]}
	}
	return Outcome{LicenseID: e.ids[i]}
}

// outcomes returns one outcome for each entry, all of that status for that reason.
func (e entries) outcomes(status vpp.Status, err error) []Outcome {
	all := make([]Outcome, len(e.ids))
	for i := range e.ids {
		all[i] = e.outcome(i)
		all[i].Status, all[i].Err = status, err
	}
	return all
}

// side is one of the fields of a management of which one may be set.
type side struct {
	kind  entryKind
	field string
	ids   []string
}

// oneOf returns the distinct entries of the one side that has some. Apple does not say what it does
// with more than one.
func oneOf(sides ...side) (entries, error) {
	var found side
	for _, s := range sides {
		if len(s.ids) == 0 {
			continue
		}
		if found.kind != noEntries {
			return entries{}, &vpp.InputError{Field: s.field, Rule: "must not have entries together with " + found.field}
		}
		found = s
	}
	if found.kind == deviceEntries {
		ids, err := field.Serials(found.field, found.ids)
		return entries{found.kind, ids}, err
	}
	ids, err := distinct(found.field, found.ids)
	return entries{found.kind, ids}, err
}

func distinct(field string, ids []string) ([]string, error) {
	seen := make(map[string]bool, len(ids))
	all := make([]string, 0, len(ids))
	for i, id := range ids {
		if id == "" {
			return nil, &vpp.InputError{Field: fmt.Sprintf("%s[%d]", field, i), Rule: "must not be empty"}
		}
		if !seen[id] {
			seen[id], all = true, append(all, id)
		}
	}
	return all, nil
}
