package legacy_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

func TestTheServiceConfigurationIsReadEveryFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		reads := func(after time.Duration, want int) {
			t.Helper()
			time.Sleep(after)
			if err := s.ask(t); err != nil {
				t.Error(err)
			}
			if n := s.count("VPPServiceConfigSrv"); n != want {
				t.Errorf("read %d times, want %d", n, want)
			}
		}
		reads(0, 1)
		reads(4*time.Minute, 1)
		reads(time.Minute, 2)
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Busy, Path: "/mdm/VPPServiceConfigSrv", Count: 4})
		reads(5*time.Minute, 6) // in vain: the last one stays good for a minute
		reads(50*time.Second, 6)
		reads(10*time.Second, 7)
		if !strings.Contains(s.shown.Log(), "could not be read again") {
			t.Error(s.shown.Log())
		}
		s.noViolations(t)
	})
}

func TestTheServiceConfigurationIsTheCallers(t *testing.T) {
	s := newSite(t, nil, nil)
	config, err := s.client.ServiceConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := config.ErrorCodes[0]
	config.ErrorCodes[0].Number, config.GetAssetsURL = 1, ""
	again, err := s.client.ServiceConfig(t.Context())
	if err != nil || again.ErrorCodes[0].Number != first.Number || again.GetAssetsURL == "" {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestAServiceConfigurationThatCannotBeReadAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.srv.Fail(vpptest.Fault{Kind: vpptest.HTML, Path: "/mdm/VPPServiceConfigSrv", Count: 8})
		for name, call := range map[string]func() error{
			"Assets":        func() error { return s.ask(t) },
			"ServiceConfig": func() error { _, err := s.client.ServiceConfig(t.Context()); return err },
		} {
			if err := call(); !errors.Is(err, vpp.ErrServer) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := s.client.ManageLicenses(t.Context(), legacy.Management{AdamID: "1", AssociateSerialNumbers: []string{"A"}})
		if err != nil {
			t.Error(err)
		}
	})
}

// All services move; getAssignments, whose address is not published, moves along.
func TestServicesThatHaveMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 2}, nil)
		s.Buy(vpptest.Asset{AdamID: "1", Total: 9})
		s.AssignByOther("1", "", vpptest.ToDevice("A"), vpptest.ToDevice("B"), vpptest.ToDevice("C"))
		for call, do := range everyCall {
			if err := do(t, s.client); err != nil && call != "User" && call != "EditUser" && call != "RetireUser" {
				t.Errorf("%s: %v", call, err)
			}
		}
		s.srv.SetLegacyPath("/mdm9/")
		s.srv.ResetReceived()
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
		if n, m := s.srv.Count("", "/mdm/*"), s.srv.Count("", "/mdm9/*"); n != 2 || m != 1 {
			t.Errorf("%d requests at the old place, %d at the new one", n, m)
		}
		s.srv.ResetReceived()
		for range 2 {
			found, err := exchange.Collect(s.client.Assignments(t.Context(), legacy.AssignmentFilter{}))
			if err != nil || len(found) != 3 {
				t.Errorf("%d assignments, %v", len(found), err)
			}
		}
		if n, m := s.srv.Count("", "/mdm/getAssignments"), s.srv.Count("", "/mdm9/getAssignments"); n != 1 || m != 4 {
			t.Errorf("%d requests at the old place, %d at the new one", n, m)
		}
		s.noViolations(t)
	})
}

func TestAServiceThatHasMovedNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.srv.Fail(func() vpptest.Fault { f := vpptest.LegacyErrorFault(9617); f.Path, f.Count = "/mdm/get*", -1; return f }())
		for _, call := range []string{"Assets", "Assignments"} {
			s.srv.ResetReceived()
			if err := everyCall[call](t, s.client); !errors.Is(err, legacy.ErrMoved) {
				t.Error(err)
			}
			if n := s.srv.Count("", "/mdm/get*"); n != 1 {
				t.Errorf("%s: %d requests", call, n)
			}
		}
	})
}

func TestAServiceThatHasMovedWhileTheConfigurationFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		s.srv.SetLegacyPath("/mdm9/")
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Busy, Path: "/mdm/VPPServiceConfigSrv", Count: -1})
		if err := s.ask(t); !errors.Is(err, legacy.ErrMoved) {
			t.Error(err)
		}
	})
}

// hostServer tells of addresses and notes which hosts are asked for what.
type hostServer struct {
	config string
	asked  []string
}

func (s *hostServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r.Host+r.URL.Path)
	answer := `{"status":0}`
	if strings.HasSuffix(r.URL.Path, "/VPPServiceConfigSrv") {
		answer = s.config
	}
	_, _ = io.WriteString(w, answer)
}

// The token goes to no stranger, whatever the service publishes.
func TestPublishedURLs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for published, want := range map[string]string{
			"http://memhttp.test/mdm/elsewhere":             "memhttp.test/mdm/elsewhere",
			"http://MEMHTTP.test/WebObjects/x/wa/getAssets": "memhttp.test/WebObjects/x/wa/getAssets",
			"":                                   "memhttp.test/mdm/getVPPAssetsSrv",
			"http://evil.test/mdm/x":             "memhttp.test/mdm/getVPPAssetsSrv",
			"https://vpp.itunes.apple.com/mdm/x": "memhttp.test/mdm/getVPPAssetsSrv",
			"https://memhttp.test/mdm/x":         "memhttp.test/mdm/getVPPAssetsSrv",
			"http://me@memhttp.test/mdm/x":       "memhttp.test/mdm/getVPPAssetsSrv",
			"http://memhttp.test/mdm/x?a=b":      "memhttp.test/mdm/getVPPAssetsSrv",
			"http://[":                           "memhttp.test/mdm/getVPPAssetsSrv",
		} {
			server := &hostServer{config: `{"status":0,"getVPPAssetsSrvUrl":"` + published + `"}`}
			c := wireClient(t, server, nil)
			if _, err := c.Assets(t.Context(), legacy.AssetFilter{}); err != nil {
				t.Error(err)
			}
			if len(server.asked) != 2 || server.asked[1] != want {
				t.Errorf("%q: %q, want %q", published, server.asked, want)
			}
		}
	})
}

func TestInvitationURL(t *testing.T) {
	for template, want := range map[string]string{
		"https://a.test/x?cc=us&inviteCode=%25inviteCode%25&mt=8": "https://a.test/x?cc=us&inviteCode=a%26b&mt=8",
		"https://a.test/x?inviteCode=%inviteCode%&mt=8":           "https://a.test/x?inviteCode=a%26b&mt=8",
		"": "",
	} {
		config := legacy.ServiceConfig{InvitationEmailURL: template}
		if got := config.InvitationURL("a&b"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestExpires(t *testing.T) {
	at := time.Date(2027, 12, 28, 12, 20, 0, 0, time.UTC)
	for want, config := range map[time.Time]legacy.ClientConfig{
		at:          {TokenExpDate: "2027-12-28T05:20:00-0700"},
		at.Add(-1):  {ExpirationMillis: at.UnixMilli(), TokenExpDate: "2030-01-01T00:00:00+0000"},
		time.Time{}: {},
	} {
		if got := config.Expires(); !got.Equal(want.Round(time.Second)) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
