package apnstest

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"golang.org/x/net/http2/hpack"
)

// request is what the simulator looks at in a push. Of fields that came twice it has the first.
type request struct {
	method, scheme, authority, path                       string
	length                                                string
	topic, pushType, priority, expiration, id, collapseID string

	has     fieldSet // names that were there
	regular bool     // a field that is not pseudo was there
	twice   string   // a name that came twice, or ""
	broken  string   // what makes the header block malformed, or ""
	token   string   // lower-case hex, as far as it is hex
	magic   string
	bad     string // what is wrong with the body, or ""
}

// fieldSet is a set of the fields that a request knows by name.
type fieldSet uint16

const (
	hasMethod fieldSet = 1 << iota
	hasScheme
	hasAuthority
	hasPath
	hasLength
	hasTopic
	hasPushType
	hasPriority
	hasExpiration
	hasID
	hasCollapseID
	hasAuthorization
	hasEncoding
)

const pathPrefix = "/3/device/"

// finish completes r when all fields and the body are there.
func (r *request) finish(body []byte, size int) {
	if r.has&hasLength != 0 && r.length != strconv.Itoa(size) {
		r.broken = "a content-length that is not the length of the body"
	}
	const pseudo = hasMethod | hasScheme | hasPath
	if r.has&pseudo != pseudo {
		r.broken = "a missing pseudo header field"
	}
	r.token = strings.ToLower(strings.TrimPrefix(r.path, pathPrefix))
	r.magic, r.bad = parseBody(body)
}

// field takes in one header field.
func (r *request) field(f *hpack.HeaderField) {
	if !f.IsPseudo() {
		r.regular = true
	} else if r.regular {
		r.broken = "a pseudo header field behind others"
	}
	switch f.Name {
	case ":method":
		r.set(hasMethod, &r.method, f)
	case ":scheme":
		r.set(hasScheme, &r.scheme, f)
	case ":authority":
		r.set(hasAuthority, &r.authority, f)
	case ":path":
		r.set(hasPath, &r.path, f)
	case "content-length":
		r.set(hasLength, &r.length, f)
	case "apns-topic":
		r.set(hasTopic, &r.topic, f)
	case "apns-push-type":
		r.set(hasPushType, &r.pushType, f)
	case "apns-priority":
		r.set(hasPriority, &r.priority, f)
	case "apns-expiration":
		r.set(hasExpiration, &r.expiration, f)
	case "apns-id":
		r.set(hasID, &r.id, f)
	case "apns-collapse-id":
		r.set(hasCollapseID, &r.collapseID, f)
	case "authorization":
		r.has |= hasAuthorization
	case "content-encoding":
		r.has |= hasEncoding
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		r.broken = "the field " + f.Name
	default:
		if f.IsPseudo() {
			r.broken = "the pseudo header field " + f.Name
		} else if f.Name != strings.ToLower(f.Name) {
			r.broken = "a name with upper-case letters"
		}
	}
}

func (r *request) set(bit fieldSet, to *string, f *hpack.HeaderField) {
	switch {
	case r.has&bit == 0:
		r.has |= bit
		*to = f.Value
	case bit <= hasLength:
		r.broken = "the field " + f.Name + " twice"
	default:
		r.twice = f.Name
	}
}

// parseBody returns the magic of a body that is {"mdm":"..."}, or what is wrong with it.
func parseBody(body []byte) (magic, bad string) {
	if m, ok := plainMagic(body); ok {
		return m, ""
	}
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		return "", "the body is no JSON object"
	}
	magic, ok := members["mdm"].(string)
	switch {
	case !ok:
		return "", `the body has no string "mdm"`
	case len(members) > 1:
		return "", `the body has members besides "mdm"`
	}
	return magic, ""
}

// plainMagic is the quick way for bodies as nearly all are: no blanks, nothing escaped, ASCII.
func plainMagic(body []byte) (string, bool) {
	rest, ok := bytes.CutPrefix(body, []byte(`{"mdm":"`))
	if !ok {
		return "", false
	}
	rest, ok = bytes.CutSuffix(rest, []byte(`"}`))
	for _, b := range rest {
		ok = ok && b >= ' ' && b < 0x7f && b != '"' && b != '\\'
	}
	return string(rest), ok
}
