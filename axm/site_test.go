package axm_test

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

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// site is a simulated organisation and a client of it. It remembers what the client logs and traces,
// and every change of state. The key is read from here, so that tests can put another one in place.
type site struct {
	*axmtest.Org
	srv    *axmtest.Server
	client *axm.Client

	mu     sync.Mutex
	logs   bytes.Buffer
	traces []axm.Attempt
	states []axm.State
	key    *axm.Key
	reads  int // of the key
}

// newSite starts a simulator of Apple Business, which ends with the test, and a client of it.
func newSite(t testing.TB, simulator *axmtest.Options, change func(*axm.Options)) *site {
	t.Helper()
	return newSiteOf(t, axmtest.Business, simulator, change)
}

func newSiteOf(t testing.TB, kind axmtest.OrgKind, simulator *axmtest.Options, change func(*axm.Options)) *site {
	t.Helper()
	s := &site{srv: axmtest.NewServer(simulator)}
	t.Cleanup(s.srv.Close)
	s.Org = s.srv.AddOrg(axmtest.OrgOptions{Kind: kind})
	s.store(t, s.Account().Key())
	s.client = s.newClient(t, change)
	return s
}

// newClient returns one more client of the organisation.
func (s *site) newClient(t testing.TB, change func(*axm.Options)) *axm.Client {
	t.Helper()
	opts := &axm.Options{
		HTTPClient: s.srv.Client(), BaseURL: s.srv.URL, TokenURL: s.srv.URL + tokenPath,
		Logger: slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Trace: func(a axm.Attempt) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.traces = append(s.traces, a)
		},
		OnState: func(state axm.State) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.states = append(s.states, state)
		},
	}
	var keys axm.KeySource = axm.KeyFunc(s.read)
	if change != nil {
		change(opts)
	}
	if opts.TokenSource != nil {
		keys = nil
	}
	c, err := axm.New(keys, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Write is where the client logs to.
func (s *site) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.Write(line)
}

func (s *site) read(context.Context) (*axm.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return s.key, nil
}

// store puts a key of the first account where the client finds it.
func (s *site) store(t testing.TB, key axmtest.Key) {
	t.Helper()
	parsed, err := axm.ParseKey(s.Account().ClientID(), key.ID, key.PEM())
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = parsed
}

// kinds returns the conditions that OnState was told of.
func (s *site) kinds() []axm.StateKind {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kinds []axm.StateKind
	for _, state := range s.states {
		kinds = append(kinds, state.Kind)
	}
	return kinds
}

func (s *site) readCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// ask makes a call that costs one request.
func (s *site) ask(t testing.TB) error {
	for _, err := range s.client.Servers(t.Context(), axm.ListOptions{}) {
		return err
	}
	return nil
}

// tokens returns how many access tokens were asked for.
func (s *site) tokens() int { return s.srv.Count("POST", tokenPath) }

// clean checks that the client did nothing that Apple only tolerates, and that nothing secret shows in
// what it logged and traced, nor in errs.
func (s *site) clean(t testing.TB, errs ...error) {
	t.Helper()
	if v := s.srv.Violations(); v != nil {
		t.Errorf("violations: %q", v)
	}
	s.hides(t, errs...)
}

func (s *site) hides(t testing.TB, errs ...error) {
	t.Helper()
	s.mu.Lock()
	shown := s.logs.String() + fmt.Sprintf("%+v%#v%+v%#v", s.traces, s.states, s.client, s.client)
	s.mu.Unlock()
	for _, err := range errs {
		shown += fmt.Sprintf("%v|%+v|%#v", err, err, err)
		if e, ok := errors.AsType[*axm.AuthError](err); ok {
			shown += fmt.Sprintf("%+v%#v%s", *e, *e, e.Body)
		}
		if e, ok := errors.AsType[*axm.Error](err); ok {
			shown += fmt.Sprintf("%+v%#v%s", *e, *e, e.Body)
		}
	}
	for _, secret := range s.secrets() {
		if strings.Contains(shown, secret) {
			t.Errorf("%.12s… shows in %.2000s", secret, shown)
		}
	}
}

// secrets returns the assertions and access tokens that have travelled.
func (s *site) secrets() []string {
	var secrets []string
	for _, r := range s.srv.Received() {
		if _, assertion, found := strings.Cut(string(r.Body), "client_assertion="); found {
			assertion, _, _ = strings.Cut(assertion, "&")
			secrets = append(secrets, assertion)
		}
		if token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
			secrets = append(secrets, token)
		}
	}
	slices.Sort(secrets)
	return slices.Compact(secrets)
}
