package vpp_test

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/vpp"
)

const (
	assocEvent = "5f0e8b52-0000-4000-8000-000000000001"
	userEvent  = "5f0e8b52-0000-4000-8000-000000000003"
	seatEvent  = "5f0e8b52-0000-4000-8000-000000000004"
	hookUID    = "2049000000000042"
	inviteCode = "00112233445566778899aabbccddeeff"
)

// notificationsByFile is what testdata/notification holds, without Raw.
func notificationsByFile() map[string]vpp.Notification {
	made := func(n int, kind vpp.NotificationType) vpp.Notification {
		return vpp.Notification{ID: fmt.Sprintf("9b1d0000-0000-4000-8000-%012d", n), Type: kind, UID: hookUID}
	}
	test := made(1, vpp.NotificationTest)
	count := made(2, vpp.NotificationAssetCount)
	count.AssetCount = &vpp.AssetCountChange{AdamID: "1000000001", PricingParam: vpp.PricingStandard, CountDelta: -2}
	done := made(3, vpp.NotificationAssetManagement)
	done.Event = &vpp.EventNotice{EventID: assocEvent, Type: vpp.EventDisassociate, Result: vpp.ResultSuccess,
		Assignments: []vpp.Assignment{
			{AdamID: "1000000001", PricingParam: vpp.PricingStandard, SerialNumber: "DEMO00000001"},
			{AdamID: "1000000001", PricingParam: "PLUS", ClientUserID: "u-17"},
		}}
	failed := made(4, vpp.NotificationAssetManagement)
	failed.Event = &vpp.EventNotice{EventID: assocEvent, Type: vpp.EventAssociate, Result: vpp.ResultFailure,
		Assignments: []vpp.Assignment{{AdamID: "1000000001", PricingParam: vpp.PricingStandard, SerialNumber: "DEMO00000002"}},
		Err: &vpp.Error{Op: "associate", Number: vpp.NumberNotEnoughLicenses, Message: "There aren't enough licences",
			Err: vpp.ErrNotEnoughLicenses, Info: vpp.ErrorInfo{
				Assets: []vpp.AssetKey{{AdamID: "1000000001", PricingParam: "STDQ"}}, SerialNumbers: []string{"DEMO00000002"}}}}
	created := made(5, vpp.NotificationUserManagement)
	created.Event = &vpp.EventNotice{EventID: userEvent, Type: vpp.EventCreate, Result: vpp.ResultSuccess, Users: []vpp.User{
		{ClientUserID: "u-17", Email: "pat@example.test", InviteCode: inviteCode, Status: vpp.UserRegistered},
		{ClientUserID: "u-18", IDHash: "q83vEjRWeJA=", Status: vpp.UserAssociated},
	}}
	taken := made(6, vpp.NotificationUserManagement)
	taken.Event = &vpp.EventNotice{EventID: userEvent, Type: vpp.EventUpdate, Result: vpp.ResultFailure,
		Users: []vpp.User{{ClientUserID: "u-19"}}, Err: &vpp.Error{Op: "update users", Number: vpp.NumberAccountTaken,
			Message: "Apple Account already associated", Err: vpp.ErrAccountTaken}}
	accepted := made(7, vpp.NotificationUserAssociated)
	accepted.AssociatedUsers = []vpp.User{{ClientUserID: "u-17", Email: "pat@example.test", IDHash: "q83vEjRWeJA=",
		InviteCode: inviteCode, Status: vpp.UserAssociated}}
	seats := made(8, vpp.NotificationSubscriptionManagement)
	seats.Event = &vpp.EventNotice{EventID: seatEvent, Type: vpp.EventAssociate, Result: vpp.ResultSuccess,
		SubscriptionAssignments: []vpp.SubscriptionAssignment{
			{AdamID: 900001, ClientUserID: "u-18", Renewing: true}, {AdamID: 900001, ClientUserID: "u-19"}}}
	seatCount := made(9, vpp.NotificationSubscriptionCount)
	seatCount.SubscriptionCount = &vpp.SubscriptionCountChange{AdamID: 900001, ParentAdamID: 1000000001,
		Counts: vpp.SubscriptionCounts{Available: vpp.SeatCount{Renewing: 5}, Total: vpp.SeatCount{Renewing: 10, Expiring: 2}}}
	unknown := made(11, "NEW_TYPE")
	unknown.Unknown = raw("sent", `"2027-01-05T09:30:00+0000"`)
	return map[string]vpp.Notification{
		"test": test, "asset_count": count, "asset_management_success": done, "asset_management_failure": failed,
		"user_management": created, "user_management_failure": taken, "user_associated": accepted,
		"subscription_management": seats, "subscription_count": seatCount,
		"unlimited_asset": made(10, vpp.NotificationUnlimitedAsset), "unknown_type": unknown,
	}
}

