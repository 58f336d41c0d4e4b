package cassette

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// redactor replaces what a recording must not show. Without stand-ins it takes out the secrets only,
// which makes a request comparable with a recorded one.
type redactor struct {
	*book
	names *standIns
}

// value returns what is written in the place of a value.
func (r *redactor) value(how treatment, value string) string {
	switch {
	case value == "":
		return ""
	case how == withhold:
		if r.names != nil {
			r.names.secret(value)
		}
		return Redacted
	case r.names == nil:
		return value
	case how == keep:
		return r.kept(value)
	case how == message:
		return r.message(value)
	case r.isURL(value):
		return r.url(value)
	case isJSON(value):
		return string(r.json([]byte(value))) // JSON within JSON
	}
	return r.names.get(value)
}

// kept returns a value that may stay, unless it is not what one expects of such a value: known as a
// secret from elsewhere, an address, a URL.
func (r *redactor) kept(value string) string {
	standIn, ok := r.names.known(value)
	switch {
	case ok && standIn == Redacted:
		return Redacted
	case r.isURL(value):
		return r.url(value)
	case strings.Contains(value, "@"):
		return r.names.get(value)
	}
	return value
}

// isJSON reports whether value is an object in JSON.
func isJSON(value string) bool {
	return strings.HasPrefix(value, "{") && jsontext.Value(value).IsValid()
}

// walk is a way through a JSON text, which is written anew on the way. Where the text breaks, the
// new one ends: cut JSON stays cut JSON.
type walk struct {
	*redactor
	in  *jsontext.Decoder
	out []byte
}

// json returns text, which begins as JSON does, without what must not show.
func (r *redactor) json(text []byte) []byte {
	w := &walk{redactor: r, in: jsontext.NewDecoder(bytes.NewReader(text),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	if w.next("", hide) && len(bytes.TrimSpace(text[w.in.InputOffset():])) > 0 {
		w.out = append(w.out, ' ')
		w.out = append(w.out, note(text[w.in.InputOffset():], "")...)
	}
	return w.out
}

// next copies one value, the member of that name, and reports whether it was whole.
func (w *walk) next(name string, how treatment) bool {
	switch w.in.PeekKind() {
	case '{':
		return w.object(name, how)
	case '[':
		return w.array(name, how)
	case '"':
		text, ok := w.text()
		return ok && w.quote(w.value(how, text))
	case '0':
		raw, err := w.in.ReadValue()
		return err == nil && w.number(how, string(raw))
	}
	raw, err := w.in.ReadValue() // true, false or null
	w.out = append(w.out, raw...)
	return err == nil
}

func (w *walk) object(name string, how treatment) bool {
	_, _ = w.in.ReadToken()
	w.out = append(w.out, '{')
	for first := true; ; first = false {
		switch w.in.PeekKind() {
		case '}':
			_, _ = w.in.ReadToken()
			w.out = append(w.out, '}')
			return true
		case '"':
		default:
			return false
		}
		if !first {
			w.out = append(w.out, ',')
		}
		if !w.member(name, how) {
			return false
		}
	}
}

// member copies a name and its value. All that is in a secret is secret, but for the names.
func (w *walk) member(object string, how treatment) bool {
	name, ok := w.text()
	if !ok {
		return false
	}
	w.quote(w.value(w.memberName(object, name), name))
	w.out = append(w.out, ':')
	if how != withhold {
		how = w.redactor.member(object, name)
	}
	return w.next(w.within(object, name), how)
}

func (w *walk) array(name string, how treatment) bool {
	_, _ = w.in.ReadToken()
	w.out = append(w.out, '[')
	for first := true; ; first = false {
		switch w.in.PeekKind() {
		case ']':
			_, _ = w.in.ReadToken()
			w.out = append(w.out, ']')
			return true
		case jsontext.KindInvalid:
			return false
		}
		if !first {
			w.out = append(w.out, ',')
		}
		if !w.next(name+element, how) {
			return false
		}
	}
}

func (w *walk) text() (string, bool) {
	token, err := w.in.ReadToken()
	if err != nil {
		return "", false
	}
	return token.String(), true
}

func (w *walk) quote(text string) bool {
	w.out, _ = jsontext.AppendQuote(w.out, text) // what is not UTF-8 was replaced when it was read
	return true
}

// number copies a number. A secret one becomes 0, and 0 tells nothing.
func (w *walk) number(how treatment, text string) bool {
	switch {
	case how == withhold:
		text = "0"
	case how != keep && text != "0" && w.names != nil:
		text = w.names.number(text)
	}
	w.out = append(w.out, text...)
	return true
}
