// Package leak looks for secrets in all that a client lets be seen: log lines, traces, states, errors,
// recordings. It is for tests only.
//
// The tests of each service make their clients by one function, which watches them: so whatever any of
// these tests lets a client log is searched, and not only what a test of secrets does.
package leak

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
)

// Sink takes in what a client shows. When the test ends, it is searched. All methods are safe for
// concurrent use.
type Sink struct {
	secrets func() []string

	mu     sync.Mutex
	log    bytes.Buffer
	values []any
}

// Watch returns a Sink that is searched for secrets when the test ends, by which time they may have
// become more.
func Watch(t testing.TB, secrets func() []string) *Sink {
	s := &Sink{secrets: secrets}
	t.Cleanup(func() { s.Search(t) })
	return s
}

// Logger returns a logger of all levels that writes to s.
func (s *Sink) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write takes in a line of a log.
func (s *Sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(line)
}

// Log returns what was logged.
func (s *Sink) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// Note takes in values that a program might print: traces, states, errors.
func (s *Sink) Note(values ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values = append(s.values, values...)
}

// NoteFile takes in a file that is made to be shown: a recording.
func (s *Sink) NoteFile(t testing.TB, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s.Note(string(text))
}

// Search fails the test if a secret, or one of further ones, can be seen in what s has.
func (s *Sink) Search(t testing.TB, further ...string) {
	t.Helper()
	hunt := newHunt(append(s.secrets(), further...))
	s.mu.Lock()
	defer s.mu.Unlock()
	hunt.in(t, "log", s.log.String())
	for _, v := range s.values {
		hunt.in(t, fmt.Sprintf("%T", v), formsAlone(v))
	}
}

// Find fails the test if one of the secrets can be seen in values, in whatever way they are printed.
func Find(t testing.TB, secrets []string, values ...any) {
	t.Helper()
	hunt := newHunt(secrets)
	for _, v := range values {
		hunt.in(t, fmt.Sprintf("%T", v), Forms(v))
	}
}

// hunt looks for many spellings in one pass.
type hunt struct {
	spelled []string
	marker  *strings.Replacer // marks what is found
}

func newHunt(secrets []string) *hunt {
	h := new(hunt)
	var pairs []string
	for _, secret := range secrets {
		for _, spelling := range spellings(secret) {
			h.spelled = append(h.spelled, spelling)
			pairs = append(pairs, spelling, "")
		}
	}
	h.marker = strings.NewReplacer(pairs...)
	return h
}

func (h *hunt) in(t testing.TB, where, text string) {
	t.Helper()
	if len(h.marker.Replace(text)) == len(text) {
		return
	}
	for _, spelling := range h.spelled {
		if strings.Contains(text, spelling) {
			t.Errorf("a secret (%.4s…) is in the %s: %.2000s", spelling, where, text)
			return
		}
	}
}

// least is how long a spelling must be that can only be there because the secret is.
const least = 6

// spellings returns the ways in which a secret can be written: as it is, escaped, as the bytes that
// Go prints, in hexadecimal, and in Base64, also as a part of something longer.
func spellings(secret string) []string {
	if secret == "" {
		return nil
	}
	quoted := strconv.Quote(secret)
	all := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), quoted[1 : len(quoted)-1],
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
		strings.Trim(fmt.Sprint([]byte(secret)), "[]"), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(secret)), "[]byte{"), "}"),
	}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", shift) + secret))
		text = text[[3]int{0, 2, 3}[shift]:] // what no neighbour has a part in
		text = strings.TrimRight(text, "=")
		if (shift+len(secret))%3 != 0 {
			text = text[:len(text)-1]
		}
		all = append(all, text, strings.NewReplacer("+", "-", "/", "_").Replace(text))
	}
	kept := all[:1]
	for _, spelling := range all[1:] {
		if len(spelling) >= least && spelling != secret {
			kept = append(kept, spelling)
		}
	}
	return kept
}

// Forms prints v in all the ways that programs do, alone and inside other values.
func Forms(v any) string {
	text := formsAlone(v)
	for _, within := range []any{[]any{v}, struct{ V any }{v}, struct{ v any }{v}} {
		text += fmt.Sprintf("%+v\n%#v\n%x\n", within, within, within)
	}
	return text
}

// formsAlone prints v and, if it is an error, those below it. What it points to, and a member Body, are
// printed for themselves.
func formsAlone(v any) string {
	var b strings.Builder
	write(&b, v)
	return b.String()
}

func write(b *strings.Builder, v any) {
	if v == nil {
		return
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(b, verb+"\n", v)
	}
	encode(b, v)
	if value := reflect.ValueOf(v); value.Kind() == reflect.Pointer && !value.IsNil() && value.Elem().Kind() == reflect.Struct {
		fmt.Fprintf(b, "%+v\n%#v\n", value.Elem().Interface(), value.Elem().Interface())
		if body := value.Elem().FieldByName("Body"); body.IsValid() && body.Kind() == reflect.Slice && body.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, "%s\n", body.Bytes())
		}
	}
	writeBelow(b, v)
}

// encode writes v as encoders and loggers do, as far as they can.
func encode(b *strings.Builder, v any) {
	if text, err := json.Marshal(v); err == nil {
		b.Write(text)
	}
	if text, err := jsonv2.Marshal(v); err == nil {
		b.Write(text)
	}
	slog.New(slog.NewTextHandler(b, nil)).Info("", "value", v)
	slog.New(slog.NewJSONHandler(b, nil)).Info("", "value", v)
}

// writeBelow writes the errors below an error.
func writeBelow(b *strings.Builder, v any) {
	err, is := v.(error)
	if !is {
		return
	}
	if below, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range below.Unwrap() {
			write(b, e)
		}
	}
	if below := errors.Unwrap(err); below != nil {
		write(b, below)
	}
}
