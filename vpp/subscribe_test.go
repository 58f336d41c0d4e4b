package vpp_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

const (
	ownMDM   = `"mdmInfo":{"id":"mdm-1","name":"Demo MDM","metadata":"mdm.example.test"}`
	otherMDM = `"mdmInfo":{"id":"c0ffee","name":"Old MDM","metadata":"old.example.test"}`
)

// subscribing returns a client of a service that publishes some types and answers with these bodies,
// one after the other; "400 …" is a body with that status.
func subscribing(t *testing.T, change func(*vpp.Options), bodies ...string) (*vpp.Client, *[]string) {
	t.Helper()
	var bodiesSent []string
	c := wireClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == configPath {
			_, _ = w.Write([]byte(`{"notificationTypes":["USER_MANAGEMENT","TEST_NOTIFICATION","ASSET_COUNT"],"limits":{"maxNotificationLength":64,"maxRequestPerSecond":100000}}`))
			return
		}
		sent := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(sent)
		bodiesSent = append(bodiesSent, strings.TrimSpace(r.Method+" "+string(sent)))
		if len(bodies) == 0 {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		body, refused := strings.CutPrefix(bodies[0], "400 ")
		bodies = bodies[1:]
		if refused {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write([]byte(body))
	}), change)
	return c, &bodiesSent
}

func hookConfig(types string) string {
	return `{"uId":"42",` + ownMDM + `,"notificationUrl":"` + hookURL + `","notificationAuthToken":"s3cr3t-42","subscribedNotificationTypes":[` + types + `]}`
}

func TestSubscribe(t *testing.T) {
	const (
		free = `{"uId":"42"}`
		post = `POST {"notificationUrl":"` + hookURL + `","notificationAuthToken":"s3cr3t-42","notificationTypes":`
		both = `"ASSET_COUNT","USER_MANAGEMENT"`
	)
	nobody := func(o *vpp.Options) { o.MDM = vpp.MDMInfo{} }
	for name, tc := range map[string]struct {
		change func(*vpp.Options)
		types  []vpp.NotificationType
		bodies []string
		want   []string // requests
		is     error
		says   string
	}{
		"to what is published": {bodies: []string{free, hookConfig(both)}, want: []string{"GET", post + "[" + both + "]}"}},
		"to named types, once each": {types: []vpp.NotificationType{"NEW_TYPE", "ASSET_COUNT", "NEW_TYPE"},
			bodies: []string{free, hookConfig(`"ASSET_COUNT","NEW_TYPE"`)}, want: []string{"GET", post + `["ASSET_COUNT","NEW_TYPE"]}`}},
		"once more":                    {bodies: []string{hookConfig(`"USER_MANAGEMENT","ASSET_COUNT"`)}, want: []string{"GET"}},
		"with other types than before": {bodies: []string{hookConfig(`"ASSET_COUNT","NEW_TYPE"`), hookConfig(both)}, want: []string{"GET", post + "[" + both + "]}"}},
		"with more types than before":  {bodies: []string{hookConfig(`"ASSET_COUNT"`), hookConfig(both)}, want: []string{"GET", post + "[" + both + "]}"}},
		"with another token than before": {bodies: []string{strings.Replace(hookConfig(both), "s3cr3t-42", "old", 1), hookConfig(both)},
			want: []string{"GET", post + "[" + both + "]}"}},
		"in the place of another server": {bodies: []string{`{"uId":"42",` + otherMDM + `}`}, want: []string{"GET"}, is: vpp.ErrClaimedByOther,
			says: "subscribe to notifications: "},
		"as nobody, where nobody else is":  {change: nobody, bodies: []string{free, hookConfig(both)}, want: []string{"GET", post + "[" + both + "]}"}},
		"as nobody, where somebody is":     {change: nobody, bodies: []string{`{"uId":"42",` + ownMDM + `}`}, want: []string{"GET"}, is: vpp.ErrClaimedByOther},
		"incomplete, says Apple":           {bodies: []string{free, `400 {"errorNumber":9710}`}, want: []string{"GET", post + "[" + both + "]}"}, is: vpp.ErrNotificationIncomplete},
		"too long, says Apple":             {bodies: []string{free, `400 {"errorNumber":9711}`}, want: []string{"GET", post + "[" + both + "]}"}, is: vpp.ErrNotificationTooLong},
		"to what is no address for Apple":  {bodies: []string{free, `400 {"errorNumber":9712}`}, want: []string{"GET", post + "[" + both + "]}"}, is: vpp.ErrNotificationURL},
		"to what Apple does not reach":     {bodies: []string{free, `400 {"errorNumber":9728,"errorMessage":"s3cr3t-42"}`}, want: []string{"GET", post + "[" + both + "]}"}, is: vpp.ErrNotificationUnreachable},
		"without the configuration":        {bodies: []string{`400 {"errorNumber":9625}`}, want: []string{"GET"}, is: vpp.ErrTokenRevoked},
		"and get fewer of those published": {bodies: []string{free, hookConfig(`"ASSET_COUNT"`)}, want: []string{"GET", post + "[" + both + "]}"}},
		"and get fewer of those named": {types: []vpp.NotificationType{"USER_MANAGEMENT", "ASSET_COUNT"}, bodies: []string{free, hookConfig(`"ASSET_COUNT"`)},
			want: []string{"GET", post + "[" + both + "]}"}, is: vpp.ErrUnexpectedAnswer, says: "it does not confirm the type USER_MANAGEMENT"},
		"and get none": {bodies: []string{free, hookConfig("")}, want: []string{"GET", post + "[" + both + "]}"}, is: vpp.ErrUnexpectedAnswer, says: "it confirms no type"},
		"and get another address": {bodies: []string{free, strings.Replace(hookConfig(both), "/42", "/43", 1)}, want: []string{"GET", post + "[" + both + "]}"},
			is: vpp.ErrUnexpectedAnswer, says: "it does not confirm the address"},
		"and get another token": {bodies: []string{free, strings.Replace(hookConfig(both), "s3cr3t-42", "s3cr3t-43", 1)}, want: []string{"GET", post + "[" + both + "]}"},
			is: vpp.ErrUnexpectedAnswer, says: "it has another token"},
		"and get no token back": {bodies: []string{free, strings.Replace(hookConfig(both), `"notificationAuthToken":"s3cr3t-42",`, "", 1)}, want: []string{"GET", post + "[" + both + "]}"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, sent := subscribing(t, tc.change, tc.bodies...)
			config, err := c.Subscribe(t.Context(), hookURL, hookToken, tc.types...)
			if diff := cmp.Diff(tc.want, *sent); diff != "" {
				t.Error(diff)
			}
			if tc.is == nil && (err != nil || config.NotificationURL != hookURL) {
				t.Errorf("%+v, %v", config, err)
			}
			if tc.is != nil && (!errors.Is(err, tc.is) || config != nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "s3cr3t")) {
				t.Errorf("%+v, %v", config, err)
			}
			if e, ok := errors.AsType[*vpp.Error](err); ok && strings.Contains(string(e.Body), "s3cr3t") {
				t.Errorf("%s", e.Body)
			}
		})
	}
}

