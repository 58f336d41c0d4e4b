package axm

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

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
// below it is, [Error.HasCode] what Apple calls it. Answers of the token service are [AuthError].
//
// https://developer.apple.com/documentation/applebusinessapi/errorresponse
type Error struct {
	Op             string        // what the call was for, in words
	StatusCode     int           // of HTTP
	Items          []ErrorItem   // what Apple objects to; none if the body is not of the documented form
	Body           []byte        // of the answer, cut to 64 KiB
	RetryAfter     time.Duration // how long Apple asked to wait; 0 if it did not
	RequestID      string        // Apple's number for this answer (X-Apple-Request-Uuid), if it has one
	CorrelationKey string        // another one (X-Apple-Jingle-Correlation-Key); quote both to Apple's support

	// Err is the sentinel that belongs to the codes or the status, or what is wrong with the body of
	// a success; nil for a status that is unknown here.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: status %d", e.Op, e.StatusCode)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	for _, item := range e.Items {
		fmt.Fprintf(&b, ": %s", item)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %v)", e.RetryAfter)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// HasCode reports whether an item has the code or one below it: codes are hierarchies, so that
// "ENTITY_ERROR" stands for "ENTITY_ERROR.ATTRIBUTE.INVALID" too. Apple publishes no list of them.
func (e *Error) HasCode(code string) bool {
	return slices.ContainsFunc(e.Items, func(item ErrorItem) bool { return item.HasCode(code) })
}

// ErrNotInThisAPI: the call is for Apple Business only, and the client is one of a school. It comes
// before any request, as [*NotInThisAPIError].
var ErrNotInThisAPI = errors.New("the call is not in this API")

// NotInThisAPIError says which call is not in which API. It is [ErrNotInThisAPI].
type NotInThisAPIError struct {
	Op  string // what the call was for, in words
	API API    // of the client
}

func (e *NotInThisAPIError) Error() string {
	return fmt.Sprintf("%s: %v: the client is one of the %s API", e.Op, ErrNotInThisAPI, e.API)
}

func (e *NotInThisAPIError) Unwrap() error { return ErrNotInThisAPI }

// What the service says of the caller.
var (
	// ErrUnauthorized: the access token was refused, and then a new one too, although Apple gives
	// them. Look whether the API account still exists; then it may pass.
	ErrUnauthorized = errors.New("the access token was refused")

	// ErrForbidden: the role of the API account lacks the permission for this, or the resource does
	// not allow it, or not in this API; [Error.Items] may say which. An administrator changes the role
	// in the portal.
	ErrForbidden = errors.New("the API account may not do this")

	// ErrTooManyRequests: the account has used up what Apple allows it for a while, which is not
	// published; [Error.RetryAfter] may say how long. Until then calls of the same kind (reading or
	// writing) return this error without a request. See [Budget].
	ErrTooManyRequests = errors.New("too many requests")
)

// What the service says of a request.
var (
	// ErrInvalidRequest: Apple cannot make anything of a parameter or of the body (400, 422);
	// [Error.Items] names it. Trying again does not help.
	ErrInvalidRequest = errors.New("the request is not valid")

	// ErrNotFound: there is no such device, server or whatever it is, or not any more.
	ErrNotFound = errors.New("not found")

	// ErrConflict: what was asked for does not fit what is there (409): a name or a certificate that
	// Apple does not take, a server that still has devices; [Error.Items] says it.
	ErrConflict = errors.New("the request does not fit what is there")

	// ErrCursor: Apple does not take the cursor any more. Begin again. The iterators do so by
	// themselves, once.
	ErrCursor = errors.New("the cursor is not valid")
)

// What the service says of itself.
var (
	// ErrUnavailable: the service is down for a while (503); [Error.RetryAfter] may say how long.
	// What was asked for may have been done.
	ErrUnavailable = errors.New("the service is unavailable")

	// ErrServer: a failure on Apple's side. What was asked for may have been done.
	ErrServer = errors.New("the service failed")

	// ErrUnexpectedAnswer: a success whose body is not what was asked for (no JSON, or cut off), or a
	// status that the call does not know, such as a redirect. What was asked for may have been done.
	ErrUnexpectedAnswer = errors.New("the answer is not what was asked for")
)

// codeSentinel returns what the codes say, where they are known.
func codeSentinel(e *Error) error {
	switch {
	case e.HasCode("NOT_FOUND"):
		return ErrNotFound
	case e.HasCode("FORBIDDEN_ERROR"):
		return ErrForbidden
	}
	return nil
}

// statusSentinel is for answers whose codes are not known.
func statusSentinel(status int) error {
	switch {
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return ErrInvalidRequest
	case status == http.StatusUnauthorized:
		return ErrUnauthorized
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusConflict:
		return ErrConflict
	case status == http.StatusGone:
		return ErrCursor
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

// maxErrorBody bounds what an Error keeps of an answer.
const maxErrorBody = 64 << 10

// refusal makes the Error for an answer that is no success.
func refusal(op string, resp *rest.Response) *Error {
	e := answerError(op, resp)
	e.Items = readItems(resp.Body)
	switch e.Err = statusSentinel(resp.Status); e.Err {
	case ErrInvalidRequest, ErrForbidden, ErrNotFound, ErrConflict, nil:
		e.Err = cmp.Or(codeSentinel(e), e.Err)
	}
	return e
}

// misunderstood makes the Error for a success whose body cannot be read.
func misunderstood(op string, resp *rest.Response, cause error) *Error {
	e := answerError(op, resp)
	e.Err = fmt.Errorf("%w: %w", ErrUnexpectedAnswer, cause)
	return e
}

func answerError(op string, resp *rest.Response) *Error {
	return &Error{
		Op: op, StatusCode: resp.Status, Body: resp.Body[:min(len(resp.Body), maxErrorBody)],
		RetryAfter: resp.RetryAfter, RequestID: resp.RequestID,
		CorrelationKey: resp.Header.Get("X-Apple-Jingle-Correlation-Key"),
	}
}
