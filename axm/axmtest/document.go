package axmtest

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// object is a JSON object that is put together here, with its members in order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSONTo writes the members in order.
func (o object) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, m := range o {
		if err := enc.WriteToken(jsontext.String(m.name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, m.value); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

func encode(v any) []byte {
	// What clients send is not always UTF-8, and errors quote it.
	b, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic("axmtest: " + err.Error()) // an Extra that has no JSON
	}
	return b
}

// resource is an object of the API with all its attributes and relationships, before fields are
// chosen.
type resource struct {
	kind, id      string
	attributes    object
	relationships object
	extra         map[string]any
}

// view is which parts of the resources of a kind an answer shows; nil is all of them.
type view map[string]bool

func (v view) shows(name string) bool { return v == nil || v[name] }

// show makes the object of a resource. Extra members take the place of attributes of their name.
func (r resource) show(base string, v view) object {
	self := base + "/v1/" + r.kind + "/" + r.id
	o := object{{"type", r.kind}, {"id", r.id}, {"attributes", r.shownAttributes(v)}}
	var rels object
	for _, m := range r.relationships {
		if v.shows(m.name) {
			rels = append(rels, m)
		}
	}
	if rels != nil {
		o = append(o, member{"relationships", rels})
	}
	return append(o, member{"links", object{{"self", self}}})
}

func (r resource) shownAttributes(v view) object {
	out := object{}
	for _, m := range r.attributes {
		if _, replaced := r.extra[m.name]; !replaced && v.shows(m.name) {
			out = append(out, m)
		}
	}
	for _, name := range sortedKeys(r.extra) {
		if r.extra[name] != Absent {
			out = append(out, member{name, r.extra[name]})
		}
	}
	return out
}

// Absent, as a value in Extra, takes an attribute out of the answers.
const Absent = absentName("axmtest: absent")

type absentName string

// linkage names a resource.
func linkage(kind, id string) object { return object{{"type", kind}, {"id", id}} }

// Times as the services write them.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// dateOrNull is a time of something outside the service, which is written without fractions, and
// may not be set.
func dateOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// timeOrNull is a time that may not be set.
func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return formatTime(t)
}

// list is a list that is never null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func stringOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
