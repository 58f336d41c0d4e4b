package dep

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/rest"
)

// InputError says which argument, option or member (its Field) breaks which rule (its Rule), both
// strings. It comes before any request was sent, and nothing was done.
type InputError = field.InputError

// TransportError says that a call got no answer: the line failed, the answer could not be read to
// its end, or the caller's context ended. errors.Is finds the cause below it. Its fields:
//
//   - Op, Method, Path string: what the call was for, in words, and where it went
//   - Attempts int: how often it was tried
//   - Sent bool: whether Apple may have got it, and acted on it
//   - Err error: why there is no answer
type TransportError = rest.TransportError

// ErrBodyTooLarge is in the chain of a [*TransportError] when an answer exceeded
// [Options.MaxBody].
var ErrBodyTooLarge = rest.ErrBodyTooLarge

// Error is an answer of the service that is not the one that was asked for: a refusal, a failure
// on Apple's side, or a success that cannot be understood. errors.Is tells which of the sentinels
// below it is; those without a sentinel have the Code only.
type Error struct {
	Op         string        // what the call was for, in words
	StatusCode int           // of HTTP
	Code       string        // Apple's code, e.g. "T_C_NOT_SIGNED"; "" if the body holds none
	Body       []byte        // of the answer, cut to 64 KiB
	RetryAfter time.Duration // how long Apple asked to wait; 0 if it did not
	RequestID  string        // Apple's number for this answer (X-Apple-Request-UUID)

	// Err is the sentinel that belongs to the code, or what is wrong with the body of a success;
	// nil for a code that is unknown here.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: status %d", e.Op, e.StatusCode)
	if e.Code != "" {
		fmt.Fprintf(&b, " %s", e.Code)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %v)", e.RetryAfter)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// What the service says of the account and its token. A new session repairs none of these; each
// also is a [State], so that [Options.OnState] can tell an administrator once.
//
// A login that was refused so is not tried again for ten seconds with the same token: calls that
// need it meanwhile return the same error and cost no request. [Client.ResetSession] ends that, and so
// does another token.
var (
	// ErrTermsNotSigned: the organisation has not accepted Apple's current terms. Its administrator
	// signs in to Apple Business or Apple School Manager and accepts them; the token stays good.
	// It has been seen to last for hours after that.
	ErrTermsNotSigned = errors.New("the organisation must accept Apple's new terms")

	// ErrTokenExpired: the server token is older than its year. Download a new one in the portal
	// and open it with the staged key pair ([Credentials.Promote]). The client notices without a
	// request when the token itself says so.
	ErrTokenExpired = errors.New("the server token has expired")

	// ErrTokenRejected: the server token was replaced by a newer download or revoked. Whoever
	// downloaded the newer one has the file that must be opened here; otherwise download again.
	ErrTokenRejected = errors.New("the server token was replaced or revoked")

	// ErrSignatureInvalid: Apple could not check the signature of the login. Seen after a newer
	// token was downloaded, and when token and secret belong to different files.
	ErrSignatureInvalid = errors.New("the signature of the login was refused")

	// ErrLoginRefused: Apple refused the login without naming a cause that is known here: with
	// oauth_problem_advice, or with any 400, 401 or 403 that has no sentinel of its own. A wrong clock
	// of this host is a known cause, a token replaced in the portal another. A 400
	// oauth_problem_advice has also been seen to pass by itself: the login is repeated once, after
	// ten seconds (less if [Retry].MaxWait is), if the deadline of the call allows it.
	ErrLoginRefused = errors.New("the login was refused")

	// ErrAccessDenied: this server, or its token, may not use the service.
	ErrAccessDenied = errors.New("access denied")

	// ErrForbidden: the session was refused and a new login did not help. The person who
	// downloaded the token has lost the role or the account: another administrator downloads one.
	ErrForbidden = errors.New("the account behind the token has lost its rights")

	// ErrServerInactive: the server entry was deleted in the portal. Make a new one there, or stop
	// using this token.
	ErrServerInactive = errors.New("the server entry was deleted in the portal")
)

// What the service says of a request.
var (
	// ErrUnauthorized: the session was refused, and then the one of a new login too, although the
	// login went well. It says nothing of the account, so it may pass; a login that is refused is
	// [ErrLoginRefused] or more specific.
	ErrUnauthorized = errors.New("the session was refused")

	// ErrUserAgent: Apple does not accept the User-Agent. Set [Options.UserAgent] to the name and
	// version of your product.
	ErrUserAgent = errors.New("the User-Agent was refused")

	// ErrMalformedRequest: Apple could not read the body.
	ErrMalformedRequest = errors.New("the request body was refused")

	// ErrMethodNotAllowed: wrong HTTP method; see [Options.AssignMethod].
	ErrMethodNotAllowed = errors.New("the method is not allowed")

	// ErrTooManyRequests: slow down; [Error.RetryAfter] says for how long.
	ErrTooManyRequests = errors.New("too many requests")

	// ErrUnavailable: the service is down for a while (503); [Error.RetryAfter] may say how long.
	ErrUnavailable = errors.New("the service is unavailable")

	// ErrServer: a failure on Apple's side (any other 5xx). Apple also answers so to some tokens
	// and to some combinations of profile members.
	ErrServer = errors.New("the service failed")

	// ErrUnexpectedAnswer: a success whose body is not what was asked for (no JSON, or cut off), or a
	// status that the call does not know, such as a redirect.
	ErrUnexpectedAnswer = errors.New("the answer is not what was asked for")

	// ErrDeviceIDRequired: the call needs a serial number.
	ErrDeviceIDRequired = errors.New("a serial number is required")

	// ErrDeviceNotFound: no such device, or none that this call is for.
	ErrDeviceNotFound = errors.New("no such device")

	// ErrOrgNotSupported: the organisation is not in Apple Business or Apple School Manager.
	ErrOrgNotSupported = errors.New("the organisation is of a kind that this call does not support")

	// ErrSeedForITOff: the organisation has not turned on AppleSeed for IT.
	ErrSeedForITOff = errors.New("AppleSeed for IT is turned off")

	// ErrDiscoveryURL: the discovery URL is missing or not valid; see [Client.SetDiscoveryURL].
	ErrDiscoveryURL = errors.New("the service discovery URL was refused")

	// ErrNotFound: there is nothing to return, such as a discovery URL that was never set.
	ErrNotFound = errors.New("nothing found")
)

// What the service says of profiles.
var (
	// ErrProfileNotFound: no profile has that UUID. Define it again.
	ErrProfileNotFound = errors.New("no such profile")

	// ErrProfileUUIDRequired: the call needs the UUID of a profile.
	ErrProfileUUIDRequired = errors.New("a profile UUID is required")

	// ErrProfileInvalid: a member of the profile was refused; [Error.Code] says which, and
	// [Profile.Validate] would have said so before.
	ErrProfileInvalid = errors.New("the profile was refused")
)

// What the service says of cursors. [Client.Changes] and [Syncer] act on them by themselves.
var (
	// ErrCursorExpired: the cursor is older than seven days. Start again with a full fetch.
	ErrCursorExpired = errors.New("the cursor has expired")

	// ErrCursorInvalid: Apple does not know the cursor. Start again with a full fetch.
	ErrCursorInvalid = errors.New("the cursor is not valid")

	// ErrCursorExhausted: the cursor of a fetch has delivered everything. Go on with a sync.
	ErrCursorExhausted = errors.New("the cursor is exhausted")

	// ErrCursorRequired: a sync without a cursor.
	ErrCursorRequired = errors.New("a cursor is required")
)

// sentinel returns the sentinel of a code that the service is known to answer, or nil.
func sentinel(code string) error {
	switch strings.ToUpper(code) {
	case "T_C_NOT_SIGNED":
		return ErrTermsNotSigned
	case "TOKEN_EXPIRED":
		return ErrTokenExpired
	case "TOKEN_REJECTED":
		return ErrTokenRejected
	case "SIGNATURE_INVALID":
		return ErrSignatureInvalid
	case "OAUTH_PROBLEM_ADVICE":
		return ErrLoginRefused
	case "ACCESS_DENIED":
		return ErrAccessDenied
	case "FORBIDDEN":
		return ErrForbidden
	case "SERVER_INACTIVE":
		return ErrServerInactive
	case "UNAUTHORIZED":
		return ErrUnauthorized
	case "USER_AGENT_MISSING", "USER_AGENT_INVALID":
		return ErrUserAgent
	case "MALFORMED_REQUEST_BODY":
		return ErrMalformedRequest
	case "TOO_MANY_REQUESTS":
		return ErrTooManyRequests
	case "DEVICE_ID_REQUIRED":
		return ErrDeviceIDRequired
	case "DEVICE_NOT_FOUND":
		return ErrDeviceNotFound
	case "ORG_NOT_SUPPORTED":
		return ErrOrgNotSupported
	case "APPLE_SEED_FOR_IT_TURNED_OFF":
		return ErrSeedForITOff
	case "MDM_SERVICE_DISCOVERY_URL_REQUIRED", "MDM_SERVICE_DISCOVERY_URL_NOT_VALID":
		return ErrDiscoveryURL
	case "NOT_FOUND":
		return ErrNotFound
	case "PROFILE_NOT_FOUND":
		return ErrProfileNotFound
	case "PROFILE_UUID_REQUIRED":
		return ErrProfileUUIDRequired
	case "CONFIG_NAME_REQUIRED", "CONFIG_NAME_INVALID", "CONFIG_URL_REQUIRED", "CONFIG_URL_INVALID",
		"DEPARTMENT_INVALID", "DEPARTMENT_REQUIRED", "DESCRIPTION_INVALID", "FLAGS_INVALID",
		"LOCALE_INVALID", "MAGIC_INVALID", "SUPPORT_EMAIL_INVALID", "SUPPORT_PHONE_INVALID",
		"SUPPORT_PHONE_REQUIRED":
		return ErrProfileInvalid
	case "EXPIRED_CURSOR":
		return ErrCursorExpired
	case "INVALID_CURSOR":
		return ErrCursorInvalid
	case "EXHAUSTED_CURSOR":
		return ErrCursorExhausted
	case "CURSOR_REQUIRED":
		return ErrCursorRequired
	}
	return nil
}

// statusSentinel is for answers whose body names no cause.
func statusSentinel(status int) error {
	switch {
	case status == http.StatusUnauthorized:
		return ErrUnauthorized
	case status == http.StatusMethodNotAllowed:
		return ErrMethodNotAllowed
	case status == http.StatusTooManyRequests:
		return ErrTooManyRequests
	case status == http.StatusServiceUnavailable:
		return ErrUnavailable
	case status >= 500:
		return ErrServer
	case status < 400:
		return ErrUnexpectedAnswer
	}
	return nil
}

// incomplete makes the Error for a success that lacks what the call was made for.
func incomplete(op, lack string) *Error {
	return &Error{Op: op, StatusCode: http.StatusOK, Err: fmt.Errorf("%w: %s", ErrUnexpectedAnswer, lack)}
}

// retryAfter returns how long Apple asked to wait, or 0.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// maxErrorBody bounds what an Error keeps of an answer.
const maxErrorBody = 64 << 10

// refusal makes the Error for an answer whose status is not 200, and releases the answer.
func refusal(op string, resp *rest.Response) *Error {
	e := answerError(op, resp)
	e.Code = errorCode(e.StatusCode, e.Body)
	if e.Err = sentinel(e.Code); e.Err == nil {
		e.Err = statusSentinel(resp.Status)
	}
	return e
}

// misunderstood makes the Error for a success whose body cannot be read, and releases the answer.
func misunderstood(op string, resp *rest.Response, cause error) *Error {
	e := answerError(op, resp)
	e.Err = fmt.Errorf("%w: %w", ErrUnexpectedAnswer, cause)
	return e
}

// answerError keeps a copy of what it needs of resp and releases it: the body may be large, and
// errors live long.
func answerError(op string, resp *rest.Response) *Error {
	e := &Error{
		Op: op, StatusCode: resp.Status, Body: bytes.Clone(resp.Body[:min(len(resp.Body), maxErrorBody)]),
		RetryAfter: resp.RetryAfter, RequestID: resp.RequestID,
	}
	resp.Release()
	return e
}

// errorCode finds Apple's code in the body of a refusal: a bare word, a word in double quotes
// (depsim), a word with one of HTTP's reason phrases at its end ("token_expiredForbidden"), or a
// JSON object with a member "code". Bodies of another form, such as HTML or a reason phrase alone,
// are not Apple's and have none.
func errorCode(status int, body []byte) string {
	text := strings.Trim(string(bytes.TrimSpace(body[:min(len(body), maxErrorBody)])), `"`)
	if strings.HasPrefix(text, "{") {
		var object struct {
			Code string `json:"code"`
		}
		if json.Unmarshal([]byte(text), &object) != nil {
			return ""
		}
		text = object.Code
	}
	text = cutPhrases(text, status)
	if len(text) > 100 || strings.ContainsFunc(text, notInCode) {
		return ""
	}
	return text
}

// cutPhrases returns text without the reason phrases at its end, and white space before them: that
// of status, and those of all refusals, because the two need not agree.
func cutPhrases(text string, status int) string {
	for before := ""; before != text; {
		before = text
		text = cutPhrase(text, status)
		for s := http.StatusBadRequest; s < http.StatusInternalServerError; s++ {
			text = cutPhrase(text, s)
		}
	}
	return text
}

func cutPhrase(text string, status int) string {
	phrase := http.StatusText(status)
	rest, found := strings.CutSuffix(text, phrase)
	if !found || phrase == "" {
		return text
	}
	return strings.TrimRightFunc(rest, unicode.IsSpace)
}

func notInCode(r rune) bool {
	return !(r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
}
