package rest_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/rest"
)

func TestPathsAndQueries(t *testing.T) {
	for _, tc := range []struct {
		name, base string
		path       rest.Path
		query      url.Values
		want       string
	}{
		{"plain", "", rest.Path{"profile", "devices"}, nil, "/profile/devices"},
		{"none", "", nil, nil, "/"},
		{"slash", "", rest.Path{"profile", "a/b"}, nil, "/profile/a%2Fb"},
		{"climbing", "", rest.Path{"profile", "../account"}, nil, "/profile/..%2Faccount"},
		{"escaped already", "", rest.Path{"%2f", "%2e%2e"}, nil, "/%252f/%252e%252e"},
		{"space and signs", "", rest.Path{"a b+c", "d?e#f&g=h;i"}, nil, "/a%20b+c/d%3Fe%23f&g=h%3Bi"},
		{"unicode", "", rest.Path{"Ärger"}, nil, "/%C3%84rger"},
		{"no unicode", "", rest.Path{"\xff\n"}, nil, "/%FF%0A"},
		{"three dots", "", rest.Path{"..."}, nil, "/..."},
		{"base path", "/mdm/v2", rest.Path{"a/b"}, nil, "/mdm/v2/a%2Fb"},
		{"base path with slash", "/mdm/", rest.Path{"a"}, nil, "/mdm/a"},
		{"base path escaped", "/m%2Fdm", rest.Path{"a b"}, nil, "/m%2Fdm/a%20b"},
		{"base path alone", "/mdm/", nil, nil, "/mdm"},
		{"query", "", rest.Path{"a"}, url.Values{"b": {"1 2", "&"}, "a": {"ä"}}, "/a?a=%C3%A4&b=1+2&b=%26"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			e := b.engine(t, func(c *rest.Config) { c.BaseURL += tc.base })
			mustDo(t, e, rest.Request{Op: "read", Method: "GET", Path: tc.path, Query: tc.query}, 200)
			if got := b.seenURIs(); !cmp.Equal(got, []string{tc.want}) {
				t.Errorf("the service saw %q, want %q", got, tc.want)
			}
		})
	}
}

func TestElementsThatCannotBeSentAreRefused(t *testing.T) {
	b := newBench(t)
	e := b.engine(t, nil)
	for _, path := range []rest.Path{{""}, {"profile", ""}, {"profile", "."}, {"..", "account"}, rest.ParsePath("/a//b"), rest.ParsePath("/")} {
		resp, err := e.Do(t.Context(), rest.Request{Op: "read", Method: "GET", Path: path})
		refused, ok := errors.AsType[*field.InputError](err)
		if !ok || resp != nil || refused.Field != "path of read" {
			t.Errorf("%q: %v, %v", path, resp, err)
		}
	}
	if n := b.log.Count("", ""); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestParsePath(t *testing.T) {
	for text, want := range map[string]rest.Path{
		"/roster/class":  {"roster", "class"},
		"roster/class/":  {"roster", "class"},
		"//session":      {"session"},
		"/a%2Fb/c?d=e f": {"a%2Fb", "c?d=e f"},
	} {
		if got := rest.ParsePath(text); !cmp.Equal(got, want) {
			t.Errorf("ParsePath(%q) = %q", text, got)
		}
	}
	if got := (rest.Path{"profile", "a/b"}).String(); got != "/profile/a/b" {
		t.Errorf("String() = %q", got)
	}
}
