package apns

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/lenient"
)

// InputError says which argument, option or member (its Field) breaks which rule (its Rule), both
// strings. It comes before anything was sent, and nothing was done.
type InputError = field.InputError

// Error is a refusal: APNs answered, and not with 200. errors.Is tells which of the sentinels below
// it is; Disposition says what to do with it.
type Error struct {
	StatusCode  int         // of HTTP
	Reason      Reason      // Apple's word for it; "" if the answer has none
	Disposition Disposition // what to do
	ID          string      // apns-id of the push
	Body        []byte      // of the answer, cut to 1 KiB

	// Since is, for a 410, when APNs found that the token is no longer in use. If the TokenUpdate
	// that the token is from came later, the refusal is out of date: ignore it.
	Since time.Time

	// Err is the sentinel that belongs to the reason; nil for one that is unknown here.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "push: status %d", e.StatusCode)
	if e.Reason != "" {
		fmt.Fprintf(&b, " %s", e.Reason)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if !e.Since.IsZero() {
		fmt.Fprintf(&b, " (since %s)", e.Since.Format(time.RFC3339))
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// TransportError says that a push got no answer: the line failed, time was up
// ([context.DeadlineExceeded]), the caller's context ended, the client was closed ([ErrClosed]), or the
// certificate is refused as a whole. errors.Is finds the cause below it; in the last case that may be
// the [*Error] of another push, which found it out. A push is harmless to send again.
type TransportError struct {
	Attempts int  // how often it was sent; 0 also if the caller's context ended before its outcome was there
	Sent     bool // whether APNs may have got it
	Err      error
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("push: no answer (attempts: %d): %v", e.Attempts, e.Err)
}

func (e *TransportError) Unwrap() error { return e.Err }

// Refusals of one token.
var (
	// ErrUnregistered: the token is no longer in use for the topic (410). Stop pushing to it, unless
	// a TokenUpdate came after [Error].Since; a later TokenUpdate, even with the same token, revives
	// it.
	ErrUnregistered = errors.New("the device token is no longer in use")

	// ErrBadDeviceToken: the token is malformed, or of the other environment. One such token among
	// many is rotten; if most are refused so, the configuration is wrong, which [Options.OnState]
	// tells as [StateTokensRefused]. Do not delete tokens because of it: a device cannot be asked for
	// a new one.
	ErrBadDeviceToken = errors.New("the device token is not valid here")

	// ErrTokenNotForTopic: the token belongs to another topic. Almost always the push certificate was
	// replaced by a new one instead of renewed, or pushes were sent with the wrong certificate. Do
	// not delete the token; find the certificate that it was enrolled with.
	ErrTokenNotForTopic = errors.New("the device token belongs to another topic")

	// ErrTooManyRequests: too many pushes to this token in a short time. Wait before the next one to
	// it, minutes rather than seconds; others are not affected. If it happens often, something asks
	// for pushes in a loop: [Options.HoldOff] sets the least pause between two.
	ErrTooManyRequests = errors.New("too many pushes to this device")
)

// Refusals of the certificate. Nothing can be pushed with it until somebody has acted.
var (
	// ErrCertificate: APNs does not accept the certificate: it has expired, was revoked, or is none
	// for pushes. Renew it in the portal, on its existing row, with the Apple Account that made it.
	ErrCertificate = errors.New("the push certificate was refused")

	// ErrCertificateEnvironment: the certificate is for the other environment. Certificates for MDM
	// are for production: [Options.BaseURL] leads to the sandbox, or the certificate is one for an
	// app. Replace what is wrong.
	ErrCertificateEnvironment = errors.New("the push certificate is for another environment")

	// ErrCertificateNotShown: the service saw no client certificate (MissingProviderToken). Something
	// on the way, such as a proxy that inspects TLS, took it away.
	ErrCertificateNotShown = errors.New("the push certificate did not reach the service")

	// ErrTopic: the certificate may not push to the topic, or the topic is none. The client always
	// names the topic of the certificate, so it is not one for device management, or was changed in
	// the portal: compare [Certificate.Topic] with the topic in the enrolment profiles, and put the
	// certificate in place that belongs to them.
	ErrTopic = errors.New("the certificate is not for this topic")
)

// Failures of the service and of connections.
var (
	// ErrService: a failure at Apple (500, 503), or an answer of something on the way. Apple asks to
	// wait 15 minutes before the push is sent again. If it lasts, look at Apple's system status page,
	// and at the proxy.
	ErrService = errors.New("the service failed")

	// ErrShutdown: the connection was about to end. The client has already tried on others; send the
	// push again later.
	ErrShutdown = errors.New("the connection is shutting down")

	// ErrRequest: APNs did not understand the request, although it was checked: a defect of this
	// package, or a new rule of Apple's. Report it with [Error.Reason]; to send it again is of no use.
	ErrRequest = errors.New("the request was refused")
)

// Disposition is what to do with a push, or its token, after an answer.
type Disposition string

const (
	Accepted       Disposition = "accepted"        // APNs has it; the proof is the device that connects
	DropToken      Disposition = "drop token"      // stop pushing to this token
	KeepToken      Disposition = "keep token"      // refused, but not proof against the token: look into it
	FixCertificate Disposition = "fix certificate" // nothing goes out until the certificate is right
	FixRequest     Disposition = "fix request"     // never send it again unchanged
	RetryLater     Disposition = "retry later"     // the same push may succeed after a pause
	RetryElsewhere Disposition = "retry elsewhere" // the same push may succeed at once on another connection
)

// Reason is APNs' word for a refusal. Unknown ones come as they are.
type Reason string

// The reasons that APNs documents for pushes, and two that have been seen.
const (
	ReasonBadCollapseID               Reason = "BadCollapseId"
	ReasonBadDeviceToken              Reason = "BadDeviceToken"
	ReasonBadExpirationDate           Reason = "BadExpirationDate"
	ReasonBadMessageID                Reason = "BadMessageId"
	ReasonBadPriority                 Reason = "BadPriority"
	ReasonBadTopic                    Reason = "BadTopic"
	ReasonDeviceTokenNotForTopic      Reason = "DeviceTokenNotForTopic"
	ReasonDuplicateHeaders            Reason = "DuplicateHeaders"
	ReasonIdleTimeout                 Reason = "IdleTimeout"
	ReasonInvalidPushType             Reason = "InvalidPushType"
	ReasonMissingDeviceToken          Reason = "MissingDeviceToken"
	ReasonMissingTopic                Reason = "MissingTopic"
	ReasonPayloadEmpty                Reason = "PayloadEmpty"
	ReasonTopicDisallowed             Reason = "TopicDisallowed"
	ReasonBadCertificate              Reason = "BadCertificate"
	ReasonBadCertificateEnvironment   Reason = "BadCertificateEnvironment"
	ReasonExpiredProviderToken        Reason = "ExpiredProviderToken"
	ReasonForbidden                   Reason = "Forbidden"
	ReasonInvalidProviderToken        Reason = "InvalidProviderToken"
	ReasonMissingProviderToken        Reason = "MissingProviderToken"
	ReasonUnrelatedKeyIDInToken       Reason = "UnrelatedKeyIdInToken"
	ReasonBadEnvironmentKeyIDInToken  Reason = "BadEnvironmentKeyIdInToken"
	ReasonBadEnvironmentKeyInToken    Reason = "BadEnvironmentKeyInToken" // another spelling, seen by one library
	ReasonBadPath                     Reason = "BadPath"
	ReasonMethodNotAllowed            Reason = "MethodNotAllowed"
	ReasonExpiredToken                Reason = "ExpiredToken"
	ReasonUnregistered                Reason = "Unregistered"
	ReasonPayloadTooLarge             Reason = "PayloadTooLarge"
	ReasonTooManyProviderTokenUpdates Reason = "TooManyProviderTokenUpdates"
	ReasonTooManyRequests             Reason = "TooManyRequests"
	ReasonInternalServerError         Reason = "InternalServerError"
	ReasonServiceUnavailable          Reason = "ServiceUnavailable"
	ReasonShutdown                    Reason = "Shutdown"
)

// ruling is what a refusal means.
type ruling struct {
	err         error
	disposition Disposition
}

// rule judges a refusal by its reason, and by its status where the reason is unknown.
func rule(status int, reason Reason) ruling {
	switch reason {
	case ReasonUnregistered, ReasonExpiredToken:
		return ruling{ErrUnregistered, DropToken}
	case ReasonBadDeviceToken:
		return ruling{ErrBadDeviceToken, KeepToken}
	case ReasonDeviceTokenNotForTopic:
		return ruling{ErrTokenNotForTopic, KeepToken}
	case ReasonTooManyRequests:
		return ruling{ErrTooManyRequests, RetryLater}
	case ReasonBadCertificate, ReasonForbidden:
		return ruling{ErrCertificate, FixCertificate}
	case ReasonBadCertificateEnvironment:
		return ruling{ErrCertificateEnvironment, FixCertificate}
	case ReasonMissingProviderToken, ReasonInvalidProviderToken, ReasonExpiredProviderToken,
		ReasonUnrelatedKeyIDInToken, ReasonBadEnvironmentKeyIDInToken, ReasonBadEnvironmentKeyInToken,
		ReasonTooManyProviderTokenUpdates:
		return ruling{ErrCertificateNotShown, FixCertificate}
	case ReasonBadTopic, ReasonTopicDisallowed, ReasonMissingTopic:
		return ruling{ErrTopic, FixCertificate}
	case ReasonShutdown, ReasonIdleTimeout:
		return ruling{ErrShutdown, RetryElsewhere}
	case ReasonInternalServerError, ReasonServiceUnavailable:
		return ruling{ErrService, RetryLater}
	case ReasonBadCollapseID, ReasonBadExpirationDate, ReasonBadMessageID, ReasonBadPriority,
		ReasonDuplicateHeaders, ReasonInvalidPushType, ReasonMissingDeviceToken, ReasonPayloadEmpty,
		ReasonBadPath, ReasonMethodNotAllowed, ReasonPayloadTooLarge:
		return ruling{ErrRequest, FixRequest}
	}
	return ruleByStatus(status)
}

func ruleByStatus(status int) ruling {
	switch {
	case status == http.StatusGone:
		return ruling{ErrUnregistered, DropToken}
	case status == http.StatusForbidden:
		return ruling{ErrCertificate, FixCertificate}
	case status == http.StatusTooManyRequests:
		return ruling{ErrTooManyRequests, RetryLater}
	case status >= 500:
		return ruling{ErrService, RetryLater}
	}
	return ruling{nil, FixRequest}
}

// refusalBody is the body of a refusal, and the debug data of some GOAWAY frames.
type refusalBody struct {
	Reason    Reason         `json:"reason"`
	Timestamp jsontext.Value `json:"timestamp"` // milliseconds; with 410 only
}

// parseRefusal reads a refusal. What is no JSON, such as the page of a proxy, has no reason.
func parseRefusal(body []byte) refusalBody {
	var r refusalBody
	if lenient.Decode(body, &r) != nil {
		return refusalBody{}
	}
	return r
}

// since reads the timestamp, in whatever way the number is written: an odd one must not cost the reason.
func (r refusalBody) since() time.Time {
	const last = 1 << 53 // a float64 has them all
	ms, err := strconv.ParseFloat(strings.Trim(string(r.Timestamp), `"`), 64)
	if err != nil || !(ms > 0 && ms < last) {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// maxErrorBody bounds what an Error keeps of an answer.
const maxErrorBody = 1 << 10

// refusal makes the Error for an answer that is not 200. body is copied.
func refusal(status int, id string, body []byte) *Error {
	r := parseRefusal(body)
	ruled := rule(status, r.Reason)
	return &Error{
		StatusCode: status, Reason: r.Reason, Disposition: ruled.disposition, ID: id, Since: r.since(),
		Body: append([]byte(nil), body[:min(len(body), maxErrorBody)]...), Err: ruled.err,
	}
}
