package legacy

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/lenient"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/secret"
	"github.com/applemdm/applemdm/vpp"
)

// What version 1 says of the account and of itself, beside what package vpp has a sentinel for.
var (
	// ErrManagedByApple: the location belongs to Apple's built-in device management and is
	// read-only to others. An administrator removes it there, or removes the token here.
	ErrManagedByApple = errors.New("the location is managed by Apple's own device management")

	// ErrOwner: something is wrong with the account of the person who downloaded the token: the
	// store, the country or the organisation. [vpp.Error.Number] says what. The administrator has
	// to have it corrected, or to download a token as somebody else.
	ErrOwner = errors.New("the account of the token's owner is not in order")

	// ErrTermsNotAccepted: the Apple Account manages content itself and has not accepted the terms
	// of the store. Its owner signs in there and accepts them.
	ErrTermsNotAccepted = errors.New("the terms of the store are not accepted")

	// ErrMoved: the service is at another address than the one that is published.
	ErrMoved = errors.New("the service has moved")

	// ErrTooOften: the same request, or the same assignment, came again and again. Stop for some
	// minutes at least, and look why it is repeated.
	ErrTooOften = errors.New("the same was asked for too often")
)

// What version 1 says of users, licences and lists, beside what package vpp has a sentinel for.
var (
	// ErrNotFound: there is nothing of that name; of a user, no active one.
	ErrNotFound = errors.New("nothing was found")

	// ErrUserRetired: the user is retired already. When retiring, this is what was asked for.
	ErrUserRetired = errors.New("the user is retired")

	// ErrUserDeleted: the record is a tombstone, whose Apple Account is a newer record's. Forget it.
	ErrUserDeleted = errors.New("the user is deleted")

	// ErrAlreadyAssigned: the user or the device has the asset already, or another record of the
	// same Apple Account has it. This is what was asked for; see [Outcome].
	ErrAlreadyAssigned = errors.New("the asset is assigned already")

	// ErrNotAssigned: there is nothing to take back, which is what was asked for; see [Outcome].
	ErrNotAssigned = errors.New("the asset is not assigned")

	// ErrLicenseRefunded: the licence is gone.
	ErrLicenseRefunded = errors.New("the license was refunded")

	// ErrLicenseTaken: the licence went to somebody else meanwhile. Try again.
	ErrLicenseTaken = errors.New("the license went to another user")

	// ErrLicenseLocked: the licence is being moved to another location. Try again later.
	ErrLicenseLocked = errors.New("the license is locked by a transfer")

	// ErrBatchLost: Apple no longer has the list that is being read, or made the token of the list
	// for another content token. Iterators act on it by themselves.
	ErrBatchLost = errors.New("the list has to be read anew")
)

// statusSentinel is for answers whose body names no cause.
func statusSentinel(resp *rest.Response) error {
	switch status := resp.Status; {
	case status == http.StatusUnauthorized:
		return vpp.ErrTokenInvalid
	case status == http.StatusForbidden:
		return vpp.ErrForbidden
	case status == http.StatusGone:
		return vpp.ErrServiceRemoved
	case status == http.StatusTooManyRequests:
		return vpp.ErrTooManyRequests
	case status == http.StatusServiceUnavailable, isRedirect(status) && resp.RetryAfter > 0:
		return vpp.ErrMaintenance
	case status >= 500:
		return vpp.ErrServer
	case status < 400:
		return vpp.ErrUnexpectedAnswer
	}
	return nil
}

// reported is an error as Apple writes it in the place of an answer.
type reported struct {
	Number          vpp.Number     `json:"errorNumber"`
	Message         string         `json:"errorMessage"`
	Associations    jsontext.Value `json:"associations"`
	Disassociations jsontext.Value `json:"disassociations"`
}

