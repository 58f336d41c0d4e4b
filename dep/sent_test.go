package dep_test

import (
	"testing"
	"testing/synctest"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/internal/sent"
)

// fullProfile is a profile with everything that one can say.
func fullProfile(t *testing.T, serials []string) *dep.Profile {
	t.Helper()
	p := demoProfile()
	if empty := sent.Empty(p); empty != nil {
		t.Fatalf("the profile has no %q", empty)
	}
	p.Devices, p.Unknown = serials, nil
	return p
}

// What every call sends is in the README's table, and nothing is there that is never sent.
func TestWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, world := newRecordOrg(t)
		world.Definition = fullProfile(t, world.Serials)
		base := o.Client()
		wire := &sent.Wire{Base: base.Transport}
		base.Transport = wire
		client := o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.HTTPClient, opts.PageSize = base, 5 })
		if _, err := client.AssignProfile(t.Context(), world.Profile, world.Serials); err != nil { // for the lists to tell
			t.Fatal(err)
		}
		for _, call := range recordedCalls {
			if _, err := call.call(t.Context(), client, world); err != nil {
				t.Fatalf("%s: %v", call.name, err)
			}
		}
		for _, wrong := range sent.Check("../README.md", "dep", wire.Messages()) {
			t.Error(wrong)
		}
	})
}
