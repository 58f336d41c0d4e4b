package field

import "testing"

func TestInputErrorNamesFieldAndRule(t *testing.T) {
	err := &InputError{Field: "consumer_key", Rule: "is missing"}
	if got, want := err.Error(), "consumer_key: is missing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
