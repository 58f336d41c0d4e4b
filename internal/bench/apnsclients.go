package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/micromdm/nanomdm/mdm"
	"github.com/micromdm/nanomdm/push"
	"github.com/micromdm/nanomdm/push/nanopush"
	"github.com/sideshow/apns2"
	"golang.org/x/net/http2"

	"github.com/applemdm/applemdm/apns"
)

// apnsPusher pushes once to every target and fails unless all pushes were accepted.
type apnsPusher func(targets []apns.Target) error

// apnsClients start the clients by name. Each is used as its documentation shows.
var apnsClients = map[string]func(*apnsTask, *dialer) (apnsPusher, error){
	"PushAll":       startPushAll,
	"Push":          startPush,
	"apns2":         startAPNs2,
	"nanopush":      startNanopush,
	"nanopush-call": startNanopushCall,
	"net/http":      startNetHTTP,
}

// dialer counts connections.
type dialer struct {
	net.Dialer
	count atomic.Int32
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.count.Add(1)
	return d.Dialer.DialContext(ctx, network, address)
}

func (s *apnsSite) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.Roots)
	return pool
}

func (s *apnsSite) tls() (*tls.Config, error) {
	pair, err := tls.X509KeyPair(s.Cert, s.Key)
	return &tls.Config{RootCAs: s.pool(), Certificates: []tls.Certificate{pair}}, err
}

// workers makes an apnsPusher of a function that pushes once.
func workers(n int, once func(apns.Target) error) apnsPusher {
	return func(targets []apns.Target) error {
		var next atomic.Int64
		var failure atomic.Pointer[error]
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				for failure.Load() == nil {
					i := int(next.Add(1)) - 1
					if i >= len(targets) {
						return
					}
					if err := once(targets[i]); err != nil {
						failure.Store(&err)
					}
				}
			})
		}
		wg.Wait()
		if err := failure.Load(); err != nil {
			return *err
		}
		return nil
	}
}

func newOurs(t *apnsTask, d *dialer) (*apns.Client, error) {
	certificate, err := apns.ParseCertificate(t.Site.Cert, t.Site.Key)
	if err != nil {
		return nil, err
	}
	return apns.New(certificate, &apns.Options{
		BaseURL: "https://" + t.Site.Address, RootCAs: t.Site.pool(), DialContext: d.DialContext,
		MaxConns: 1, MaxStreams: t.InFlight, HoldOff: -1,
	})
}

func startPushAll(t *apnsTask, d *dialer) (apnsPusher, error) {
	client, err := newOurs(t, d)
	if err != nil {
		return nil, err
	}
	return func(targets []apns.Target) error {
		accepted := 0
		for r := range client.PushAll(context.Background(), func(yield func(apns.Push) bool) {
			for i := range targets {
				if !yield(apns.Push{Target: targets[i]}) {
					return
				}
			}
		}) {
			if r.Err != nil {
				return r.Err
			}
			if r.Shared {
				return errors.New("a push was saved, which makes the figure worthless")
			}
			accepted++
		}
		if accepted != len(targets) {
			return fmt.Errorf("%d pushes were accepted, want %d", accepted, len(targets))
		}
		return nil
	}, nil
}

func startPush(t *apnsTask, d *dialer) (apnsPusher, error) {
	client, err := newOurs(t, d)
	return workers(t.InFlight, func(target apns.Target) error {
		_, err := client.Push(context.Background(), apns.Push{Target: target})
		return err
	}), err
}

