package content_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/applemdm/applemdm/internal/leak"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// site is a simulated location in Germany with clients of its metadata. What they log and trace is
// searched for secrets when the test ends.
type site struct {
	srv    *vpptest.Server
	loc    *vpptest.Location
	client *content.Client
	lookup *content.Lookup
	shown  *leak.Sink

	mu     sync.Mutex
	reads  int // of the content token
	signed []*content.DeveloperToken
	traces []vpp.Attempt
}

func (s *site) trace(a vpp.Attempt) {
	s.shown.Note(a, a.Err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traces = append(s.traces, a)
}

// Token is where the clients get the content token: always the newest.
func (s *site) Token(context.Context) (*vpp.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return vpp.ParseToken(s.loc.Token())
}

// DeveloperToken is where the client gets the developer token: always by the newest key.
func (s *site) DeveloperToken(ctx context.Context) (*content.DeveloperToken, error) {
	k := s.srv.DeveloperKey()
	key, err := content.ParseDeveloperKey(k.TeamID, k.KeyID, k.P8)
	if err != nil {
		return nil, err
	}
	token, err := key.DeveloperToken(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signed = append(s.signed, token)
	return token, err
}

// newSite describes apps and books, of which the location owns some.
func newSite(t testing.TB, opts *vpptest.Options, change func(*content.Options)) *site {
	t.Helper()
	s := &site{srv: vpptest.NewServer(opts)}
	t.Cleanup(s.srv.Close)
	s.loc = s.srv.AddLocation(vpptest.LocationOptions{UID: "2049000000000042", Country: "DE"})
	s.srv.AddContent(
		vpptest.Content{ID: "1", Name: "Field Notes", BundleID: "com.example.field", Version: "3.1", DeviceFamilies: []string{"iphone", "ipad", "mac"}},
		vpptest.Content{ID: "2", Name: "House Notes", BundleID: "com.example.house", Custom: true, MacApp: true, DeviceFamilies: []string{"iphone", "mac"}},
		vpptest.Content{ID: "3", Name: "Only There", Storefronts: []string{"us"}},
		vpptest.Content{ID: "4", Name: "Gone Notes", Withdrawn: true},
		vpptest.Content{ID: "5", Name: "Soil", Type: vpptest.Books, ISBN: "9780000000002", GenreIDs: []string{"9031"}, Price: 4.99},
		vpptest.Content{ID: "6", Name: "Pro yearly", Type: vpptest.InApps, ParentID: "1"},
		vpptest.Content{ID: "7", Name: "Not ours"},
	)
	for _, id := range []string{"1", "2", "3", "4", "5", "6"} {
		s.loc.Buy(vpptest.Asset{AdamID: id, Total: 1})
	}
	s.shown = leak.Watch(t, s.secrets)
	s.client, s.lookup = s.clients(t, change)
	return s
}

// clients returns further clients.
func (s *site) clients(t testing.TB, change func(*content.Options)) (*content.Client, *content.Lookup) {
	t.Helper()
	logger := s.shown.Logger()
	location, err := vpp.New(s, &vpp.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/mdm/v2", Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	opts := &content.Options{
		HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/v1", Location: location, Logger: logger, Trace: s.trace,
	}
	if change != nil {
		change(opts)
	}
	client, err := content.New(s, s, opts)
	if err != nil {
		t.Fatal(err)
	}
	opts.BaseURL = s.srv.URL
	lookup, err := content.NewLookup(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	return client, lookup
}

// wantNoViolations fails if the service had to tolerate something.
func (s *site) wantNoViolations(t testing.TB) {
	t.Helper()
	for _, v := range s.srv.Violations() {
		t.Error(v)
	}
}

// received returns the requests whose path has a part.
func (s *site) received(part string) []vpptest.Request {
	return slices.DeleteFunc(s.srv.Received(), func(r vpptest.Request) bool { return !strings.Contains(r.Path, part) })
}

// secrets returns the content token, with what is inside it, the private key, and the developer tokens
// that were signed.
func (s *site) secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	secrets := append(leak.PEM(s.srv.DeveloperKey().P8), leak.ContentToken(s.loc.Token())...)
	for _, token := range s.signed {
		secrets = append(secrets, string(token.Reveal()), strings.Split(string(token.Reveal()), ".")[2])
	}
	return secrets
}

// hides fails the test if a credential is in what was shown so far, or in one of the values.
func (s *site) hides(t testing.TB, values ...any) {
	t.Helper()
	s.shown.Search(t)
	leak.Find(t, s.secrets(), values...)
}
