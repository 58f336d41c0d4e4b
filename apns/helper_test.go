package apns_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/internal/leak"
)

const topic = "com.apple.mgmt.External.6f2d3c1e-8a54-4a57-9c0e-0d4f7b1a2e33"

// issue returns a push certificate for topic that srv accepts, unless opts make it one that it does
// not.
func issue(t testing.TB, srv *apnstest.Server, opts apnstest.CertOptions) *apns.Certificate {
	t.Helper()
	opts.EC = opts.Key == nil
	cert, err := apns.ParseCertificate(srv.IssuePushCertificate(topic, &opts))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// newClient returns a client of srv with a certificate for topic. It is shut down with the test.
func newClient(t testing.TB, srv *apnstest.Server, opts *apns.Options) *apns.Client {
	t.Helper()
	return newClientWith(t, srv, issue(t, srv, apnstest.CertOptions{}), opts)
}

// newClientWith returns a client of srv that shows what certificates holds. What it logs and tells of its
// state is searched for secrets when the test ends.
func newClientWith(t testing.TB, srv *apnstest.Server, certificates apns.CertificateSource, opts *apns.Options) *apns.Client {
	t.Helper()
	var o apns.Options
	if opts != nil {
		o = *opts
	}
	if o.RootCAs == nil {
		o.RootCAs = srv.RootCAs()
	}
	if o.DialContext == nil {
		o.DialContext = srv.Dial
	}
	if o.LookupNetIP == nil {
		o.LookupNetIP = srv.LookupNetIP
	}
	shown := leak.Watch(t, func() []string { return secrets(srv, certificates) })
	if o.Logger == nil {
		o.Logger = shown.Logger()
	}
	if tell := o.OnState; tell != nil {
		o.OnState = func(s apns.State) {
			shown.Note(s, s.Err)
			tell(s)
		}
	}
	client, err := apns.New(certificates, &o)
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

// secrets returns what must not show anywhere: tokens and PushMagics that srv has received, a hundred of
// them, and the private key.
func secrets(srv *apnstest.Server, certificates apns.CertificateSource) []string {
	var secrets []string
	for i, push := range srv.Received() {
		if i == 100 {
			break
		}
		secrets = append(secrets, push.Token, push.Magic)
	}
	if cert, ok := certificates.(*apns.Certificate); ok && cert != nil {
		secrets = append(secrets, leak.Key(cert.TLS().PrivateKey)...)
	}
	return secrets
}

// addresses is a LookupNetIP that always finds the same.
func addresses(texts ...string) func(context.Context, string, string) ([]netip.Addr, error) {
	return func(context.Context, string, string) ([]netip.Addr, error) {
		var found []netip.Addr
		for _, text := range texts {
			found = append(found, netip.MustParseAddr(text))
		}
		return found, nil
	}
}

// newServer returns a server in memory. The client must have done nothing wrong when the test ends.
func newServer(t testing.TB, opts *apnstest.Options) *apnstest.Server {
	t.Helper()
	var o apnstest.Options
	if opts != nil {
		o = *opts
	}
	o.InMemory = true
	srv := apnstest.NewServer(&o)
	t.Cleanup(srv.Close)
	t.Cleanup(func() {
		if v := srv.Violations(); len(v) > 0 {
			t.Errorf("violations: %q", v)
		}
		if n := srv.PendingFaults(); n > 0 {
			t.Errorf("%d faults did not happen", n)
		}
		if t.Failed() {
			t.Log(srv.Log())
		}
	})
	return srv
}

// anyToken is a server that knows every token.
func anyToken(t testing.TB) *apnstest.Server {
	t.Helper()
	return newServer(t, &apnstest.Options{AcceptAnyToken: true})
}

func token(n int) string { return fmt.Sprintf("%064x", n) }

func target(n int) apns.Target {
	return apns.Target{Topic: topic, Token: token(n), PushMagic: fmt.Sprintf("magic-%d", n)}
}

func pushTo(n int) apns.Push { return apns.Push{Target: target(n), Key: n} }

func pushesTo(n int) iter.Seq[apns.Push] {
	return func(yield func(apns.Push) bool) {
		for i := range n {
			if !yield(pushTo(i)) {
				return
			}
		}
	}
}

// once counts results by their key, and fails for a second one.
type once struct {
	t    testing.TB
	seen []bool
	n    int
}

func (o *once) note(r apns.Result) {
	i := r.Push.Key.(int)
	if o.seen[i] {
		o.t.Fatalf("two results for %d: %+v", i, r)
	}
	o.seen[i] = true
	o.n++
}

func newOnce(t testing.TB, n int) *once { return &once{t: t, seen: make([]bool, n)} }

// push sends n pushes, and fails if one fails.
func pushMany(t testing.TB, client *apns.Client, n int) {
	t.Helper()
	results := newOnce(t, n)
	for r := range client.PushAll(t.Context(), pushesTo(n)) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		results.note(r)
	}
	if results.n != n {
		t.Fatalf("%d results for %d pushes", results.n, n)
	}
}

// bubble runs a test in which time passes as soon as everybody waits.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// wants checks that a push ended as it should have.
func wants(t testing.TB, err error, disposition apns.Disposition, is ...error) {
	t.Helper()
	if got := apns.DispositionOf(err); got != disposition {
		t.Errorf("disposition %q of %v, want %q", got, err, disposition)
	}
	for _, target := range is {
		if !errors.Is(err, target) {
			t.Errorf("%v is not %q", err, target)
		}
	}
}

// lost returns err as the TransportError that it has to be.
func lost(t testing.TB, err error) *apns.TransportError {
	t.Helper()
	e, ok := errors.AsType[*apns.TransportError](err)
	if !ok {
		t.Fatalf("%v is no TransportError", err)
	}
	return e
}

func header(p apnstest.Push) map[string]string {
	fields := map[string]string{}
	for _, f := range p.Header {
		fields[f.Name] = f.Value
	}
	return fields
}

// vault is a source whose certificate can be replaced.
type vault struct {
	mu   sync.Mutex
	cert *apns.Certificate
	err  error
}

func (v *vault) Certificate(context.Context) (*apns.Certificate, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.cert, v.err
}

func (v *vault) put(cert *apns.Certificate, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cert, v.err = cert, err
}

// edges collects what OnState is told.
type edges struct {
	mu     sync.Mutex
	states []apns.State
}

func (e *edges) note(s apns.State) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.states = append(e.states, s)
}

func (e *edges) kinds() []apns.StateKind {
	e.mu.Lock()
	defer e.mu.Unlock()
	var kinds []apns.StateKind
	for _, s := range e.states {
		kinds = append(kinds, s.Kind)
	}
	return kinds
}

func (e *edges) want(t *testing.T, kinds ...apns.StateKind) {
	t.Helper()
	synctest.Wait() // they are told on a goroutine of their own
	if got := e.kinds(); !slices.Equal(got, kinds) {
		t.Errorf("told of %q, want %q", got, kinds)
	}
}
