package faultmatrix

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"unicode/utf8"
)

// Matrix is the fault matrix of one service.
type Matrix struct {
	Service string
	Rows    []string // what goes wrong
	Columns []string // the calls

	// Cell makes the call of a column while the fault of a row happens, once or for ever, and returns
	// what came of it. It runs in a bubble of its own.
	Cell func(t *testing.T, row, column int, forEver bool) string

	// Applies reports whether the fault of a row can happen to a call; nil is always.
	Applies func(row, column int) bool
}

// cell is what came of a fault, once and for ever.
type cell [2]string

// often says how often a fault happens.
var often = [2]string{"once", "always"}

// record is what came of all cells so far.
type record struct {
	mu    sync.Mutex
	cells [][]cell
	count map[string]int // by ending
	wrong int            // cells
}

// Run runs all cells, row by row in parallel, and logs the table and its counts when they have ended.
func (m Matrix) Run(t *testing.T) {
	r := &record{cells: make([][]cell, len(m.Rows)), count: make(map[string]int)}
	t.Cleanup(func() { t.Logf("\n%s\n%s", m.table(r), m.summary(r)) }) // when the parallel rows have ended
	for i, row := range m.Rows {
		r.cells[i] = make([]cell, len(m.Columns))
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			for j, column := range m.Columns {
				if m.Applies != nil && !m.Applies(i, j) {
					continue
				}
				for k := range often {
					t.Run(column+" "+often[k], func(t *testing.T) { m.run(t, r, i, j, k) })
				}
			}
		})
	}
}

func (m Matrix) run(t *testing.T, r *record, row, column, k int) {
	ending := "?"
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.cells[row][column][k] = ending
		if t.Failed() {
			r.wrong++
		} else {
			r.count[ending]++
		}
	})
	synctest.Test(t, func(t *testing.T) { ending = m.Cell(t, row, column, k == 1) })
}

// table shows what came of each fault: once, and for ever if that differs.
func (m Matrix) table(r *record) string {
	lines := [][]string{append([]string{m.Service + ": once / for ever"}, m.Columns...)}
	for i, row := range m.Rows {
		line := []string{row}
		for _, c := range r.cells[i] {
			text := cmp.Or(c[0], "·")
			if c[0] != c[1] {
				text += " / " + cmp.Or(c[1], "·")
			}
			line = append(line, text)
		}
		lines = append(lines, line)
	}
	return aligned(lines)
}

// aligned puts the fields of lines under one another.
func aligned(lines [][]string) string {
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, text := range line {
			width[i] = max(width[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		for i, text := range line {
			fmt.Fprintf(&b, "%-*s", width[i]+2, text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// summary counts the cells. All of its figures are of cells, of which each fault has two a call.
func (m Matrix) summary(r *record) string {
	failures := 0
	var parts []string
	for _, ending := range slices.Sorted(maps.Keys(r.count)) {
		if ending != Works {
			failures += r.count[ending]
			parts = append(parts, fmt.Sprintf("%s %d", ending, r.count[ending]))
		}
	}
	return fmt.Sprintf("fault matrix of %s: %d faults, %d calls, %d cells: %d end in success, %d in a typed error (%s), %d are wrong",
		m.Service, len(m.Rows), len(m.Columns), r.count[Works]+failures+r.wrong, r.count[Works], failures, strings.Join(parts, ", "), r.wrong)
}
