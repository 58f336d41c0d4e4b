package main

import (
	"context"
	"fmt"
	"os"

	"github.com/schollz/progressbar/v3"

	"github.com/applemdm/applemdm/dep"
)

// printer prints what the Syncer delivers.
type printer struct {
	bar *progressbar.ProgressBar // while a full list is read
}

// batch shows the full list as progress and every change as a line.
func (p *printer) batch(_ context.Context, batch *dep.Batch) error {
	if batch.Full {
		p.fullList(batch)
		return nil
	}
	for _, event := range batch.Events {
		printEvent(&event)
	}
	return nil
}

func (p *printer) fullList(batch *dep.Batch) {
	if p.bar == nil {
		p.bar = progressbar.Default(-1, "reading the device list")
	}
	p.bar.Add(len(batch.Devices))
	if batch.Completes {
		p.bar.Finish()
		p.bar = nil
	}
}

func printEvent(event *dep.Event) {
	d := &event.Device
	fmt.Printf("%-25s %-8s %-14s %-16s profile %s", d.OpDate, event.Kind, d.SerialNumber, d.Model, d.ProfileStatus)
	switch {
	case d.MDMMigrationDeadline != "":
		fmt.Printf("  migrates until %s", d.MDMMigrationDeadline)
	case event.Moved():
		fmt.Print("  moved here, needs a profile")
	case event.NeedsProfile():
		fmt.Print("  needs a profile")
	case d.ReleasedByReplacement:
		fmt.Print("  replaced by another device")
	}
	fmt.Println()
}

// run reports a run that did something, or failed.
func (p *printer) run(run dep.Run) {
	took := run.Ended.Sub(run.Started).Round(1e6)
	switch {
	case run.Err != nil:
		fmt.Fprintf(os.Stderr, "run failed after %v: %v\n", took, run.Err)
	case run.Devices > 0:
		fmt.Printf("%d records in %d pages, %v\n", run.Devices, run.Batches, took)
	}
}

func printState(s dep.State) {
	if s.Kind.Usable() {
		fmt.Printf("account: %s (token good until %s)\n", s.Kind, s.TokenExpiry.Format("2006-01-02"))
		return
	}
	fmt.Fprintf(os.Stderr, "account: %s: %v\n", s.Kind, s.Err)
}
