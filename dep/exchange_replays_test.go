package dep_test

import (
	"context"
	"net/http"
	"time"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/internal/exchange"
)

func sessionReplays() []replay {
	twice := func(ctx context.Context, c *dep.Client) (any, error) {
		if _, err := c.Account(ctx); err != nil {
			return nil, err
		}
		return readAccount(ctx, c)
	}
	login := func(exchange string, status int, code string, is error) replay {
		return replay{exchange: exchange, call: readAccount, refusal: &wireError{status: status, code: code, is: is, op: "log in"}}
	}
	return []replay{
		{exchange: "session/success", call: readAccount, want: dep.Account{ServerName: "Demo MDM"}},
		{exchange: "session/session rotated by an answer", call: twice, want: dep.Account{ServerName: "Demo MDM"}},
		login("session/empty session", 200, "", dep.ErrUnexpectedAnswer),
		login("session/session of another type", 200, "", dep.ErrUnexpectedAnswer),
		login("session/empty body", 200, "", dep.ErrUnexpectedAnswer),
		login("session/oauth problem 400", 400, "oauth_problem_advice", dep.ErrLoginRefused),
		login("session/oauth problem 401", 401, "oauth_problem_advice", dep.ErrLoginRefused),
		login("session/token expired", 403, "token_expired", dep.ErrTokenExpired),
		login("session/token rejected", 403, "token_rejected", dep.ErrTokenRejected),
		login("session/token rejected, not fused", 401, "token_rejected", dep.ErrTokenRejected),
		login("session/signature invalid", 401, "signature_invalid", dep.ErrSignatureInvalid),
		login("session/terms not signed", 403, "T_C_NOT_SIGNED", dep.ErrTermsNotSigned),
		login("session/access denied", 403, "ACCESS_DENIED", dep.ErrAccessDenied),
		login("session/forbidden", 403, "FORBIDDEN", dep.ErrForbidden),
		login("session/server inactive", 403, "SERVER_INACTIVE", dep.ErrServerInactive),
		login("session/failure", 500, "", dep.ErrServer),
		login("session/failure with a text", 500, "", dep.ErrServer),
	}
}

func generalReplays() []replay {
	refused := func(exchange string, e wireError) replay {
		e.op = "read the account"
		return replay{exchange: exchange, call: readAccount, refusal: &e}
	}
	return []replay{
		refused("general/malformed request body", wireError{status: 400, code: "MALFORMED_REQUEST_BODY", is: dep.ErrMalformedRequest}),
		refused("general/user agent missing", wireError{status: 400, code: "USER_AGENT_MISSING", is: dep.ErrUserAgent}),
		refused("general/user agent invalid", wireError{status: 400, code: "USER_AGENT_INVALID", is: dep.ErrUserAgent}),
		refused("general/unauthorized", wireError{status: 401, code: "UNAUTHORIZED", is: dep.ErrUnauthorized}),
		{exchange: "general/unauthorized once", call: readAccount, want: dep.Account{ServerName: "Demo MDM"}},
		refused("general/forbidden", wireError{status: 403, code: "FORBIDDEN", is: dep.ErrForbidden}),
		{exchange: "general/forbidden once, quoted by the simulator", call: readAccount, want: dep.Account{ServerName: "Demo MDM"}},
		refused("general/access denied", wireError{status: 403, code: "ACCESS_DENIED", is: dep.ErrAccessDenied}),
		refused("general/terms not signed", wireError{status: 403, code: "T_C_NOT_SIGNED", is: dep.ErrTermsNotSigned}),
		refused("general/terms not signed, as JSON", wireError{status: 403, code: "T_C_NOT_SIGNED", is: dep.ErrTermsNotSigned}),
		refused("general/wrong method", wireError{status: 405, is: dep.ErrMethodNotAllowed}),
		refused("general/too many requests", wireError{status: 429, code: "TOO_MANY_REQUESTS", is: dep.ErrTooManyRequests, retryAfter: 90 * time.Second}),
		refused("general/too many requests until a date", wireError{status: 429, code: "TOO_MANY_REQUESTS", is: dep.ErrTooManyRequests, retryAfter: 2 * time.Minute}),
		refused("general/failure", wireError{status: 500, is: dep.ErrServer, requestID: "5b0c6c55-0000-4000-8000-0000000000aa"}),
		refused("general/unavailable", wireError{status: 503, is: dep.ErrUnavailable, retryAfter: 2 * time.Minute}),
		refused("general/page of a proxy", wireError{status: 502, is: dep.ErrServer}),
		refused("general/redirect", wireError{status: 302, is: dep.ErrUnexpectedAnswer}),
		refused("general/unknown code", wireError{status: 400, code: "NONCE_USED"}),
	}
}

