// Command depsync follows the device list of a server token and prints what happens to each device.
//
// Against a simulator in memory, which makes up devices and changes:
//
//	go run ./examples/depsync -sim
//
// With a real server: make a key pair, upload its certificate to Apple Business or Apple School
// Manager, download the token, and follow the list. The cursor is kept in a file, so the next start
// goes on where this one ended.
//
//	go run ./examples/depsync -newkey server.pem > certificate.pem
//	go run ./examples/depsync -key server.pem -token downloaded.p7m -cursor devices.cursor
//
// With -open, the token is printed as the JSON that dep.FileToken reads.
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

	"github.com/applemdm/applemdm/dep"
)

// settings are the flags.
type settings struct {
	newKey   string
	key      string
	token    string
	cursor   string
	baseURL  string
	open     bool
	sim      bool
	once     bool
	interval time.Duration
	verbose  bool
}

func main() {
	var s settings
	flag.StringVar(&s.newKey, "newkey", "", "make a key pair in this `file`, print the certificate to upload, and end")
	flag.StringVar(&s.key, "key", "", "`file` with the key pair (PEM)")
	flag.StringVar(&s.token, "token", "", "`file` with the downloaded token (.p7m)")
	flag.BoolVar(&s.open, "open", false, "print the token, decrypted, and end: keep the output secret")
	flag.StringVar(&s.cursor, "cursor", "", "`file` that keeps the cursor between starts; none keeps it in memory")
	flag.StringVar(&s.baseURL, "base", "", "`URL` of the service, if it is not Apple's")
	flag.BoolVar(&s.sim, "sim", false, "use a simulator in memory instead of Apple")
	flag.BoolVar(&s.once, "once", false, "end after one run")
	flag.DurationVar(&s.interval, "interval", 15*time.Minute, "time between runs")
	flag.BoolVar(&s.verbose, "v", false, "log every request")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "depsync:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	switch {
	case s.newKey != "":
		return makeKey(s.newKey)
	case s.sim:
		return simulated(ctx, s)
	case s.key == "" || s.token == "":
		return errors.New("needs -key and -token, or -sim, or -newkey; -h tells more")
	}
	token, err := openToken(s.key, s.token)
	if err != nil {
		return err
	}
	if s.open {
		_, err = os.Stdout.Write(append(token.Reveal(), '\n'))
		return err
	}
	return follow(ctx, s, token, &dep.Options{BaseURL: s.baseURL})
}

// makeKey writes a new key pair to a file that only its owner can read, and prints the certificate.
func makeKey(file string) error {
	pair, err := dep.GenerateKeyPair(nil)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := out.Write(pair.RevealPEM()); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := out.Close(); err != nil {
		return err
	}
	_, err = os.Stdout.Write(pair.CertificatePEM())
	return err
}

func openToken(keyFile, tokenFile string) (*dep.Token, error) {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	pair, err := dep.ParseKeyPair(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	file, err := os.ReadFile(tokenFile)
	if err != nil {
		return nil, err
	}
	token, err := pair.OpenToken(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tokenFile, err)
	}
	return token, nil
}

// follow prints the device list and its changes until ctx ends, or once.
func follow(ctx context.Context, s settings, token dep.TokenSource, opts *dep.Options) error {
	opts.UserAgent = "depsync/1.0"
	opts.OnState = printState
	if s.verbose {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	client, err := dep.New(token, opts)
	if err != nil {
		return err
	}
	printer := &printer{}
	options := &dep.SyncerOptions{Interval: s.interval, OnRun: printer.run}
	if s.cursor != "" {
		options.Cursors = dep.FileCursor(s.cursor)
	}
	syncer, err := dep.NewSyncer(client, printer.batch, options)
	if err != nil {
		return err
	}
	if s.once {
		return syncer.Sync(ctx)
	}
	return syncer.Run(ctx)
}
