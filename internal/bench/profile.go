package main

import (
	"os"
	"runtime"
	"runtime/pprof"
)

// profile begins to record where processor time and allocations go, if BENCH_PROFILE says where to
// write that. The figures of such a run are worse.
func profile(who string) (stop func() error, err error) {
	prefix := os.Getenv("BENCH_PROFILE")
	if prefix == "" {
		return func() error { return nil }, nil
	}
	name := prefix + who
	cpu, err := os.Create(name + ".cpu.prof")
	if err != nil {
		return nil, err
	}
	runtime.MemProfileRate = 512
	return func() error {
		pprof.StopCPUProfile()
		allocs, err := os.Create(name + ".allocs.prof")
		if err != nil {
			return err
		}
		if err := pprof.Lookup("allocs").WriteTo(allocs, 0); err != nil {
			return err
		}
		return allocs.Close()
	}, pprof.StartCPUProfile(cpu)
}