func accountReplays() []replay {
	return []replay{
		{exchange: "account/every member", call: readAccount, want: dep.Account{
			ServerName: "Demo MDM", ServerUUID: "0A1B2C3D4E5F60718293A4B5C6D7E8F9", AdminID: "admin@example.org",
			FacilitatorID: "facilitator@example.org", OrgName: "Example Org", OrgEmail: "it@example.org",
			OrgPhone: "+1 555 0100", OrgAddress: "1 Demo Way, Cork", OrgID: "4711",
			OrgIDHash: "9f2c000000000000000000000000000000000000000000000000000000000017",
			OrgType:   dep.OrgTypeEducation, OrgVersion: dep.OrgVersion2,
			URLs: []dep.AccountURL{
				{URI: "/server/devices", HTTPMethods: []string{"POST"}, Limit: dep.Limit{Default: 100, Maximum: 1000}},
				{URI: "/profile", HTTPMethods: []string{"POST", "GET"}},
			},
		}},
		{exchange: "account/protocol version 1", call: readAccount, want: dep.Account{
			ServerName: "Demo MDM", ServerUUID: "0A1B2C3D4E5F60718293A4B5C6D7E8F9", OrgName: "Example Org",
		}},
		{exchange: "account/members and values of tomorrow", call: readAccount, want: dep.Account{
			ServerName: "Demo MDM", OrgType: "gov", OrgVersion: "v3", Unknown: unknown("org_plan", `{"tier":2}`),
			URLs: []dep.AccountURL{{
				URI: "/x", HTTPMethods: []string{"PATCH"}, Unknown: unknown("since", `11`),
				Limit: dep.Limit{Default: 5, Maximum: 6, Unknown: unknown("minimum", `1`)},
			}},
		}},
		{exchange: "account/null, empty and repeated members", call: readAccount, want: dep.Account{ServerName: "Second"}},
		{exchange: "beta/every member", call: readBeta, want: []dep.BetaToken{
			{Token: "demo-beta-token-1", Title: "iOS 27 AppleSeed Beta", OS: "iOS"},
			{Token: "demo-beta-token-2", Title: "macOS 27 AppleSeed Beta", OS: "OSX", Unknown: unknown("until", `"2027-01-01"`)},
		}},
		{exchange: "beta/key of older schemas", call: readBeta, want: []dep.BetaToken{
			{Token: "demo-beta-token-3", Title: "tvOS 27 AppleSeed Beta", OS: "tvOS"},
		}},
		{exchange: "beta/none", call: readBeta, want: []dep.BetaToken{}},
		{exchange: "beta/turned off", call: readBeta, want: []dep.BetaToken(nil), refusal: &wireError{
			status: 403, code: "APPLE_SEED_FOR_IT_TURNED_OFF", is: dep.ErrSeedForITOff}},
	}
}

// unknown is one member that this package has no field for.
func unknown(name, value string) dep.Unknown { return dep.Unknown{name: []byte(value)} }

func readBeta(ctx context.Context, c *dep.Client) (any, error) { return c.BetaTokens(ctx) }

