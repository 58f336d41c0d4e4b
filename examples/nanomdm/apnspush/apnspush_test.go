package apnspush_test

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/micromdm/nanolib/log"
	"github.com/micromdm/nanomdm/mdm"
	"github.com/micromdm/nanomdm/push/service"
	"github.com/micromdm/nanomdm/storage/inmem"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/examples/nanomdm/apnspush"
)

const topic = "com.apple.mgmt.External.6e1c2b3a-3c4d-4e5f-8a9b-0c1d2e3f4a5b"

// bench is nanomdm's push service with its storage in memory, on our factory, and APNs.
type bench struct {
	t       *testing.T
	apple   *apnstest.Server
	store   *inmem.InMem
	factory *apnspush.Factory
	service *service.PushService

	mu      sync.Mutex
	results []apns.Result
}

// run runs a test in a bubble, which also proves that no goroutine is left.
func run(t *testing.T, test func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, apple: apnstest.NewServer(&apnstest.Options{InMemory: true}), store: inmem.New()}
		defer b.apple.Close()
		b.factory = apnspush.New(&apns.Options{
			RootCAs: b.apple.RootCAs(), DialContext: b.apple.Dial, LookupNetIP: b.apple.LookupNetIP,
		}, b.note)
		b.service = service.New(b.store, b.store, b.factory, log.NopLogger)
		b.certify(topic)
		test(t, b)
		if err := b.factory.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if v := b.apple.Violations(); len(v) > 0 {
			t.Errorf("violations: %q", v)
		}
	})
}

func (b *bench) note(result apns.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.results = append(b.results, result)
}

// certify stores a new push certificate for the topic.
func (b *bench) certify(topic string) {
	b.t.Helper()
	cert, key := b.apple.IssuePushCertificate(topic, &apnstest.CertOptions{EC: true})
	if err := b.store.StorePushCert(b.t.Context(), cert, key); err != nil {
		b.t.Fatal(err)
	}
}

// enrol stores a TokenUpdate in nanomdm and registers the token at APNs.
func (b *bench) enrol(id, topic string) *apnstest.Device {
	b.t.Helper()
	update := &mdm.TokenUpdate{Enrollment: mdm.Enrollment{UDID: id}}
	update.Push = mdm.Push{Topic: topic, PushMagic: "magic of " + id, Token: []byte(token(id))}
	request := mdm.NewRequestWithContext(b.t.Context(), nil)
	request.EnrollID = &mdm.EnrollID{Type: mdm.Device, ID: id}
	if err := b.store.StoreTokenUpdate(request, update); err != nil {
		b.t.Fatal(err)
	}
	return b.apple.AddToken(topic, hexOf(id), update.PushMagic)
}

func token(id string) string { return fmt.Sprintf("%-32s", id) }

func hexOf(id string) string { return hex.EncodeToString([]byte(token(id))) }

// push pushes and returns what nanomdm says of each id: "ok" or the error.
func (b *bench) push(ids ...string) map[string]string {
	b.t.Helper()
	responses, err := b.service.Push(b.t.Context(), ids)
	if err != nil {
		b.t.Fatal(err)
	}
	said := map[string]string{}
	for id, response := range responses {
		said[id] = "ok"
		if response.Err != nil {
			said[id] = response.Err.Error()
		} else if response.Id == "" {
			b.t.Errorf("%s: accepted without an apns-id", id)
		}
	}
	return said
}

func TestPush(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		one, two := b.enrol("one", topic), b.enrol("two", topic)
		gone := b.enrol("gone", topic)
		b.apple.Unregister(hexOf("gone"), time.Now().Add(-time.Hour))

		if got := b.push("one"); got["one"] != "ok" {
			t.Errorf("one alone: %q", got)
		}
		time.Sleep(5 * time.Second)
		got := b.push("one", "two", "gone", "stranger")
		if len(got) != 4 || got["one"] != "ok" || got["two"] != "ok" || !strings.Contains(got["gone"], "Unregistered") ||
			got["stranger"] != service.ErrIdNotFound.Error() {
			t.Errorf("all: %q", got)
		}
		if one.Woken() != 2 || two.Woken() != 1 || gone.Woken() != 0 {
			t.Errorf("woken: %d, %d, %d", one.Woken(), two.Woken(), gone.Woken())
		}
		drop := slices.DeleteFunc(b.results, func(r apns.Result) bool { return r.Disposition() != apns.DropToken })
		if len(drop) != 1 || drop[0].Push.Token != hexOf("gone") {
			t.Errorf("to drop: %v", drop)
		}
	})
}

// TestOneProviderForATopic renews the certificate while nanomdm has a provider: it stays, and so do
// the pushes, but they go out with the new certificate.
func TestOneProviderForATopic(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		device := b.enrol("one", topic)
		b.push("one")
		before := b.provider(topic)
		old, _, err := b.store.RetrievePushCert(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		b.certify(topic)
		b.apple.RevokeCertificate(old.Leaf.SerialNumber)
		time.Sleep(5 * time.Second)
		if got := b.push("one"); got["one"] != "ok" {
			t.Errorf("after the renewal: %q", got)
		}
		if b.provider(topic) != before {
			t.Error("the topic got another provider")
		}
		if device.Woken() != 2 || b.apple.Stats().Dials != 2 {
			t.Errorf("%d wake-ups, %d connections", device.Woken(), b.apple.Stats().Dials)
		}
	})
}

// provider asks the factory as nanomdm does.
func (b *bench) provider(topic string) any {
	b.t.Helper()
	cert, _, err := b.store.RetrievePushCert(b.t.Context(), topic)
	if err != nil {
		b.t.Fatal(err)
	}
	provider, err := b.factory.NewPushProvider(cert)
	if err != nil {
		b.t.Fatal(err)
	}
	return provider
}

func TestTwoTopics(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		const other = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555"
		b.certify(other)
		one, two := b.enrol("one", topic), b.enrol("two", other)
		if got := b.push("one", "two"); got["one"] != "ok" || got["two"] != "ok" {
			t.Errorf("got %q", got)
		}
		if one.Woken() != 1 || two.Woken() != 1 {
			t.Errorf("woken: %d, %d", one.Woken(), two.Woken())
		}
	})
}

// TestEndOfContext has a push under way for which APNs owes the answer when its caller gives up.
func TestEndOfContext(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.enrol("one", topic)
		b.apple.Fail(apnstest.Fault{Kind: apnstest.Swallow, Count: -1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		responses, err := b.service.Push(ctx, []string{"one"})
		if err == nil && (responses["one"] == nil || responses["one"].Err == nil) {
			t.Errorf("got %v", responses)
		}
		b.apple.ResetFaults()
	})
}

func TestRefusesWhatIsNoPushCertificate(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		cert, key := b.apple.IssuePushCertificate(topic, &apnstest.CertOptions{EC: true, NoUID: true})
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		for name, cert := range map[string]*tls.Certificate{"none": nil, "without a key": {Certificate: pair.Certificate}, "without a topic": &pair} {
			if provider, err := b.factory.NewPushProvider(cert); err == nil {
				t.Errorf("%s: %v", name, provider)
			}
		}
	})
}

func TestNoProviderAfterShutdown(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.enrol("one", topic)
		b.push("one")
		if err := b.factory.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if got := b.push("one"); !strings.Contains(got["one"], apns.ErrClosed.Error()) {
			t.Errorf("a push of the provider that was: %q", got)
		}
		b.certify(topic)
		if _, err := b.service.Push(t.Context(), []string{"one"}); err == nil {
			t.Error("a new provider after Shutdown")
		}
	})
}
