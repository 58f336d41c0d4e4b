package vpptest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

func TestClientConfigErrors(t *testing.T) {
	c := start(t, nil)
	r := &receiver{status: func(int) int { return 401 }}
	c.srv.DeliverTo(r)
	long := strings.Repeat("x", 513)
	for body, number := range map[string]int{
		`{"notificationUrl":"https://a.example/"}`:                                                       9710,
		`{"notificationAuthToken":"t"}`:                                                                  9710,
		`{"notificationUrl":"","notificationAuthToken":"t"}`:                                             9710,
		`{"notificationUrl":"https://a.example/` + long + `","notificationAuthToken":"t"}`:               9711,
		`{"notificationUrl":"https://a.example/","notificationAuthToken":"` + long + `"}`:                9711,
		`{"notificationUrl":"http://a.example/","notificationAuthToken":"t"}`:                            9712,
		`{"notificationUrl":"https://a.example/?q=1","notificationAuthToken":"t"}`:                       9712,
		`{"notificationUrl":"https:///hook","notificationAuthToken":"t"}`:                                9712,
		`{"notificationUrl":"https://a.example/","notificationAuthToken":"t","notificationTypes":["X"]}`: 9602,
		`{"notificationUrl":"https://a.example/","notificationAuthToken":"t"}`:                           9728,
		`{"mdmInfo":{"id":"a","name":"b"}}`:                                                              9723,
		`{"mdmInfo":{"id":"a","name":"b","metadata":""}}`:                                                9723,
		`{"mdmInfo":{"id":"` + long[:101] + `","name":"b","metadata":"c"}}`:                              9724,
		`{"mdmInfo":{"id":"a","name":"` + long[:101] + `","metadata":"c"}}`:                              9725,
		`{"mdmInfo":{"id":"a","name":"b","metadata":"` + long[:256] + `"}}`:                              9713,
		`{"mdmInfo":[]}`: 9602,
	} {
		c.wantError("/client/config", body, 400, number)
	}
	c.wantViolation("body:")
	if got := r.got(); got != "TEST_NOTIFICATION" {
		t.Errorf("got %q", got)
	}
	// A refused call has changed nothing; one without a body is a read.
	const empty = `{"countryISO2ACode":"US","defaultPlatform":"enterprisestore","locationName":"Location 1","uId":"2049000000000001","websiteURL":"https://business.apple.com"}`
	c.want("/client/config", "", 200, empty)
	if a := c.post("/client/config", ""); a.String() != "200 "+empty {
		t.Error(a)
	}
	// DeliverTo(nil) ends the delivery to the handler; nobody listens at that address.
	c.srv.DeliverTo(nil)
	c.wantError("/client/config", `{"notificationUrl":"https://127.0.0.1:1/","notificationAuthToken":"t"}`, 400, 9728)
	c.want("/client/config", `{"mdmInfo":{"id":"a","name":"b","metadata":"c","more":1},"notificationTypes":["TEST_NOTIFICATION"]}`, 200, "")
	c.wantViolation(`"more"`)
}

func TestNotifyClient(t *testing.T) {
	var got string
	c := start(t, &vpptest.Options{NotifyClient: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		got = r.URL.String()
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	})}})
	c.want("/client/config", `{"notificationUrl":"https://a.example/hook","notificationAuthToken":"t"}`, 200, "")
	if got != "https://a.example/hook" {
		t.Errorf("sent to %q", got)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClaims(t *testing.T) {
	c := start(t, nil)
	create := func(id string) { c.done("/users/create", `{"users":[{"clientUserId":"`+id+`"}]}`) }
	const mine = `"mdmInfo":{"id":"7d0c","name":"Acme MDM","metadata":"mdm.acme.example"}`
	if a := c.want("/client/config", `{`+mine+`}`, 200, ""); !strings.Contains(a.body, mine) {
		t.Error(a)
	}
	create("a")
	c.loc.ClaimByOther("other", "Other MDM", "other.example")
	create("b") // the client cannot know
	c.wantNoViolations()
	c.event("/users/create", `{"users":[{"clientUserId":"c"}]}`) // now it should
	c.wantViolation("another MDM has claimed")
	if a := c.get("/users"); !strings.Contains(a.body, `"mdmInfo":{"id":"other","name":"Other MDM","metadata":"other.example"}`) {
		t.Error(a)
	}
	c.want("/client/config", `{`+mine+`}`, 200, "")
	create("d")
	c.wantNoViolations()
}
