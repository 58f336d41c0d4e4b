package axm

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/lenient"
)

// ErrorItem is one objection of Apple's. Branch on its Code, not on its texts.
//
// https://developer.apple.com/documentation/applebusinessapi/errorresponse
type ErrorItem struct {
	ID     string      `json:"id,omitzero"`     // of this occurrence
	Status string      `json:"status,omitzero"` // of HTTP, as text; may differ from [Error.StatusCode]
	Code   string      `json:"code,omitzero"`   // such as "ENTITY_ERROR.ATTRIBUTE.INVALID"
	Title  string      `json:"title,omitzero"`
	Detail string      `json:"detail,omitzero"`
	Source ErrorSource `json:"source,omitzero"`
	Links  ErrorLinks  `json:"links,omitzero"`
	Meta   Unknown     `json:"meta,omitzero"`

	Unknown Unknown `json:",embed"`
}

// HasCode reports whether the item has the code or one below it: see [Error.HasCode].
func (i ErrorItem) HasCode(code string) bool {
	below, found := strings.CutPrefix(i.Code, code)
	return code != "" && found && (below == "" || below[0] == '.')
}

// String returns the item in one line, with Apple's texts quoted.
func (i ErrorItem) String() string {
	text := i.Code
	if said := i.Detail; said != "" {
		text += fmt.Sprintf(" %q", said)
	} else if i.Title != "" {
		text += fmt.Sprintf(" %q", i.Title)
	}
	if at := i.Source.Pointer + i.Source.Parameter; at != "" {
		text += fmt.Sprintf(" (at %q)", at)
	}
	return strings.TrimSpace(text)
}

// ErrorSource says what an objection is about: a place in the body or a parameter of the query.
type ErrorSource struct {
	Pointer   string  `json:"pointer,omitzero"`   // JSON pointer, such as "/data/attributes/serverName"
	Parameter string  `json:"parameter,omitzero"` // such as "limit"
	Unknown   Unknown `json:",embed"`
}

// UnmarshalJSONFrom reads a source as it is documented, and with each member one level deeper, as
// the types of Apple's documentation are.
func (s *ErrorSource) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var members Unknown
	if err := json.UnmarshalDecode(dec, &members); err != nil {
		return err
	}
	*s = ErrorSource{}
	for name, value := range members {
		switch text := innermost(value); {
		case text != "" && (name == "pointer" || name == "jsonPointer"):
			s.Pointer = text
		case text != "" && name == "parameter":
			s.Parameter = text
		default:
			if s.Unknown == nil {
				s.Unknown = Unknown{}
			}
			s.Unknown[name] = value
		}
	}
	return nil
}

// innermost returns a string, or the only one in an object; "" if value is neither.
func innermost(value jsontext.Value) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var object map[string]string
	if json.Unmarshal(value, &object) == nil && len(object) == 1 {
		for _, text := range object {
			return text
		}
	}
	return ""
}

// ErrorLinks leads to more about an objection.
type ErrorLinks struct {
	About      string         `json:"about,omitzero"`
	Associated jsontext.Value `json:"associated,omitzero"` // a URL, or an object with href and meta
	Unknown    Unknown        `json:",embed"`
}

// readItems returns the objections in the body of a refusal. Those that are not of the documented
// form are left out; members of theirs that are not, stay in Unknown.
func readItems(body []byte) []ErrorItem {
	var document struct {
		Errors []jsontext.Value `json:"errors"`
	}
	if lenient.Decode(body, &document) != nil {
		return nil
	}
	var items []ErrorItem
	odd := lenient.Record(func(i *ErrorItem) *Unknown { return &i.Unknown })
	for _, text := range document.Errors {
		var item ErrorItem
		if lenient.Decode(text, &item, odd) == nil {
			items = append(items, item)
		}
	}
	return items
}
