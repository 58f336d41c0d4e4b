package field

import (
	"fmt"
	"strings"
	"unicode"
)

// maxSerialLength is far above Apple's serial numbers (8 to 14 characters so far); what is longer
// is something else that slipped in.
const maxSerialLength = 64

// Serials checks serial numbers and returns them in their order without repetitions. The error is
// an [*InputError] that names field and the position of what is wrong.
func Serials(field string, serials []string) ([]string, error) {
	if len(serials) == 0 {
		return nil, &InputError{Field: field, Rule: "needs at least one serial number"}
	}
	seen := make(map[string]struct{}, len(serials))
	unique := make([]string, 0, len(serials))
	for i, serial := range serials {
		if rule := serialRule(serial); rule != "" {
			return nil, &InputError{Field: fmt.Sprintf("%s[%d]", field, i), Rule: rule}
		}
		if _, again := seen[serial]; again {
			continue
		}
		seen[serial] = struct{}{}
		unique = append(unique, serial)
	}
	return unique, nil
}

// Serial checks one serial number. The error is an [*InputError].
func Serial(field, serial string) error {
	if rule := serialRule(serial); rule != "" {
		return &InputError{Field: field, Rule: rule}
	}
	return nil
}

// serialRule returns the rule that serial breaks, or "".
func serialRule(serial string) string {
	switch {
	case serial == "":
		return "must not be empty"
	case len(serial) > maxSerialLength:
		return fmt.Sprintf("has %d characters; a serial number has at most %d", len(serial), maxSerialLength)
	case strings.ContainsFunc(serial, notInSerial):
		return fmt.Sprintf("is %q; a serial number has neither spaces nor characters outside of ASCII", serial)
	}
	return ""
}

func notInSerial(r rune) bool {
	return r <= ' ' || r >= unicode.MaxASCII
}
