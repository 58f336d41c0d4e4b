package vpp

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/page"
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
// on Apple's side, or a success that cannot be understood. The service has been seen to refuse with
// status 200 too; that is an Error all the same. errors.Is tells which of the sentinels below it is;
// those without a sentinel have the Number only. Nothing was done, or queued, unless its sentinel
// is [ErrUnexpectedAnswer] or [ErrServer].
//
// https://developer.apple.com/documentation/devicemanagement/errorresponse
type Error struct {
	Op         string        // what the call was for, in words
	StatusCode int           // of HTTP
	Number     Number        // Apple's number, e.g. 9709; 0 if the body holds none
	Message    string        // Apple's text, for people
	Info       ErrorInfo     // what Apple's answer names as the cause
	Body       []byte        // of the answer, cut to 64 KiB; none where the answer holds a secret
	RetryAfter time.Duration // how long Apple asked to wait; 0 if it did not
	RequestID  string        // Apple's number for this answer (X-Apple-Request-UUID), if it has one

	// Err is the sentinel that belongs to the number, or what is wrong with the body of a success;
	// nil for a number that is unknown here.
	Err error
}

// ErrorInfo names what an error is about. Often it is empty.
//
// https://developer.apple.com/documentation/devicemanagement/responseerrorinfo
type ErrorInfo struct {
	Assets        []AssetKey `json:"assets,omitzero"`
	ClientUserIDs []string   `json:"clientUserIds,omitzero"`
	SerialNumbers []string   `json:"serialNumbers,omitzero"`
	Unknown       Unknown    `json:",embed"`
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.StatusCode != 0 || e.Number != 0 {
		b.WriteString(":")
	}
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, " status %d", e.StatusCode)
	}
	if e.Number != 0 {
		fmt.Fprintf(&b, " error %d", int(e.Number))
	}
	switch {
	case e.Err != nil:
		fmt.Fprintf(&b, ": %v", e.Err)
	case e.Message != "":
		fmt.Fprintf(&b, ": %q", e.Message)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %v)", e.RetryAfter)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// ClaimedError says that another device-management server has claimed the location. Writing to it
// would have two servers take each other's licences away, which Apple does not prevent. It is
// [ErrClaimedByOther].
type ClaimedError struct {
	By MDMInfo // who
}

func (e *ClaimedError) Error() string {
	return fmt.Sprintf("%v: %q (ID %q)", ErrClaimedByOther, e.By.Name, e.By.ID)
}

func (e *ClaimedError) Unwrap() error { return ErrClaimedByOther }

// What the service says of the token and the location. Each also is a [State], so that
// [Options.OnState] can tell an administrator once.
var (
	// ErrTokenExpired: the content token is older than its year. Download a new one in Apple
	// Business or Apple School Manager (Apps and Books, content tokens) and put it where the
	// [TokenSource] finds it. The client notices without a request when the token itself says so.
	ErrTokenExpired = errors.New("the content token has expired")

	// ErrTokenRevoked: the token was revoked before its time. The person who downloaded it changed
	// the password, or lost the role or the account. Download a new one, best with a Managed Apple
	// Account that does nothing else.
	ErrTokenRevoked = errors.New("the content token was revoked")

	// ErrTokenInvalid: Apple cannot make anything of the token. It was damaged, or is of another
	// service. Download it again and do not edit it.
	ErrTokenInvalid = errors.New("the content token is not valid")

	// ErrNotLocationToken: a token of the old kind, which belonged to a person. Download one of a
	// location.
	ErrNotLocationToken = errors.New("the content token is not one of a location")

	// ErrClaimedByOther: another device-management server has claimed the location; see
	// [ClaimedError]. An administrator decides who keeps it: remove the token there and call
	// [Client.TakeOver], or remove it here.
	ErrClaimedByOther = errors.New("the location is claimed by another device-management server")

	// ErrOtherLocation: the token was replaced by one of another location than this client has been
	// working with. Make another [Client] for that location, and put the right token back.
	ErrOtherLocation = errors.New("the content token is one of another location")
)

