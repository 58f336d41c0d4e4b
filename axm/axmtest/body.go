package axmtest

import (
	"net/http"
	"strings"
)

// data is what every document that changes a record has. The attributes are pointers where an
// attribute that is absent stays as it is.
type data[A, R any] struct {
	Data struct {
		Type          string `json:"type"`
		ID            string `json:"id"`
		Attributes    A      `json:"attributes"`
		Relationships R      `json:"relationships"`
	} `json:"data"`
}

// none is for records whose relationships cannot be written.
type none struct{}

// decodeData reads the body of a POST to a collection or a PATCH of a record.
func decodeData[A, R any](c *call, kind string) (d data[A, R], rep *reply) {
	d, rep = decode[data[A, R]](c)
	if rep != nil {
		return d, rep
	}
	isUpdate := c.r.Method == http.MethodPatch
	switch {
	case d.Data.Type != kind:
		return d, conflict(codeAttrInvalid, atType, "The type must be '"+kind+"'.")
	case isUpdate && d.Data.ID != c.id:
		return d, conflict(codeAttrInvalid, atID, "The id must be that of the address.")
	case !isUpdate && d.Data.ID != "":
		c.note("an id in the body of a POST")
	}
	return d, nil
}

// attribute is the place of an attribute in the body.
func attribute(name string) string { return "/data/attributes/" + name }

func missing(name string) *reply {
	return conflict(codeAttrRequired, attribute(name), "The attribute '"+name+"' is required.")
}

// checkName checks an attribute that is a name: required where there is none yet, and of a form.
func checkName(attr string, value *string, required bool, valid func(string) bool) *reply {
	switch {
	case value == nil && required:
		return missing(attr)
	case value != nil && !valid(*value):
		return conflict(codeAttrInvalid, attribute(attr), attr+" has unsupported characters")
	}
	return nil
}

// isText is the form of names that may hold any characters.
func isText(s string) bool { return strings.TrimSpace(s) != "" }

// replace sets *to if there is a value.
func replace[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}
