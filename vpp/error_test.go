package vpp_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/vpp"
)

// answering is a service whose configuration is empty and that answers everything else in one way.
func answering(status int, header map[string]string, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == configPath {
			_, _ = io.WriteString(w, "{}")
			return
		}
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// documented is every number that Apple documents, its status, and what callers see of it.
var documented = []struct {
	number vpp.Number
	value  int
	status int
	is     error
}{
	{vpp.NumberLoginRequired, 9601, 401, vpp.ErrTokenInvalid},
	{vpp.NumberInvalidArgument, 9602, 400, vpp.ErrInvalidRequest},
	{vpp.NumberInternal, 9603, 500, vpp.ErrServer},
	{vpp.NumberUserNotFound, 9609, 400, vpp.ErrUserNotFound},
	{vpp.NumberTokenExpired, 9621, 401, vpp.ErrTokenExpired},
	{vpp.NumberTokenMalformed, 9622, 401, vpp.ErrTokenInvalid},
	{vpp.NumberPushToken, 9623, 400, vpp.ErrInvalidRequest},
	{vpp.NumberTokenRevoked, 9625, 401, vpp.ErrTokenRevoked},
	{vpp.NumberServiceRemoved, 9634, 410, vpp.ErrServiceRemoved},
	{vpp.NumberAccountUnusable, 9635, 400, vpp.ErrAccountUnusable},
	{vpp.NumberForbidden, 9637, 403, vpp.ErrForbidden},
	{vpp.NumberAccountTaken, 9641, 400, vpp.ErrAccountTaken},
	{vpp.NumberMaintenance, 9644, 503, vpp.ErrMaintenance},
	{vpp.NumberTooManyRequests, 9646, 429, vpp.ErrTooManyRequests},
	{vpp.NumberNotLocationToken, 9647, 403, vpp.ErrNotLocationToken},
	{vpp.NumberPageIndex, 9650, 400, vpp.ErrPageIndex},
	{vpp.NumberTooManyAssets, 9700, 400, vpp.ErrTooMany},
	{vpp.NumberTooManyClientIDs, 9701, 400, vpp.ErrTooMany},
	{vpp.NumberTooManySerials, 9702, 400, vpp.ErrTooMany},
	{vpp.NumberDuplicateAssets, 9703, 400, vpp.ErrDuplicate},
	{vpp.NumberDuplicateClientID, 9704, 400, vpp.ErrDuplicate},
	{vpp.NumberDuplicateSerial, 9705, 400, vpp.ErrDuplicate},
	{vpp.NumberNotRevocable, 9706, 400, vpp.ErrNotRevocable},
	{vpp.NumberNotDeviceAssignable, 9707, 400, vpp.ErrNotDeviceAssignable},
	{vpp.NumberEvent, 9708, 400, vpp.ErrEvent},
	{vpp.NumberNotEnoughLicenses, 9709, 400, vpp.ErrNotEnoughLicenses},
	{vpp.NumberNotificationIncomplete, 9710, 400, vpp.ErrNotificationIncomplete},
	{vpp.NumberNotificationTooLong, 9711, 400, vpp.ErrNotificationTooLong},
	{vpp.NumberNotificationURL, 9712, 400, vpp.ErrNotificationURL},
	{vpp.NumberMDMMetadataTooLong, 9713, 400, vpp.ErrInvalidRequest},
	{vpp.NumberTooManyUsers, 9714, 400, vpp.ErrTooMany},
	{vpp.NumberDuplicateUsers, 9715, 400, vpp.ErrDuplicate},
	{vpp.NumberUserExists, 9716, 400, vpp.ErrUserExists},
	{vpp.NumberEmail, 9717, 400, vpp.ErrInvalidRequest},
	{vpp.NumberAssetsMissing, 9718, 400, vpp.ErrInvalidRequest},
	{vpp.NumberTargetsMissing, 9719, 400, vpp.ErrInvalidRequest},
	{vpp.NumberUsersMissing, 9720, 400, vpp.ErrInvalidRequest},
	{vpp.NumberVersion, 9721, 400, vpp.ErrVersion},
	{vpp.NumberAuthorizationMalformed, 9722, 401, vpp.ErrTokenInvalid},
	{vpp.NumberMDMInfoIncomplete, 9723, 400, vpp.ErrInvalidRequest},
	{vpp.NumberMDMIDTooLong, 9724, 400, vpp.ErrInvalidRequest},
	{vpp.NumberMDMNameTooLong, 9725, 400, vpp.ErrInvalidRequest},
	{vpp.NumberMethod, 9726, 405, vpp.ErrInvalidRequest},
	{vpp.NumberContentType, 9727, 415, vpp.ErrInvalidRequest},
	{vpp.NumberNotificationUnreachable, 9728, 400, vpp.ErrNotificationUnreachable},
	{vpp.NumberUnavailable, 9729, 503, vpp.ErrMaintenance},
	{vpp.NumberSubscriptionRequest, 9811, 400, vpp.ErrInvalidRequest},
	{vpp.NumberCursor, 9812, 400, vpp.ErrCursor},
	{vpp.NumberAdamID, 9813, 400, vpp.ErrInvalidRequest},
	{vpp.NumberUserNotAssociated, 9814, 400, vpp.ErrUserNotAssociated},
	{vpp.NumberNoSubscription, 9815, 400, vpp.ErrNoSubscription},
	{vpp.NumberTooManySubscription, 9816, 400, vpp.ErrTooMany},
	{vpp.NumberSubscriptionByGroup, 9817, 400, vpp.ErrSubscriptionByGroup},
	{vpp.NumberSubscriptionsExist, 9818, 400, vpp.ErrSubscriptionsExist},
}

func TestEveryNumber(t *testing.T) {
	if len(documented) != 54 {
		t.Errorf("%d numbers", len(documented))
	}
	for _, tc := range documented {
		for _, status := range []int{tc.status, 200} {
			t.Run(fmt.Sprint(tc.value, " in ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					body := fmt.Sprintf(`{"errorNumber":%d,"errorMessage":"as Apple says","errorInfo":{`+
						`"assets":[{"adamId":"7","pricingParam":"STDQ"}],"clientUserIds":["u-1"],"serialNumbers":["DEMO1"],"new":1}}`, tc.value)
					config, err := wireClient(t, answering(status, nil, body), nil).ClientConfig(t.Context())
					if config != nil || int(tc.number) != tc.value {
						t.Errorf("%+v, constant %d", config, int(tc.number))
					}
					want := &wireError{
						status: status, number: tc.number, message: "as Apple says", is: tc.is, op: "read the client configuration",
						info: vpp.ErrorInfo{Assets: []vpp.AssetKey{{AdamID: "7", PricingParam: "STDQ"}},
							ClientUserIDs: []string{"u-1"}, SerialNumbers: []string{"DEMO1"}, Unknown: raw("new", "1")},
					}
					want.compare(t, err, body)
					if text := err.Error(); !strings.Contains(text, fmt.Sprintf("error %d: %v", tc.value, tc.is)) {
						t.Error(text)
					}
					if text := tc.number.String(); !strings.HasPrefix(text, fmt.Sprintf("%d (", tc.value)) {
						t.Error(text)
					}
				})
			})
		}
	}
}