// What the service says of itself and of a request.
var (
	// ErrForbidden: the owner of the token may not do this: a read-only role, or an account that
	// Apple calls a facilitator. Give the role, or download a token as somebody who has it.
	ErrForbidden = errors.New("the owner of the token may not do this")

	// ErrTooManyRequests: slow down; the client does so by itself. [Error.RetryAfter] may say for
	// how long.
	ErrTooManyRequests = errors.New("too many requests")

	// ErrMaintenance: the service is down for a while; [Error.RetryAfter] may say how long.
	ErrMaintenance = errors.New("the service is unavailable")

	// ErrServer: a failure on Apple's side. What was asked for may have been done.
	ErrServer = errors.New("the service failed")

	// ErrServiceRemoved: Apple no longer has this endpoint. Look for a newer version of this SDK.
	ErrServiceRemoved = errors.New("the service was removed")

	// ErrUnexpectedAnswer: a success whose body is not what was asked for (no JSON, or cut off), or a
	// status that the call does not know, such as a redirect.
	ErrUnexpectedAnswer = errors.New("the answer is not what was asked for")

	// ErrInvalidRequest: an argument breaks a rule of Apple's; [Error.Number] says which.
	ErrInvalidRequest = errors.New("the request is not valid")

	// ErrTooMany: the request exceeds a limit of [ServiceConfig.Limits], which may have changed just
	// now. Split it.
	ErrTooMany = errors.New("the request exceeds a limit")

	// ErrDuplicate: something comes twice in one request.
	ErrDuplicate = errors.New("something comes twice in the request")
)

// What the service says of lists. The iterators act on these by themselves.
var (
	// ErrVersion: Apple does not know the version that changes were asked since. Read everything.
	ErrVersion = errors.New("the version is not known")

	// ErrVersionChanged: the list changed while it was read, and did so again each time it was
	// begun anew. Ask later.
	ErrVersionChanged = page.ErrChanged

	// ErrPageIndex: there is no such page.
	ErrPageIndex = errors.New("the page index is out of range")

	// ErrCursor: Apple does not take the cursor. Begin again.
	ErrCursor = errors.New("the cursor is not valid")
)

// What the service says of assets and of what is done with them. They come as the answer to a
// request, or later as the outcome of an event.
var (
	// ErrNotEnoughLicenses: more were asked for than are available. Buy some, or take some back.
	// [Error.Info] names the assets.
	ErrNotEnoughLicenses = errors.New("not enough licenses")

	// ErrNotRevocable: books stay with whom they were given to.
	ErrNotRevocable = errors.New("the asset cannot be taken back")

	// ErrNotDeviceAssignable: the asset is for users only.
	ErrNotDeviceAssignable = errors.New("the asset cannot be assigned to devices")

	// ErrEvent: Apple does not know the event, or not any more. Read what became of it from the
	// assignments and users.
	ErrEvent = errors.New("the event is not known")
)

// What the service says of users.
var (
	// ErrUserNotFound: no registered user has that client user ID. Create it, or look up which ID
	// its Managed Apple Account has.
	ErrUserNotFound = errors.New("the user is not registered")

	// ErrUserExists: an active user has that client user ID already, which is what was asked for.
	ErrUserExists = errors.New("the user exists")

	// ErrAccountUnusable: the Managed Apple Account is not known, or is of another organisation.
	ErrAccountUnusable = errors.New("the Apple Account cannot be associated with the user")

	// ErrAccountTaken: the Managed Apple Account belongs to another registered user.
	ErrAccountTaken = errors.New("the Apple Account is associated with another user")

	// ErrUserNotAssociated: the user has no Apple Account yet. Subscriptions need one.
	ErrUserNotAssociated = errors.New("the user is not associated with an Apple Account")
)

// What the service says of subscriptions.
var (
	// ErrNoSubscription: the user does not have the subscription that is to be taken back.
	ErrNoSubscription = errors.New("the user does not have the subscription")

	// ErrSubscriptionByGroup: the user has the subscription already, through a group.
	ErrSubscriptionByGroup = errors.New("the user has the subscription through a group")

	// ErrSubscriptionsExist: subscriptions cannot be turned off while the location owns some.
	ErrSubscriptionsExist = errors.New("subscriptions exist")
)

// ErrNotification: Apple did not take the address for notifications. The four below are this one
// too, and tell what is wrong.
var ErrNotification = errors.New("the notification address was refused")

var (
	// ErrNotificationIncomplete: URL and token go together.
	ErrNotificationIncomplete = fmt.Errorf("%w: it needs both URL and token", ErrNotification)

	// ErrNotificationTooLong: URL or token exceed [Limits.MaxNotificationLength].
	ErrNotificationTooLong = fmt.Errorf("%w: URL or token is too long", ErrNotification)

	// ErrNotificationURL: the URL is none, or not one of https.
	ErrNotificationURL = fmt.Errorf("%w: the URL is not valid", ErrNotification)

	// ErrNotificationUnreachable: Apple tried the URL and got no answer of 2xx. The receiver must be
	// up, reachable from the internet, have a certificate that Apple trusts, and take the new token
	// before it is set here.
	ErrNotificationUnreachable = fmt.Errorf("%w: Apple's test did not reach it", ErrNotification)
)