// A service that publishes no types has those that Apple's example shows.
func TestSubscribeWhereNoTypesArePublished(t *testing.T) {
	var body string
	c := wireClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			sent := make([]byte, r.ContentLength)
			_, _ = r.Body.Read(sent)
			body = string(sent)
			_, _ = w.Write([]byte(hookConfig(`"ASSET_COUNT"`)))
			return
		}
		_, _ = w.Write([]byte("{}"))
	}), nil)
	_, err := c.Subscribe(t.Context(), hookURL, hookToken)
	if err != nil || !strings.Contains(body, `"notificationTypes":["ASSET_COUNT","ASSET_MANAGEMENT","USER_ASSOCIATED","USER_MANAGEMENT"]`) {
		t.Errorf("%s, %v", body, err)
	}
}

func TestSubscribeChecksItsArguments(t *testing.T) {
	long := strings.Repeat("x", 64)
	for name, tc := range map[string]struct {
		address, token string
		types          []vpp.NotificationType
		field, rule    string
	}{
		"no address":        {"", "t", nil, "address", "https"},
		"no URL":            {"https://[", "t", nil, "address", "https"},
		"no TLS":            {"http://a.test/x", "t", nil, "address", "https"},
		"no host":           {"https:///x", "t", nil, "address", "host"},
		"a port alone":      {"https://:443/x", "t", nil, "address", "host"},
		"a query":           {"https://a.test/x?y", "t", nil, "address", "host and path only"},
		"an empty query":    {"https://a.test/x?", "t", nil, "address", "host and path only"},
		"a fragment":        {"https://a.test/x#y", "t", nil, "address", "host and path only"},
		"a user":            {"https://u:p@a.test/x", "t", nil, "address", "host and path only"},
		"a blank":           {"https://a.test/x y", "t", nil, "address", "ASCII"},
		"an umlaut":         {"https://a.test/ü", "t", nil, "address", "ASCII"},
		"a long address":    {"https://a.test/" + long, "t", nil, "address", "79 characters; Apple allows 64"},
		"no token":          {"https://a.test/x", "", nil, "token", "not empty"},
		"a line end":        {"https://a.test/x", "t\n", nil, "token", "ASCII"},
		"a long token":      {"https://a.test/x", long + "y", nil, "token", "65 characters; Apple allows 64"},
		"an empty type":     {"https://a.test/x", "t", []vpp.NotificationType{""}, "types", "empty"},
		"the type of tests": {"https://a.test/x", "t", []vpp.NotificationType{vpp.NotificationTest}, "types", "by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			c, sent := subscribing(t, nil)
			config, err := c.Subscribe(t.Context(), tc.address, vpp.NewSecret(tc.token), tc.types...)
			e, ok := errors.AsType[*vpp.InputError](err)
			if !ok || e.Field != tc.field || !strings.Contains(e.Rule, tc.rule) || config != nil || len(*sent) != 0 {
				t.Errorf("%v after %v", err, *sent)
			}
		})
	}
	s := newSite(t, nil, nil)
	s.srv.Fail(vpptest.Fault{Path: configPath, Kind: vpptest.HTML, Status: 404})
	if _, err := s.client.Subscribe(t.Context(), hookURL, hookToken); err == nil {
		t.Error("subscribed without a service configuration")
	}
}