func discoveryReplays() []replay {
	set := func(ctx context.Context, c *dep.Client) (any, error) {
		return nil, c.SetDiscoveryURL(ctx, "https://mdm.example.org/discovery")
	}
	read := func(ctx context.Context, c *dep.Client) (any, error) { return exchange.Value(c.DiscoveryURL(ctx)) }
	remove := func(ctx context.Context, c *dep.Client) (any, error) { return nil, c.RemoveDiscoveryURL(ctx) }
	orgNotSupported := &wireError{status: 400, code: "ORG_NOT_SUPPORTED", is: dep.ErrOrgNotSupported}
	return []replay{
		{exchange: "discovery/set", call: set},
		{exchange: "discovery/set, with a body", call: set},
		{exchange: "discovery/set, url required", call: set, refusal: &wireError{
			status: 400, code: "MDM_SERVICE_DISCOVERY_URL_REQUIRED", is: dep.ErrDiscoveryURL}},
		{exchange: "discovery/set, url not valid", call: set, refusal: &wireError{
			status: 400, code: "MDM_SERVICE_DISCOVERY_URL_NOT_VALID", is: dep.ErrDiscoveryURL}},
		{exchange: "discovery/set, organisation not supported", call: set, refusal: orgNotSupported},
		{exchange: "discovery/set, malformed request body", call: set, refusal: &wireError{
			status: 400, code: "MALFORMED_REQUEST_BODY", is: dep.ErrMalformedRequest}},
		{exchange: "discovery/read", call: read, want: dep.DiscoveryURL{
			URL: "https://mdm.example.org/discovery", LastUpdated: "2026-01-12T11:00:00Z", Unknown: unknown("region", `"EU"`),
		}},
		{exchange: "discovery/read, empty body", call: read, refusal: &wireError{status: 200, is: dep.ErrUnexpectedAnswer}},
		{exchange: "discovery/read, organisation not supported", call: read, refusal: orgNotSupported},
		{exchange: "discovery/read, not found", call: read, refusal: &wireError{status: 404, code: "NOT_FOUND", is: dep.ErrNotFound}},
		{exchange: "discovery/remove", call: remove},
		{exchange: "discovery/remove, organisation not supported", call: remove, refusal: orgNotSupported},
	}
}

func changesFrom(cursor dep.Cursor) func(context.Context, *dep.Client) (any, error) {
	return func(ctx context.Context, c *dep.Client) (any, error) { return exchange.Values(c.Changes(ctx, cursor)) }
}

func readDevices(ctx context.Context, c *dep.Client) (any, error) {
	return exchange.Collect(c.Devices(ctx))
}

