package axmtest

import (
	"net/http"
	"time"
)

// Collection is the records of one kind that an organisation has, in the order of their addition.
// All methods are safe for concurrent use. Records are copied on their way in and out.
type Collection[T any] struct {
	o     *Org
	table table[*T]
	clone func(*T) T
	add   func(v *T, now time.Time) (id string)
	ident func(*T) *string
}

// record is what the records of collections can do.
type record[T any] interface {
	*T
	ident() *string
	complete(now time.Time) // fills in the defaults
	clone() T
	resource(c *call, alone bool) resource // alone is a request for this record only
}

func newCollection[T any, P record[T]](o *Org) *Collection[T] {
	l := &Collection[T]{o: o}
	l.clone = func(v *T) T { return P(v).clone() }
	l.ident = func(v *T) *string { return P(v).ident() }
	l.add = func(v *T, now time.Time) string {
		id := P(v).ident()
		if *id == "" {
			*id = uuidOf("record", o.id, o.s.next())
		}
		P(v).complete(now)
		l.table.put(*id, v)
		return *id
	}
	return l
}

// Add adds records and returns their ids, which are invented where they are empty. A record of an
// id that is there already is replaced.
func (l *Collection[T]) Add(records ...T) []string {
	ids := make([]string, 0, len(records))
	l.o.look(func(now time.Time) {
		for i := range records {
			v := l.clone(&records[i])
			ids = append(ids, l.add(&v, now))
		}
	})
	return ids
}

// Update changes a record; its id stays. change must not call methods of the server. It reports
// whether there is one.
func (l *Collection[T]) Update(id string, change func(*T)) (ok bool) {
	l.o.look(func(time.Time) {
		var old *T
		if old, ok = l.table.get(id); !ok {
			return
		}
		v := l.clone(old)
		change(&v)
		*l.ident(&v) = id
		l.table.put(id, &v)
	})
	return ok
}

// Remove removes records; unknown ids are left out.
func (l *Collection[T]) Remove(ids ...string) {
	l.o.look(func(time.Time) {
		for _, id := range ids {
			l.table.remove(id)
		}
	})
}

// Get returns a record.
func (l *Collection[T]) Get(id string) (v T, ok bool) {
	l.o.look(func(time.Time) {
		var found *T
		if found, ok = l.table.get(id); ok {
			v = l.clone(found)
		}
	})
	return v, ok
}

// All returns all records.
func (l *Collection[T]) All() []T {
	var out []T
	l.o.look(func(time.Time) {
		for _, v := range l.table.values() {
			out = append(out, l.clone(v))
		}
	})
	return out
}

// listOf and oneOf are the endpoints that read a collection.
func listOf[T any, P record[T]](of func(*Org) *Collection[T]) func(*call) *reply {
	return func(c *call) *reply {
		return page(c, of(c.org).table.all(nil), func(v *T) object { return c.show(P(v).resource(c, false)) })
	}
}

func oneOf[T any, P record[T]](kind string, of func(*Org) *Collection[T]) func(*call) *reply {
	return func(c *call) *reply {
		v, ok := of(c.org).table.get(c.id)
		if !ok {
			return notFound(kind, c.id)
		}
		return c.one(P(v).resource(c, true))
	}
}

// linksOf is the endpoint that lists the ids which a record has in a relationship.
func linksOf[T any](kind, related string, of func(*Org) *Collection[T], ids func(*T) []string) func(*call) *reply {
	return func(c *call) *reply {
		v, ok := of(c.org).table.get(c.id)
		if !ok {
			return notFound(kind, c.id)
		}
		return page(c, numbered(ids(v)), func(id string) object { return linkage(related, id) })
	}
}

// created answers to a POST that has made a record.
func (c *call) created(r resource, more ...member) *reply {
	o := object{{"data", c.show(r)}, {"links", object{{"self", c.url(r.kind, r.id)}}}}
	return &reply{status: http.StatusCreated, body: encode(append(o, more...))}
}

func noContent() *reply { return &reply{status: http.StatusNoContent} }
