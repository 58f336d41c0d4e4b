// Command bench measures this SDK and its peers in one run, on one machine, and prints ratios.
//
//	go run . dep   # the Device Assignment client, and nanodep
//	go run . apns  # the push client, and apns2, nanopush, net/http and h2load
//	go run . vpp   # the Apps and Books client, and asking for one page at a time
//	go run . axm   # the Apple Business API client, and nanoaxm and encoding/json
//	go run . all
//
// Each line is a figure: its name, ours, the peer's, and how many times better ours is. Figures of
// different runs or machines must not be compared; the ratios of one run may.
//
// apns needs nghttpd and h2load (apt-get install nghttp2-server nghttp2-client). With BENCH_PROFILE
// set to the beginning of a path it also writes profiles there, one of the processor and one of
// allocations for each client.
package main

import (
	"errors"
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
		return errors.New("what to measure? dep, apns, vpp, axm or all")
	}
	switch args[0] {
	case "dep":
		return report(depFigures)
	case "apns":
		return report(apnsFigures)
	case "vpp":
		return report(vppFigures)
	case "axm":
		return report(axmFigures)
	case "all":
		return report(depFigures, apnsFigures, vppFigures, axmFigures)
	case "serve-dep", "walk-dep": // by depFigures itself, as processes of their own
		return depChild(args)
	case "serve-apns", "push-apns": // by apnsFigures itself, likewise
		return apnsChild(args[0])
	}
	return fmt.Errorf("nothing named %q to measure; there is: dep, apns, vpp, axm, all", args[0])
}

// report measures and prints.
func report(measures ...func() ([]figure, error)) error {
	var figures []figure
	for _, measure := range measures {
		more, err := measure()
		if err != nil {
			return err
		}
		figures = append(figures, more...)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "name\tours\tpeer\tratio\t")
	for _, f := range figures {
		fmt.Fprintf(w, "%s (%s)\t%.1f\t%.1f\t%.2f\t\n", f.name, f.unit, f.ours, f.peer, f.ratio())
	}
	return w.Flush()
}
