package apns_test

import (
	"context"
	"crypto/tls"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// Refresh while pushes are on their way: new connections show the new certificate, old ones are closed,
// and every push has its one success.
func TestRotationUnderLoad(t *testing.T) {
	const n = 12_000
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, KeepPushes: -1, Latency: 50 * time.Millisecond, Jitter: 100 * time.Millisecond})
		source := &vault{cert: issue(t, srv, apnstest.CertOptions{})}
		client := newClientWith(t, srv, source, nil)
		rotations := 0
		results := newOnce(t, n)
		for r := range client.PushAll(t.Context(), pushesTo(n)) {
			if r.Err != nil || r.Shared {
				t.Fatalf("%+v", r)
			}
			results.note(r)
			if results.n%3000 == 0 {
				rotations++
				source.put(issue(t, srv, apnstest.CertOptions{}), nil)
				if err := client.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Second)
		got := srv.Stats()
		if results.n != n || got.Accepted != n || got.Pushes != n {
			t.Errorf("%d results, %+v", results.n, got)
		}
		if got.Dials < rotations || got.Open > 3 {
			t.Errorf("%d dials for %d certificates, %d open", got.Dials, rotations, got.Open)
		}
		old := srv.Stats().Open
		source.put(issue(t, srv, apnstest.CertOptions{}), nil)
		if err := client.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := srv.Stats().Open; got != 0 {
			t.Errorf("%d of %d old connections are open", got, old)
		}
	})
}

// A renewed certificate in the source is noticed with the next connection.
func TestARenewalIsNoticedWithoutRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, BadCertificates: apnstest.ByAnswer})
		old := issue(t, srv, apnstest.CertOptions{})
		source := &vault{cert: old}
		client := newClientWith(t, srv, source, nil)
		pushMany(t, client, 10)
		source.put(issue(t, srv, apnstest.CertOptions{}), nil)
		srv.RevokeCertificate(old.Leaf().SerialNumber)
		srv.Disconnect()
		time.Sleep(time.Minute)
		pushMany(t, client, 10)
	})
}

// A certificate with another topic is another client's. Whether Refresh finds it or the next dial,
// the old one stays in use, and the administrator hears of it.
func TestACertificateOfAnotherTopic(t *testing.T) {
	for name, notice := range map[string]func(*testing.T, *apns.Client, *apnstest.Server, *vault){
		"found by Refresh": func(t *testing.T, client *apns.Client, _ *apnstest.Server, _ *vault) {
			err := client.Refresh(t.Context())
			if e, ok := errors.AsType[*apns.TopicError](err); !ok || e.Offered != otherTopic || !errors.Is(err, apns.ErrTopicChanged) {
				t.Errorf("Refresh: %v", err)
			}
		},
		"found by a dial": func(t *testing.T, client *apns.Client, srv *apnstest.Server, _ *vault) {
			srv.Disconnect()
			time.Sleep(time.Minute)
			pushMany(t, client, 10)
		},
		"found by the source": func(t *testing.T, client *apns.Client, _ *apnstest.Server, source *vault) {
			source.put(nil, &apns.TopicError{Stored: topic, Offered: otherTopic})
			if err := client.Refresh(t.Context()); !errors.Is(err, apns.ErrTopicChanged) {
				t.Errorf("Refresh: %v", err)
			}
		},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, BadCertificates: apnstest.ByAnswer})
			old := issue(t, srv, apnstest.CertOptions{})
			source := &vault{cert: old}
			var told edges
			client := newClientWith(t, srv, source, &apns.Options{OnState: told.note})
			pushMany(t, client, 10)
			other, err := apns.ParseCertificate(srv.IssuePushCertificate(otherTopic, &apnstest.CertOptions{EC: true}))
			if err != nil {
				t.Fatal(err)
			}
			source.put(other, nil)
			notice(t, client, srv, source)
			told.want(t, apns.StateOK, apns.StateTopicChanged)
			if s := client.State(); !errors.Is(s.Err, apns.ErrTopicChanged) || !s.NotAfter.Equal(old.NotAfter()) {
				t.Errorf("%+v", s)
			}
			for range 3 { // all goes on, also over new connections
				time.Sleep(time.Minute)
				pushMany(t, client, 10)
				srv.Disconnect()
			}
			told.want(t, apns.StateOK, apns.StateTopicChanged)

			srv.RevokeCertificate(old.Leaf().SerialNumber)
			time.Sleep(time.Minute)
			_, err = client.Push(t.Context(), pushTo(1))
			wants(t, err, apns.FixCertificate, apns.ErrCertificate)
			told.want(t, apns.StateOK, apns.StateTopicChanged, apns.StateRefused)

			source.put(issue(t, srv, apnstest.CertOptions{}), nil)
			if err := client.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			pushMany(t, client, 10)
			told.want(t, apns.StateOK, apns.StateTopicChanged, apns.StateRefused, apns.StateOK)
		})
	}
	bubble(t, "until the old one expires", func(t *testing.T) {
		srv := anyToken(t)
		old := issue(t, srv, apnstest.CertOptions{NotAfter: time.Now().Add(24 * time.Hour)})
		source := &vault{cert: old}
		client := newClientWith(t, srv, source, nil)
		pushMany(t, client, 10)
		source.put(apns.ParseCertificate(srv.IssuePushCertificate(otherTopic, &apnstest.CertOptions{EC: true})))
		srv.Disconnect()
		time.Sleep(25 * time.Hour)
		_, err := client.Push(t.Context(), pushTo(1))
		wants(t, err, apns.FixCertificate, apns.ErrCertificate)
	})
	bubble(t, "until the source is right again", func(t *testing.T) {
		srv := anyToken(t)
		old := issue(t, srv, apnstest.CertOptions{})
		source := &vault{cert: old}
		var told edges
		client := newClientWith(t, srv, source, &apns.Options{OnState: told.note})
		if err := client.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		other := certOK(apns.ParseCertificate(srv.IssuePushCertificate(otherTopic, &apnstest.CertOptions{EC: true})))
		for range 2 {
			source.put(other, nil)
			if err := client.Refresh(t.Context()); !errors.Is(err, apns.ErrTopicChanged) {
				t.Errorf("Refresh: %v", err)
			}
			source.put(old, nil)
			if err := client.Refresh(t.Context()); err != nil {
				t.Errorf("Refresh: %v", err)
			}
			pushMany(t, client, 10)
		}
		told.want(t, apns.StateTopicChanged, apns.StateUnknown, apns.StateOK, apns.StateTopicChanged, apns.StateOK)
	})
}

