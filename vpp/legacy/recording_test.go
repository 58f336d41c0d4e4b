package legacy_test

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/cassette/proof"
	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// recordWorld is what the recorded calls are about: first what is true, then what the recording says.
type recordWorld struct {
	serials        []string
	users          []string // there are, and to be registered
	email, account string
	token          vpp.Secret
	mdm            legacy.MDMInfo
}

// shown is w as the recording tells it.
func (w recordWorld) shown(standIn func(string) string) recordWorld {
	return recordWorld{
		serials: []string{standIn(w.serials[0]), standIn(w.serials[1])}, users: []string{standIn(w.users[0]), standIn(w.users[1])},
		email: standIn(w.email), account: standIn(w.account), token: vpp.NewSecret(standIn(w.token.Reveal())),
		mdm: legacy.MDMInfo{Hostname: standIn(w.mdm.Hostname), GUID: standIn(w.mdm.GUID)},
	}
}

// recordedCalls has every method of Client that makes requests.
var recordedCalls = []struct {
	name string
	call func(ctx context.Context, c *legacy.Client, w recordWorld) (any, error)
}{
	{"ServiceConfig", func(ctx context.Context, c *legacy.Client, _ recordWorld) (any, error) { return c.ServiceConfig(ctx) }},
	{"Claim", func(ctx context.Context, c *legacy.Client, _ recordWorld) (any, error) { return c.Claim(ctx) }},
	{"TakeOver", func(ctx context.Context, c *legacy.Client, _ recordWorld) (any, error) { return c.TakeOver(ctx) }},
	{"SetNotificationToken", func(ctx context.Context, c *legacy.Client, w recordWorld) (any, error) {
		return c.SetNotificationToken(ctx, w.token)
	}},
	{"ClientConfig", func(ctx context.Context, c *legacy.Client, _ recordWorld) (any, error) { return c.ClientConfig(ctx) }},
	{"Assets", func(ctx context.Context, c *legacy.Client, _ recordWorld) (any, error) {
		return c.Assets(ctx, legacy.AssetFilter{IncludeLicenseCounts: true})
	}},
	{"Assignments", func(ctx context.Context, c *legacy.Client, _ recordWorld) (any, error) {
		return exchange.Collect(c.Assignments(ctx, legacy.AssignmentFilter{}))
	}},
	{"Licenses", func(ctx context.Context, c *legacy.Client, _ recordWorld) (any, error) {
		return exchange.Collect(c.Licenses(ctx, legacy.LicenseFilter{AssignedOnly: true}))
	}},
	{"LicensePages", func(ctx context.Context, c *legacy.Client, _ recordWorld) (any, error) {
		return exchange.Values(c.LicensePages(ctx, legacy.LicenseFilter{}))
	}},
	{"RegisterUser", func(ctx context.Context, c *legacy.Client, w recordWorld) (any, error) {
		return c.RegisterUser(ctx, vpp.UserRequest{ClientUserID: w.users[1], Email: w.email})
	}},
	{"User", func(ctx context.Context, c *legacy.Client, w recordWorld) (any, error) {
		return c.User(ctx, legacy.UserKey{ClientUserID: w.users[0]})
	}},
	{"EditUser", func(ctx context.Context, c *legacy.Client, w recordWorld) (any, error) {
		return c.EditUser(ctx, legacy.UserKey{ClientUserID: w.users[1]}, legacy.UserChange{ManagedAppleAccount: w.account})
	}},
	{"Users", func(ctx context.Context, c *legacy.Client, _ recordWorld) (any, error) {
		return exchange.Collect(c.Users(ctx, legacy.UserFilter{IncludeRetired: true}))
	}},
	{"UserPages", func(ctx context.Context, c *legacy.Client, _ recordWorld) (any, error) {
		return exchange.Values(c.UserPages(ctx, legacy.UserFilter{}))
	}},
	{"ManageLicenses", func(ctx context.Context, c *legacy.Client, w recordWorld) (any, error) {
		return c.ManageLicenses(ctx, legacy.Management{
			AdamID: "1000000001", AssociateSerialNumbers: w.serials[1:], DisassociateSerialNumbers: w.serials[:1],
		})
	}},
	{"RetireUser", func(ctx context.Context, c *legacy.Client, w recordWorld) (any, error) {
		return c.RetireUser(ctx, legacy.UserKey{ClientUserID: w.users[1]})
	}},
	{"Release", func(ctx context.Context, c *legacy.Client, _ recordWorld) (any, error) { return c.Release(ctx) }},
}

