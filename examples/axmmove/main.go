// Command axmmove moves devices to a device management service of Apple Business or Apple School
// Manager: it reads a table of serial numbers, begins as many activities as it takes, shows how far
// Apple is, and ends with a table of what became of the devices.
//
// Against a simulator in memory, with some devices that nobody knows and a budget that is too small:
//
//	go run ./examples/axmmove -sim
//
// With the key of an API account, for the serial numbers in the first column of a table (CSV), to the
// server with that name or ID:
//
//	go run ./examples/axmmove -client BUSINESSAPI.0a1b… -keyid 0a1b… -key private.pem -devices devices.csv -server "Lab MDM"
//
// -deadline lets the devices move without being erased, until then. -verify reads the devices back in
// the end. -record keeps what was begun in a file, with which -resume goes on after an interruption.
// -list only lists the servers.
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

	"github.com/applemdm/applemdm/axm"
)

// settings are the flags.
type settings struct {
	clientID string
	keyID    string
	key      string
	devices  string
	server   string
	deadline string
	record   string
	resume   string
	undone   string
	baseURL  string
	tokenURL string
	logHost  string
	size     int
	verify   bool
	list     bool
	sim      bool
	verbose  bool
}

func main() {
	var s settings
	flag.StringVar(&s.clientID, "client", "", "client `ID` of the API account")
	flag.StringVar(&s.keyID, "keyid", "", "`ID` of its key")
	flag.StringVar(&s.key, "key", "", "`file` with the private key (.pem)")
	flag.StringVar(&s.devices, "devices", "", "`file` (CSV) with a serial number in the first column")
	flag.StringVar(&s.server, "server", "", "`name` or ID of the device management service to move to")
	flag.StringVar(&s.deadline, "deadline", "", "last `day` (such as 2026-12-01) on which users can put off the move; without it, devices are assigned only")
	flag.StringVar(&s.record, "record", "", "keep what was begun in this `file`")
	flag.StringVar(&s.resume, "resume", "", "go on with what is kept in this `file`, instead of beginning")
	flag.StringVar(&s.undone, "undone", "", "write what is not done (serial number, status) to this `file`")
	flag.StringVar(&s.baseURL, "base", "", "`URL` of the service, if it is not Apple's")
	flag.StringVar(&s.tokenURL, "token", "", "`URL` of the token service, if it is not Apple's")
	flag.StringVar(&s.logHost, "logs", "", "`host` of the logs of activities, if it is not Apple's")
	flag.IntVar(&s.size, "size", 0, "most `devices` of one activity")
	flag.BoolVar(&s.verify, "verify", false, "read the devices back in the end")
	flag.BoolVar(&s.list, "list", false, "only list the servers")
	flag.BoolVar(&s.sim, "sim", false, "use a simulator in memory instead of Apple")
	flag.BoolVar(&s.verbose, "v", false, "log every request")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "axmmove:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.sim {
		return simulated(ctx, s)
	}
	if s.clientID == "" || s.keyID == "" || s.key == "" || !s.list && s.resume == "" && (s.devices == "" || s.server == "") {
		return errors.New("needs -client, -keyid and -key, and -devices with -server, -resume or -list; or -sim; -h tells more")
	}
	data, err := os.ReadFile(s.key)
	if err != nil {
		return err
	}
	key, err := axm.ParseKey(s.clientID, s.keyID, data)
	if err != nil {
		return err
	}
	opts := &axm.Options{BaseURL: s.baseURL, TokenURL: s.tokenURL}
	if s.logHost != "" {
		opts.LogHosts = []string{s.logHost}
	}
	client, err := open(s, key, opts)
	switch {
	case err != nil:
		return err
	case s.list:
		return list(ctx, client)
	case s.resume != "":
		return resume(ctx, s, client)
	}
	serials, err := readSerials(s.devices)
	if err != nil {
		return err
	}
	return move(ctx, s, client, serials)
}

// open makes the client that all of this program uses.
func open(s settings, key *axm.Key, opts *axm.Options) (*axm.Client, error) {
	opts.UserAgent, opts.ActivitySize = "axmmove/1.0", s.size
	if s.verbose {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	opts.OnState = func(state axm.State) {
		if !state.Kind.Usable() {
			fmt.Fprintf(os.Stderr, "%s: %v\n", state.Kind, state.Err)
		}
	}
	return axm.New(key, opts)
}

// move begins the activities and follows them.
func move(ctx context.Context, s settings, client *axm.Client, serials []string) error {
	server, err := findServer(ctx, client, s.server)
	if err != nil {
		return err
	}
	fmt.Printf("%d devices to %q\n", len(serials), server.ServerName)
	operation, err := begin(ctx, s, client, server.ID, serials)
	if err != nil {
		return err
	}
	if s.record != "" {
		if err := writeRecord(s.record, operation); err != nil {
			return errors.Join(err, fmt.Errorf("begun: activities %q", operation.ActivityIDs()))
		}
	}
	return follow(ctx, s, operation)
}

func begin(ctx context.Context, s settings, client *axm.Client, serverID string, serials []string) (*axm.Operation, error) {
	if s.deadline == "" {
		return client.AssignDevices(ctx, serverID, serials)
	}
	day, err := time.ParseInLocation(time.DateOnly, s.deadline, time.Local)
	if err != nil {
		return nil, err
	}
	return client.MigrateDevices(ctx, serverID, day.AddDate(0, 0, 1), serials)
}

// resume follows what an earlier run has begun.
func resume(ctx context.Context, s settings, client *axm.Client) error {
	record, err := readRecord(s.resume)
	if err != nil {
		return err
	}
	operation, err := client.ResumeOperation(record)
	if err != nil {
		return err
	}
	return follow(ctx, s, operation)
}

// follow waits and reports. When it is interrupted it says what is known by then; what Apple has begun
// goes on.
func follow(ctx context.Context, s settings, operation *axm.Operation) error {
	start := time.Now()
	err := watch(ctx, operation)
	result := operation.Result()
	if err == nil && s.verify {
		fmt.Fprintln(os.Stderr, "\nverifying")
		if verified, failure := operation.Verify(ctx); failure == nil {
			result = verified
		} else {
			err = failure
		}
	}
	return errors.Join(err, report(result, time.Since(start), s.undone))
}
