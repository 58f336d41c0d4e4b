package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/applemdm/applemdm/apns"
)

// apnsSite is a server to push to, and what a client needs for it. All of it is made up for one run.
type apnsSite struct {
	Address   string // host:port
	Roots     []byte // in PEM, as the rest
	Cert, Key []byte
}

// apnsTask tells a process of its own what to push.
type apnsTask struct {
	Client   string // a key of apnsClients
	Site     apnsSite
	Devices  int // pushes go round these
	Pushes   int
	InFlight int
	Repeat   int // the best of so many counts
}

// apnsResult is what a push took.
type apnsResult struct {
	CPU     float64 // microseconds of the process
	Objects float64 // allocated
	Rate    float64 // pushes in a second
	Conns   int     // opened
}

// runApns runs a task in a process of its own.
func runApns(task apnsTask) (apnsResult, error) {
	var result apnsResult
	in, err := json.Marshal(task)
	if err != nil {
		return result, err
	}
	child := exec.Command(os.Args[0], "push-apns")
	child.Stdin, child.Stderr = bytes.NewReader(in), os.Stderr
	out, err := child.Output()
	if err != nil {
		return result, err
	}
	return result, json.Unmarshal(out, &result)
}

// apnsChild is what the processes do that apnsFigures starts.
func apnsChild(name string) error {
	if name == "serve-apns" {
		return serveSlowly()
	}
	var task apnsTask
	if err := json.NewDecoder(os.Stdin).Decode(&task); err != nil {
		return err
	}
	result, err := task.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// run pushes, first a little to open the connection and fill caches, then for the figures.
func (t *apnsTask) run() (apnsResult, error) {
	start, ok := apnsClients[t.Client]
	if !ok {
		return apnsResult{}, fmt.Errorf("no client is named %q", t.Client)
	}
	dials := new(dialer)
	push, err := start(t, dials)
	if err != nil {
		return apnsResult{}, err
	}
	targets := apnsTargets(t.Pushes, t.Devices)
	for _, n := range []int{1, min(t.Pushes, max(1, 2*t.InFlight))} {
		if err := push(targets[:n]); err != nil {
			return apnsResult{}, err
		}
	}
	stop, err := profile(strings.ReplaceAll(t.Client, "/", "-"))
	if err != nil {
		return apnsResult{}, err
	}
	least, err := best(t.Repeat, func() error { return push(targets) })
	if err := stop(); err != nil {
		return apnsResult{}, err
	}
	n := float64(t.Pushes)
	return apnsResult{
		CPU:     least.cpu.Seconds() * 1e6 / n,
		Objects: float64(least.objects) / n,
		Rate:    n / least.wall.Seconds(),
		Conns:   int(dials.count.Load()),
	}, err
}

// apnsTargets returns n targets, round and round so many devices.
func apnsTargets(n, devices int) []apns.Target {
	targets := make([]apns.Target, n)
	for i := range targets {
		if i < devices {
			targets[i] = apns.Target{Topic: pushTopic, Token: pushToken(i), PushMagic: pushMagic(i)}
		} else {
			targets[i] = targets[i-devices]
		}
	}
	return targets
}

const pushTopic = "com.apple.mgmt.External.5e0f4c5a-7a61-4d5e-9e0b-2a1c3d4e5f60"

func pushToken(i int) string { return fmt.Sprintf("%064x", 0x9e3779b97f4a7c15*uint64(i+1)) }

func pushMagic(i int) string { return fmt.Sprintf("%08X-0000-4000-8000-000000000000", i) }
