package apns_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// Each state is told of once, when it begins.
func TestOnStateTellsOfEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, BadCertificates: apnstest.ByAnswer})
		cert := issue(t, srv, apnstest.CertOptions{})
		source := &vault{cert: cert}
		var told edges
		client := newClientWith(t, srv, source, &apns.Options{OnState: told.note})
		if s := client.State(); s != (apns.State{}) {
			t.Errorf("before anything: %+v", s)
		}
		pushMany(t, client, 100)
		told.want(t, apns.StateOK)
		if s := client.State(); !s.NotAfter.Equal(cert.NotAfter()) || !s.Since.Equal(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) || s.Err != nil {
			t.Errorf("%+v", s)
		}

		// One connection that fails is no news; an outage is.
		srv.Disconnect()
		srv.Fail(apnstest.Fault{Kind: apnstest.DropConn})
		pushMany(t, client, 100)
		told.want(t, apns.StateOK)
		srv.Disconnect()
		srv.Fail(apnstest.Fault{Kind: apnstest.RefuseConn, Count: 4})
		pushMany(t, client, 100)
		told.want(t, apns.StateOK, apns.StateUnreachable, apns.StateOK)

		srv.RevokeCertificate(cert.Leaf().SerialNumber)
		for range 20 {
			client.Push(t.Context(), pushTo(1))
			time.Sleep(time.Minute)
		}
		told.want(t, apns.StateOK, apns.StateUnreachable, apns.StateOK, apns.StateRefused)
		if s := client.State(); !errors.Is(s.Err, apns.ErrCertificate) {
			t.Errorf("%+v", s)
		}

		short := issue(t, srv, apnstest.CertOptions{NotAfter: time.Now().Add(10 * 24 * time.Hour)})
		source.put(short, nil)
		if err := client.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		pushMany(t, client, 100)
		told.want(t, apns.StateOK, apns.StateUnreachable, apns.StateOK, apns.StateRefused, apns.StateExpiring)
		if s := client.State(); !s.NotAfter.Equal(short.NotAfter()) || s.Err != nil {
			t.Errorf("%+v", s)
		}
	})
}

func TestUsableStates(t *testing.T) {
	for kind, usable := range map[apns.StateKind]bool{
		apns.StateUnknown: false, apns.StateOK: true, apns.StateExpiring: true, apns.StateTopicChanged: true,
		apns.StateRefused: false, apns.StateUnreachable: false, apns.StateTokensRefused: false,
	} {
		if kind.Usable() != usable {
			t.Errorf("%q is usable: %v", kind, !usable)
		}
	}
}

// A certificate that comes near its end is told of while pushes go on, and again when it is over.
func TestACertificateExpiresMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		var told edges
		cert := issue(t, srv, apnstest.CertOptions{NotAfter: time.Now().Add(40 * 24 * time.Hour)})
		client := newClientWith(t, srv, cert, &apns.Options{OnState: told.note, ExpiryWarning: 7 * 24 * time.Hour})
		for day := range 45 {
			_, err := client.Push(t.Context(), pushTo(1))
			if day < 40 && err != nil {
				t.Fatalf("day %d: %v", day, err)
			}
			if day > 42 {
				wants(t, err, apns.FixCertificate, apns.ErrCertificate)
			}
			time.Sleep(24 * time.Hour)
		}
		told.want(t, apns.StateOK, apns.StateExpiring, apns.StateRefused)
		if since := told.states[1].Since; since.Sub(told.states[0].Since) != 34*24*time.Hour {
			t.Errorf("expiring since %v", since)
		}
	})
}

// A few rotten tokens are nothing; if most are refused, the configuration is wrong.
func TestABurstOfBadDeviceTokens(t *testing.T) {
	push := func(t *testing.T, client *apns.Client, from, n, bad int) {
		t.Helper()
		for r := range client.PushAll(t.Context(), func(yield func(apns.Push) bool) {
			for i := range n {
				p := pushTo(from + i)
				if i < bad {
					p.Token = token(1_000_000 + from + i)
				}
				if !yield(p) {
					return
				}
			}
		}) {
			if r.Err != nil {
				wants(t, r.Err, apns.KeepToken, apns.ErrBadDeviceToken)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		for i := range 3000 {
			srv.AddToken(topic, token(i), "magic")
		}
		var told edges
		client := newClient(t, srv, &apns.Options{OnState: told.note, HoldOff: -1})
		push(t, client, 0, 30, 30)
		told.want(t, apns.StateOK)
		push(t, client, 100, 500, 10)
		told.want(t, apns.StateOK)
		push(t, client, 1000, 300, 300)
		told.want(t, apns.StateOK, apns.StateTokensRefused)
		if s := client.State(); !errors.Is(s.Err, apns.ErrBadDeviceToken) {
			t.Errorf("%+v", s)
		}
		push(t, client, 2000, 500, 0)
		told.want(t, apns.StateOK, apns.StateTokensRefused, apns.StateOK)
	})
}

// A function that is slow holds up no push, is not called twice at a time and misses nothing.
func TestASlowOnState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		var told edges
		client := newClient(t, srv, &apns.Options{OnState: func(s apns.State) {
			time.Sleep(time.Hour)
			told.note(s)
		}})
		start := time.Now()
		pushMany(t, client, 10)
		srv.Disconnect()
		srv.Fail(apnstest.Fault{Kind: apnstest.RefuseConn, Count: 3})
		pushMany(t, client, 10)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("the pushes took %v", took)
		}
		time.Sleep(150 * time.Minute)
		told.want(t, apns.StateOK, apns.StateUnreachable)
		time.Sleep(time.Hour)
		told.want(t, apns.StateOK, apns.StateUnreachable, apns.StateOK)
	})
}

// A function that itself asks the client finds the state that it is told.
func TestOnStateMayCallTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		var client *apns.Client
		var told edges
		client = newClient(t, srv, &apns.Options{OnState: func(s apns.State) {
			if client.State().Kind != s.Kind {
				t.Errorf("State is %q while %q is told", client.State().Kind, s.Kind)
			}
			client.Stats()
			told.note(s)
		}})
		pushMany(t, client, 10)
		srv.Disconnect()
		srv.Fail(apnstest.Fault{Kind: apnstest.RefuseConn, Count: 3})
		pushMany(t, client, 10)
		told.want(t, apns.StateOK, apns.StateUnreachable, apns.StateOK)
	})
}
