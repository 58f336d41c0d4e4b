// Command quickstart runs a day of device management against simulators in memory: no network, no
// account with Apple, no flags.
//
//	go run ./examples/quickstart
//
// A school has bought 2,500 devices. They arrive in Apple School Manager and are assigned to our
// server, get a profile, check in, are woken, and get apps; whatever can go wrong on the way does.
// At the end it shows what has been sent to Apple for that.
//
// It is written to be read. Each file is a chapter: axm.go is about the School API, dep.go about
// Device Assignment, apns.go about the push that wakes devices, vpp.go about apps for them. stage.go
// shows the story and wire.go counts what is sent.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	flag.Usage = usage
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, newStage(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprint(os.Stderr, `quickstart runs a day of device management against simulators in memory.
It takes no flags.

With real credentials, or a simulator on a port:
  go run ./examples/axmmove -h    moves devices to a server, with an API key
  go run ./examples/depsync -h    follows the device list of a server token
  go run ./examples/mdmpush -h    wakes devices with a push certificate
  go run ./examples/vppassign -h  assigns apps with a content token

For clients in any language:
  go run ./examples/simulator -h  serves all four simulators on ports of this machine
`)
}

// run tells the story and ends with its tables.
func run(ctx context.Context, stage *stage) error {
	start := time.Now()
	school := newSchool(stage)
	defer school.apple.Close()
	if err := school.arrival(ctx); err != nil {
		return err
	}
	serials, err := deviceAssignment(ctx, stage, school)
	if err != nil {
		return err
	}
	if err := pushing(ctx, stage, serials); err != nil {
		return err
	}
	if err := assigning(ctx, stage, serials); err != nil {
		return err
	}
	if err := stage.table(time.Since(start)); err != nil {
		return err
	}
	stage.sentTable()
	return nil
}
