package main

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	depstorage "github.com/micromdm/nanodep/storage"
	nanolib "github.com/micromdm/nanolib/http"
	"github.com/micromdm/nanolib/log"
	"github.com/micromdm/nanomdm/certverify"
	"github.com/micromdm/nanomdm/cryptoutil"
	"github.com/micromdm/nanomdm/http/api"
	httpmdm "github.com/micromdm/nanomdm/http/mdm"
	pushservice "github.com/micromdm/nanomdm/push/service"
	"github.com/micromdm/nanomdm/service/certauth"
	"github.com/micromdm/nanomdm/service/nanomdm"
	"github.com/micromdm/nanomdm/storage"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/examples/nanomdm/apnspush"
)

// The paths of the server. Those below /v1/ are nanomdm's API.
const (
	pathMDM    = "/mdm"
	pathEnrol  = "/enroll"
	pathAPI    = "/v1"
	apiAccount = "nanomdm" // the user name that nanomdm's own server has, for its tools
)

// config is what a server is made of.
type config struct {
	url    string // where devices reach the server, without a path
	topic  string // of the push certificate, which is uploaded to /v1/pushcert
	apiKey string // the password of the API

	mdm     storage.AllStorage
	dep     depstorage.AllStorage
	depName string

	identities *authority          // issues the identities of devices
	deviceCAs  []*x509.Certificate // issued the certificates that are built into devices

	depOptions  dep.Options
	apnsOptions apns.Options
	logger      log.Logger
}

// server is nanomdm with its pushes through package apns and its devices from package dep.
type server struct {
	http.Handler
	devices *assignment
	pushes  *apnspush.Factory
}

func newServer(ctx context.Context, c config) (*server, error) {
	devices, err := newAssignment(ctx, c)
	if err != nil {
		return nil, err
	}
	tokens := &liveTokens{AllStorage: c.mdm}
	s := &server{devices: devices, pushes: apnspush.New(&c.apnsOptions, func(result apns.Result) {
		if tokens.retire(result) {
			c.logger.Info("msg", "push token retired", "push", result.Push.Target.String(), "err", result.Err)
		}
	})}
	mux := http.NewServeMux()
	if err := handleMDM(mux, c, tokens); err != nil {
		return nil, err
	}
	pusher := pushservice.New(tokens, tokens, s.pushes, c.logger.With("service", "push"))
	api.HandleAPIv1(pathAPI, withPassword(mux, c.apiKey), c.logger, tokens, pusher)
	mux.Handle("POST "+pathEnrol, &enroller{config: c, isOurs: devices.isOurs})
	s.Handler = mux
	return s, nil
}

// endingTime is how long the server has for what is under way when it is told to end.
const endingTime = 10 * time.Second

// serve answers at the listener and follows the device list until ctx ends or the listener fails.
// What is under way then is finished: first requests, then the pushes that they asked for.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	web := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	var wg sync.WaitGroup
	wg.Go(func() { cancel(web.Serve(listener)) })
	wg.Go(func() { s.devices.run(ctx) })
	<-ctx.Done()
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), endingTime)
	defer stop()
	err := errors.Join(web.Shutdown(ending), s.pushes.Shutdown(ending))
	wg.Wait()
	return errors.Join(context.Cause(ctx), err)
}

// handleMDM is the protocol between devices and the server: nanomdm's, with the checks that its own
// server makes. Devices prove who they are by signing each message with their identity.
func handleMDM(mux *http.ServeMux, c config, store storage.AllStorage) error {
	verifier, err := certverify.NewPoolVerifier(c.identities.certificatePEM(), nil, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return err
	}
	core := nanomdm.New(store,
		nanomdm.WithUserAuthenticate(nanomdm.NewUAService(store, false)),
		nanomdm.WithGetToken(nanomdm.NewTokenMux()),
		nanomdm.WithLogger(c.logger.With("service", "nanomdm")))
	bound := certauth.New(core, store, certauth.WithLogger(c.logger.With("service", "certauth")))

	var handler http.Handler = httpmdm.CheckinAndCommandHandler(bound, c.logger.With("handler", "mdm"))
	handler = httpmdm.CertVerifyMiddleware(handler, verifier, c.logger.With("handler", "cert-verify"))
	handler = httpmdm.CertExtractMdmSignatureMiddleware(handler,
		httpmdm.MdmSignatureVerifierFunc(cryptoutil.VerifyMdmSignature),
		httpmdm.SigLogWithLogger(c.logger.With("handler", "cert-extract")))
	mux.Handle("PUT "+pathMDM, handler)
	return nil
}

// withPassword lets only those in who know the API key.
func withPassword(mux *http.ServeMux, key string) *nanolib.MWMux {
	guarded := nanolib.NewMWMux(mux)
	guarded.Use(func(next http.Handler) http.Handler {
		return nanolib.NewSimpleBasicAuthHandler(next, apiAccount, key, "nanomdm")
	})
	return guarded
}
