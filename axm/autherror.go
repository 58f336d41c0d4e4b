package axm

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/secret"
)

// AuthError is an answer of Apple's token service that is not an access token. errors.Is tells which
// of the sentinels below it is.
//
// https://developer.apple.com/documentation/apple-school-and-business-manager-api/implementing-oauth-for-the-apple-school-manager-and-apple-business-api
type AuthError struct {
	ClientID    string        // who asked
	KeyID       string        // with which key
	StatusCode  int           // of HTTP
	Code        string        // of OAuth, such as "invalid_client"; "" if the body holds none
	Description string        // Apple's text, for people; often ""
	URI         string        // where Apple says more; often ""
	ClockSkew   time.Duration // by how much the clock of this host is ahead of Apple's, if that is more than a minute
	Body        []byte        // of the answer, cut to 64 KiB; none of a success
	RetryAfter  time.Duration // how long Apple asked to wait; 0 if it did not
	RequestID   string        // Apple's number for this answer, if it has one

	// Err is the sentinel that belongs to the code or the status.
	Err error
}

func (e *AuthError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s for %s: status %d", opLogin, e.ClientID, e.StatusCode)
	if e.Code != "" {
		fmt.Fprintf(&b, " %s", e.Code)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Description != "" {
		fmt.Fprintf(&b, ": %q", e.Description)
	}
	if e.ClockSkew != 0 {
		fmt.Fprintf(&b, " (the clock of this host differs from Apple's by %v)", e.ClockSkew)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %v)", e.RetryAfter)
	}
	return b.String()
}

func (e *AuthError) Unwrap() error { return e.Err }

// ErrTokenRefused: Apple gives no access token. The three below are this one too, and tell why. For
// ten seconds the same key gets the same error without a request, because asking for many tokens is
// refused as well.
var ErrTokenRefused = errors.New("no access token was given")

var (
	// ErrInvalidClient: Apple does not accept the key. It was revoked, or its API account was deleted;
	// client ID, key ID and private key do not belong together; or the clock of this host is wrong
	// ([AuthError.ClockSkew]). An administrator makes a new key in the portal and puts it
	// where the [KeySource] finds it. Seen with other clients, and impossible with this one
	// unless the scope is overridden by [Options.API]: a wrong audience or issuer, the scope of the
	// other service, spaces in an identifier.
	ErrInvalidClient = fmt.Errorf("%w: the key is not accepted (revoked, not that of this client ID and key ID, "+
		"of the other service, or the clock of this host is wrong)", ErrTokenRefused)

	// ErrInvalidScope: the API account is not one of the service that was asked for. Leave
	// [Options.API] empty, or use a key of that service.
	ErrInvalidScope = fmt.Errorf("%w: the API account is not one of this service", ErrTokenRefused)

	// ErrUnauthorizedClient: the API account may not ask for tokens. An administrator looks at its
	// role in the portal.
	ErrUnauthorizedClient = fmt.Errorf("%w: the API account may not ask for one", ErrTokenRefused)
)

// authSentinel returns what an answer of the token service stands for.
func authSentinel(code string, status int) error {
	switch {
	case code == "invalid_client":
		return ErrInvalidClient
	case code == "invalid_scope":
		return ErrInvalidScope
	case code == "unauthorized_client":
		return ErrUnauthorizedClient
	case status == http.StatusTooManyRequests, status >= 500:
		return statusSentinel(status)
	case status >= 400, code != "":
		return ErrTokenRefused
	}
	return ErrUnexpectedAnswer
}

// loginRefused makes the error for an answer that package oauth2 takes for none: cause.
func loginRefused(resp *rest.Response, cause error, key *Key, assertion secret.String) *AuthError {
	e := &AuthError{
		ClientID: key.ClientID, KeyID: key.KeyID, StatusCode: resp.Status,
		ClockSkew: clockSkew(resp.Header), RetryAfter: resp.RetryAfter, RequestID: resp.RequestID,
	}
	if said, ok := errors.AsType[*oauth2.RetrieveError](cause); ok {
		e.Code, e.Description, e.URI = said.ErrorCode, said.ErrorDescription, said.ErrorURI
	}
	e.Err = authSentinel(e.Code, e.StatusCode)
	if resp.Status < 300 { // the body may hold a token
		if e.Code == "" {
			e.Err = fmt.Errorf("%w: no access token can be read from it", ErrUnexpectedAnswer)
		}
		return e
	}
	e.Body = resp.Body
	e.forget(assertion)
	e.Body = e.Body[:min(len(e.Body), maxErrorBody)]
	return e
}

// forget takes the assertion out of an answer that repeats the request, as some gateways do.
func (e *AuthError) forget(assertion secret.String) {
	text := assertion.Reveal()
	e.Body = bytes.ReplaceAll(e.Body, []byte(text), []byte(secret.Redacted))
	for _, said := range []*string{&e.Code, &e.Description, &e.URI} {
		*said = strings.ReplaceAll(*said, text, secret.Redacted)
	}
}

// clockSkew returns by how much the clock here is ahead, if by more than what is usual.
func clockSkew(header http.Header) time.Duration {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	skew := time.Since(date).Truncate(time.Second)
	if skew.Abs() <= clockSlack {
		return 0
	}
	return skew
}
