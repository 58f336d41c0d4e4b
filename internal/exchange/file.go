package exchange

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Exchange is one exchange: a request and its answer, or several in order.
type Exchange struct {
	Name  string // file and name: "sync/two pages"
	Pairs []Pair
}

// Pair is one request as it is expected, and its answer.
type Pair struct {
	Method, Target, RequestBody string // Target is path and query

	Status int
	Header http.Header
	Body   string
}

// Set holds the exchanges of some files, and which of them a test has taken.
type Set struct {
	exchanges map[string]Exchange
	taken     map[string]bool
}

// Read reads the files that a pattern of [filepath.Glob] names. It ends t if there are none, if one
// is not of the format, or if two exchanges are called alike.
func Read(t testing.TB, pattern string) *Set {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	s := &Set{exchanges: make(map[string]Exchange), taken: make(map[string]bool)}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil {
			err = s.add(strings.TrimSuffix(filepath.Base(file), ".txt"), string(text))
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return s
}

func (s *Set) add(file, text string) error {
	exchanges, err := parse(text)
	for _, e := range exchanges {
		e.Name = file + "/" + e.Name
		if _, again := s.exchanges[e.Name]; again {
			return fmt.Errorf("two exchanges are called %q", e.Name)
		}
		s.exchanges[e.Name] = e
	}
	return err
}

// Take returns an exchange. It ends t if there is none of that name or it was taken before: each
// exchange is replayed by exactly one test.
func (s *Set) Take(t testing.TB, name string) Exchange {
	t.Helper()
	e, ok := s.exchanges[name]
	if !ok || s.taken[name] {
		t.Fatalf("%q: is there %v, taken before %v", name, ok, s.taken[name])
	}
	s.taken[name] = true
	return e
}

// Left returns the names of the exchanges that were not taken, sorted.
func (s *Set) Left() []string {
	var names []string
	for name := range s.exchanges {
		if !s.taken[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func parse(text string) ([]Exchange, error) {
	_, text, found := strings.Cut("\n"+text, "\n=== exchange: ")
	if !found {
		return nil, errors.New("no exchange")
	}
	var exchanges []Exchange
	for section := range strings.SplitSeq(text, "\n=== exchange: ") {
		name, rest, _ := strings.Cut(section, "\n")
		e := Exchange{Name: name}
		for pair := range strings.SplitSeq(strings.TrimPrefix(rest, "--- request\n"), "\n--- request\n") {
			p, err := parsePair(pair)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			e.Pairs = append(e.Pairs, p)
		}
		exchanges = append(exchanges, e)
	}
	return exchanges, nil
}

func parsePair(text string) (Pair, error) {
	request, response, found := strings.Cut(text, "\n--- response\n")
	if !found {
		return Pair{}, fmt.Errorf("a request without a response: %q", text)
	}
	p := Pair{Header: http.Header{}}
	line, body, _ := strings.Cut(request, "\n")
	if p.Method, p.Target, found = strings.Cut(line, " "); !found {
		return Pair{}, fmt.Errorf("no method and target in %q", line)
	}
	p.RequestBody = strings.Trim(body, "\n")

	head, body, _ := strings.Cut(response, "\n\n")
	p.Body = strings.TrimRight(body, "\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	if _, err := fmt.Sscanf(lines[0], "%d", &p.Status); err != nil {
		return Pair{}, fmt.Errorf("status %q: %w", lines[0], err)
	}
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ": ")
		if !found {
			return Pair{}, fmt.Errorf("header %q", line)
		}
		p.Header.Add(name, value)
	}
	return p, nil
}
