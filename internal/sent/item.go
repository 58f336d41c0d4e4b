package sent

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Where in a request or an answer an item can be. In a path it is a segment that varies; only a
// [Table] knows which those are.
const (
	Path   = "path"
	Query  = "query"
	Header = "header"
	Cookie = "cookie"
	Body   = "body"
	TLS    = "TLS handshake"
)

// Item is a name that travels, and where. Names of members of JSON are written with those they are
// in, as in data.attributes.name, and so are those within a token or a header.
type Item struct{ In, Name string }

// plain are the headers that any client of HTTP sends, whatever it is about.
var plain = []string{"Accept", "Accept-Encoding", "Connection", "Content-Length", "Content-Type"}

// Of returns the items of a message, each once, but for those of its path. query is nil for an answer.
func Of(query url.Values, header http.Header, body []byte) []Item {
	found := make(map[Item]bool)
	put := func(in, name string) {
		if name != "" { // as that of an empty body is
			found[Item{in, name}] = true
		}
	}
	for name := range query {
		put(Query, name)
	}
	for name, values := range header {
		switch {
		case name == "Cookie":
			cookies(values, func(name string) { put(Cookie, name) })
		case !slices.Contains(plain, http.CanonicalHeaderKey(name)):
			within(name, values[0], func(name string) { put(Header, name) })
		}
	}
	bodyNames(header.Get("Content-Type"), body, func(name string) { put(Body, name) })
	return slices.Collect(maps.Keys(found))
}

func cookies(lines []string, put func(string)) {
	for _, line := range lines {
		list, _ := http.ParseCookie(line)
		for _, cookie := range list {
			within(cookie.Name, cookie.Value, put)
		}
	}
}

func bodyNames(mediaType string, body []byte, put func(string)) {
	if len(body) == 0 {
		return
	}
	if strings.HasPrefix(mediaType, "application/x-www-form-urlencoded") {
		form, _ := url.ParseQuery(string(body))
		for name, values := range form {
			within(name, values[0], put)
		}
		return
	}
	if !members("", body, put) {
		put("text") // which only a table that says so allows
	}
}

// members puts the names of all values of a JSON text that are not objects. It reports whether text
// is JSON.
func members(name string, text []byte, put func(string)) bool {
	var value any
	if json.Unmarshal(text, &value) != nil {
		return false
	}
	leaves(name, value, put)
	return true
}

func leaves(name string, value any, put func(string)) {
	switch value := value.(type) {
	case map[string]any:
		for member, v := range value {
			leaves(join(name, member), v, put)
		}
		if len(value) == 0 {
			put(name)
		}
	case []any:
		for _, v := range value {
			leaves(name, v, put)
		}
		if len(value) == 0 {
			put(name)
		}
	case string:
		within(name, value, put)
	default:
		put(name)
	}
}

func join(name, member string) string {
	if name == "" {
		return member
	}
	return name + "." + member
}

// oauthParameter is one of a header as RFC 5849 has it.
var oauthParameter = regexp.MustCompile(`([a-z_]+)="`)

// within puts name, or the names of what is in a value that is itself a container: the parameters of
// OAuth, JSON in a string or in base64, the two halves of a signed token.
func within(name, value string, put func(string)) {
	if text, ok := strings.CutPrefix(value, "OAuth "); ok {
		for _, parameter := range oauthParameter.FindAllStringSubmatch(text, -1) {
			put(join(name, parameter[1]))
		}
		return
	}
	value = strings.TrimPrefix(value, "Bearer ")
	texts := [][]byte{[]byte(value)}
	if parts := strings.Split(value, "."); len(parts) == 3 {
		texts = [][]byte{unbase(parts[0]), unbase(parts[1])}
	} else if text := unbase(value); text != nil {
		texts = [][]byte{text}
	}
	found := false
	for _, text := range texts {
		if strings.HasPrefix(string(text), "{") && members(name, text, put) {
			found = true
		}
	}
	if !found {
		put(name)
	}
}

// unbase decodes base64 of any sort, and returns nil for what is none.
func unbase(text string) []byte {
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		if out, err := e.DecodeString(text); err == nil {
			return out
		}
	}
	return nil
}