func TestUnsubscribe(t *testing.T) {
	const clear = `POST {"notificationUrl":"","notificationAuthToken":"","notificationTypes":[]}`
	set, gone := hookConfig(`"ASSET_COUNT"`), `{"uId":"42",`+ownMDM+`}`
	for name, tc := range map[string]struct {
		bodies []string
		want   []string
		is     error
	}{
		"what was subscribed":        {[]string{set, gone, gone}, []string{"GET", clear, "GET"}, nil},
		"what was not":               {[]string{gone}, []string{"GET"}, nil},
		"and keep the address alone": {[]string{set, set, hookConfig("")}, []string{"GET", clear, "GET"}, nil},
		"in vain":                    {[]string{set, gone, set}, []string{"GET", clear, "GET"}, vpp.ErrUnexpectedAnswer},
		"and be refused":             {[]string{set, `400 {"errorNumber":9712}`}, []string{"GET", clear}, vpp.ErrNotificationURL},
		"what another server has":    {[]string{`{` + otherMDM + `}`}, []string{"GET"}, vpp.ErrClaimedByOther},
		"and not see whether it did": {[]string{set, gone, `400 {"errorNumber":9603}`}, []string{"GET", clear, "GET"}, vpp.ErrServer},
	} {
		t.Run(name, func(t *testing.T) {
			c, sent := subscribing(t, nil, tc.bodies...)
			err := c.Unsubscribe(t.Context())
			if diff := cmp.Diff(tc.want, *sent); diff != "" || !errors.Is(err, tc.is) {
				t.Errorf("%v: %s", err, diff)
			}
		})
	}
}

// The simulator takes what is sent, and sends where it was told.
func TestSubscribeAndUnsubscribe(t *testing.T) {
	s, r := hooked(t, nil, nil)
	config, err := s.client.Subscribe(t.Context(), hookURL, hookToken, vpp.NotificationUserManagement, vpp.NotificationAssetCount)
	if err != nil {
		t.Fatal(err)
	}
	want := []vpp.NotificationType{vpp.NotificationAssetCount, vpp.NotificationUserManagement}
	if diff := cmp.Diff(want, config.SubscribedNotificationTypes, cmpopts.SortSlices(func(a, b vpp.NotificationType) bool { return a < b })); diff != "" {
		t.Error(diff)
	}
	if !config.NotificationAuthToken.Equal(hookToken) || r.Stats().Handled != 2 {
		t.Errorf("%+v, %+v", config, r.Stats())
	}
	if err := s.client.Unsubscribe(t.Context()); err != nil {
		t.Error(err)
	}
	if config, err = s.client.ClientConfig(t.Context()); err != nil || config.NotificationURL != "" || !config.NotificationAuthToken.IsZero() {
		t.Errorf("%+v, %v", config, err)
	}
	s.noViolations(t)
}

// Another server may claim the location while this one looks who has.
func TestSubscribeWhileAnotherServerClaims(t *testing.T) {
	s := newSite(t, nil, nil)
	s.srv.DeliverTo(s.newReceiver(t, nil))
	var client *vpp.Client
	client = s.newClient(t, func(o *vpp.Options) {
		o.OnState = func(state vpp.State) {
			if state.Kind == vpp.StateOK { // after it has looked
				s.ClaimByOther("c0ffee", "Old MDM", "x")
				_, _ = client.ClientConfig(t.Context())
			}
		}
	})
	if _, err := client.Subscribe(t.Context(), hookURL, hookToken); !errors.Is(err, vpp.ErrClaimedByOther) {
		t.Error(err)
	}
	if n := s.srv.Count("POST", "/mdm/v2/client/config"); n != 0 {
		t.Errorf("%d requests", n)
	}
}
