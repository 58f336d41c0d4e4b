package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/applemdm/applemdm/dep"
)

// depFigures measures the Device Assignment client against nanodep's.
func depFigures() ([]figure, error) {
	var decoding []figure
	for _, version := range []int{7, 10} {
		figures, err := depDecoding(version)
		if err != nil {
			return nil, err
		}
		decoding = append(decoding, figures...)
	}
	syncing, err := depSyncing()
	if err != nil {
		return nil, err
	}
	heap, err := depHeap()
	if err != nil {
		return nil, err
	}
	return append(append(decoding, syncing...), heap...), nil
}

// depWalker walks through the device list of the service that a transport reaches and calls work
// for every page.
type depWalker func(ctx context.Context, transport http.RoundTripper, baseURL string, work func()) (devices int, err error)

// oursWalk is depWalker with this SDK.
func oursWalk(ctx context.Context, transport http.RoundTripper, baseURL string, work func()) (int, error) {
	client, err := dep.New(&dep.Token{
		ConsumerKey: "CK", ConsumerSecret: dep.NewSecret("CS"),
		AccessToken: dep.NewSecret("AT"), AccessSecret: dep.NewSecret("AS"),
	}, &dep.Options{HTTPClient: &http.Client{Transport: transport}, BaseURL: baseURL})
	if err != nil {
		return 0, err
	}
	devices := 0
	for page, err := range client.Changes(ctx, dep.Cursor{}) {
		if err != nil {
			return devices, err
		}
		devices += len(page.Items)
		work()
	}
	return devices, nil
}

// depDecoding reads pages of 1,000 devices out of memory, through the whole client. Version 7 is
// what nanodep asks for and has types for; of version 10 it skips what it does not know.
func depDecoding(version int) ([]figure, error) {
	const pages = 60
	memory := newMemoryService(pages, version, 0)
	read := func(walk depWalker) (cost, error) {
		return best(5, func() error {
			devices, err := walk(context.Background(), memory, "https://mdmenrollment.invalid", func() {})
			if err == nil && devices != pages*1000 {
				err = fmt.Errorf("%d devices, want %d", devices, pages*1000)
			}
			return err
		})
	}
	ours, err := read(oursWalk)
	if err != nil {
		return nil, err
	}
	peer, err := read(nanodepWalk)
	if err != nil {
		return nil, err
	}
	megabytes := float64(len(memory.pages[0])) * pages / 1e6
	return []figure{
		{name: fmt.Sprintf("decode a page of 1,000 devices of version %d", version), unit: "MB per CPU second", ours: megabytes / ours.cpu.Seconds(), peer: megabytes / peer.cpu.Seconds()},
		{name: "memory allocated for it", unit: "KiB", less: true, ours: float64(ours.allocated) / pages / 1024, peer: float64(peer.allocated) / pages / 1024},
	}, nil
}

// depSyncing reads 30 pages of a service that takes 20 ms for each, with 20 ms of work for each.
func depSyncing() ([]figure, error) {
	const each = 20 * time.Millisecond
	slow := newMemoryService(30, 10, each)
	read := func(walk depWalker) (cost, error) {
		return measure(func() error {
			_, err := walk(context.Background(), slow, "https://mdmenrollment.invalid", func() { time.Sleep(each) })
			return err
		})
	}
	ours, err := read(oursWalk)
	if err != nil {
		return nil, err
	}
	peer, err := read(nanodepWalk)
	if err != nil {
		return nil, err
	}
	return []figure{{name: "sync 30 pages, 20 ms of server and 20 ms of work each", unit: "ms", less: true,
		ours: float64(ours.wall.Milliseconds()), peer: float64(peer.wall.Milliseconds())}}, nil
}

// depHeap reads 200,000 devices over loopback, the service and each client in a process of their own.
func depHeap() ([]figure, error) {
	server, address, err := startServer(200)
	if err != nil {
		return nil, err
	}
	defer server.Wait()
	defer server.Process.Kill()
	var peaks [2]float64
	for i, who := range []string{"ours", "nanodep"} {
		out, err := exec.Command(os.Args[0], "walk-dep", who, address).Output()
		if err != nil {
			return nil, fmt.Errorf("walk with %s: %w", who, err)
		}
		if peaks[i], err = strconv.ParseFloat(strings.TrimSpace(string(out)), 64); err != nil {
			return nil, err
		}
	}
	return []figure{{name: "peak heap while reading 200,000 devices", unit: "MiB", less: true, ours: peaks[0], peer: peaks[1]}}, nil
}

// startServer starts a process that serves pages of 1,000 devices and returns where.
func startServer(pages int) (*exec.Cmd, string, error) {
	server := exec.Command(os.Args[0], "serve-dep", strconv.Itoa(pages))
	out, err := server.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := server.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return server, strings.TrimSpace(line), err
}

// depChild is what the processes do that depHeap starts.
func depChild(args []string) error {
	if args[0] == "serve-dep" && len(args) == 2 {
		pages, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return newMemoryService(pages, 10, 0).serve()
	}
	if len(args) != 3 {
		return fmt.Errorf("%s: wrong number of arguments", args[0])
	}
	walk := oursWalk
	if args[1] == "nanodep" {
		walk = nanodepWalk
	}
	peak, err := peakHeap(func() error {
		devices, err := walk(context.Background(), http.DefaultTransport, args[2], func() {})
		if err == nil && devices != 200_000 {
			err = fmt.Errorf("%d devices, want 200,000", devices)
		}
		return err
	})
	if err != nil {
		return err
	}
	fmt.Printf("%.2f\n", float64(peak)/(1<<20))
	return nil
}
