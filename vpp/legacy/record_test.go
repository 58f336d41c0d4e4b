package legacy_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// traffic makes a call of every sort, about a user, a device and somebody who is not there.
func traffic(t *testing.T, c *legacy.Client, user, serial, nobody string) (assigned []legacy.Assignment) {
	t.Helper()
	ctx := t.Context()
	if _, err := c.Claim(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RegisterUser(ctx, vpp.UserRequest{ClientUserID: user}); err != nil {
		t.Fatal(err)
	}
	result, err := c.ManageLicenses(ctx, legacy.Management{AdamID: "1000000001", AssociateSerialNumbers: []string{serial}})
	done(t, result, err)
	if _, err := exchange.Collect(c.Users(ctx, legacy.UserFilter{})); err != nil {
		t.Fatal(err)
	}
	if _, err := exchange.Collect(c.Licenses(ctx, legacy.LicenseFilter{AssignedOnly: true})); err != nil {
		t.Fatal(err)
	}
	if _, err := c.User(ctx, legacy.UserKey{ClientUserID: nobody}); !errors.Is(err, legacy.ErrNotFound) {
		t.Error(err)
	}
	assigned, err = exchange.Collect(c.Assignments(ctx, legacy.AssignmentFilter{}))
	if err != nil {
		t.Fatal(err)
	}
	return assigned
}

// A recording of traffic has neither the token, which is in every body, nor anybody's data, and can be
// replayed to a client.
func TestRecording(t *testing.T) {
	const user, serial = "8f6c2a9e-0000-4000-8000-000000000017", "DEMO00000001"
	s := newSite(t, nil, nil)
	s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 5})
	file := filepath.Join(t.TempDir(), "traffic")
	recorder, err := vpptest.Record(file, s.srv.Client())
	if err != nil {
		t.Fatal(err)
	}
	client := s.newClient(t, func(o *legacy.Options) { o.HTTPClient, o.MDM = recorder.Client(), own })
	traffic(t, client, user, serial, "nobody")
	if err := recorder.Save(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := s.User(user)
	for _, secret := range []string{string(s.source), string(s.source)[:30], user, serial, u.InviteCode, "Location 1", own.GUID, own.Hostname} {
		if secret == "" || strings.Contains(string(text), secret) {
			t.Errorf("the recording shows %q", secret)
		}
	}
	if !strings.Contains(string(text), "sToken") {
		t.Error("nothing was recorded")
	}

	replay, err := vpptest.Replay(file)
	if err != nil {
		t.Fatal(err)
	}
	client = s.newClient(t, func(o *legacy.Options) {
		o.HTTPClient = replay
		o.MDM = legacy.MDMInfo{Hostname: recorder.StandIn(own.Hostname), GUID: recorder.StandIn(own.GUID)}
	})
	device := recorder.StandIn(serial)
	got := traffic(t, client, recorder.StandIn(user), device, recorder.StandIn("nobody"))
	want := []legacy.Assignment{{AdamID: "1000000001", PricingParam: vpp.PricingStandard, SerialNumber: device}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
