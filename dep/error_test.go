package dep

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/applemdm/applemdm/internal/rest"
)

func TestErrorCode(t *testing.T) {
	huge := strings.Repeat("A", maxErrorBody+1)
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"bare", 400, "INVALID_CURSOR", "INVALID_CURSOR"},
		{"line end", 400, "INVALID_CURSOR\r\n", "INVALID_CURSOR"},
		{"white space", 400, " \t\nINVALID_CURSOR ", "INVALID_CURSOR"},
		{"quoted", 400, `"INVALID_CURSOR"`, "INVALID_CURSOR"},
		{"quoted, line end", 400, "\"INVALID_CURSOR\"\n", "INVALID_CURSOR"},
		{"lower case", 403, "t_c_not_signed", "t_c_not_signed"},
		{"fused with Forbidden", 403, "token_expiredForbidden", "token_expired"},
		{"fused with Unauthorized", 401, "oauth_problem_adviceUnauthorized", "oauth_problem_advice"},
		{"fused with Bad Request", 400, "oauth_problem_adviceBad Request", "oauth_problem_advice"},
		{"fused, quoted", 403, `"token_rejectedForbidden"`, "token_rejected"},
		{"fused with the phrase of another status", 400, "token_rejectedForbidden", "token_rejected"},
		{"fused with another one", 403, "token_expiredUnauthorized", "token_expired"},
		{"fused with two words of another status", 401, "oauth_problem_adviceBad Request", "oauth_problem_advice"},
		{"fused with the phrase of a failure", 500, "token_expiredInternal Server Error", "token_expired"},
		{"set off by a blank", 403, "token_expired Forbidden", "token_expired"},
		{"set off by a blank, quoted", 403, `"token_expired Forbidden"`, "token_expired"},
		{"set off by lines", 403, "token_expired\r\n\r\nForbidden\r\n", "token_expired"},
		{"fused twice", 403, "token_expiredForbidden Forbidden", "token_expired"},
		{"fused, in JSON", 403, `{"code":"token_expiredUnauthorized"}`, "token_expired"},
		{"the phrase of another status only", 403, "Unauthorized", ""},
		{"the phrase of another status only, quoted", 401, `" Bad Request"`, ""},
		{"not fused: another case", 403, "FORBIDDEN", "FORBIDDEN"},
		{"not fused: the suffix is part of the word", 403, "IS_FORBIDDEN", "IS_FORBIDDEN"},
		{"unknown status", 499, "SOMETHING", "SOMETHING"},
		{"JSON", 403, `{"code":"T_C_NOT_SIGNED"}`, "T_C_NOT_SIGNED"},
		{"JSON, more members", 403, ` {"message":"x","code":"ACCESS_DENIED","n":[1]} `, "ACCESS_DENIED"},
		{"JSON, code of another type", 403, `{"code":403}`, ""},
		{"JSON without a code", 403, `{"error":"x"}`, ""},
		{"JSON, cut off", 403, `{"code":"T_C_NOT`, ""},
		{"JSON, prose in the code", 403, `{"code":"it went wrong"}`, ""},
		{"empty", 500, "", ""},
		{"blank", 500, " \n", ""},
		{"quotes only", 500, `""`, ""},
		{"reason phrase only", 500, "Internal Server Error", ""},
		{"HTML", 502, "<html><body>502 Bad Gateway</body></html>", ""},
		{"prose", 400, "the cursor is INVALID_CURSOR", ""},
		{"two lines", 400, "INVALID_CURSOR\nEXPIRED_CURSOR", ""},
		{"not ASCII", 400, "FEHLER_Ä", ""},
		{"binary", 400, "\x1f\x8b\x00\xff", ""},
		{"as long as a code may be", 400, strings.Repeat("A", 100), strings.Repeat("A", 100)},
		{"too long", 400, strings.Repeat("A", 101), ""},
		{"huge", 400, huge, ""},
		{"huge, of white space", 400, strings.Repeat(" ", maxErrorBody) + "INVALID_CURSOR", ""},
		{"huge JSON", 400, `{"x":"` + huge + `","code":"INVALID_CURSOR"}`, ""},
	} {
		if got := errorCode(test.status, []byte(test.body)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestSentinels(t *testing.T) {
	for code, want := range map[string]error{
		"T_C_NOT_SIGNED": ErrTermsNotSigned, "token_expired": ErrTokenExpired, "token_rejected": ErrTokenRejected,
		"signature_invalid": ErrSignatureInvalid, "oauth_problem_advice": ErrLoginRefused, "ACCESS_DENIED": ErrAccessDenied,
		"FORBIDDEN": ErrForbidden, "SERVER_INACTIVE": ErrServerInactive, "UNAUTHORIZED": ErrUnauthorized,
		"USER_AGENT_MISSING": ErrUserAgent, "USER_AGENT_INVALID": ErrUserAgent,
		"MALFORMED_REQUEST_BODY": ErrMalformedRequest, "TOO_MANY_REQUESTS": ErrTooManyRequests,
		"DEVICE_ID_REQUIRED": ErrDeviceIDRequired, "DEVICE_NOT_FOUND": ErrDeviceNotFound,
		"ORG_NOT_SUPPORTED": ErrOrgNotSupported, "APPLE_SEED_FOR_IT_TURNED_OFF": ErrSeedForITOff,
		"MDM_SERVICE_DISCOVERY_URL_REQUIRED": ErrDiscoveryURL, "MDM_SERVICE_DISCOVERY_URL_NOT_VALID": ErrDiscoveryURL,
		"NOT_FOUND": ErrNotFound, "PROFILE_NOT_FOUND": ErrProfileNotFound, "PROFILE_UUID_REQUIRED": ErrProfileUUIDRequired,
		"CONFIG_NAME_REQUIRED": ErrProfileInvalid, "CONFIG_NAME_INVALID": ErrProfileInvalid,
		"CONFIG_URL_REQUIRED": ErrProfileInvalid, "CONFIG_URL_INVALID": ErrProfileInvalid,
		"DEPARTMENT_INVALID": ErrProfileInvalid, "DEPARTMENT_REQUIRED": ErrProfileInvalid, "DESCRIPTION_INVALID": ErrProfileInvalid,
		"FLAGS_INVALID": ErrProfileInvalid, "LOCALE_INVALID": ErrProfileInvalid, "MAGIC_INVALID": ErrProfileInvalid,
		"SUPPORT_EMAIL_INVALID": ErrProfileInvalid, "SUPPORT_PHONE_INVALID": ErrProfileInvalid, "SUPPORT_PHONE_REQUIRED": ErrProfileInvalid,
		"EXPIRED_CURSOR": ErrCursorExpired, "INVALID_CURSOR": ErrCursorInvalid,
		"EXHAUSTED_CURSOR": ErrCursorExhausted, "CURSOR_REQUIRED": ErrCursorRequired,
		"": nil, "NONCE_USED": nil, "TOKEN": nil,
	} {
		for _, code := range []string{code, strings.ToUpper(code), strings.ToLower(code)} {
			if got := sentinel(code); got != want {
				t.Errorf("%q: %v, want %v", code, got, want)
			}
		}
	}
	for status, want := range map[int]error{
		400: nil, 401: ErrUnauthorized, 403: nil, 404: nil, 405: ErrMethodNotAllowed, 429: ErrTooManyRequests, 500: ErrServer,
		501: ErrServer, 502: ErrServer, 503: ErrUnavailable, 504: ErrServer, 201: ErrUnexpectedAnswer, 204: ErrUnexpectedAnswer,
		302: ErrUnexpectedAnswer,
	} {
		if got := statusSentinel(status); got != want {
			t.Errorf("status %d: %v, want %v", status, got, want)
		}
	}
}

// The code says more than the status does.
func TestRefusalPrefersTheCode(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   error
	}{
		{401, "token_rejected", ErrTokenRejected},
		{503, "T_C_NOT_SIGNED", ErrTermsNotSigned},
		{500, "SOMETHING_NEW", ErrServer},
		{401, "", ErrUnauthorized},
		{403, "", nil},
		{400, "SOMETHING_NEW", nil},
	} {
		e := refusal("op", &rest.Response{Status: test.status, Body: []byte(test.body)})
		if e.Err != test.want || !errors.Is(e, e) {
			t.Errorf("%d %q: %v, want %v", test.status, test.body, e.Err, test.want)
		}
	}
}

func TestRefusalKeepsWhatCame(t *testing.T) {
	body := bytes.Repeat([]byte("x"), maxErrorBody+10)
	e := refusal("read the account", &rest.Response{
		Status: 503, Body: body, RetryAfter: 2 * time.Minute, RequestID: "id-17",
	})
	if e.Op != "read the account" || e.StatusCode != 503 || e.Code != "" || e.RetryAfter != 2*time.Minute ||
		e.RequestID != "id-17" || e.Err != ErrUnavailable {
		t.Errorf("%v of %q, code %q, id %q", e, e.Op, e.Code, e.RequestID)
	}
	if !bytes.Equal(e.Body, body[:maxErrorBody]) {
		t.Errorf("%d bytes of the body", len(e.Body))
	}
	if got := retryAfter(fmt.Errorf("while syncing: %w", e)); got != 2*time.Minute {
		t.Errorf("retry after %v", got)
	}
	if got := retryAfter(io.EOF); got != 0 {
		t.Errorf("retry after %v of an error of another kind", got)
	}
}

// An error lives as long as its State does; the answer may have had 32 MiB.
func TestErrorsDoNotKeepTheAnswer(t *testing.T) {
	cause := errors.New("cut off")
	for name, make := range map[string]func(*rest.Response) *Error{
		"refusal":       func(r *rest.Response) *Error { return refusal("op", r) },
		"misunderstood": func(r *rest.Response) *Error { return misunderstood("op", r, cause) },
	} {
		body := bytes.Repeat([]byte("x"), 1<<20)
		resp := &rest.Response{Status: 500, Body: body}
		e := make(resp)
		if resp.Body != nil {
			t.Errorf("%s: the answer was not released", name)
		}
		clear(body) // as the next answer that is read into its memory does
		if len(e.Body) != maxErrorBody || cap(e.Body) > 2*maxErrorBody || bytes.ContainsRune(e.Body, 0) {
			t.Errorf("%s: the error keeps %d bytes, or those of the answer", name, cap(e.Body))
		}
	}
}

func TestErrorText(t *testing.T) {
	for want, e := range map[string]*Error{
		"fetch devices: status 400 EXPIRED_CURSOR: the cursor has expired": {
			Op: "fetch devices", StatusCode: 400, Code: "EXPIRED_CURSOR", Err: ErrCursorExpired},
		"fetch devices: status 400 NONCE_USED":          {Op: "fetch devices", StatusCode: 400, Code: "NONCE_USED"},
		"fetch devices: status 403":                     {Op: "fetch devices", StatusCode: 403, Body: []byte("<html>")},
		"fetch devices: status 500: the service failed": {Op: "fetch devices", StatusCode: 500, Err: ErrServer},
		"log in: status 503: the service is unavailable (retry after 2m0s)": {
			Op: "log in", StatusCode: 503, Err: ErrUnavailable, RetryAfter: 2 * time.Minute},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestErrorUnwraps(t *testing.T) {
	e := refusal("op", &rest.Response{Status: 403, Body: []byte("T_C_NOT_SIGNED")})
	wrapped := fmt.Errorf("nightly sync: %w", &PartialError{Err: e})
	if !errors.Is(wrapped, ErrTermsNotSigned) || errors.Is(wrapped, ErrTokenExpired) {
		t.Error("errors.Is does not find the sentinel alone")
	}
	if found, ok := errors.AsType[*Error](wrapped); !ok || found != e {
		t.Errorf("errors.As finds %v", found)
	}
	cause := errors.New("cut off")
	m := misunderstood("op", &rest.Response{Status: 200, Body: []byte("{")}, cause)
	if !errors.Is(m, ErrUnexpectedAnswer) || !errors.Is(m, cause) || string(m.Body) != "{" || m.Code != "" {
		t.Errorf("a success that cannot be read: %+v", m)
	}
	if i := incomplete("op", "it has no cursor"); !errors.Is(i, ErrUnexpectedAnswer) || i.StatusCode != 200 ||
		i.Error() != "op: status 200: the answer is not what was asked for: it has no cursor" {
		t.Errorf("an incomplete success: %v", i)
	}
}

func TestProfileNotFoundSentinel(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   error
	}{
		{400, "NOT_FOUND", ErrProfileNotFound},
		{400, "PROFILE_NOT_FOUND", ErrProfileNotFound},
		{400, "profile_not_found", ErrProfileNotFound},
		{404, "NOT_FOUND", ErrProfileNotFound},
		{404, "PROFILE_NOT_FOUND_HERE", ErrProfileNotFound},
		{404, "", nil},
		{404, "<html>", nil},
		{404, "The page could not be found\n\nNOT_FOUND", nil},
		{404, "Not Found", nil},
		{404, "SOMETHING_NEW", nil},
		{404, "DEVICE_NOT_FOUND", ErrDeviceNotFound},
		{404, "MALFORMED_REQUEST_BODY", ErrMalformedRequest},
		{400, "", nil},
		{400, "PROFILE_UUID_REQUIRED", ErrProfileUUIDRequired},
		{500, "NOT_FOUND", ErrNotFound},
	} {
		err := profileNotFound(refusal("op", &rest.Response{Status: test.status, Body: []byte(test.body)}))
		if e, ok := errors.AsType[*Error](err); !ok || e.Err != test.want {
			t.Errorf("%d %q: %v, want %v", test.status, test.body, err, test.want)
		}
	}
	if profileNotFound(nil) != nil || profileNotFound(io.EOF) != io.EOF {
		t.Error("other errors do not stay as they are")
	}
}

// The page of a proxy, or a server's default body, says nothing of the account.
func TestReasonPhraseAloneIsNoCode(t *testing.T) {
	for _, status := range []int{400, 401, 403, 500} {
		if code := errorCode(status, []byte(http.StatusText(status))); code != "" {
			t.Errorf("status %d: code %q", status, code)
		}
	}
	if err := refusal("op", &rest.Response{Status: 403, Body: []byte("Forbidden")}); errors.Is(err, ErrForbidden) || stateOf(err) != StateUnknown {
		t.Errorf("%v: state %q", err, stateOf(err))
	}
}

// A service that is not there at all says nothing of the profile.
func TestAMissingLoginIsNoMissingProfile(t *testing.T) {
	err := profileNotFound(refusal(opLogin, &rest.Response{Status: 404, Body: []byte("NOT_FOUND")}))
	if errors.Is(err, ErrProfileNotFound) {
		t.Errorf("%v", err)
	}
}
