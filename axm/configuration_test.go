package axm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/internal/exchange"
)

func TestConfigurationLifecycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := newBusiness(t), t.Context()
		made, err := s.client.CreateConfiguration(ctx, axm.NewConfiguration{Name: "Dock (lab)", ConfigurationProfile: wifiProfile})
		if err != nil {
			t.Fatal(err)
		}
		if made.Type != axm.ConfigurationCustomSetting || made.Name != "Dock (lab)" || len(made.ConfiguredForPlatforms) == 0 || made.CustomSettingsValues.ConfigurationProfile != wifiProfile {
			t.Errorf("%s", jsonText(t, made))
		}

		dock := strings.Replace(wifiProfile, "com.apple.wifi.managed", "com.apple.dock", 1)
		changed, err := s.client.UpdateConfiguration(ctx, made.ID, axm.ConfigurationUpdate{Name: "Dock", ConfigurationProfile: dock,
			Filename: "dock.mobileconfig", ConfiguredForPlatforms: &[]axm.Platform{axm.PlatformMacOS}})
		if err != nil {
			t.Fatal(err)
		}
		read, err := s.client.Configuration(ctx, made.ID)
		if diff := cmp.Diff(changed, read); diff != "" || err != nil {
			t.Errorf("%s%v", diff, err)
		}
		want := &axm.CustomSettingsValues{ConfigurationProfile: dock, Filename: "dock.mobileconfig"}
		if diff := cmp.Diff(want, read.CustomSettingsValues); diff != "" || read.Name != "Dock" {
			t.Errorf("%s%+v", diff, read)
		}
		if f, _ := s.Configurations.Get(made.ID); f.Profile != dock || f.Name != "Dock" || len(f.Platforms) != 1 {
			t.Errorf("%+v", f)
		}

		all, err := exchange.Collect(s.client.Configurations(ctx, axm.ListOptions{PageSize: 1}))
		if err != nil || len(all) != 3 || all[2].Name != "Dock" || all[2].CustomSettingsValues != nil {
			t.Errorf("%s, %v", jsonText(t, all), err)
		}
		if err := s.client.DeleteConfiguration(ctx, made.ID); err != nil {
			t.Error(err)
		}
		if _, err := s.client.Configuration(ctx, made.ID); !errors.Is(err, axm.ErrNotFound) {
			t.Error(err)
		}
		s.clean(t)

		refused := wifiProfile + "<!-- hunter2 -->"
		s.srv.Fail(axmtest.ErrorFault(400, "PARAMETER_ERROR.INVALID", "no"))
		if _, err = s.client.CreateConfiguration(ctx, axm.NewConfiguration{Name: "a", ConfigurationProfile: refused}); !errors.Is(err, axm.ErrInvalidRequest) {
			t.Error(err)
		}
		if shown := fmt.Sprintf("%v%+v%#v", err, err, s.traces) + s.shown.Log(); strings.Contains(shown, "hunter2") || strings.Contains(shown, "com.apple") {
			t.Errorf("a profile shows in %s", shown)
		}
	})
}

// What somebody has made in the portal stays as it is.
func TestConfigurationsOfOtherTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := newBusiness(t), t.Context()
		if _, err := s.client.UpdateConfiguration(ctx, "c-2", axm.ConfigurationUpdate{Name: "a"}); !errors.Is(err, axm.ErrForbidden) {
			t.Error(err)
		}
		if err := s.client.DeleteConfiguration(ctx, "c-2"); !errors.Is(err, axm.ErrForbidden) {
			t.Error(err)
		}
	})
}
