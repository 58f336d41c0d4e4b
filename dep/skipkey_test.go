package dep_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
)

// Apple's list, as of June 2026, in its order: 51 keys.
var listedSkipKeys = []struct {
	spelling string
	key      dep.SkipKey
}{
	{"Accessibility", dep.SkipAccessibility},
	{"AccessibilityAppearance", dep.SkipAccessibilityAppearance},
	{"ActionButton", dep.SkipActionButton},
	{"Android", dep.SkipAndroid},
	{"Appearance", dep.SkipAppearance},
	{"AppleID", dep.SkipAppleID},
	{"AppStore", dep.SkipAppStore},
	{"Biometric", dep.SkipBiometric},
	{"CameraButton", dep.SkipCameraButton},
	{"DeviceToDeviceMigration", dep.SkipDeviceToDeviceMigration},
	{"Diagnostics", dep.SkipDiagnostics},
	{"DisplayTone", dep.SkipDisplayTone},
	{"EnableLockdownMode", dep.SkipEnableLockdownMode},
	{"FileVault", dep.SkipFileVault},
	{"HomeButtonSensitivity", dep.SkipHomeButtonSensitivity},
	{"iCloudDiagnostics", dep.SkipICloudDiagnostics},
	{"iCloudStorage", dep.SkipICloudStorage},
	{"iMessageAndFaceTime", dep.SkipIMessageAndFaceTime},
	{"Intelligence", dep.SkipIntelligence},
	{"Keyboard", dep.SkipKeyboard},
	{"LiquidGlass", dep.SkipLiquidGlass},
	{"Location", dep.SkipLocation},
	{"MessagingActivationUsingPhoneNumber", dep.SkipMessagingActivationUsingPhoneNumber},
	{"Multitasking", dep.SkipMultitasking},
	{"OnBoarding", dep.SkipOnBoarding},
	{"OSShowcase", dep.SkipOSShowcase},
	{"Passcode", dep.SkipPasscode},
	{"Payment", dep.SkipPayment},
	{"Privacy", dep.SkipPrivacy},
	{"Restore", dep.SkipRestore},
	{"RestoreCompleted", dep.SkipRestoreCompleted},
	{"Safety", dep.SkipSafety},
	{"SafetyAndHandling", dep.SkipSafetyAndHandling},
	{"ScreenSaver", dep.SkipScreenSaver},
	{"ScreenTime", dep.SkipScreenTime},
	{"SIMSetup", dep.SkipSIMSetup},
	{"Siri", dep.SkipSiri},
	{"SoftwareUpdate", dep.SkipSoftwareUpdate},
	{"SpokenLanguage", dep.SkipSpokenLanguage},
	{"TapToSetup", dep.SkipTapToSetup},
	{"TermsOfAddress", dep.SkipTermsOfAddress},
	{"Tips", dep.SkipTips},
	{"TOS", dep.SkipTOS},
	{"TVHomeScreenSync", dep.SkipTVHomeScreenSync},
	{"TVProviderSignIn", dep.SkipTVProviderSignIn},
	{"TVRoom", dep.SkipTVRoom},
	{"UnlockWithWatch", dep.SkipUnlockWithWatch},
	{"UpdateCompleted", dep.SkipUpdateCompleted},
	{"WatchMigration", dep.SkipWatchMigration},
	{"Welcome", dep.SkipWelcome},
	{"Zoom", dep.SkipZoom},

	// No longer, or not yet, in that list.
	{"AdditionalPrivacySettings", dep.SkipAdditionalPrivacySettings},
	{"AgeAssurance", dep.SkipAgeAssurance},
	{"AgeBasedSafetySettings", dep.SkipAgeBasedSafetySettings},
	{"Wallpaper", dep.SkipWallpaper},
	{"WebContentFiltering", dep.SkipWebContentFiltering},
}

func TestSkipKeys(t *testing.T) {
	if n := len(listedSkipKeys); n != 51+5 {
		t.Errorf("the test lists %d keys", n)
	}
	var want []string
	for _, k := range listedSkipKeys {
		if string(k.key) != k.spelling {
			t.Errorf("the constant of %s is spelt %q", k.spelling, k.key)
		}
		want = append(want, k.spelling)
	}
	if diff := cmp.Diff(want, declaredSkipKeys(t)); diff != "" {
		t.Errorf("constants in skipkey.go (-want +got):\n%s", diff)
	}
}

// declaredSkipKeys reads the constants from the source, so that one which Apple does not have, or a
// misspelt second one, is noticed too.
func declaredSkipKeys(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "skipkey.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	ast.Inspect(file, func(n ast.Node) bool {
		constant, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, value := range constant.Values {
			spelling, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, spelling)
		}
		return false
	})
	return keys
}
