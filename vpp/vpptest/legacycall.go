package vpptest

import (
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// legacyCall is a call of version 1 with its members, nulls left out.
type legacyCall struct {
	*call
	in map[string]jsontext.Value
}

// kind is the type of a member of a request. Numbers may come as texts and the other way round.
type kind int

const (
	aText kind = iota
	aNumber
	aFlag
	aList // of texts
	anyKind
)

// parse reads the body and checks the types of its members.
func (c *legacyCall) parse(members map[string]kind) bool {
	if ct := c.r.Header.Get("Content-Type"); len(c.body) > 0 && ct != jsonType {
		c.note("Content-Type is %q, not %q", ct, jsonType)
	}
	if len(c.body) == 0 {
		return true
	}
	if err := json.Unmarshal(c.body, &c.in); err != nil {
		c.note("body: %v", err)
		return false
	}
	good := true
	for _, name := range slices.Sorted(maps.Keys(c.in)) {
		want, known := members[name]
		switch value := c.in[name]; {
		case value.Kind() == 'n':
			delete(c.in, name)
		case name == "sToken":
		case !known:
			c.note("unknown member %q", name)
		case !want.fits(value):
			c.note("member %q has the wrong type", name)
			good = false
		}
	}
	return good
}

func (k kind) fits(v jsontext.Value) bool {
	text := plain(v)
	switch k {
	case aNumber:
		_, err := strconv.ParseInt(text, 10, 64)
		return err == nil
	case aFlag:
		return slices.Contains([]string{"true", "false", "0", "1"}, text)
	case aList:
		var list []string
		return json.Unmarshal(v, &list) == nil
	case aText:
		return v.Kind() == '"' || v.Kind() == '0'
	}
	return true
}

// plain is a scalar without its quotes.
func plain(v jsontext.Value) string {
	var s string
	if v.Kind() == '"' && json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

func (c *legacyCall) text(name string) string {
	if v, ok := c.in[name]; ok {
		return plain(v)
	}
	return ""
}

func (c *legacyCall) has(name string) bool {
	_, ok := c.in[name]
	return ok
}

func (c *legacyCall) integer(name string) int64 {
	n, _ := strconv.ParseInt(c.text(name), 10, 64)
	return n
}

func (c *legacyCall) flag(name string) bool { return c.text(name) == "true" || c.text(name) == "1" }

func (c *legacyCall) texts(name string) []string {
	var list []string
	if v, ok := c.in[name]; ok {
		_ = json.Unmarshal(v, &list) // its type was checked
	}
	return list
}
