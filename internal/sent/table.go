package sent

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Table is the part of a table of the README that is about one service. Its columns are the service,
// the items in backquotes, where they travel, the way they go (→ or ←), and what for. Where they
// travel is a list of kinds and calls: "body of `POST /a`, `PUT /a`; query of every call but `GET /a`". Items and
// calls are expanded as a shell does: `{a,b}.c` is a.c and b.c. A segment such as {serial} of a call
// is an item of its path. Calls without any item stand in a row that has a dash for them.
type Table struct{ rows []row }

type row struct {
	line     string
	received bool
	items    []string
	places   []place
}

type place struct {
	in    string
	calls []string // nil is every call
	but   []string // of every call
}

func (p place) has(call string) bool {
	return p.calls == nil && !slices.Contains(p.but, call) || slices.Contains(p.calls, call)
}

// Read reads the rows about a service from the table below that heading.
func Read(markdown, heading, service string) (*Table, error) {
	_, section, found := strings.Cut(markdown, "\n"+heading+"\n")
	if !found {
		return nil, fmt.Errorf("there is no heading %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n#")
	t := new(Table)
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) < 2 || strings.Trim(cells[0], " `") != service {
			continue
		}
		r, err := readRow(line, cells)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		t.rows = append(t.rows, r)
	}
	if len(t.rows) == 0 {
		return nil, fmt.Errorf("the table has no rows about %s", service)
	}
	return t, nil
}

func readRow(line string, cells []string) (row, error) {
	if len(cells) != 5 || strings.TrimSpace(cells[4]) == "" {
		return row{}, fmt.Errorf("has %d cells, or does not say what for", len(cells))
	}
	way := strings.TrimSpace(cells[3])
	if way != "→" && way != "←" {
		return row{}, fmt.Errorf("the way is %q", way)
	}
	r := row{line: line, received: way == "←", items: quoted(cells[1])}
	if len(r.items) == 0 && strings.TrimSpace(cells[1]) != "–" {
		return row{}, fmt.Errorf("has no items and no dash")
	}
	for text := range strings.SplitSeq(cells[2], ";") {
		in, calls, found := strings.Cut(strings.TrimSpace(text), " of ")
		p := place{in: in}
		if but, every := strings.CutPrefix(calls, "every call"); every {
			p.but = quoted(but)
		} else {
			p.calls = quoted(calls)
			found = found && len(p.calls) > 0
		}
		if !found || !slices.Contains([]string{Path, Query, Header, Cookie, Body, TLS}, in) {
			return row{}, fmt.Errorf("travels in %q", text)
		}
		r.places = append(r.places, p)
	}
	return r, nil
}

var backquoted = regexp.MustCompile("`([^`]+)`")

// quoted returns what is in backquotes, expanded.
func quoted(cell string) []string {
	var list []string
	for _, match := range backquoted.FindAllStringSubmatch(cell, -1) {
		list = append(list, expand(match[1])...)
	}
	return list
}

var alternatives = regexp.MustCompile(`\{([^{}]*,[^{}]*)\}`)

func expand(text string) []string {
	at := alternatives.FindStringSubmatchIndex(text)
	if at == nil {
		return []string{text}
	}
	var list []string
	for word := range strings.SplitSeq(text[at[2]:at[3]], ",") {
		list = append(list, expand(text[:at[0]]+word+text[at[1]:])...)
	}
	return list
}

// calls returns all calls of the table.
func (t *Table) calls() []string {
	var calls []string
	for _, r := range t.rows {
		for _, p := range r.places {
			calls = append(calls, p.calls...)
		}
	}
	slices.Sort(calls)
	return slices.Compact(calls)
}
