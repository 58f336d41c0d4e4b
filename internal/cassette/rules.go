package cassette

import "strings"

// Rules say what a recording of one service may show. Whatever they do not name gets a stand-in.
//
// Members are those of JSON objects, and the parameters of queries and forms. Each is named as
// "member", or as "object.member" for those of an object, or of the objects in an array, that is
// the member "object"; the longer name decides. "object.?" stands for the names of all members of
// an object that is a map, and "object.*" for their values; both mean nothing for arrays. What is in
// a map by "object.?" is in the object "object.*".
type Rules struct {
	Headers  []string // kept, besides the ordinary ones
	Hidden   []string // headers that get stand-ins; the values of all others become Redacted
	Segments []string // of paths, kept
	Before   []string // segments of paths behind which the next one is kept too
	Keep     []string // members whose values are kept: enumerations, versions, counts, times
	Messages []string // members with text for people, kept but for what looks like a value
	Secrets  []string // members whose values become Redacted, with all that is within
	Hide     []string // members that get stand-ins though a shorter name is above

	// Repeat has the paths whose last answer a replay gives again and again: a login may have to
	// be made more often than it was recorded.
	Repeat []string
}

// treatment is what becomes of a value.
type treatment int

const (
	hide treatment = iota
	keep
	message
	withhold
)

// book is Rules, indexed.
type book struct {
	headers, hidden, segments, before, repeat map[string]bool
	members                                   map[string]treatment
	names                                     map[string]bool // of members, without their objects
}

// ordinaryHeaders returns those that tell of nobody.
func ordinaryHeaders() []string {
	return []string{"Accept", "Allow", "Content-Type", "Date", "Retry-After", "Server", "User-Agent", "X-Apple-Request-Uuid"}
}

func (r *Rules) index() *book {
	b := &book{
		headers: set(append(ordinaryHeaders(), r.Headers...)), hidden: set(append([]string{"Location"}, r.Hidden...)),
		segments: set(r.Segments), before: set(r.Before), repeat: set(r.Repeat),
		members: make(map[string]treatment), names: make(map[string]bool),
	}
	for how, list := range map[treatment][]string{keep: r.Keep, message: r.Messages, withhold: r.Secrets, hide: r.Hide} {
		for _, name := range list {
			b.members[name] = how
			b.names[name[strings.LastIndexByte(name, '.')+1:]] = true
		}
	}
	return b
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

// element is put behind the name of a member for the objects in its array.
const element = "[]"

// member returns what becomes of the value of a member.
func (b *book) member(object, name string) treatment {
	for _, key := range []string{strings.TrimSuffix(object, element) + "." + name, name, object + ".*"} {
		if how, ok := b.members[key]; ok {
			return how
		}
	}
	return hide
}

// memberName returns what becomes of the name itself. New members should show, so that it is seen
// that there are some; but where values serve as names, as in a map by serial number, they are no
// plain words.
func (b *book) memberName(object, name string) treatment {
	if how, ok := b.members[object+".?"]; ok {
		return how
	}
	if b.names[name] || isWord(name) {
		return keep
	}
	return hide
}

// within returns what the value of a member is called, if it is an object, to those in it.
func (b *book) within(object, name string) string {
	if _, isMap := b.members[object+".?"]; isMap {
		return object + ".*"
	}
	return name
}

// isWord reports whether s is letters and underscores only, not many, and not capitals alone, as a
// serial number may be.
func isWord(s string) bool {
	lower := false
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z':
			lower = true
		case 'A' <= c && c <= 'Z', c == '_':
		default:
			return false
		}
	}
	return lower && len(s) <= 40
}
