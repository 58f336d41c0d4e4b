package vpp_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rawExchange is one exchange of testdata/exchange; the README there describes the format.
type rawExchange struct {
	name  string // file and name: "lists/assets, two pages"
	pairs []rawPair
}

type rawPair struct {
	method, target, requestBody string

	status int
	header http.Header
	body   string
}

// readExchanges reads all exchanges, by name.
func readExchanges(t *testing.T) map[string]rawExchange {
	t.Helper()
	files, err := filepath.Glob("testdata/exchange/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	all := map[string]rawExchange{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		exchanges, err := parseExchanges(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, e := range exchanges {
			e.name = strings.TrimSuffix(filepath.Base(file), ".txt") + "/" + e.name
			if _, again := all[e.name]; again {
				t.Fatalf("two exchanges are called %q", e.name)
			}
			all[e.name] = e
		}
	}
	return all
}

func parseExchanges(text string) ([]rawExchange, error) {
	_, text, found := strings.Cut(text, "=== exchange: ")
	if !found {
		return nil, fmt.Errorf("no exchange")
	}
	var exchanges []rawExchange
	for section := range strings.SplitSeq(text, "\n=== exchange: ") {
		name, rest, _ := strings.Cut(section, "\n")
		e := rawExchange{name: name}
		for pair := range strings.SplitSeq(strings.TrimPrefix(rest, "--- request\n"), "\n--- request\n") {
			p, err := parsePair(pair)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			e.pairs = append(e.pairs, p)
		}
		exchanges = append(exchanges, e)
	}
	return exchanges, nil
}

func parsePair(text string) (rawPair, error) {
	request, response, found := strings.Cut(text, "\n--- response\n")
	if !found {
		return rawPair{}, fmt.Errorf("a request without a response: %q", text)
	}
	p := rawPair{header: http.Header{}}
	line, body, _ := strings.Cut(request, "\n")
	if p.method, p.target, found = strings.Cut(line, " "); !found {
		return rawPair{}, fmt.Errorf("no method and target in %q", line)
	}
	p.requestBody = strings.Trim(body, "\n")

	head, body, _ := strings.Cut(response, "\n\n")
	p.body = strings.TrimRight(body, "\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	if _, err := fmt.Sscanf(lines[0], "%d", &p.status); err != nil {
		return rawPair{}, fmt.Errorf("status %q: %w", lines[0], err)
	}
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ": ")
		if !found {
			return rawPair{}, fmt.Errorf("header %q", line)
		}
		p.header.Add(name, value)
	}
	return p, nil
}