func fetchReplays() []replay {
	page := func(p dep.Page[dep.Device], cursor string, phase dep.Phase) dep.Page[dep.Device] {
		p.Cursor = dep.Cursor{Value: cursor, Phase: phase, Started: bubbleEpoch}
		return p
	}
	one, two := dep.Device{SerialNumber: "DEMO00000001"}, dep.Device{SerialNumber: "DEMO00000002"}
	whole := dep.Page[dep.Device]{Items: []dep.Device{one}, Begins: true, Completes: true}
	type pages = []dep.Page[dep.Device]
	return []replay{
		{exchange: "fetch/every member", call: readDevices, want: []dep.Device{{
			SerialNumber: "DEMO00000001", Model: "iPhone 17", Description: "IPHONE 17 256GB", Color: "BLACK", AssetTag: "A-17",
			ProfileStatus: dep.ProfileStatusAssigned, ProfileUUID: "0F1E2D3C4B5A69788796A5B4C3D2E1F0",
			ProfileAssignTime: "2026-03-08T09:00:00Z", ProfilePushTime: "2026-03-08T10:30:00Z",
			DeviceAssignedDate: "2026-03-07T08:00:00Z", DeviceAssignedBy: "admin@example.org",
			OS: dep.IOS, DeviceFamily: dep.FamilyIPhone, MDMMigrationDeadline: "2026-04-01T00:00:00Z",
			IMEI: []string{"350000000000017", "350000000000025"}, MEID: []string{"35000000000001"},
			EID: "89049032000000000000000000000017", WiFiMACAddress: "02:00:00:00:00:17",
			BluetoothMACAddress: "02:00:00:00:00:18", EthernetMACAddress: "02:00:00:00:00:19", IsReplacementDevice: true,
		}}},
		{exchange: "fetch/two pages, then changes", call: changesFrom(dep.Cursor{}), want: pages{
			page(dep.Page[dep.Device]{Items: []dep.Device{one}, Begins: true, FetchedUntil: "2026-03-09T10:00:05Z"}, "cursor-1", dep.PhaseFetch),
			page(dep.Page[dep.Device]{Items: []dep.Device{two}, Completes: true}, "cursor-2", dep.PhaseSync),
			page(dep.Page[dep.Device]{Phase: dep.PhaseSync, FetchedUntil: "0001-01-01T00:00:00Z"}, "cursor-3", dep.PhaseSync),
		}},
		{exchange: "fetch/values that are odd, empty, null, unknown or repeated", call: readDevices, want: []dep.Device{
			{SerialNumber: "DEMO00000001", DeviceAssignedDate: "2026-03-07", MDMMigrationDeadline: "next spring", DeviceAssignedBy: "-1"},
			{SerialNumber: "DEMO00000002", ProfileStatus: "Suspended", OS: "cloudOS", DeviceFamily: "Lamp", Model: "new",
				Unknown: dep.Unknown{"battery": []byte(`{"health":[97]}`), "beta": []byte(`true`), "note": []byte(`null`)}},
			{SerialNumber: "DEMO00000003", DeviceAssignedDate: "2026-03-07T08:00:00+0000"},
		}},
		{exchange: "fetch/nothing at all", call: readDevices, want: []dep.Device{}},
		{exchange: "fetch/no cursor", call: readDevices, want: []dep.Device{}, refusal: &wireError{
			status: 200, is: dep.ErrUnexpectedAnswer, op: "read the device list"}},
		{exchange: "fetch/invalid cursor", call: changesFrom(dep.Cursor{Value: "cursor-9"}), want: pages{
			page(whole, "cursor-1", dep.PhaseSync),
			page(dep.Page[dep.Device]{Phase: dep.PhaseSync}, "cursor-2", dep.PhaseSync),
		}},
		{exchange: "fetch/invalid cursor, for ever", call: changesFrom(dep.Cursor{Value: "cursor-9"}), want: pages{}, refusal: &wireError{
			status: 400, code: "INVALID_CURSOR", is: dep.ErrCursorInvalid, op: "fetch devices"}},
		{exchange: "fetch/exhausted cursor", call: changesFrom(dep.Cursor{Value: "cursor-9"}), want: pages{
			{Cursor: dep.Cursor{Value: "cursor-9", Phase: dep.PhaseSync}, Completes: true},
			{Cursor: dep.Cursor{Value: "cursor-10", Phase: dep.PhaseSync}, Phase: dep.PhaseSync},
		}},
		{exchange: "fetch/malformed request body", call: readDevices, want: []dep.Device{}, refusal: &wireError{
			status: 400, code: "MALFORMED_REQUEST_BODY", is: dep.ErrMalformedRequest, op: "fetch devices"}},
	}
}

func syncReplays() []replay {
	from := func(value string) func(context.Context, *dep.Client) (any, error) {
		return changesFrom(dep.Cursor{Value: value, Phase: dep.PhaseSync})
	}
	at := func(value string) dep.Cursor { return dep.Cursor{Value: value, Phase: dep.PhaseSync} }
	afresh := func(value string) dep.Cursor {
		return dep.Cursor{Value: value, Phase: dep.PhaseSync, Started: bubbleEpoch}
	}
	one := dep.Device{SerialNumber: "DEMO00000001"}
	added := dep.Device{SerialNumber: "DEMO00000001", OpType: dep.OpAdded, OpDate: "2026-03-09T10:30:12Z"}
	type pages = []dep.Page[dep.Device]
	return []replay{
		{exchange: "sync/every member of a change", call: from("MDowOjE3NjcyMjU2"), want: pages{{
			Phase: dep.PhaseSync, Cursor: at("MDowOjE3NjcyMzAw"), FetchedUntil: "2026-03-09T10:31:00Z",
			Items: []dep.Device{{SerialNumber: "DEMO00000001", OpType: dep.OpDeleted, OpDate: "2026-03-09T10:30:12Z", ReleasedByReplacement: true}},
		}}},
		{exchange: "sync/two pages", call: from("cursor-1"), want: pages{
			{Phase: dep.PhaseSync, Cursor: at("cursor-2"), Items: []dep.Device{added}},
			{Phase: dep.PhaseSync, Cursor: at("cursor-3")},
		}},
		{exchange: "sync/same cursor", call: from("cursor-1"), want: pages{
			{Phase: dep.PhaseSync, Cursor: at("cursor-1"), Items: []dep.Device{{SerialNumber: "DEMO00000001", OpType: dep.OpAdded}}},
		}, refusal: &wireError{is: dep.ErrSameCursor}},
		{exchange: "sync/expired cursor", call: from("cursor-1"), want: pages{
			{Cursor: afresh("cursor-2"), Begins: true, Completes: true, Items: []dep.Device{one}},
			{Phase: dep.PhaseSync, Cursor: afresh("cursor-3")},
		}},
		{exchange: "sync/invalid cursor", call: from("cursor-1"), want: pages{}, refusal: &wireError{
			status: 400, code: "INVALID_CURSOR", is: dep.ErrCursorInvalid, op: "fetch devices"}},
		{exchange: "sync/cursor required", call: from("cursor-1"), want: pages{}, refusal: &wireError{
			status: 400, code: "MALFORMED_REQUEST_BODY", is: dep.ErrMalformedRequest, op: "fetch devices"}},
		{exchange: "sync/exhausted cursor", call: from("cursor-1"), want: pages{}, refusal: &wireError{
			status: 400, code: "EXHAUSTED_CURSOR", is: dep.ErrCursorExhausted, op: "sync devices"}},
	}
}

