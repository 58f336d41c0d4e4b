package dep_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// org is a simulated organisation and a client of it, inside a synctest bubble. It remembers what
// the client logs and traces, every session that anybody was given, and every change of state.
type org struct {
	*deptest.Server
	client *dep.Client
	logs   *syncBuffer

	mu     sync.Mutex
	traces []dep.Attempt
	states []dep.State
}

// newOrg starts a simulator, which ends with the test, and a client of it. Either may be nil.
func newOrg(t *testing.T, server *deptest.Options, change func(*dep.Options)) *org {
	t.Helper()
	o := &org{Server: deptest.NewServer(server), logs: new(syncBuffer)}
	t.Cleanup(o.Close)
	o.client = o.newClient(t, depToken(t, o.Token()), change)
	return o
}

// newClient returns another client of the organisation, as a second replica has one. What it logs
// and traces is remembered with the rest.
func (o *org) newClient(t *testing.T, tokens dep.TokenSource, change func(*dep.Options)) *dep.Client {
	t.Helper()
	opts := &dep.Options{
		HTTPClient: o.Client(), BaseURL: o.URL, Trace: o.trace, OnState: o.note,
		Logger: slog.New(slog.NewTextHandler(o.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
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
	o.mu.Lock()
	defer o.mu.Unlock()
	o.traces = append(o.traces, a)
}

func (o *org) note(s dep.State) {
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

// hides fails the test if a secret is in the log, in a trace or in one of the errors.
func (o *org) hides(t *testing.T, secrets []string, errs ...error) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	texts := map[string]string{"log": o.logs.String()}
	for i, a := range o.traces {
		texts[fmt.Sprintf("trace %d", i)] = fmt.Sprintf("%+v %#v %v", a, a, a.Err)
	}
	for _, s := range o.states {
		texts["state"] += fmt.Sprintf("%+v %#v", s, s)
	}
	for i, err := range errs {
		texts[fmt.Sprintf("error %d", i)] = everyForm(err)
	}
	for where, text := range texts {
		for _, secret := range secrets {
			if secret != "" && strings.Contains(text, secret) {
				t.Errorf("a secret is in the %s: %s", where, text)
			}
		}
	}
}

// everyForm prints err and every error below it in all the ways that log lines do.
func everyForm(err error) string {
	if err == nil {
		return ""
	}
	text := fmt.Sprintf("%v\n%+v\n%#v\n%s\n%q\n", err, err, err, err, err)
	if e, ok := err.(*dep.Error); ok {
		text += string(e.Body) + fmt.Sprintf("\n%+v\n%#v\n", *e, *e)
	}
	if e, ok := err.(*dep.TransportError); ok {
		text += fmt.Sprintf("%+v\n%#v\n", *e, *e)
	}
	if below, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range below.Unwrap() {
			text += everyForm(e)
		}
	}
	return text + everyForm(errors.Unwrap(err))
}

// syncBuffer is a bytes.Buffer for many writers.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
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