func TestParseNotification(t *testing.T) {
	want := notificationsByFile()
	files, err := filepath.Glob("testdata/notification/*.json")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d files for %d notifications, %v", len(files), len(want), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := vpp.ParseNotification(data)
			if err != nil {
				t.Fatal(err)
			}
			var envelope struct {
				Notification jsontext.Value `json:"notification"`
			}
			if err := json.Unmarshal(data, &envelope); err != nil || string(got.Raw) != string(envelope.Notification) {
				t.Errorf("raw %s, %v", got.Raw, err)
			}
			handedOn, err := json.Marshal(got)
			if original := jsontext.Value(data); err != nil || original.Canonicalize() != nil ||
				(*jsontext.Value)(&handedOn).Canonicalize() != nil || string(handedOn) != string(original) {
				t.Errorf("encodes as %s, %v", handedOn, err)
			}
			dropRaw(got)
			if diff := cmp.Diff(want[name], *got, sameCause); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// sameCause compares the sentinels within errors by identity.
var sameCause = cmp.FilterPath(func(p cmp.Path) bool { return strings.HasSuffix(p.String(), "Err.Err") },
	cmp.Comparer(func(a, b error) bool { return a == b }))

// dropRaw leaves only what is read from the raw members.
func dropRaw(n *vpp.Notification) {
	n.Raw = nil
	if n.Event != nil && n.Event.Err != nil {
		n.Event.Err.Body = nil
	}
}

// Nothing that Apple gets wrong within a notification costs the rest of it.
func TestParseNotificationIsLenient(t *testing.T) {
	const head = `{"notificationId":"n","uId":"42","notificationType":`
	event := func(e vpp.EventNotice) vpp.Notification { return vpp.Notification{ID: "n", UID: "42", Event: &e} }
	for name, tc := range map[string]struct {
		body string
		want vpp.Notification
	}{
		"no more than a type": {`{"notificationType":"ASSET_COUNT"}`, vpp.Notification{Type: vpp.NotificationAssetCount, AssetCount: &vpp.AssetCountChange{}}},
		"null": {`{"notificationType":"USER_ASSOCIATED","notificationId":null,"uId":null,"notification":null}`,
			vpp.Notification{Type: vpp.NotificationUserAssociated}},
		"IDs as numbers": {`{"notificationType":"X","notificationId":17,"uId":2049000000000042}`,
			vpp.Notification{Type: "X", ID: "17", UID: hookUID}},
		"IDs of another form": {`{"notificationType":"X","notificationId":{"a":1},"uId":[1]}`,
			vpp.Notification{Type: "X", Unknown: vpp.Unknown{"notificationId": jsontext.Value(`{"a":1}`), "uId": jsontext.Value("[1]")}}},
		"members twice and broken UTF-8": {"{\"notificationType\":\"X\",\"notificationType\":\"Y\",\"new\":\"\xff\"}",
			vpp.Notification{Type: "Y", Unknown: raw("new", "\"\ufffd\"")}},
		"a text as content": {head + `"USER_MANAGEMENT","notification":"x"}`, event(vpp.EventNotice{})},
		"asset IDs as numbers": {head + `"ASSET_COUNT","notification":{"adamId":1000000001,"countDelta":1,"new":true}}`,
			vpp.Notification{ID: "n", UID: "42", AssetCount: &vpp.AssetCountChange{AdamID: "1000000001", CountDelta: 1, Unknown: raw("new", "true")}}},
		"an odd count": {head + `"ASSET_COUNT","notification":{"adamId":"7","countDelta":"many"}}`,
			vpp.Notification{ID: "n", UID: "42", AssetCount: &vpp.AssetCountChange{AdamID: "7", Unknown: raw("countDelta", `"many"`)}}},
		"odd seats": {head + `"SUBSCRIPTION_COUNT","notification":{"parentAdamId":null,"adamId":"900001","counts":{"available":7,"total":{"renewing":1,"expiring":"x"}}}}`,
			vpp.Notification{ID: "n", UID: "42", SubscriptionCount: &vpp.SubscriptionCountChange{AdamID: 900001,
				Counts: vpp.SubscriptionCounts{Total: vpp.SeatCount{Renewing: 1, Unknown: raw("expiring", `"x"`)}, Unknown: raw("available", "7")}}}},
		"an odd subscription": {head + `"SUBSCRIPTION_COUNT","notification":{"adamId":"x","parentAdamId":7}}`,
			vpp.Notification{ID: "n", UID: "42", SubscriptionCount: &vpp.SubscriptionCountChange{ParentAdamID: 7, Unknown: raw("adamId", `"x"`)}}},
		"odd event": {head + `"ASSET_MANAGEMENT","notification":{"eventId":5,"type":{},"result":1,"assignments":{},"error":"x","new":1}}`,
			event(vpp.EventNotice{EventID: "5", Unknown: vpp.Unknown{"type": jsontext.Value("{}"), "result": jsontext.Value("1"),
				"assignments": jsontext.Value("{}"), "error": jsontext.Value(`"x"`), "new": jsontext.Value("1")}})},
		"odd assignments": {head + `"ASSET_MANAGEMENT","notification":{"assignments":[7,null,{"adamId":1,"serialNumber":[1],"clientUserId":"u"},"x",{"adamId":"2"}]}}`,
			event(vpp.EventNotice{Assignments: []vpp.Assignment{{AdamID: "1", ClientUserID: "u", Unknown: raw("serialNumber", "[1]")}, {AdamID: "2"}}})},
		"odd seats of users": {head + `"SUBSCRIPTION_MANAGEMENT","notification":{"assignments":[{"adamId":"900001","clientUserId":"u","renewing":"yes"}]}}`,
			event(vpp.EventNotice{SubscriptionAssignments: []vpp.SubscriptionAssignment{{AdamID: 900001, ClientUserID: "u", Unknown: raw("renewing", `"yes"`)}}})},
		"an error in a success": {head + `"USER_MANAGEMENT","notification":{"type":"RETIRE","result":"SUCCESS","error":{},"users":[{"clientUserId":"u","email":7}]}}`,
			event(vpp.EventNotice{Type: vpp.EventRetire, Result: vpp.ResultSuccess,
				Users: []vpp.User{{ClientUserID: "u", Unknown: raw("email", "7")}}})},
		"an odd error": {head + `"USER_MANAGEMENT","notification":{"type":"REVOKE","error":{"errorNumber":"9641","errorMessage":{},"errorInfo":7}}}`,
			event(vpp.EventNotice{Type: vpp.EventRevoke, Err: &vpp.Error{Op: "revoke assets", Number: 9641, Err: vpp.ErrAccountTaken}})},
		"an error with another number": {head + `"USER_MANAGEMENT","notification":{"type":"NEW","error":{"errorNumber":[1],"errorMessage":"no"}}}`,
			event(vpp.EventNotice{Type: "NEW", Err: &vpp.Error{Op: "event", Message: "no"}})},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := vpp.ParseNotification([]byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			dropRaw(got)
			if tc.want.Type == "" {
				got.Type = ""
			}
			if diff := cmp.Diff(tc.want, *got, sameCause); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFailureWithoutAReason(t *testing.T) {
	n, err := vpp.ParseNotification([]byte(`{"notificationType":"USER_MANAGEMENT","notification":{"eventId":"e","type":"CREATE","result":"FAILURE","error":{"x":1}}}`))
	if err != nil || n.Event.Err == nil {
		t.Fatalf("%+v, %v", n, err)
	}
	if e := n.Event.Err; e.Error() != "create users: no reason was given" || string(e.Body) != `{"x":1}` {
		t.Errorf("%v, %s", e, e.Body)
	}
}

func TestParseNotificationRefuses(t *testing.T) {
	for body, field := range map[string]string{
		"": "notification", "null": "notification", "[]": "notification", `"x"`: "notification", `{"notificationType":"X"`: "notification",
		"{}": "notificationType", `{"notificationType":""}`: "notificationType", `{"notificationType":null}`: "notificationType",
		`{"notificationType":7}`: "notificationType",
		`{"notificationType":"X","notification":` + strings.Repeat(" ", 1<<20) + "1}": "notification",
	} {
		n, err := vpp.ParseNotification([]byte(body))
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != field || n != nil {
			t.Errorf("%.40q: %v, %v", body, n, err)
		}
	}
}

// What encoding/json makes of a notification, in both directions, is what Apple posted.
func TestNotificationsAreHandedOnAsJSON(t *testing.T) {
	const posted = `{"notificationId":"n-1","notificationType":"ASSET_MANAGEMENT","uId":"2049","notification":` +
		`{"eventId":"e-1","type":"ASSOCIATE","result":"SUCCESS","new":[1]},"more":{"a":1}}`
	var n vpp.Notification
	if err := stdjson.Unmarshal([]byte(posted), &n); err != nil {
		t.Fatal(err)
	}
	if n.Event == nil || n.Event.EventID != "e-1" || n.Event.Result != vpp.ResultSuccess {
		t.Errorf("%+v", n.Event)
	}
	for what, v := range map[string]any{"value": n, "pointer": &n} {
		if text, err := stdjson.Marshal(v); err != nil || string(text) != posted {
			t.Errorf("%s: %s, %v", what, text, err)
		}
	}
	if err := stdjson.Unmarshal([]byte(`{"notificationId":"n-1"}`), &n); err == nil || n.ID != "n-1" || n.UID != "2049" {
		t.Errorf("%+v, %v", n, err)
	}
}
