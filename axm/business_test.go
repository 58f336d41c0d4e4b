package axm_test

import (
	"testing"

	"github.com/go-json-experiment/json"
)

// jsonText returns v as JSON, in a fixed order.
func jsonText(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
