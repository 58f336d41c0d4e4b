package vpp

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/lenient"
	"github.com/applemdm/applemdm/internal/rest"
)

// statusSentinel is for answers whose body names no cause.
func statusSentinel(status int) error {
	switch {
	case status == http.StatusUnauthorized:
		return ErrTokenInvalid
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusGone:
		return ErrServiceRemoved
	case status == http.StatusTooManyRequests:
		return ErrTooManyRequests
	case status == http.StatusServiceUnavailable:
		return ErrMaintenance
	case status >= 500:
		return ErrServer
	case status < 400:
		return ErrUnexpectedAnswer
	}
	return nil
}

// reported is an error as Apple writes it: in the place of an answer, in the status of an event, and
// in notifications.
type reported struct {
	Number  Number         `json:"errorNumber"`
	Message string         `json:"errorMessage"`
	Info    jsontext.Value `json:"errorInfo"`
}

// readReported returns the error in body, and whether there is one, whatever the status was. Success
// bodies are large, so they are parsed only if the name occurs in them at all.
func readReported(body []byte) (reported, bool) {
	if !bytes.Contains(body, []byte(`"error`)) {
		return reported{}, false
	}
	var r reported
	if lenient.Decode(body, &r) != nil {
		return reported{}, false
	}
	return r, r.Number != 0 || r.Message != ""
}

// fill sets what r says in e. Info that is not in the documented form is left out.
func (r reported) fill(e *Error) {
	e.Number, e.Message = r.Number, r.Message
	e.Err = numbers[r.Number].sentinel
	if len(r.Info) > 0 && r.Info.Kind() == '{' {
		var info ErrorInfo
		if lenient.Decode(r.Info, &info) == nil {
			e.Info = info
		}
	}
}

// status returns the HTTP status that belongs to r, for answers that came with another one: what is
// worth repeating must be told from what is not.
func (r reported) status() int {
	switch r.Number {
	case NumberInternal:
		return http.StatusInternalServerError
	case NumberMaintenance, NumberUnavailable:
		return http.StatusServiceUnavailable
	case NumberTooManyRequests:
		return http.StatusTooManyRequests
	}
	return http.StatusBadRequest
}

// maxErrorBody bounds what an Error keeps of an answer.
const maxErrorBody = 64 << 10

// refusal returns the Error in an answer, or nil if it is a success.
func refusal(op string, resp *rest.Response) *Error {
	r, found := readReported(resp.Body)
	if !found && resp.Status == http.StatusOK {
		return nil
	}
	e := answerError(op, resp)
	r.fill(e)
	if e.Err == nil && (e.Number == 0 || resp.Status >= 500 || resp.Status == http.StatusTooManyRequests) {
		e.Err = statusSentinel(resp.Status)
	}
	return e
}

// misunderstood makes the Error for a success whose body cannot be read.
func misunderstood(op string, resp *rest.Response, cause error) *Error {
	e := answerError(op, resp)
	e.Err = fmt.Errorf("%w: %w", ErrUnexpectedAnswer, cause)
	return e
}

// incomplete makes the Error for a success that lacks what the call was made for.
func incomplete(op, lack string) *Error {
	return &Error{Op: op, StatusCode: http.StatusOK, Err: fmt.Errorf("%w: %s", ErrUnexpectedAnswer, lack)}
}

func answerError(op string, resp *rest.Response) *Error {
	return &Error{
		Op: op, StatusCode: resp.Status, Body: resp.Body[:min(len(resp.Body), maxErrorBody)],
		RetryAfter: resp.RetryAfter, RequestID: resp.RequestID,
	}
}
