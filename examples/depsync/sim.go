package main

import (
	"context"
	"time"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// simulated follows the list of a simulator in which something happens every two seconds. With
// -once, everything has happened already.
func simulated(ctx context.Context, s settings) error {
	apple := deptest.NewServer(&deptest.Options{MaxLimit: 500})
	defer apple.Close()
	apple.AddRandomDevices(5_000)

	pair, err := dep.GenerateKeyPair(nil)
	if err != nil {
		return err
	}
	file, err := apple.IssueToken(pair.Certificate())
	if err != nil {
		return err
	}
	token, err := pair.OpenToken(file)
	if err != nil {
		return err
	}
	if !s.once {
		go happenings(ctx, apple)
		s.interval = min(s.interval, 3*time.Second)
	}
	return follow(ctx, s, token, &dep.Options{HTTPClient: apple.Client(), BaseURL: apple.URL})
}

// happenings makes devices come, change, move and go until ctx ends.
func happenings(ctx context.Context, apple *deptest.Server) {
	ticks := time.NewTicker(2 * time.Second)
	defer ticks.Stop()
	for n := 0; ; n++ {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
		devices := apple.Devices()
		some := devices[n%len(devices)].SerialNumber
		switch n % 4 {
		case 0:
			apple.AddRandomDevices(2)
		case 1:
			apple.ModifyDevice(some, func(d *deptest.Device) { d.AssetTag = "inventory 2026" })
		case 2:
			apple.MoveDevice(some)
		case 3:
			apple.RemoveDevices(some)
		}
	}
}