func TestEveryCallIsRecorded(t *testing.T) {
	recorded := []string{"UID"} // which sends nothing
	for _, call := range recordedCalls {
		recorded = append(recorded, call.name)
	}
	slices.Sort(recorded)
	var every []string
	for m := range reflect.TypeFor[*legacy.Client]().Methods() {
		every = append(every, m.Name)
	}
	if diff := cmp.Diff(every, recorded); diff != "" {
		t.Errorf("(-every +recorded):\n%s", diff)
	}
}

// wordOfApple is the form of what Apple's documents say: names of members and services, messages.
var wordOfApple = regexp.MustCompile(`^([A-Za-z]+([A-Z][a-z]*)+|[A-Za-z][A-Za-z ,;{}]+\.( [A-Za-z ]+\.)?)$`)

// mayShow reports whether a value tells of nobody. It is written anew here, so that a rule that
// keeps too much is noticed.
func mayShow(value string) bool {
	_, err := time.Parse(time.RFC1123, value)
	return err == nil || wordOfApple.MatchString(value) || slices.Contains(harmless, value)
}

// harmless has the other words, and the asset, which may be in a recording.
var harmless = strings.Split(`1000000001|Associated|Registered|Retired|Software|Application|[redacted]|associations|email|`+
	`licenses|location|hostname|retired|users|applemdm/0.1 (apps and books legacy client)|application/json|iOS|assets|assignments|Available|disassociations|enterprisestore|https://business.apple.com|status|verbose|978307200000`, "|")

// newRecordSite is a school with something of everything that must not show.
func newRecordSite(t *testing.T) (*site, recordWorld) {
	t.Helper()
	s := newSite(t, &vpptest.Options{PageSize: 1}, nil)
	s.Location = s.srv.AddLocation(vpptest.LocationOptions{Name: "Springfield Library", OrgName: "Springfield High"})
	s.store(s.Token())
	world := recordWorld{
		serials: []string{"C02SPRNG101", "C02SPRNG102"}, users: []string{"student-adaline-17", "newcomer-99812"},
		email: "charles@springfield.example.edu", account: "charles@appleid.springfield.example.edu",
		token: vpp.NewSecret("h00k-t0ken-h00k-t0ken-h00k-t0ken"),
		mdm:   legacy.MDMInfo{Hostname: "mdm.springfield.example.edu", GUID: "6d0c1f9e-0000-4000-8000-000000000471"},
	}
	s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 3})
	s.CreateUserByOther(world.users[0], "adaline@springfield.example.edu", "adaline@appleid.springfield.example.edu")
	s.AssignByOther("1000000001", "STDQ", vpptest.Target{SerialNumber: world.serials[0]}, vpptest.Target{ClientUserID: world.users[0]})
	return s, world
}

func TestRecordingOfEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, world := newRecordSite(t)
		base := s.srv.Client()
		wire := &proof.Wire{Base: base.Transport}
		base.Transport = wire
		file := filepath.Join(t.TempDir(), "legacy.yaml")
		recorder, err := vpptest.Record(file, base)
		if err != nil {
			t.Fatal(err)
		}
		recorded := s.newClient(t, func(o *legacy.Options) { o.HTTPClient, o.MDM = recorder.Client(), world.mdm })
		results := map[string]any{}
		for _, call := range recordedCalls {
			if results[call.name], err = call.call(t.Context(), recorded, world); err != nil {
				t.Fatalf("%s: %v", call.name, err)
			}
		}
		if err := recorder.Save(); err != nil {
			t.Fatal(err)
		}
		confidential := append(slices.Concat(world.serials, world.users), world.email, world.account, world.token.Reveal(), world.mdm.GUID,
			string(s.Token()), "springfield", "Springfield", "adaline", s.UID())
		for _, u := range s.Users() {
			confidential = append(confidential, u.InviteCode, u.IDHash, fmt.Sprint(u.UserID))
		}
		s.shown.NoteFile(t, file)
		if leaks := wire.Leaks(t, file, confidential, mayShow); len(leaks) > 0 {
			t.Errorf("in the recording: %q", leaks)
		}

		client, err := vpptest.Replay(file)
		if err != nil {
			t.Fatal(err)
		}
		shown := world.shown(recorder.StandIn)
		replayed := s.newClient(t, func(o *legacy.Options) {
			o.HTTPClient, o.MDM, o.BaseURL = client, shown.mdm, recorder.StandIn(o.BaseURL)
		})
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
	})
}
