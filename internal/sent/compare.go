package sent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Compare tells in which way the table is not what messages show: an item or a call travels that is
// not listed, or one is listed that never travels. What comes from Apple may be more than is listed.
func (t *Table) Compare(messages []Message) []string {
	c := t.begin(messages)
	c.unseen()
	return slices.Sorted(maps.Keys(c.wrong))
}

// Unlisted is the first half of [Table.Compare]: messages need not show everything.
func (t *Table) Unlisted(messages []Message) []string {
	return slices.Sorted(maps.Keys(t.begin(messages).wrong))
}

func (t *Table) begin(messages []Message) *comparison {
	c := &comparison{table: t, calls: t.calls(), wrong: map[string]bool{}, seen: map[string]bool{}}
	for _, m := range messages {
		c.message(m)
	}
	return c
}

type comparison struct {
	table *Table
	calls []string
	wrong map[string]bool
	seen  map[string]bool // row and item, row and place
}

func (c *comparison) message(m Message) {
	call, inPath, ok := Match(c.calls, m.Call)
	if !ok {
		c.wrong[m.Call+" is sent, but not listed"] = true
		return
	}
	c.note(Path, call, "–", false) // that there was such a call
	for _, item := range slices.Concat(m.Sent, inPath) {
		if !c.note(item.In, call, item.Name, false) {
			c.wrong[fmt.Sprintf("%s is sent in the %s of %s, but not listed", item.Name, item.In, call)] = true
		}
	}
	for _, item := range m.Received {
		c.note(item.In, call, item.Name, true)
	}
}

// note marks the rows that list an item of a call, and reports whether there are any.
func (c *comparison) note(in, call, name string, received bool) (listed bool) {
	for i, r := range c.table.rows {
		empty := len(r.items) == 0 && name == "–"
		if r.received != received || !empty && !slices.Contains(r.items, name) {
			continue
		}
		for j, p := range r.places {
			if !empty && p.in != in || !p.has(call) {
				continue
			}
			listed = true
			c.seen[fmt.Sprint(i, " ", name)] = true
			c.seen[fmt.Sprint(i, " ", j, " ", call)] = true
			c.seen[fmt.Sprint(i, " ", j)] = true
		}
	}
	return listed
}

// unseen tells what is listed and did not travel.
func (c *comparison) unseen() {
	for i, r := range c.table.rows {
		verb := "is listed, but never sent"
		if r.received {
			verb = "is listed, but never comes"
		}
		for _, name := range r.items {
			if !c.seen[fmt.Sprint(i, " ", name)] {
				c.wrong[fmt.Sprintf("%s %s: %s", name, verb, r.line)] = true
			}
		}
		for j, p := range r.places {
			for _, call := range p.but {
				if !slices.Contains(c.calls, call) {
					c.wrong[fmt.Sprintf("%s is excepted, but not listed: %s", call, r.line)] = true
				}
			}
			if !c.seen[fmt.Sprint(i, " ", j)] {
				c.wrong[fmt.Sprintf("nothing of this travels in the %s: %s", p.in, r.line)] = true
			}
			for _, call := range p.calls {
				if !c.seen[fmt.Sprint(i, " ", j, " ", call)] {
					c.wrong[fmt.Sprintf("nothing of this travels in the %s of %s: %s", p.in, call, r.line)] = true
				}
			}
		}
	}
}

// Match returns which of calls, with segments such as {serial}, a call is, and what is in its path.
// The one with the most literal segments wins.
func Match(calls []string, call string) (match string, inPath []Item, ok bool) {
	fewest := 0
	for _, candidate := range calls {
		if items, fits := fit(candidate, call); fits && (!ok || len(items) < fewest) {
			match, inPath, ok, fewest = candidate, items, true, len(items)
		}
	}
	return match, inPath, ok
}

func fit(candidate, call string) (items []Item, fits bool) {
	method, path, _ := strings.Cut(candidate, " ")
	gotMethod, gotPath, _ := strings.Cut(call, " ")
	want, got := segments(path), segments(gotPath)
	if method != gotMethod || len(want) != len(got) {
		return nil, false
	}
	for i := range want {
		switch {
		case strings.HasPrefix(want[i], "{") && got[i] != "":
			items = append(items, Item{Path, want[i]})
		case want[i] != got[i]:
			return nil, false
		}
	}
	return items, true
}
