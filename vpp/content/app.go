package content

import (
	"context"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/vpp"
)

// ResourceType is what sort of thing is described.
type ResourceType string

// The types that Apple documents.
const (
	TypeApps        ResourceType = "apps"
	TypeBooks       ResourceType = "books"
	TypeInApps      ResourceType = "in-apps" // subscriptions within apps
	TypeGenres      ResourceType = "genres"
	TypeStorefronts ResourceType = "storefronts"
)

// App is what a storefront says of an app.
//
// https://developer.apple.com/documentation/devicemanagement/apps
type App struct {
	ID            vpp.AdamID       `json:"id"`
	Type          ResourceType     `json:"type,omitzero"`
	Href          string           `json:"href,omitzero"` // relative to the service
	Attributes    AppAttributes    `json:"attributes,omitzero"`
	Relationships AppRelationships `json:"relationships,omitzero"`

	Storefront string `json:"-"` // where it was found, e.g. "us"

	Unknown vpp.Unknown `json:",embed"`
}

func (a *App) key() (vpp.AdamID, *string) { return a.ID, &a.Storefront }

// AppRelationships is what an app is related to.
type AppRelationships struct {
	Genres  Relationship[Genre] `json:"genres,omitzero"` // at most ten
	Unknown vpp.Unknown         `json:",embed"`
}

// Relationship is a list of related things; in full with [Query].Include.
//
// https://developer.apple.com/documentation/devicemanagement/relationship
type Relationship[T any] struct {
	Data    []T         `json:"data,omitzero"`
	Href    string      `json:"href,omitzero"`
	Next    string      `json:"next,omitzero"`
	Unknown vpp.Unknown `json:",embed"`
}

// DeviceFamily is a sort of device that an app is for.
type DeviceFamily string

// The families that Apple documents.
const (
	FamilyIPhone DeviceFamily = "iphone"
	FamilyIPad   DeviceFamily = "ipad"
	FamilyIPod   DeviceFamily = "ipod"
	FamilyMac    DeviceFamily = "mac" // also of apps for the iPad that run on a Mac: see [AppAttributes.OnlyIOSOnMac]
	FamilyTVOS   DeviceFamily = "tvos"
)

// PlatformKey is what [AppAttributes.PlatformAttributes] are told apart by.
type PlatformKey string

// The keys that are known. The iPhone and the iPad share one.
const (
	KeyIOS   PlatformKey = "ios"
	KeyMacOS PlatformKey = "osx"
)

// AppAttributes describe an app. Any of them may be missing, above all from custom apps, and those of
// a Mac app may differ from those of the app of the same ID for the iPhone: Apple then tells them in
// PlatformAttributes. [AppAttributes.On] puts both together.
//
// https://developer.apple.com/documentation/devicemanagement/apps
type AppAttributes struct {
	Name                  string                   `json:"name,omitzero"`
	ArtistName            string                   `json:"artistName,omitzero"` // who sells it under which name
	URL                   string                   `json:"url,omitzero"`        // of its page in the store
	DeviceFamilies        []DeviceFamily           `json:"deviceFamilies,omitzero"`
	GenreDisplayName      string                   `json:"genreDisplayName,omitzero"`
	Offers                []Offer                  `json:"offers,omitzero"`
	UserRating            UserRating               `json:"userRating,omitzero"`
	ContentRatings        map[string]ContentRating `json:"contentRatingsBySystem,omitzero"`
	TaxRate               float64                  `json:"taxRate,omitzero"`
	HasEULA               bool                     `json:"hasEula,omitzero"`
	IsB2BCustomApp        bool                     `json:"isB2BCustomApp,omitzero"`
	IsFirstPartyHideable  bool                     `json:"isFirstPartyHideableApp,omitzero"`
	IsIOSAppOnMac         bool                     `json:"isIOSBinaryMacOSCompatible,omitzero"`
	IsDeviceAssignable    bool                     `json:"isVppDeviceBasedLicensingEnabled,omitzero"`
	SupportsDeviceSharing bool                     `json:"supportsDeviceSharing,omitzero"`
	UsesClassKit          bool                     `json:"usesClassKit,omitzero"`

	// Those that differ by platform; usually they are in PlatformAttributes.
	Artwork                              Artwork `json:"artwork,omitzero"`
	BundleID                             string  `json:"bundleId,omitzero"`
	WatchBundleID                        string  `json:"watchBundleId,omitzero"`
	ExternalVersionID                    int64   `json:"externalVersionId,omitzero"`
	MinimumOSVersion                     string  `json:"minimumOSVersion,omitzero"`
	MinimumMacOSVersion                  string  `json:"minimumMacOSVersion,omitzero"`
	MinimumVisionOSVersion               string  `json:"minimumVisionOSVersion,omitzero"`
	RequiredCapabilities                 string  `json:"requiredCapabilities,omitzero"` // separated by blanks
	MacRequiredCapabilities              string  `json:"macRequiredCapabilities,omitzero"`
	RequiredCapabilitiesForRealityDevice string  `json:"requiredCapabilitiesForRealityDevice,omitzero"`
	IsVisionOSCompatible                 bool    `json:"isVisionOSCompatible,omitzero"`
	Seller                               string  `json:"seller,omitzero"` // the company
	Subtitle                             string  `json:"subtitle,omitzero"`

	// Those that are told on demand: see [Query].Extend.
	Description                Description               `json:"description,omitzero"`
	FileSizeByDevice           map[string]int64          `json:"fileSizeByDevice,omitzero"` // in bytes
	LanguageList               []string                  `json:"languageList,omitzero"`
	LatestVersionInfo          VersionInfo               `json:"latestVersionInfo,omitzero"`
	PrivacyPolicyURL           string                    `json:"privacyPolicyUrl,omitzero"`
	RequirementsByDeviceFamily map[string]jsontext.Value `json:"requirementsByDeviceFamily,omitzero"`
	ScreenshotsByType          map[string][]Artwork      `json:"screenshotsByType,omitzero"`
	SupportURL                 string                    `json:"supportURLForLanguage,omitzero"`
	VersionHistory             []VersionInfo             `json:"versionHistory,omitzero"`
	WebsiteURL                 string                    `json:"websiteUrl,omitzero"`

	// PlatformAttributes are the attributes that hold on one platform only.
	PlatformAttributes map[PlatformKey]AppAttributes `json:"platformAttributes,omitzero"`

	Unknown vpp.Unknown `json:",embed"`
}