// The sentinels of notifications are one, and four.
func TestNotificationSentinels(t *testing.T) {
	four := []error{vpp.ErrNotificationIncomplete, vpp.ErrNotificationTooLong, vpp.ErrNotificationURL, vpp.ErrNotificationUnreachable}
	for i, a := range four {
		if !errors.Is(a, vpp.ErrNotification) {
			t.Errorf("%v is not ErrNotification", a)
		}
		for j, b := range four {
			if errors.Is(a, b) != (i == j) {
				t.Errorf("%v is %v: %v", a, b, errors.Is(a, b))
			}
		}
	}
}

func TestAnswersThatAreNoSuccess(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		header map[string]string
		body   string
		want   wireError
		text   string // in the message, if set
	}{
		"unknown number":        {400, nil, `{"errorNumber":9999,"errorMessage":"news"}`, wireError{status: 400, number: 9999, message: "news"}, `status 400 error 9999: "news"`},
		"unknown number in 200": {200, nil, `{"errorNumber":9999}`, wireError{status: 200, number: 9999}, ""},
		"unknown number in 500": {500, nil, `{"errorNumber":9999}`, wireError{status: 500, number: 9999, is: vpp.ErrServer}, ""},
		"number in quotes":      {401, nil, `{"errorNumber":"9625"}`, wireError{status: 401, number: 9625, is: vpp.ErrTokenRevoked}, ""},
		"text alone in 200":     {200, nil, `{"errorMessage":"no"}`, wireError{status: 200, message: "no", is: vpp.ErrUnexpectedAnswer}, ""},
		"info of another form":  {400, nil, `{"errorNumber":9602,"errorInfo":["x"]}`, wireError{status: 400, number: 9602, is: vpp.ErrInvalidRequest}, ""},
		"info half right":       {400, nil, `{"errorNumber":9602,"errorInfo":{"assets":1}}`, wireError{status: 400, number: 9602, is: vpp.ErrInvalidRequest}, ""},
		"info null":             {400, nil, `{"errorNumber":9602,"errorInfo":null}`, wireError{status: 400, number: 9602, is: vpp.ErrInvalidRequest}, ""},
		"bare 401":              {401, nil, ``, wireError{status: 401, is: vpp.ErrTokenInvalid}, ""},
		"bare 403":              {403, nil, ``, wireError{status: 403, is: vpp.ErrForbidden}, ""},
		"bare 404":              {404, nil, `<html>`, wireError{status: 404}, "status 404"},
		"bare 410":              {410, nil, ``, wireError{status: 410, is: vpp.ErrServiceRemoved}, ""},
		"bare 429":              {429, map[string]string{"Retry-After": "7"}, ``, wireError{status: 429, is: vpp.ErrTooManyRequests, retryAfter: 7 * time.Second}, "(retry after 7s)"},
		"bare 500":              {500, nil, ``, wireError{status: 500, is: vpp.ErrServer}, ""},
		"gateway":               {502, nil, `<html>Bad gateway</html>`, wireError{status: 502, is: vpp.ErrServer}, ""},
		"bare 503":              {503, map[string]string{"Retry-After": "120"}, ``, wireError{status: 503, is: vpp.ErrMaintenance, retryAfter: 2 * time.Minute}, ""},
		"redirect":              {307, map[string]string{"Location": "https://elsewhere.test/"}, ``, wireError{status: 307, is: vpp.ErrUnexpectedAnswer}, ""},
		"created":               {201, nil, `{}`, wireError{status: 201, is: vpp.ErrUnexpectedAnswer}, ""},
		"empty":                 {200, nil, ``, wireError{status: 200, is: vpp.ErrUnexpectedAnswer}, "the body is empty"},
		"null":                  {200, nil, `null`, wireError{status: 200, is: vpp.ErrUnexpectedAnswer}, ""},
		"cut":                   {200, nil, `{"uId":"4`, wireError{status: 200, is: vpp.ErrUnexpectedAnswer}, ""},
		"page of a gateway":     {200, nil, `<html>`, wireError{status: 200, is: vpp.ErrUnexpectedAnswer}, ""},
		"request ID":            {400, map[string]string{"X-Apple-Request-UUID": "r-1"}, `{"errorNumber":9602}`, wireError{status: 400, number: 9602, is: vpp.ErrInvalidRequest, requestID: "r-1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config, err := wireClient(t, answering(tc.status, tc.header, tc.body), nil).ClientConfig(t.Context())
				if config != nil {
					t.Errorf("%+v beside the error", config)
				}
				tc.want.compare(t, err, tc.body)
				if err != nil && !strings.Contains(err.Error(), tc.text) {
					t.Error(err)
				}
			})
		})
	}
}

func TestErrorsKeepABoundedBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := `{"errorNumber":9602,"x":"` + strings.Repeat("y", 100_000) + `"}`
		_, err := wireClient(t, answering(400, nil, body), nil).ClientConfig(t.Context())
		e, ok := errors.AsType[*vpp.Error](err)
		if !ok || len(e.Body) != 64<<10 || e.Number != 9602 {
			t.Errorf("%v", err)
		}
	})
}

// A client configuration holds the token of the notifications.
func TestErrorsHoldNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := `{"notificationAuthToken":"s3cr3t-42","subscribedNotificationTypes":7}`
		_, err := wireClient(t, answering(200, nil, body), nil).ClientConfig(t.Context())
		e, ok := errors.AsType[*vpp.Error](err)
		if !ok || e.Body != nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, *e), "s3cr3t") {
			t.Errorf("%+v", err)
		}
	})
}

func TestClaimedErrorNamesWho(t *testing.T) {
	err := error(&vpp.ClaimedError{By: vpp.MDMInfo{ID: "mdm-9", Name: "Other MDM"}})
	want := `the location is claimed by another device-management server: "Other MDM" (ID "mdm-9")`
	if diff := cmp.Diff(want, err.Error()); diff != "" || !errors.Is(err, vpp.ErrClaimedByOther) {
		t.Error(diff)
	}
}

func TestNumberNamesWhatItKnows(t *testing.T) {
	for number, want := range map[vpp.Number]string{9709: "9709 (not enough licenses)", 4: "4"} {
		if got := number.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