func startAPNs2(t *apnsTask, d *dialer) (apnsPusher, error) {
	config, err := t.Site.tls()
	if err != nil {
		return nil, err
	}
	apns2.DialTLS = func(network, address string, config *tls.Config) (net.Conn, error) {
		d.count.Add(1)
		return tls.DialWithDialer(&d.Dialer, network, address, config)
	}
	client := apns2.NewClient(config.Certificates[0])
	client.Host = "https://" + t.Site.Address
	//lint:ignore SA1019 it is what apns2 uses
	client.HTTPClient.Transport.(*http2.Transport).TLSClientConfig.RootCAs = config.RootCAs
	return workers(t.InFlight, func(target apns.Target) error {
		answer, err := client.Push(&apns2.Notification{
			DeviceToken: target.Token, Topic: target.Topic, PushType: apns2.PushTypeMDM, Priority: apns2.PriorityHigh,
			Expiration: time.Now().Add(7 * 24 * time.Hour), Payload: []byte(`{"mdm":"` + target.PushMagic + `"}`),
		})
		if err == nil && !answer.Sent() {
			err = fmt.Errorf("status %d", answer.StatusCode)
		}
		return err
	}), nil
}

// newNanopush returns nanopush with its default client, which is led to another address: it knows
// the hosts of Apple only.
func newNanopush(t *apnsTask, d *dialer) (push.PushProvider, error) {
	config, err := t.Site.tls()
	if err != nil {
		return nil, err
	}
	factory := nanopush.NewFactory(nanopush.WithExpiration(7*24*time.Hour), nanopush.WithNewClient(func(*tls.Certificate) (*http.Client, error) {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = config
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, t.Site.Address)
		}
		client := &http.Client{Transport: transport}
		err := nanopush.ForceHTTP2(client)
		client.Transport = drained{transport}
		return client, err
	}))
	return factory.NewPushProvider(&config.Certificates[0])
}

// drained waits for the end of each answer, which nghttpd sends in a frame of its own. nanopush does
// not: it would reset most streams, and nghttpd take that for an attack. APNs ends the answer to a
// push that it accepts at once.
type drained struct{ http.RoundTripper }

func (d drained) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := d.RoundTripper.RoundTrip(request)
	if err == nil && answer.StatusCode == http.StatusOK {
		_, err = io.Copy(io.Discard, answer.Body)
	}
	return answer, err
}

func nanoPush(target apns.Target) (*mdm.Push, error) {
	p := &mdm.Push{PushMagic: target.PushMagic, Topic: target.Topic}
	return p, p.SetTokenString(target.Token)
}

func nanoErr(answers map[string]*push.Response, err error) error {
	for _, answer := range answers {
		err = errors.Join(err, answer.Err)
	}
	return err
}

func startNanopush(t *apnsTask, d *dialer) (apnsPusher, error) {
	provider, err := newNanopush(t, d)
	return workers(t.InFlight, func(target apns.Target) error {
		p, err := nanoPush(target)
		if err != nil {
			return err
		}
		return nanoErr(provider.Push(context.Background(), []*mdm.Push{p}))
	}), err
}

// startNanopushCall hands all pushes to one call. As of v0.9.0 that starts a goroutine for each.
func startNanopushCall(t *apnsTask, d *dialer) (apnsPusher, error) {
	provider, err := newNanopush(t, d)
	return func(targets []apns.Target) error {
		var pushes []*mdm.Push
		for _, target := range targets {
			p, err := nanoPush(target)
			if err != nil {
				return err
			}
			pushes = append(pushes, p)
		}
		return nanoErr(provider.Push(context.Background(), pushes))
	}, err
}

// startNetHTTP is a client of package net/http that does no more than a push needs.
func startNetHTTP(t *apnsTask, d *dialer) (apnsPusher, error) {
	config, err := t.Site.tls()
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DialContext: d.DialContext, ForceAttemptHTTP2: true}}
	prefix := "https://" + t.Site.Address + "/3/device/"
	header := http.Header{
		"Apns-Topic": {pushTopic}, "Apns-Push-Type": {"mdm"}, "Apns-Priority": {"10"},
		"Apns-Expiration": {strconv.FormatInt(time.Now().Add(7*24*time.Hour).Unix(), 10)},
	}
	return workers(t.InFlight, func(target apns.Target) error {
		body := slices.Concat([]byte(`{"mdm":"`), []byte(target.PushMagic), []byte(`"}`))
		request, err := http.NewRequest(http.MethodPost, prefix+target.Token, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header = header
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}), nil
}
