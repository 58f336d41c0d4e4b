// Command quickstart runs a day of device management against simulators in memory: no network, no
// account with Apple, no flags.
//
//	go run ./examples/quickstart
//
// It is written to be read. Each file is a chapter: dep.go is about Device Assignment,
// apns.go about the push that wakes devices, vpp.go about apps for them.
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
  go run ./examples/depsync -h    follows the device list of a server token
  go run ./examples/mdmpush -h    wakes devices with a push certificate
  go run ./examples/vppassign -h  assigns apps with a content token
`)
}

// run tells the story and ends with its table.
func run(ctx context.Context, stage *stage) error {
	start := time.Now()
	serials, err := deviceAssignment(ctx, stage)
	if err != nil {
		return err
	}
	if err := pushing(ctx, stage, serials); err != nil {
		return err
	}
	if err := assigning(ctx, stage, serials); err != nil {
		return err
	}
	return stage.table(time.Since(start))
}
