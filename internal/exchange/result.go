package exchange

import "iter"

// Value turns what a method returns into what a table of replays compares: the value, and nil, not
// a nil pointer, where there is none.
func Value[T any](v *T, err error) (any, error) {
	if v == nil {
		return nil, err
	}
	return *v, err
}

// Collect reads an iterator to its end, or to its first error.
func Collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Values is [Collect] for iterators of pointers, by value.
func Values[T any](seq iter.Seq2[*T, error]) (any, error) {
	pointers, err := Collect(seq)
	values := make([]T, len(pointers))
	for i, p := range pointers {
		values[i] = *p
	}
	return values, err
}