// readReported returns the error in body, and whether there is one, whatever the HTTP status was.
// Success bodies are large, so they are parsed only if the name occurs in them at all. An answer
// that has an outcome for each of what was asked for is no error.
func readReported(body []byte) (reported, bool) {
	if !bytes.Contains(body, []byte(`"error`)) {
		return reported{}, false
	}
	var r reported
	if lenient.Decode(body, &r, tolerant) != nil || hasItems(r.Associations) || hasItems(r.Disassociations) {
		return reported{}, false
	}
	return r, r.Number != 0 || r.Message != ""
}

func hasItems(v jsontext.Value) bool {
	return v.Kind() == jsontext.KindBeginArray && len(bytes.TrimSpace(v[1:len(v)-1])) > 0
}

// httpStatus returns the HTTP status that belongs to r, as all come with 200: what is worth repeating
// must be told from what is not.
func (r reported) httpStatus() int {
	switch r.Number {
	case vpp.NumberInternal, NumberNoAnswer, NumberClaimJob, NumberUnclaimJob:
		return http.StatusInternalServerError
	case vpp.NumberMaintenance, vpp.NumberUnavailable:
		return http.StatusServiceUnavailable
	case vpp.NumberTooManyRequests:
		return http.StatusTooManyRequests
	}
	return http.StatusBadRequest
}

// maxErrorBody bounds what an Error keeps of an answer.
const maxErrorBody = 64 << 10

// refusal returns the Error in an answer, or nil if it is a success.
func refusal(op string, resp *rest.Response) *vpp.Error {
	r, found := readReported(resp.Body)
	if !found && resp.Status == http.StatusOK {
		return nil
	}
	e := answerError(op, resp)
	e.Number, e.Message, e.Err = r.Number, r.Message, sentinels[r.Number]
	if e.Err == nil && (e.Number == 0 || resp.Status >= 500 || resp.Status == http.StatusTooManyRequests) && resp.Status != http.StatusOK {
		e.Err = statusSentinel(resp)
	}
	return e
}

// decodeAnswer decodes the body of a success into v and gives its memory back. What turns out to be
// none is an Error.
func decodeAnswer(op string, resp *rest.Response, v answer) error {
	if err := lenient.Decode(resp.Body, v, tolerant); err != nil {
		return misunderstood(op, resp, err)
	}
	if status := v.common().Status; status != 0 && !v.partial() {
		return misunderstood(op, resp, fmt.Errorf("its status is %d, without an error number", status))
	}
	resp.Release() // decoding copies what it keeps
	return nil
}

// misunderstood makes the Error for a success whose body cannot be read.
func misunderstood(op string, resp *rest.Response, cause error) *vpp.Error {
	e := answerError(op, resp)
	e.Err = fmt.Errorf("%w: %w", vpp.ErrUnexpectedAnswer, cause)
	return e
}

// incomplete makes the Error for a success that lacks what the call was made for.
func incomplete(op, lack string) *vpp.Error {
	return &vpp.Error{Op: op, StatusCode: http.StatusOK, Err: fmt.Errorf("%w: %s", vpp.ErrUnexpectedAnswer, lack)}
}

func answerError(op string, resp *rest.Response) *vpp.Error {
	return &vpp.Error{
		Op: op, StatusCode: resp.Status, Body: resp.Body[:min(len(resp.Body), maxErrorBody)],
		RetryAfter: resp.RetryAfter, RequestID: resp.RequestID,
	}
}

// redacted takes out of err what must not be shown: the token, which gateways and proxies may quote
// from the request, and the whole body of an answer that holds a secret of its own.
func redacted(err error, token *vpp.Token, whole bool) error {
	e, ok := err.(*vpp.Error)
	if !ok {
		return err
	}
	text := string(token.Reveal())
	hide := strings.NewReplacer(text, secret.Redacted, strings.ReplaceAll(text, "/", `\/`), secret.Redacted)
	e.Message = hide.Replace(e.Message)
	switch {
	case whole:
		e.Body = nil
	case len(e.Body) > 0:
		e.Body = []byte(hide.Replace(string(e.Body)))
	}
	return e
}
