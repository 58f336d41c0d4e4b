package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/applemdm/applemdm/axm"
)

// watch waits for the operation and shows how far it is. Apple tells of whole activities only.
func watch(ctx context.Context, operation *axm.Operation) error {
	bar := progressbar.NewOptions(operation.Progress().Total, progressbar.OptionSetDescription("moving"),
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false))
	defer bar.Exit()
	ended := make(chan error, 1)
	go func() {
		_, err := operation.Wait(ctx)
		ended <- err
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			bar.Set(settled(operation.Progress()))
		case err := <-ended:
			bar.Set(settled(operation.Progress()))
			return err
		}
	}
}

func settled(p axm.Progress) int { return p.Total - p.Pending - p.Uncertain }

// line is a line of the report: how many came to the same end.
type line struct {
	status axm.Status
	reason string
}

// report prints what became of the devices, a line for each end that they came to, and writes what is
// not done to a file, if one is named.
func report(result *axm.Result, took time.Duration, undone string) error {
	fmt.Printf("\n%d devices in %v\n\n", len(result.Outcomes), took.Round(time.Millisecond))
	counts := map[line]int{}
	for _, o := range result.Outcomes {
		counts[line{o.Status, words(o.Err)}]++
	}
	order := slices.SortedFunc(maps.Keys(counts), func(a, b line) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.status, b.status), cmp.Compare(a.reason, b.reason))
	})
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "devices\tstatus\t")
	for _, l := range order {
		fmt.Fprintf(w, "%d\t%s\t%s\n", counts[l], l.status, l.reason)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if undone == "" {
		return nil
	}
	return writeUndone(undone, result)
}

// writeUndone writes a table of what to try again.
func writeUndone(name string, result *axm.Result) error {
	var table bytes.Buffer
	for _, o := range result.Outcomes {
		if o.Status != axm.StatusDone {
			fmt.Fprintf(&table, "%s,%s\n", o.SerialNumber, o.Status)
		}
	}
	return os.WriteFile(name, table.Bytes(), 0o644)
}

// words says what an error is, without what differs from device to device.
func words(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*axm.DeviceError](err); ok {
		return e.Status + " " + e.SubStatus
	}
	if e, ok := errors.AsType[*axm.Error](err); ok && e.Err != nil {
		if e.RetryAfter > 0 {
			return fmt.Sprintf("%v; try again in %v", e.Err, e.RetryAfter.Round(time.Second))
		}
		return e.Err.Error()
	}
	return err.Error()
}

// list prints the servers.
func list(ctx context.Context, client *axm.Client) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "id\tname\ttype")
	for server, err := range client.Servers(ctx, axm.ListOptions{}) {
		if err != nil {
			return errors.Join(w.Flush(), err)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", server.ID, server.ServerName, server.ServerType)
	}
	return w.Flush()
}
