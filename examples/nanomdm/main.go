// Command nanomdm is a nanomdm server whose pushes go through package apns and whose devices come
// from package dep. It is a whole one: it assigns every device of the organisation the profile that
// leads it here, gives devices their enrolment profile and an identity of their own, speaks the MDM
// protocol, and has nanomdm's API.
//
// A day of it against simulators in memory, with three devices:
//
//	go run . -sim
//
// With Apple, it needs a server token (go run ./examples/depsync -h tells how to get one), the
// certificates of those that issue the built-in certificates of devices, and a push certificate, which
// is uploaded to its API. Devices must reach it over HTTPS under -url.
//
//	go run . -data /var/lib/nanomdm -url https://mdm.example.org -tls-cert server.pem -tls-key server.key \
//		-api-key-file api.key -topic com.apple.mgmt.External.… -token token.json -device-ca device-ca.pem
//	cat push.pem push.key | curl -u nanomdm:"$(cat api.key)" -T - https://mdm.example.org/v1/pushcert
//
// Who runs nanomdm and nanodep already points -data and -nanodep to their folders (storage "filekv")
// and leaves out -token.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	depclient "github.com/micromdm/nanodep/client"
	depdiskv "github.com/micromdm/nanodep/storage/diskv"
	"github.com/micromdm/nanolib/log/stdlogfmt"
	mdmdiskv "github.com/micromdm/nanomdm/storage/diskv"

	"github.com/applemdm/applemdm/dep"
)

// settings are the flags.
type settings struct {
	sim      bool
	listen   string
	url      string
	tlsCert  string
	tlsKey   string
	keyFile  string
	topic    string
	data     string
	nanodep  string
	depName  string
	token    string
	deviceCA string
	verbose  bool
}

func main() {
	var s settings
	flag.BoolVar(&s.sim, "sim", false, "run a day against simulators in memory, and end")
	flag.StringVar(&s.listen, "listen", ":9000", "`address` to listen at")
	flag.StringVar(&s.url, "url", "", "`URL` at which devices reach the server, https and without a path")
	flag.StringVar(&s.tlsCert, "tls-cert", "", "`file` with the TLS certificate; without one a proxy must do TLS")
	flag.StringVar(&s.tlsKey, "tls-key", "", "`file` with its key")
	flag.StringVar(&s.keyFile, "api-key-file", "", "`file` with the password of the API, whose user is nanomdm")
	flag.StringVar(&s.topic, "topic", "", "`topic` of the push certificate")
	flag.StringVar(&s.data, "data", "", "`folder` of nanomdm's storage, and of the authority for identities")
	flag.StringVar(&s.nanodep, "nanodep", "", "`folder` of nanodep's storage: nanodep in that of -data by default")
	flag.StringVar(&s.depName, "dep-name", "default", "DEP `name` in it")
	flag.StringVar(&s.token, "token", "", "`file` with a server token (JSON) to store under that name")
	flag.StringVar(&s.deviceCA, "device-ca", "", "`file` (PEM) with the authorities of the certificates built into devices")
	flag.BoolVar(&s.verbose, "v", false, "log more")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "nanomdm:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.sim {
		return day(ctx, os.Stdout)
	}
	c, err := configure(ctx, s)
	if err != nil {
		return err
	}
	server, err := newServer(ctx, c)
	if err != nil {
		return err
	}
	listener, err := listen(s)
	if err != nil {
		return err
	}
	return server.serve(ctx, listener)
}

// configure reads what the flags name.
func configure(ctx context.Context, s settings) (c config, err error) {
	for _, required := range []struct{ flag, value string }{
		{"-url", s.url}, {"-api-key-file", s.keyFile}, {"-topic", s.topic}, {"-data", s.data}, {"-device-ca", s.deviceCA},
	} {
		if required.value == "" {
			return c, fmt.Errorf("needs %s, or -sim; -h tells more", required.flag)
		}
	}
	if s.nanodep == "" {
		s.nanodep = filepath.Join(s.data, "nanodep")
	}
	c = config{
		url: strings.TrimSuffix(s.url, "/"), topic: s.topic, depName: s.depName,
		mdm: mdmdiskv.New(s.data), dep: depdiskv.New(s.nanodep),
		logger: stdlogfmt.New(stdlogfmt.WithDebugFlag(s.verbose)),
	}
	key, err := os.ReadFile(s.keyFile)
	if err != nil {
		return c, err
	}
	if c.apiKey = strings.TrimSpace(string(key)); c.apiKey == "" {
		return c, fmt.Errorf("%s is empty", s.keyFile)
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return c, err
	}
	if c.identities, err = loadAuthority(filepath.Join(s.data, "identities.pem")); err != nil {
		return c, err
	}
	if c.deviceCAs, err = readCertificates(s.deviceCA); err != nil {
		return c, err
	}
	if s.token == "" {
		return c, nil
	}
	return c, storeToken(ctx, c, s.token)
}

func readCertificates(file string) (list []*x509.Certificate, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		list = append(list, certificate)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: has no certificate in it", file)
	}
	return list, nil
}

// storeToken puts the server token where nanodep would.
func storeToken(ctx context.Context, c config, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	token, err := dep.ParseToken(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var tokens depclient.OAuth1Tokens
	if err := json.Unmarshal(bytes.TrimSpace(token.Reveal()), &tokens); err != nil {
		return err
	}
	return c.dep.StoreAuthTokens(ctx, c.depName, &tokens)
}

// listen opens the port, with TLS if there is a certificate.
func listen(s settings) (net.Listener, error) {
	plain, err := net.Listen("tcp", s.listen)
	if err != nil || s.tlsCert == "" {
		return plain, err
	}
	certificate, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey)
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{certificate}}), nil
}
