package axm

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/lenient"
	"github.com/applemdm/applemdm/internal/rest"
)

// The service speaks in documents of JSON:API. Callers see none of it: a resource is a flat struct of
// its attributes, with its id beside them.

// flat is a pointer to such a struct.
type flat[T any] interface {
	*T
	flatten(id string) // puts the id in its place, and what came under another name
	unknown() *Unknown // where attributes without a field are
}

// resource is one object of a document. Its relationships are links only, unless asked for.
type resource[T any] struct {
	Type       string `json:"type"`
	ID         string `json:"id"`
	Attributes T      `json:"attributes"`
}

// linkage names a resource.
type linkage struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// linkages returns what names resources of one type.
func linkages(kind string, ids []string) []linkage {
	named := make([]linkage, len(ids))
	for i, id := range ids {
		named[i] = linkage{kind, id}
	}
	return named
}

// outgoing is a document to be sent. Nil attributes, and relationships without members, stay out of
// it.
type outgoing struct {
	Data outgoingResource `json:"data"`
}

type outgoingResource struct {
	Type          string                  `json:"type"`
	ID            string                  `json:"id,omitzero"`
	Attributes    any                     `json:"attributes,omitzero"`
	Relationships map[string]relationship `json:"relationships,omitzero"`
}

// relationship holds a linkage, or a list of them.
type relationship struct {
	Data any `json:"data"`
}

// call sends r and decodes the resource that comes back. It returns either a value or an error.
func call[T any, P flat[T]](ctx context.Context, c *Client, r request) (*T, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return decodeOne[T, P](r.op, resp)
}

// callNone sends r, whose success has no body.
func callNone(ctx context.Context, c *Client, r request) error {
	resp, err := c.send(ctx, r)
	if err == nil {
		resp.Release()
	}
	return err
}

var errNoData = errors.New("there is no resource in it")

// decodeOne decodes a document with one resource, and gives its memory back.
func decodeOne[T any, P flat[T]](op string, resp *rest.Response) (*T, error) {
	var document struct {
		Data *resource[T] `json:"data"`
	}
	err := decode[T, P](resp.Body, &document)
	if err == nil && (document.Data == nil || document.Data.ID == "") {
		err = errNoData
	}
	if err != nil {
		return nil, misunderstood(op, resp, err)
	}
	resp.Release() // decoding copies what it keeps
	value := &document.Data.Attributes
	flatten[T, P](value, document.Data.ID)
	return value, nil
}

// flatten puts the id where callers find it. An attribute of that name, which has no place then, is
// left out.
func flatten[T any, P flat[T]](value *T, id string) {
	P(value).flatten(id)
	delete(*P(value).unknown(), "id")
}

// decode decodes a document with resources of T, leniently. Attributes whose type has changed from
// one version of the API to the next are taken in both; any other that is of another type than
// documented goes into Unknown, so that one resource cannot hold up a list.
func decode[T any, P flat[T]](body []byte, document any) error {
	return lenient.Decode(body, document, lenient.Record(func(v *T) *Unknown { return P(v).unknown() }, textOrList, listOrText))
}

// textOrList takes a list of at most one text for a text.
var textOrList = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, text *string) error {
	if dec.PeekKind() != jsontext.KindBeginArray {
		return errors.ErrUnsupported
	}
	var list []string
	if err := json.UnmarshalDecode(dec, &list); err != nil {
		return err
	}
	if len(list) > 1 {
		return &json.SemanticError{Err: errors.New("more than one text")}
	}
	*text = strings.Join(list, "")
	return nil
})

// listOrText takes a text for a list of one.
var listOrText = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, list *[]string) error {
	if dec.PeekKind() != jsontext.KindString {
		return errors.ErrUnsupported
	}
	var text string
	if err := json.UnmarshalDecode(dec, &text); err != nil {
		return err
	}
	*list = nil
	if text != "" {
		*list = []string{text}
	}
	return nil
})

// fieldsQuery asks for some of the attributes of a type only; none stands for all.
func fieldsQuery(kind string, fields []string) (url.Values, error) {
	query := url.Values{}
	for _, name := range fields {
		if name == "" || strings.ContainsFunc(name, notInName) {
			return nil, &InputError{Field: "fields", Rule: "must be names of attributes in Apple's spelling, such as serialNumber"}
		}
	}
	if len(fields) > 0 {
		query.Set("fields["+kind+"]", strings.Join(fields, ","))
	}
	return query, nil
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
}

// checkID refuses an identifier that cannot be one. Apple does not promise their form.
func checkID(field, id string) error {
	if rule := idRule(id); rule != "" {
		return &InputError{Field: field, Rule: rule}
	}
	return nil
}

// namesNone reports whether a document, instead of a resource or its linkage, has null or one
// without an ID. Nothing at all is not that.
func namesNone(body []byte) bool {
	var document struct {
		Data jsontext.Value `json:"data"`
	}
	if lenient.Decode(body, &document) != nil || len(document.Data) == 0 {
		return false
	}
	var named linkage // of null too
	return json.Unmarshal(document.Data, &named) == nil && named.ID == ""
}

// decodeLinkage decodes a document with one linkage, which may be "" for none, and gives its memory
// back.
func decodeLinkage(op string, resp *rest.Response) (string, error) {
	if namesNone(resp.Body) {
		return "", nil
	}
	var document struct {
		Data linkage `json:"data"`
	}
	err := lenient.Decode(resp.Body, &document)
	if err == nil && document.Data.ID == "" {
		err = errNoData
	}
	if err != nil {
		return "", misunderstood(op, resp, err)
	}
	resp.Release()
	return document.Data.ID, nil
}
