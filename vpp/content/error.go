package content

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/applemdm/applemdm/internal/lenient"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// Error is an answer that is not the one that was asked for: a refusal, a failure on Apple's side, or
// a success that cannot be understood. errors.Is finds the sentinel below it: one of this package,
// or one that the services of Apps and Books share: [vpp.ErrTokenInvalid], [vpp.ErrForbidden],
// [vpp.ErrInvalidRequest], [vpp.ErrTooManyRequests], [vpp.ErrMaintenance], [vpp.ErrServer] and
// [vpp.ErrUnexpectedAnswer].
//
// Of the content token this service says only, with status 403 and code 40300, that it is not valid:
// the licence service, asked with [vpp.Client.ClientConfig], tells expired and revoked tokens apart.
// Apple answers a list without identifiers in the same way, which is why calls refuse to send one.
//
// https://developer.apple.com/documentation/devicemanagement/handling-requests-and-responses
type Error struct {
	Op         string        // what the call was for, in words
	StatusCode int           // of HTTP
	Reasons    []Reason      // as Apple gives them; often none
	Body       []byte        // of the answer, cut to 64 KiB
	RetryAfter time.Duration // how long Apple asked to wait; 0 if it did not
	RequestID  string        // Apple's number for this answer (X-Apple-Request-UUID), if it has one

	// Err is the sentinel that belongs to the answer, or what is wrong with the body of a success;
	// nil for a status that is unknown here.
	Err error
}

// Reason is one of the errors in an answer.
//
// https://developer.apple.com/documentation/devicemanagement/error
type Reason struct {
	ID     string       `json:"id,omitzero"`     // of this occurrence
	Status string       `json:"status,omitzero"` // of HTTP
	Code   string       `json:"code,omitzero"`   // the status and two digits, e.g. "40300"
	Title  string       `json:"title,omitzero"`
	Detail string       `json:"detail,omitzero"`
	Source ReasonSource `json:"source,omitzero"`

	Unknown vpp.Unknown `json:",embed"`
}

// ReasonSource is what in a request an error is about. Often it is empty.
type ReasonSource struct {
	Parameter string `json:"parameter,omitzero"` // of the query
	Pointer   string `json:"pointer,omitzero"`   // into the body

	Unknown vpp.Unknown `json:",embed"`
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(":")
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, " status %d", e.StatusCode)
	}
	if len(e.Reasons) > 0 && e.Reasons[0].Code != "" {
		fmt.Fprintf(&b, " code %q", e.Reasons[0].Code)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if len(e.Reasons) > 0 && e.Reasons[0].text() != "" {
		fmt.Fprintf(&b, ": %.200q", e.Reasons[0].text())
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %v)", e.RetryAfter)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

func (r Reason) text() string {
	text := r.Title
	if r.Detail != "" {
		text = r.Detail
	}
	if r.Source.Parameter != "" {
		text += " (" + r.Source.Parameter + ")"
	}
	return text
}

var (
	// ErrDeveloperToken: Apple does not take the developer token. The key was revoked or is of
	// another team, or has not been made for "Apps and Books for Organizations", or the clock of
	// this machine is wrong, which the error then says. Look into the developer portal, under Keys
	// and Identifiers.
	ErrDeveloperToken = errors.New("the developer token is not valid")

	// ErrNotFound: there is no such thing in this storefront. Custom apps and withdrawn ones are
	// found among those that the location owns only.
	ErrNotFound = errors.New("not found in this storefront")
)

// sentinel returns what a refusal stands for. signed and owned say that the request had a developer
// token and a content token.
func sentinel(status int, signed, owned bool) error {
	switch {
	case status == http.StatusUnauthorized && signed:
		return ErrDeveloperToken
	case (status == http.StatusForbidden || status == http.StatusUnauthorized) && owned:
		return vpp.ErrTokenInvalid
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return vpp.ErrForbidden
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusTooManyRequests:
		return vpp.ErrTooManyRequests
	case status == http.StatusServiceUnavailable:
		return vpp.ErrMaintenance
	case status >= 500:
		return vpp.ErrServer
	case status < 400:
		return vpp.ErrUnexpectedAnswer
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusRequestURITooLong:
		return vpp.ErrInvalidRequest
	}
	return nil
}

// maxErrorBody bounds what an Error keeps of an answer.
const maxErrorBody = 64 << 10

// refusal makes the Error for an answer that is no success.
func refusal(op string, resp *rest.Response, signed, owned bool) *Error {
	e := answerError(op, resp)
	e.Err = sentinel(resp.Status, signed, owned)
	var said struct {
		Errors []Reason `json:"errors"`
	}
	if lenient.Decode(resp.Body, &said) == nil {
		e.Reasons = said.Errors
	}
	if off := clockOff(resp.Header.Get("Date"), time.Now()); off != 0 && e.Err == ErrDeveloperToken {
		where := "ahead of"
		if off < 0 {
			where = "behind"
		}
		e.Err = fmt.Errorf("%w: the clock of this machine is %v %s Apple's", e.Err, off.Abs(), where)
	}
	return e
}

// clockOff returns by how much the clock here is ahead of a Date header, if that may be why a token
// is refused.
func clockOff(date string, now time.Time) time.Duration {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return 0
	}
	off := now.Sub(theirs).Round(time.Second)
	if off.Abs() <= tokenSlack {
		return 0
	}
	return off
}

// misunderstood makes the Error for a success whose body cannot be read.
func misunderstood(op string, resp *rest.Response, cause error) *Error {
	e := answerError(op, resp)
	e.Err = fmt.Errorf("%w: %w", vpp.ErrUnexpectedAnswer, cause)
	return e
}

func answerError(op string, resp *rest.Response) *Error {
	return &Error{
		Op: op, StatusCode: resp.Status, Body: resp.Body[:min(len(resp.Body), maxErrorBody)],
		RetryAfter: resp.RetryAfter, RequestID: resp.RequestID,
	}
}

// ownError returns the error of a call that was not answered, or not even sent.
func ownError(ctx context.Context, op string, path rest.Path, err error) error {
	err = interrupted(ctx, op, path, err)
	_, told := errors.AsType[*vpp.TransportError](err)
	if _, answered := err.(*Error); told || answered {
		return err
	}
	return fmt.Errorf("%s: %w", op, err)
}

// interrupted returns err. That the time of the call was up, while it waited for something that calls
// share, is told as for every call that gets no answer.
func interrupted(ctx context.Context, op string, path rest.Path, err error) error {
	_, told := errors.AsType[*vpp.TransportError](err)
	if told || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	return &vpp.TransportError{Op: op, Method: http.MethodGet, Path: path.String(), Err: err}
}
