package content

import (
	"slices"

	"github.com/applemdm/applemdm/vpp"
)

// LookupItem is what the legacy lookup says of an app or a book. Any member may be missing.
//
// https://developer.apple.com/documentation/devicemanagement/getting-app-and-book-information-legacy
type LookupItem struct {
	ID            vpp.AdamID `json:"id,omitzero"`   // read with and without quotes
	Kind          string     `json:"kind,omitzero"` // e.g. "iosSoftware"
	Name          string     `json:"name,omitzero"`
	NameRaw       string     `json:"nameRaw,omitzero"`
	NameSortValue string     `json:"nameSortValue,omitzero"`
	Subtitle      string     `json:"subtitle,omitzero"`
	BundleID      string     `json:"bundleId,omitzero"`
	WatchBundleID string     `json:"watchBundleId,omitzero"`
	ArtistName    string     `json:"artistName,omitzero"` // who sells it under which name, or the author
	ArtistID      ID         `json:"artistId,omitzero"`   // read with and without quotes
	ArtistURL     string     `json:"artistUrl,omitzero"`
	URL           string     `json:"url,omitzero"` // of its page in the store
	ShortURL      string     `json:"shortUrl,omitzero"`
	Copyright     string     `json:"copyright,omitzero"`
	Artwork       Artworks   `json:"artwork,omitzero"` // one for any size, or some of fixed sizes

	DeviceFamilies           []DeviceFamily `json:"deviceFamilies,omitzero"`
	MinimumOSVersion         string         `json:"minimumOSVersion,omitzero"`
	RequiredCapabilities     string         `json:"requiredCapabilities,omitzero"`     // separated by blanks
	ReleaseDate              vpp.Time       `json:"releaseDate,omitzero"`              // a day
	LatestVersionReleaseDate string         `json:"latestVersionReleaseDate,omitzero"` // in words of the language: do not parse it
	WhatsNew                 string         `json:"whatsNew,omitzero"`
	Description              Description    `json:"description,omitzero"`
	Offers                   []Offer        `json:"offers,omitzero"` // the first one tells the version

	IsB2BCustomApp        bool `json:"isB2BCustomApp,omitzero"`
	IsDeviceAssignable    bool `json:"isVppDeviceBasedLicensingEnabled,omitzero"`
	IsFirstParty          bool `json:"isFirstParty,omitzero"`
	IsFirstPartyHideable  bool `json:"isFirstPartyHideableApp,omitzero"`
	HasInAppPurchases     bool `json:"hasInAppPurchases,omitzero"`
	HasMessagesExtension  bool `json:"hasMessagesExtension,omitzero"`
	Is32bitOnly           bool `json:"is32bitOnly,omitzero"`
	IsPreorder            bool `json:"isPreorder,omitzero"`
	IsAppleWatchSupported bool `json:"isAppleWatchSupported,omitzero"`
	IsSiriSupported       bool `json:"isSiriSupported,omitzero"`

	Genres         []LookupGenre            `json:"genres,omitzero"`
	GenreNames     []string                 `json:"genreNames,omitzero"`
	ContentRatings map[string]ContentRating `json:"contentRatingsBySystem,omitzero"`
	UserRating     LookupRating             `json:"userRating,omitzero"`
	SoftwareInfo   SoftwareInfo             `json:"softwareInfo,omitzero"`

	Storefront string `json:"-"` // where it was found, e.g. "us"

	Unknown vpp.Unknown `json:",embed"`
}

// LookupGenre is a genre as the legacy lookup tells it.
type LookupGenre struct {
	GenreID   ID          `json:"genreId,omitzero"`
	Name      string      `json:"name,omitzero"`
	URL       string      `json:"url,omitzero"`
	MediaType string      `json:"mediaType,omitzero"`
	Unknown   vpp.Unknown `json:",embed"`
}

// LookupRating is what people think of all versions, and of the current one.
type LookupRating struct {
	Value                     float64     `json:"value,omitzero"` // up to 5
	RatingCount               int64       `json:"ratingCount,omitzero"`
	ValueCurrentVersion       float64     `json:"valueCurrentVersion,omitzero"`
	RatingCountCurrentVersion int64       `json:"ratingCountCurrentVersion,omitzero"`
	Unknown                   vpp.Unknown `json:",embed"`
}

// SoftwareInfo is about who made an app.
type SoftwareInfo struct {
	Seller                 string      `json:"seller,omitzero"` // the company
	LanguagesDisplayString string      `json:"languagesDisplayString,omitzero"`
	RequirementsString     string      `json:"requirementsString,omitzero"`
	EULAURL                string      `json:"eulaUrl,omitzero"`
	SupportURL             string      `json:"supportUrl,omitzero"`
	WebsiteURL             string      `json:"websiteUrl,omitzero"`
	PrivacyPolicyURL       string      `json:"privacyPolicyUrl,omitzero"`
	PrivacyPolicyTextURL   string      `json:"privacyPolicyTextUrl,omitzero"`
	Unknown                vpp.Unknown `json:",embed"`
}

// Version returns the newest version for people, e.g. "3.1", or "" if it is not told.
func (i *LookupItem) Version() string {
	for _, offer := range i.Offers {
		if offer.Version.Display != "" {
			return offer.Version.Display
		}
	}
	return ""
}

// OnlyIOSOnMac reports whether what the app has for the Mac is its version for the iPad, which runs on
// Macs with Apple silicon.
func (i *LookupItem) OnlyIOSOnMac() bool {
	return i.Kind == "iosSoftware" && slices.Contains(i.DeviceFamilies, FamilyMac)
}
