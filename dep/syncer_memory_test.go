package dep_test

import (
	"context"
	"iter"
	"runtime"
	"testing"

	"github.com/applemdm/applemdm/dep"
)

// However long the list, a Syncer keeps two pages and, with an inventory, about 100 bytes a device.
// The devices themselves would take more than 30 MiB.
func TestSyncerMemory(t *testing.T) {
	const devices, pageSize, bound = 50_000, 1000, 16 << 20
	srv, client := simulated(t, nil, func(o *dep.Options) { o.PageSize = pageSize })
	serials := srv.AddRandomDevices(devices)
	batches, records, highest := 0, 0, uint64(0)
	s := newSyncer(t, client, func(_ context.Context, b *dep.Batch) error {
		records += len(b.Devices)
		if batches++; batches%10 == 0 {
			highest = max(highest, heap())
		}
		return nil
	}, &dep.SyncerOptions{
		Inventory: func(context.Context) iter.Seq2[dep.Device, error] { return bareDevices(serials) },
	})

	before := heap()
	sync1(t, s)
	if records != devices || batches != devices/pageSize+1 {
		t.Errorf("%d records in %d batches", records, batches)
	}
	if highest > before+bound {
		t.Errorf("%d MiB more while it ran, want at most %d", (highest-before)>>20, bound>>20)
	}
	runtime.KeepAlive(srv)
}

// bareDevices yields devices that are only a serial number, as a database does row by row.
func bareDevices(serials []string) iter.Seq2[dep.Device, error] {
	return func(yield func(dep.Device, error) bool) {
		for _, serial := range serials {
			if !yield(dep.Device{SerialNumber: serial}, nil) {
				return
			}
		}
	}
}

// heap returns how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