func deviceReplays() []replay {
	details := func(serials ...string) func(context.Context, *dep.Client) (any, error) {
		return func(ctx context.Context, c *dep.Client) (any, error) { return c.DeviceDetails(ctx, serials) }
	}
	disown := func(serials ...string) func(context.Context, *dep.Client) (any, error) {
		return func(ctx context.Context, c *dep.Client) (any, error) { return c.Disown(ctx, serials) }
	}
	replacement := func(ctx context.Context, c *dep.Client) (any, error) {
		return exchange.Value(c.ReplacementDetails(ctx, "DEMO00000021"))
	}
	noDetails, noOutcomes := []dep.Device(nil), dep.Outcomes(nil)
	idRequired := &wireError{status: 400, code: "DEVICE_ID_REQUIRED", is: dep.ErrDeviceIDRequired}
	malformed := &wireError{status: 400, code: "MALFORMED_REQUEST_BODY", is: dep.ErrMalformedRequest}
	replays := []replay{
		{exchange: "details/success", call: details("DEMO00000001", "DEMO0000XXXX", "DEMO00000003", "DEMO00000001", "DEMO00000004"), want: []dep.Device{
			{SerialNumber: "DEMO00000001", Model: "iPhone 17", ProfileStatus: dep.ProfileStatusPushed, ResponseStatus: dep.StatusSuccess},
			{SerialNumber: "DEMO0000XXXX", ResponseStatus: dep.StatusNotAccessible},
			{SerialNumber: "DEMO00000003", ResponseStatus: dep.StatusMissing},
			{SerialNumber: "DEMO00000004", Model: "Mac mini", OS: dep.MacOS, ResponseStatus: dep.StatusSuccess},
		}},
		{exchange: "details/device id required", call: details("DEMO00000001"), want: noDetails, refusal: idRequired},
		{exchange: "details/malformed request body", call: details("DEMO00000001"), want: noDetails, refusal: malformed},
		{exchange: "disown/every status", call: disown("DEMO00000009", "DEMO0000XXXX", "DEMO00000010", "DEMO00000011", "DEMO00000012"), want: dep.Outcomes{
			{SerialNumber: "DEMO00000009", Status: dep.StatusSuccess},
			{SerialNumber: "DEMO0000XXXX", Status: dep.StatusNotAccessible},
			{SerialNumber: "DEMO00000010", Status: dep.StatusFailed},
			{SerialNumber: "DEMO00000011", Status: dep.StatusNotFound},
			{SerialNumber: "DEMO00000012", Status: dep.StatusMissing},
		}},
		{exchange: "disown/device id required", call: disown("DEMO00000009"), want: noOutcomes, refusal: idRequired},
		{exchange: "disown/malformed request body", call: disown("DEMO00000009"), want: noOutcomes, refusal: malformed},
		{exchange: "replacement/every member", call: replacement, want: dep.ReplacementDetails{
			SerialNumber: "DEMO00000021", OriginalDeviceSerialNumber: "DEMO00000009", ReplacementDate: "2026-07-02",
			Unknown: unknown("reason", `"repair"`),
		}},
		{exchange: "replacement/device id required", call: replacement, refusal: idRequired},
		{exchange: "replacement/device not found", call: replacement, refusal: &wireError{
			status: 404, code: "DEVICE_NOT_FOUND", is: dep.ErrDeviceNotFound}},
	}
	replays = append(replays, fetchReplays()...)
	replays = append(replays, syncReplays()...)
	return append(replays, lockReplays()...)
}