// VersionInfo is a version of an app.
type VersionInfo struct {
	VersionDisplay    string      `json:"versionDisplay,omitzero"` // for people, e.g. "3.1"
	ExternalVersionID int64       `json:"externalVersionId,omitzero"`
	ReleaseDate       vpp.Time    `json:"releaseDate,omitzero"`      // a day
	ReleaseTimestamp  vpp.Time    `json:"releaseTimestamp,omitzero"` //
	ReleaseNotes      string      `json:"releaseNotes,omitzero"`
	Unknown           vpp.Unknown `json:",embed"`
}

// On returns the attributes as they are on one platform: those of PlatformAttributes, and for what
// these do not say the general ones. If the app is not told to have that platform, they are the
// general ones and false. The attributes share memory with a.
func (a *AppAttributes) On(key PlatformKey) (AppAttributes, bool) {
	merged, ok := a.PlatformAttributes[key]
	general, own := reflect.ValueOf(a).Elem(), reflect.ValueOf(&merged).Elem()
	for i := range own.NumField() {
		if own.Field(i).IsZero() {
			own.Field(i).Set(general.Field(i))
		}
	}
	merged.PlatformAttributes = nil
	return merged, ok
}

// OnlyIOSOnMac reports whether what the app has for the Mac is its version for the iPad, which runs on
// Macs with Apple silicon. It needs an answer to a [Query] that names [PlatformMac], as the zero Query
// does.
func (a *AppAttributes) OnlyIOSOnMac() bool {
	_, isMac := a.PlatformAttributes[KeyMacOS]
	return slices.Contains(a.DeviceFamilies, FamilyMac) && !isMac
}

// maxApps and maxBooks are how many identifiers one request may carry. For what is owned Apple names
// no limit; these hold there too.
const (
	maxApps  = 100
	maxBooks = 150
)

// OwnedApps reads what the storefront says of apps that the location owns, custom and withdrawn apps
// included: one request for every 100 of them. An app that is not owned is missing.
//
// https://developer.apple.com/documentation/devicemanagement/get-your-apps-metadata
func (c *Client) OwnedApps(ctx context.Context, ids []vpp.AdamID, q Query) (*Found[App, vpp.AdamID], error) {
	s := source[App, vpp.AdamID]{op: "read owned apps", path: "stoken-authenticated-apps", most: maxApps, owned: true, key: (*App).key}
	query, err := q.values(&c.opts, s.op, knowsPlatform|knowsMore|knowsExtend, everywhere()...)
	if err != nil {
		return nil, err
	}
	return findByID(ctx, c, s, query, q.Storefront, ids)
}

// Apps reads what the storefront says of apps to everyone: one request for every 100 of them. Custom
// and withdrawn apps are missing.
//
// https://developer.apple.com/documentation/devicemanagement/apps-and-books-metadata-for-organizations
func (c *Client) Apps(ctx context.Context, ids []vpp.AdamID, q Query) (*Found[App, vpp.AdamID], error) {
	s := c.appSource("read apps")
	query, err := q.values(&c.opts, s.op, knowsPlatform|knowsMore|knowsExtend|knowsRelations, everywhere()...)
	if err != nil {
		return nil, err
	}
	return findByID(ctx, c, s, query, q.Storefront, ids)
}

// App reads what the storefront says of one app to everyone: one request. If there is none of that ID
// the error is [ErrNotFound].
//
// https://developer.apple.com/documentation/devicemanagement/apps-and-books-metadata-for-organizations
func (c *Client) App(ctx context.Context, id vpp.AdamID, q Query) (*App, error) {
	s := c.appSource("read an app")
	query, err := q.values(&c.opts, s.op, knowsPlatform|knowsMore|knowsExtend|knowsRelations, everywhere()...)
	if err != nil {
		return nil, err
	}
	return findOne(ctx, c, s, query, q.Storefront, id)
}

func (c *Client) appSource(op string) source[App, vpp.AdamID] {
	return source[App, vpp.AdamID]{op: op, path: "apps", most: maxApps, key: (*App).key}
}
