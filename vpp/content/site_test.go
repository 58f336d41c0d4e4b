package content_test

import (
	"context"
	"sync"
	"testing"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// site is a simulated location in Germany with clients of its metadata.
type site struct {
	srv    *vpptest.Server
	loc    *vpptest.Location
	client *content.Client
	lookup *content.Lookup

	mu     sync.Mutex
	reads  int // of the content token
	signed int // developer tokens
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
	s.mu.Lock()
	s.signed++
	s.mu.Unlock()
	k := s.srv.DeveloperKey()
	key, err := content.ParseDeveloperKey(k.TeamID, k.KeyID, k.P8)
	if err != nil {
		return nil, err
	}
	return key.DeveloperToken(ctx)
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
	s.client, s.lookup = s.clients(t, change)
	return s
}

// clients returns further clients.
func (s *site) clients(t testing.TB, change func(*content.Options)) (*content.Client, *content.Lookup) {
	t.Helper()
	location, err := vpp.New(s, &vpp.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/mdm/v2"})
	if err != nil {
		t.Fatal(err)
	}
	opts := &content.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/v1", Location: location}
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
