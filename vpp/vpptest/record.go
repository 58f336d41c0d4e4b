package vpptest

import (
	"net/http"
	"strings"

	"github.com/applemdm/applemdm/internal/cassette"
)

// Recorder records the traffic of an HTTP client with the service into a file that is fit for a
// bug report. It is safe for concurrent use.
//
// Only what is known to tell of nobody is written as it was: the User-Agent, paths, statuses,
// error numbers, limits, counts, times, and which apps and books there are. Of everything else
// the file shows
//
//   - "[redacted]" for secrets: content and developer tokens, cookies, invite codes, what
//     authenticates notifications;
//   - a stand-in of the same form for every other value, members included that Apple has yet to
//     invent: serial numbers, user IDs, e-mail addresses, names, URLs that are not Apple's,
//     identifiers, versions of lists;
//   - size and media type of bodies that are neither JSON nor a form nor a code such as
//     FORBIDDEN.
//
// The same value has the same stand-in everywhere in a recording. Lengths of one-word values
// show, times and counts are true, and so is how many devices there are: look through a file
// before you publish it.
type Recorder struct{ recorder *cassette.Recorder }

// Record returns a Recorder for the file, which it makes, readable by its owner only, or empties.
// base sends the requests; nil is a plain client. What is recorded stays in memory, at about the
// size of the traffic, until [Recorder.Save].
func Record(file string, base *http.Client) (*Recorder, error) { return RecordWithKey(file, base, nil) }

// RecordWithKey is [Record] with stand-ins that are the same in all recordings made with that
// key. Keep it secret: whoever has it can find the values of short stand-ins by trying. Use 32
// random bytes.
func RecordWithKey(file string, base *http.Client, key []byte) (*Recorder, error) {
	recorder, err := cassette.Record(file, base, recording(), key)
	if err != nil {
		return nil, err
	}
	return &Recorder{recorder}, nil
}

// Client returns the client to be recorded, for the Options of all clients of the service.
func (r *Recorder) Client() *http.Client { return r.recorder.Client() }

// StandIn returns what stands in the recording for a value that was sent or received, or value
// itself if it was not hidden. A test that replays the recording has to use stand-ins.
func (r *Recorder) StandIn(value string) string { return r.recorder.StandIn(value) }

// Save writes what was recorded so far, in the order in which the requests were made; more may
// follow.
func (r *Recorder) Save() error { return r.recorder.Save() }

// Replay returns a client that answers as the recording in file says, at once and without a
// network. It is safe for concurrent use.
//
// A request gets the first answer, not given before, to one of the same method, path, query and
// body. Secrets, headers and the host do not count, so any token will do; all other values are to
// be those that the file shows, host and path of the base URL included. Failures of the line fail
// again. The service configuration is answered as often as is asked, if it was recorded; any
// other request that has no answer left is an error which says so.
func Replay(file string) (*http.Client, error) { return cassette.Replay(file, recording()) }

// recording returns what a recording may show.
func recording() *cassette.Rules {
	return &cassette.Rules{
		Segments: strings.Fields(`
			mdm v1 v2 service client config assets assignments associate disassociate revoke users
			create update retire status subscriptions enable disable admins add remove WebObjects
			MZFinance.woa MZStorePlatform.woa wa lookup contentMetadataLookup
			associateVPPUserWithITSAccount getAssignments VPPServiceConfigSrv VPPClientConfigSrv
			registerVPPUserSrv getVPPUserSrv getVPPUsersSrv editVPPUserSrv retireVPPUserSrv
			getVPPAssetsSrv getVPPLicensesSrv manageVPPLicensesByAdamIdSrv catalog apps books genres
			search storefronts stoken-authenticated-apps stoken-authenticated-books
			stoken-authenticated-purchases test
		`),
		Before: strings.Fields("catalog apps books genres storefronts"),
		Keep: strings.Fields(`
			status errorNumber eventStatus eventType type result notificationType notificationTypes
			subscribedNotificationTypes limits.* errorCodes.errorNumber numCompleted numRequested
			adamId adamIds adamIdStr parentAdamId subscriptionId pricingParam productType
			productTypeId productTypeName supportedPlatforms defaultPlatform countryISO
			countryISO2ACode countryCode websiteURL currentPageIndex nextPageIndex pageIndex
			overrideIndex size totalPages total assignedCount availableCount retiredCount totalCount
			countDelta renewing expiring assigned available activeOnly retiredOnly
			excludeInactiveUsers includeUserState revocable deviceAssignable unlimited
			minAvailableCount maxAvailableCount minAssignedCount maxAssignedCount userStatus
			tokenExpirationDate tokenExpDate expirationMillis periodEndDate
			maxBatchAssociateLicenseCount maxBatchDisassociateLicenseCount batchCount
			totalBatchCount totalAssignments assignmentsInCurrentPage includeRetired
			includeRetiredOnly ids ids[apps] ids[books] ids[in-apps] .id data.id contents.id
			results.? results.*.id errors.code deviceFamilies isB2BCustomApp is32bitOnly hasP3
			textColor1 textColor2 textColor3 textColor4 bgColor kind flavor bundleId
			externalVersionId releaseDate currencyCode price priceFormatted minimumOSVersion
			minimumMacOSVersion requiredCapabilities supportedLanguageTags defaultLanguageTag
			platform additionalPlatforms extend extend[apps] include relate l limit offset types cc
			caller p version
		`),
		Messages: []string{"errorMessage", "errors.title", "errors.detail"},
		Secrets: strings.Fields(`
			sToken itvt inviteCode notificationAuthToken notificationToken apnToken access_token
			token
		`),
		Hide:   []string{"mdmInfo.type", "clientContext.status"},
		Repeat: []string{"/service/config", "/VPPServiceConfigSrv"},
	}
}