// demoBypassCode is 00 01 … 0f, whose escrow key and text are in the exchanges.
func demoBypassCode() dep.BypassCode {
	raw := make([]byte, 16)
	for i := range raw {
		raw[i] = byte(i)
	}
	code, err := dep.BypassCodeFromBytes(raw)
	if err != nil {
		panic(err)
	}
	return code
}

func lockReplays() []replay {
	lock := func(ctx context.Context, c *dep.Client) (any, error) {
		return c.LockActivation(ctx, dep.LockRequest{SerialNumber: "DEMO00000001"})
	}
	return []replay{
		{exchange: "activationlock/with a bypass code and a message", want: dep.LockSuccess, call: func(ctx context.Context, c *dep.Client) (any, error) {
			return c.LockActivation(ctx, dep.LockRequest{
				SerialNumber: "DEMO00000001", BypassCode: demoBypassCode(), LostMessage: "Please return to Example Org",
			})
		}},
		{exchange: "activationlock/locked to a person", call: lock, want: dep.LockAlreadyLocked},
		{exchange: "activationlock/not accessible", call: lock, want: dep.LockNotAccessible},
		{exchange: "activationlock/organisation not supported", call: lock, want: dep.LockOrgNotSupported},
		{exchange: "activationlock/device not supported", call: lock, want: dep.LockDeviceNotSupported},
		{exchange: "activationlock/failed", call: lock, want: dep.LockFailed},
		{exchange: "activationlock/a status of tomorrow", call: lock, want: dep.LockStatus("ASK_AGAIN")},
		{exchange: "activationlock/no status", call: lock, want: dep.LockStatus(""), refusal: &wireError{
			status: 200, is: dep.ErrUnexpectedAnswer, op: "lock the device"}},
		{exchange: "activationlock/malformed request body", call: lock, want: dep.LockStatus(""), refusal: &wireError{
			status: 400, code: "MALFORMED_REQUEST_BODY", is: dep.ErrMalformedRequest}},
	}
}

const demoProfileUUID = "0F1E2D3C4B5A69788796A5B4C3D2E1F0"

