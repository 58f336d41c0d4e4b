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

	"github.com/applemdm/applemdm/vpp"
)

// watch waits for the operation and shows how far it is.
func watch(ctx context.Context, operation *vpp.Operation) error {
	bar := progressbar.NewOptions(operation.Progress().Total, progressbar.OptionSetDescription("assigning"),
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

func settled(p vpp.Progress) int { return p.Total - p.Pending }

// line is a line of the report: how many came to the same end.
type line struct {
	app    vpp.AdamID
	status vpp.Status
	reason string
}

// report prints what became of it, a line for each end that an app came to, and writes what is not
// done to a file, if one is named.
func report(result *vpp.Result, took time.Duration, undone string) error {
	fmt.Printf("\n%d assignments in %v\n\n", len(result.Outcomes), took.Round(time.Millisecond))
	counts := map[line]int{}
	for _, o := range result.Outcomes {
		counts[line{o.Asset.AdamID, o.Status, words(o.Err)}]++
	}
	order := slices.SortedFunc(maps.Keys(counts), func(a, b line) int {
		return cmp.Or(cmp.Compare(a.app, b.app), cmp.Compare(counts[b], counts[a]), cmp.Compare(a.reason, b.reason))
	})
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "app\tdevices\tstatus\t")
	for _, l := range order {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", l.app, counts[l], l.status, l.reason)
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
func writeUndone(name string, result *vpp.Result) error {
	var table bytes.Buffer
	for _, o := range result.Outcomes {
		if o.Status != vpp.StatusDone {
			fmt.Fprintf(&table, "%s,%s,%s\n", o.SerialNumber, o.Asset.AdamID, o.Status)
		}
	}
	return os.WriteFile(name, table.Bytes(), 0o644)
}

// words says what an error is, without what differs from device to device.
func words(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*vpp.Error](err); ok && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// list prints what the location owns.
func list(ctx context.Context, client *vpp.Client) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "adamId\tquality\ttype\tassigned\tavailable\tto devices")
	for asset, err := range client.Assets(ctx, vpp.AssetFilter{}) {
		if err != nil {
			return errors.Join(w.Flush(), err)
		}
		available := fmt.Sprint(asset.AvailableCount)
		if asset.Unlimited() {
			available = "unlimited"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%t\n", asset.AdamID, asset.PricingParam, asset.ProductType,
			asset.AssignedCount, available, asset.DeviceAssignable)
	}
	return w.Flush()
}
