package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

func TestNewChecksItsOptions(t *testing.T) {
	token := mustParse(t, insideToken)
	for want, opts := range map[string]*vpp.Options{
		"Options.UserAgent":     {UserAgent: "line\nbreak"},
		"Options.MaxBody":       {MaxBody: -1},
		"Options.ExpiryWarning": {ExpiryWarning: -1},
		"Options.MDM":           {MDM: vpp.MDMInfo{ID: "x", Name: "y"}},
		"BaseURL":               {BaseURL: "ftp://a.test"},
		"Retry.Tries":           {Retry: vpp.Retry{Tries: -1}},
	} {
		c, err := vpp.New(token, opts)
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != want || c != nil {
			t.Errorf("%+v: %v", opts, err)
		}
	}
	if _, err := vpp.New(nil, nil); err == nil {
		t.Error("New took no source")
	}
	c, err := vpp.New(token, nil)
	if err != nil || c.UID() != "" || c.State().Kind != vpp.StateUnknown {
		t.Errorf("%+v, %v", c, err)
	}
}

// publishing is a service that publishes URLs and notes where requests go.
func publishing(urls string, seen *[]string) http.Handler {
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == configPath {
			fmt.Fprintf(w, `{"urls":{%s}}`, urls)
			return
		}
		*seen = append(*seen, r.Host+r.URL.Path)
		_, _ = io.WriteString(w, `{"uId":"42"}`)
	})
}

func TestPublishedURLsAreFollowedWhereTheTokenMayGo(t *testing.T) {
	for name, tc := range map[string]struct{ base, published, want string }{
		"as documented":         {"http://memhttp.test/mdm/v2", "http://memhttp.test/mdm/v2/client/config", "memhttp.test/mdm/v2/client/config"},
		"moved below":           {"http://memhttp.test/mdm/v2", "http://memhttp.test/mdm/v2/new/config", "memhttp.test/mdm/v2/new/config"},
		"moved beside":          {"http://memhttp.test/mdm/v2", "http://MEMHTTP.test/mdm/v3/config/", "memhttp.test/mdm/v3/config"},
		"another host":          {"http://memhttp.test/mdm/v2", "http://evil.test/mdm/v2/client/config", "memhttp.test/mdm/v2/client/config"},
		"another port":          {"http://memhttp.test/mdm/v2", "http://memhttp.test:8080/x", "memhttp.test/mdm/v2/client/config"},
		"another scheme":        {"http://memhttp.test/mdm/v2", "https://memhttp.test/x", "memhttp.test/mdm/v2/client/config"},
		"a user":                {"http://memhttp.test/mdm/v2", "http://u@memhttp.test/x", "memhttp.test/mdm/v2/client/config"},
		"a query":               {"http://memhttp.test/mdm/v2", "http://memhttp.test/x?y=z", "memhttp.test/mdm/v2/client/config"},
		"no path":               {"http://memhttp.test/mdm/v2", "http://memhttp.test/", "memhttp.test/mdm/v2/client/config"},
		"no URL":                {"http://memhttp.test/mdm/v2", "http://[", "memhttp.test/mdm/v2/client/config"},
		"Apple's, from a proxy": {"http://memhttp.test/mdm/v2", "https://vpp.itunes.apple.com/x", "memhttp.test/mdm/v2/client/config"},
		"Apple's":               {"https://vpp.itunes.apple.com/mdm/v2", "https://vpp2.itunes.apple.com/mdm/v2/x", "vpp2.itunes.apple.com/mdm/v2/x"},
		"Apple's, in clear":     {"https://vpp.itunes.apple.com/mdm/v2", "http://vpp2.itunes.apple.com/x", "vpp.itunes.apple.com/mdm/v2/client/config"},
		"Apple's, odd port":     {"https://vpp.itunes.apple.com/mdm/v2", "https://vpp2.itunes.apple.com:8443/x", "vpp.itunes.apple.com/mdm/v2/client/config"},
		"not quite Apple's":     {"https://vpp.itunes.apple.com/mdm/v2", "https://vpp.notapple.com/x", "vpp.itunes.apple.com/mdm/v2/client/config"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen []string
				h := publishing(fmt.Sprintf(`"clientConfig":%q`, tc.published), &seen)
				server := memhttp.NewServer(h)
				if strings.HasPrefix(tc.base, "https") {
					server.Close()
					server = memhttp.NewTLSServer(h, nil)
				}
				defer server.Close()
				var log strings.Builder
				c, err := vpp.New(mustParse(t, insideToken), &vpp.Options{
					HTTPClient: server.Client(), BaseURL: tc.base, Logger: slog.New(slog.NewTextHandler(&log, nil)),
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.ClientConfig(t.Context()); err != nil || !slices.Equal(seen, []string{tc.want}) {
					t.Errorf("went to %v, want %s: %v", seen, tc.want, err)
				}
				followed := strings.Contains(tc.want, "x") || strings.Contains(tc.want, "new") || strings.Contains(tc.want, "v3") || tc.published == "http://"+tc.want
				if warned := strings.Contains(log.String(), "a published URL is not used"); warned == followed {
					t.Errorf("warned %v: %s", warned, log.String())
				}
			})
		})
	}
}

func TestTheServiceConfigIsReadEveryFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		reads := func() int { return s.srv.Count("GET", configPath) }
		for range 3 {
			if err := s.ask(t); err != nil {
				t.Fatal(err)
			}
		}
		later(4 * time.Minute)
		config, err := s.client.ServiceConfig(t.Context())
		if err != nil || reads() != 1 || config.Limits.MaxAssets != 25 {
			t.Errorf("%d reads, %+v, %v", reads(), config, err)
		}
		config.URLs[vpp.URLClientConfig] = "gone" // it is the caller's
		s.srv.SetLimit("maxAssets", 7)
		later(time.Minute)
		config, err = s.client.ServiceConfig(t.Context())
		if err != nil || reads() != 2 || config.Limits.MaxAssets != 7 || config.URLs[vpp.URLClientConfig] == "gone" {
			t.Errorf("%d reads, %+v, %v", reads(), config, err)
		}

		later(5 * time.Minute)
		s.srv.Fail(vpptest.Fault{Path: configPath, Kind: vpptest.Empty, Status: 400}) // the old one stays good
		for range 3 {
			if err := s.ask(t); err != nil || reads() != 3 {
				t.Errorf("%d reads, %v", reads(), err)
			}
		}
		later(time.Minute)
		if err := s.ask(t); err != nil || reads() != 4 {
			t.Errorf("%d reads, %v", reads(), err)
		}
		s.noViolations(t)
	})
}

func TestWithoutAServiceConfigThereIsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.srv.Fail(vpptest.Fault{Path: configPath, Kind: vpptest.HTML, Status: 404})
		err := s.ask(t)
		e, ok := errors.AsType[*vpp.Error](err)
		if !ok || e.Op != "read the service configuration" || e.StatusCode != 404 || len(s.srv.Received()) != 1 {
			t.Errorf("%v", err)
		}
		s.srv.Fail(vpptest.Fault{Path: configPath, Kind: vpptest.Answer, Body: `{"limits":7}`})
		if _, err := s.client.ServiceConfig(t.Context()); !errors.Is(err, vpp.ErrUnexpectedAnswer) {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.client.ServiceConfig(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestInvitationURL(t *testing.T) {
	for template, want := range map[string]string{
		"https://a.test/?inviteCode=%25inviteCode%25&mt=8":   "https://a.test/?inviteCode=00ff%26&mt=8",
		"https://a.test/?cc=us&inviteCode=%inviteCode%&mt=8": "https://a.test/?cc=us&inviteCode=00ff%26&mt=8",
		"": "",
	} {
		config := vpp.ServiceConfig{URLs: map[string]string{vpp.URLInvitationEmail: template}}
		if got := config.InvitationURL("00ff&"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestLoggingAndTracingShowNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		s := newSite(t, nil, func(o *vpp.Options) {
			note := o.Trace
			o.Trace = func(a vpp.Attempt) {
				attempts++
				note(a)
			}
		})
		s.srv.Fail(vpptest.ErrorFault(9603))
		s.srv.Fail(vpptest.Fault{Kind: vpptest.HTML})
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		s.shown.Note(s.client, s.client.State())
		if log := s.shown.Log(); attempts != 4 || !strings.Contains(log, "level=WARN") {
			t.Errorf("%d attempts: %s", attempts, log)
		}
	})
}
