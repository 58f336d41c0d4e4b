package sent

import (
	"bytes"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Message is what is known of one request: the items in it, and in its answer.
type Message struct {
	Call           string // method and path
	Sent, Received []Item
}

// HTTP2 returns the message that the fields of a request and its body are, of lines that are no
// [http.RoundTripper].
func HTTP2(fields iter.Seq2[string, string], body []byte) Message {
	var method, path string
	header := http.Header{}
	for name, value := range fields {
		switch {
		case name == ":method":
			method = value
		case name == ":path":
			path = value
		case !strings.HasPrefix(name, ":"):
			header[name] = append(header[name], value)
		}
	}
	return Message{Call: method + " " + path, Sent: Of(nil, header, body)}
}

// Wire is a transport that remembers which items pass, not their values. It is safe for concurrent
// use. The zero value needs a Base.
type Wire struct {
	Base http.RoundTripper

	mu       sync.Mutex
	messages []Message
}

// RoundTrip sends a request and reads the whole answer.
func (w *Wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	m := Message{Call: r.Method + " " + r.URL.EscapedPath(), Sent: Of(r.URL.Query(), r.Header, body)}
	resp, err := w.Base.RoundTrip(r)
	if err != nil {
		w.Add(m)
		return nil, err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	m.Received = Of(nil, resp.Header, answer)
	w.Add(m)
	resp.Body = io.NopCloser(&rest{bytes.NewReader(answer), err})
	return resp, nil
}

// rest reads what there is, and then fails as the original did.
type rest struct {
	*bytes.Reader
	err error
}

func (r *rest) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF && r.err != nil {
		err = r.err
	}
	return n, err
}

// Add remembers a message that took another way.
func (w *Wire) Add(m Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages = append(w.messages, m)
}

// Messages returns what has passed so far.
func (w *Wire) Messages() []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.messages)
}

// segments splits a path.
func segments(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }
