package exchange

import (
	"errors"
	"iter"
	"testing"
)

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

// Refusal checks that a call was refused, with an error that is is, if that is not nil. Where the
// service has answered with a status, it returns the service's error, an E, to be looked at; a status
// of 0 says that the error is the client's own.
func Refusal[E error](t testing.TB, err, is error, status int) (e E, answered bool) {
	t.Helper()
	if err == nil || is != nil && !errors.Is(err, is) {
		t.Fatalf("error %v is not %v", err, is)
	}
	if status == 0 {
		return e, false
	}
	e, answered = errors.AsType[E](err)
	if !answered {
		t.Fatalf("error %T: %v", err, err)
	}
	return e, true
}