// slowSource gives what the vault has when it is asked, but takes its time.
type slowSource struct {
	vault
	calls  atomic.Int32
	pauses []time.Duration // of the first calls
}

func (s *slowSource) Certificate(ctx context.Context) (*apns.Certificate, error) {
	call := int(s.calls.Add(1)) - 1
	cert, err := s.vault.Certificate(ctx)
	if call < len(s.pauses) {
		time.Sleep(s.pauses[call])
	}
	return cert, err
}

// Whoever has read the old certificate before Refresh, and comes back after it, does not undo it.
func TestASlowReadingDoesNotUndoRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, BadCertificates: apnstest.ByAnswer})
		old := issue(t, srv, apnstest.CertOptions{})
		renewed := issue(t, srv, apnstest.CertOptions{NotAfter: old.NotAfter().Add(time.Hour)})
		source := &slowSource{vault: vault{cert: old}, pauses: []time.Duration{0, 5 * time.Second}}
		client := newClientWith(t, srv, source, nil)
		done := make(chan error)
		go func() {
			_, err := client.Push(t.Context(), pushTo(1))
			done <- err
		}()
		time.Sleep(time.Second) // the dial reads
		source.put(renewed, nil)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := client.Refresh(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Refresh in a second: %v", err)
		}
		if err := client.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		srv.RevokeCertificate(old.Leaf().SerialNumber)
		pushMany(t, client, 10)
		if s := client.State(); !s.NotAfter.Equal(renewed.NotAfter()) || s.Kind != apns.StateOK {
			t.Errorf("%+v", s)
		}
	})
}

// What the service says of a certificate that was replaced meanwhile no longer matters: the push is sent
// again with the new one.
func TestARefusalOfAReplacedCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		source := &vault{cert: issue(t, srv, apnstest.CertOptions{})}
		client := newClientWith(t, srv, source, nil)
		pushMany(t, client, 5)
		srv.Fail(apnstest.Fault{Kind: apnstest.Answer, Status: 403, Reason: "BadCertificate", Delay: 5 * time.Second})
		done := make(chan error)
		go func() {
			_, err := client.Push(t.Context(), pushTo(50))
			done <- err
		}()
		time.Sleep(time.Second)
		source.put(issue(t, srv, apnstest.CertOptions{}), nil)
		if err := client.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s := client.State(); s.Kind != apns.StateOK {
			t.Errorf("%+v", s)
		}
		pushMany(t, client, 5)
	})
}

// Nor does the failure of a connection that was being opened with the replaced one.
func TestARefusalInTheHandshakeOfAReplacedCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, TLSVersion: tls.VersionTLS12, HandshakeDelay: 3 * time.Second})
		old := issue(t, srv, apnstest.CertOptions{})
		srv.RevokeCertificate(old.Leaf().SerialNumber)
		source := &vault{cert: old}
		var told edges
		client := newClientWith(t, srv, source, &apns.Options{OnState: told.note})
		done := make(chan error, 1)
		go func() {
			_, err := client.Push(t.Context(), pushTo(1))
			done <- err
		}()
		time.Sleep(time.Second)
		source.put(issue(t, srv, apnstest.CertOptions{}), nil)
		if err := client.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		told.want(t, apns.StateOK)
		if got := client.Stats(); got.Dials != 2 || got.DialsFailed != 1 {
			t.Errorf("%+v", got)
		}
	})
}
