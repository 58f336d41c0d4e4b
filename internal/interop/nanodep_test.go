package interop

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/micromdm/nanodep/client"
	"github.com/micromdm/nanodep/godep"
	"github.com/micromdm/nanodep/sync"
	"github.com/micromdm/nanodep/tokenpki"

	"github.com/applemdm/applemdm/dep/deptest"
)

// store is what nanodep keeps for one server.
type store struct {
	tokens  client.OAuth1Tokens
	baseURL string
	cursor  string
}

func (s *store) RetrieveAuthTokens(context.Context, string) (*client.OAuth1Tokens, error) {
	return &s.tokens, nil
}

func (s *store) RetrieveConfig(context.Context, string) (*client.Config, error) {
	return &client.Config{BaseURL: s.baseURL}, nil
}

func (s *store) RetrieveCursor(context.Context, string) (string, error) { return s.cursor, nil }

func (s *store) StoreCursor(_ context.Context, _, cursor string) error {
	s.cursor = cursor
	return nil
}

// newNanodep returns nanodep's client with a token that it opened by itself.
func newNanodep(t *testing.T, srv *deptest.Server) (*godep.Client, *store) {
	t.Helper()
	key, cert, err := tokenpki.SelfSignedRSAKeypair("nanodep", 1)
	if err != nil {
		t.Fatal(err)
	}
	p7m, err := srv.IssueToken(cert)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tokenpki.DecryptTokenJSON(p7m, cert, key)
	if err != nil {
		t.Fatalf("nanodep cannot open a token of the simulator: %v", err)
	}
	s := &store{baseURL: srv.URL}
	if err := json.Unmarshal(text, &s.tokens); err != nil {
		t.Fatal(err)
	}
	return godep.NewClient(s, godep.WithClient(srv.Client())), s
}

// TestNanodep runs every call of nanodep against the simulator, in both manners.
func TestNanodep(t *testing.T) {
	for name, manner := range map[string]deptest.Manner{"Apple": deptest.Apple, "depsim": deptest.Depsim} {
		t.Run(name, func(t *testing.T) {
			srv := deptest.NewServer(&deptest.Options{
				Manner: manner, MaxLimit: 100, BetaTokens: []deptest.BetaToken{{Token: "t", Title: "beta", OS: "iOS"}},
			})
			defer srv.Close()
			serials := srv.AddRandomDevices(250)
			c, s := newNanodep(t, srv)
			nanodepSyncs(t, srv, c, s)
			nanodepCalls(t, srv, c, serials)
		})
	}
}

func nanodepSyncs(t *testing.T, srv *deptest.Server, c *godep.Client, s *store) {
	t.Helper()
	var got []string
	syncer := sync.NewSyncer(c, "name", s, sync.WithLimit(100),
		sync.WithCallback(func(_ context.Context, _ bool, page *godep.FetchDeviceResponseJson) error {
			for _, d := range page.Devices {
				got = append(got, d.SerialNumber)
			}
			return nil
		}))
	for _, step := range []struct {
		prepare func()
		want    []string
	}{
		{func() {}, serialsOf(srv)},
		{func() { srv.AddSerials("C02ADDED0001") }, []string{"C02ADDED0001"}},
		{func() { srv.ExpireSessions(); srv.RemoveDevices("C02ADDED0001") }, []string{"C02ADDED0001"}},
		{func() { srv.RotateSessions(1); srv.AddSerials("C02ADDED0002") }, []string{"C02ADDED0002"}},
	} {
		got = nil
		step.prepare()
		if err := syncer.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		slices.Sort(step.want)
		if !slices.Equal(got, step.want) {
			t.Errorf("synced %d devices %.3v, want %d %.3v", len(got), got, len(step.want), step.want)
		}
	}
}

func serialsOf(srv *deptest.Server) []string {
	var serials []string
	for _, d := range srv.Devices() {
		serials = append(serials, d.SerialNumber)
	}
	return serials
}

func nanodepCalls(t *testing.T, srv *deptest.Server, c *godep.Client, serials []string) {
	t.Helper()
	ctx := t.Context()
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	account, err := c.AccountDetail(ctx, "name")
	check("account", err)
	if account.ServerName == nil || *account.ServerName == "" {
		t.Errorf("account: %+v", account)
	}
	defined, err := c.DefineProfile(ctx, "name", &godep.ProfileJson{ProfileName: new("Standard"), Url: new("https://mdm.example.org/enroll"), IsSupervised: new(true)})
	if err != nil || defined.ProfileUuid == nil {
		t.Fatalf("define: %+v, %v", defined, err)
	}
	assigned, err := c.AssignProfile(ctx, "name", *defined.ProfileUuid, serials[:2]...)
	check("assign", err)
	if n := len(assigned.Devices); n != 2 || assigned.Devices[serials[0]] != "SUCCESS" {
		t.Errorf("assign: %+v", assigned)
	}
	if d, _ := srv.Device(serials[0]); d.ProfileUUID != *defined.ProfileUuid {
		t.Errorf("the simulator has profile %q on the device", d.ProfileUUID)
	}
	profile, err := c.GetProfile(ctx, "name", *defined.ProfileUuid)
	check("profile", err)
	if profile.ProfileName == nil || *profile.ProfileName != "Standard" {
		t.Errorf("profile: %+v", profile)
	}
	details, err := c.DeviceDetails(ctx, "name", serials[0])
	check("details", err)
	if details.Devices[serials[0]].SerialNumber != serials[0] {
		t.Errorf("details: %+v", details)
	}
	_, err = c.RemoveProfile(ctx, "name", serials[0])
	check("remove", err)
	_, err = c.ActivationLock(ctx, "name", serials[1], "", "lost")
	check("activation lock", err)
	_, err = c.DisownDevices(ctx, "name", serials[2])
	check("disown", err)
	if _, there := srv.Device(serials[2]); there {
		t.Error("a disowned device is still there")
	}
	_, err = c.OSBetaEnrollmentTokens(ctx, "name")
	check("beta tokens", err)
	check("account-driven enrolment", c.AssignAccountDrivenEnrollmentProfile(ctx, "name", "https://mdm.example.org/discovery"))
}