func profileReplays() []replay {
	assign := func(ctx context.Context, c *dep.Client) (any, error) {
		return exchange.Value(c.AssignProfile(ctx, demoProfileUUID, []string{"DEMO00000001", "DEMO00000002", "DEMO0000XXXX", "DEMO00000004"}))
	}
	remove := func(ctx context.Context, c *dep.Client) (any, error) {
		return c.RemoveProfile(ctx, []string{"DEMO00000001", "DEMO0000XXXX", "DEMO00000003", "DEMO00000004"})
	}
	read := func(ctx context.Context, c *dep.Client) (any, error) {
		return exchange.Value(c.Profile(ctx, demoProfileUUID))
	}
	notFound := func(exchange string, call func(context.Context, *dep.Client) (any, error), status int, code string) replay {
		return replay{exchange: exchange, call: call, refusal: &wireError{status: status, code: code, is: dep.ErrProfileNotFound}}
	}
	idRequired := &wireError{status: 400, code: "DEVICE_ID_REQUIRED", is: dep.ErrDeviceIDRequired}
	uuidRequired := &wireError{status: 400, code: "PROFILE_UUID_REQUIRED", is: dep.ErrProfileUUIDRequired}
	malformed := &wireError{status: 400, code: "MALFORMED_REQUEST_BODY", is: dep.ErrMalformedRequest}
	return append([]replay{
		{exchange: "profile-assign/every status", call: assign, want: dep.AssignResult{ProfileUUID: demoProfileUUID, Outcomes: dep.Outcomes{
			{SerialNumber: "DEMO00000001", Status: dep.StatusSuccess},
			{SerialNumber: "DEMO00000002", Status: dep.StatusThrottled, NotBefore: bubbleEpoch.Add(time.Hour)},
			{SerialNumber: "DEMO0000XXXX", Status: dep.StatusNotAccessible},
			{SerialNumber: "DEMO00000004", Status: dep.StatusMissing},
		}}},
		{exchange: "profile-assign/with PUT", call: assign, options: func(o *dep.Options) { o.AssignMethod = http.MethodPut },
			want: dep.AssignResult{ProfileUUID: demoProfileUUID, Outcomes: dep.Outcomes{
				{SerialNumber: "DEMO00000001", Status: dep.StatusSuccess},
				{SerialNumber: "DEMO00000002", Status: dep.StatusThrottled},
				{SerialNumber: "DEMO0000XXXX", Status: dep.StatusFailed},
				{SerialNumber: "DEMO00000004", Status: "Pending"},
			}}},
		{exchange: "profile-assign/device id required", call: assign, refusal: idRequired},
		{exchange: "profile-assign/profile uuid required", call: assign, refusal: uuidRequired},
		{exchange: "profile-assign/malformed request body", call: assign, refusal: malformed},
		notFound("profile-assign/unknown profile", assign, 404, "PROFILE_NOT_FOUND"),
		notFound("profile-assign/unknown profile, 400", assign, 400, "PROFILE_NOT_FOUND"),
		notFound("profile-assign/unknown profile, another code", assign, 404, "NOT_FOUND"),
		{exchange: "profile-assign/404 without a code", call: assign, refusal: &wireError{status: 404}},
		{exchange: "profile-assign/wrong method", call: assign, refusal: &wireError{status: 405, is: dep.ErrMethodNotAllowed}},

		{exchange: "profile-remove/every status", call: remove, want: dep.Outcomes{
			{SerialNumber: "DEMO00000001", Status: dep.StatusSuccess},
			{SerialNumber: "DEMO0000XXXX", Status: dep.StatusNotAccessible},
			{SerialNumber: "DEMO00000003", Status: dep.StatusFailed},
			{SerialNumber: "DEMO00000004", Status: dep.StatusMissing},
		}},
		{exchange: "profile-remove/device id required", call: remove, want: dep.Outcomes(nil), refusal: idRequired},
		{exchange: "profile-remove/malformed request body", call: remove, want: dep.Outcomes(nil), refusal: malformed},

		{exchange: "profile-read/every member", call: read, want: dep.Profile{
			ProfileUUID: demoProfileUUID, ProfileName: "Standard 2026", URL: "https://mdm.example.org/enroll",
			ConfigurationWebURL: "https://mdm.example.org/welcome", IsSupervised: true, IsMDMRemovable: new(false),
			IsMandatory: true, AllowPairing: new(true), SupervisingHostCerts: [][]byte{{1, 2, 3}},
			AnchorCerts: [][]byte{{4, 5, 6}, {7, 8}}, AwaitDeviceConfigured: true, AutoAdvanceSetup: true,
			Language: "en", Region: "IE", IsMultiUser: true, SkipSetupItems: []dep.SkipKey{dep.SkipSiri, "Hologram"},
			Department: "IT", SupportPhoneNumber: "+1 555 0100", SupportEmailAddress: "it@example.org", OrgMagic: "demo-1",
			Devices: []string{"DEMO00000001"}, DoNotUseProfileFromBackup: true, IsReturnToService: true,
			Unknown: unknown("of_tomorrow", `{"x":[1]}`),
		}},
		{exchange: "profile-read/little and null", call: read, want: dep.Profile{
			ProfileUUID: demoProfileUUID, ProfileName: "Standard 2026", URL: "https://mdm.example.org/enroll", IsMDMRemovable: new(true),
		}},
		{exchange: "profile-read/uuid required", call: read, refusal: uuidRequired},
		notFound("profile-read/unknown, as documented", read, 400, "NOT_FOUND"),
		notFound("profile-read/unknown, as in older texts", read, 404, "PROFILE_NOT_FOUND"),
		notFound("profile-read/unknown, as the simulator says", read, 400, "PROFILE_NOT_FOUND"),
		{exchange: "profile-read/404 without a code", call: read, refusal: &wireError{status: 404}},
	}, defineReplays()...)
}

