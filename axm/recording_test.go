package axm_test

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/internal/cassette/proof"
	"github.com/applemdm/applemdm/internal/exchange"
)

// recordWorld is what the recorded calls are about: first what is true, then what the recording says.
type recordWorld struct{ serial, server, newName string }

// recordedCalls are calls of every sort.
var recordedCalls = []struct {
	name string
	call func(ctx context.Context, c *axm.Client, w recordWorld) (any, error)
}{
	{"Devices", func(ctx context.Context, c *axm.Client, _ recordWorld) (any, error) {
		return exchange.Collect(c.Devices(ctx, axm.ListOptions{PageSize: 3}))
	}},
	{"DevicePages", func(ctx context.Context, c *axm.Client, _ recordWorld) (any, error) {
		return exchange.Values(c.DevicePages(ctx, axm.ListOptions{Fields: []string{"serialNumber", "status"}}))
	}},
	{"Device", func(ctx context.Context, c *axm.Client, w recordWorld) (any, error) { return c.Device(ctx, w.serial) }},
	{"AssignedServer", func(ctx context.Context, c *axm.Client, w recordWorld) (any, error) {
		return c.AssignedServer(ctx, w.serial)
	}},
	{"AssignedServerID", func(ctx context.Context, c *axm.Client, w recordWorld) (any, error) {
		return c.AssignedServerID(ctx, w.serial)
	}},
	{"AppleCare", func(ctx context.Context, c *axm.Client, w recordWorld) (any, error) {
		return c.AppleCare(ctx, w.serial)
	}},
	{"ActivationLock", func(ctx context.Context, c *axm.Client, w recordWorld) (any, error) {
		return c.ActivationLock(ctx, w.serial)
	}},
	{"Servers", func(ctx context.Context, c *axm.Client, _ recordWorld) (any, error) {
		return exchange.Collect(c.Servers(ctx, axm.ListOptions{}))
	}},
	{"ServerPages", func(ctx context.Context, c *axm.Client, _ recordWorld) (any, error) {
		return exchange.Values(c.ServerPages(ctx, axm.ListOptions{PageSize: 1}))
	}},
	{"Server", func(ctx context.Context, c *axm.Client, w recordWorld) (any, error) { return c.Server(ctx, w.server) }},
	{"ServerDevices", func(ctx context.Context, c *axm.Client, w recordWorld) (any, error) {
		return exchange.Collect(c.ServerDevices(ctx, w.server, axm.ListOptions{PageSize: 2}))
	}},
	{"UpdateServer", func(ctx context.Context, c *axm.Client, w recordWorld) (any, error) {
		return c.UpdateServer(ctx, w.server, axm.ServerUpdate{ServerName: w.newName})
	}},
	{"DeleteServer", func(ctx context.Context, c *axm.Client, w recordWorld) (any, error) {
		err := c.DeleteServer(ctx, w.server) // which has devices
		refused, ok := err.(*axm.Error)
		if !ok {
			return nil, err
		}
		return []any{refused.StatusCode, refused.Items}, nil
	}},
}

// wordOfApple is the form of what Apple's documents say: names of members, enumerations.
var wordOfApple = regexp.MustCompile(`^([a-z]+([A-Z][a-z]*)+|[A-Z]+([_.][A-Z]+)*)$`)

// mayShow reports whether a value, or each of a list of fields, tells of nobody. It is written anew here, so that a rule that
// keeps too much is noticed.
func mayShow(value string) bool {
	for _, layout := range []string{time.RFC3339, time.RFC1123} {
		if _, err := time.Parse(layout, value); err == nil {
			return true
		}
	}
	if slices.Contains(harmless, value) {
		return true
	}
	for word := range strings.SplitSeq(value, ",") {
		if !wordOfApple.MatchString(word) && !slices.Contains(harmless, word) {
			return false
		}
	}
	return true
}

