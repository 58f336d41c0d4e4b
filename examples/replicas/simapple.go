package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/applemdm/applemdm/dep/deptest"
)

// simApple is an organisation at Apple on a port of this machine, where requests for the device list can
// be waited for.
type simApple struct {
	*deptest.Server
	url  string
	http *http.Server

	mu    sync.Mutex
	calls map[string]int // by replica
	hook  *hook
}

// hook is what shall happen when the list is asked for the n-th time from now.
type hook struct {
	n    int
	act  func(worker string)
	done chan string
}

func newSimApple() (*simApple, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &simApple{Server: deptest.NewServer(nil), url: "http://" + listener.Addr().String(), calls: map[string]int{}}
	a.http = &http.Server{Handler: http.HandlerFunc(a.serve), ReadHeaderTimeout: time.Minute}
	a.AddRandomDevices(simDevices)
	go func() {
		if err := a.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fmt.Println("the simulator ended:", err)
		}
	}()
	return a, nil
}

func (a *simApple) close() {
	_ = a.http.Close()
	a.Server.Close()
}

func (a *simApple) serve(w http.ResponseWriter, r *http.Request) {
	worker := r.UserAgent()
	worker = strings.TrimSuffix(worker[strings.IndexByte(worker, '(')+1:], ")")
	if h := a.count(worker, r.URL.Path); h != nil {
		h.act(worker)
		h.done <- worker
	}
	a.Server.ServeHTTP(w, r)
}

// count counts a call, and returns the hook whose turn it is.
func (a *simApple) count(worker, path string) *hook {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[worker]++
	if a.hook == nil || path != "/server/devices" && path != "/devices/sync" {
		return nil
	}
	if a.hook.n--; a.hook.n > 0 {
		return nil
	}
	h := a.hook
	a.hook = nil
	return h
}

// onListRequest calls act when a replica asks for the device list the n-th time from now; it gets its
// answer afterwards. The channel then has its name.
func (a *simApple) onListRequest(n int, act func(worker string)) <-chan string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hook = &hook{n: n, act: act, done: make(chan string, 1)}
	return a.hook.done
}

// change makes 40 devices come, change or go: less than a page.
func (a *simApple) change() {
	devices := a.Devices()
	a.AddRandomDevices(20)
	for i := range 10 {
		a.ModifyDevice(devices[i].SerialNumber, func(d *deptest.Device) { d.AssetTag += fmt.Sprint("tag ", i) })
		a.RemoveDevices(devices[len(devices)-1-i].SerialNumber)
	}
}

// allCallAgain waits until each of the replicas has called once more.
func (a *simApple) allCallAgain(ctx context.Context, workers []string) error {
	a.mu.Lock()
	before := maps.Clone(a.calls)
	a.mu.Unlock()
	for {
		a.mu.Lock()
		silent := slices.ContainsFunc(workers, func(name string) bool { return a.calls[name] == before[name] })
		a.mu.Unlock()
		if !silent {
			return nil
		}
		if err := wait(ctx, simPoll); err != nil {
			return err
		}
	}
}

// callsOf tells how many calls each replica made.
func (a *simApple) callsOf() (list []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(a.calls)) {
		list = append(list, fmt.Sprintf("%s: %d", name, a.calls[name]))
	}
	return list
}
