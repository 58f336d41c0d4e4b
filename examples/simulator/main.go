// Command simulator is an organisation at Apple, on this machine: it serves the simulators of all four
// services on ports of the loopback interface and writes the credentials for them to a folder, for
// clients in any language.
//
//	go run ./examples/simulator -dir credentials
//
// The four tell of the same devices: axm has those of the organisation, dep those of them that are
// assigned to our server, apns those that have enrolled, and vpp the apps that they have. A page
// shows what is there and what arrives, and a control API adds devices, makes things happen at
// Apple's side, and injects faults. README.md in this folder documents it. Nothing survives the end
// of the program; the folder is written anew at each start.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	var s settings
	flag.StringVar(&s.dir, "dir", "credentials", "`folder` for the credentials; new, empty, or from an earlier start")
	flag.IntVar(&s.devices, "devices", 25, "`number` of devices at first; four of five are ours and have enrolled")
	flag.BoolVar(&s.school, "school", false, "be a school, with the smaller API of Apple School Manager, not a business")
	flag.StringVar(&s.webhookCA, "webhook-ca", "", "`file` (PEM) with the authorities to trust when vpp notifies your server")
	flag.IntVar(&s.ports.control, "control", 8800, "`port` of the page and the control API; 0 is any free one, here and below")
	flag.IntVar(&s.ports.axm, "axm", 8801, "`port` of Apple School Manager API and Apple Business API")
	flag.IntVar(&s.ports.dep, "dep", 8802, "`port` of Device Assignment")
	flag.IntVar(&s.ports.vpp, "vpp", 8803, "`port` of Apps and Books")
	flag.IntVar(&s.ports.apns, "apns", 8804, "`port` of APNs")
	flag.Usage = usage
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, s settings) error {
	if s.devices < 0 || s.devices > maxDevices {
		return fmt.Errorf("-devices must be 0 to %d", maxDevices)
	}
	if flag.NArg() > 0 {
		return errors.New("takes flags only; -h tells more")
	}
	serving, err := start(s)
	if err != nil {
		return err
	}
	defer serving.close()
	if err := guide(os.Stdout, serving.world.manifest(), serving.world.folder); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func usage() {
	fmt.Fprint(flag.CommandLine.Output(), `simulator serves all four simulators on loopback ports and writes credentials for them.

`)
	flag.PrintDefaults()
	fmt.Fprint(flag.CommandLine.Output(), `
The control API, JSON over HTTP on the port of -control (a page for it is at /):

  GET    /api/state                 figures of each service
  GET    /api/choices               the servers, and each service's kinds of faults and happenings
  GET    /api/devices               ?limit=100 &serialNumber=...
  POST   /api/devices               {"count":3} or {"serialNumbers":["..."]}; "server":"MDM", "enrolled":true
  PATCH  /api/devices/SERIAL        {"server":"Other MDM"}, {"enrolled":false}, {"online":false}
  DELETE /api/devices/SERIAL        out of the organisation
  POST   /api/faults                {"service":"dep","path":"/session","kind":"BusySeconds","retryAfter":"3s","count":2}
  DELETE /api/faults                ?service=...; forgets those that have not happened
  POST   /api/happenings            {"service":"dep","name":"expire-sessions"}
  GET    /api/requests              ?service=... &limit=100, the newest first
  DELETE /api/requests              ?service=...; forgets requests and violations
  GET    /api/violations            ?service=...; what clients did that Apple tolerates or does not explain

examples/simulator/README.md has all members, and clients in other languages.
`)
}
