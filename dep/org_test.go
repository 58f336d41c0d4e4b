package dep_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
	"github.com/applemdm/applemdm/internal/leak"
)

// org is a simulated organisation and a client of it, inside a synctest bubble. It remembers what
// the client logs and traces, and every change of state; all of it is searched for secrets when the
// test ends.
type org struct {
	*deptest.Server
	client *dep.Client
	shown  *leak.Sink

	mu     sync.Mutex
	traces []dep.Attempt
	states []dep.State
}

// newOrg starts a simulator, which ends with the test, and a client of it. Either may be nil.
func newOrg(t *testing.T, server *deptest.Options, change func(*dep.Options)) *org {
	t.Helper()
	o := &org{Server: deptest.NewServer(server)}
	t.Cleanup(o.Close)
	o.shown = leak.Watch(t, o.secrets)
	o.client = o.newClient(t, depToken(t, o.Token()), change)
	return o
}

// newClient returns another client of the organisation, as a second replica has one. What it logs
// and traces is remembered with the rest.
func (o *org) newClient(t *testing.T, tokens dep.TokenSource, change func(*dep.Options)) *dep.Client {
	t.Helper()
	opts := &dep.Options{
		HTTPClient: o.Client(), BaseURL: o.URL, Trace: o.trace, OnState: o.note,
		Logger: o.shown.Logger(),
	}
	if change != nil {
		change(opts)
	}
	client, err := dep.New(tokens, opts)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// depToken is the simulator's token as a client reads it.
func depToken(t *testing.T, token deptest.Token) *dep.Token {
	t.Helper()
	parsed, err := dep.ParseToken(token.JSON())
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func (o *org) trace(a dep.Attempt) {
	o.shown.Note(a, a.Err)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.traces = append(o.traces, a)
}

func (o *org) note(s dep.State) {
	o.shown.Note(s, s.Err)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.states = append(o.states, s)
}

// kinds returns the states that the client told of, in order.
func (o *org) kinds() []dep.StateKind {
	o.mu.Lock()
	defer o.mu.Unlock()
	var kinds []dep.StateKind
	for _, s := range o.states {
		kinds = append(kinds, s.Kind)
	}
	return kinds
}

// account makes the cheapest call and fails the test if that fails.
func (o *org) account(t *testing.T) {
	t.Helper()
	if _, err := o.client.Account(t.Context()); err != nil {
		t.Errorf("Account: %v", err)
	}
}

// logins returns how often /session was asked, whatever it answered.
func (o *org) logins() int { return o.Count("GET", "/session") }

// received returns the requests to a path.
func (o *org) received(path string) []deptest.Request {
	return slices.DeleteFunc(o.Received(), func(r deptest.Request) bool { return r.Path != path })
}

// sessionsUsed returns the session that each request to a path carried.
func (o *org) sessionsUsed(path string) []string {
	var sessions []string
	for _, r := range o.received(path) {
		sessions = append(sessions, r.Header.Get("X-ADM-Auth-Session"))
	}
	return sessions
}

// secrets returns what must not show anywhere: the token's three and every session that was sent.
func (o *org) secrets() []string {
	token := o.Token()
	secrets := []string{token.ConsumerSecret, token.AccessToken, token.AccessSecret}
	for _, r := range o.Received() {
		if session := r.Header.Get("X-ADM-Auth-Session"); session != "" && !slices.Contains(secrets, session) {
			secrets = append(secrets, session)
		}
		if signed := r.Header.Get("Authorization"); signed != "" {
			_, rest, _ := strings.Cut(signed, `oauth_signature="`)
			signature, _, _ := strings.Cut(rest, `"`)
			secrets = append(secrets, signature)
		}
	}
	return secrets
}

// hides fails the test if a secret is in the log, in a trace, in a state or in one of the errors.
func (o *org) hides(t *testing.T, secrets []string, errs ...error) {
	t.Helper()
	o.shown.Search(t, secrets...)
	for _, err := range errs {
		leak.Find(t, secrets, err)
	}
}

// within runs f with a deadline.
func within(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

// together runs f in n goroutines and returns what came of each.
func together(n int, f func() error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f() })
	}
	all.Wait()
	return errs
}
