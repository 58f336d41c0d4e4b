package axm_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/internal/leak"
)

// site is a simulated organisation and a client of it. It remembers what the client logs and traces,
// and every change of state; all of it is searched for secrets when the test ends. The key is read
// from here, so that tests can put another one in place.
type site struct {
	*axmtest.Org
	srv    *axmtest.Server
	client *axm.Client
	shown  *leak.Sink

	mu     sync.Mutex
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
	s.shown = leak.Watch(t, s.secrets)
	s.store(t, s.Account().Key())
	s.client = s.newClient(t, change)
	return s
}

// newClient returns one more client of the organisation.
func (s *site) newClient(t testing.TB, change func(*axm.Options)) *axm.Client {
	t.Helper()
	opts := &axm.Options{
		HTTPClient: s.srv.Client(), BaseURL: s.srv.URL, TokenURL: s.srv.URL + tokenPath,
		Logger: s.shown.Logger(),
		Trace: func(a axm.Attempt) {
			s.shown.Note(a, a.Err)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.traces = append(s.traces, a)
		},
		OnState: func(state axm.State) {
			s.shown.Note(state, state.Err)
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

// hides fails the test if a secret is in what was shown so far, in the client or in one of errs.
func (s *site) hides(t testing.TB, errs ...error) {
	t.Helper()
	s.shown.Search(t)
	leak.Find(t, s.secrets(), s.client)
	for _, err := range errs {
		leak.Find(t, s.secrets(), err)
	}
}

// secrets returns the private key, and the assertions and access tokens that have travelled.
func (s *site) secrets() []string {
	secrets := leak.Key(s.Account().Key().Private())
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
