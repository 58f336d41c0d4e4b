package dep

// SkipKey names a pane of the setup assistant that a device leaves out. Apple adds and removes keys
// with each system; any string is passed on, in the spelling given, which counts.
//
// https://developer.apple.com/documentation/devicemanagement/skipkeys
type SkipKey string

// The keys that Apple lists, with the first systems that know them. iOS stands for iPadOS too.
const (
	SkipAccessibility                       SkipKey = "Accessibility"                       // macOS 11; not always skippable
	SkipAccessibilityAppearance             SkipKey = "AccessibilityAppearance"             // iOS 17
	SkipActionButton                        SkipKey = "ActionButton"                        // iOS 17
	SkipAndroid                             SkipKey = "Android"                             // iOS 9; the Move from Android part of Restore
	SkipAppearance                          SkipKey = "Appearance"                          // iOS 13, macOS 10.14
	SkipAppleID                             SkipKey = "AppleID"                             // iOS 7, macOS 10.9, tvOS 10.2, visionOS 26
	SkipAppStore                            SkipKey = "AppStore"                            // iOS 14.3, macOS 11.1
	SkipBiometric                           SkipKey = "Biometric"                           // iOS 8.1, macOS 10.12.4, visionOS 26
	SkipCameraButton                        SkipKey = "CameraButton"                        // iOS 18
	SkipDeviceToDeviceMigration             SkipKey = "DeviceToDeviceMigration"             // iOS 12.4
	SkipDiagnostics                         SkipKey = "Diagnostics"                         // iOS 7, macOS 10.9, tvOS 10.2, visionOS 26
	SkipDisplayTone                         SkipKey = "DisplayTone"                         // iOS 9.3.2 (deprecated in 15), macOS 10.13.6 (deprecated in 12)
	SkipEnableLockdownMode                  SkipKey = "EnableLockdownMode"                  // iOS 17.1, macOS 14
	SkipFileVault                           SkipKey = "FileVault"                           // macOS 10.10
	SkipHomeButtonSensitivity               SkipKey = "HomeButtonSensitivity"               // iOS 10 (deprecated in 15)
	SkipICloudDiagnostics                   SkipKey = "iCloudDiagnostics"                   // macOS 10.12.4
	SkipICloudStorage                       SkipKey = "iCloudStorage"                       // macOS 10.13.4
	SkipIMessageAndFaceTime                 SkipKey = "iMessageAndFaceTime"                 // iOS 12
	SkipIntelligence                        SkipKey = "Intelligence"                        // iOS 18, macOS 15, visionOS 26
	SkipKeyboard                            SkipKey = "Keyboard"                            // iOS 13; not always skippable
	SkipLiquidGlass                         SkipKey = "LiquidGlass"                         // iOS 27, macOS 27
	SkipLocation                            SkipKey = "Location"                            // iOS 7, macOS 10.11, tvOS 10.2, visionOS 26
	SkipMessagingActivationUsingPhoneNumber SkipKey = "MessagingActivationUsingPhoneNumber" // iOS 10
	SkipMultitasking                        SkipKey = "Multitasking"                        // iOS 26
	SkipOnBoarding                          SkipKey = "OnBoarding"                          // iOS 11 (deprecated in 14)
	SkipOSShowcase                          SkipKey = "OSShowcase"                          // iOS 26, macOS 26.1
	SkipPasscode                            SkipKey = "Passcode"                            // iOS 7, macOS 10.9, visionOS 26
	SkipPayment                             SkipKey = "Payment"                             // iOS 8.1, macOS 10.12.4, visionOS 26
	SkipPrivacy                             SkipKey = "Privacy"                             // iOS 11.3, macOS 10.13.4, tvOS 11.3, visionOS 26
	SkipRestore                             SkipKey = "Restore"                             // iOS 7, macOS 10.9
	SkipRestoreCompleted                    SkipKey = "RestoreCompleted"                    // iOS 14
	SkipSafety                              SkipKey = "Safety"                              // iOS 16
	SkipSafetyAndHandling                   SkipKey = "SafetyAndHandling"                   // iOS 18.4; not always skippable
	SkipScreenSaver                         SkipKey = "ScreenSaver"                         // tvOS 10.2
	SkipScreenTime                          SkipKey = "ScreenTime"                          // iOS 12, macOS 10.15, visionOS 26
	SkipSIMSetup                            SkipKey = "SIMSetup"                            // iOS 12; skipping it prevents automatic eSIM installation
	SkipSiri                                SkipKey = "Siri"                                // iOS 7, macOS 10.12, tvOS 10.2, visionOS 26
	SkipSoftwareUpdate                      SkipKey = "SoftwareUpdate"                      // iOS 12, macOS 15.4, visionOS 26
	SkipSpokenLanguage                      SkipKey = "SpokenLanguage"                      // iOS 13; not always skippable
	SkipTapToSetup                          SkipKey = "TapToSetup"                          // iOS 18, tvOS 10.2; not always skippable
	SkipTermsOfAddress                      SkipKey = "TermsOfAddress"                      // iOS 16, macOS 13; not always skippable
	SkipTips                                SkipKey = "Tips"                                // visionOS 26
	SkipTOS                                 SkipKey = "TOS"                                 // iOS 7, macOS 10.9, tvOS 10.2, visionOS 26
	SkipTVHomeScreenSync                    SkipKey = "TVHomeScreenSync"                    // tvOS 11
	SkipTVProviderSignIn                    SkipKey = "TVProviderSignIn"                    // tvOS 11
	SkipTVRoom                              SkipKey = "TVRoom"                              // tvOS 11.4
	SkipUnlockWithWatch                     SkipKey = "UnlockWithWatch"                     // macOS 15
	SkipUpdateCompleted                     SkipKey = "UpdateCompleted"                     // iOS 14, macOS 26.1
	SkipWatchMigration                      SkipKey = "WatchMigration"                      // iOS 11
	SkipWelcome                             SkipKey = "Welcome"                             // iOS 13, macOS 15, visionOS 26
	SkipZoom                                SkipKey = "Zoom"                                // iOS 8.3 (deprecated in 17), visionOS 26
)

// Keys that Apple listed once, or lists in its machine-readable schema only.
const (
	SkipAdditionalPrivacySettings SkipKey = "AdditionalPrivacySettings" // macOS 26; in the schema only
	SkipAgeAssurance              SkipKey = "AgeAssurance"              // iOS 26.2; listed until April 2026
	SkipAgeBasedSafetySettings    SkipKey = "AgeBasedSafetySettings"    // iOS 26.1; listed until April 2026
	SkipWallpaper                 SkipKey = "Wallpaper"                 // macOS 14.1, removed in 26
	SkipWebContentFiltering       SkipKey = "WebContentFiltering"       // iOS 18.2, removed in 26.1
)
