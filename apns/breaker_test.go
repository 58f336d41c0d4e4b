package apns_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// The ways in which APNs says that it does not accept a certificate.
var certificateFaults = map[string]struct {
	server   apnstest.Options
	fault    apnstest.Fault
	sentinel error
}{
	"alert in TLS 1.3":           {apnstest.Options{TLSVersion: 0x0304}, apnstest.Fault{Kind: apnstest.RejectCertificate, Count: -1}, apns.ErrCertificate},
	"alert in TLS 1.2":           {apnstest.Options{TLSVersion: 0x0303}, apnstest.Fault{Kind: apnstest.RejectCertificate, Count: -1}, apns.ErrCertificate},
	"GOAWAY with the first push": {apnstest.Options{}, apnstest.Fault{Kind: apnstest.Reject, Count: -1}, apns.ErrCertificateEnvironment},
	"GOAWAY twice":               {apnstest.Options{}, apnstest.Fault{Kind: apnstest.Reject, Count: -1, Twice: true}, apns.ErrCertificateEnvironment},
	"GOAWAY before any push":     {apnstest.Options{}, apnstest.Fault{Kind: apnstest.RejectConn, Count: -1}, apns.ErrCertificateEnvironment},
	"GOAWAY BadCertificate": {apnstest.Options{}, apnstest.Fault{Kind: apnstest.Reject, Reason: "BadCertificate", Count: -1},
		apns.ErrCertificate},
	"403":            {apnstest.Options{}, apnstest.Fault{Kind: apnstest.Answer, Status: 403, Reason: "BadCertificate", Count: -1}, apns.ErrCertificate},
	"403, no reason": {apnstest.Options{}, apnstest.Fault{Kind: apnstest.Empty, Status: 403, Count: -1}, apns.ErrCertificate},
	"topic":          {apnstest.Options{}, apnstest.Fault{Kind: apnstest.Answer, Status: 400, Reason: "TopicDisallowed", Count: -1}, apns.ErrTopic},
}

// A refused certificate makes no storm of connections, whatever is asked for: 1 push, 10,000 in a
// batch, or pushes for an hour. What waits is told at once.
func TestARefusedCertificateMakesNoStorm(t *testing.T) {
	for name, c := range certificateFaults {
		bubble(t, name, func(t *testing.T) {
			c.server.AcceptAnyToken = true
			srv := newServer(t, &c.server)
			srv.Fail(c.fault)
			client := newClient(t, srv, nil)
			start := time.Now()
			_, err := client.Push(t.Context(), pushTo(999_999))
			wants(t, err, apns.FixCertificate, c.sentinel)
			if dials := srv.Stats().Dials; dials != 1 || time.Since(start) > time.Second {
				t.Fatalf("%d dials for one push, in %v", dials, time.Since(start))
			}
			if s := client.State(); s.Kind != apns.StateRefused || !errors.Is(s.Err, c.sentinel) {
				t.Errorf("%+v", s)
			}

			results := newOnce(t, 10_000)
			for r := range client.PushAll(t.Context(), pushesTo(10_000)) {
				results.note(r)
				if results.n%1000 == 1 {
					wants(t, r.Err, apns.FixCertificate, c.sentinel)
				}
			}
			if dials := srv.Stats().Dials; results.n != 10_000 || dials != 1 || time.Since(start) > time.Second {
				t.Errorf("%d results, %d dials, %v", results.n, dials, time.Since(start))
			}

			for range 3600 {
				if _, err := client.Push(t.Context(), pushTo(1)); apns.DispositionOf(err) != apns.FixCertificate {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			if dials := srv.Stats().Dials; dials < 4 || dials > 14 {
				t.Errorf("%d dials in an hour", dials)
			}
		})
	}
}

// The same for 10,000 pushes with nothing before them.
func TestABatchWithARefusedCertificate(t *testing.T) {
	for name, c := range certificateFaults {
		bubble(t, name, func(t *testing.T) {
			c.server.AcceptAnyToken = true
			c.server.HandshakeDelay = time.Second
			srv := newServer(t, &c.server)
			srv.Fail(c.fault)
			client := newClient(t, srv, nil)
			results := newOnce(t, 10_000)
			for r := range client.PushAll(t.Context(), pushesTo(10_000)) {
				results.note(r)
				if r.Disposition() != apns.FixCertificate || !errors.Is(r.Err, c.sentinel) {
					t.Fatalf("%+v", r)
				}
			}
			if got := srv.Stats(); results.n != 10_000 || got.Dials != 1 || got.Pushes > 1 {
				t.Errorf("%d results, %d dials, %d pushes", results.n, got.Dials, got.Pushes)
			}
		})
	}
}

// Only the push that was answered has the answer as its error; those that were not sent say so.
func TestWhatWaitsIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		srv.Fail(apnstest.Fault{Kind: apnstest.Answer, Status: 403, Reason: "BadCertificate"})
		client := newClient(t, srv, nil)
		answered, unsent := 0, 0
		for r := range client.PushAll(t.Context(), pushesTo(10)) {
			if _, ok := r.Err.(*apns.Error); ok {
				answered++
			} else if e := lost(t, r.Err); !e.Sent && e.Attempts == 0 {
				unsent++
			}
		}
		if answered != 1 || unsent != 9 {
			t.Errorf("%d answered, %d not sent", answered, unsent)
		}
	})
}

