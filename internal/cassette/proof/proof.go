// Package proof shows, without the code that redacts, that a recording tells nothing. It is for
// tests only.
package proof

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
)

// Wire is a transport that remembers every value that passes. Put it under a recorder.
type Wire struct {
	Base http.RoundTripper

	mu     sync.Mutex
	values values
}

// RoundTrip sends a request and reads the whole answer.
func (w *Wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	w.note(r.URL, r.Header, sent)
	resp, err := w.Base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	w.note(nil, resp.Header, body)
	rest := io.Reader(bytes.NewReader(body))
	if err != nil {
		rest = io.MultiReader(rest, failure{err})
	}
	resp.Body = io.NopCloser(rest)
	return resp, nil
}

type failure struct{ err error }

func (f failure) Read([]byte) (int, error) { return 0, f.err }

func (w *Wire) note(u *url.URL, header http.Header, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.values.message(u, header, string(body))
}

// Leaks returns the values that passed w, or that are given, and are in the recording all the same.
// Values of fewer than five characters are nobody's. allowed says which ones may be shown.
func (w *Wire) Leaks(t testing.TB, file string, given []string, allowed func(string) bool) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cassette.LoadWithFS(file, disk(file))
	if err != nil {
		t.Fatal(err)
	}
	var shown values
	for _, i := range c.Interactions {
		u, err := url.Parse(i.Request.URL)
		if err != nil {
			t.Fatal(err)
		}
		shown.message(u, i.Request.Headers, i.Request.Body)
		shown.message(nil, i.Response.Headers, i.Response.Body)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	secret := slices.Concat(w.values, given)
	slices.Sort(secret)
	return slices.DeleteFunc(slices.Compact(secret), func(v string) bool {
		return len(v) < 5 || allowed(v) || !strings.Contains(string(text), v) && !slices.Contains(shown, v)
	})
}

// disk is the recording as a file system of go-vcr.
type disk string

func (d disk) ReadFile(string) ([]byte, error) { return os.ReadFile(string(d)) }
func (disk) WriteFile(string, []byte) error    { return os.ErrPermission }
func (disk) IsFileExists(string) bool          { return true }

// values are strings and numbers that were found in messages.
type values []string

func (v *values) add(list ...string) { *v = append(*v, list...) }

func (v *values) message(u *url.URL, header http.Header, body string) {
	if u != nil {
		v.add(strings.Split(u.Path, "/")...)
		v.add(u.Hostname())
		v.form(u.Query())
	}
	for _, list := range header {
		v.add(list...)
	}
	if form, err := url.ParseQuery(body); err == nil && header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		v.form(form)
		return
	}
	in := json.NewDecoder(strings.NewReader(body))
	in.UseNumber()
	token, err := in.Token()
	if err != nil {
		v.add(body)
	}
	for ; err == nil; token, err = in.Token() { // names of members too
		switch token := token.(type) {
		case string:
			v.add(token)
		case json.Number:
			v.add(token.String())
		}
	}
}

func (v *values) form(form url.Values) {
	for name, list := range form {
		v.add(name)
		v.add(list...)
	}
}
