package axmtest

import (
	"iter"
	"slices"
)

// row is an entry of a table. Its number only grows and says where in a list it stands.
type row[T any] struct {
	number int
	id     string
	value  T
}

// table keeps things by id, in the order in which they came.
type table[T any] struct {
	byID map[string]*row[T]
	rows []*row[T]
	last int
}

// put adds a thing, or replaces the one of that id in its place.
func (t *table[T]) put(id string, value T) {
	if r := t.byID[id]; r != nil {
		r.value = value
		return
	}
	if t.byID == nil {
		t.byID = make(map[string]*row[T])
	}
	t.last++
	r := &row[T]{t.last, id, value}
	t.byID[id] = r
	t.rows = append(t.rows, r)
}

func (t *table[T]) get(id string) (value T, ok bool) {
	if r := t.byID[id]; r != nil {
		return r.value, true
	}
	return value, false
}

func (t *table[T]) has(id string) bool { return t.byID[id] != nil }

func (t *table[T]) remove(id string) bool {
	if !t.has(id) {
		return false
	}
	delete(t.byID, id)
	t.rows = slices.DeleteFunc(t.rows, func(r *row[T]) bool { return r.id == id })
	return true
}

// all yields the things with their numbers, those for which keep is true.
func (t *table[T]) all(keep func(T) bool) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for _, r := range t.rows {
			if (keep == nil || keep(r.value)) && !yield(r.number, r.value) {
				return
			}
		}
	}
}

// values returns the things in order.
func (t *table[T]) values() []T {
	out := make([]T, 0, len(t.rows))
	for _, r := range t.rows {
		out = append(out, r.value)
	}
	return out
}

// numbered yields the elements of a list that does not change, with their numbers.
func numbered[T any](list []T) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i, v := range list {
			if !yield(i+1, v) {
				return
			}
		}
	}
}
