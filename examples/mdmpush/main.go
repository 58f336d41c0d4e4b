// Command mdmpush wakes devices: it sends the MDM push to every target of a list, shows how far it is,
// and ends with what APNs said and the tokens to drop.
//
// Against a simulator in memory, with some devices that are gone:
//
//	go run ./examples/mdmpush -sim
//
// With a push certificate, and targets from a table (columns: token in hex, PushMagic, and any name of
// your own) or from a folder of TokenUpdate messages (.plist) as devices sent them:
//
//	go run ./examples/mdmpush -cert push.pem -key push.key -targets devices.csv
//	go run ./examples/mdmpush -cert push.p12 -password secret -checkins folder
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/applemdm/applemdm/apns"
)

// settings are the flags.
type settings struct {
	cert     string
	key      string
	password string
	targets  string
	checkins string
	drop     string
	baseURL  string
	ca       string
	sim      bool
	verbose  bool
}

func main() {
	var s settings
	flag.StringVar(&s.cert, "cert", "", "`file` with the push certificate: PEM, with or without its key, or PKCS#12")
	flag.StringVar(&s.key, "key", "", "`file` with the private key, if -cert does not hold it")
	flag.StringVar(&s.password, "password", "", "`password` of the key or the PKCS#12 file")
	flag.StringVar(&s.targets, "targets", "", "`file` (CSV) with a token, a PushMagic and optionally a name in each line")
	flag.StringVar(&s.checkins, "checkins", "", "`folder` with TokenUpdate messages (.plist)")
	flag.StringVar(&s.drop, "drop", "", "write the tokens to drop to this `file` instead of the terminal")
	flag.StringVar(&s.baseURL, "base", "", "`URL` of the service, if it is not Apple's")
	flag.StringVar(&s.ca, "ca", "", "`file` (PEM) with the authorities to trust for -base, instead of the system's")
	flag.BoolVar(&s.sim, "sim", false, "use a simulator in memory instead of Apple")
	flag.BoolVar(&s.verbose, "v", false, "log what happens to connections")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "mdmpush:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.sim {
		return simulated(ctx, s)
	}
	if s.cert == "" || (s.targets == "") == (s.checkins == "") {
		return errors.New("needs -cert, and -targets or -checkins; or -sim; -h tells more")
	}
	pushes, err := readTargets(s)
	if err != nil {
		return err
	}
	certificate := apns.FileCertificate{Path: s.cert, KeyPath: s.key, Password: apns.NewSecret(s.password)}
	roots, err := readAuthorities(s.ca)
	if err != nil {
		return err
	}
	return wake(ctx, s, certificate, pushes, &apns.Options{BaseURL: s.baseURL, RootCAs: roots})
}

// readAuthorities reads the authorities to trust; without a file they are the system's.
func readAuthorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: has no certificate in it", file)
	}
	return pool, nil
}

// wake sends the pushes and reports.
func wake(ctx context.Context, s settings, certificate apns.CertificateSource, pushes []apns.Push, opts *apns.Options) error {
	shown, err := certificate.Certificate(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("topic %s, certificate good until %s\n", shown.Topic(), shown.NotAfter().Format(time.DateOnly))
	if s.verbose {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	opts.OnState = func(state apns.State) {
		if state.Err != nil {
			fmt.Fprintf(os.Stderr, "\n%s: %v\n", state.Kind, state.Err)
		}
	}
	client, err := apns.New(certificate, opts)
	if err != nil {
		return err
	}
	summary := sendAll(ctx, client, pushes)
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(summary.print(s.drop), client.Shutdown(ending))
}
