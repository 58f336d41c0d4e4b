package cassette

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

const formType = "application/x-www-form-urlencoded"

// body returns what is written in the place of a body.
func (r *redactor) body(header http.Header, body []byte) string {
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	trimmed := bytes.TrimSpace(body)
	switch {
	case len(trimmed) == 0:
		return ""
	case header.Get("Content-Encoding") != "":
		return note(body, mediaType)
	case trimmed[0] == '{', trimmed[0] == '[':
		return string(r.json(body))
	case mediaType == formType:
		return r.form(string(body))
	case isCode(string(trimmed)):
		return string(body)
	}
	return note(body, mediaType)
}

// note stands for a body of which nothing is kept.
func note(body []byte, mediaType string) string {
	if mediaType == "" {
		return fmt.Sprintf("[redacted: %d bytes]", len(body))
	}
	return fmt.Sprintf("[redacted: %d bytes of %s]", len(body), mediaType)
}

// isCode reports whether text is a code word of a service, such as FORBIDDEN or "INVALID_CURSOR",
// perhaps with the text of a status: token_expiredForbidden.
func isCode(text string) bool {
	text = strings.Trim(text, `"`)
	for status := 400; status < 600; status++ {
		if phrase := http.StatusText(status); phrase != "" && strings.HasSuffix(text, phrase) {
			text = strings.TrimSuffix(text, phrase)
			break
		}
	}
	if len(text) > 64 || strings.Trim(text, lower+capitals+"_") != "" {
		return false
	}
	return text == "" || strings.Contains(text, "_") || text == strings.ToUpper(text)
}

// form returns the parameters of a form, which are treated as members are.
func (r *redactor) form(text string) string {
	values, err := url.ParseQuery(text)
	if err != nil {
		return note([]byte(text), formType)
	}
	return r.query(values).Encode()
}

func (r *redactor) query(values url.Values) url.Values {
	out := make(url.Values, len(values))
	for name, list := range values {
		how := r.member("", name)
		if shown := r.memberName("", name); shown != keep {
			name = r.value(shown, name)
		}
		for _, value := range list {
			if isBlank(value) {
				out.Add(name, value)
				continue
			}
			out.Add(name, r.value(how, value))
		}
	}
	return out
}

// isBlank reports whether a parameter is to be filled in, as in inviteCode=%inviteCode%.
func isBlank(value string) bool {
	return len(value) > 2 && value[0] == '%' && value[len(value)-1] == '%' && isWord(value[1:len(value)-1])
}

// isURL reports whether text is a URL, whole or with a path that the service is known to have.
func (b *book) isURL(text string) bool {
	if rest, ok := strings.CutPrefix(text, "/"); ok {
		end := strings.IndexAny(rest, "/?")
		return end > 0 && b.segments[rest[:end]]
	}
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
}

// url returns a URL of which the host, if it is Apple's, and the known segments of the path are kept.
func (r *redactor) url(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return Redacted
	}
	return r.location(u).String()
}

func (r *redactor) location(u *url.URL) *url.URL {
	out := &url.URL{Scheme: u.Scheme, Host: u.Host}
	if name := u.Hostname(); r.names != nil && name != "" && name != "apple.com" && !strings.HasSuffix(name, ".apple.com") {
		out.Host = r.names.host(name)
		if port := u.Port(); port != "" {
			out.Host += ":" + port
		}
	}
	segments := strings.Split(u.Path, "/")
	for i, segment := range segments {
		if !r.segments[segment] && (i == 0 || !r.before[segments[i-1]]) {
			segments[i] = strings.ReplaceAll(r.value(hide, segment), "/", "_")
		}
	}
	out.Path = strings.Join(segments, "/")
	if u.RawQuery != "" {
		out.RawQuery = r.query(u.Query()).Encode()
	}
	return out
}

// headers returns the headers with the values of those that may be shown. What belongs to the line,
// not to the service, is left out.
func (r *redactor) header(header http.Header) http.Header {
	out := make(http.Header, len(header))
	for name, values := range header {
		switch {
		case name == "Content-Length" || name == "Content-Encoding" || name == "Transfer-Encoding" || name == "Connection":
		case r.hidden[name]:
			for _, value := range values {
				out.Add(name, r.value(hide, value))
			}
		case r.headers[name]:
			for _, value := range values {
				out.Add(name, r.value(keep, value))
			}
		default:
			out.Set(name, r.value(withhold, strings.Join(values, ", ")))
		}
	}
	return out
}

// message returns a text for people without the words that are values: those that are known as
// such, and those that look so.
func (r *redactor) message(text string) string {
	var out strings.Builder
	rest := text
	for rest != "" {
		i := strings.IndexFunc(rest, func(c rune) bool { return !isSeparator(c) })
		if i < 0 {
			break
		}
		out.WriteString(rest[:i])
		rest = rest[i:]
		end := strings.IndexFunc(rest, isSeparator)
		if end < 0 {
			end = len(rest)
		}
		out.WriteString(r.word(rest[:end]))
		rest = rest[end:]
	}
	out.WriteString(rest)
	return out.String()
}

// word returns a word of a text, or what stands for it.
func (r *redactor) word(word string) string {
	bare := strings.TrimRight(word, ".:!?")
	end := word[len(bare):]
	if standIn, ok := r.names.known(bare); ok {
		return standIn + end
	}
	if r.isURL(bare) {
		return r.url(bare) + end
	}
	isValue := strings.ContainsAny(bare, digits) && len(bare) > 4 // an error number has four
	if isValue || strings.Contains(bare, "@") || r.names.isPart(bare) {
		return r.names.get(bare) + end
	}
	return word
}
