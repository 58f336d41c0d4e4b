package deptest

import (
	"net/http"

	"github.com/applemdm/applemdm/internal/cassette"
)

// Recorder records the traffic of an HTTP client with the service into a file that is fit for a
// bug report. It is safe for concurrent use.
//
// Only what is known to tell of nobody is written as it was: the User-Agent, paths, statuses,
// error codes, protocol versions, limits, times, models of devices, settings of profiles. Of
// everything else the file shows
//
//   - "[redacted]" for secrets: tokens, signatures, sessions, cookies, keys, beta tokens;
//   - a stand-in of the same form for every other value, members included that Apple has yet to
//     invent: serial numbers, hardware addresses, e-mail addresses, names, URLs that are not
//     Apple's, identifiers, cursors;
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

// Client returns the client to be recorded, for dep.Options. An Unlocker cannot be recorded, as
// it needs a transport of its own.
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
// be those that the file shows, the path of the base URL included. Failures of the line fail
// again. A login is answered as often as is asked, if one was recorded; any other request that
// has no answer left is an error which says so.
func Replay(file string) (*http.Client, error) { return cassette.Replay(file, recording()) }

// recording returns what a recording may show.
func recording() *cassette.Rules {
	return &cassette.Rules{
		Headers: []string{"X-Server-Protocol-Version"},
		Segments: []string{
			"session", "account", "server", "devices", "sync", "disown", "device", "replacementDetails",
			"activationlock", "os-beta-enrollment", "tokens", "profile", "account-driven-enrollment",
			"roster", "class", "person", "location", "course", "courses",
		},
		Keep: []string{
			// of requests and pages
			"limit", "fetched_until", "code", "devices.*", "retry_after_seconds",
			// of the account
			"org_type", "org_version", "uri", "http_method", "default", "maximum",
			// of devices
			"status", "response_status", "op_type", "op_date", "os", "device_family", "model", "description", "color",
			"profile_status", "profile_assign_time", "profile_push_time", "device_assigned_date", "mdm_migration_deadline",
			"replacement_date",
			// of profiles
			"language", "region", "skip_setup_items", "last_updated_timestamp", "title",
			// of rosters
			"source", "passcode_type",
		},
		Secrets: []string{"auth_session_token", "token", "escrow_key", "escrowKey"},
		Hide:    []string{"devices.?", "status.?"},
		Repeat:  []string{"/session"},
	}
}
