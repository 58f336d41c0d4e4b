package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"math/big"
	"net"
	"net/http"
	"time"

	depclient "github.com/micromdm/nanodep/client"
	depstorage "github.com/micromdm/nanodep/storage"
	depinmem "github.com/micromdm/nanodep/storage/inmem"
	"github.com/micromdm/nanolib/log/stdlogfmt"
	"github.com/micromdm/nanomdm/storage"
	mdminmem "github.com/micromdm/nanomdm/storage/inmem"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

const (
	simTopic   = "com.apple.mgmt.External.0d2f6c1e-8a54-4a57-9c0e-0d4f7b1a2e33"
	simAPIKey  = "a password for the API"
	simDEPName = "default"
)

// world is Apple, the factory that makes devices, and a server.
type world struct {
	portal *deptest.Server  // Device Assignment
	apple  *apnstest.Server // APNs

	factoryCert *x509.Certificate // issued the certificates built into devices
	factoryKey  *ecdsa.PrivateKey

	mdm        storage.AllStorage
	dep        depstorage.AllStorage
	identities *authority
	logs       io.Writer

	server       *server
	client       *http.Client // of devices and of the administrator
	address, url string
	stop         context.CancelFunc
	result       chan error // of the server that runs
}

// newWorld makes a world whose server has the storages. It begins without a running server.
func newWorld(ctx context.Context, mdm storage.AllStorage, dep depstorage.AllStorage, logs io.Writer) (*world, error) {
	w := &world{
		portal: deptest.NewServer(nil), apple: apnstest.NewServer(&apnstest.Options{InMemory: true}),
		mdm: mdm, dep: dep, logs: logs, address: "127.0.0.1:0", client: &http.Client{Transport: &http.Transport{}},
	}
	var err error
	if w.identities, err = newAuthority(); err != nil {
		return nil, err
	}
	if err := w.buildFactory(); err != nil {
		return nil, err
	}
	var tokens depclient.OAuth1Tokens
	if err := json.Unmarshal(w.portal.Token().JSON(), &tokens); err != nil {
		return nil, err
	}
	return w, dep.StoreAuthTokens(ctx, simDEPName, &tokens)
}

func (w *world) buildFactory() (err error) {
	if w.factoryKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Simulated Device CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, w.factoryKey.Public(), w.factoryKey)
	if err != nil {
		return err
	}
	w.factoryCert, err = x509.ParseCertificate(der)
	return err
}

// start starts a server with the storages, at the same address each time.
func (w *world) start(ctx context.Context) error {
	listener, err := net.Listen("tcp", w.address)
	if err != nil {
		return err
	}
	w.address = listener.Addr().String()
	w.url = "http://" + w.address
	w.server, err = newServer(ctx, config{
		url: w.url, topic: simTopic, apiKey: simAPIKey,
		mdm: w.mdm, dep: w.dep, depName: simDEPName,
		identities: w.identities, deviceCAs: []*x509.Certificate{w.factoryCert},
		depOptions: dep.Options{HTTPClient: w.portal.Client(), BaseURL: w.portal.URL},
		apnsOptions: apns.Options{
			RootCAs: w.apple.RootCAs(), DialContext: w.apple.Dial, LookupNetIP: w.apple.LookupNetIP,
			HoldOff: 10 * time.Millisecond, // the day is a short one
		},
		logger: stdlogfmt.New(stdlogfmt.WithLogger(stdlog.New(w.logs, "", 0))),
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	running, stop := context.WithCancel(ctx)
	w.stop, w.result = stop, make(chan error, 1)
	go func() { w.result <- w.server.serve(running, listener) }()
	return nil
}

// end ends the server and tells how that went.
func (w *world) end() error {
	w.stop()
	defer w.client.CloseIdleConnections() // they end with the server
	if err := <-w.result; !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (w *world) close() {
	w.client.CloseIdleConnections()
	w.portal.Close()
	w.apple.Close()
}

// uploadPushCertificate does what the administrator does with curl.
func (w *world) uploadPushCertificate(ctx context.Context) error {
	cert, key := w.apple.IssuePushCertificate(simTopic, &apnstest.CertOptions{EC: true})
	_, err := w.call(ctx, http.MethodPut, "/v1/pushcert", append(cert, key...))
	return err
}

// day is a day of a server: three devices come, are told something, and one of them is erased.
func day(ctx context.Context, out io.Writer) error {
	w, err := newWorld(ctx, mdminmem.New(), depinmem.New(), io.Discard)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.start(ctx); err != nil {
		return err
	}
	err = w.live(ctx, out)
	return errors.Join(err, w.end())
}

func (w *world) live(ctx context.Context, out io.Writer) error {
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	if err := w.uploadPushCertificate(ctx); err != nil {
		return err
	}
	say("the server has its push certificate, for topic %s", simTopic)

	devices, err := w.buyAndEnrol(ctx, "F9FXJ0A1MDM1", "F9FXJ0A2MDM2", "F9FXJ0A3MDM3")
	if err != nil {
		return err
	}
	say("%d devices were bought, got the profile from Apple and enrolled", len(devices))

	if err := w.tellAll(ctx, devices, "DeviceInformation"); err != nil {
		return err
	}
	say("a command was queued, the push woke all of them, and they answered")

	erased := devices[1]
	w.apple.Unregister(erased.tokenHex(), time.Now())
	for range 2 {
		answer, err := w.enqueue(ctx, "SecurityInfo", erased)
		if err == nil {
			return fmt.Errorf("a push to a device that is erased: %s", answer)
		}
		say("a device is erased; nanomdm says of the push to it: %v", err)
	}
	if got := len(w.pushesTo(erased)); got != 2 {
		return fmt.Errorf("%d pushes went to the erased device, and not 2", got)
	}
	if err := erased.enrol(ctx); err != nil {
		return err
	}
	if err := w.tellAll(ctx, devices, "InstalledApplicationList"); err != nil {
		return err
	}
	say("it enrolled again, with a new token, and answers like the others")
	return nil
}