// harmless has the other words that may be in a recording.
var harmless = strings.Split(`128GB|256GB|Apple TV 4K (3rd generation)|AppleTV|AppleTV14,1|Bearer|Mac16,12|MacBook Air (13-inch, M4, 2025)|SPACE GRAY|`+
	`Devices are assigned to the device management service.|The resource does not allow this now.|[redacted]|access_token|`+
	`applemdm/0.1 (school and business manager client)|application/json|application/x-www-form-urlencoded|attributes|`+
	`business.api|client_assertion|client_assertion_type|client_credentials|client_id|color|cursor|description|detail|devices|`+
	`errors|expires_in|fields[mdmServers]|fields[orgDevices]|first|grant_type|iPad (A16)|iPad15,7|iPhone 17|iPhone18,3|limit|links|`+
	`oauth2|paging|related|relationships|scope|status|title|token|token_type|total|`+
	`urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, "|")

func TestRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		world := recordWorld{newName: "Springfield iPads and Macs"}
		world.server = s.AddServer(axmtest.MDMServer{Name: "Springfield MDM", LastIP: "198.51.100.77"})
		s.AddServer(axmtest.MDMServer{Name: "Shelbyville MDM"})
		s.AddDevices(axmtest.Device{
			SerialNumber: "C02SPRNG101", OrderNumber: "ORDER-4711-0815", IMEI: []string{"352099001761481"}, EID: "89049032000000000000000000000017",
			WiFiMAC: "02:00:5E:10:00:17", PurchaseSourceID: "RESELLER-99812", ServerID: world.server, ActivationLock: "USER",
			Coverage: []axmtest.Coverage{{ID: "AC-SPRINGFIELD-1"}},
		})
		world.serial = "C02SPRNG101"
		serials := s.AddRandomDevices(7)

		base := s.srv.Client()
		wire := &proof.Wire{Base: base.Transport}
		base.Transport = wire
		file := filepath.Join(t.TempDir(), "axm.yaml")
		recorder, err := axmtest.Record(file, base)
		if err != nil {
			t.Fatal(err)
		}
		recorded := s.newClient(t, func(o *axm.Options) { o.HTTPClient = recorder.Client() })
		results := map[string]any{}
		for _, call := range recordedCalls {
			if results[call.name], err = call.call(t.Context(), recorded, world); err != nil {
				t.Fatalf("%s: %v", call.name, err)
			}
		}
		if err := recorder.Save(); err != nil {
			t.Fatal(err)
		}
		confidential := append(serials, world.serial, world.server, s.Account().ClientID(), s.Account().Key().ID, "Springfield", "Shelbyville",
			"198.51.100.77", "ORDER-4711-0815", "352099001761481", "89049032000000000000000000000017", "02:00:5E:10:00:17", "RESELLER-99812")
		numbered := func(v string) bool {
			return slices.ContainsFunc(s.traces, func(a axm.Attempt) bool { return a.RequestID == v })
		}
		s.shown.NoteFile(t, file)
		if leaks := wire.Leaks(t, file, confidential, func(v string) bool { return mayShow(v) || numbered(v) }); len(leaks) > 0 {
			t.Errorf("in the recording: %q", leaks)
		}

		requests := s.srv.Count("", "")
		client, err := axmtest.Replay(file)
		if err != nil {
			t.Fatal(err)
		}
		replayed := s.newClient(t, func(o *axm.Options) {
			o.HTTPClient, o.BaseURL, o.TokenURL = client, recorder.StandIn(o.BaseURL), recorder.StandIn(o.TokenURL)
		})
		shown := recordWorld{recorder.StandIn(world.serial), recorder.StandIn(world.server), recorder.StandIn(world.newName)}
		for _, call := range recordedCalls {
			result, err := call.call(t.Context(), replayed, shown)
			if err != nil {
				t.Errorf("replay of %s: %v", call.name, err)
				continue
			}
			if diff := proof.Diff(t, results[call.name], result, recorder.StandIn); diff != "" {
				t.Errorf("replay of %s (-want +got):\n%s", call.name, diff)
			}
		}
		if n := s.srv.Count("", ""); n != requests {
			t.Errorf("the replay made %d requests", n-requests)
		}
	})
}
