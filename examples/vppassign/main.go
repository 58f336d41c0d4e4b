// Command vppassign assigns apps to devices: it reads a table of serial numbers, associates every app
// with every device, shows how far Apple is, and ends with a table of what became of it.
//
// Against a simulator in memory, with an app that has too few licences:
//
//	go run ./examples/vppassign -sim
//
// With a content token, for the apps with these Adam IDs and the serial numbers in the first column
// of a table (CSV):
//
//	go run ./examples/vppassign -token content.vpptoken -apps 361309726,409183694 -devices devices.csv
//
// -take takes the apps back instead, and -list only lists what the location owns.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/applemdm/applemdm/vpp"
)

// settings are the flags.
type settings struct {
	token   string
	apps    string
	devices string
	undone  string
	id      string
	baseURL string
	take    bool
	list    bool
	sim     bool
	verbose bool
}

func main() {
	var s settings
	flag.StringVar(&s.token, "token", "", "`file` with the content token (.vpptoken)")
	flag.StringVar(&s.apps, "apps", "", "Adam `IDs` of the apps, separated by commas")
	flag.StringVar(&s.devices, "devices", "", "`file` (CSV) with a serial number in the first column")
	flag.StringVar(&s.undone, "undone", "", "write what is not done (serial number, app, status) to this `file`")
	flag.StringVar(&s.id, "id", "", "`ID` under which your server has claimed the location; refuse to work if another has")
	flag.StringVar(&s.baseURL, "base", "", "`URL` of the service, if it is not Apple's")
	flag.BoolVar(&s.take, "take", false, "take the apps back")
	flag.BoolVar(&s.list, "list", false, "only list what the location owns")
	flag.BoolVar(&s.sim, "sim", false, "use a simulator in memory instead of Apple")
	flag.BoolVar(&s.verbose, "v", false, "log every request")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "vppassign:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.sim {
		return simulated(ctx, s)
	}
	if s.token == "" || !s.list && (s.apps == "" || s.devices == "") {
		return errors.New("needs -token, and -apps with -devices, or -list; or -sim; -h tells more")
	}
	client, err := open(s, vpp.FileToken(s.token), &vpp.Options{BaseURL: s.baseURL})
	if err != nil {
		return err
	}
	if s.list {
		return list(ctx, client)
	}
	serials, err := readSerials(s.devices)
	if err != nil {
		return err
	}
	return assign(ctx, s, client, readApps(s.apps), serials)
}

// open makes the client that all of this program uses.
func open(s settings, tokens vpp.TokenSource, opts *vpp.Options) (*vpp.Client, error) {
	opts.UserAgent = "vppassign/1.0"
	if s.id != "" {
		opts.MDM = vpp.MDMInfo{ID: s.id, Name: "vppassign", Metadata: "example"}
	}
	if s.verbose {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	opts.OnState = func(state vpp.State) {
		if !state.Kind.Usable() {
			fmt.Fprintf(os.Stderr, "%s: %v\n", state.Kind, state.Err)
		}
	}
	return vpp.New(tokens, opts)
}

// assign associates (or takes back) and reports. When it is interrupted it says what is known by
// then; what Apple has queued goes on.
func assign(ctx context.Context, s settings, client *vpp.Client, apps []vpp.AssetKey, serials []string) error {
	config, err := client.ClientConfig(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("location %q: %d apps, %d devices\n", config.LocationName, len(apps), len(serials))
	order := client.Associate
	if s.take {
		order = client.Disassociate
	}
	start := time.Now()
	operation, err := order(ctx, apps, vpp.Devices(serials...))
	if err != nil {
		return err
	}
	err = watch(ctx, operation)
	return errors.Join(err, report(operation.Result(), time.Since(start), s.undone))
}
