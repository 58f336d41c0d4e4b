package legacy_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/applemdm/applemdm/internal/leak"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// own is who the clients of these tests are.
var own = legacy.MDMInfo{Hostname: "mdm.example.test", GUID: "6d0c1f9e-0000-4000-8000-000000000001"}

// site is a simulated location with a client of it. What the client logs and traces is searched for
// secrets when the test ends.
type site struct {
	*vpptest.Location
	srv    *vpptest.Server
	client *legacy.Client
	shown  *leak.Sink

	mu     sync.Mutex
	source []byte   // what the token source holds
	stored [][]byte // all that it has held
	trace  []vpp.Attempt
}

// newSite starts a simulator in which the rate is not limited, and a client of its only location.
func newSite(t testing.TB, simulator *vpptest.Options, change func(*legacy.Options)) *site {
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
func (s *site) newClient(t testing.TB, change func(*legacy.Options)) *legacy.Client {
	t.Helper()
	opts := &legacy.Options{
		HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/mdm", Trace: s.noteAttempt,
		Logger: s.shown.Logger(),
	}
	if change != nil {
		change(opts)
	}
	c, err := legacy.New(vpp.TokenFunc(s.read), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *site) read(context.Context) (*vpp.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return vpp.ParseToken(s.source)
}

// store puts a token where the client finds it.
func (s *site) store(token []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source = token
	s.stored = append(s.stored, token)
}

// secrets returns the content tokens, with what is inside them.
func (s *site) secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var secrets []string
	for _, token := range s.stored {
		secrets = append(secrets, leak.ContentToken(token)...)
	}
	return secrets
}

func (s *site) noteAttempt(a vpp.Attempt) {
	s.shown.Note(a, a.Err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace = append(s.trace, a)
}

// noViolations fails the test if the client did what the documents ask it not to do.
func (s *site) noViolations(t testing.TB) {
	t.Helper()
	for _, v := range s.srv.Violations() {
		t.Errorf("violation: %s", v)
	}
}

// count returns how many requests there were for a service, wherever it is.
func (s *site) count(service string) int { return s.srv.Count("POST", "/*/"+service) }

// ask makes a cheap call that a claim forbids.
func (s *site) ask(t testing.TB) error {
	t.Helper()
	_, err := s.client.Assets(t.Context(), legacy.AssetFilter{})
	return err
}

// users lets another server create n users, "u0" and so on.
func (s *site) users(n int) []string {
	ids := names("u", n)
	for _, id := range ids {
		s.CreateUserByOther(id, "", "")
	}
	return ids
}

// names returns n names that begin with prefix.
func names(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(prefix, i)
	}
	return all
}

// holders returns who has an asset, sorted.
func (s *site) holders(adamID string) []string {
	var all []string
	for _, a := range s.Assignments() {
		if a.AdamID == adamID {
			all = append(all, a.ClientUserID+a.SerialNumber)
		}
	}
	slices.Sort(all)
	return all
}

// contextWithin returns a context that ends after d, in time of the bubble, because of cause.
func contextWithin(t testing.TB, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(t.Context(), d, cause)
}
