package main

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"syscall"
	"time"
)

// cost is what a piece of work took.
type cost struct {
	wall      time.Duration
	cpu       time.Duration // of the whole process, the garbage collector included
	allocated uint64        // bytes
	objects   uint64        // allocated
}

// measure runs work and returns what it took.
func measure(work func() error) (cost, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, used := time.Now(), cpuTime()
	err := work()
	c := cost{wall: time.Since(start), cpu: cpuTime() - used}
	runtime.ReadMemStats(&after)
	c.allocated = after.TotalAlloc - before.TotalAlloc
	c.objects = after.Mallocs - before.Mallocs
	return c, err
}

// cpuTime returns what this process has used of the processors so far.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it cannot fail with these arguments
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// best runs work several times and returns the least of each figure, which is the one that other
// work on the machine disturbed least.
func best(times int, work func() error) (cost, error) {
	var least cost
	for i := range times {
		c, err := measure(work)
		if err != nil {
			return c, err
		}
		if i == 0 {
			least = c
		}
		least.wall = min(least.wall, c.wall)
		least.cpu = min(least.cpu, c.cpu)
		least.allocated = min(least.allocated, c.allocated)
		least.objects = min(least.objects, c.objects)
	}
	return least, nil
}

// peakHeap returns the most bytes that objects on the heap, dead ones not yet collected included,
// took while work ran, looked at every half millisecond.
func peakHeap(work func() error) (uint64, error) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	var peak uint64
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
			select {
			case <-done:
				return
			case <-time.After(500 * time.Microsecond):
			}
		}
	})
	runtime.GC()
	err := work()
	close(done)
	watcher.Wait()
	return peak, err
}
