package axmtest

import (
	"net/http"
	"strings"

	"github.com/applemdm/applemdm/internal/cassette"
)

// Recorder records the traffic of an HTTP client with the service into a file that is fit for a
// bug report. It is safe for concurrent use.
//
// Only what is known to tell of nobody is written as it was: the User-Agent, paths, statuses,
// error codes, kinds of resources, enumerations, models of devices, capacities, counts, times. Of
// everything else the file shows
//
//   - "[redacted]" for secrets: client assertions and ids, access tokens, the signatures of
//     addresses of logs, certificates that are uploaded;
//   - a stand-in of the same form for every other value, members included that Apple has yet to
//     invent: serial numbers, hardware addresses, e-mail addresses, names, URLs that are not
//     Apple's, identifiers, cursors;
//   - size and media type of bodies that are neither JSON nor a form nor a code word, such as the
//     logs of activities, which therefore cannot be read in a replay.
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

// Client returns the client to be recorded, for axm.Options.
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
// body. Secrets and headers do not count, so any key will do; all other values are to be those
// that the file shows, host and path of the base URL included. Failures of the line fail again.
// An access token is given as often as is asked, if one was recorded; any other request that has
// no answer left is an error which says so.
func Replay(file string) (*http.Client, error) { return cassette.Replay(file, recording()) }

// recording returns what a recording may show.
func recording() *cassette.Rules {
	return &cassette.Rules{
		Segments: strings.Fields(`
			v1 v2 auth oauth2 token relationships details orgDevices mdmServers devices
			assignedServer appleCareCoverage activationLockStatus orgDeviceActivities users
			userGroups organizationalUnits apps packages mdmDevices auditEvents configurations
			blueprints
		`),
		Keep: strings.Fields(`
			type status subStatus code limit total totalMemberCount deviceCount include
			fields[orgDevices] fields[mdmServers] fields[orgDeviceActivities]
			fields[appleCareCoverage] fields[activationLockStatus] fields[users] fields[userGroups]
			fields[organizationalUnits] fields[apps] fields[packages] fields[mdmDevices]
			fields[mdmDeviceDetails] fields[auditEvents] fields[configurations] fields[blueprints]
			filter[startTimestamp] filter[endTimestamp] filter[type] grant_type
			client_assertion_type scope token_type expires_in error createdDateTime updatedDateTime
			addedToOrgDateTime releasedFromOrgDateTime startDateTime endDateTime orderDateTime
			contractCancelDateTime completedDateTime eventDateTime lastCheckInDateTime
			lastConnectedDateTime mdmMigrationDeadlineDateTime productFamily productType deviceModel
			deviceCapacity color partNumber osVersion platform configuredForPlatforms supportedOS
			storageTotalCapacity storageFreeCapacity activityType serverType purchaseSourceType
			releaseEntityType defaultProductFamilies mdmMigrationStatus lockType lostModeStatus
			deviceLockStatus deviceEraseStatus paymentType category configType configVersion outcome
			subjectType actorType eventDataPropertyKey appStoreUrl bundleId source.parameter
			source.pointer
		`),
		Messages: []string{"title", "detail", "error_description"},
		Secrets: strings.Fields(`
			client_assertion client_id access_token refresh_token id_token serverCertificate
			X-Amz-Signature X-Amz-Security-Token X-Amz-Credential Signature token
		`),
		Repeat: []string{"/token"},
	}
}
