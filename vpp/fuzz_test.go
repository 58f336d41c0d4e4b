package vpp

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/internal/lenient"
	"github.com/applemdm/applemdm/internal/rest"
)

// seedJSON adds texts, and each of them cut off in the middle.
func seedJSON(f *testing.F, texts ...string) {
	for _, text := range texts {
		f.Add([]byte(text))
		f.Add([]byte(text[:len(text)/2]))
	}
}

// checkDecoding decodes data into a new T. What can be decoded must encode, and decode to the same.
func checkDecoding[T any](t *testing.T, data []byte) {
	var first, second T
	if lenient.Decode(data, &first) != nil {
		return
	}
	text, err := json.Marshal(&first)
	if err != nil {
		t.Fatalf("%q was decoded but cannot be encoded: %v", data, err)
	}
	if err := lenient.Decode(text, &second); err != nil {
		t.Fatalf("%q became %q, which cannot be decoded: %v", data, text, err)
	}
	if diff := cmp.Diff(first, second, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%q became %q (-first +second):\n%s", data, text, diff)
	}
}

func FuzzParseToken(f *testing.F) {
	for _, inside := range []string{
		`{"token":"QUJD","expDate":"2099-03-04T09:10:11+0000","orgName":"A"}`, `{"token":"x","expDate":"0000-01-01T00:00:00+2300"}`,
		`{"token":"` + "\xff" + `","expDate":"9999-12-31T23:59:59-2300","orgName":7}`, `{"consumer_key":"CK"}`, `{`,
	} {
		f.Add([]byte(inside))
		f.Add([]byte(base64.StdEncoding.EncodeToString([]byte(inside))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		token, err := ParseToken(data)
		if err != nil {
			_, wrong := errors.AsType[*WrongFileError](err)
			_, input := errors.AsType[*InputError](err)
			if !wrong && !input || token != nil {
				t.Fatalf("%v, %T", token, err)
			}
			return
		}
		again, err := ParseToken(token.Reveal())
		if err != nil || string(again.Reveal()) != string(token.Reveal()) || !again.Expiry.Equal(token.Expiry) || again.OrgName != token.OrgName {
			t.Fatalf("%q became %v, %v", data, again, err)
		}
		if text := string(token.Reveal()); strings.ContainsAny(text, "\r\n \x00") {
			t.Fatalf("%q does not fit into a header", text)
		}
		if shown, err := json.Marshal(token); err != nil || strings.Contains(string(shown), string(token.Reveal())) {
			t.Fatalf("%q shows as %q, %v", data, shown, err)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	seedJSON(f,
		`{"assets":[{"adamId":1,"totalCount":2147483647,"supportedPlatforms":["iOS"],"x":{"a":1,"a":2}}],"unlimitedAssets":[{}],"nextPageIndex":1,"totalPages":2,"versionId":"v","uId":"4","mdmInfo":null}`,
		`{"assignments":[{"adamId":"1","clientUserId":"u","userStatus":"Deleted","renewing":true},{"serialNumber":"\ud800"}],"nextCursor":"c"}`,
		`{"users":[{"clientUserId":"u","status":"Retired","inviteCode":null}],"currentPageIndex":3}`,
		`{"subscriptions":[{"parentAdamId":null,"adamId":"900001","periodEndDate":"2027-01-31","counts":{"total":{"renewing":-1}}}]}`,
		`{"admins":[{"adamId":1e3,"idHash":"x"}],"tokenExpirationDate":"soon"}`,
		`{"limits":{"maxAssets":25,"new":1},"urls":{"getUsers":"https://a.test/x","clientConfig":"http://["},"errorCodes":[{"errorNumber":9602}],"notificationTypes":["A"]}`,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkDecoding[Asset](t, data)
		checkDecoding[Assignment](t, data)
		checkDecoding[User](t, data)
		checkDecoding[Subscription](t, data)
		checkDecoding[SubscriptionAssignment](t, data)
		checkDecoding[SubscriptionAdmin](t, data)
		checkDecoding[ServiceConfig](t, data)
		checkDecoding[ErrorInfo](t, data)
		checkPage[Asset](t, data, new(assetsAnswer))
		checkPage[Assignment](t, data, new(assignmentsAnswer))
		checkPage[User](t, data, new(usersAnswer))
		checkPage[Subscription](t, data, new(subscriptionsAnswer))
		checkPage[SubscriptionAssignment](t, data, new(subscriptionAssignmentsAnswer))
		checkPage[SubscriptionAdmin](t, data, new(subscriptionAdminsAnswer))
	})
}

// checkPage reads data as a page. What its items keep must encode.
func checkPage[T any](t *testing.T, data []byte, answer pageAnswer[T]) {
	if lenient.Decode(data, answer) != nil {
		return
	}
	for _, item := range answer.items() {
		if _, err := json.Marshal(&item); err != nil {
			t.Fatalf("%q holds an item that cannot be encoded: %v", data, err)
		}
	}
	_ = answer.tail().check("read", 0)
	_ = new(location).note(answer.common(), nil, 0)
}

func FuzzRefusal(f *testing.F) {
	seedJSON(f,
		`{"errorNumber":9705,"errorMessage":"duplicate serial numbers","errorInfo":{"serialNumbers":["A","A"],"assets":[{"adamId":1}],"clientUserIds":null}}`,
		`{"errorNumber":"9625"}`, `{"errorNumber":null,"errorMessage":"x"}`, `{"errorNumber":1e99}`, `{"errorMessage":"\ud800"}`, `[{"error`,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, status := range []int{200, 400, 503} {
			e := refusal("op", &rest.Response{Status: status, Body: data})
			if (e == nil) != (status == 200 && !saysError(data)) {
				t.Fatalf("%q with status %d: %v", data, status, e)
			}
			if e != nil && (e.StatusCode != status || e.Error() == "") {
				t.Fatalf("%+v", e)
			}
		}
	})
}

func saysError(data []byte) bool {
	_, found := readReported(data)
	return found
}

func FuzzPublishedURL(f *testing.F) {
	for _, url := range []string{"https://vpp.itunes.apple.com/mdm/v2/assets", "https://apple.com.evil.test/x", "https://evil.test/.apple.com",
		"https://apple.com@evil.test/x", "https://evil.test#.apple.com/", "https://vpp.itunes.apple.com/mdm/v2/../../x", "//vpp.itunes.apple.com/x", "https:vpp"} {
		f.Add(url)
	}
	c, err := New(&Token{}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, url string) {
		to, ok := c.targetOf(url)
		if ok && to.engine == nil {
			t.Fatal("no engine")
		}
		if !ok {
			return
		}
		base := strings.ToLower(to.engine.BaseURL)
		host := strings.TrimPrefix(base, "https://")
		host, _, _ = strings.Cut(host, "/")
		host = strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":")
		if !strings.HasPrefix(base, "https://") || host != "apple.com" && !strings.HasSuffix(host, ".apple.com") {
			t.Fatalf("%q leads to %q", url, to.engine.BaseURL)
		}
	})
}