// demoProfile has every member; its certificates are those of the exchange.
func demoProfile() *dep.Profile {
	return &dep.Profile{
		ProfileName: "Standard 2026", URL: "https://mdm.example.org/enroll", ConfigurationWebURL: "https://mdm.example.org/welcome",
		IsSupervised: true, IsMDMRemovable: new(false), IsMandatory: true, AllowPairing: new(false),
		SupervisingHostCerts: [][]byte{demoCertificate(hostCertificate)}, AnchorCerts: [][]byte{demoCertificate(anchorCertificate)},
		AwaitDeviceConfigured: true, AutoAdvanceSetup: true, Language: "en", Region: "IE", IsMultiUser: true,
		SkipSetupItems: []dep.SkipKey{dep.SkipSiri, dep.SkipDiagnostics, dep.SkipScreenTime},
		Department:     "IT", SupportPhoneNumber: "+1 555 0100", SupportEmailAddress: "it@example.org", OrgMagic: "demo-1",
		Devices:                   []string{"DEMO00000001", "DEMO0000XXXX", "DEMO00000002", "DEMO0000XXXX", "DEMO00000003"},
		DoNotUseProfileFromBackup: true, IsReturnToService: true,
		ProfileUUID: "it is never sent", Unknown: unknown("of_tomorrow", `{"x":[1]}`),
	}
}

func defineReplays() []replay {
	define := func(p *dep.Profile) func(context.Context, *dep.Client) (any, error) {
		return func(ctx context.Context, c *dep.Client) (any, error) { return exchange.Value(c.DefineProfile(ctx, p)) }
	}
	plain := define(&dep.Profile{ProfileName: "Standard 2026", URL: "https://mdm.example.org/enroll"})
	replays := []replay{
		{exchange: "profile-define/every member", call: define(demoProfile()), want: dep.DefinedProfile{
			ProfileUUID: demoProfileUUID, Outcomes: dep.Outcomes{
				{SerialNumber: "DEMO00000001", Status: dep.StatusSuccess},
				{SerialNumber: "DEMO0000XXXX", Status: dep.StatusNotAccessible},
				{SerialNumber: "DEMO00000002", Status: dep.StatusFailed},
				{SerialNumber: "DEMO00000003", Status: dep.StatusMissing},
			}}},
		{exchange: "profile-define/required members only", call: plain, want: dep.DefinedProfile{ProfileUUID: demoProfileUUID}},
		{exchange: "profile-define/no uuid", call: plain, refusal: &wireError{status: 200, is: dep.ErrUnexpectedAnswer}},
		{exchange: "profile-define/a bad combination", call: plain, refusal: &wireError{status: 500, is: dep.ErrServer}},
	}
	for code, is := range map[string]error{
		"CONFIG_NAME_REQUIRED": dep.ErrProfileInvalid, "CONFIG_NAME_INVALID": dep.ErrProfileInvalid,
		"CONFIG_URL_REQUIRED": dep.ErrProfileInvalid, "CONFIG_URL_INVALID": dep.ErrProfileInvalid,
		"DEPARTMENT_INVALID": dep.ErrProfileInvalid, "DEPARTMENT_REQUIRED": dep.ErrProfileInvalid,
		"DESCRIPTION_INVALID": dep.ErrProfileInvalid, "FLAGS_INVALID": dep.ErrProfileInvalid,
		"LOCALE_INVALID": dep.ErrProfileInvalid, "MAGIC_INVALID": dep.ErrProfileInvalid,
		"SUPPORT_EMAIL_INVALID": dep.ErrProfileInvalid, "SUPPORT_PHONE_INVALID": dep.ErrProfileInvalid,
		"SUPPORT_PHONE_REQUIRED": dep.ErrProfileInvalid, "MALFORMED_REQUEST_BODY": dep.ErrMalformedRequest,
	} {
		replays = append(replays, replay{exchange: "profile-define/" + code, call: plain, refusal: &wireError{
			status: 400, code: code, is: is, op: "define the profile"}})
	}
	return replays
}
