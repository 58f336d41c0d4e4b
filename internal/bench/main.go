// Command bench measures this SDK and its peers in one run, on one machine, and prints ratios.
//
//	go run . dep
//
// Each line is a figure: its name, ours, the peer's, and how many times better ours is. Figures of
// different runs or machines must not be compared; the ratios of one run may.
package main

import (
	"fmt"
	"os"
	"text/tabwriter"
)

// figure is one line of the report.
type figure struct {
	name       string
	unit       string
	ours, peer float64
	less       bool // less is better
}

// ratio is how many times better ours is.
func (f figure) ratio() float64 {
	if f.less {
		return f.peer / f.ours
	}
	return f.ours / f.peer
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("what to measure? dep")
	}
	switch args[0] {
	case "dep":
		return report(depFigures)
	case "serve-dep", "walk-dep": // by depFigures itself, as processes of their own
		return depChild(args)
	}
	return fmt.Errorf("nothing named %q to measure; there is: dep", args[0])
}

// report measures and prints.
func report(measure func() ([]figure, error)) error {
	figures, err := measure()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "name\tours\tpeer\tratio\t")
	for _, f := range figures {
		fmt.Fprintf(w, "%s (%s)\t%.1f\t%.1f\t%.1f\t\n", f.name, f.unit, f.ours, f.peer, f.ratio())
	}
	return w.Flush()
}
