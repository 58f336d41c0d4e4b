package vpp_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/applemdm/applemdm/internal/leak"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// site is a simulated location with a client of it. What the client logs, traces and tells of its state
// is searched for secrets when the test ends.
type site struct {
	*vpptest.Location
	srv    *vpptest.Server
	client *vpp.Client
	shown  *leak.Sink

	mu     sync.Mutex
	source []byte   // what the token source holds
	stored [][]byte // all that it has held
	reads  int      // of the source
	states []vpp.State
}

// newSite starts a simulator in which the rate is not limited, and a client of its only location.
func newSite(t testing.TB, simulator *vpptest.Options, change func(*vpp.Options)) *site {
	t.Helper()
	s := &site{srv: vpptest.NewServer(simulator)}
	t.Cleanup(s.srv.Close)
	s.srv.SetLimit("maxRequestPerSecond", 100_000)
	s.Location = s.srv.AddLocation(vpptest.LocationOptions{})
	s.store(s.Token())
	s.shown = leak.Watch(t, s.secrets)
	s.client = s.newClient(t, change)
	return s
}

// newClient returns one more client of the location.
func (s *site) newClient(t testing.TB, change func(*vpp.Options)) *vpp.Client {
	t.Helper()
	opts := &vpp.Options{
		HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/mdm/v2", MDM: wireMDM,
		Logger: s.shown.Logger(),
		Trace:  func(a vpp.Attempt) { s.shown.Note(a, a.Err) },
		OnState: func(state vpp.State) {
			s.shown.Note(state, state.Err)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.states = append(s.states, state)
		},
	}
	if change != nil {
		change(opts)
	}
	c, err := vpp.New(vpp.TokenFunc(s.read), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *site) read(context.Context) (*vpp.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return vpp.ParseToken(s.source)
}

// store puts a token where the client finds it.
func (s *site) store(token []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source = token
	s.stored = append(s.stored, token)
}

// secrets returns what must not show anywhere: all content tokens, with what is inside them, and the
// token of notifications.
func (s *site) secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	secrets := []string{hookToken.Reveal()}
	for _, token := range s.stored {
		secrets = append(secrets, leak.ContentToken(token)...)
	}
	return secrets
}

func (s *site) readCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// kinds returns the states so far.
func (s *site) kinds() []vpp.StateKind {
	s.mu.Lock()
	defer s.mu.Unlock()
	kinds := make([]vpp.StateKind, len(s.states))
	for i, state := range s.states {
		kinds[i] = state.Kind
	}
	return kinds
}

// noViolations fails the test if the client did what the documents ask it not to do.
func (s *site) noViolations(t *testing.T) {
	t.Helper()
	for _, v := range s.srv.Violations() {
		t.Errorf("violation: %s", v)
	}
}

// stock buys n assets of 10 licences each.
func (s *site) stock(n int) {
	for i := range n {
		s.Buy(vpptest.Asset{AdamID: fmt.Sprint(1000000001 + i), Total: 10})
	}
}

// ask makes the cheapest call.
func (s *site) ask(t testing.TB) error {
	t.Helper()
	_, err := s.client.ClientConfig(t.Context())
	return err
}

// later sleeps, in a bubble.
func later(d time.Duration) { time.Sleep(d) }
