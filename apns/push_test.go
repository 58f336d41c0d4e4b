package apns_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

const topic = "com.apple.mgmt.External.6f2d3c1e-8a54-4a57-9c0e-0d4f7b1a2e33"

// newClient returns a client of srv with a certificate for topic. It is shut down with the test.
func newClient(t *testing.T, srv *apnstest.Server, opts *apns.Options) *apns.Client {
	t.Helper()
	certPEM, keyPEM := srv.IssuePushCertificate(topic, nil)
	cert, err := apns.ParseCertificate(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	var o apns.Options
	if opts != nil {
		o = *opts
	}
	o.RootCAs, o.DialContext = srv.RootCAs(), srv.Dial
	o.LookupNetIP = func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("17.0.0.1")}, nil
	}
	client, err := apns.New(cert, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := client.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return client
}

func newServer(t *testing.T, opts *apnstest.Options) *apnstest.Server {
	t.Helper()
	var o apnstest.Options
	if opts != nil {
		o = *opts
	}
	o.InMemory = true
	srv := apnstest.NewServer(&o)
	t.Cleanup(srv.Close)
	return srv
}

func token(n int) string { return fmt.Sprintf("%064x", n) }

func target(n int) apns.Target {
	return apns.Target{Topic: topic, Token: token(n), PushMagic: fmt.Sprintf("magic-%d", n)}
}

func TestPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		device := srv.AddToken(topic, token(1), "magic-1")
		client := newClient(t, srv, nil)
		id, err := client.Push(t.Context(), apns.Push{Target: target(1)})
		if err != nil || id == "" {
			t.Fatalf("Push = %q, %v\n%s", id, err, srv.Log())
		}
		if got := device.Received(); len(got) != 1 || got[0].Magic != "magic-1" {
			t.Errorf("the device received %+v", got)
		}
		_, err = client.Push(t.Context(), apns.Push{Target: target(2)})
		if e, ok := errors.AsType[*apns.Error](err); !ok || !errors.Is(err, apns.ErrBadDeviceToken) || e.StatusCode != 400 {
			t.Errorf("Push to an unknown token = %v", err)
		}
		if v := srv.Violations(); len(v) > 0 {
			t.Errorf("violations: %v", v)
		}
	})
}

func pushesTo(n int) iter.Seq[apns.Push] {
	return func(yield func(apns.Push) bool) {
		for i := range n {
			if !yield(apns.Push{Target: target(i), Key: i}) {
				return
			}
		}
	}
}

func TestPushAll(t *testing.T) {
	const n = 20_000
	srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, KeepPushes: -1})
	client := newClient(t, srv, nil)
	seen := make([]bool, n)
	start := time.Now()
	for r := range client.PushAll(t.Context(), pushesTo(n)) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		if i := r.Push.Key.(int); seen[i] {
			t.Fatalf("two results for %d", i)
		} else {
			seen[i] = true
		}
	}
	for i, s := range seen {
		if !s {
			t.Fatalf("no result for %d", i)
		}
	}
	t.Logf("%d in %v, %+v, %+v", n, time.Since(start), client.Stats(), srv.Stats())
}

var _ net.Conn