// A certificate that is refused in the midst of a thousand pushes makes the pause of one refusal, not
// of a thousand, and answers from before change nothing.
func TestARefusalUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: time.Second, BadCertificates: apnstest.ByAnswer})
		cert := issue(t, srv, apnstest.CertOptions{})
		client := newClientWith(t, srv, cert, nil)
		if _, err := client.Push(t.Context(), pushTo(999_999)); err != nil {
			t.Fatal(err)
		}
		srv.Fail(apnstest.Fault{Kind: apnstest.Late, Delay: 3 * time.Second, Token: token(0)})
		time.AfterFunc(500*time.Millisecond, func() { srv.RevokeCertificate(cert.Leaf().SerialNumber) })
		refused := 0
		for r := range client.PushAll(t.Context(), pushesTo(5000)) {
			if errors.Is(r.Err, apns.ErrCertificate) {
				refused++
			}
		}
		if refused < 3900 || client.State().Kind != apns.StateRefused {
			t.Errorf("%d refused, %+v", refused, client.State())
		}
		dials := srv.Stats().Dials
		time.Sleep(30 * time.Second)
		_, err := client.Push(t.Context(), pushTo(1))
		wants(t, err, apns.FixCertificate, apns.ErrCertificate)
		if got := srv.Stats().Dials; got != dials+1 {
			t.Errorf("%d dials after half a minute, want 1", got-dials)
		}
	})
}

// After a pause one connection is tried. If it works, all is well again.
func TestTheBreakerClosesByItself(t *testing.T) {
	for name, c := range certificateFaults {
		bubble(t, name, func(t *testing.T) {
			c.server.AcceptAnyToken = true
			srv := newServer(t, &c.server)
			c.fault.Count = 1
			srv.Fail(c.fault)
			client := newClient(t, srv, nil)
			_, err := client.Push(t.Context(), pushTo(1))
			wants(t, err, apns.FixCertificate, c.sentinel)
			time.Sleep(10 * time.Second)
			_, err = client.Push(t.Context(), pushTo(1))
			wants(t, err, apns.FixCertificate, c.sentinel)
			time.Sleep(20 * time.Second)
			for r := range client.PushAll(t.Context(), pushesTo(100)) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			if s := client.State(); s.Kind != apns.StateOK || s.Err != nil {
				t.Errorf("%+v", s)
			}
			if got := srv.Stats().Dials; got != 2 {
				t.Errorf("%d dials", got)
			}
		})
	}
}

// A renewed certificate ends the pause at once, and what goes wrong with the old one no longer counts.
func TestRefreshClosesTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, BadCertificates: apnstest.ByAnswer})
		old := issue(t, srv, apnstest.CertOptions{})
		source := &vault{cert: old}
		client := newClientWith(t, srv, source, nil)
		srv.RevokeCertificate(old.Leaf().SerialNumber)
		_, err := client.Push(t.Context(), pushTo(1))
		wants(t, err, apns.FixCertificate, apns.ErrCertificate)
		if err := client.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err = client.Push(t.Context(), pushTo(1))
		wants(t, err, apns.FixCertificate, apns.ErrCertificate) // it is the same certificate
		source.put(issue(t, srv, apnstest.CertOptions{}), nil)
		if err := client.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Push(t.Context(), pushTo(1)); err != nil {
			t.Error(err)
		}
		if s := client.State(); s.Kind != apns.StateOK {
			t.Errorf("%+v", s)
		}
	})
}

// An expired certificate is not even shown.
func TestAnExpiredCertificateIsNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		client := newClientWith(t, srv, issue(t, srv, apnstest.CertOptions{Expired: true}), nil)
		for range 100 {
			_, err := client.Push(t.Context(), pushTo(1))
			wants(t, err, apns.FixCertificate, apns.ErrCertificate)
			time.Sleep(time.Minute)
		}
		if got := srv.Stats().Dials; got != 0 || client.Stats().Dials != 0 {
			t.Errorf("%d dials", got)
		}
		if s := client.State(); s.Kind != apns.StateRefused || s.NotAfter.After(time.Now()) {
			t.Errorf("%+v", s)
		}
	})
}

// Connections that end without a word may be the certificate's fault or the line's: after a few,
// pushes no longer wait.
func TestConnectionsThatEndWithoutAWord(t *testing.T) {
	for _, kind := range []apnstest.Kind{apnstest.DropConn, apnstest.DropFirst} {
		bubble(t, kind.String(), func(t *testing.T) {
			srv := anyToken(t)
			srv.Fail(apnstest.Fault{Kind: kind, Count: -1})
			client := newClient(t, srv, nil)
			start := time.Now()
			for r := range client.PushAll(t.Context(), pushesTo(100)) {
				wants(t, r.Err, apns.RetryLater)
			}
			if dials := srv.Stats().Dials; dials > 8 || time.Since(start) > 30*time.Second {
				t.Errorf("%d dials, %v", dials, time.Since(start))
			}
			_, err := client.Push(t.Context(), pushTo(1))
			wants(t, err, apns.RetryLater, apns.ErrNoConnection)
			if s := client.State(); s.Kind != apns.StateUnreachable {
				t.Errorf("%+v", s)
			}
			before := srv.Stats().Dials
			for range 3600 {
				client.Push(t.Context(), pushTo(1))
				time.Sleep(time.Second)
			}
			if dials := srv.Stats().Dials - before; dials > 20 {
				t.Errorf("%d dials in an hour", dials)
			}
			srv.ResetFaults()
			time.Sleep(15 * time.Minute)
			if _, err := client.Push(t.Context(), pushTo(1)); err != nil {
				t.Error(err)
			}
		})
	}
}
