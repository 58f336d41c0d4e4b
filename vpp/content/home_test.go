package content_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// Nothing but the location is told: the hosts are Apple's own.
func TestTheLocationDecidesWhereToAsk(t *testing.T) {
	for platform, want := range map[string]string{
		"enterprisestore": "api.ent.apple.com", "volumestore": "api.edu.apple.com", "newstore": "api.ent.apple.com",
	} {
		t.Run(platform, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &site{srv: vpptest.NewServer(&vpptest.Options{TLS: true})}
				defer s.srv.Close()
				s.loc = s.srv.AddLocation(vpptest.LocationOptions{Country: "GB", Platform: platform})
				s.srv.AddContent(vpptest.Content{ID: "1"})
				location, err := vpp.New(s, &vpp.Options{HTTPClient: s.srv.Client()})
				if err != nil {
					t.Fatal(err)
				}
				opts := &content.Options{HTTPClient: s.srv.Client(), Location: location}
				client, err := content.New(s, s, opts)
				if err != nil {
					t.Fatal(err)
				}
				lookup, err := content.NewLookup(s, opts)
				if err != nil {
					t.Fatal(err)
				}
				app, err := client.App(t.Context(), "1", content.Query{})
				if err != nil || app.Storefront != "gb" {
					t.Errorf("%+v, %v", app, err)
				}
				items, err := lookup.Items(t.Context(), []vpp.AdamID{"1"}, content.LookupQuery{})
				if err != nil || len(items.Items) != 1 && platform != "newstore" {
					t.Errorf("%+v, %v", items, err)
				}
				for part, host := range map[string]string{"/v1/": want, "/lookup": "uclient-api.itunes.apple.com"} {
					for _, r := range s.received(part) {
						if r.Host != host || part == "/lookup" && r.Query.Get("platform") != platform {
							t.Errorf("%s%s?%s", r.Host, r.Path, r.Query.Encode())
						}
					}
				}
			})
		})
	}
}

func TestBusinessesAreTheDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{srv: vpptest.NewServer(&vpptest.Options{TLS: true})}
		defer s.srv.Close()
		s.loc = s.srv.AddLocation(vpptest.LocationOptions{})
		s.srv.AddContent(vpptest.Content{ID: "1"})
		opts := &content.Options{HTTPClient: s.srv.Client(), Storefront: "us"}
		client, err := content.New(s, nil, opts)
		if err != nil {
			t.Fatal(err)
		}
		lookup, err := content.NewLookup(nil, opts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.App(t.Context(), "1", content.Query{}); err != nil {
			t.Error(err)
		}
		if items, err := lookup.Items(t.Context(), []vpp.AdamID{"1"}, content.LookupQuery{}); err != nil || len(items.Items) != 1 {
			t.Errorf("%+v, %v", items, err)
		}
		for _, r := range s.srv.Received() {
			if r.Header.Get("Cookie") != "" || !strings.HasSuffix(r.Host, ".apple.com") {
				t.Errorf("%s%s with %v", r.Host, r.Path, r.Header)
			}
		}
	})
}

func TestTheClientConfigurationIsReadHourly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		const path = "/mdm/v2/client/config"
		for _, step := range []struct {
			wait  time.Duration
			fails bool
			reads int
		}{
			{0, false, 1}, {59 * time.Minute, false, 1}, {2 * time.Minute, false, 2},
			{2 * time.Hour, true, 3}, {30 * time.Second, true, 3}, {time.Minute, true, 4}, {time.Minute, false, 5}, {time.Minute, false, 5},
		} {
			time.Sleep(step.wait)
			s.srv.ResetFaults()
			if step.fails {
				s.srv.Fail(vpptest.Fault{Kind: vpptest.Answer, Status: 400, Path: path, Count: -1})
			}
			if err := s.ownedApp(t.Context()); err != nil || s.srv.Count("GET", path) != step.reads {
				t.Errorf("%v, %d reads, want %d", err, s.srv.Count("GET", path), step.reads)
			}
		}
		if !strings.Contains(s.shown.Log(), "the client configuration could not be read again") {
			t.Error("nothing is logged of it")
		}
	})
}

func TestWithoutTheClientConfigurationThereIsNoStorefront(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.loc.RevokeTokens()
		for name, err := range map[string]error{
			"list":   s.ownedApp(t.Context()),
			"one":    func() error { _, err := s.client.App(t.Context(), "1", content.Query{}); return err }(),
			"search": func() error { _, err := s.client.Search(t.Context(), content.SearchQuery{Term: "a"}); return err }(),
			"lookup": func() error {
				_, err := s.lookup.Items(t.Context(), []vpp.AdamID{"1"}, content.LookupQuery{})
				return err
			}(),
			"platform": func() error {
				_, err := s.lookup.Items(t.Context(), []vpp.AdamID{"1"}, content.LookupQuery{Storefront: "us"})
				return err
			}(),
		} {
			if e, ok := errors.AsType[*vpp.Error](err); !ok || e.Number != vpp.NumberTokenRevoked {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Answer, Status: 400, Path: "/mdm/v2/service/config", Count: -1})
		lost, _ := s.clients(t, func(o *content.Options) { o.BaseURL = "" })
		if err := lost.Test(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "test the developer token: read the service configuration: ") {
			t.Error(err)
		}
		_, lookup := s.clients(t, nil)
		q := content.LookupQuery{Storefront: "us", Platform: content.PlatformMacAppStore}
		if _, err := lookup.Items(t.Context(), []vpp.AdamID{"1"}, q); err == nil {
			t.Error("a lookup without the service configuration")
		}
	})
}
